// Attention and dropout. The op has rank 4; other ranks are viewed so.
#include "dialect/AttnOps.h"
#include "frontend/GraphBuilderAttentionDims.h"
#include <cmath>

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

static llvm::Error checkDropout(double p, const std::optional<SymbolicTensor> &seed) {
  if (!(p >= 0 && p < 1))
    return makeError("dropout: expected a probability in [0, 1), got " + formatNumber(p));
  if (p > 0 && !seed)
    return makeError("dropout: expected a seed");
  return llvm::Error::success();
}

/// A softcap of 0 makes every score NaN; a negative one is one above 0 with a sign too many.
static llvm::Error checkOptions(const AttentionOptions &options) {
  if (std::optional<double> cap = options.softcap; cap && !(*cap > 0 && std::isfinite(*cap)))
    return makeError("attention: expected a finite softcap above 0, got " + formatNumber(*cap));
  std::optional<int64_t> buckets = options.buckets.constant();
  if (options.bucket && buckets && *buckets < 1)
    return makeError("attention: expected at least 1 bucket, got " + std::to_string(*buckets));
  if (options.queryOffset)
    return checkIntegerScalar("attention", "offset", *options.queryOffset);
  return llvm::Error::success();
}

Expected<Value> GraphBuilder::seedValue(const SymbolicTensor &seed) {
  if (llvm::Error error = checkElementType("seed", "a scalar", seed, ir.getI64Type()))
    return error;
  return extractScalar(seed);
}

/// Rows that one task of column sums takes: whole panels on every target, few enough for many
/// tasks, and enough that the sums of all chunks are small beside the keys.
static constexpr int64_t columnChunk = 384;

static Expected<SymbolicDim> chunksOf(const SymbolicDim &queries) {
  Expected<SymbolicDim> rounded = queries.plus(columnChunk - 1);
  return rounded ? rounded->floorDiv(columnChunk) : rounded.takeError();
}

Expected<attn::AttentionOp> GraphBuilder::createAttention(ArrayRef<SymbolicTensor> operands,
                                                          const AttentionDims &dims,
                                                          const AttentionOptions &options) {
  Type type = operands[0].elementType();
  SmallVector<Value> inits;
  auto addInit = [&](const SymbolicShape &shape, Type elementType) -> llvm::Error {
    Expected<Value> init = emptyTensor(shape, elementType);
    if (!init)
      return init.takeError();
    inits.push_back(*init);
    return llvm::Error::success();
  };
  if (llvm::Error error = addInit({dims.batchSize, dims.heads, dims.queries, dims.valueDim}, type))
    return error;
  if (options.withWeights)
    if (llvm::Error error = addInit({dims.batchSize, dims.heads, dims.queries, dims.keys}, type))
      return error;
  Type scoreType = accumulatorType(type);
  if (options.withLse)
    if (llvm::Error error = addInit({dims.batchSize, dims.heads, dims.queries}, scoreType))
      return error;
  if (options.withColumnSums) {
    Expected<SymbolicDim> chunks = chunksOf(dims.queries);
    if (!chunks)
      return chunks.takeError();
    if (llvm::Error error = addInit({dims.batchSize, dims.heads, *chunks, dims.keys}, scoreType))
      return error;
  }
  if (options.bucket)
    if (llvm::Error error =
            addInit({dims.batchSize, dims.heads, dims.queries, options.buckets}, scoreType))
      return error;
  Expected<Value> offset =
      options.queryOffset ? toIndex(*options.queryOffset) : Expected<Value>(Value());
  bool drops = options.dropout > 0;
  Expected<Value> seed = offset && drops ? seedValue(*options.seed) : Expected<Value>(Value());
  if (!offset || !seed)
    return offset ? seed.takeError() : offset.takeError();
  auto optionalF64 = [&](std::optional<double> value) {
    return value ? ir.getF64FloatAttr(*value) : FloatAttr();
  };
  return attn::AttentionOp::create(
      ir, currentLoc, ValueRange(inits).getTypes(), operands[0].value, operands[1].value,
      operands[2].value, inits, *offset, *seed, /*dropout_counter=*/ValueRange(),
      optionalF64(options.scale), options.alignment, /*query_perm=*/nullptr, /*key_perm=*/nullptr,
      /*value_perm=*/nullptr, /*output_perm=*/nullptr,
      optionalF64(drops ? std::optional(options.dropout) : std::nullopt), /*fill=*/FloatAttr(),
      options.withWeights, options.withLse,
      options.withColumnSums ? ir.getI64IntegerAttr(columnChunk) : IntegerAttr());
}

