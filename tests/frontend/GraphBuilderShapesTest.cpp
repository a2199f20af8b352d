// Reshapes, permutations, slices, concatenation, padding and windows.
#include "GraphBuilderFixture.h"

using namespace fovea;

namespace {

TEST_F(GraphBuilderTest, ReshapeSplitsAndMerges) {
  auto x = begin({{B, L, 64}});
  auto split = llvm::cantFail(b.reshape(x[0], {B, L, 8, -1}));
  EXPECT_EQ(split.str(), "f32[B, L, 8, 8]");
  auto rows = llvm::cantFail(b.reshape(split, {-1, 64}));
  EXPECT_EQ(rows.str(), "f32[B*L, 64]");
  EXPECT_TRUE(inOrder(finish(rows), {"tensor.expand_shape", "[[0], [1], [2, 3]]",
                                     "tensor.collapse_shape", "[[0, 1], [2, 3]]"}));
}

TEST_F(GraphBuilderTest, ReshapeWithoutCommonFactorsGoesThroughTheProduct) {
  auto x = begin({{4, 6, L}});
  auto y = llvm::cantFail(b.reshape(x[0], {3, 8, L}));
  EXPECT_EQ(y.str(), "f32[3, 8, L]");
  EXPECT_TRUE(
      inOrder(finish(y), {"tensor.collapse_shape", "tensor<4x6x?xf32> into tensor<24x?xf32>",
                          "tensor.expand_shape", "tensor<24x?xf32> into tensor<3x8x?xf32>"}));
}

TEST_F(GraphBuilderTest, ReshapeOfSymbolicProducts) {
  auto x = begin({{B, L, 64}});
  auto flat = llvm::cantFail(b.reshape(x[0], {-1}));
  EXPECT_EQ(flat.str(), "f32[64*B*L]");
  auto y = llvm::cantFail(b.reshape(flat, {L, B, 64}));
  EXPECT_EQ(y.str(), "f32[L, B, 64]");
  EXPECT_TRUE(inOrder(finish(y), {"tensor.collapse_shape", "tensor.expand_shape"}));
}

TEST_F(GraphBuilderTest, ReshapeToAndFromScalars) {
  auto x = begin({{1, 1}});
  auto scalar = llvm::cantFail(b.reshape(x[0], {}));
  EXPECT_EQ(scalar.str(), "f32[]");
  auto back = llvm::cantFail(b.reshape(scalar, {1, 1, 1}));
  EXPECT_EQ(finish(back).empty(), false);
}

TEST_F(GraphBuilderTest, UnitDimsComeAndGo) {
  auto x = begin({{B, L}});
  for (int64_t dim : {0, 1, 2, -1}) {
    auto wide = llvm::cantFail(b.unsqueeze(x[0], dim));
    auto back = llvm::cantFail(b.squeeze(wide, dim));
    EXPECT_EQ(back.value, x[0].value) << dim;
  }
  EXPECT_EQ(llvm::cantFail(b.unsqueeze(x[0], 1)).str(), "f32[B, 1, L]");
}

TEST_F(GraphBuilderTest, HeadsAreSplitAndMerged) {
  auto x = begin({{B, L, 64}});
  auto heads = llvm::cantFail(b.splitHeads(x[0], 8));
  EXPECT_EQ(heads.str(), "f32[B, 8, L, 8]");
  auto merged = llvm::cantFail(b.mergeHeads(heads));
  EXPECT_EQ(merged.str(), "f32[B, L, 64]");
  EXPECT_TRUE(inOrder(finish(merged),
                      {"tensor.expand_shape", "linalg.transpose", "permutation = [0, 2, 1, 3]",
                       "linalg.transpose", "permutation = [0, 2, 1, 3]", "tensor.collapse_shape"}));
}

TEST_F(GraphBuilderTest, PermuteIdentityIsFree) {
  auto x = begin({{B, L, 64}});
  EXPECT_EQ(llvm::cantFail(b.permute(x[0], {0, 1, 2})).value, x[0].value);
  EXPECT_EQ(llvm::cantFail(b.permute(x[0], {2, 0, 1})).str(), "f32[64, B, L]");
  EXPECT_EQ(llvm::cantFail(b.transpose(x[0], -1, -2)).str(), "f32[B, 64, L]");
}

TEST_F(GraphBuilderTest, ShapeErrors) {
  auto x = begin({{B, L, 64}});
  EXPECT_EQ(errorOf(b.reshape(x[0], {B, 64})),
            "reshape: cannot view f32[B, L, 64] as [B, 64]: expected 64*B*L elements, got 64*B");
  EXPECT_EQ(errorOf(b.reshape(x[0], {-1, -1})),
            "reshape: cannot view f32[B, L, 64] as [-1, -1]: expected at most one dim of -1");
  EXPECT_EQ(errorOf(b.reshape(x[0], {llvm::cantFail(L.plus(1)), -1})),
            "reshape: cannot view f32[B, L, 64] as [L + 1, -1]: 64*B*L elements are no multiple of "
            "L + 1; --set makes sizes known, as in --set L=8");
  SymbolicDim half = llvm::cantFail(L.floorDiv(2)), third = llvm::cantFail(L.floorDiv(3));
  EXPECT_EQ(
      errorOf(b.reshape(x[0], {B, half, 3, 64})),
      "reshape: cannot view f32[B, L, 64] as [B, (L//2), 3, 64]: expected 64*B*L elements, got "
      "192*B*(L//2); --set makes sizes known, as in --set L=8");
  EXPECT_EQ(errorOf(b.reshape(x[0], {third, 3, 64})),
            "reshape: cannot view f32[B, L, 64] as [(L//3), 3, 64]: expected 64*B*L elements, got "
            "192*(L//3); --set makes sizes known, as in --set L=8");
  EXPECT_EQ(errorOf(b.permute(x[0], {0, 1})),
            "permute: expected each dim of f32[B, L, 64] once, got [0, 1]");
  EXPECT_EQ(errorOf(b.permute(x[0], {0, 1, 1})),
            "permute: expected each dim of f32[B, L, 64] once, got [0, 1, 1]");
  EXPECT_EQ(errorOf(b.permute(x[0], {0, 1, 3})), "permute: dim 3 is out of range for rank 3");
  EXPECT_EQ(errorOf(b.transpose(x[0], 0, -4)), "transpose: dim -4 is out of range for rank 3");
  EXPECT_EQ(errorOf(b.squeeze(x[0], 0)), "squeeze: expected dim 0 to be 1, got f32[B, L, 64]");
  EXPECT_EQ(errorOf(b.unsqueeze(x[0], 4)), "unsqueeze: dim 4 is out of range for rank 4");
  EXPECT_EQ(errorOf(b.splitHeads(x[0], 7)),
            "split_heads: expected the last dim of f32[B, L, 64] to be a multiple of 7 heads");
  EXPECT_EQ(errorOf(b.splitHeads(x[0], 0)), "split_heads: expected at least one head, got 0");
  auto row = llvm::cantFail(b.index(llvm::cantFail(b.index(x[0], 0, 0)), 0, 0));
  EXPECT_EQ(errorOf(b.splitHeads(row, 8)), "split_heads: expected rank 2 or more, got f32[64]");
  EXPECT_EQ(errorOf(b.mergeHeads(row)), "merge_heads: expected rank 3 or more, got f32[64]");
}

/// What a function requires of its sizes.
static std::string conditionsIn(const std::string &text) {
  std::string all;
  for (llvm::StringRef rest = text; rest.contains("text = \"");) {
    rest = rest.split("text = \"").second;
    all += (rest.split('"').first + ";").str();
  }
  return all;
}

// The dims of each view, and what must hold of the sizes for it.
TEST_F(GraphBuilderTest, ViewsByQuotientsRequireThatTheyAreExact) {
  auto over = [&](const SymbolicDim &dim, const SymbolicDim &divisor) {
    return llvm::cantFail(dim.floorDiv(divisor));
  };
  auto view = [&](const SymbolicShape &from, const SymbolicShape &to) {
    auto x = begin({from});
    SymbolicTensor y = llvm::cantFail(b.reshape(x[0], to));
    std::string required = conditionsIn(finish(y));
    module->getBody()->clear();
    return formatShape(y.shape) + " " + required;
  };
  EXPECT_EQ(view({B, L, 64}, {B, over(L, 4), 4, 64}),
            "[B, (L//4), 4, 64] L to be a multiple of 4;");
  EXPECT_EQ(view({B, L, 64}, {B, -1, 4, 64}), "[B, (L//4), 4, 64] L to be a multiple of 4;");
  EXPECT_EQ(view({B, L, 64}, {B, over(L, 4), -1}), "[B, (L//4), 256] L to be a multiple of 4;");
  EXPECT_EQ(view({L, 6}, {-1, 4}), "[L + (L//2), 4] L to be a multiple of 2;");
  EXPECT_EQ(view({B, L}, {over(B, 2), 2, over(L, 8), 8}),
            "[(B//2), 2, (L//8), 8] B to be a multiple of 2;L to be a multiple of 8;");
  EXPECT_EQ(view({B, L, 64}, {-1, 7}), "[9*B*L + ((B*L)//7), 7] B*L to be a multiple of 7;");
  EXPECT_EQ(view({B, L, 64}, {-1, 4, 64}), "[((B*L)//4), 4, 64] B*L to be a multiple of 4;");
  EXPECT_EQ(view({B, L, L}, {B, over(L, 4), 4, over(L, 6), 6}),
            "[B, (L//4), 4, (L//6), 6] L to be a multiple of 4;L to be a multiple of 6;");
  EXPECT_EQ(view({L, B}, {over(L, B), B, B}), "[(L//B), B, B] L to be a multiple of B;");
}

// Every other row, as (L + 1)//2, may be one too many where blocks are exact.
TEST_F(GraphBuilderTest, OnlyQuotientsThatMustBeAreExact) {
  auto x = begin({{L, L}});
  auto rows = llvm::cantFail(b.slice(x[0], 0, 0, L, 2));
  auto blocks = b.reshape(rows, {rows.dim(0), llvm::cantFail(L.floorDiv(4)), 4});
  EXPECT_EQ(conditionsIn(finish(std::move(blocks))), "L to be a multiple of 4;");
}

TEST_F(GraphBuilderTest, ViewsByExactQuotientsAndBackAreFree) {
  auto x = begin({{B, L, 64}});
  auto blocks = llvm::cantFail(b.reshape(x[0], {B, -1, 4, 64}));
  auto back = llvm::cantFail(b.reshape(blocks, {B, L, 64}));
  EXPECT_EQ(back.str(), "f32[B, L, 64]");
  EXPECT_EQ(back.value, x[0].value);
}

TEST_F(GraphBuilderTest, SlicesWithSymbolicBounds) {
  auto x = begin({{B, L, 64}});
  EXPECT_EQ(llvm::cantFail(b.slice(x[0], 1, 1, L)).str(), "f32[B, L - 1, 64]");
  EXPECT_EQ(llvm::cantFail(b.slice(x[0], 1, -3, L)).str(), "f32[B, 3, 64]");
  EXPECT_EQ(llvm::cantFail(b.slice(x[0], 2, 0, -1, 2)).str(), "f32[B, L, 32]");
  EXPECT_EQ(llvm::cantFail(b.slice(x[0], 1, 0, L)).value, x[0].value);
  EXPECT_EQ(llvm::cantFail(b.index(x[0], 1, -1)).str(), "f32[B, 64]");
  auto y = llvm::cantFail(b.slice(x[0], 1, -3, L));
  EXPECT_TRUE(inOrder(finish(y), {"arith.addi", "tensor.extract_slice", "3, 64] [1, 1, 1]"}));
}

TEST_F(GraphBuilderTest, DynamicSlicesTakeScalars) {
  auto x = begin({{f32(), {4, B, 8}}, {i64(), {}}});
  auto part = llvm::cantFail(b.dynamicSlice(x[0], 0, x[1], 2));
  EXPECT_EQ(part.str(), "f32[2, B, 8]");
  auto row = llvm::cantFail(b.dynamicIndex(x[0], 0, x[1]));
  EXPECT_EQ(row.str(), "f32[B, 8]");
  auto updated = llvm::cantFail(b.dynamicUpdate(x[0], 0, x[1], row));
  EXPECT_TRUE(inOrder(finish(updated), {"tensor.extract %arg1", "arith.index_cast",
                                        "tensor.extract_slice", "tensor.insert_slice"}));
}

TEST_F(GraphBuilderTest, SliceErrors) {
  auto x = begin({{f32(), {B, 64}}, {f32(), {}}, {i64(), {}}});
  EXPECT_EQ(errorOf(b.slice(x[0], 1, 0, 65)),
            "slice: expected 0 <= begin <= end <= 64, got [0, 65)");
  EXPECT_EQ(errorOf(b.slice(x[0], 1, 5, 4)), "slice: expected 0 <= begin <= end <= 64, got [5, 4)");
  EXPECT_EQ(errorOf(b.slice(x[0], 1, -65, 64)),
            "slice: expected 0 <= begin <= end <= 64, got [-1, 64)");
  EXPECT_EQ(errorOf(b.slice(x[0], 1, 3, 3)), "slice: expected dims of at least 1, got [B, 0]");
  EXPECT_EQ(errorOf(b.slice(x[0], 1, 0, 64, 0)), "slice: expected a step of at least 1, got 0");
  EXPECT_EQ(errorOf(b.slice(x[0], 2, 0, 1)), "slice: dim 2 is out of range for rank 2");
  EXPECT_EQ(errorOf(b.index(x[0], 1, 64)), "index: 64 is out of range for a dim of 64");
  EXPECT_EQ(errorOf(b.index(x[0], 1, -65)), "index: -65 is out of range for a dim of 64");
  EXPECT_EQ(errorOf(b.dynamicSlice(x[0], 1, x[2], 65)),
            "slice: expected at most 64 elements, got 65");
  EXPECT_EQ(errorOf(b.dynamicSlice(x[0], 1, x[1], 1)),
            "index: expected it to be an integer scalar, got f32[]");
  EXPECT_EQ(errorOf(b.dynamicUpdate(x[0], 0, x[2], x[0])), "update: expected [64], got f32[B, 64]");
}

TEST_F(GraphBuilderTest, ConcatAndStack) {
  auto x = begin({{B, L, 64}, {B, 2, 64}});
  auto joined = llvm::cantFail(b.concat(x, 1));
  EXPECT_EQ(joined.str(), "f32[B, L + 2, 64]");
  auto stacked = llvm::cantFail(b.stack({x[1], x[1]}, -1));
  EXPECT_EQ(stacked.str(), "f32[B, 2, 64, 2]");
  EXPECT_TRUE(inOrder(finish({{"a", joined}, {"b", stacked}}),
                      {"tensor.insert_slice", "tensor.insert_slice", "tensor.expand_shape",
                       "tensor.insert_slice", "tensor.insert_slice"}));
}

TEST_F(GraphBuilderTest, ConcatErrors) {
  auto x = begin({{f32(), {B, 64}}, {f32(), {B, 32}}, {i64(), {B, 64}}});
  EXPECT_EQ(errorOf(b.concat({}, 0)), "concat: expected at least one tensor, got none");
  EXPECT_EQ(errorOf(b.concat({x[0], x[1]}, 0)),
            "concat: expected dims equal to [B, 64] except dim 0, got f32[B, 32]");
  EXPECT_EQ(errorOf(b.concat({x[0], x[2]}, 0)),
            "concat: element types differ: f32[B, 64] and i64[B, 64]; "
            "convert one of them, as in x.to(f32)");
  EXPECT_EQ(errorOf(b.concat({x[0]}, 2)), "concat: dim 2 is out of range for rank 2");
  EXPECT_EQ(errorOf(b.stack({}, 0)), "stack: expected at least one tensor, got none");
  EXPECT_EQ(errorOf(b.stack({x[0], x[1]}, 0)),
            "stack: expected shapes equal to [B, 64], got f32[B, 32]");
}

TEST_F(GraphBuilderTest, PadThenUnfoldKeepsTheLength) {
  auto x = begin({{B, 8, L, 64}});
  auto padded = llvm::cantFail(b.pad(x[0], 2, 64, 64));
  EXPECT_EQ(padded.str(), "f32[B, 8, L + 128, 64]");
  auto windows = llvm::cantFail(b.unfold(padded, 2, 129, 1));
  EXPECT_EQ(windows.str(), "f32[B, 8, L, 64, 129]");
  EXPECT_TRUE(inOrder(finish(windows), {"tensor.pad %arg0 low[0, 0, 64, 0] high[0, 0, 64, 0]",
                                        "attn.unfold", "dim(2) size(129) step(1)"}));
}

TEST_F(GraphBuilderTest, UnfoldCountsWindows) {
  auto x = begin({{10}});
  EXPECT_EQ(llvm::cantFail(b.unfold(x[0], 0, 3, 1)).str(), "f32[8, 3]");
  EXPECT_EQ(llvm::cantFail(b.unfold(x[0], 0, 3, 4)).str(), "f32[2, 3]");
}

TEST_F(GraphBuilderTest, PadAndUnfoldErrors) {
  auto x = begin({{B, 10}});
  EXPECT_EQ(errorOf(b.pad(x[0], 1, -1, 0)), "pad: expected widths of at least 0, got -1 and 0");
  EXPECT_EQ(errorOf(b.pad(x[0], 2, 1, 1)), "pad: dim 2 is out of range for rank 2");
  EXPECT_EQ(errorOf(b.unfold(x[0], 1, 11, 1)),
            "unfold: expected 1 <= size <= 10 and step >= 1, got size 11 and step 1");
  EXPECT_EQ(errorOf(b.unfold(x[0], 1, 3, 0)),
            "unfold: expected 1 <= size <= 10 and step >= 1, got size 3 and step 0");
  EXPECT_EQ(errorOf(b.unfold(x[0], -3, 3, 1)), "unfold: dim -3 is out of range for rank 2");
}

} // namespace
