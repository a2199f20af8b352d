// Inputs and weights for a run that was given none: the same for the same seed on every machine.
#ifndef FOVEA_TOOLS_FOVEA_RANDOMTENSORS_H
#define FOVEA_TOOLS_FOVEA_RANDOMTENSORS_H

#include "Model.h"

namespace fovea::tool {

/// One tensor an input of the entry: floats are normal with mean 0 and variance 1, integers are 0
/// to 7, so that they are tokens of any vocabulary, bools are either. An error for a symbolic dim
/// without a size.
llvm::Expected<std::vector<std::pair<std::string, Tensor>>>
makeRandomInputs(const EntrySignature &entry, const DimSizes &dims, int64_t seed);

/// All weights that the module names, normal with a variance of 1 / (size of the last dim).
llvm::Expected<std::shared_ptr<const WeightSource>> makeRandomWeights(mlir::ModuleOp module,
                                                                      int64_t seed);

/// True if the module uses weights.
bool hasWeights(mlir::ModuleOp module);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_RANDOMTENSORS_H
