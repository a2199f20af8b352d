// Attention and masks. The op has rank 4; other ranks are viewed so, and tensors given as masks
// become reads in the op's regions, so that nothing is broadcast in memory.
#include "dialect/AttnOps.h"
#include "dialect/CacheRows.h"
#include "frontend/GraphBuilderDetail.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

/// The dims of an attention as its user sees them.
struct GraphBuilder::AttentionDims {
  SymbolicShape batch;
  bool hasHeads; // Without, the op gets a head dim of 1 that the results lose again.
  SymbolicDim batchSize, heads = 1, keyHeads = 1, queries, keys, headDim, valueDim;
  SymbolicDim keyRow, valueRow; // the dims in memory: bytes of quantised rows, else as above

  /// batch..., heads if there are any, then `trailing`.
  SymbolicShape visible(ArrayRef<SymbolicDim> trailing) const {
    SymbolicShape shape = batch;
    if (hasHeads)
      shape.push_back(heads);
    shape.append(trailing.begin(), trailing.end());
    return shape;
  }
};

static bool isQuantizedRows(const SymbolicTensor &x) { return x.elementType().isInteger(8); }

static llvm::Error checkAttentionOperand(StringRef name, const SymbolicTensor &x,
                                         const SymbolicTensor &query) {
  bool isQuantized = isQuantizedRows(x) && query.elementType().isF32();
  if (!isQuantized)
    if (llvm::Error error = checkFloat("attention", name, x))
      return error;
  if (x.rank() < 2 || x.rank() != query.rank())
    return makeError("attention: expected query, key and value of one rank of at least 2, got " +
                     query.str() + " and " + name + " " + x.str());
  return isQuantized ? llvm::Error::success() : checkSameElementType("attention", query, x);
}

/// The elements that the last dim of keys or values holds.
static Expected<SymbolicDim> columnsOf(StringRef name, const SymbolicTensor &x) {
  SymbolicDim size = x.dim(x.rank() - 1);
  if (!isQuantizedRows(x))
    return size;
  std::optional<int64_t> bytes = size.constant();
  std::optional<int64_t> columns = bytes ? attn::quantizedRowColumns(*bytes) : std::nullopt;
  if (!columns)
    return makeError("attention: expected " + name +
                     " of i8 to be rows of quantize_rows, of a known size, got " + x.str());
  return SymbolicDim(*columns);
}

static llvm::Error dimsDiffer(StringRef name, const SymbolicTensor &x, StringRef what,
                              const SymbolicDim &expected, const SymbolicDim &got) {
  return makeError("attention: " + name + " " + x.str() + ": expected " + what + " " +
                   expected.str() + ", got " + got.str());
}

Expected<GraphBuilder::AttentionDims> GraphBuilder::attentionDims(const SymbolicTensor &query,
                                                                  const SymbolicTensor &key,
                                                                  const SymbolicTensor &value) {
  for (auto [name, x] : {std::pair("the query", &query), {"the key", &key}, {"the value", &value}})
    if (llvm::Error error = checkAttentionOperand(name, *x, query))
      return error;
  AttentionDims dims;
  int64_t rank = query.rank();
  dims.hasHeads = rank >= 4;
  int64_t batchRank = rank - (dims.hasHeads ? 3 : 2);
  dims.batch.assign(query.shape.begin(), query.shape.begin() + batchRank);
  dims.queries = query.dim(rank - 2);
  dims.headDim = query.dim(rank - 1);
  dims.keys = key.dim(rank - 2);
  dims.keyRow = key.dim(rank - 1);
  dims.valueRow = value.dim(rank - 1);
  if (isQuantizedRows(key) != isQuantizedRows(value))
    return checkSameElementType("attention", key, value);
  Expected<SymbolicDim> keyDim = columnsOf("the key", key);
  Expected<SymbolicDim> valueDim = keyDim ? columnsOf("the value", value) : keyDim.takeError();
  if (!valueDim)
    return valueDim.takeError();
  dims.valueDim = *valueDim;
  if (dims.hasHeads) {
    dims.heads = query.dim(rank - 3);
    dims.keyHeads = key.dim(rank - 3);
  }
  for (int64_t dim = 0; dim < batchRank; ++dim)
    for (auto [name, x] : {std::pair("the key", &key), {"the value", &value}})
      if (!(x->dim(dim) == dims.batch[dim]))
        return dimsDiffer(name, *x, "batch dim", dims.batch[dim], x->dim(dim));
  if (!(*keyDim == dims.headDim))
    return dimsDiffer("the key", key, "head dim", dims.headDim, *keyDim);
  if (!(value.dim(rank - 2) == dims.keys))
    return dimsDiffer("the value", value, "keys", dims.keys, value.dim(rank - 2));
  if (dims.hasHeads && !(value.dim(rank - 3) == dims.keyHeads))
    return dimsDiffer("the value", value, "heads", dims.keyHeads, value.dim(rank - 3));
  if (!dims.heads.exactQuotient(dims.keyHeads))
    return makeError("attention: expected the " + dims.heads.str() +
                     " query heads to be a multiple of the key heads, got " + dims.keyHeads.str());
  Expected<SymbolicDim> batchSize = numElements(dims.batch);
  if (!batchSize)
    return batchSize.takeError();
  dims.batchSize = *batchSize;
  return dims;
}

