// What every destination-style op of the dialect has in common, and the accessors of attention.
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace fovea::attn;

//===----------------------------------------------------------------------===//
// Destination-style ops
//===----------------------------------------------------------------------===//

using Effects = SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>;

/// On memrefs the inputs are read, the inits read and written; on tensors there is no effect.
static void addDestinationEffects(DestinationStyleOpInterface op, Effects &effects) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    effects.emplace_back(MemoryEffects::Read::get(), &operand, 0, true,
                         SideEffects::DefaultResource::get());
    if (op.isDpsInit(&operand))
      effects.emplace_back(MemoryEffects::Write::get(), &operand, 0, true,
                           SideEffects::DefaultResource::get());
  }
}

/// Each result has the shape of its init.
static LogicalResult reifyFromInits(DestinationStyleOpInterface op, OpBuilder &b,
                                    ReifiedRankedShapedTypeDims &shapes) {
  for (OpOperand &init : op.getDpsInitsMutable())
    shapes.push_back(tensor::getMixedSizes(b, op.getLoc(), init.get()));
  return success();
}

#define FOVEA_DESTINATION_OP(Op)                                                                   \
  void Op::getEffects(Effects &effects) {                                                          \
    addDestinationEffects(cast<DestinationStyleOpInterface>(getOperation()), effects);             \
  }                                                                                                \
  LogicalResult Op::reifyResultShapes(OpBuilder &b, ReifiedRankedShapedTypeDims &shapes) {         \
    return reifyFromInits(cast<DestinationStyleOpInterface>(getOperation()), b, shapes);           \
  }
FOVEA_DESTINATION_OP(AttentionOp)
FOVEA_DESTINATION_OP(CreateMaskOp)
FOVEA_DESTINATION_OP(ApplyMaskOp)
FOVEA_DESTINATION_OP(SoftmaxOp)
FOVEA_DESTINATION_OP(RotaryOp)
FOVEA_DESTINATION_OP(CacheAppendOp)
FOVEA_DESTINATION_OP(QuantizeRowsOp)
FOVEA_DESTINATION_OP(DropoutOp)
FOVEA_DESTINATION_OP(SampleOp)
#undef FOVEA_DESTINATION_OP

//===----------------------------------------------------------------------===//
// AttentionOp
//===----------------------------------------------------------------------===//

static SmallVector<int64_t> permutationOrIdentity(std::optional<ArrayRef<int64_t>> perm) {
  return perm ? SmallVector<int64_t>(*perm) : SmallVector<int64_t>{0, 1, 2, 3};
}

SmallVector<int64_t> AttentionOp::getQueryPermutation() {
  return permutationOrIdentity(getQueryPerm());
}
SmallVector<int64_t> AttentionOp::getKeyPermutation() {
  return permutationOrIdentity(getKeyPerm());
}
SmallVector<int64_t> AttentionOp::getValuePermutation() {
  return permutationOrIdentity(getValuePerm());
}
SmallVector<int64_t> AttentionOp::getOutputPermutation() {
  return permutationOrIdentity(getOutputPerm());
}

SmallVector<AttentionOutput> AttentionOp::getOutputs() {
  SmallVector<AttentionOutput> outputs = {AttentionOutput::Output};
  auto addIf = [&](bool wanted, AttentionOutput output) {
    if (wanted)
      outputs.push_back(output);
  };
  addIf(getWithWeights(), AttentionOutput::Weights);
  addIf(getWithLse(), AttentionOutput::Lse);
  addIf(getColumnChunk().has_value(), AttentionOutput::ColumnSums);
  addIf(hasBucket(), AttentionOutput::BucketSums);
  return outputs;
}

Value AttentionOp::getInit(AttentionOutput output) {
  for (auto [known, init] : llvm::zip(getOutputs(), getInits()))
    if (known == output)
      return init;
  return Value();
}

FloatType AttentionOp::getScoreType() {
  auto element = cast<ShapedType>(getQuery().getType()).getElementType();
  if (element.isF64())
    return Float64Type::get(getContext());
  return Float32Type::get(getContext());
}

bool AttentionOp::readsQuantizedRows() {
  return cast<ShapedType>(getKey().getType()).getElementType().isInteger(8);
}

int64_t AttentionOp::getNumQueryHeads() {
  return cast<ShapedType>(getQuery().getType()).getDimSize(getQueryPermutation()[1]);
}
int64_t AttentionOp::getNumKeyHeads() {
  return cast<ShapedType>(getKey().getType()).getDimSize(getKeyPermutation()[1]);
}
int64_t AttentionOp::getGroupSize() {
  int64_t queryHeads = getNumQueryHeads(), keyHeads = getNumKeyHeads();
  if (ShapedType::isDynamic(queryHeads) || ShapedType::isDynamic(keyHeads) || keyHeads == 0)
    return ShapedType::kDynamic;
  return queryHeads / keyHeads;
}

