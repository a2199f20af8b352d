// Attention and what belongs to it: masks, positions, caches, embeddings, dropout, sampling.
#include "frontend/Builtins.h"

namespace fovea {

using MaybeValue = std::optional<Value>;

// The arguments b, h, i, j of a mask or bucket function, or the last two: `lambda i, j: ...`.
static std::optional<llvm::SmallVector<unsigned>> passedToMask(BuiltinCall &call,
                                                               llvm::StringRef parameter) {
  size_t count = *Importer::countParameters(call.value(parameter));
  if (count == 2)
    return llvm::SmallVector<unsigned>{2, 3};
  if (count == 4)
    return llvm::SmallVector<unsigned>{0, 1, 2, 3};
  return call.fail(parameter, "a " + parameter +
                                  " function takes (i, j) or (b, h, i, j), got one of " +
                                  llvm::Twine(count) + " parameters");
}

static std::optional<llvm::SmallVector<unsigned>> passedToScore(BuiltinCall &call) {
  auto count = Importer::countParameters(call.value("score"));
  if (!count)
    return call.failExpected("score", "a function");
  if (count == 1u)
    return llvm::SmallVector<unsigned>{0};
  if (count == 3u)
    return llvm::SmallVector<unsigned>{0, 3, 4};
  if (count == 5u)
    return llvm::SmallVector<unsigned>{0, 1, 2, 3, 4};
  return call.fail("score", "a score function takes (s), (s, i, j) or (s, b, h, i, j), got one "
                            "of " +
                                llvm::Twine(*count) + " parameters");
}

static std::optional<llvm::SmallVector<unsigned>> passedToSink(BuiltinCall &call) {
  auto count = Importer::countParameters(call.value("sink"));
  if (count == 1u)
    return llvm::SmallVector<unsigned>{1};
  if (count == 3u)
    return llvm::SmallVector<unsigned>{0, 1, 2};
  if (!count)
    return call.failExpected("sink", "a function");
  return call.fail("sink", "a sink function takes (h) or (b, h, i), got one of " +
                               llvm::Twine(*count) + " parameters");
}

// What is known of b, h, i and j. Positions of queries may be negative, or anything, unless row r
// is at position r.
static Importer::IndexBounds boundPositions(const SymbolicTensor &query, const SymbolicTensor &key,
                                            const AttentionOptions &options) {
  Importer::IndexBounds bounds(4);
  auto rank = static_cast<size_t>(query.rank());
  if (rank < 2 || key.shape.size() != rank)
    return bounds;
  if (rank == 4) {
    bounds[0] = query.shape[0];
    bounds[1] = query.shape[1];
  }
  SymbolicDim queries = query.shape[rank - 2], keys = key.shape[rank - 2];
  bool fromZero = options.alignment == attn::Alignment::TopLeft || queries == keys;
  if (!options.queryOffset && fromZero)
    bounds[2] = queries;
  bounds[3] = keys;
  return bounds;
}

// The function gives the bucket of a pair of query and key, and asks for the sums by bucket.
static bool readBuckets(BuiltinCall &call, AttentionOptions &options,
                        const Importer::IndexBounds &bounds) {
  if (!call.has("bucket")) {
    if (call.has("buckets"))
      call.fail("buckets", "'buckets' counts those of a function 'bucket', which is missing");
    return !call.hasFailed();
  }
  if (!Importer::countParameters(call.value("bucket"))) {
    call.failExpected("bucket", "a function");
    return false;
  }
  auto passed = passedToMask(call, "bucket");
  if (passed && !call.has("buckets"))
    call.fail("bucket", "a bucket function needs 'buckets', their number");
  if (call.hasFailed())
    return false;
  options.bucket =
      call.importer.makeRegion(call.value("bucket"), call.rangeOf("bucket"), *passed,
                               call.importer.getGraph().opBuilder().getIndexType(), bounds);
  options.buckets = call.dim("buckets");
  return !call.hasFailed();
}

/// The sum of two float tensors, in f32 or f64 if their types differ: scores are no narrower.
static GraphBuilder::TensorOrError addWide(GraphBuilder &g, const SymbolicTensor &a,
                                           const SymbolicTensor &b) {
  mlir::Type type = a.elementType();
  if (b.elementType() != type)
    type = type.isF64() || b.elementType().isF64() ? mlir::Type(g.opBuilder().getF64Type())
                                                   : mlir::Type(g.opBuilder().getF32Type());
  auto left = g.cast(a, type);
  auto right = left ? g.cast(b, type) : std::move(left);
  return right ? g.add(*left, *right) : std::move(right);
}

// A mask is a function of positions, a boolean tensor, or a float tensor added to the scores;
// `bias` is such a float tensor too, and may be there beside any mask.
static bool readMask(BuiltinCall &call, AttentionOptions &options,
                     const Importer::IndexBounds &bounds) {
  options.maskTensor = call.optionalTensor("bias");
  if (!call.has("mask"))
    return !call.hasFailed();
  if (Importer::countParameters(call.value("mask"))) {
    auto passed = passedToMask(call, "mask");
    if (passed)
      options.mask =
          call.importer.makeRegion(call.value("mask"), call.rangeOf("mask"), *passed,
                                   call.importer.getGraph().opBuilder().getI1Type(), bounds);
    return !call.hasFailed();
  }
  if (!call.value("mask").is<SymbolicTensor>()) {
    call.failExpected("mask", "a function or a tensor");
    return false;
  }
  SymbolicTensor mask = call.tensor("mask");
  if (call.hasFailed())
    return false;
  if (!options.maskTensor) {
    options.maskTensor = mask;
    return true;
  }
  bool isFloat = llvm::isa<mlir::FloatType>(mask.elementType());
  if (!isFloat && !mask.elementType().isInteger(1)) {
    call.fail("mask", "beside a bias the mask must be boolean or float, got " + mask.str());
    return false;
  }
  SymbolicTensor bias = *options.maskTensor;
  auto merged =
      call.importer.build(call.range, [&](GraphBuilder &g) -> GraphBuilder::TensorOrError {
        if (isFloat)
          return addWide(g, mask, bias);
        auto excluded = g.scalar(-std::numeric_limits<double>::infinity(), bias.elementType());
        return excluded ? g.where(mask, bias, *excluded) : std::move(excluded);
      });
  options.maskTensor = merged;
  return merged.has_value();
}

static bool readAlignment(BuiltinCall &call, AttentionOptions &options) {
  std::string align = call.text("align", "bottom_right");
  if (align == "top_left")
    options.alignment = attn::Alignment::TopLeft;
  else if (align != "bottom_right")
    call.fail("align", "expected 'bottom_right' or 'top_left', got '" + align + "'" +
                           didYouMean(align, {"bottom_right", "top_left"}));
  return !call.hasFailed();
}

static MaybeValue attention(BuiltinCall &call) {
  SymbolicTensor query = call.tensor("query"), key = call.tensor("key"),
                 value = call.tensor("value");
  mlir::OpBuilder &types = call.importer.getGraph().opBuilder();
  AttentionOptions options;
  if (call.hasFailed() || !readAlignment(call, options))
    return std::nullopt;
  options.queryOffset = call.scalar("offset", types.getI64Type());
  Importer::IndexBounds bounds = boundPositions(query, key, options);
  if (call.hasFailed() || !readMask(call, options, bounds))
    return std::nullopt;
  mlir::Type scoreType = accumulatorType(query.elementType());
  if (call.has("score"))
    if (auto passed = passedToScore(call))
      options.score = call.importer.makeRegion(call.value("score"), call.rangeOf("score"), *passed,
                                               scoreType, bounds);
  if (call.has("sink"))
    if (auto passed = passedToSink(call))
      options.sink = call.importer.makeRegion(call.value("sink"), call.rangeOf("sink"), *passed,
                                              scoreType, bounds);
  if (call.has("scale"))
    options.scale = call.number("scale");
  options.dropout = call.number("dropout", 0);
  options.seed = call.scalar("seed", types.getI64Type());
  options.withWeights = call.flag("return_weights");
  options.withLse = call.flag("return_lse");
  options.withColumnSums = call.flag("return_column_sums");
  if (call.has("softcap"))
    options.softcap = call.number("softcap");
  if (!readBuckets(call, options, bounds))
    return std::nullopt;
  auto results = call.importer.build(
      call.range, [&](GraphBuilder &g) { return g.attention(query, key, value, options); });
  if (!results)
    return std::nullopt;
  std::vector<Value> values{Value(results->output)};
  for (const auto &more :
       {results->weights, results->lse, results->columnSums, results->bucketSums})
    if (more)
      values.emplace_back(*more);
  return values.size() == 1 ? values[0] : Value(std::move(values));
}

static MaybeValue createMask(BuiltinCall &call) {
  SymbolicShape shape = call.shape("shape");
  auto count = Importer::countParameters(call.value("predicate"));
  if (!count)
    return call.failExpected("predicate", "a function");
  if (*count != shape.size())
    return call.fail("predicate", "expected a function of " + llvm::Twine(shape.size()) +
                                      " indices, got one of " + llvm::Twine(*count));
  llvm::SmallVector<unsigned> passed;
  for (unsigned i = 0; i < *count; ++i)
    passed.push_back(i);
  RegionBuilder region =
      call.importer.makeRegion(call.value("predicate"), call.rangeOf("predicate"), passed,
                               call.importer.getGraph().opBuilder().getI1Type(),
                               Importer::IndexBounds(shape.begin(), shape.end()));
  return call.build([&](GraphBuilder &g) { return g.createMask(shape, region); });
}

static attn::RotaryPairing readPairing(BuiltinCall &call) {
  return call.flag("interleaved") ? attn::RotaryPairing::Interleaved
                                  : attn::RotaryPairing::HalfSplit;
}

static MaybeValue rope(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x"), positions = call.tensor("positions");
  RopeOptions options;
  options.theta = call.number("theta", options.theta);
  options.rotatedDims = call.integer("dims", 0);
  options.pairing = readPairing(call);
  options.sequenceDim = call.integer("sequence_dim", 2);
  options.scalingFactor = call.number("scaling", 1);
  return call.build([&](GraphBuilder &g) { return g.rope(x, positions, options); });
}

static MaybeValue rotary(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x"), cosine = call.tensor("cos"), sine = call.tensor("sin");
  attn::RotaryPairing pairing = readPairing(call);
  int64_t dim = call.integer("sequence_dim", 2);
  return call.build([&](GraphBuilder &g) { return g.rotary(x, cosine, sine, pairing, dim); });
}

static MaybeValue cacheAppend(BuiltinCall &call) {
  SymbolicTensor cache = call.tensor("cache"), source = call.tensor("source");
  Value given = call.value("position");
  auto *each = given.get<SymbolicTensor>();
  auto position = each && each->rank() == 1
                      ? std::optional(*each)
                      : call.scalar("position", call.importer.getGraph().opBuilder().getI64Type());
  bool ring = call.flag("ring");
  return call.build([&](GraphBuilder &g) { return g.cacheAppend(cache, source, *position, ring); });
}

static MaybeValue quantizeRows(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  return call.build([&](GraphBuilder &g) { return g.quantizeRows(x); });
}

static MaybeValue embedding(BuiltinCall &call) {
  SymbolicTensor ids = call.tensor("ids"), table = call.tensor("table");
  return call.build([&](GraphBuilder &g) { return g.embedding(ids, table); });
}

static MaybeValue dropout(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  double p = call.number("p");
  auto seed = call.scalar("seed", call.importer.getGraph().opBuilder().getI64Type());
  if (p == 0 && !call.hasFailed())
    return Value(x);
  if (!seed)
    return call.hasFailed() ? std::nullopt
                            : MaybeValue(call.fail("seed", "dropout needs a 'seed'"));
  return call.build([&](GraphBuilder &g) { return g.dropout(x, *seed, p); });
}

static MaybeValue sample(BuiltinCall &call) {
  SymbolicTensor logits = call.tensor("logits");
  mlir::OpBuilder &types = call.importer.getGraph().opBuilder();
  SampleOptions options;
  options.temperature = call.scalar("temperature", types.getF32Type());
  options.topK = call.scalar("top_k", types.getI64Type());
  options.topP = call.scalar("top_p", types.getF32Type());
  options.minP = call.scalar("min_p", types.getF32Type());
  options.seed = call.scalar("seed", types.getI64Type());
  return call.build([&](GraphBuilder &g) { return g.sample(logits, options); });
}

llvm::ArrayRef<Builtin> getAttentionBuiltins() {
  static const Builtin table[] = {
      {"attention",
       "query, key, value, mask=, score=, scale=, bias=, sink=, align=, offset=, dropout=, seed=, "
       "return_weights=, return_lse=, return_column_sums=, softcap=, bucket=, buckets=",
       attention, false},
      {"create_mask", "shape, predicate", createMask, false},
      {"rope", "x, positions, theta=, dims=, interleaved=, sequence_dim=, scaling=", rope},
      {"rotary", "x, cos, sin, interleaved=, sequence_dim=", rotary},
      {"cache_append", "cache, source, position, ring=", cacheAppend, false},
      {"quantize_rows", "x", quantizeRows, false},
      {"embedding", "ids, table", embedding, false},
      {"dropout", "x, p, seed=", dropout},
      {"sample", "logits, temperature=, top_k=, top_p=, min_p=, seed=", sample, false},
  };
  return table;
}

} // namespace fovea
