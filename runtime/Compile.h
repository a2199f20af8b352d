// From a graph to code: into memory, ready to run, or into the contents of a file.
#ifndef FOVEA_RUNTIME_COMPILE_H
#define FOVEA_RUNTIME_COMPILE_H

#include "frontend/Graph.h"
#include "frontend/WeightSource.h"
#include "passes/Pipelines.h"
#include "runtime/Executable.h"
#include "runtime/Lowering.h"
#include <functional>

namespace fovea {

struct CompileOptions {
  unsigned threads = 0;                                  // 0: one for each CPU
  std::shared_ptr<const WeightSource> weights = nullptr; // needed to run if the graph has weights
  std::string route = "fast"; // or "reference": plain loops over the decomposed ops
  std::string cpu = "native"; // LLVM's name of the CPU to generate code for
  std::string triple = "";    // of the target, as LLVM and clang name it; this machine's if empty
  std::string target = "";    // row of the target table; by default that of the CPU
  std::string quantize = "";  // hold weights that contractions read as "q8" or "q4"
  std::string entry = "";     // compile this entry alone; all if empty
  unsigned optLevel = 2;      // 0: none, 1 and 2: what compiled code needs, 3: all LLVM has
  bool trace = false;         // keep what Executable::runTraced needs
  int64_t maxBytes = 0;       // runs that need more memory are refused; 0: no limit
  Requirements require = {};  // what fails the compilation where passes do not reach it
  /// Directory of compiled code to look in and to add to (runtime/CodeCache.h); none if empty. What
  /// is traced or watched is compiled anew. What keeps code from being stored is a warning of the
  /// report with the topic "cache".
  std::string cacheDirectory = "";
  int64_t cacheBytes = int64_t(512) << 20; // the directory's code is kept to that
  /// Keeps packed weights there as well (runtime/WeightCache.h). Worth it where packing takes longer
  /// than reading what is packed and what it was packed from, which is compared.
  bool cacheWeights = false;
  int64_t weightCacheBytes = int64_t(16) << 30;
  /// Watches the lowering if it is not null; must outlive the call.
  LoweringObserver *observer = nullptr;
  /// Told the part of the weights that is packed, if it is not empty (PackingProgress).
  std::function<void(double)> packingProgress = nullptr;
};

/// Compiles the entries of a graph into memory. An error carries what the passes said, with
/// places in the description. Uses the graph's context: one call at a time on one graph.
llvm::Expected<Executable> compile(const Graph &graph, const CompileOptions &options = {});
llvm::Expected<Executable> compile(mlir::ModuleOp module, const CompileOptions &options = {});
/// The same for a graph that nobody needs any more: its memory is free before weights are packed.
llvm::Expected<Executable> compile(Graph &&graph, const CompileOptions &options = {});

enum class CodeKind { LlvmIr, Assembly, Object };

/// Code for a file: text, or the bytes of a position-independent object. Each entry exports the
/// three symbols of runtime/Abi.h.
struct CompiledCode {
  std::string contents;
  std::vector<EntrySignature> entries;
  std::vector<WeightSpec> weights; // in the order of the slots of fovea_context::weights
};
llvm::Expected<CompiledCode> compileToFile(mlir::ModuleOp module, CodeKind kind,
                                           const CompileOptions &options = {});

/// The module as MLIR after `phase`, at most Phase::Llvm.
llvm::Expected<std::string> compileToMlir(mlir::ModuleOp module, Phase phase,
                                          const CompileOptions &options = {});

/// Lowers the module as `compile` does, for what an observer sees of it.
llvm::Error observe(mlir::ModuleOp module, const CompileOptions &options);

} // namespace fovea

#endif // FOVEA_RUNTIME_COMPILE_H