std::optional<double> AttentionOp::getStaticScale() {
  if (std::optional<APFloat> scale = getScale())
    return scale->convertToDouble();
  int64_t headDim = cast<ShapedType>(getQuery().getType()).getDimSize(getQueryPermutation()[3]);
  if (ShapedType::isDynamic(headDim))
    return std::nullopt;
  return 1.0 / std::sqrt(static_cast<double>(headDim));
}

double AttentionOp::getMaskedScore() {
  return getFill() ? getFill()->convertToDouble() : -std::numeric_limits<double>::infinity();
}

AttentionOp AttentionOp::cloneWithOperands(OpBuilder &b, TypeRange resultTypes,
                                           ValueRange operands) {
  auto copy =
      cast<AttentionOp>(mlir::cloneWithoutRegions(b, getOperation(), resultTypes, operands));
  for (auto [from, to] : llvm::zip_equal((*this)->getRegions(), copy->getRegions()))
    if (!from.empty()) {
      IRMapping mapping;
      b.cloneRegionBefore(from, to, to.begin(), mapping);
    }
  return copy;
}

//===----------------------------------------------------------------------===//
// CacheAppendOp
//===----------------------------------------------------------------------===//

/// `at(%p)` for an index, `at(%p : tensor<?xi64>)` for one position a sequence.
static ParseResult parsePositionType(OpAsmParser &parser, Type &type) {
  type = parser.getBuilder().getIndexType();
  return succeeded(parser.parseOptionalColon()) ? parser.parseType(type) : success();
}

static void printPositionType(OpAsmPrinter &printer, CacheAppendOp, Type type) {
  if (!isa<IndexType>(type))
    printer << ": " << type;
}

//===----------------------------------------------------------------------===//
// WeightOp
//===----------------------------------------------------------------------===//

/// Nothing, or `[%layer of 24 in [0:3, 8:24], %expert of 8]`.
static ParseResult parseWeightIndices(OpAsmParser &parser,
                                      SmallVectorImpl<OpAsmParser::UnresolvedOperand> &indices,
                                      DenseI64ArrayAttr &counts, DenseI64ArrayAttr &spans) {
  SmallVector<int64_t> numbers, bounds;
  auto parseSpan = [&]() -> ParseResult {
    bounds.push_back(numbers.size() - 1);
    return failure(parser.parseInteger(bounds.emplace_back()) || parser.parseColon() ||
                   parser.parseInteger(bounds.emplace_back()));
  };
  auto parseIndex = [&]() -> ParseResult {
    if (parser.parseOperand(indices.emplace_back()) || parser.parseKeyword("of") ||
        parser.parseInteger(numbers.emplace_back()))
      return failure();
    return failed(parser.parseOptionalKeyword("in"))
               ? success()
               : parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, parseSpan);
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::OptionalSquare, parseIndex))
    return failure();
  counts = parser.getBuilder().getDenseI64ArrayAttr(numbers);
  spans = parser.getBuilder().getDenseI64ArrayAttr(bounds);
  return success();
}

/// ` in [0:3, 8:24]` from the spans of the index at `position`, which come first.
static void printSpans(OpAsmPrinter &printer, int64_t position, ArrayRef<int64_t> &spans) {
  StringRef separator = " in [";
  bool hasSpans = !spans.empty() && spans.front() == position;
  for (; !spans.empty() && spans.front() == position; spans = spans.drop_front(3)) {
    printer << separator << spans[1] << ':' << spans[2];
    separator = ", ";
  }
  if (hasSpans)
    printer << ']';
}

static void printWeightIndices(OpAsmPrinter &printer, Operation *, OperandRange indices,
                               DenseI64ArrayAttr counts, DenseI64ArrayAttr spans) {
  if (indices.empty())
    return;
  printer << '[';
  ArrayRef<int64_t> rest = spans;
  auto all = llvm::enumerate(llvm::zip(indices, counts.asArrayRef()));
  llvm::interleaveComma(all, printer, [&](auto index) {
    printer << std::get<0>(index.value()) << " of " << std::get<1>(index.value());
    printSpans(printer, index.index(), rest);
  });
  printer << ']';
}

static RankedTensorType storedType(const WeightSlots &slots, ShapedType one) {
  return RankedTensorType::get(slots.storedSizes(one.getShape()), one.getElementType());
}

RankedTensorType WeightOp::getStoredType() {
  return storedType(getSlots(), cast<ShapedType>(getSource() ? *getSource() : Type(getType())));
}

RankedTensorType QuantizedWeightOp::getStoredType() {
  return storedType(getSlots(), cast<ShapedType>(getSource()));
}

#define GET_OP_CLASSES
#include "dialect/AttnOps.cpp.inc"
