// Errors in indices and slices, word for word.
#include "tests/frontend/DescriptionTesting.h"

using namespace fovea;
using namespace fovea::testing;

TEST_F(ImporterTest, ElementsByIndex) {
  auto inEntry = [&](const std::string &value) {
    return messages(
        "def f(x: f32[B, L, 16], i: i64[3], j: i64[B, 3, 15], k: f32[3]):\n  return y=" + value +
        "\n");
  };
  EXPECT_EQ(inEntry("x[k]"), Messages{"index: expected indices of integers, got f32[3]"});
  EXPECT_EQ(inEntry("x[0, k > 0.0]"), Messages{"index: expected indices of integers, got bool[3]"});
  EXPECT_EQ(inEntry("x[i, j]"), Messages{"index: shapes do not broadcast: [3] and [B, 3, 15]: 3 "
                                         "against 15"});
  EXPECT_EQ(inEntry("x[i, k]"), Messages{"index: expected indices of integers, got f32[3]"});
  EXPECT_EQ(inEntry("x.index_select(1, j)"),
            Messages{"expected a tensor of rank 1, got i64[B, 3, 15]"});
  EXPECT_EQ(
      inEntry("gather(x, 1, j)"),
      Messages{"gather: expected indices of shape [B, L, 16], of which dim 1 alone may differ, "
               "got i64[B, 3, 15]"});
  EXPECT_EQ(inEntry("roll(x, (1, 2), 1)"),
            Messages{"expected as many shifts as dims, got 2 and 1"});
  EXPECT_EQ(inEntry("x.roll(0.5, 1)"),
            Messages{"expected an integer or a size in 'roll', got the number 0.5"});
  EXPECT_EQ(inEntry("flip(x)"), Messages{"'flip' needs a dim"});
  EXPECT_EQ(inEntry("flip(x, 3)"), Messages{"flip: dim 3 is out of range for rank 3"});
  EXPECT_EQ(inEntry("repeat(x, 2)"),
            Messages{"repeat: expected a count for each dim of f32[B, L, 16], got 1"});
  EXPECT_EQ(inEntry("x.repeat_interleave(0, 1)"),
            Messages{"repeat_interleave: expected a count of at least 1, got 0"});
  EXPECT_EQ(inEntry("cumsum(x, 5)"), Messages{"cumsum: dim 5 is out of range for rank 3"});
  EXPECT_EQ(inEntry("clamp(x)"), Messages{"'clamp' needs 'min' or 'max'"});
  EXPECT_EQ(inEntry("logsumexp(i, 0)"),
            Messages{"logsumexp: expected the input of floats, got i64[3]"});
}

TEST_F(ImporterTest, Indices) {
  EXPECT_EQ(inBody("y = (1, 2)[2]"), Messages{"index 2 is outside a sequence of 2"});
  EXPECT_EQ(inBody("y = (1, 2)[x]"), Messages{"the index of a sequence must be a compile-time "
                                              "integer, got a tensor f32[B, 6, 8]"});
  EXPECT_EQ(inBody("y = x[0, 0, 0, 0]"), Messages{"too many indices for f32[B, 6, 8]: got 4"});
  EXPECT_EQ(inBody("y = x[..., 0, ...]"), Messages{"an index has at most one '...'"});
  EXPECT_EQ(inBody("y = x['a']"), Messages{"expected an integer, a size or an integer scalar as "
                                           "index, got the string 'a'"});
  EXPECT_EQ(inBody("y = x[n:]"),
            Messages{"the bounds of a slice are sizes known at compile time, got a tensor i64[]; "
                     "use dynamic_slice"});
  EXPECT_EQ(inBody("y = 3[0]"), Messages{"the integer 3 cannot be indexed"});
}

TEST_F(ImporterTest, ListsAsIndicesAndParts) {
  EXPECT_EQ(inBody("y = x[:, [0, 6]]"), Messages{"index 6 is out of range for a dim of 6"});
  EXPECT_EQ(inBody("y = x[:, [-7]]"), Messages{"index -7 is out of range for a dim of 6"});
  EXPECT_EQ(inBody("y = x[[]]"), Messages{"expected at least one index in a list, got none"});
  EXPECT_EQ(inBody("y = x[[0, True]]"),
            Messages{"expected a list of integers as index, got one with True"});
  EXPECT_EQ(inBody("y = x[[[0, 1], [1]]]"),
            Messages{"expected nested lists of numbers of equal lengths, got a sequence of 1"});
  EXPECT_EQ(inBody("y = x[:, ::-1]"), Messages{"slice: expected a step of at least 1, got -1; flip "
                                               "puts a dim in the opposite order"});
  EXPECT_EQ(inBody("y = x * [1, 2][::0][0]"),
            Messages{"expected a step of a slice other than 0, got 0"});
  EXPECT_EQ(inBody("y = x.max(dim=-1)[0]"),
            Messages{"expected '.values' or '.indices' of this reduction, which is a tensor of its "
                     "values; give it a name to index these"});
  EXPECT_EQ(inBody("y = x.topk(2).places"), Messages{"a sequence of 2 has no attribute 'places'"});
  EXPECT_EQ(inBody("y = x.max().values"), Messages{"a tensor has no attribute 'values'"});
  EXPECT_EQ(inBody("a, b, c = x.max(dim=0)"),
            Messages{"expected 3 values, got a tensor f32[6, 8]"});
}
