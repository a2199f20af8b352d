// The product of rows with a quantised weight.
#ifndef FOVEA_PASSES_CONTRACTION_EMITQUANTIZEDPRODUCT_H
#define FOVEA_PASSES_CONTRACTION_EMITQUANTIZEDPRODUCT_H

#include "passes/contraction/EmitContraction.h"

namespace fovea {

/// Emits the contraction of `e`, whose second factor is quantised, at one iteration of its outer
/// loops; two siblings (SiblingProducts.h) at once.
void emitQuantizedProducts(llvm::MutableArrayRef<ContractionEmitter> products);

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_EMITQUANTIZEDPRODUCT_H
