// Reports for people and for machines, made of what a CompilationRecord holds.
#ifndef FOVEA_RUNTIME_INSPECT_REPORT_H
#define FOVEA_RUNTIME_INSPECT_REPORT_H

#include "runtime/inspect/CompilationRecord.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

namespace fovea {

/// The findings, a line each, then a paragraph for each attention: what it is, what its mask lets
/// the kernel skip, and what that saves.
void printReport(llvm::raw_ostream &os, const CompilationRecord &record, const SymbolSizes &sizes);

/// Every buffer as a formula, its value where the sizes are known, and its lifetime.
void printMemory(llvm::raw_ostream &os, const CompilationRecord &record, const SymbolSizes &sizes);

/// The same as data. A size is a number if it is known,
/// else its formula, or null if that depends on data.
llvm::json::Object reportToJson(const CompilationRecord &record, const SymbolSizes &sizes);
llvm::json::Value toJson(const Finding &finding);
llvm::json::Value toJson(const AttentionFacts &facts);
llvm::json::Value toJson(const MemoryPlan &plan);
llvm::json::Value toJson(const SourcePlace &place);
llvm::json::Value toJson(const SymbolicDim &size);

} // namespace fovea

#endif // FOVEA_RUNTIME_INSPECT_REPORT_H
