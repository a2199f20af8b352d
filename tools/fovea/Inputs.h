// The inputs and weights of a run: from files, or random where there are none.
#ifndef FOVEA_TOOLS_FOVEA_INPUTS_H
#define FOVEA_TOOLS_FOVEA_INPUTS_H

#include "Model.h"
#include "RandomTensors.h"

namespace fovea::tool {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// The inputs of the entry, in order, from a `.safetensors` file by name or from a `.npy` file.
llvm::Expected<NamedTensors> readInputs(llvm::StringRef path, const EntrySignature &entry);

/// The weights at `path` or of the model directory `modelPath`, else random ones, which a note on
/// stderr says. Null if the entry uses none.
llvm::Expected<std::shared_ptr<const WeightSource>>
chooseWeights(llvm::StringRef path, llvm::StringRef modelPath, const Model &model,
              const EntrySignature &entry, int64_t seed);

std::vector<TensorView> viewsOf(const NamedTensors &tensors);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_INPUTS_H
