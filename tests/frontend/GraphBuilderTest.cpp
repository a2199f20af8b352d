// Functions, weights, loops, sizes and constants.
#include "GraphBuilderFixture.h"

using namespace fovea;

namespace {

TEST_F(GraphBuilderTest, EntryCarriesNamesAndDims) {
  auto x = begin({{B, L, 64}});
  std::string text = finish(b.unary(UnaryKind::Exp, x[0]));
  EXPECT_TRUE(inOrder(text, {"func.func @main(%arg0: tensor<?x?x64xf32> "
                             "{attn.dims = [\"B\", \"L\", \"\"], attn.name = \"x0\"}) -> "
                             "(tensor<?x?x64xf32> {attn.name = \"y\"})",
                             "tensor.dim %arg0", "tensor.empty", "math.exp"}));
}

TEST_F(GraphBuilderTest, RejectsBadInputs) {
  auto inputsError = [&](std::vector<InputSpec> inputs) {
    return errorOf(b.beginFunction("f", inputs));
  };
  EXPECT_EQ(inputsError({{"", f32(), {1}}}), "f: expected every input to have a name");
  EXPECT_EQ(inputsError({{"x", f32(), {1}}, {"x", f32(), {1}}}), "f: input 'x' is given twice");
  EXPECT_EQ(inputsError({{"x", f32(), {B, 0}}}),
            "f: input 'x': expected dims of at least 1, got [B, 0]");
  EXPECT_EQ(inputsError({{"x", f32(), {INT64_MAX, 3}}}),
            "f: input 'x': [9223372036854775807, 3]: size does not fit 64 bits");
  EXPECT_EQ(inputsError({{"x", f32(), {llvm::cantFail(L.times(2))}}}),
            "f: input 'x': expected each dim to be a number or a name, got 2*L");
  EXPECT_EQ(errorOf(b.beginFunction("", {})), "function '': expected a name that is not taken");
}

TEST_F(GraphBuilderTest, FunctionsDoNotNestAndNamesAreTaken) {
  auto x = begin({{4}});
  EXPECT_EQ(errorOf(b.beginFunction("g", {})), "function 'g': 'main' is not ended yet");
  finish(x[0]);
  EXPECT_EQ(errorOf(b.beginFunction("main", {})),
            "function 'main': expected a name that is not taken");
}

TEST_F(GraphBuilderTest, RejectsBadResults) {
  auto x = begin({{4}});
  EXPECT_EQ(errorOf(b.endFunction({})), "function 'main': expected at least one result");
  EXPECT_EQ(errorOf(b.endFunction({{"y", x[0]}, {"y", x[0]}})),
            "function 'main': expected a name of its own for each result, got 'y'");
}

TEST_F(GraphBuilderTest, NothingIsBuiltOutsideAFunction) {
  EXPECT_EQ(errorOf(b.scalar(1, f32())), "no function is begun");
  EXPECT_EQ(errorOf(b.zeros(f32(), {4})), "no function is begun");
  EXPECT_EQ(errorOf(b.weight("w", f32(), {4})), "no function is begun");
  EXPECT_EQ(errorOf(b.endFunction({})), "no function is begun");
}

TEST_F(GraphBuilderTest, AbandonedFunctionLeavesNothing) {
  begin({{4}});
  b.abandonFunction();
  EXPECT_EQ(print(*module), "module {\n}\n");
}

TEST_F(GraphBuilderTest, UnusedOpsAreRemoved) {
  auto x = begin({{B, 4}});
  llvm::cantFail(b.unary(UnaryKind::Exp, x[0]));
  std::string text = finish(x[0]);
  EXPECT_FALSE(llvm::StringRef(text).contains("math.exp"));
  EXPECT_FALSE(llvm::StringRef(text).contains("tensor.dim"));
}

TEST_F(GraphBuilderTest, LocationsReachTheOps) {
  auto x = begin({{4}});
  b.setLocation(mlir::FileLineColLoc::get(context.get(), "m.fov", 3, 7));
  auto y = llvm::cantFail(b.unary(UnaryKind::Exp, x[0]));
  std::string location;
  llvm::raw_string_ostream(location) << y.value.getLoc();
  EXPECT_EQ(location, "loc(\"m.fov\":3:7)");
}

TEST_F(GraphBuilderTest, WeightsBindSymbolsThatNoInputBinds) {
  auto x = begin({{B, L}});
  auto w = llvm::cantFail(b.weight("w", f32(), {L, E}));
  std::string text = finish(b.matmul(x[0], w));
  EXPECT_TRUE(
      inOrder(text, {"attn.weight \"w\" : tensor<?x?xf32>", "tensor.dim", "linalg.generic"}));
}

TEST_F(GraphBuilderTest, RejectsBadWeights) {
  begin({{B, L}});
  mlir::Value layer = llvm::cantFail(b.dimValue(0));
  EXPECT_EQ(errorOf(b.weight("", f32(), {4})), "weight: expected a name");
  EXPECT_EQ(errorOf(b.weight("w", f32(), {4}, {{layer, 2}})),
            "weight 'w': expected 1 {} in the name, one for each index, got 0");
  EXPECT_EQ(errorOf(b.weight("w.{}", f32(), {4})),
            "weight 'w.{}': expected 0 {} in the name, one for each index, got 1");
  EXPECT_EQ(errorOf(b.weight("w.{}", f32(), {4}, {{layer, 0}})),
            "weight 'w.{}': expected each index to have at least one value, got one with 0");
  EXPECT_EQ(errorOf(b.weight("w.{}.{}", f32(), {4}, {{layer, 1 << 20}, {layer, 1 << 20}})),
            "weight 'w.{}.{}': expected at most 2^31 tensors of one name");
  EXPECT_EQ(errorOf(b.weight("w", f32(), {-1})),
            "weight 'w': expected dims of at least 1, got [-1]");
}

TEST_F(GraphBuilderTest, LoopOverLayersIsOneLoop) {
  auto x = begin({{B, 64}});
  auto looped = b.forLoop(5, x,
                          [&](mlir::Value layer, llvm::ArrayRef<SymbolicTensor> carried)
                              -> llvm::Expected<GraphBuilder::Tensors> {
                            auto w = b.weight("layers.{}.w", f32(), {64, 64}, {{layer, 5}});
                            auto y = w ? b.linear(carried[0], *w) : w.takeError();
                            if (!y)
                              return y.takeError();
                            return GraphBuilder::Tensors{*y};
                          });
  std::string text = finish({{"y", llvm::cantFail(std::move(looped)).front()}});
  EXPECT_TRUE(inOrder(text, {"scf.for", "iter_args", "tensor<?x64xf32>",
                             "attn.weight \"layers.{}.w\"[%arg1 of 5] : tensor<64x64xf32>",
                             "linalg.generic", "scf.yield", "return"}));
}

TEST_F(GraphBuilderTest, LoopCarriesOneShape) {
  auto x = begin({{B, 64}});
  auto keeps = [](mlir::Value, llvm::ArrayRef<SymbolicTensor>) {
    return llvm::Expected<GraphBuilder::Tensors>(GraphBuilder::Tensors{});
  };
  EXPECT_EQ(errorOf(b.forLoop(5, x, keeps)), "for: expected 1 carried tensors, got 0");
  auto flattens =
      [&](mlir::Value,
          llvm::ArrayRef<SymbolicTensor> carried) -> llvm::Expected<GraphBuilder::Tensors> {
    return GraphBuilder::Tensors{llvm::cantFail(b.reshape(carried[0], {-1}))};
  };
  EXPECT_EQ(errorOf(b.forLoop(5, x, flattens)),
            "for: carried tensor 0 starts as f32[B, 64] but becomes f32[64*B]");
  EXPECT_EQ(errorOf(b.forLoop(5, {}, keeps)),
            "for: expected at least one carried tensor, got none");
  EXPECT_FALSE(llvm::StringRef(finish(x[0])).contains("scf.for"));
}

TEST_F(GraphBuilderTest, SizesAreComputedFromSymbols) {
  auto x = begin({{B, L}});
  SymbolicDim half = llvm::cantFail(llvm::cantFail(L.plus(1)).floorDiv(2));
  auto size = b.dimScalar(llvm::cantFail(llvm::cantFail(B.times(half)).minus(3)));
  EXPECT_TRUE(
      inOrder(finish(std::move(size)), {"arith.addi", "arith.divui", "arith.muli", "arith.addi",
                                        "arith.index_cast", "tensor.from_elements"}));
}

TEST_F(GraphBuilderTest, UnboundSymbolIsAnError) {
  begin({{B, L}});
  EXPECT_EQ(errorOf(b.dimValue(E)), "dim 'E' is the dim of no input or weight");
  EXPECT_EQ(errorOf(b.zeros(f32(), {E})), "dim 'E' is the dim of no input or weight");
}

TEST_F(GraphBuilderTest, ScalarsGoBothWays) {
  begin({{B}});
  auto size = llvm::cantFail(b.dimValue(B));
  EXPECT_EQ(llvm::cantFail(b.toIndex(llvm::cantFail(b.fromIndex(size)))), size);
  auto x = llvm::cantFail(b.zeros(f32(), {B}));
  EXPECT_EQ(errorOf(b.toIndex(x)), "index: expected it to be an integer scalar, got f32[B]");
  EXPECT_EQ(errorOf(b.extractScalar(x)), "expected a scalar, got f32[B]");
}

TEST_F(GraphBuilderTest, Constants) {
  begin({{B}});
  auto values = llvm::cantFail(b.constant({1, 2, 3, 4}, i64(), {2, 2}));
  EXPECT_EQ(values.str(), "i64[2, 2]");
  EXPECT_TRUE(
      inOrder(finish(values), {"arith.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi64>"}));
}

TEST_F(GraphBuilderTest, RejectsBadConstants) {
  begin({{B}});
  EXPECT_EQ(errorOf(b.constant({1, 2}, f32(), {3})), "constant: expected 3 values for [3], got 2");
  EXPECT_EQ(errorOf(b.scalar(0.5, i64())), "constant: expected a value of i64, got 0.5");
  EXPECT_EQ(errorOf(b.scalar(1e30, i64())).substr(0, 39),
            "constant: expected a value of i64, got ");
  EXPECT_EQ(errorOf(b.full(9007199254740994.0, i64(), {2})),
            "constant: expected a value of i64, got 9007199254740994.0");
  EXPECT_EQ(errorOf(b.scalar(1, b.opBuilder().getIndexType())),
            "constant: expected a float, integer or bool type, got index");
}

TEST_F(GraphBuilderTest, TensorsFromIndices) {
  begin({{B, L}});
  auto eye = llvm::cantFail(b.eye(f32(), L, L));
  EXPECT_EQ(eye.str(), "f32[L, L]");
  auto range = llvm::cantFail(b.arange(i64(), L, 3, 2));
  EXPECT_EQ(range.str(), "i64[L]");
  auto ones = llvm::cantFail(b.ones(f16(), {B, 2}));
  std::string text = finish({{"eye", eye}, {"range", range}, {"ones", ones}});
  EXPECT_TRUE(inOrder(text, {"linalg.index 0", "linalg.index 1", "arith.cmpi eq", "arith.uitofp",
                             "linalg.index 0", "arith.muli", "arith.addi", "linalg.fill"}));
}

} // namespace
