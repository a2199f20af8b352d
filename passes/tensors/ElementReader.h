// Reads tensors element by element: emits the scalar computation of one element of a tensor at
// given indices, following elementwise, broadcasting and reshaping producers back as far as they
// go. It is how chains of ops, however they were grouped, become one expression that matchers
// compare, and how a mask or bias that the graph builds moves into attention's regions.
#ifndef FOVEA_PASSES_TENSORS_ELEMENTREADER_H
#define FOVEA_PASSES_TENSORS_ELEMENTREADER_H

#include "dialect/AttnOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include <functional>

namespace fovea {

class ElementReader {
public:
  /// Whether to read through an op; the alternative is a tensor.extract of its result.
  using Filter = std::function<bool(mlir::Operation *)>;

  /// Emits at the insertion point of `builder`, which must stay at one place.
  ElementReader(mlir::OpBuilder &builder, mlir::Location loc, Filter filter = {})
      : builder(builder), loc(loc), filter(std::move(filter)) {}

  /// The element of `tensor` at `indices`, one index value a dim. Reading one element twice
  /// gives one value.
  mlir::Value read(mlir::Value tensor, mlir::ArrayRef<mlir::Value> indices);

  /// Gives `block` an index argument for each dim of `tensor`; returns the indices of any of its
  /// elements. Those of dims of size 1 are 0: some ops broadcast along them and some do not, and
  /// both must give one expression.
  llvm::SmallVector<mlir::Value> addIndices(mlir::Block &block, mlir::Value tensor);

  /// An index constant, one value a number.
  mlir::Value constant(int64_t value);

  /// The element that a reduction combines at `loops`, one index value a loop: the operand of
  /// its combiner. Null if the body is not `combiner(operand, accumulator)`; the combiner is
  /// returned in `combiner`.
  mlir::Value readReduced(mlir::linalg::LinalgOp op, mlir::ArrayRef<mlir::Value> loops,
                          mlir::Operation *&combiner);

private:
  mlir::Value readUncached(mlir::Value tensor, mlir::ArrayRef<mlir::Value> indices);
  mlir::Value readThrough(mlir::Operation *op, mlir::OpResult tensor,
                          mlir::ArrayRef<mlir::Value> indices);
  mlir::Value readLinalg(mlir::linalg::LinalgOp op, mlir::OpResult tensor,
                         mlir::ArrayRef<mlir::Value> indices);
  mlir::Value readBody(mlir::linalg::LinalgOp op, mlir::ArrayRef<mlir::Value> loops,
                       mlir::Value value);
  mlir::Value readOperand(mlir::OpOperand &operand, mlir::linalg::LinalgOp op,
                          mlir::ArrayRef<mlir::Value> loops);
  mlir::Value readElementwise(mlir::Operation *op, mlir::ArrayRef<mlir::Value> indices);
  mlir::Value readRegion(mlir::Region &region, mlir::ArrayRef<mlir::Value> indices);
  mlir::Value readBroadcast(mlir::Value tensor, mlir::ArrayRef<mlir::Value> indices);
  mlir::Value readMasked(attn::ApplyMaskOp op, mlir::ArrayRef<mlir::Value> indices);
  mlir::Value readSlice(mlir::tensor::ExtractSliceOp slice, mlir::ArrayRef<mlir::Value> indices);
  mlir::Value apply(mlir::AffineExpr expr, mlir::ArrayRef<mlir::Value> values);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  Filter filter;
  struct Known {
    mlir::Value tensor;
    llvm::SmallVector<mlir::Value> indices;
    mlir::Value element;
  };
  std::vector<Known> known;
  llvm::DenseMap<int64_t, mlir::Value> constants;
};

/// Whether two scalars computed in one block are computed alike from the same values.
bool computedAlike(mlir::Value a, mlir::Value b);

} // namespace fovea

#endif // FOVEA_PASSES_TENSORS_ELEMENTREADER_H
