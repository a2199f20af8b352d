// Sinks that are a column of scores, put before or behind those of keys and cut off again.
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/raise/NormalizedMatcher.h"
#include "passes/tensors/DimSizes.h"

using namespace mlir;
using namespace fovea;

/// Whether the parts are all of a tensor along `dim` alone, one behind the other.
static bool areAdjacent(tensor::InsertSliceOp first, tensor::InsertSliceOp second, int64_t dim) {
  for (tensor::InsertSliceOp part : {first, second}) {
    auto type = part.getSourceType();
    if (!part.hasUnitStride() || type.getRank() != part.getDestType().getRank())
      return false;
    for (int64_t d = 0; d < type.getRank(); ++d)
      if (d != dim && (!isConstantIntValue(part.getMixedOffsets()[d], 0) ||
                       !haveEqualSizes(part.getSource(), d, part.getDest(), d)))
        return false;
  }
  return isConstantIntValue(first.getMixedOffsets()[dim], 0) &&
         isEqualConstantIntOrValue(second.getMixedOffsets()[dim], first.getMixedSizes()[dim]) &&
         first.getDest().getDefiningOp<tensor::EmptyOp>();
}

std::optional<Normalized> NormalizedMatcher::splitColumn(const Normalized &whole,
                                                         tensor::ExtractSliceOp slice,
                                                         bool columnFirst) {
  Value score = stripCasts(stripShift(stripCasts(whole.score), whole.keyDim));
  auto element = score.getDefiningOp<tensor::ExtractOp>();
  auto second = element && llvm::equal(element.getIndices(), args)
                    ? element.getTensor().getDefiningOp<tensor::InsertSliceOp>()
                    : tensor::InsertSliceOp();
  auto first =
      second ? second.getDest().getDefiningOp<tensor::InsertSliceOp>() : tensor::InsertSliceOp();
  if (!first || whole.sink || !areAdjacent(first, second, whole.keyDim))
    return std::nullopt;
  Value column = (columnFirst ? first : second).getSource();
  Value scores = (columnFirst ? second : first).getSource();
  if (cast<RankedTensorType>(column.getType()).getDimSize(whole.keyDim) != 1 ||
      !haveEqualSizes(scores, whole.keyDim, slice.getResult(), whole.keyDim))
    return std::nullopt;
  SmallVector<Value> atColumn(args);
  atColumn[whole.keyDim] = reader.constant(0);
  return Normalized{reader.read(scores, args), whole.keyDim, reader.read(column, atColumn)};
}
