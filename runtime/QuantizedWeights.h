// What quantised weights stand for: the exact values that compiled code multiplies by, for the
// reference executor.
#ifndef FOVEA_RUNTIME_QUANTIZEDWEIGHTS_H
#define FOVEA_RUNTIME_QUANTIZEDWEIGHTS_H

#include "frontend/WeightSource.h"
#include "runtime/Signature.h"

namespace fovea {

/// A matrix of f32, f16 or bf16, or a stack of such along further dims, in a format and back, as
/// f32, which holds every such value: groups of 32 along the dim of each matrix that is not
/// `panelDim` (docs/dialect.md, quantized_s1 and quantized_s2).
llvm::Expected<Tensor> quantizeAndBack(const TensorView &matrices, attn::WeightFormat format,
                                       int64_t panelDim);

bool hasQuantizedWeights(llvm::ArrayRef<WeightSpec> specs);

/// The weights of `source`, those that `specs` have quantised as quantizeAndBack gives them.
llvm::Expected<std::shared_ptr<const WeightSource>>
withQuantizedWeights(std::shared_ptr<const WeightSource> source, llvm::ArrayRef<WeightSpec> specs);

} // namespace fovea

#endif // FOVEA_RUNTIME_QUANTIZEDWEIGHTS_H
