// Elementwise ops, contractions and reductions: shapes, the form of the IR, every error.
#include "GraphBuilderFixture.h"

using namespace fovea;

namespace {

// ---- Elementwise -------------------------------------------------------------------------------

TEST_F(GraphBuilderTest, BinaryBroadcastsByMaps) {
  auto x = begin({{B, L, 64}, {64}, {B, 1, 64}});
  auto sum = llvm::cantFail(b.add(x[0], x[1]));
  auto product = llvm::cantFail(b.mul(sum, x[2]));
  EXPECT_EQ(product.str(), "f32[B, L, 64]");
  // The unit dim is collapsed away instead of being read at a constant 0.
  std::string text = finish(product);
  EXPECT_TRUE(inOrder(text, {"affine_map<(d0, d1, d2) -> (d2)>",
                             "affine_map<(d0, d1, d2) -> (d0, d2)>", "linalg.generic", "arith.addf",
                             "tensor.collapse_shape", "[[0, 1], [2]]", "arith.mulf"}));
  EXPECT_FALSE(llvm::StringRef(text).contains("0)>"));
}

TEST_F(GraphBuilderTest, BothOperandsMayStretch) {
  auto x = begin({{B, 1}, {1, L}});
  EXPECT_EQ(llvm::cantFail(b.sub(x[0], x[1])).str(), "f32[B, L]");
}

TEST_F(GraphBuilderTest, ConstantScalarsStandInTheBody) {
  auto x = begin({{B, 64}});
  auto half = llvm::cantFail(b.scalar(0.5, f32()));
  std::string text = finish(b.mul(x[0], half));
  EXPECT_TRUE(inOrder(text, {"arith.constant 5.000000e-01 : f32", "linalg.generic",
                             "ins(%arg0 : tensor<?x64xf32>)", "arith.mulf %in, %cst"}));
}

TEST_F(GraphBuilderTest, ScalarArithmeticHasNoLoops) {
  auto x = begin({{i64(), {}}, {i64(), {}}});
  auto sum = llvm::cantFail(b.add(x[0], x[1]));
  std::string text = finish(b.compare(CompareKind::Lt, sum, x[0]));
  EXPECT_TRUE(
      inOrder(text, {"tensor.extract", "arith.addi", "arith.cmpi slt", "tensor.from_elements"}));
  EXPECT_FALSE(llvm::StringRef(text).contains("linalg.generic"));
}

TEST_F(GraphBuilderTest, HalfTypesComputeFunctionsInF32) {
  auto x = begin({{f16(), {B}}});
  EXPECT_TRUE(inOrder(finish(b.unary(UnaryKind::Gelu, x[0])),
                      {"arith.extf", "math.erf", ": f32", "arith.truncf"}));
}

TEST_F(GraphBuilderTest, EveryUnaryVerifies) {
  auto x = begin({{B, 8}});
  auto y = x[0];
  for (int kind = 0; kind < static_cast<int>(UnaryKind::LogicalNot); ++kind)
    y = llvm::cantFail(b.unary(static_cast<UnaryKind>(kind), y));
  EXPECT_TRUE(inOrder(finish(y), {"math.absf", "arith.negf", "math.exp", "math.log", "math.sqrt",
                                  "math.rsqrt", "math.sin", "math.cos", "math.tanh", "math.exp",
                                  "math.erf", "arith.maximumf", "math.exp", "math.erf", "math.tanh",
                                  "math.floor", "math.ceil"}));
}

TEST_F(GraphBuilderTest, EveryBinaryVerifies) {
  auto x = begin({{f32(), {B}}, {i64(), {B}}});
  auto y = x[0], n = x[1];
  for (int kind = 0; kind <= static_cast<int>(BinaryKind::Max); ++kind) {
    y = llvm::cantFail(b.binary(static_cast<BinaryKind>(kind), y, x[0]));
    if (errorOf(checkType(static_cast<BinaryKind>(kind), i64())) == "no error")
      n = llvm::cantFail(b.binary(static_cast<BinaryKind>(kind), n, x[1]));
  }
  std::string text = finish({{"y", y}, {"n", n}});
  EXPECT_TRUE(inOrder(text, {"arith.addf", "arith.addi", "arith.divf", "arith.floordivsi",
                             "arith.floordivsi", "math.powf", "arith.minimumf", "arith.minsi",
                             "arith.maximumf", "arith.maxsi"}));
}

TEST_F(GraphBuilderTest, SmallPowersAreProducts) {
  auto x = begin({{B}});
  auto cube = b.binary(BinaryKind::Pow, x[0], llvm::cantFail(b.scalar(3, f32())));
  auto root = b.binary(BinaryKind::Pow, llvm::cantFail(std::move(cube)),
                       llvm::cantFail(b.scalar(0.5, f32())));
  std::string text = finish(std::move(root));
  EXPECT_TRUE(inOrder(text, {"arith.mulf", "arith.mulf", "math.sqrt"}));
  EXPECT_FALSE(llvm::StringRef(text).contains("math.powf"));
}

TEST_F(GraphBuilderTest, CastsBetweenAllKinds) {
  auto x = begin({{f32(), {B}}});
  auto y = x[0];
  for (mlir::Type type : {f16(), bf16(), f64(), i64(), i32(), i1(), i64(), f32(), i1(), f32()})
    y = llvm::cantFail(b.cast(y, type));
  EXPECT_TRUE(inOrder(finish(y), {"arith.truncf", "arith.extf", "arith.truncf", "arith.extf",
                                  "arith.fptosi", "arith.trunci", "arith.cmpi ne", "arith.extui",
                                  "arith.sitofp", "arith.cmpf une", "arith.uitofp"}));
}

TEST_F(GraphBuilderTest, WhereSelectsAndBroadcasts) {
  auto x = begin({{i1(), {L, L}}, {f32(), {B, L, L}}, {f32(), {}}});
  auto y = llvm::cantFail(b.where(x[0], x[1], x[2]));
  EXPECT_EQ(y.str(), "f32[B, L, L]");
  EXPECT_TRUE(inOrder(finish(y), {"arith.select"}));
}

TEST_F(GraphBuilderTest, BroadcastTo) {
  auto x = begin({{1, 64}});
  EXPECT_EQ(errorOf(b.broadcastTo(x[0], {2, 32})),
            "broadcast: shapes do not broadcast: [1, 64] and [2, 32]: 64 against 32");
  EXPECT_EQ(errorOf(b.broadcastTo(x[0], {1, 1})),
            "broadcast: expected a shape that broadcasts to [1, 1], got f32[1, 64]");
  EXPECT_EQ(llvm::cantFail(b.broadcastTo(x[0], {3, 2, 64})).str(), "f32[3, 2, 64]");
}

TEST_F(GraphBuilderTest, TriangleComparesIndices) {
  auto x = begin({{B, L, L}});
  EXPECT_TRUE(inOrder(
      finish(b.triangle(TriangleKind::Lower, x[0], 1)),
      {"linalg.index 1", "linalg.index 2", "arith.addi", "arith.cmpi sle", "arith.select"}));
}

TEST_F(GraphBuilderTest, ElementwiseErrors) {
  auto x = begin(
      {{f32(), {B, L, 64}}, {f32(), {B, L, 32}}, {i64(), {64}}, {f32(), {E, 64}}, {i1(), {64}}});
  EXPECT_EQ(errorOf(b.add(x[0], x[1])),
            "add: shapes do not broadcast: [B, L, 64] and [B, L, 32]: 64 against 32");
  EXPECT_EQ(errorOf(b.mul(x[0], x[3])),
            "mul: shapes do not broadcast: [B, L, 64] and [E, 64]: L against E");
  EXPECT_EQ(errorOf(b.add(x[0], x[2])), "add: element types differ: f32[B, L, 64] and i64[64]; "
                                        "convert one of them, as in x.to(f32)");
  EXPECT_EQ(errorOf(b.unary(UnaryKind::Exp, x[2])), "exp: expected float elements, got i64");
  EXPECT_EQ(errorOf(b.unary(UnaryKind::Neg, x[4])),
            "neg: expected float or integer elements, got bool");
  EXPECT_EQ(errorOf(b.unary(UnaryKind::LogicalNot, x[0])), "not: expected bool elements, got f32");
  EXPECT_EQ(errorOf(b.div(x[2], x[2])), "div: expected float elements, got i64");
  EXPECT_EQ(errorOf(b.binary(BinaryKind::Pow, x[4], x[4])),
            "pow: expected float or integer elements, got bool");
  EXPECT_EQ(errorOf(b.binary(BinaryKind::And, x[0], x[0])), "and: expected bool elements, got f32");
  EXPECT_EQ(errorOf(b.add(x[4], x[4])), "add: expected float or integer elements, got bool");
  EXPECT_EQ(errorOf(b.compare(CompareKind::Le, x[0], x[2])),
            "le: element types differ: f32[B, L, 64] and i64[64]; "
            "convert one of them, as in x.to(f32)");
  EXPECT_EQ(errorOf(b.where(x[0], x[0], x[0])),
            "where: expected the condition of bool, got f32[B, L, 64]");
  EXPECT_EQ(errorOf(b.cast(x[0], b.opBuilder().getIndexType())),
            "cast: expected a float, integer or bool type, got index");
  EXPECT_EQ(errorOf(b.triangle(TriangleKind::Upper, x[2])),
            "triu: expected rank 2 or more, got i64[64]");
}

// ---- Contractions ------------------------------------------------------------------------------

TEST_F(GraphBuilderTest, MatmulIsOneGeneric) {
  auto x = begin({{B, L, 64}, {64, 32}});
  auto y = llvm::cantFail(b.matmul(x[0], x[1]));
  EXPECT_EQ(y.str(), "f32[B, L, 32]");
  EXPECT_TRUE(
      inOrder(finish(y), {"(d0, d1, d2, d3) -> (d0, d1, d3)", "(d0, d1, d2, d3) -> (d3, d2)",
                          "(d0, d1, d2, d3) -> (d0, d1, d2)", "linalg.fill",
                          "\"parallel\", \"parallel\", \"parallel\", \"reduction\"", "arith.mulf",
                          "arith.addf"}));
}

TEST_F(GraphBuilderTest, MatmulOfVectorsAndBroadcastBatches) {
  auto x = begin({{64}, {64}, {B, 1, L, 64}, {E, 64, L}});
  EXPECT_EQ(llvm::cantFail(b.matmul(x[0], x[1])).str(), "f32[]");
  EXPECT_EQ(llvm::cantFail(b.matmul(x[2], x[0])).str(), "f32[B, 1, L]");
  EXPECT_EQ(llvm::cantFail(b.matmul(x[0], x[3])).str(), "f32[E, L]");
  auto y = llvm::cantFail(b.matmul(x[2], x[3]));
  EXPECT_EQ(y.str(), "f32[B, E, L, L]");
  EXPECT_TRUE(inOrder(finish(y), {"(d0, d1, d2, d3, d4) -> (d0, d2, d4)",
                                  "(d0, d1, d2, d3, d4) -> (d1, d4, d3)", "collapse_shape"}));
}

TEST_F(GraphBuilderTest, HalfContractionsAccumulateInF32) {
  auto x = begin({{f16(), {L, 64}}, {f16(), {64, 8}}});
  EXPECT_TRUE(inOrder(finish(b.matmul(x[0], x[1])),
                      {"outs(%", "tensor<?x8xf32>)", "arith.extf", "arith.mulf", ": f32",
                       "arith.addf", ": f32", "arith.truncf"}));
}

TEST_F(GraphBuilderTest, LinearReadsTheWeightAsItLies) {
  auto x = begin({{B, L, 64}, {32, 64}, {32}});
  auto y = llvm::cantFail(b.linear(x[0], x[1], x[2]));
  EXPECT_EQ(y.str(), "f32[B, L, 32]");
  std::string text = finish(y);
  EXPECT_TRUE(inOrder(text, {"(d0, d1, d2, d3) -> (d0, d1, d3)", "(d0, d1, d2, d3) -> (d2, d3)",
                             "(d0, d1, d2, d3) -> (d0, d1, d2)", "\"reduction\"", "arith.mulf",
                             "arith.addf", "linalg.generic", "arith.addf"}));
  EXPECT_FALSE(llvm::StringRef(text).contains("transpose"));
}

TEST_F(GraphBuilderTest, EinsumOrdersResultLoopsFirst) {
  auto x = begin({{B, 8, L, 64}, {B, 8, L, 64, 3}});
  auto y = llvm::cantFail(b.einsum("bhld,bhldw -> bhlw", x[0], x[1]));
  EXPECT_EQ(y.str(), "f32[B, 8, L, 3]");
  EXPECT_TRUE(inOrder(finish(y), {"(d0, d1, d2, d3, d4) -> (d0, d1, d2, d4)",
                                  "(d0, d1, d2, d3, d4) -> (d0, d1, d2, d4, d3)",
                                  "(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3)", "reduction"}));
}

TEST_F(GraphBuilderTest, EllipsisOfEinsumBroadcasts) {
  auto x = begin({{B, 1, L, 64}, {8, 64, 3}, {64}});
  EXPECT_EQ(llvm::cantFail(b.einsum("...ld, ...dw -> ...lw", x[0], x[1])).str(), "f32[B, 8, L, 3]");
  EXPECT_EQ(llvm::cantFail(b.einsum("...d,d->...", x[0], x[2])).str(), "f32[B, 1, L]");
  EXPECT_EQ(llvm::cantFail(b.einsum("b...d,d->...b", x[0], x[2])).str(), "f32[1, L, B]");
}

TEST_F(GraphBuilderTest, EllipsisOfEinsumErrors) {
  auto x = begin({{B, 8, L, 64}, {3, 64, 2}});
  EXPECT_EQ(errorOf(b.einsum("...ld,...dw->lw", x[0], x[1])),
            "einsum '...ld,...dw->lw': expected '...' in an operand and in the result");
  EXPECT_EQ(errorOf(b.einsum("ld,dw->...lw", x[0], x[1])),
            "einsum 'ld,dw->...lw': expected '...' in an operand and in the result");
  EXPECT_EQ(errorOf(b.einsum("...ld...,...dw->...lw", x[0], x[1])),
            "einsum '...ld...,...dw->...lw': expected '...' once in '...ld...'");
  EXPECT_EQ(errorOf(b.einsum("..ld,...dw->...lw", x[0], x[1])),
            "einsum '..ld,...dw->...lw': expected '...' once in '..ld'");
  EXPECT_EQ(errorOf(b.einsum("...ld,...abcdw->...lw", x[0], x[1])),
            "einsum '...ld,...abcdw->...lw': '...abcdw' names 5 dims, got f32[3, 64, 2]");
  EXPECT_EQ(errorOf(b.einsum("...ld,...dw->...lw", x[0], x[1])),
            "einsum '...ld,...dw->...lw': '...' stands for a dim of 8 and one of 3");
}

TEST_F(GraphBuilderTest, ContractionErrors) {
  auto x = begin({{f32(), {B, L, 64}},
                  {f32(), {32, 64}},
                  {i64(), {64, 2}},
                  {i1(), {64, 2}},
                  {f32(), {}},
                  {f32(), {E, 64, 2}}});
  EXPECT_EQ(errorOf(b.matmul(x[0], x[1])),
            "matmul: inner dims differ: expected 64 (from a: [B, L, 64]), got 32");
  EXPECT_EQ(errorOf(b.matmul(x[0], x[2])),
            "matmul: element types differ: f32[B, L, 64] and i64[64, 2]; "
            "convert one of them, as in x.to(f32)");
  EXPECT_EQ(errorOf(b.matmul(x[3], x[3])),
            "matmul: expected float or integer elements, got bool[64, 2]");
  EXPECT_EQ(errorOf(b.matmul(x[0], x[4])),
            "matmul: expected tensors of rank 1 or more, got f32[B, L, 64] and f32[]");
  EXPECT_EQ(errorOf(b.matmul(x[0], x[5])),
            "matmul: shapes do not broadcast: [B] and [E]: B against E");
  EXPECT_EQ(errorOf(b.linear(x[0], x[0])),
            "linear: expected the weight [out, in] of rank 2, got f32[B, L, 64]");
  EXPECT_EQ(errorOf(b.linear(x[4], x[1])),
            "linear: expected an input of rank 1 or more, got f32[]");
  EXPECT_EQ(errorOf(b.linear(x[5], x[1])),
            "linear: inner dims differ: expected 64 (from the weight: [32, 64]), got 2");
  EXPECT_EQ(errorOf(b.linear(x[0], x[1], x[1])),
            "linear: expected a bias of shape [32], got f32[32, 64]");
}

TEST_F(GraphBuilderTest, EinsumErrors) {
  auto x = begin({{L, 64}, {32, E}});
  EXPECT_EQ(errorOf(b.einsum("ab,bc", x[0], x[1])),
            "einsum 'ab,bc': expected the form 'ab,bc->ac'");
  EXPECT_EQ(errorOf(b.einsum("ab->ab", x[0], x[1])),
            "einsum 'ab->ab': expected the form 'ab,bc->ac'");
  EXPECT_EQ(errorOf(b.einsum("a.,bc->ac", x[0], x[1])),
            "einsum 'a.,bc->ac': expected letters, got '.'");
  EXPECT_EQ(errorOf(b.einsum("aa,bc->ac", x[0], x[1])),
            "einsum 'aa,bc->ac': expected 'a' once in an operand or the result");
  EXPECT_EQ(errorOf(b.einsum("abc,cd->ad", x[0], x[1])),
            "einsum 'abc,cd->ad': 'abc' names 3 dims, got f32[L, 64]");
  EXPECT_EQ(errorOf(b.einsum("ab,bc->ac", x[0], x[1])), "einsum 'ab,bc->ac': dim 'b' is 64 and 32");
  EXPECT_EQ(errorOf(b.einsum("ab,cd->abcx", x[0], x[1])),
            "einsum 'ab,cd->abcx': 'x' is in no operand");
}

// ---- Reductions and norms ----------------------------------------------------------------------

TEST_F(GraphBuilderTest, ReduceShapes) {
  auto x = begin({{B, L, 64}});
  EXPECT_EQ(llvm::cantFail(b.reduce(ReduceKind::Sum, x[0], {})).str(), "f32[]");
  EXPECT_EQ(llvm::cantFail(b.reduce(ReduceKind::Max, x[0], {-1, 0})).str(), "f32[L]");
  EXPECT_EQ(llvm::cantFail(b.reduce(ReduceKind::ArgMax, x[0], {1})).str(), "i64[B, 64]");
  auto mean = llvm::cantFail(b.reduce(ReduceKind::Mean, x[0], {1}, /*keepDims=*/true));
  EXPECT_EQ(mean.str(), "f32[B, 1, 64]");
  // A dim kept for broadcasting costs nothing: the subtraction reads the sum as it was.
  std::string text = finish(b.sub(x[0], mean));
  EXPECT_TRUE(inOrder(text, {"arith.addf", "arith.divf", "arith.subf"}));
  EXPECT_FALSE(llvm::StringRef(text).contains("_shape"));
}

// Along rows of floats it is a draw; along anything else a reduction of pairs.
TEST_F(GraphBuilderTest, ArgMaxOfRowsIsADraw) {
  auto x = begin({{f32(), {B, L}}, {i64(), {B, L}}});
  auto drawn = llvm::cantFail(b.reduce(ReduceKind::ArgMax, x[0], {1}));
  EXPECT_EQ(drawn.str(), "i64[B]");
  auto columns = llvm::cantFail(b.reduce(ReduceKind::ArgMax, x[0], {0}));
  auto integers = llvm::cantFail(b.reduce(ReduceKind::ArgMax, x[1], {1}));
  std::string text = finish({{"drawn", drawn}, {"columns", columns}, {"integers", integers}});
  EXPECT_TRUE(
      inOrder(text, {"attn.sample", "linalg.index", "arith.cmpf", "linalg.index", "arith.cmpi"}));
}

TEST_F(GraphBuilderTest, ArgMaxOfRowsOfAnyRankIsADraw) {
  auto x = begin({{L}, {B, 3, L, 64}});
  auto vector = llvm::cantFail(b.reduce(ReduceKind::ArgMax, x[0], {0}));
  EXPECT_EQ(vector.str(), "i64[]");
  auto rows = llvm::cantFail(b.reduce(ReduceKind::ArgMax, x[1], {-1}));
  EXPECT_EQ(rows.str(), "i64[B, 3, L]");
  std::string text = finish({{"vector", vector}, {"rows", rows}});
  EXPECT_TRUE(inOrder(text, {"tensor.expand_shape %arg0", "attn.sample", "tensor.collapse_shape",
                             "tensor.collapse_shape %arg1", "attn.sample", "tensor.expand_shape"}));
  EXPECT_FALSE(llvm::StringRef(text).contains("linalg.index"));
}

TEST_F(GraphBuilderTest, NormAndLargestShapes) {
  auto x = begin({{f32(), {B, L, 64}}, {i1(), {B, L}}, {f16(), {B, L}}});
  EXPECT_EQ(llvm::cantFail(b.reduce(ReduceKind::Any, x[1], {1})).str(), "bool[B]");
  EXPECT_EQ(llvm::cantFail(b.reduce(ReduceKind::All, x[0], {1}, true)).str(), "bool[B, 1, 64]");
  EXPECT_EQ(llvm::cantFail(b.norm(x[2], 2, {1}, true)).str(), "f16[B, 1]");
  EXPECT_EQ(llvm::cantFail(b.variance(x[0], {0, 2})).str(), "f32[L]");
  auto [values, places] = llvm::cantFail(b.topK(x[2], 3, 0));
  EXPECT_EQ(values.str(), "f16[3, L]");
  EXPECT_EQ(places.str(), "i64[3, L]");
}

TEST_F(GraphBuilderTest, NormAndLargestErrors) {
  auto x = begin({{f32(), {B, 8}}, {i64(), {B}}, {f32(), {}}, {i1(), {B}}});
  EXPECT_EQ(errorOf(b.norm(x[0], 3, {1})), "norm: expected an order of 1, 2 or inf, got 3.0");
  EXPECT_EQ(errorOf(b.norm(x[1], 2, {})), "norm: expected the input of floats, got i64[B]");
  EXPECT_EQ(errorOf(b.variance(x[0], {2})), "var: dim 2 is out of range for rank 2");
  EXPECT_EQ(errorOf(b.variance(x[1], {0})), "var: expected the input of floats, got i64[B]");
  EXPECT_EQ(errorOf(b.topK(x[0], 9)), "topk: expected 1 to 8 elements of f32[B, 8], got 9");
  EXPECT_EQ(errorOf(b.topK(x[0], 65, 0)), "topk: expected 1 to 64 elements of f32[B, 8], got 65");
  EXPECT_EQ(errorOf(b.topK(x[0], 0)), "topk: expected 1 to 8 elements of f32[B, 8], got 0");
  EXPECT_EQ(errorOf(b.topK(x[3], 1)), "topk: expected float or integer elements, got bool[B]");
  EXPECT_EQ(errorOf(b.topK(x[2], 1)), "topk: dim -1 is out of range for rank 0");
}

TEST_F(GraphBuilderTest, ReduceStartsFromTheNeutralElement) {
  auto x = begin({{f32(), {8}}, {i64(), {8}}});
  auto high = llvm::cantFail(b.reduce(ReduceKind::Max, x[0], {}));
  auto low = llvm::cantFail(b.reduce(ReduceKind::Min, x[1], {}));
  EXPECT_TRUE(inOrder(finish({{"high", high}, {"low", low}}),
                      {"0xFF800000", "arith.maximumf", "9223372036854775807", "arith.minsi"}));
}

// Of a scalar all elements are one, as PyTorch has it.
TEST_F(GraphBuilderTest, ReductionsOfScalarsAndBooleans) {
  auto x = begin({{f32(), {}}, {i64(), {}}, {i1(), {B, 3}}, {f32(), {B, L}}});
  EXPECT_EQ(llvm::cantFail(b.reduce(ReduceKind::Mean, x[0], {})).str(), "f32[]");
  EXPECT_EQ(llvm::cantFail(b.reduce(ReduceKind::Sum, x[1], {-1}, true)).str(), "i64[]");
  EXPECT_EQ(llvm::cantFail(b.reduce(ReduceKind::ArgMin, x[1], {})).str(), "i64[]");
  EXPECT_EQ(llvm::cantFail(b.reduce(ReduceKind::Any, x[0], {})).str(), "bool[]");
  EXPECT_EQ(llvm::cantFail(b.norm(x[0], 2, {})).str(), "f32[]");
  EXPECT_EQ(llvm::cantFail(b.variance(x[0], {})).str(), "f32[]");
  EXPECT_EQ(llvm::cantFail(b.reduce(ReduceKind::Max, x[2], {1})).str(), "bool[B]");
  EXPECT_EQ(llvm::cantFail(b.reduce(ReduceKind::ArgMax, x[3], {}, true)).str(), "i64[1, 1]");
  EXPECT_EQ(errorOf(b.reduce(ReduceKind::Sum, x[0], {1})), "sum: dim 1 is out of range for rank 1");
}

TEST_F(GraphBuilderTest, ReductionErrors) {
  auto x = begin({{f32(), {B, L}}, {i64(), {B}}, {i1(), {B}}, {f32(), {}}, {f32(), {B, L, 3}}});
  EXPECT_EQ(errorOf(b.reduce(ReduceKind::Sum, x[0], {2})), "sum: dim 2 is out of range for rank 2");
  EXPECT_EQ(errorOf(b.reduce(ReduceKind::Sum, x[0], {1, -1})), "sum: dim -1 is given twice");
  EXPECT_EQ(errorOf(b.reduce(ReduceKind::Mean, x[1], {})),
            "mean: expected the input of floats, got i64[B]");
  EXPECT_EQ(errorOf(b.reduce(ReduceKind::ArgMax, x[2], {})),
            "argmax: expected float or integer elements, got bool[B]");
  EXPECT_EQ(errorOf(b.reduce(ReduceKind::ArgMin, x[4], {0, 1})),
            "argmin: expected one dim to reduce, or all, got 2 of f32[B, L, 3]");
  EXPECT_EQ(errorOf(b.softmax(x[1])), "softmax: expected the input of floats, got i64[B]");
  EXPECT_EQ(errorOf(b.softmax(x[0], 2)), "softmax: dim 2 is out of range for rank 2");
}

TEST_F(GraphBuilderTest, SoftmaxIsOneOp) {
  auto x = begin({{B, L}});
  EXPECT_TRUE(inOrder(finish(b.softmax(x[0])), {"attn.softmax ins(%arg0", "dim(1)"}));
}

TEST_F(GraphBuilderTest, LayerNormEndsInOneElementwiseOp) {
  auto x = begin({{f16(), {B, L, 64}}, {f16(), {64}}, {f16(), {64}}});
  std::string text = finish(b.layerNorm(x[0], x[1], x[2]));
  EXPECT_TRUE(
      inOrder(text, {"\"reduction\"", "arith.extf", "arith.addf", "arith.divf", "\"reduction\"",
                     "arith.subf", "arith.mulf", "arith.addf", "math.rsqrt", "linalg.generic",
                     "arith.subf", "arith.mulf", "arith.mulf", "arith.addf", "arith.truncf"}));
  EXPECT_EQ(llvm::StringRef(text).count("linalg.generic"), 5u);
}

TEST_F(GraphBuilderTest, RmsNormOfDynamicRows) {
  auto x = begin({{B, E}, {E}});
  std::string text = finish(b.rmsNorm(x[0], x[1], 1e-6));
  EXPECT_TRUE(inOrder(text, {"tensor.dim", "arith.sitofp", "arith.mulf", "math.rsqrt"}));
  EXPECT_EQ(llvm::StringRef(text).count("linalg.generic"), 3u);
}

TEST_F(GraphBuilderTest, NormErrors) {
  auto x = begin({{f32(), {B, 64}}, {f32(), {32}}, {i64(), {B}}, {f16(), {64}}, {f32(), {}}});
  EXPECT_EQ(errorOf(b.rmsNorm(x[0], x[1])),
            "rms_norm: expected weight and bias of shape [64], got f32[32]");
  EXPECT_EQ(errorOf(b.layerNorm(x[2], std::nullopt, std::nullopt)),
            "layer_norm: expected the input of floats, got i64[B]");
  EXPECT_EQ(errorOf(b.layerNorm(x[0], std::nullopt, x[3])),
            "layer_norm: element types differ: f32[B, 64] and f16[64]; "
            "convert one of them, as in x.to(f32)");
  EXPECT_EQ(errorOf(b.rmsNorm(x[4], std::nullopt)), "rms_norm: expected rank 1 or more, got f32[]");
}

} // namespace
