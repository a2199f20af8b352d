// The verifier of attention. Labels are those of docs/dialect.md.
#include "dialect/CacheRows.h"
#include "dialect/VerifierUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fovea::attn;

namespace {
/// An operand with the letters of its dims in canonical order and the dims that hold them.
struct NamedOperand {
  StringRef name;
  Value value;
  SmallVector<StringRef> letters;
  SmallVector<int64_t> permutation;
};
} // namespace

static SmallVector<NamedOperand> getNamedOperands(AttentionOp op) {
  SmallVector<NamedOperand> operands = {
      {"query", op.getQuery(), {"B", "H", "Lq", "D"}, op.getQueryPermutation()},
      {"key", op.getKey(), {"B", "G", "Lk", "D"}, op.getKeyPermutation()},
      {"value", op.getValue(), {"B", "G", "Lk", "Dv"}, op.getValuePermutation()},
      {"output", op.getOutputInit(), {"B", "H", "Lq", "Dv"}, op.getOutputPermutation()}};
  if (Value weights = op.getWeightsInit())
    operands.push_back({"weights", weights, {"B", "H", "Lq", "Lk"}, {0, 1, 2, 3}});
  if (Value lse = op.getLseInit())
    operands.push_back({"lse", lse, {"B", "H", "Lq"}, {0, 1, 2}});
  if (Value sums = op.getColumnSumsInit())
    operands.push_back({"column sums", sums, {"B", "H", "chunks", "Lk"}, {0, 1, 2, 3}});
  if (Value sums = op.getBucketSumsInit())
    operands.push_back({"bucket sums", sums, {"B", "H", "Lq", "N"}, {0, 1, 2, 3}});
  return operands;
}

/// Makes of the bytes of a quantised row, the last of the canonical sizes, its columns.
static LogicalResult resolveQuantizedRow(AttentionOp op, const NamedOperand &operand,
                                         SmallVectorImpl<int64_t> &sizes) {
  if (!cast<ShapedType>(operand.value.getType()).getElementType().isInteger(8))
    return success();
  std::optional<int64_t> columns = quantizedRowColumns(sizes.back());
  if (!columns)
    return op.emitOpError() << "attention_c12: expected quantised rows of D + 2 * ceil(D / 32) "
                               "bytes, of a known size, got "
                            << operand.name << " " << operand.value.getType();
  sizes.back() = *columns;
  return success();
}

static LogicalResult checkShapes(AttentionOp op) {
  NamedSizes sizes(op, "attention_c4");
  for (const NamedOperand &operand : getNamedOperands(op)) {
    int64_t rank = operand.letters.size();
    if (failed(checkRank(op, "attention_c1", operand.name, operand.value, rank)))
      return failure();
    SmallVector<int64_t> sorted(operand.permutation);
    llvm::sort(sorted);
    if (sorted != llvm::to_vector(llvm::seq<int64_t>(0, rank)))
      return op.emitOpError() << "attention_c2: expected " << operand.name
                              << "_perm to be a permutation of 0, 1, 2, 3, got ["
                              << ArrayRef(operand.permutation) << "]";
    ArrayRef<int64_t> shape = cast<ShapedType>(operand.value.getType()).getShape();
    SmallVector<int64_t> canonical;
    for (int64_t dim : operand.permutation)
      canonical.push_back(shape[dim]);
    if (failed(resolveQuantizedRow(op, operand, canonical)) ||
        failed(sizes.unify(operand.name, operand.letters, canonical)))
      return failure();
  }
  return success();
}

/// Keys and values are as the query, or quantised rows where it is f32.
static LogicalResult checkStoredTypes(AttentionOp op, Type element) {
  StringRef label = "attention_c3";
  if (op.readsQuantizedRows()) {
    label = "attention_c12";
    if (failed(
            checkElementType(op, label, "query", op.getQuery(), Float32Type::get(op.getContext()))))
      return failure();
    element = IntegerType::get(op.getContext(), 8);
  }
  return success(succeeded(checkElementType(op, label, "key", op.getKey(), element)) &&
                 succeeded(checkElementType(op, label, "value", op.getValue(), element)));
}

static LogicalResult checkElementTypes(AttentionOp op) {
  Type element = cast<ShapedType>(op.getQuery().getType()).getElementType();
  if (failed(checkStoredTypes(op, element)) ||
      failed(checkElementType(op, "attention_c3", "output", op.getOutputInit(), element)))
    return failure();
  if (Value weights = op.getWeightsInit())
    if (cast<ShapedType>(weights.getType()).getElementType() != element &&
        failed(checkElementType(op, "attention_c3", "weights", weights, op.getScoreType())))
      return failure();
  for (auto [name, init] : {std::pair("lse", op.getLseInit()),
                            {"column sums", op.getColumnSumsInit()},
                            {"bucket sums", op.getBucketSumsInit()}})
    if (init && failed(checkElementType(op, "attention_c3", name, init, op.getScoreType())))
      return failure();
  return success();
}

