// attn.attention to plain linalg ops over whole tensors, the reference route: one op a line of
// its formula. Grouped heads are an indexing map, keys and values are never repeated. Loop dims
// are b, h, r, j and, in contractions, d.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/tile/Decompose.h"
#include "passes/vector/EmitPhilox.h"

using namespace mlir;
using namespace fovea;

static constexpr double infinity = std::numeric_limits<double>::infinity();

/// What operand dims a canonical index tuple reads: expressions[c] at dim permutation[c].
static AffineMap getPermutedMap(unsigned numDims, ArrayRef<int64_t> permutation,
                                ArrayRef<AffineExpr> expressions) {
  SmallVector<AffineExpr> results(4);
  for (auto [dim, expression] : llvm::zip_equal(permutation, expressions))
    results[dim] = expression;
  return AffineMap::get(numDims, 0, results, results[0].getContext());
}

namespace {
/// Writes the linalg ops of one attention, in the order of its formula.
class AttentionDecomposer {
public:
  AttentionDecomposer(PatternRewriter &rewriter, attn::AttentionOp op);

  /// The replacements of the op's results.
  SmallVector<Value> decompose();

private:
  Value createScores();
  Value createMaskedScores(Value scores);
  Value createSinkLogits();
  Value createMaximum(Value scores, Value sink);
  Value createSum(Value exponentials, Value maximum, Value sink);
  Value createWeights(Value exponentials, Value sum);
  Value createOutput(Value scores, Value weights);
  Value createLse(Value maximum, Value sum);
  Value createColumnSums(Value weights);
  Value createBucketSums(Value weights);
  Value createScale();
  Value createKept(OpBuilder &b, Location loc, Value weight);
  Value convertInto(Value value, Value init, AffineMap map);

  SmallVector<Value> getIndices(OpBuilder &b, Location loc, unsigned count);
  Value generic(ValueRange inputs, Value init, ArrayRef<AffineMap> maps, BodyBuilder body) {
    return createGeneric(rewriter, loc, inputs, init, maps, body);
  }

  PatternRewriter &rewriter;
  attn::AttentionOp op;
  Location loc;
  FloatType compute;
  AffineExpr b, h, r, j, d;        // loop dims
  AffineExpr keyHead;              // the key head of h
  AffineMap all, row;              // (b, h, r, j) to itself and to (b, h, r)
  Value key, value;                // in floats
  SmallVector<OpFoldResult> sizes; // B, H, Lq, Lk
  Value firstPosition;
  SmallVector<Value> counter; // origin and strides of b, h and r, for dropout
};
} // namespace

AttentionDecomposer::AttentionDecomposer(PatternRewriter &rewriter, attn::AttentionOp op)
    : rewriter(rewriter), op(op), loc(op.getLoc()), compute(op.getScoreType()) {
  bindDims(rewriter.getContext(), b, h, r, j, d);
  int64_t group = op.getGroupSize();
  keyHead = op.getNumKeyHeads() == 1 ? rewriter.getAffineConstantExpr(0) : h.floorDiv(group);
  all = rewriter.getMultiDimIdentityMap(4);
  row = all.dropResult(3);
  SmallVector<int64_t> perm = op.getQueryPermutation();
  for (int64_t dim : ArrayRef(perm).take_front(3))
    sizes.push_back(tensor::getMixedSize(rewriter, loc, op.getQuery(), dim));
  sizes.push_back(tensor::getMixedSize(rewriter, loc, op.getKey(), op.getKeyPermutation()[2]));
  key = createDequantizedRows(rewriter, loc, op.getKey(), op.getKeyPermutation()[3]);
  value = createDequantizedRows(rewriter, loc, op.getValue(), op.getValuePermutation()[3]);
  firstPosition = getValueOrCreateConstantIndexOp(rewriter, loc, op.getFirstPosition(rewriter));
  if (op.getSeed())
    for (OpFoldResult value : op.getMixedDropoutCounter(rewriter))
      counter.push_back(getValueOrCreateConstantIndexOp(rewriter, loc, value));
}

