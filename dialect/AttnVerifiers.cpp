// Verifiers: what ODS cannot say. Labels are those of docs/dialect.md. Attention has its own file.
#include "dialect/CacheRows.h"
#include "dialect/QuantizedPanels.h"
#include "dialect/VerifierUtils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fovea::attn;

static ShapedType getShapedType(Value value) { return cast<ShapedType>(value.getType()); }

LogicalResult CreateMaskOp::verify() {
  Type boolean = IntegerType::get(getContext(), 1);
  if (failed(checkDestination(*this, 1)))
    return failure();
  return checkElementType(*this, "create_mask_c1", "the init", getInits()[0], boolean);
}

LogicalResult CreateMaskOp::verifyRegions() {
  SmallVector<Type> indices(getShapedType(getInits()[0]).getRank(), IndexType::get(getContext()));
  return checkRegion(*this, "create_mask_c2", "predicate", getPredicate(), indices,
                     IntegerType::get(getContext(), 1));
}

LogicalResult ApplyMaskOp::verify() {
  ShapedType scores = getShapedType(getScores()), mask = getShapedType(getMask());
  if (failed(checkDestination(*this, 1)) ||
      failed(checkSameAsSource(*this, "apply_mask_c1", getScores(), getInits()[0])) ||
      failed(checkElementType(*this, "apply_mask_c2", "the mask", getMask(),
                              IntegerType::get(getContext(), 1))))
    return failure();
  if (mask.getRank() > scores.getRank())
    return emitOpError() << "apply_mask_c3: expected the mask to have at most the rank "
                         << scores.getRank() << " of the scores, got " << mask.getRank();
  for (auto [size, scoresSize] :
       llvm::zip(llvm::reverse(mask.getShape()), llvm::reverse(scores.getShape())))
    if (size != 1 && failed(verifyCompatibleDims({size, scoresSize})))
      return emitOpError() << "apply_mask_c3: expected the mask to be broadcast to the scores, got "
                           << mask << " and " << scores;
  if (getFill().isNaN())
    return emitOpError("apply_mask_c4: expected a fill that is a number or infinite, got NaN");
  return success();
}

LogicalResult SoftmaxOp::verify() {
  if (failed(checkDestination(*this, 1)) ||
      failed(checkSameAsSource(*this, "softmax_c2", getSource(), getInits()[0])))
    return failure();
  int64_t dim = getDim(), rank = getShapedType(getSource()).getRank();
  if (dim < 0 || dim >= rank)
    return emitOpError() << "softmax_c1: expected dim to be in [0, " << rank
                         << "), the dims of the source, got " << dim;
  return success();
}

/// One row of angles a position, for all sequences or for each.
static LogicalResult checkAngles(RotaryOp op) {
  int64_t rank = getShapedType(op.getCosine()).getRank();
  if (rank != 2 && rank != 3)
    return op.emitOpError() << "rotary_c1: expected cosine to have rank 2 or 3, got " << rank;
  return checkRank(op, "rotary_c1", "sine", op.getSine(), rank);
}

LogicalResult RotaryOp::verify() {
  int64_t sequenceDim = getSequenceDim();
  if (failed(checkDestination(*this, 1)) ||
      failed(checkRank(*this, "rotary_c1", "the source", getSource(), 4)) ||
      failed(checkAngles(*this)) ||
      failed(checkSameAsSource(*this, "rotary_c2", getSource(), getInits()[0])) ||
      failed(checkElementType(*this, "rotary_c4", "sine", getSine(),
                              getShapedType(getCosine()).getElementType())))
    return failure();
  if (sequenceDim != 1 && sequenceDim != 2)
    return emitOpError() << "rotary_c3: expected sequence_dim to be 1 or 2, got " << sequenceDim;
  ArrayRef<int64_t> source = getShapedType(getSource()).getShape();
  ArrayRef<int64_t> cosine = getShapedType(getCosine()).getShape();
  NamedSizes sizes(*this, "rotary_c4");
  SmallVector<StringRef> names = {"B", "L", "R/2"};
  auto angles = ArrayRef(names).take_back(cosine.size());
  if (failed(sizes.unify("the source", {"B", "L"}, {source[0], source[sequenceDim]})) ||
      failed(sizes.unify("cosine", angles, cosine)) ||
      failed(sizes.unify("sine", angles, getShapedType(getSine()).getShape())))
    return failure();
  if (ShapedType::isStatic(cosine.back()) && ShapedType::isStatic(source[3]) &&
      cosine.back() > source[3] / 2)
    return emitOpError() << "rotary_c5: expected R/2, the columns of cosine, to be at most half of "
                            "the head dim "
                         << source[3] << ", got " << cosine.back();
  return success();
}

