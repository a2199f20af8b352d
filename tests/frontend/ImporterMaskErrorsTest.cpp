// Errors in mask, score, bucket and sink functions, word for word.
#include "tests/frontend/DescriptionTesting.h"

using namespace fovea;
using namespace fovea::testing;

TEST_F(ImporterTest, MaskFunctions) {
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i: i > 0)"),
            Messages{"a mask function takes (i, j) or (b, h, i, j), got one of 1 parameters"});
  EXPECT_EQ(inBody("y = attention(x, x, x, score=lambda s, i: s)"),
            Messages{"a score function takes (s), (s, i, j) or (s, b, h, i, j), got one of 2 "
                     "parameters"});
  EXPECT_EQ(inBody("y = attention(x, x, x, mask='causal')"),
            Messages{"expected a function or a tensor for 'mask' of 'attention', got the string "
                     "'causal'"});
  EXPECT_EQ(inBody("y = attention(x, x, x, score=lambda s, i, j: j <= i)"),
            Messages{"expected a number, got a run-time bool; choose one, as in `s if c else "
                     "0.0`"});
  EXPECT_EQ(inBody("y = attention(x, x, x, sink=lambda h: True)"),
            Messages{"expected a number, got True; choose one, as in `s if c else 0.0`"});
  EXPECT_EQ(inBody("y = x.masked_fill(tril(x), 0.0)"),
            Messages{"expected a mask of bool, got f32[B, 6, 8]; compare it, as in mask != 0"});
  EXPECT_EQ(inBody("y = attention(x, x, x, score=x)"),
            Messages{"expected a function for 'score' of 'attention', got a tensor "
                     "f32[B, 6, 8]"});
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: x[i, j] > 0)"),
            Messages{"inside a mask or score function every dim of a tensor is indexed: "
                     "f32[B, 6, 8] takes 3 indices, got 2"});
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: x > i)"),
            Messages{"expected a scalar, got a tensor f32[B, 6, 8]; index it"});
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: i <= jj)"),
            Messages{"unknown name 'jj' (did you mean 'j'?)"});
}

TEST_F(ImporterTest, BucketsAndSoftcap) {
  EXPECT_EQ(inBody("y = attention(x, x, x, bucket=lambda i: i, buckets=3)"),
            Messages{"a bucket function takes (i, j) or (b, h, i, j), got one of 1 parameters"});
  EXPECT_EQ(inBody("y = attention(x, x, x, bucket=lambda i, j: i)"),
            Messages{"a bucket function needs 'buckets', their number"});
  EXPECT_EQ(inBody("y = attention(x, x, x, buckets=3)"),
            Messages{"'buckets' counts those of a function 'bucket', which is missing"});
  EXPECT_EQ(inBody("y = attention(x, x, x, bucket=3, buckets=3)"),
            Messages{"expected a function for 'bucket' of 'attention', got the integer 3"});
  EXPECT_EQ(inBody("y = attention(x, x, x, bucket=lambda i, j: 0.5, buckets=3)"),
            Messages{"expected index, got the number 0.5"});
  EXPECT_EQ(inBody("y = attention(x, x, x, softcap=0)"),
            Messages{"attention: expected a finite softcap above 0, got 0.0"});
  EXPECT_EQ(inBody("y = attention(x, x, x, offset=arange(0, 3))"),
            Messages{"attention: expected offset to be an integer scalar, got i64[3]"});
}

// A number is no truth value, neither as a mask nor as a condition in a mask or score function.
TEST_F(ImporterTest, MasksAreBoolean) {
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: i - j)"),
            Messages{"expected bool, got a run-time index; compare it"});
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: 1)"),
            Messages{"expected bool, got the integer 1; compare it"});
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: 0.5)"),
            Messages{"expected bool, got the number 0.5; compare it"});
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: x[0, i, 0])"),
            Messages{"expected bool, got a run-time f32; compare it"});
  EXPECT_EQ(inBody("y = attention(x, x, x, score=lambda s, i, j: s if i else 0.0)"),
            Messages{"expected bool, got a run-time index; compare it"});
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: True)"), Messages{});
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: (i > j) == 1)"), Messages{});
  for (std::string choice : {"True if i > j else False", "i > 2 if i > j else True"})
    EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: " + choice + ")"), Messages{});
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: 1 if i > j else 0)"),
            Messages{"expected bool, got a run-time index; compare it"});
  EXPECT_EQ(inBody("y = attention(x, x, x, mask=lambda i, j: (i > j) != -1)"),
            Messages{"the integer -1 does not fit in bool"});
}

// Positions times large numbers would leave the 64 bits in which comparisons are solved.
TEST_F(ImporterTest, LargeNumbersInMasks) {
  const std::string tooLarge =
      "this may leave 64 bits: a run-time integer is multiplied by numbers "
      "below 2**32 and added to numbers below 2**60";
  auto mask = [&](const std::string &text) {
    return inBody("y = attention(x, x, x, mask=lambda i, j: " + text + ")");
  };
  EXPECT_EQ(mask("j * 4294967296 <= i"), Messages{tooLarge});
  EXPECT_EQ(mask("j * 65536 * 65536 <= i"), Messages{tooLarge});
  EXPECT_EQ(mask("j * -9223372036854775807 <= i"), Messages{tooLarge});
  EXPECT_EQ(mask("j + 1152921504606846976 <= i"), Messages{tooLarge});
  EXPECT_EQ(mask("j - 9223372036854775807 <= i"), Messages{tooLarge});
  EXPECT_EQ(mask("j * 4294967295 <= i + 1152921504606846975"), Messages{});
  EXPECT_EQ(mask("j <= 9223372036854775807"), Messages{});
  EXPECT_EQ(mask("(i - j) % 9223372036854775807 < 5"), Messages{});
}

TEST_F(ImporterTest, MembersAndCastsOfScalars) {
  auto mask = [&](const std::string &text) {
    return inBody("y = attention(x, x, x, mask=lambda i, j: " + text + ")");
  };
  EXPECT_EQ(mask("j in (0, i, 5) and j not in (3, 4) and not (j in ())"), Messages{});
  EXPECT_EQ(mask("float(j) < 2.5 and int(0.5 * j) < i and bool(j) and long(j) < i"), Messages{});
  EXPECT_EQ(mask("to(i > j, f32) < gelu(0.5 * j, approximate='tanh')"), Messages{});
  EXPECT_EQ(mask("j in 3"), Messages{"'in' does not apply to a run-time index and the integer 3"});
  EXPECT_EQ(mask("j in (0, 'a')"), Messages{"expected a scalar, got the string 'a'"});
  EXPECT_EQ(inBody("y = attention(x, x, x, score=lambda s, i, j: s * gelu(s, approximate='no'))"),
            Messages{"expected 'none' or 'tanh', got 'no'"});
}