SmallVector<Value> AttentionDecomposer::getIndices(OpBuilder &b, Location loc, unsigned count) {
  SmallVector<Value> indices;
  for (unsigned dim = 0; dim < count; ++dim)
    indices.push_back(linalg::IndexOp::create(b, loc, dim));
  if (count > 2)
    indices[2] = arith::AddIOp::create(b, loc, indices[2], firstPosition);
  return indices;
}

Value AttentionDecomposer::createScale() {
  if (std::optional<double> scale = op.getStaticScale())
    return createFloatConstant(rewriter, loc, compute, *scale);
  Value headDim = tensor::DimOp::create(rewriter, loc, op.getQuery(), op.getQueryPermutation()[3]);
  Value integer = arith::IndexCastOp::create(rewriter, loc, rewriter.getI64Type(), headDim);
  Value real = arith::SIToFPOp::create(rewriter, loc, compute, integer);
  Value one = createFloatConstant(rewriter, loc, compute, 1.0);
  return arith::DivFOp::create(rewriter, loc, one, math::SqrtOp::create(rewriter, loc, real));
}

/// sum_d q[b, h, r, d] * k[b, g, j, d]
Value AttentionDecomposer::createScores() {
  AffineMap maps[] = {getPermutedMap(5, op.getQueryPermutation(), {b, h, r, d}),
                      getPermutedMap(5, op.getKeyPermutation(), {b, keyHead, j, d}),
                      AffineMap::get(5, 0, {b, h, r, j}, rewriter.getContext())};
  return generic({op.getQuery(), key}, createFilled(rewriter, loc, sizes, compute, 0.0),
                 maps, [&](OpBuilder &b, Location loc, ValueRange x) -> Value {
                   Value product =
                       arith::MulFOp::create(b, loc, convertFloat(b, loc, x[0], compute),
                                             convertFloat(b, loc, x[1], compute));
                   return arith::AddFOp::create(b, loc, x[2], product);
                 });
}

/// scale, then the score function, then the fill where the mask forbids
Value AttentionDecomposer::createMaskedScores(Value scores) {
  Value scale = createScale();
  return generic({}, scores, all, [&](OpBuilder &b, Location loc, ValueRange x) {
    Value score = arith::MulFOp::create(b, loc, x[0], scale);
    SmallVector<Value> indices;
    if (op.hasScore() || op.hasMask())
      indices = getIndices(b, loc, 4);
    if (op.hasScore()) {
      SmallVector<Value> arguments = {score};
      llvm::append_range(arguments, indices);
      score = inlineRegion(b, op.getScore(), arguments);
    }
    if (op.hasMask())
      score = arith::SelectOp::create(b, loc, inlineRegion(b, op.getMask(), indices), score,
                                      createFloatConstant(b, loc, compute, op.getMaskedScore()));
    return score;
  });
}

/// The logit of the sink for every row; nothing without a sink.
Value AttentionDecomposer::createSinkLogits() {
  if (!op.hasSink())
    return {};
  Value empty = tensor::EmptyOp::create(rewriter, loc, ArrayRef(sizes).take_front(3), compute);
  return generic({}, empty, rewriter.getMultiDimIdentityMap(3),
                 [&](OpBuilder &b, Location loc, ValueRange) {
                   return inlineRegion(b, op.getSink(), getIndices(b, loc, 3));
                 });
}

/// m = max(max_j s[j], sink)
Value AttentionDecomposer::createMaximum(Value scores, Value sink) {
  auto maximum = [](OpBuilder &b, Location loc, ValueRange x) -> Value {
    return arith::MaximumFOp::create(b, loc, x[0], x[1]);
  };
  Value init =
      sink ? sink : createFilled(rewriter, loc, ArrayRef(sizes).take_front(3), compute, -infinity);
  return generic(scores, init, {all, row}, maximum);
}

