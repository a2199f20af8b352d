// The options by which subcommands say what the compiler did: declared, read and acted on alike.
#ifndef FOVEA_TOOLS_FOVEA_REPORTING_H
#define FOVEA_TOOLS_FOVEA_REPORTING_H

#include "CommandLine.h"
#include "runtime/Compile.h"
#include "runtime/inspect/CompilationRecord.h"

namespace fovea::tool {

struct ReportingOptions {
  std::string report; // "", "text" or "json"
  std::vector<std::string> require;
  bool explainMemory = false;

  void declare(CommandLine &line);
  /// Whether anything is to be printed of what the compiler did.
  bool wantsRecord() const { return !report.empty() || explainMemory; }
  /// A usage error if a value of --require is none.
  llvm::Expected<Requirements> requirements() const;
};

/// Prints to stderr what the options ask for. `sizes` are those known.
void printReports(const ReportingOptions &options, const CompilationRecord &record,
                  const SymbolSizes &sizes);

/// An error that says how much an entry needs if that is known and above `maxBytes`.
llvm::Error checkPeak(const CompilationRecord &record, llvm::StringRef entry,
                      const SymbolSizes &sizes, int64_t maxBytes);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_REPORTING_H