static LogicalResult checkColumnChunk(AttentionOp op) {
  std::optional<int64_t> chunk = op.getColumnChunk();
  if (!chunk)
    return success();
  if (*chunk < 1)
    return op.emitOpError() << "attention_c10: expected column_chunk to be at least 1, got "
                            << *chunk;
  auto query = cast<ShapedType>(op.getQuery().getType());
  int64_t rows = query.getDimSize(op.getQueryPermutation()[2]);
  int64_t chunks = cast<ShapedType>(op.getColumnSumsInit().getType()).getDimSize(2);
  if (ShapedType::isDynamic(rows) || ShapedType::isDynamic(chunks) ||
      chunks == llvm::divideCeilSigned(rows, *chunk))
    return success();
  return op.emitOpError() << "attention_c10: expected column sums of "
                          << llvm::divideCeilSigned(rows, *chunk) << " chunks, " << rows
                          << " rows in chunks of " << *chunk << ", got " << chunks;
}

static LogicalResult checkHeads(AttentionOp op) {
  int64_t queryHeads = op.getNumQueryHeads(), keyHeads = op.getNumKeyHeads();
  if (ShapedType::isDynamic(queryHeads) || ShapedType::isDynamic(keyHeads))
    return success();
  if (keyHeads == 0 ? queryHeads == 0 : queryHeads % keyHeads == 0)
    return success();
  return op.emitOpError() << "attention_c5: expected the number of query heads to be a multiple of "
                          << keyHeads << ", the number of key heads, got " << queryHeads;
}

static LogicalResult checkScale(AttentionOp op) {
  std::optional<double> scale = op.getStaticScale();
  // Kernels compute with it in the type of scores.
  bool isFinite = scale && (op.getScoreType().isF64() ? std::isfinite(*scale)
                                                      : std::isfinite(static_cast<float>(*scale)));
  if (!scale || isFinite)
    return success();
  if (op.getScale())
    return op.emitOpError() << "attention_c6: expected a scale that is finite in "
                            << op.getScoreType() << ", got " << *scale;
  return op.emitOpError("attention_c6: expected a head dim of at least 1 for the default scale "
                        "1/sqrt(D), got 0");
}

static LogicalResult checkDropout(AttentionOp op) {
  if (op.getDropout().has_value() != bool(op.getSeed()))
    return op.emitOpError() << "attention_c8: expected dropout and a seed together, got "
                            << (op.getSeed() ? "a seed" : "dropout") << " alone";
  if (op.getDropout()) {
    double p = op.getDropout()->convertToDouble();
    if (!(p >= 0 && p < 1))
      return op.emitOpError() << "attention_c8: expected dropout to be in [0, 1), got " << p;
  }
  size_t counters = op.getDropoutCounter().size();
  if (counters != 0 && (counters != 3 || !op.getSeed()))
    return op.emitOpError() << "attention_c9: expected no counter operands, or with dropout three "
                               "(origin, batch stride, head stride), got "
                            << counters << (op.getSeed() ? "" : " without dropout");
  return success();
}

/// A larger fill would leave scores that occur in practice a chance to weigh as little.
static LogicalResult checkFill(AttentionOp op) {
  if (!op.getFill())
    return success();
  if (!op.hasMask())
    return op.emitOpError("attention_c11: expected a mask with the fill, got none");
  double fill = op.getFill()->convertToDouble();
  if (std::isfinite(fill) && fill <= AttentionOp::largestFill)
    return success();
  return op.emitOpError() << "attention_c11: expected a finite fill of at most "
                          << AttentionOp::largestFill << ", got " << fill;
}

static LogicalResult checkRegions(AttentionOp op) {
  Type index = IndexType::get(op.getContext()), score = op.getScoreType();
  Type boolean = IntegerType::get(op.getContext(), 1);
  if (failed(checkRegion(op, "attention_c7", "score", op.getScore(),
                         {score, index, index, index, index}, score)) ||
      failed(checkRegion(op, "attention_c7", "mask", op.getMask(), {index, index, index, index},
                         boolean)) ||
      failed(checkRegion(op, "attention_c7", "sink", op.getSink(), {index, index, index}, score)))
    return failure();
  return checkRegion(op, "attention_c7", "bucket", op.getBucket(), {index, index, index, index},
                     index);
}

LogicalResult AttentionOp::verify() {
  auto destination = cast<DestinationStyleOpInterface>(getOperation());
  if (failed(checkDestination(destination, getOutputs().size())) || failed(checkShapes(*this)) ||
      failed(checkElementTypes(*this)) || failed(checkHeads(*this)) || failed(checkScale(*this)) ||
      failed(checkDropout(*this)) || failed(checkColumnChunk(*this)))
    return failure();
  return success();
}

LogicalResult AttentionOp::verifyRegions() {
  return failure(failed(checkRegions(*this)) || failed(checkFill(*this)));
}