static llvm::Error checkDropout(double p, const std::optional<SymbolicTensor> &seed) {
  if (!(p >= 0 && p < 1))
    return makeError("dropout: expected a probability in [0, 1), got " + std::to_string(p));
  if (p > 0 && !seed)
    return makeError("dropout: expected a seed");
  return llvm::Error::success();
}

/// A softcap of 0 makes every score NaN; a negative one is one above 0 with a sign too many.
static llvm::Error checkScores(const AttentionOptions &options) {
  if (std::optional<double> cap = options.softcap; cap && !(*cap > 0 && std::isfinite(*cap)))
    return makeError(llvm::formatv("attention: expected a finite softcap above 0, got {0}", *cap));
  std::optional<int64_t> buckets = options.buckets.constant();
  if (options.bucket && buckets && *buckets < 1)
    return makeError("attention: expected at least 1 bucket, got " + std::to_string(*buckets));
  return llvm::Error::success();
}

Expected<Value> GraphBuilder::seedValue(const SymbolicTensor &seed) {
  if (llvm::Error error = checkElementType("seed", "a scalar", seed, ir.getI64Type()))
    return error;
  return extractScalar(seed);
}

/// The index of each batch dim in `flat`, the row-major index over all of them.
Expected<Value> GraphBuilder::batchIndex(Value flat, const AttentionDims &dims, size_t dim) {
  if (dims.batch.size() == 1)
    return flat;
  Expected<SymbolicDim> inner = numElements(ArrayRef(dims.batch).drop_front(dim + 1));
  Expected<Value> stride = inner ? dimValue(*inner) : inner.takeError();
  Expected<Value> size = stride ? dimValue(dims.batch[dim]) : stride.takeError();
  if (!size)
    return size.takeError();
  Value quotient = arith::DivUIOp::create(ir, currentLoc, flat, *stride);
  return dim == 0 ? quotient : arith::RemUIOp::create(ir, currentLoc, quotient, *size);
}

// Masks are indexed by query row; the regions get the position, which is the row past the first.
Expected<Value> GraphBuilder::maskElement(const SymbolicTensor &mask, const AttentionDims &dims,
                                          Value firstPosition, ValueRange indices) {
  size_t rank = dims.batch.size() + (dims.hasHeads ? 3 : 2);
  SmallVector<Value> position;
  for (size_t dim = rank - mask.shape.size(); dim < rank; ++dim) {
    Expected<Value> index = constantIndex(0);
    if (mask.shape[dim + mask.shape.size() - rank] == SymbolicDim(1)) {
      position.push_back(*index);
      continue;
    }
    if (dim + 1 == rank)
      index = indices[3];
    else if (dim + 2 == rank)
      index = firstPosition
                  ? buildBinary(ir, currentLoc, BinaryKind::Sub, indices[2], firstPosition)
                  : indices[2];
    else if (dim == dims.batch.size())
      index = indices[1];
    else
      index = batchIndex(indices[0], dims, dim);
    if (!index)
      return index.takeError();
    position.push_back(*index);
  }
  return tensor::ExtractOp::create(ir, currentLoc, mask.value, position).getResult();
}

/// The position of query row 0 as a value, null if it is 0.
Expected<Value> GraphBuilder::firstPosition(const AttentionDims &dims,
                                            const AttentionOptions &options) {
  if (options.queryOffset)
    return toIndex(*options.queryOffset);
  if (options.alignment == attn::Alignment::TopLeft || dims.queries == dims.keys)
    return Value();
  Expected<SymbolicDim> offset = dims.keys.minus(dims.queries);
  return offset ? dimValue(*offset) : offset.takeError();
}

