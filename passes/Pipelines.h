// The one list of passes from a graph to machine code, cut into named phases.
#ifndef FOVEA_PASSES_PIPELINES_H
#define FOVEA_PASSES_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace fovea {

/// The states of a module on its way down. A phase names the IR that it leaves behind.
enum class Phase {
  Input,      // as the frontend made it: attn, linalg, tensor, arith, math on tensors
  Fused,      // attention raised, masks normalised, elementwise chains merged
  Tiled,      // outer loops are scf.forall over independent tiles
  Bufferized, // memrefs; results are out-parameters
  Vector,     // loops and vectors only; kernels outlined, all memory planned
  Llvm,       // the LLVM dialect
  Object      // machine code
};

/// "input", "fused", ...; nothing for another name.
std::optional<Phase> parsePhase(llvm::StringRef name);
llvm::StringRef stringifyPhase(Phase phase);

/// How ops become loops: by the fast kernels, or as plain loops over the decomposed ops.
enum class Route { Fast, Reference };

struct FoveaPipelineOptions : mlir::PassPipelineOptions<FoveaPipelineOptions> {
  Option<Phase> compileTo{
      *this, "compile-to", llvm::cl::desc("last phase to run"), llvm::cl::init(Phase::Llvm),
      llvm::cl::values(clEnumValN(Phase::Input, "input", "nothing"),
                       clEnumValN(Phase::Fused, "fused", "attention raised"),
                       clEnumValN(Phase::Tiled, "tiled", "parallel loops over tiles"),
                       clEnumValN(Phase::Bufferized, "bufferized", "memory instead of tensors"),
                       clEnumValN(Phase::Vector, "vector", "kernels of vectors"),
                       clEnumValN(Phase::Llvm, "llvm", "the LLVM dialect"))};
  Option<Route> route{
      *this, "route", llvm::cl::desc("how ops become loops"), llvm::cl::init(Route::Fast),
      llvm::cl::values(clEnumValN(Route::Fast, "fast", "by the fast kernels"),
                       clEnumValN(Route::Reference, "reference", "as plain loops"))};
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("row of the target table: generic, avx2 (default), "
                                            "avx512, zen4 or neon"),
                             llvm::cl::init("avx2")};
  Option<bool> separateKernels{*this, "separate-kernels",
                               llvm::cl::desc("leave equal kernels apart, so that traces tell them "
                                              "apart"),
                               llvm::cl::init(false)};
  Option<std::string> quantize{
      *this, "quantize",
      llvm::cl::desc("hold weights that contractions read as q8 or q4; as stored if empty"),
      llvm::cl::init("")};
};

/// The phases that passes make, in order.
inline constexpr Phase loweringPhases[] = {Phase::Fused, Phase::Tiled, Phase::Bufferized,
                                           Phase::Vector, Phase::Llvm};

/// Appends the passes that lead from the phase before to `phase`.
void buildPhase(mlir::OpPassManager &pm, Phase phase, const FoveaPipelineOptions &options);

/// Appends the passes of all phases after Input up to `options.compileTo`.
void buildFoveaPipeline(mlir::OpPassManager &pm, const FoveaPipelineOptions &options);

/// Makes all passes and `fovea-pipeline` known to command lines.
void registerFoveaPassesAndPipelines();

} // namespace fovea

#endif // FOVEA_PASSES_PIPELINES_H
