// What a language model does along its sequence: embeddings, rotary positions, caches, sampling.
#include "dialect/AttnOps.h"
#include "dialect/CacheRows.h"
#include "frontend/GraphBuilderDetail.h"
#include "frontend/SizeConditions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

static bool isIntegerTensor(const SymbolicTensor &x) {
  return isa<IntegerType>(x.elementType()) && !x.elementType().isInteger(1);
}

GraphBuilder::TensorOrError GraphBuilder::embedding(const SymbolicTensor &ids,
                                                    const SymbolicTensor &table) {
  if (!isIntegerTensor(ids))
    return makeError("embedding: expected ids of integers, got " + ids.str());
  if (llvm::Error error = checkRank("embedding", "a table [V, E]", table, 2))
    return error;
  SymbolicShape shape = ids.shape;
  shape.push_back(table.dim(1));
  TensorOrError column = unsqueeze(ids, -1);
  if (!column)
    return column.takeError();
  // Rows are widened after they are looked up, not the table before.
  Value stored = storedWeights.lookup(table.value);
  auto body = [&](OpBuilder &builder, ValueRange elements) -> Value {
    Value row = buildCast(builder, currentLoc, elements[0], builder.getIndexType());
    row = clampIndex(builder, currentLoc, row, stored ? stored : table.value, 0);
    Value position = linalg::IndexOp::create(builder, currentLoc, ids.rank());
    Value element = tensor::ExtractOp::create(builder, currentLoc, stored ? stored : table.value,
                                              ValueRange{row, position});
    return buildCast(builder, currentLoc, element, table.elementType());
  };
  return elementwise(*column, shape, table.elementType(), body);
}

// ---- Rotary positions --------------------------------------------------------------------------

/// The frequency of each pair, theta^(-2d/R) / scalingFactor.
static SmallVector<double> frequencies(int64_t pairs, const RopeOptions &options) {
  SmallVector<double> values;
  for (int64_t pair = 0; pair < pairs; ++pair) {
    double exponent = static_cast<double>(pair) / static_cast<double>(pairs);
    values.push_back(std::pow(options.theta, -exponent) / options.scalingFactor);
  }
  return values;
}

/// The op to build the tables before: the outermost loop around `block` that `positions` are
/// outside of, or null if there is none.
static Operation *outermostLoop(Block *block, Value positions) {
  if (block == positions.getParentBlock())
    return nullptr;
  Operation *loop = block->getParentOp();
  while (loop && loop->getBlock() != positions.getParentBlock())
    loop = loop->getParentOp();
  return loop;
}

// Angles are computed in f64: in f32 a position of 10^5 would leave them two digits after the
// point. Tables depend on positions alone, so all layers share one pair.
Expected<GraphBuilder::RopeTables> GraphBuilder::ropeTables(const SymbolicTensor &positions,
                                                            int64_t pairs, Type elementType,
                                                            const RopeOptions &options) {
  for (const RopeTables &tables : sharedTables)
    if (tables.positions == positions.value && tables.pairs == pairs &&
        tables.theta == options.theta && tables.scalingFactor == options.scalingFactor &&
        tables.cosine.elementType() == elementType)
      return tables;
  OpBuilder::InsertionGuard guard(ir);
  if (Operation *loop = outermostLoop(ir.getInsertionBlock(), positions.value))
    ir.setInsertionPoint(loop);
  TensorOrError frequency = constant(frequencies(pairs, options), ir.getF64Type(), pairs);
  TensorOrError column = frequency ? unsqueeze(positions, -1) : frequency.takeError();
  if (!column)
    return column.takeError();
  auto table = [&](UnaryKind kind) {
    auto body = [&](OpBuilder &builder, ValueRange elements) {
      Value position = buildCast(builder, currentLoc, elements[0], builder.getF64Type());
      Value angle = arith::MulFOp::create(builder, currentLoc, position, elements[1]);
      Value turned = buildUnary(builder, currentLoc, kind, angle);
      return buildCast(builder, currentLoc, turned, elementType);
    };
    SymbolicShape shape = positions.shape;
    shape.push_back(pairs);
    return elementwise({*column, *frequency}, shape, elementType, body);
  };
  TensorOrError cosine = table(UnaryKind::Cos);
  TensorOrError sine = cosine ? table(UnaryKind::Sin) : cosine.takeError();
  if (!sine)
    return sine.takeError();
  sharedTables.push_back(
      {positions.value, pairs, options.theta, options.scalingFactor, *cosine, *sine});
  return sharedTables.back();
}

