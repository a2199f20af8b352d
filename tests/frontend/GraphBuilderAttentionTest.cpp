// Attention, masks, dropout, and what runs along the sequence.
#include "GraphBuilderFixture.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace fovea;

namespace {

llvm::Expected<mlir::Value> causal(mlir::OpBuilder &builder, mlir::Location loc,
                                   mlir::ValueRange indices) {
  return buildCompare(builder, loc, CompareKind::Ge, indices[2], indices[3]);
}

/// A score function of the score alone.
RegionBuilder scoreBy(UnaryKind kind) {
  return [kind](mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange arguments) {
    return llvm::Expected<mlir::Value>(buildUnary(builder, loc, kind, arguments[0]));
  };
}

/// Yields the last position, whatever is asked for.
llvm::Expected<mlir::Value> lastArgument(mlir::OpBuilder &, mlir::Location,
                                         mlir::ValueRange arguments) {
  return arguments.back();
}

TEST_F(GraphBuilderTest, AttentionOfRankFourIsUsedAsItIs) {
  auto x = begin({{B, 8, L, 64}, {B, 2, L, 64}, {B, 2, L, 32}});
  AttentionOptions options;
  options.mask = causal;
  auto y = llvm::cantFail(b.attention(x[0], x[1], x[2], options));
  EXPECT_EQ(y.output.str(), "f32[B, 8, L, 32]");
  EXPECT_FALSE(y.weights || y.lse);
  std::string text = finish(y.output);
  EXPECT_TRUE(inOrder(
      text, {"attn.attention ins(%arg0, %arg1, %arg2", "mask", "arith.cmpi sge", "attn.yield"}));
  EXPECT_FALSE(llvm::StringRef(text).contains("_shape"));
}

TEST_F(GraphBuilderTest, AttentionGetsAHeadDimAndLosesIt) {
  auto x = begin({{B, L, 64}});
  AttentionOptions options;
  options.withWeights = options.withLse = true;
  auto y = llvm::cantFail(b.attention(x[0], x[0], x[0], options));
  EXPECT_EQ(y.output.str(), "f32[B, L, 64]");
  EXPECT_EQ(y.weights->str(), "f32[B, L, L]");
  EXPECT_EQ(y.lse->str(), "f32[B, L]");
  EXPECT_TRUE(inOrder(finish({{"y", y.output}, {"w", *y.weights}, {"lse", *y.lse}}),
                      {"tensor.expand_shape", "attn.attention", "with_lse", "with_weights",
                       "tensor.collapse_shape", "tensor.collapse_shape", "tensor.collapse_shape"}));
}

TEST_F(GraphBuilderTest, AttentionSums) {
  SymbolicDim S = SymbolicDim::symbol("S");
  auto x = begin({{B, 8, L, 64}, {B, 8, S, 64}});
  AttentionOptions options;
  options.withColumnSums = true;
  options.bucket = lastArgument;
  options.buckets = 5;
  auto y = llvm::cantFail(b.attention(x[0], x[1], x[1], options));
  EXPECT_EQ(y.columnSums->str(), "f32[B, 8, S]");
  EXPECT_EQ(y.bucketSums->str(), "f32[B, 8, L, 5]");
  // The op sums up chunks of queries; what is left is a sum over the chunks.
  EXPECT_TRUE(inOrder(finish({{"y", y.output}, {"c", *y.columnSums}, {"n", *y.bucketSums}}),
                      {"attn.attention", "column_chunk", "bucket", "linalg.generic", "reduction"}));
}

TEST_F(GraphBuilderTest, SoftcapComesBeforeTheScoreFunction) {
  auto x = begin({{B, 8, L, 64}});
  AttentionOptions options;
  options.softcap = 30;
  options.score = scoreBy(UnaryKind::Abs);
  auto y = llvm::cantFail(b.attention(x[0], x[0], x[0], options));
  EXPECT_TRUE(inOrder(finish(y.output), {"attn.attention", "score", "3.0", "arith.divf",
                                         "math.tanh", "arith.mulf", "math.absf"}));
}

TEST_F(GraphBuilderTest, SoftcapAndBucketErrors) {
  auto x = begin({{B, 8, L, 64}});
  AttentionOptions options;
  double infinity = std::numeric_limits<double>::infinity();
  for (auto [cap, text] : {std::pair(0.0, "0.0"),
                           {-1.0, "-1.0"},
                           {infinity, "inf"},
                           {std::numeric_limits<double>::quiet_NaN(), "nan"}}) {
    options.softcap = cap;
    EXPECT_EQ(errorOf(b.attention(x[0], x[0], x[0], options)),
              std::string("attention: expected a finite softcap above 0, got ") + text);
  }
  options.softcap.reset();
  options.bucket = causal;
  options.buckets = 0;
  EXPECT_EQ(errorOf(b.attention(x[0], x[0], x[0], options)),
            "attention: expected at least 1 bucket, got 0");
}

TEST_F(GraphBuilderTest, AttentionWithoutBatch) {
  auto x = begin({{6, 2}});
  EXPECT_EQ(llvm::cantFail(b.attention(x[0], x[0], x[0])).output.str(), "f32[6, 2]");
}

TEST_F(GraphBuilderTest, BatchDimsAreCollapsedAndMasksFollow) {
  auto x = begin({{f32(), {B, 3, 2, L, 8}}, {i1(), {3, 1, 1, L}}});
  AttentionOptions options;
  options.maskTensor = x[1];
  auto y = llvm::cantFail(b.attention(x[0], x[0], x[0], options));
  EXPECT_EQ(y.output.str(), "f32[B, 3, 2, L, 8]");
  // The second batch dim is the flat index modulo 3.
  EXPECT_TRUE(inOrder(finish(y.output), {"tensor.collapse_shape", "attn.attention", "mask",
                                         "arith.divui", "arith.remui", "tensor.extract %arg1",
                                         "attn.yield", "tensor.expand_shape"}));
}

TEST_F(GraphBuilderTest, MaskTensorIsIndexedByRow) {
  auto x = begin({{f32(), {B, 8, 4, 64}}, {f32(), {B, 8, L, 64}}, {i1(), {4, L}}});
  AttentionOptions options;
  options.mask = causal;
  options.maskTensor = x[2];
  auto y = llvm::cantFail(b.attention(x[0], x[1], x[1], options));
  // Positions start at L - 4; rows at 0.
  EXPECT_TRUE(
      inOrder(finish(y.output), {"attn.attention", "mask", "arith.subi", "tensor.extract %arg2",
                                 "arith.cmpi sge", "arith.andi", "attn.yield"}));
}

TEST_F(GraphBuilderTest, AdditiveMaskGoesIntoTheScore) {
  auto x = begin({{f16(), {B, 8, L, 64}}, {f16(), {L, L}}});
  AttentionOptions options;
  options.maskTensor = x[1];
  options.score = scoreBy(UnaryKind::Tanh);
  auto y = llvm::cantFail(b.attention(x[0], x[0], x[0], options));
  EXPECT_TRUE(inOrder(finish(y.output), {"attn.attention", "score", "f32,", "math.tanh",
                                         "tensor.extract %arg1", "arith.extf", "arith.addf"}));
}

TEST_F(GraphBuilderTest, AttentionOffsetSeedScaleAndSink) {
  auto x = begin({{f32(), {B, 8, 1, 64}}, {f32(), {B, 8, L, 64}}, {i64(), {}}});
  AttentionOptions options;
  options.scale = 0.5;
  options.queryOffset = x[2];
  options.dropout = 0.25;
  options.seed = x[2];
  options.sink = [](mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange) {
    return llvm::Expected<mlir::Value>(buildConstant(builder, loc, 1, builder.getF32Type()));
  };
  auto y = llvm::cantFail(b.attention(x[0], x[1], x[1], options));
  EXPECT_TRUE(inOrder(finish(y.output), {"attn.attention", "offset(%", "seed(%", "dropout = 2.5",
                                         "scale = 5.0", "sink"}));
}

TEST_F(GraphBuilderTest, AttentionErrors) {
  auto x = begin({{f32(), {B, 8, L, 64}},
                  {f32(), {B, 3, L, 64}},
                  {f32(), {E, 8, L, 64}},
                  {f32(), {B, 8, L, 32}},
                  {f32(), {B, L, 64}},
                  {f16(), {B, 8, L, 64}},
                  {f32(), {B, 8, E, 64}},
                  {i64(), {B, 8, L, 64}},
                  {f32(), {64}}});
  auto error = [&](int q, int k, int v) { return errorOf(b.attention(x[q], x[k], x[v])); };
  EXPECT_EQ(error(0, 1, 1),
            "attention: expected the 8 query heads to be a multiple of the key heads, got 3");
  EXPECT_EQ(error(0, 2, 2), "attention: the key f32[E, 8, L, 64]: expected batch dim B, got E");
  EXPECT_EQ(error(0, 3, 0), "attention: the key f32[B, 8, L, 32]: expected head dim 64, got 32");
  EXPECT_EQ(error(0, 0, 6), "attention: the value f32[B, 8, E, 64]: expected keys L, got E");
  EXPECT_EQ(error(0, 0, 1), "attention: the value f32[B, 3, L, 64]: expected heads 8, got 3");
  EXPECT_EQ(error(0, 4, 4), "attention: expected query, key and value of one rank of at least 2, "
                            "got f32[B, 8, L, 64] and the key f32[B, L, 64]");
  EXPECT_EQ(error(8, 8, 8), "attention: expected query, key and value of one rank of at least 2, "
                            "got f32[64] and the query f32[64]");
  EXPECT_EQ(error(0, 5, 5),
            "attention: element types differ: f32[B, 8, L, 64] and f16[B, 8, L, 64]; "
            "convert one of them, as in x.to(f32)");
  EXPECT_EQ(error(7, 7, 7), "attention: expected the query of floats, got i64[B, 8, L, 64]");
}

TEST_F(GraphBuilderTest, AttentionOptionErrors) {
  auto x =
      begin({{f32(), {B, 8, L, 64}}, {i1(), {4, 4}}, {i64(), {L, L}}, {i1(), {1, 1, 1, 1, 1}}});
  auto error = [&](auto change) {
    AttentionOptions options;
    change(options);
    return errorOf(b.attention(x[0], x[0], x[0], options));
  };
  EXPECT_EQ(error([](auto &o) { o.dropout = 1; }),
            "dropout: expected a probability in [0, 1), got 1.0");
  EXPECT_EQ(error([](auto &o) { o.dropout = 0.5; }), "dropout: expected a seed");
  EXPECT_EQ(error([&](auto &o) { o.dropout = 0.5, o.seed = x[0]; }),
            "seed: expected a scalar of i64, got f32[B, 8, L, 64]");
  EXPECT_EQ(error([&](auto &o) { o.maskTensor = x[1]; }),
            "attention mask: shapes do not broadcast: [B, 8, L, L] and [4, 4]: L against 4");
  EXPECT_EQ(error([&](auto &o) { o.maskTensor = x[2]; }),
            "attention: expected a mask of bool or float, got i64[L, L]");
  EXPECT_EQ(error([&](auto &o) { o.maskTensor = x[3]; }),
            "attention: expected a mask that broadcasts to [B, 8, L, L], got bool[1, 1, 1, 1, 1]");
  EXPECT_EQ(error([&](auto &o) { o.queryOffset = x[1]; }),
            "attention: expected offset to be an integer scalar, got bool[4, 4]");
  EXPECT_EQ(error([&](auto &o) { o.mask = lastArgument; }),
            "attention mask: expected bool, got index");
  EXPECT_EQ(error([&](auto &o) { o.score = lastArgument; }),
            "attention score: expected f32, got index");
  EXPECT_EQ(error([&](auto &o) { o.sink = lastArgument; }),
            "attention sink: expected f32, got index");
  // Nothing of the failed attempts is left.
  EXPECT_FALSE(llvm::StringRef(finish(x[0])).contains("attn.attention"));
}

TEST_F(GraphBuilderTest, MasksAreMadeAndApplied) {
  auto x = begin({{B, 8, L, L}});
  auto predicate = [](mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange indices) {
    return llvm::Expected<mlir::Value>(
        buildCompare(builder, loc, CompareKind::Ge, indices[0], indices[1]));
  };
  auto mask = llvm::cantFail(b.createMask({L, L}, predicate));
  EXPECT_EQ(mask.str(), "bool[L, L]");
  EXPECT_TRUE(inOrder(finish(b.applyMask(x[0], mask, -1e9)),
                      {"attn.create_mask", "where", "arith.cmpi sge", "attn.apply_mask ins(%arg0",
                       "fill(-1.000000e+09"}));
}

TEST_F(GraphBuilderTest, MaskErrors) {
  auto x = begin({{f32(), {L, L}}, {i1(), {4}}, {i1(), {B, L, L}}});
  EXPECT_EQ(errorOf(b.createMask({}, causal)),
            "create_mask: expected a predicate and a shape of rank 1 or more");
  EXPECT_EQ(errorOf(b.createMask({L}, nullptr)),
            "create_mask: expected a predicate and a shape of rank 1 or more");
  EXPECT_EQ(errorOf(b.applyMask(x[1], x[1], 0)),
            "apply_mask: expected scores of floats, got bool[4]");
  EXPECT_EQ(errorOf(b.applyMask(x[0], x[0], 0)),
            "apply_mask: expected the mask of bool, got f32[L, L]");
  EXPECT_EQ(errorOf(b.applyMask(x[0], x[1], 0)),
            "apply_mask: shapes do not broadcast: [L, L] and [4]: L against 4");
  EXPECT_EQ(errorOf(b.applyMask(x[0], x[2], 0)),
            "apply_mask: expected a mask that broadcasts to [L, L], got bool[B, L, L]");
}

// ---- Along the sequence ------------------------------------------------------------------------

TEST_F(GraphBuilderTest, RopeTablesAreSharedAndOutsideTheLoop) {
  auto x = begin({{f32(), {B, 8, L, 64}}, {i64(), {L}}});
  auto looped = b.forLoop(3, x[0],
                          [&](mlir::Value, llvm::ArrayRef<SymbolicTensor> carried)
                              -> llvm::Expected<GraphBuilder::Tensors> {
                            auto once = b.rope(carried[0], x[1]);
                            auto twice = once ? b.rope(*once, x[1]) : once.takeError();
                            if (!twice)
                              return twice.takeError();
                            return GraphBuilder::Tensors{*twice};
                          });
  std::string text = finish({{"y", llvm::cantFail(std::move(looped)).front()}});
  EXPECT_TRUE(inOrder(
      text, {"math.cos", ": f64", "math.sin", ": f64", "scf.for", "attn.rotary", "attn.rotary"}));
  EXPECT_EQ(llvm::StringRef(text).count("math.cos"), 1u);
}

TEST_F(GraphBuilderTest, RopeOfPositionsMadeInTheLoop) {
  auto x = begin({{f32(), {B, L, 8, 64}}});
  RopeOptions options;
  options.sequenceDim = 1;
  options.rotatedDims = 32;
  auto looped = b.forLoop(
      3, x,
      [&](mlir::Value,
          llvm::ArrayRef<SymbolicTensor> carried) -> llvm::Expected<GraphBuilder::Tensors> {
        auto positions = b.arange(i64(), L);
        auto turned = positions ? b.rope(carried[0], *positions, options) : positions.takeError();
        if (!turned)
          return turned.takeError();
        return GraphBuilder::Tensors{*turned};
      });
  EXPECT_TRUE(
      inOrder(finish({{"y", llvm::cantFail(std::move(looped)).front()}}),
              {"scf.for", "math.cos", "attn.rotary", "tensor<?x16xf32>", "sequence_dim = 1"}));
}

TEST_F(GraphBuilderTest, RopeErrors) {
  auto x = begin({{f32(), {B, 8, L, 64}},
                  {i64(), {L}},
                  {f32(), {L}},
                  {f32(), {B, L, E}},
                  {f32(), {B, 8, L, E}},
                  {f32(), {L, 32}},
                  {f32(), {B, 32}}});
  auto error = [&](int input, int positions, RopeOptions options = {}) {
    return errorOf(b.rope(x[input], x[positions], options));
  };
  EXPECT_EQ(error(0, 2), "rope: expected positions [L] or [B, L] of integers, got f32[L]");
  EXPECT_EQ(error(3, 1), "rope: expected an input of rank 4, got f32[B, L, E]");
  EXPECT_EQ(error(4, 1), "rope: expected a head dim known at compile time, got f32[B, 8, L, E]");
  EXPECT_EQ(error(0, 1, {.rotatedDims = 66}),
            "rope: expected an even number of rotated dims up to the head dim 64, got 66");
  EXPECT_EQ(error(0, 1, {.rotatedDims = 3}),
            "rope: expected an even number of rotated dims up to the head dim 64, got 3");
  EXPECT_EQ(error(0, 1, {.theta = 0}),
            "rope: expected theta and scaling factor above 0, got 0.0 and 1.0");
  EXPECT_EQ(error(0, 1, {.sequenceDim = 3}), "rope: expected the sequence at dim 1 or 2, got 3");
  EXPECT_EQ(errorOf(b.rotary(x[0], x[5], x[6], attn::RotaryPairing::HalfSplit, 2)),
            "rope: expected tables [L, R/2] or [B, L, R/2], got f32[L, 32] and f32[B, 32]");
}

TEST_F(GraphBuilderTest, EmbeddingGathersRows) {
  auto x = begin({{i64(), {B, L}}, {f32(), {512, 64}}});
  auto y = llvm::cantFail(b.embedding(x[0], x[1]));
  EXPECT_EQ(y.str(), "f32[B, L, 64]");
  EXPECT_TRUE(inOrder(finish(y), {"(d0, d1, d2) -> (d0, d1)", "linalg.generic", "arith.index_cast",
                                  "linalg.index 2", "tensor.extract %arg1"}));
}

TEST_F(GraphBuilderTest, CacheIsWrittenAtAPosition) {
  auto x = begin({{f32(), {B, 2, 512, 8}}, {f32(), {B, 2, L, 8}}, {i64(), {}}});
  EXPECT_TRUE(inOrder(finish(b.cacheAppend(x[0], x[1], x[2], /*ring=*/true)),
                      {"attn.cache_append ins(%arg1", "outs(%arg0", "at(%", "ring"}));
}

TEST_F(GraphBuilderTest, QuantizedRowsAreKeysAndValues) {
  auto x = begin({{f32(), {B, 4, L, 64}}, {f32(), {B, 2, L, 64}}, {f32(), {B, 2, L, 40}}});
  auto keys = llvm::cantFail(b.quantizeRows(x[1])), values = llvm::cantFail(b.quantizeRows(x[2]));
  EXPECT_EQ(keys.str(), "i8[B, 2, L, 68]");
  EXPECT_EQ(values.str(), "i8[B, 2, L, 44]");
  auto y = llvm::cantFail(b.attention(x[0], keys, values));
  EXPECT_EQ(y.output.str(), "f32[B, 4, L, 40]");
  EXPECT_TRUE(inOrder(finish(y.output), {"attn.quantize_rows", "attn.quantize_rows",
                                         "tensor<?x2x?x68xi8>, tensor<?x2x?x44xi8>"}));
}

TEST_F(GraphBuilderTest, QuantizedRowsErrors) {
  auto x = begin({{f32(), {B, 4, L, 64}},
                  {f16(), {B, 4, L, 64}},
                  {f32(), {B, L}},
                  {b.opBuilder().getI8Type(), {B, 4, L, 68}},
                  {b.opBuilder().getI8Type(), {B, 4, L, 35}},
                  {b.opBuilder().getI8Type(), {B, 4, L, 34}}});
  EXPECT_EQ(errorOf(b.quantizeRows(x[1])),
            "quantize_rows: expected rows of f32, got f16[B, 4, L, 64]");
  EXPECT_EQ(errorOf(b.quantizeRows(x[2])),
            "quantize_rows: expected rows of a known size of at least 1, got f32[B, L]");
  EXPECT_EQ(errorOf(b.attention(x[0], x[3], x[0])),
            "attention: element types differ: i8[B, 4, L, 68] and f32[B, 4, L, 64]; "
            "convert one of them, as in x.to(f32)");
  EXPECT_EQ(errorOf(b.attention(x[1], x[3], x[3])),
            "attention: expected the key of floats, got i8[B, 4, L, 68]");
  EXPECT_EQ(errorOf(b.attention(x[0], x[4], x[3])),
            "attention: expected the key of i8 to be rows of quantize_rows, of a known size, got "
            "i8[B, 4, L, 35]");
  EXPECT_EQ(errorOf(b.attention(x[0], x[5], x[3])),
            "attention: the key i8[B, 4, L, 34]: expected head dim 64, got 32");
}

TEST_F(GraphBuilderTest, SamplingDefaults) {
  auto x = begin({{f32(), {B, 512}}, {i64(), {}}});
  SampleOptions options;
  options.topK = x[1];
  auto y = llvm::cantFail(b.sample(x[0], options));
  EXPECT_EQ(y.str(), "i64[B]");
  EXPECT_TRUE(inOrder(finish(y), {"1.000000e+00 : f32", "tensor.extract %arg1", "attn.sample"}));
}

TEST_F(GraphBuilderTest, SequenceErrors) {
  auto x = begin({{f32(), {B, 2, 512, 8}},
                  {f32(), {B, 3, L, 8}},
                  {i64(), {}},
                  {f32(), {B, L}},
                  {i64(), {B}},
                  {f16(), {B, 2, L, 8}}});
  EXPECT_EQ(errorOf(b.cacheAppend(x[0], x[1], x[2])),
            "cache_append: expected a source that has the dims of the cache [B, 2, 512, 8] except "
            "dim 2, got f32[B, 3, L, 8]");
  EXPECT_EQ(errorOf(b.cacheAppend(x[0], x[3], x[2])),
            "cache_append: expected a source that has the dims of the cache [B, 2, 512, 8] except "
            "dim 2, got f32[B, L]");
  EXPECT_EQ(errorOf(b.cacheAppend(x[3], x[3], x[2])),
            "cache_append: expected a cache [B, G, C, D] of rank 4, got f32[B, L]");
  EXPECT_EQ(errorOf(b.cacheAppend(x[0], x[5], x[2])),
            "cache_append: element types differ: f32[B, 2, 512, 8] and f16[B, 2, L, 8]; "
            "convert one of them, as in x.to(f32)");
  EXPECT_EQ(errorOf(b.embedding(x[3], x[3])), "embedding: expected ids of integers, got f32[B, L]");
  EXPECT_EQ(errorOf(b.embedding(x[4], x[0])),
            "embedding: expected a table [V, E] of rank 2, got f32[B, 2, 512, 8]");
  EXPECT_EQ(errorOf(b.dropout(x[0], x[2], 1.5)),
            "dropout: expected a probability in [0, 1), got 1.5");
  EXPECT_EQ(errorOf(b.dropout(x[4], x[2], 0.5)),
            "dropout: expected the input of floats, got i64[B]");
  EXPECT_EQ(errorOf(b.sample(x[0])),
            "sample: expected logits [B, V] of rank 2, got f32[B, 2, 512, 8]");
  EXPECT_EQ(errorOf(b.sample(x[4])), "sample: expected logits of floats, got i64[B]");
  SampleOptions options;
  options.topP = x[2];
  EXPECT_EQ(errorOf(b.sample(x[3], options)),
            "sample: expected top_p to be a scalar of f32, got i64[]");
}

} // namespace