/// One position for all sequences, or [B] of i64.
static LogicalResult checkPosition(CacheAppendOp op) {
  if (isa<IndexType>(op.getPosition().getType()))
    return success();
  NamedSizes sizes(op, "cache_append_c6");
  return success(
      succeeded(checkRank(op, "cache_append_c6", "positions", op.getPosition(), 1)) &&
      succeeded(checkElementType(op, "cache_append_c6", "positions", op.getPosition(),
                                 IntegerType::get(op.getContext(), 64))) &&
      succeeded(
          sizes.unify("the source", {"B"}, getShapedType(op.getSource()).getShape().front())) &&
      succeeded(sizes.unify("positions", {"B"}, getShapedType(op.getPosition()).getShape())));
}

LogicalResult CacheAppendOp::verify() {
  if (failed(checkDestination(*this, 1)))
    return failure();
  Value cache = getInits()[0];
  ShapedType source = getShapedType(getSource()), cacheType = getShapedType(cache);
  NamedSizes sizes(*this, "cache_append_c3");
  if (failed(checkRank(*this, "cache_append_c1", "the source", getSource(), 4)) ||
      failed(checkRank(*this, "cache_append_c1", "the cache", cache, 4)) ||
      failed(checkElementType(*this, "cache_append_c2", "the cache", cache,
                              source.getElementType())) ||
      failed(sizes.unify("the source", {"B", "G", "L", "D"}, source.getShape())) ||
      failed(sizes.unify("the cache", {"B", "G", "C", "D"}, cacheType.getShape())) ||
      failed(checkPosition(*this)))
    return failure();
  int64_t length = source.getDimSize(2), capacity = cacheType.getDimSize(2);
  std::optional<int64_t> position = getConstantIntValue(getPosition());
  if (position && *position < 0)
    return emitOpError() << "cache_append_c4: expected a position of at least 0, got " << *position;
  if (ShapedType::isDynamic(length) || ShapedType::isDynamic(capacity))
    return success();
  int64_t first = getRing() ? 0 : position.value_or(0);
  if (length > capacity || first > capacity - length)
    return emitOpError() << "cache_append_c5: expected rows that fit into the capacity " << capacity
                         << ", got " << length << " rows at position " << first;
  return success();
}

LogicalResult QuantizeRowsOp::verify() {
  if (failed(checkDestination(*this, 1)))
    return failure();
  ShapedType source = getShapedType(getSource()), rows = getShapedType(getInits()[0]);
  if (source.getRank() == 0)
    return emitOpError("quantize_rows_c1: expected a source of rows, got one of rank 0");
  if (failed(checkRank(*this, "quantize_rows_c1", "the init", getInits()[0], source.getRank())))
    return failure();
  for (auto [dim, size, other] :
       llvm::enumerate(source.getShape().drop_back(), rows.getShape().drop_back()))
    if (ShapedType::isStatic(size) && ShapedType::isStatic(other) && size != other)
      return emitOpError() << "quantize_rows_c1: expected dim " << dim << " of the init to be "
                           << size << " as in the source, got " << other;
  int64_t columns = source.getShape().back(), bytes = rows.getShape().back();
  if (ShapedType::isDynamic(columns) || columns < 1)
    return emitOpError("quantize_rows_c2: expected rows of a known size of at least 1, got ")
           << getSource().getType();
  if (bytes != quantizedRowBytes(columns))
    return emitOpError() << "quantize_rows_c2: expected rows of " << quantizedRowBytes(columns)
                         << " bytes for " << columns << " elements, got "
                         << getInits()[0].getType();
  return success();
}

LogicalResult DropoutOp::verify() {
  if (failed(checkDestination(*this, 1)) ||
      failed(checkSameAsSource(*this, "dropout_c2", getSource(), getInits()[0])))
    return failure();
  double p = getP().convertToDouble();
  if (!(p >= 0 && p < 1))
    return emitOpError() << "dropout_c1: expected p to be in [0, 1), got " << p;
  return success();
}

LogicalResult SampleOp::verify() {
  if (failed(checkDestination(*this, 1)))
    return failure();
  ShapedType logits = getShapedType(getLogits()), tokens = getShapedType(getInits()[0]);
  NamedSizes sizes(*this, "sample_c2");
  if (failed(checkRank(*this, "sample_c1", "logits", getLogits(), 2)) ||
      failed(checkRank(*this, "sample_c1", "the init", getInits()[0], 1)) ||
      failed(checkElementType(*this, "sample_c1", "the init", getInits()[0],
                              IntegerType::get(getContext(), 64))) ||
      failed(sizes.unify("logits", {"B", "V"}, logits.getShape())) ||
      failed(sizes.unify("the init", {"B"}, tokens.getShape())))
    return failure();
  if (logits.getDimSize(1) == 0)
    return emitOpError("sample_c3: expected a vocabulary of at least 1 token, got 0");
  return success();
}