static llvm::Error checkRope(const SymbolicTensor &x, const SymbolicTensor &positions,
                             const RopeOptions &options, int64_t rotated) {
  if (!isIntegerTensor(positions) || (positions.rank() != 1 && positions.rank() != 2))
    return makeError("rope: expected positions [L] or [B, L] of integers, got " + positions.str());
  std::optional<int64_t> headDim = x.shape.back().constant();
  if (!headDim)
    return makeError("rope: expected a head dim known at compile time, got " + x.str());
  if (rotated < 2 || rotated % 2 != 0 || rotated > *headDim)
    return makeError("rope: expected an even number of rotated dims up to the head dim " +
                     Twine(*headDim) + ", got " + Twine(rotated));
  if (!(options.theta > 0) || !(options.scalingFactor > 0))
    return makeError("rope: expected theta and scaling factor above 0, got " +
                     formatNumber(options.theta) + " and " + formatNumber(options.scalingFactor));
  return llvm::Error::success();
}

static llvm::Error checkRotarySource(const SymbolicTensor &x, int64_t sequenceDim) {
  if (llvm::Error error = checkFloat("rope", "the input", x))
    return error;
  if (llvm::Error error = checkRank("rope", "an input", x, 4))
    return error;
  if (sequenceDim == 1 || sequenceDim == 2)
    return llvm::Error::success();
  return makeError("rope: expected the sequence at dim 1 or 2, got " + Twine(sequenceDim));
}

GraphBuilder::TensorOrError GraphBuilder::rope(const SymbolicTensor &x,
                                               const SymbolicTensor &positions,
                                               const RopeOptions &options) {
  if (llvm::Error error = checkRotarySource(x, options.sequenceDim))
    return error;
  int64_t rotated =
      options.rotatedDims != 0 ? options.rotatedDims : x.shape.back().constant().value_or(0);
  if (llvm::Error error = checkRope(x, positions, options, rotated))
    return error;
  Expected<RopeTables> tables =
      ropeTables(positions, rotated / 2, accumulatorType(x.elementType()), options);
  return tables ? rotary(x, tables->cosine, tables->sine, options.pairing, options.sequenceDim)
                : tables.takeError();
}

GraphBuilder::TensorOrError GraphBuilder::rotary(const SymbolicTensor &x,
                                                 const SymbolicTensor &cosine,
                                                 const SymbolicTensor &sine,
                                                 attn::RotaryPairing pairing, int64_t sequenceDim) {
  if (llvm::Error error = checkRotarySource(x, sequenceDim))
    return error;
  if (llvm::Error error = checkFloat("rope", "tables", cosine))
    return error;
  if (llvm::Error error = checkSameElementType("rope", cosine, sine))
    return error;
  const SymbolicDim &length = x.dim(sequenceDim);
  bool shared = cosine.rank() == 2 && cosine.dim(0) == length;
  bool perSequence = cosine.rank() == 3 && cosine.dim(0) == x.dim(0) && cosine.dim(1) == length;
  if ((!shared && !perSequence) || cosine.shape != sine.shape)
    return makeError("rope: expected tables [" + length.str() + ", R/2] or [" + x.dim(0).str() +
                     ", " + length.str() + ", R/2], got " + cosine.str() + " and " + sine.str());
  Expected<Value> init = emptyTensor(x.shape, x.elementType());
  if (!init)
    return init.takeError();
  auto op = attn::RotaryOp::create(ir, currentLoc, init->getType(), x.value, cosine.value,
                                   sine.value, *init, pairing, static_cast<uint64_t>(sequenceDim));
  return SymbolicTensor{op.getResult(0), x.shape};
}

// ---- Cache -------------------------------------------------------------------------------------

