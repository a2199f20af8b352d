// Tensors as text, the way PyTorch prints them: four digits, aligned, nested brackets.
#ifndef FOVEA_TOOLS_FOVEA_PRINTTENSOR_H
#define FOVEA_TOOLS_FOVEA_PRINTTENSOR_H

#include "runtime/tensor/Tensor.h"
#include "llvm/Support/raw_ostream.h"

namespace fovea::tool {

/// "name: f32[2, 3]" and then all elements if there are at most 1000, else their smallest,
/// largest and mean.
void printTensor(llvm::raw_ostream &os, llvm::StringRef name, const TensorView &tensor);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_PRINTTENSOR_H