template <typename Op>
static LogicalResult checkWeightName(Op op) {
  size_t numIndices = op.getIndices().size();
  if (op.getName().count("{}") > numIndices)
    return op.emitOpError() << "weight_c1: expected at most one {} in the name for each of "
                            << numIndices << " indices, got " << op.getNameAttr();
  if (op.getCounts().size() != numIndices || !WeightSlots::checkedSize(op.getCounts()))
    return op.emitOpError() << "weight_c2: expected a count of at least 1 for each of "
                            << numIndices << " indices, and a product of at most 2^31, got ["
                            << op.getCounts() << "]";
  if (!WeightSlots::areSpans(op.getSpans(), op.getCounts()))
    return op.emitOpError() << "weight_c5: expected spans of numbers below the counts ["
                            << op.getCounts()
                            << "], apart and in order, got (index, begin, end) of ["
                            << op.getSpans() << "]";
  return success();
}

/// A matrix of known sizes, and one of its dims.
static bool isMatrix(Type type, int64_t dim) {
  auto stored = dyn_cast<RankedTensorType>(type);
  return stored && stored.hasStaticShape() && stored.getRank() == 2 && dim >= 0 && dim <= 1;
}

LogicalResult QuantizedWeightOp::verify() {
  if (failed(checkWeightName(*this)))
    return failure();
  if (!isMatrix(getSource(), getPanelDim()))
    return emitOpError() << "quantized_weight_c1: expected panels of a matrix of known sizes along "
                            "dim 0 or 1, got those of "
                         << getSource() << " along " << getPanelDim();
  auto stored = cast<RankedTensorType>(getSource());
  QuantizedPanels panels = getPanels();
  if (!stored.getElementType().isF32() && !stored.getElementType().isF16() &&
      !stored.getElementType().isBF16())
    return emitOpError() << "quantized_weight_c2: expected elements of f32, f16 or bf16, got "
                         << stored.getElementType();
  if (getLanes() < 1 || getStreams() < 1 ||
      getValues().getType() != panels.valuesType(getContext()) ||
      getScales().getType() != panels.scalesType(getContext()))
    return emitOpError() << "quantized_weight_c3: expected panels of " << panels.rows << " x "
                         << panels.depth << " elements as " << stringifyWeightFormat(getFormat())
                         << ", got " << getValues().getType() << " and " << getScales().getType();
  return success();
}

QuantizedPanels QuantizedWeightOp::getPanels() {
  auto stored = cast<RankedTensorType>(getSource());
  return {getFormat(), stored.getDimSize(getPanelDim()), stored.getDimSize(1 - getPanelDim()),
          getLanes(), getStreams()};
}

LogicalResult WeightOp::verify() {
  if (failed(checkWeightName(*this)))
    return failure();
  if (!getSource())
    return success();
  auto stored = dyn_cast<RankedTensorType>(*getSource());
  if (!isMatrix(*getSource(), *getPanelDim()))
    return emitOpError()
           << "weight_c3: expected panels of a matrix of known sizes along dim 0 or 1, "
           << "got those of " << *getSource() << " along " << *getPanelDim();
  auto panels = cast<ShapedType>(getType());
  int64_t rows = stored.getDimSize(*getPanelDim()), depth = stored.getDimSize(1 - *getPanelDim());
  if (!panels.hasStaticShape() || panels.getRank() != 4 || panels.getDimSize(0) < 1 ||
      panels.getDimSize(3) < 1 || panels.getElementType() != stored.getElementType() ||
      panels.getDimSize(2) != depth ||
      panels.getDimSize(1) !=
          int64_t(llvm::divideCeil(rows, panels.getDimSize(0) * panels.getDimSize(3))))
    return emitOpError() << "weight_c4: expected panels [streams, ceil(" << rows
                         << " / (streams * lanes)), " << depth << ", lanes] of "
                         << stored.getElementType() << ", got " << getType();
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<FunctionOpInterface>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError() << "launch_c1: expected a function, got " << getKernelAttr()
                         << ", which names none";
  if (kernel.isPublic() || kernel.getNumResults() != 0)
    return emitOpError() << "launch_c2: expected " << getKernelAttr()
                         << " to be private and to return nothing";
  SmallVector<Type> expected(3, IndexType::get(getContext()));
  llvm::append_range(expected, getArguments().getTypes());
  if (ArrayRef(expected) != kernel.getArgumentTypes())
    return emitOpError() << "launch_c3: expected " << getKernelAttr() << " to take (" << expected
                         << "), got (" << kernel.getArgumentTypes() << ")";
  return success();
}