GraphBuilder::TensorOrError GraphBuilder::cacheAppend(const SymbolicTensor &cache,
                                                      const SymbolicTensor &source,
                                                      const SymbolicTensor &position, bool ring) {
  if (llvm::Error error = checkSameElementType("cache_append", cache, source))
    return error;
  if (llvm::Error error = checkRank("cache_append", "a cache [B, G, C, D]", cache, 4))
    return error;
  SymbolicShape expected = cache.shape;
  if (source.rank() == 4)
    expected[2] = source.dim(2);
  if (source.shape != expected)
    return makeError("cache_append: expected a source that has the dims of the cache " +
                     formatShape(cache.shape) + " except dim 2, got " + source.str());
  bool perSequence = position.rank() == 1;
  if (perSequence &&
      (!position.elementType().isInteger(64) || position.shape != SymbolicShape{cache.dim(0)}))
    return makeError("cache_append: expected a position or " +
                     SymbolicTensor{position.value, {cache.dim(0)}}.str() + ", got " +
                     position.str());
  Expected<Value> at = perSequence ? Expected<Value>(position.value) : toIndex(position);
  if (!at)
    return at.takeError();
  if (llvm::Error error = requireAtMost(currentFunction, currentLoc, source.dim(2), cache.dim(2)))
    return std::move(error);
  auto op = attn::CacheAppendOp::create(ir, currentLoc, cache.value.getType(), source.value,
                                        cache.value, *at, ring);
  return SymbolicTensor{op.getResult(0), cache.shape};
}

GraphBuilder::TensorOrError GraphBuilder::quantizeRows(const SymbolicTensor &x) {
  if (llvm::Error error = checkElementType("quantize_rows", "rows", x, ir.getF32Type()))
    return error;
  std::optional<int64_t> columns = x.rank() == 0 ? std::nullopt : x.dim(x.rank() - 1).constant();
  if (!columns || *columns < 1)
    return makeError("quantize_rows: expected rows of a known size of at least 1, got " + x.str());
  SymbolicShape shape = x.shape;
  shape.back() = attn::quantizedRowBytes(*columns);
  Expected<Value> init = emptyTensor(shape, ir.getI8Type());
  if (!init)
    return init.takeError();
  auto op = attn::QuantizeRowsOp::create(ir, currentLoc, (*init).getType(), x.value, *init);
  return SymbolicTensor{op.getResult(0), shape};
}

// ---- Sampling ----------------------------------------------------------------------------------

Expected<Value> GraphBuilder::scalarOr(StringRef name, const std::optional<SymbolicTensor> &given,
                                       double absent, Type type) {
  if (!given)
    return buildConstant(ir, currentLoc, absent, type);
  if (given->elementType() != type || given->rank() != 0)
    return makeError("sample: expected " + name + " to be a scalar of " + formatType(type) +
                     ", got " + given->str());
  return extractScalar(*given);
}

GraphBuilder::TensorOrError GraphBuilder::sample(const SymbolicTensor &logits,
                                                 const SampleOptions &options) {
  if (llvm::Error error = checkFloat("sample", "logits", logits))
    return error;
  if (llvm::Error error = checkRank("sample", "logits [B, V]", logits, 2))
    return error;
  Type f32 = ir.getF32Type(), i64 = ir.getI64Type();
  Expected<Value> init = emptyTensor(logits.dim(0), i64);
  Expected<Value> temperature =
      init ? scalarOr("temperature", options.temperature, 1, f32) : init.takeError();
  Expected<Value> topK =
      temperature ? scalarOr("top_k", options.topK, 0, i64) : temperature.takeError();
  Expected<Value> topP = topK ? scalarOr("top_p", options.topP, 1, f32) : topK.takeError();
  Expected<Value> minP = topP ? scalarOr("min_p", options.minP, 0, f32) : topP.takeError();
  Expected<Value> seed = minP ? scalarOr("seed", options.seed, 0, i64) : minP.takeError();
  if (!seed)
    return seed.takeError();
  auto op = attn::SampleOp::create(ir, currentLoc, init->getType(), logits.value, *init,
                                   *temperature, *topK, *topP, *minP, *seed);
  return SymbolicTensor{op.getResult(0), SymbolicShape{logits.dim(0)}};
}
