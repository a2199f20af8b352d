// Element types of float tensors.
#ifndef FOVEA_PASSES_TENSORS_CONVERTELEMENTS_H
#define FOVEA_PASSES_TENSORS_CONVERTELEMENTS_H

#include "mlir/IR/Builders.h"

namespace fovea {

/// Converts each element to the float type `type`, in one linalg.generic; the tensor itself if it
/// has that type.
mlir::Value convertElements(mlir::OpBuilder &builder, mlir::Value tensor, mlir::Type type);

} // namespace fovea

#endif // FOVEA_PASSES_TENSORS_CONVERTELEMENTS_H
