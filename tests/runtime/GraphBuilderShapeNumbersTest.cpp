// Ops that move elements.
#include "tests/runtime/GraphBuilderNumbers.h"

using namespace fovea;

TEST_F(GraphBuilderNumbers, ReshapesAndPermutations) {
  Input x = randomInput({4, 6}, 1);
  EXPECT_EQ(run(
                {x},
                [&](Tensors t) {
                  return b.reshape(t[0], {3, 8});
                },
                false),
            x.values);
  Values transposed, heads;
  for (int j = 0; j < 6; ++j)
    for (int i = 0; i < 4; ++i)
      transposed.push_back(x.values[i * 6 + j]);
  EXPECT_EQ(run({x}, [&](Tensors t) { return b.permute(t[0], {1, 0}); }), transposed);
  for (int h = 0; h < 3; ++h)
    for (int i = 0; i < 4; ++i)
      for (int d = 0; d < 2; ++d)
        heads.push_back(x.values[i * 6 + h * 2 + d]);
  EXPECT_EQ(run(
                {x}, [&](Tensors t) { return b.splitHeads(t[0], 3); }, false),
            heads);
  auto roundTrip = [&](Tensors t) { return b.mergeHeads(llvm::cantFail(b.splitHeads(t[0], 3))); };
  EXPECT_EQ(run({x}, roundTrip, false), x.values);
}

TEST_F(GraphBuilderNumbers, SlicesAndConcatenation) {
  Input x{{2, 5}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}, at{{}, {1}, true};
  EXPECT_EQ(run({x}, [&](Tensors t) { return b.slice(t[0], 1, 1, -1, 2); }), (Values{1, 3, 6, 8}));
  EXPECT_EQ(run({x}, [&](Tensors t) { return b.index(t[0], 1, -1); }), (Values{4, 9}));
  EXPECT_EQ(run({x, at}, [&](Tensors t) { return b.dynamicSlice(t[0], 1, t[1], 2); }),
            (Values{1, 2, 6, 7}));
  EXPECT_EQ(run({x, at}, [&](Tensors t) { return b.dynamicIndex(t[0], 0, t[1]); }),
            (Values{5, 6, 7, 8, 9}));
  auto swapRows = [&](Tensors t) {
    return b.dynamicUpdate(t[0], 0, t[1], llvm::cantFail(b.index(t[0], 0, 0)));
  };
  EXPECT_EQ(run({x, at}, swapRows), (Values{0, 1, 2, 3, 4, 0, 1, 2, 3, 4}));
  Input y{{2, 1}, {-1, -2}};
  EXPECT_EQ(run({x, y},
                [&](Tensors t) {
                  return b.concat({t[0], t[1]}, 1);
                }),
            (Values{0, 1, 2, 3, 4, -1, 5, 6, 7, 8, 9, -2}));
  EXPECT_EQ(run({y, y},
                [&](Tensors t) {
                  return b.stack({t[0], t[1]}, -1);
                }),
            (Values{-1, -1, -2, -2}));
}

// Negative indices count from the end; those outside are the closest inside.
TEST_F(GraphBuilderNumbers, ElementsByIndex) {
  Input x{{2, 3}, {0, 1, 2, 10, 11, 12}}, at{{2, 2}, {2, -3, 0, -1}, true};
  Input far{{2}, {7, -9}, true}, places{{2, 1}, {-1, 1}, true};
  EXPECT_EQ(run({x, at}, [&](Tensors t) { return b.indexSelect(t[0], 1, t[1]); }),
            (Values{2, 0, 0, 2, 12, 10, 10, 12}));
  EXPECT_EQ(run({x, far}, [&](Tensors t) { return b.indexSelect(t[0], 0, t[1]); }),
            (Values{10, 11, 12, 0, 1, 2}));
  auto gathered = [&](Tensors t) {
    return b.gather(t[0], -1, SymbolicTensor{t[1].value, {t[0].dim(0), t[1].dim(1)}});
  };
  EXPECT_EQ(run({x, places}, gathered, /*areDimsSymbols=*/false), (Values{2, 11}));
}

// x[i, :, j] is [2, 2, 3] of i [2] and j [2, 1]: the dims of the indices are in front.
TEST_F(GraphBuilderNumbers, ElementsBySeveralIndices) {
  Input x{{2, 3, 4}, {}}, i{{2}, {1, -2}, true}, j{{2, 1}, {3, 9}, true};
  for (int64_t n = 0; n < 24; ++n)
    x.values.push_back(static_cast<double>(n));
  auto indexed = [&](std::vector<int64_t> dims) {
    return run(
        {x, i, j},
        [&](Tensors t) {
          return b.indexElements(t[0], dims, {t[1], t[2]});
        },
        /*areDimsSymbols=*/false);
  };
  EXPECT_EQ(indexed({1, 2}), (Values{7, 7, 7, 7, 19, 19, 19, 19}));
  EXPECT_EQ(indexed({0, 2}), (Values{15, 19, 23, 3, 7, 11, 15, 19, 23, 3, 7, 11}));
  EXPECT_EQ(indexed({0, 1}), (Values{20, 21, 22, 23, 8, 9, 10, 11, 20, 21, 22, 23, 8, 9, 10, 11}));
}

TEST_F(GraphBuilderNumbers, FlipsRollsAndRepetitions) {
  Input x{{2, 3}, {0, 1, 2, 10, 11, 12}};
  EXPECT_EQ(run({x}, [&](Tensors t) { return b.flip(t[0], {1}); }), (Values{2, 1, 0, 12, 11, 10}));
  EXPECT_EQ(run({x},
                [&](Tensors t) {
                  return b.flip(t[0], {0, -1});
                }),
            (Values{12, 11, 10, 2, 1, 0}));
  for (bool symbols : {true, false}) {
    EXPECT_EQ(run(
                  {x}, [&](Tensors t) { return b.roll(t[0], 1, 1); }, symbols),
              (Values{2, 0, 1, 12, 10, 11}));
    EXPECT_EQ(run(
                  {x}, [&](Tensors t) { return b.roll(t[0], 1, -1); }, symbols),
              (Values{1, 2, 0, 11, 12, 10}));
    EXPECT_EQ(run(
                  {x}, [&](Tensors t) { return b.roll(t[0], 1, t[0].dim(1)); }, symbols),
              x.values);
  }
  EXPECT_EQ(run(
                {x}, [&](Tensors t) { return b.roll(t[0], 1, -4); }, false),
            (Values{1, 2, 0, 11, 12, 10}));
  EXPECT_EQ(run({x}, [&](Tensors t) { return b.repeatInterleave(t[0], 0, 2); }),
            (Values{0, 1, 2, 0, 1, 2, 10, 11, 12, 10, 11, 12}));
  EXPECT_EQ(run({x},
                [&](Tensors t) {
                  return b.tile(t[0], {1, 2});
                }),
            (Values{0, 1, 2, 0, 1, 2, 10, 11, 12, 10, 11, 12}));
  EXPECT_EQ(run({x},
                [&](Tensors t) {
                  return b.tile(t[0], {2, 1, 1});
                }),
            (Values{0, 1, 2, 10, 11, 12, 0, 1, 2, 10, 11, 12}));
}

TEST_F(GraphBuilderNumbers, PadThenUnfold) {
  Input x{{3}, {1, 2, 3}};
  auto windows = [&](Tensors t) { return b.unfold(llvm::cantFail(b.pad(t[0], 0, 1, 1)), 0, 3, 1); };
  EXPECT_EQ(run({x}, windows), (Values{0, 1, 2, 1, 2, 3, 2, 3, 0}));
}
