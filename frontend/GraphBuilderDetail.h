// Helpers that the sources of GraphBuilder share; not for its users.
#ifndef FOVEA_FRONTEND_GRAPHBUILDERDETAIL_H
#define FOVEA_FRONTEND_GRAPHBUILDERDETAIL_H

#include "frontend/GraphBuilder.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/BuiltinTypes.h"

namespace fovea::graph {

inline llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// The tensor type whose static dims are the constants of `shape`.
mlir::RankedTensorType tensorType(llvm::ArrayRef<SymbolicDim> shape, mlir::Type elementType);

/// More than any model has; kernels are loops nested as deep as the rank.
constexpr size_t maxRank = 16;

/// There are at most `maxRank` dims, every constant one is at least 1, and the number of elements
/// fits 64 bits.
llvm::Error checkShape(llvm::StringRef what, llvm::ArrayRef<SymbolicDim> shape);

/// `dim` as a number in `[0, rank)`; negative ones count from the end.
llvm::Expected<int64_t> normalizeDim(llvm::StringRef operation, int64_t dim, int64_t rank);

/// The loops that a reduction over `dims`, or all if there are none, keeps, in order.
llvm::Expected<llvm::SmallVector<int64_t, 6>> keptLoops(llvm::StringRef operation,
                                                        llvm::ArrayRef<int64_t> dims, int64_t rank);

/// `x` has at least one dim.
llvm::Error checkHasDims(llvm::StringRef operation, const SymbolicTensor &x);
llvm::Error checkRank(llvm::StringRef operation, llvm::StringRef operand, const SymbolicTensor &x,
                      int64_t rank);
llvm::Error checkElementType(llvm::StringRef operation, llvm::StringRef operand,
                             const SymbolicTensor &x, mlir::Type expected);
llvm::Error checkFloat(llvm::StringRef operation, llvm::StringRef operand, const SymbolicTensor &x);
llvm::Error checkSameElementType(llvm::StringRef operation, const SymbolicTensor &a,
                                 const SymbolicTensor &b);
/// `x` is a scalar of integers.
llvm::Error checkIntegerScalar(llvm::StringRef operation, llvm::StringRef operand,
                               const SymbolicTensor &x);

/// The shape that all broadcast to, aligned at the last dim: equal dims or a constant 1.
llvm::Expected<SymbolicShape> broadcastShapes(llvm::StringRef operation,
                                              llvm::ArrayRef<SymbolicShape> shapes);

/// For each dim of the shorter shape the dims of the longer that it is the product of; nothing if
/// the shapes do not factor so, or neither way.
std::optional<llvm::SmallVector<mlir::ReassociationIndices>>
reassociate(llvm::ArrayRef<SymbolicDim> longer, llvm::ArrayRef<SymbolicDim> shorter);

/// The identity `0, 1, ..., rank - 1`.
llvm::SmallVector<int64_t, 6> identityLoops(int64_t rank);

/// The dims of the loops in `loops`.
SymbolicShape pickDims(llvm::ArrayRef<SymbolicDim> sizes, llvm::ArrayRef<int64_t> loops);
/// From `loopCount` loops to those in `loops`.
mlir::AffineMap loopMap(llvm::ArrayRef<int64_t> loops, size_t loopCount,
                        mlir::MLIRContext *context);
/// Parallel in the loops that are kept, reductions in the others.
llvm::SmallVector<mlir::utils::IteratorType> iteratorsOf(size_t loopCount,
                                                         llvm::ArrayRef<int64_t> kept);

/// The lowest value of the type, which no other is below, or the highest.
mlir::TypedAttr extremeAttr(mlir::Type type, bool isLowest);
/// Numbers of which one is larger where that of `x` is smaller.
GraphBuilder::TensorOrError inOppositeOrder(GraphBuilder &graph, const SymbolicTensor &x);

/// A block in the empty `region` that takes arguments of these types.
mlir::Block &addBlock(mlir::Region &region, llvm::ArrayRef<mlir::Type> types, mlir::Location loc);

} // namespace fovea::graph

#endif // FOVEA_FRONTEND_GRAPHBUILDERDETAIL_H
