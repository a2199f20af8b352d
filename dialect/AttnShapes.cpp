// Shape inference of the ops whose result shape differs from that of an init.
#include "dialect/AttnOps.h"

using namespace mlir;
using namespace fovea::attn;

LogicalResult UnfoldOp::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange,
                                         DictionaryAttr, OpaqueProperties, RegionRange,
                                         SmallVectorImpl<Type> &) {
  return failure();
}
LogicalResult UnfoldOp::reifyResultShapes(OpBuilder &, ReifiedRankedShapedTypeDims &) {
  return failure();
}