llvm::Error GraphBuilder::checkMaskTensor(const SymbolicTensor &mask, const AttentionDims &dims) {
  if (!mask.elementType().isInteger(1) && !isa<FloatType>(mask.elementType()))
    return makeError("attention: expected a mask of bool or float, got " + mask.str());
  SymbolicShape scores = dims.visible({dims.queries, dims.keys});
  Expected<SymbolicShape> common = broadcastShapes("attention mask", {scores, mask.shape});
  if (!common)
    return common.takeError();
  if (*common != scores)
    return makeError("attention: expected a mask that broadcasts to " + formatShape(scores) +
                     ", got " + mask.str());
  return llvm::Error::success();
}

/// The user's mask function and a boolean mask tensor, either or both.
llvm::Error GraphBuilder::buildMaskRegion(Region &region, const AttentionDims &dims,
                                          const AttentionOptions &options, Value first) {
  const std::optional<SymbolicTensor> &tensor = options.maskTensor;
  bool hasTensor = tensor && tensor->elementType().isInteger(1);
  if (!options.mask && !hasTensor)
    return llvm::Error::success();
  auto body = [&](OpBuilder &builder, Location loc, ValueRange indices) -> Expected<Value> {
    Expected<Value> allowed =
        hasTensor ? maskElement(*tensor, dims, first, indices) : Expected<Value>(Value());
    if (!allowed || !options.mask)
      return allowed;
    Expected<Value> predicate = options.mask(builder, loc, indices);
    if (!predicate || !*allowed || !(*predicate).getType().isInteger(1))
      return predicate;
    return arith::AndIOp::create(builder, loc, *predicate, *allowed).getResult();
  };
  SmallVector<Type> types(4, ir.getIndexType());
  return buildRegion(body, addBlock(region, types, currentLoc), ir.getI1Type(), "attention mask");
}

static Value buildSoftcap(OpBuilder &builder, Location loc, Value score, double cap) {
  Value limit = buildConstant(builder, loc, cap, score.getType());
  Value quotient = buildBinary(builder, loc, BinaryKind::Div, score, limit);
  Value tanh = buildUnary(builder, loc, UnaryKind::Tanh, quotient);
  return buildBinary(builder, loc, BinaryKind::Mul, tanh, limit);
}

/// The softcap, the user's score function, then an additive mask tensor.
llvm::Error GraphBuilder::buildScoreRegion(Region &region, const AttentionDims &dims,
                                           const AttentionOptions &options, Value first,
                                           Type type) {
  const std::optional<SymbolicTensor> &tensor = options.maskTensor;
  bool hasTensor = tensor && !tensor->elementType().isInteger(1);
  if (!options.score && !hasTensor && !options.softcap)
    return llvm::Error::success();
  auto body = [&](OpBuilder &builder, Location loc, ValueRange given) -> Expected<Value> {
    SmallVector<Value> arguments(given);
    if (options.softcap)
      arguments[0] = buildSoftcap(builder, loc, arguments[0], *options.softcap);
    Expected<Value> score =
        options.score ? options.score(builder, loc, arguments) : Expected<Value>(arguments[0]);
    if (!score || !hasTensor || (*score).getType() != type)
      return score;
    Expected<Value> bias = maskElement(*tensor, dims, first, ArrayRef(arguments).drop_front());
    if (!bias)
      return bias.takeError();
    return buildBinary(builder, loc, BinaryKind::Add, *score, buildCast(builder, loc, *bias, type));
  };
  SmallVector<Type> types(5, ir.getIndexType());
  types.front() = type;
  return buildRegion(body, addBlock(region, types, currentLoc), type, "attention score");
}

llvm::Error GraphBuilder::buildAttentionRegions(attn::AttentionOp op, const AttentionDims &dims,
                                                const AttentionOptions &options, Value first) {
  Type type = op.getScoreType();
  if (llvm::Error error = buildMaskRegion(op.getMask(), dims, options, first))
    return error;
  if (llvm::Error error = buildScoreRegion(op.getScore(), dims, options, first, type))
    return error;
  SmallVector<Type> types(3, ir.getIndexType());
  if (options.sink)
    if (llvm::Error error = buildRegion(options.sink, addBlock(op.getSink(), types, currentLoc),
                                        type, "attention sink"))
      return error;
  if (!options.bucket)
    return llvm::Error::success();
  types.push_back(ir.getIndexType());
  return buildRegion(options.bucket, addBlock(op.getBucket(), types, currentLoc), ir.getIndexType(),
                     "attention bucket");
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
  if (llvm::Error error = checkScores(options))
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
