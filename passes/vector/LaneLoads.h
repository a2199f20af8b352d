// Reads of memory for several lanes at once.
#ifndef FOVEA_PASSES_VECTOR_LANELOADS_H
#define FOVEA_PASSES_VECTOR_LANELOADS_H

#include "passes/vector/EmitBuilder.h"

namespace fovea {

/// 0, 1, 2, ... in the lanes of a vector of indices or integers. A constant: vector.step has to be rewritten
/// before it can be lowered, which takes longer than all else of a kernel's lowering.
mlir::Value emitSteps(EmitBuilder &b, mlir::VectorType type);

/// The type that stands for elements in memory, and memory seen with such: no gather knows bits or
/// bf16.
mlir::Type memoryElement(mlir::Type element);
mlir::Value viewAsMemoryElements(EmitBuilder &b, mlir::Value memref);
/// A vector of such elements as what they stand for.
mlir::Value fromMemory(EmitBuilder &b, mlir::Value vector, mlir::Type element);

/// The elements of `memref` at `indices`, each an index or a vector of `lanes` of them and at
/// least one a vector, as a vector: one load where the lanes are neighbours in memory, else a
/// gather, which the target makes instructions or loads of single elements of. All indices are in
/// bounds.
mlir::Value loadLanes(EmitBuilder &b, mlir::Value memref, mlir::ArrayRef<mlir::Value> indices,
                      int64_t lanes);

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_LANELOADS_H