/// z = sum_j exp(s[j] - m) + exp(sink - m)
Value AttentionDecomposer::createSum(Value exponentials, Value maximum, Value sink) {
  Value init = createFilled(rewriter, loc, ArrayRef(sizes).take_front(3), compute, 0.0);
  AffineMap rows = rewriter.getMultiDimIdentityMap(3);
  if (sink)
    init = generic({sink, maximum}, init, {rows, rows, rows},
                   [](OpBuilder &b, Location loc, ValueRange x) {
                     return createShiftedExp(b, loc, x[0], x[1]);
                   });
  return generic(exponentials, init, {all, row},
                 [](OpBuilder &b, Location loc, ValueRange x) -> Value {
                   return arith::AddFOp::create(b, loc, x[0], x[1]);
                 });
}

/// The weight after dropout, whose counter is origin + b * stride + h * stride + r * Lk + j.
Value AttentionDecomposer::createKept(OpBuilder &b, Location loc, Value weight) {
  double p = op.getDropout()->convertToDouble();
  Value index = counter[0];
  Value rowStride = getValueOrCreateConstantIndexOp(b, loc, sizes[3]);
  Value strides[] = {counter[1], counter[2], rowStride};
  for (auto [dim, stride] : llvm::enumerate(strides))
    index = arith::AddIOp::create(
        b, loc, index, arith::MulIOp::create(b, loc, linalg::IndexOp::create(b, loc, dim), stride));
  index = arith::AddIOp::create(b, loc, index, linalg::IndexOp::create(b, loc, 3));
  index = arith::IndexCastOp::create(b, loc, b.getI64Type(), index);
  Value word = emitPhiloxWord(b, loc, emitPhiloxKey(b, loc, op.getSeed()), index);
  Value scaled =
      arith::MulFOp::create(b, loc, weight, createFloatConstant(b, loc, compute, 1.0 / (1.0 - p)));
  return arith::SelectOp::create(b, loc, emitIsKept(b, loc, word, p), scaled,
                                 createFloatConstant(b, loc, compute, 0.0));
}

/// w[j] = dropout(exp(s[j] - m) / z)
Value AttentionDecomposer::createWeights(Value exponentials, Value sum) {
  Value empty = tensor::EmptyOp::create(rewriter, loc, sizes, compute);
  return generic({exponentials, sum}, empty, {all, row, all},
                 [&](OpBuilder &b, Location loc, ValueRange x) {
                   Value weight = createSafeQuotient(b, loc, x[0], x[1]);
                   return op.getSeed() ? createKept(b, loc, weight) : weight;
                 });
}

/// sum_j w[j] * v[b, g, j, d], where a key of score -inf takes no part whatever its value holds
/// (attention_s6).
Value AttentionDecomposer::createOutput(Value scores, Value weights) {
  MLIRContext *context = rewriter.getContext();
  Value init = op.getOutputInit();
  SmallVector<int64_t> perm = op.getOutputPermutation();
  AffineMap scoresMap = AffineMap::get(5, 0, {b, h, r, j}, context);
  AffineMap outputMap = getPermutedMap(5, perm, {b, h, r, d});
  SmallVector<OpFoldResult> outputSizes = tensor::getMixedSizes(rewriter, loc, init);
  Value sum = generic(
      {scores, weights, value}, createFilled(rewriter, loc, outputSizes, compute, 0.0),
      {scoresMap, scoresMap, getPermutedMap(5, op.getValuePermutation(), {b, keyHead, j, d}),
       outputMap},
      [&](OpBuilder &b, Location loc, ValueRange x) -> Value {
        Value product = arith::MulFOp::create(b, loc, x[1], convertFloat(b, loc, x[2], compute));
        Value contribution =
            arith::SelectOp::create(b, loc, createIsMinusInfinity(b, loc, x[0]),
                                    createFloatConstant(b, loc, compute, 0.0), product);
        return arith::AddFOp::create(b, loc, x[3], contribution);
      });
  return convertInto(sum, init, all);
}

/// log z = m + log(sum_j exp(s[j] - m)), -inf for a row without keys
Value AttentionDecomposer::createLse(Value maximum, Value sum) {
  AffineMap rows = rewriter.getMultiDimIdentityMap(3);
  return generic(
      {maximum, sum}, op.getLseInit(), {rows, rows, rows},
      [](OpBuilder &b, Location loc, ValueRange x) -> Value {
        Value lse = arith::AddFOp::create(b, loc, x[0], math::LogOp::create(b, loc, x[1]));
        return arith::SelectOp::create(b, loc, createIsMinusInfinity(b, loc, x[0]), x[0], lse);
      });
}

