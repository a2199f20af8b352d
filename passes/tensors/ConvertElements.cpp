#include "passes/tensors/ConvertElements.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/tensors/DimSizes.h"

using namespace mlir;
using namespace fovea;

Value fovea::convertElements(OpBuilder &builder, Value tensor, Type type) {
  auto from = cast<RankedTensorType>(tensor.getType());
  Location loc = tensor.getLoc();
  if (from.getElementType() == type)
    return tensor;
  Value init = tensor::EmptyOp::create(builder, loc, getDimSizes(builder, loc, tensor), type);
  AffineMap identity = builder.getMultiDimIdentityMap(from.getRank());
  SmallVector<utils::IteratorType> loops(from.getRank(), utils::IteratorType::parallel);
  bool widens = from.getElementTypeBitWidth() < type.getIntOrFloatBitWidth();
  auto body = [&](OpBuilder &b, Location loc, ValueRange args) {
    Value element = widens ? arith::ExtFOp::create(b, loc, type, args[0]).getResult()
                           : arith::TruncFOp::create(b, loc, type, args[0]).getResult();
    linalg::YieldOp::create(b, loc, element);
  };
  return linalg::GenericOp::create(builder, loc, init.getType(), tensor, init,
                                   ArrayRef<AffineMap>{identity, identity}, loops, body)
      .getResult(0);
}