Expected<AttentionResults> GraphBuilder::attention(const SymbolicTensor &query,
                                                   const SymbolicTensor &key,
                                                   const SymbolicTensor &value,
                                                   const AttentionOptions &options) {
  Expected<AttentionDims> dims = attentionDims(query, key, value);
  if (!dims)
    return dims.takeError();
  if (llvm::Error error = checkDropout(options.dropout, options.seed))
    return error;
  if (llvm::Error error = checkOptions(options))
    return error;
  if (options.maskTensor)
    if (llvm::Error error = checkMaskTensor(*options.maskTensor, *dims))
      return error;
  TensorOrError q = reshape(query, {dims->batchSize, dims->heads, dims->queries, dims->headDim});
  TensorOrError k =
      q ? reshape(key, {dims->batchSize, dims->keyHeads, dims->keys, dims->keyRow}) : q.takeError();
  TensorOrError v =
      k ? reshape(value, {dims->batchSize, dims->keyHeads, dims->keys, dims->valueRow})
        : k.takeError();
  Expected<Value> first = v ? firstPosition(*dims, options) : v.takeError();
  if (!first)
    return first.takeError();
  Expected<attn::AttentionOp> op = createAttention({*q, *k, *v}, *dims, options);
  if (!op)
    return op.takeError();
  if (llvm::Error error = buildAttentionRegions(*op, *dims, options, *first)) {
    op->erase();
    return error;
  }
  return attentionResults(*op, *dims, options.buckets);
}

/// One result of the op as its user sees it.
GraphBuilder::TensorOrError GraphBuilder::attentionResult(attn::AttentionOp op, unsigned number,
                                                          attn::AttentionOutput kind,
                                                          const AttentionDims &dims,
                                                          const SymbolicDim &buckets) {
  auto view = [&](ArrayRef<SymbolicDim> trailing) {
    SymbolicShape shape = {dims.batchSize, dims.heads};
    shape.append(trailing.begin(), trailing.end());
    return reshape({op.getResult(number), shape}, dims.visible(trailing));
  };
  switch (kind) {
  case attn::AttentionOutput::Output:
    return view({dims.queries, dims.valueDim});
  case attn::AttentionOutput::Weights:
    return view({dims.queries, dims.keys});
  case attn::AttentionOutput::Lse:
    return view(dims.queries);
  case attn::AttentionOutput::BucketSums:
    return view({dims.queries, buckets});
  case attn::AttentionOutput::ColumnSums:
    break;
  }
  Expected<SymbolicDim> chunks = chunksOf(dims.queries);
  if (!chunks)
    return chunks.takeError();
  SymbolicShape shape = {dims.batchSize, dims.heads, *chunks, dims.keys};
  TensorOrError sums = reduce(ReduceKind::Sum, {op.getResult(number), shape}, 2);
  return sums ? reshape(*sums, dims.visible(dims.keys)) : sums.takeError();
}

Expected<AttentionResults> GraphBuilder::attentionResults(attn::AttentionOp op,
                                                          const AttentionDims &dims,
                                                          const SymbolicDim &buckets) {
  AttentionResults results;
  for (auto [number, kind] : llvm::enumerate(op.getOutputs())) {
    TensorOrError tensor = attentionResult(op, number, kind, dims, buckets);
    if (!tensor)
      return tensor.takeError();
    switch (kind) {
    case attn::AttentionOutput::Output:
      results.output = *tensor;
      break;
    case attn::AttentionOutput::Weights:
      results.weights = *tensor;
      break;
    case attn::AttentionOutput::Lse:
      results.lse = *tensor;
      break;
    case attn::AttentionOutput::ColumnSums:
      results.columnSums = *tensor;
      break;
    case attn::AttentionOutput::BucketSums:
      results.bucketSums = *tensor;
      break;
    }
  }
  return results;
}

GraphBuilder::TensorOrError GraphBuilder::dropout(const SymbolicTensor &x,
                                                  const SymbolicTensor &seed, double p) {
  if (llvm::Error error = checkFloat("dropout", "the input", x))
    return error;
  if (llvm::Error error = checkDropout(p, seed))
    return error;
  Expected<Value> key = seedValue(seed);
  Expected<Value> init = key ? emptyTensor(x.shape, x.elementType()) : key.takeError();
  if (!init)
    return init.takeError();
  auto op = attn::DropoutOp::create(ir, currentLoc, init->getType(), x.value, *init, *key,
                                    ir.getF64FloatAttr(p));
  return SymbolicTensor{op.getResult(0), x.shape};
}