/// sum_r w[r, j] over each chunk of rows.
Value AttentionDecomposer::createColumnSums(Value weights) {
  auto chunk = static_cast<int64_t>(*op.getColumnChunk());
  Value init = op.getColumnSumsInit();
  Value zeros =
      createFilled(rewriter, loc, tensor::getMixedSizes(rewriter, loc, init), compute, 0.0);
  AffineMap chunks = AffineMap::get(4, 0, {b, h, r.floorDiv(chunk), j}, rewriter.getContext());
  Value sums =
      generic(weights, zeros, {all, chunks}, [](OpBuilder &b, Location loc, ValueRange x) -> Value {
        return arith::AddFOp::create(b, loc, x[0], x[1]);
      });
  return convertInto(sums, init, all);
}

/// sum_j w[j] over the keys of bucket n: loops b, h, r, j, n.
Value AttentionDecomposer::createBucketSums(Value weights) {
  MLIRContext *context = rewriter.getContext();
  Value init = op.getBucketSumsInit();
  Value zeros =
      createFilled(rewriter, loc, tensor::getMixedSizes(rewriter, loc, init), compute, 0.0);
  AffineMap maps[] = {AffineMap::get(5, 0, {b, h, r, j}, context),
                      AffineMap::get(5, 0, {b, h, r, d}, context)};
  Value sums =
      generic(weights, zeros, maps, [&](OpBuilder &b, Location loc, ValueRange x) -> Value {
        Value bucket = inlineRegion(b, op.getBucket(), getIndices(b, loc, 4));
        Value here = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, bucket,
                                           linalg::IndexOp::create(b, loc, 4));
        Value added = arith::AddFOp::create(b, loc, x[0], x[1]);
        return arith::SelectOp::create(b, loc, here, added, x[1]);
      });
  return convertInto(sums, init, all);
}

/// `value` in the element type of `init`, written there.
Value AttentionDecomposer::convertInto(Value value, Value init, AffineMap map) {
  return generic(value, init, {map, map}, [](OpBuilder &b, Location loc, ValueRange x) {
    return convertFloat(b, loc, x[0], x[1].getType());
  });
}

SmallVector<Value> AttentionDecomposer::decompose() {
  Value scores = createMaskedScores(createScores());
  Value sink = createSinkLogits();
  Value maximum = createMaximum(scores, sink);
  Value exponentials =
      generic({scores, maximum}, tensor::EmptyOp::create(rewriter, loc, sizes, compute),
              {all, row, all}, [](OpBuilder &b, Location loc, ValueRange x) {
                return createShiftedExp(b, loc, x[0], x[1]);
              });
  Value sum = createSum(exponentials, maximum, sink);
  Value weights = createWeights(exponentials, sum);
  SmallVector<Value> results = {createOutput(scores, weights)};
  if (Value init = op.getWeightsInit())
    results.push_back(convertInto(weights, init, all));
  if (op.getWithLse())
    results.push_back(createLse(maximum, sum));
  if (op.getColumnSumsInit())
    results.push_back(createColumnSums(weights));
  if (op.hasBucket())
    results.push_back(createBucketSums(weights));
  return results;
}

namespace {
struct DecomposeAttention : OpRewritePattern<attn::AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(attn::AttentionOp op, PatternRewriter &rewriter) const override {
    if (op.getNumResults() == 0)
      return rewriter.notifyMatchFailure(op, "on buffers");
    if (ShapedType::isDynamic(op.getGroupSize()) && op.getNumKeyHeads() != 1)
      return rewriter.notifyMatchFailure(op, "H / G is not known at compile time");
    rewriter.replaceOp(op, AttentionDecomposer(rewriter, op).decompose());
    return success();
  }
};
} // namespace

void fovea::populateDecomposeAttentionPatterns(RewritePatternSet &patterns) {
  patterns.add<DecomposeAttention>(patterns.getContext());
}
