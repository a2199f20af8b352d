// The other ops of the attn dialect in the reference executor.
#include "ReferenceHarness.h"
#include "dialect/Philox.h"
#include "frontend/WeightSource.h"
#include <cmath>

using namespace fovea;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsNan;

namespace {

class ReferenceAttnTest : public ReferenceHarness {
protected:
  /// @f, which quantises a tensor of f32 to rows of bytes: "1x34" to "1x38".
  static std::string quantizeRows(std::string from, std::string to) {
    from = "tensor<" + from + "xf32>", to = "tensor<" + to + "xi8>";
    return "func.func @f(%x: " + from + ") -> " + to + " {\n  %e = tensor.empty() : " + to +
           "\n  %r = attn.quantize_rows ins(%x : " + from + ") outs(%e : " + to + ") -> " + to +
           "\n  return %r : " + to + "\n}";
  }
};

TEST_F(ReferenceAttnTest, CreateMask) {
  EXPECT_THAT(result(R"mlir(
    func.func @f() -> tensor<2x3xi1> {
      %e = tensor.empty() : tensor<2x3xi1>
      %m = attn.create_mask outs(%e : tensor<2x3xi1>) where {
      ^bb0(%i: index, %j: index):
        %p = arith.cmpi sge, %i, %j : index
        attn.yield %p : i1
      } -> tensor<2x3xi1>
      return %m : tensor<2x3xi1>
    })mlir"),
              ElementsAre(1, 0, 0, 1, 1, 0));
}

TEST_F(ReferenceAttnTest, ApplyMaskBroadcastsAsNumpy) {
  std::string text = R"mlir(
    func.func @f(%s: tensor<2x2x2xf32>, %m: tensor<?x1xi1>) -> tensor<2x2x2xf32> {
      %r = attn.apply_mask ins(%s, %m : tensor<2x2x2xf32>, tensor<?x1xi1>)
                           outs(%s : tensor<2x2x2xf32>) fill(-1.0e9) -> tensor<2x2x2xf32>
      return %r : tensor<2x2x2xf32>
    })mlir";
  Tensor scores = floats({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, notANumber});
  EXPECT_THAT(result(text, {scores, bools({2, 1}, {1, 0})}),
              ElementsAre(1, 2, -1e9, -1e9, 5, 6, -1e9, -1e9));
  EXPECT_THAT(
      error(text, {scores, bools({3, 1}, {1, 0, 1})}),
      HasSubstr("expected a mask that broadcasts to scores of sizes [2, 2, 2], got [3, 1]"));
}

TEST_F(ReferenceAttnTest, UnfoldMakesWindows) {
  EXPECT_THAT(result(R"mlir(
    func.func @f(%x: tensor<2x5xi64>) -> tensor<2x2x3xi64> {
      %r = attn.unfold %x dim(1) size(3) step(2) : tensor<2x5xi64> -> tensor<2x2x3xi64>
      return %r : tensor<2x2x3xi64>
    })mlir",
                     {integers({2, 5}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9})}),
              ElementsAre(0, 1, 2, 2, 3, 4, 5, 6, 7, 7, 8, 9));
  // The window's elements are the last dim, whichever dim they come from.
  EXPECT_THAT(result(R"mlir(
    func.func @f(%x: tensor<3x2xi64>) -> tensor<2x2x2xi64> {
      %r = attn.unfold %x dim(0) size(2) step(1) : tensor<3x2xi64> -> tensor<2x2x2xi64>
      return %r : tensor<2x2x2xi64>
    })mlir",
                     {integers({3, 2}, {0, 1, 10, 11, 20, 21})}),
              ElementsAre(0, 10, 1, 11, 10, 20, 11, 21));
}

TEST_F(ReferenceAttnTest, UnfoldWindowsMustFit) {
  EXPECT_THAT(error(R"mlir(
    func.func @f(%x: tensor<?xi64>) -> tensor<?x3xi64> {
      %r = attn.unfold %x dim(0) size(3) step(1) : tensor<?xi64> -> tensor<?x3xi64>
      return %r : tensor<?x3xi64>
    })mlir",
                    {integers({2}, {0, 1})}),
              HasSubstr("'attn.unfold': expected windows of at most 2 elements, got 3"));
}

// By hand: the largest magnitude 127 gives the scale 1, and 254 the scale 2; 34 elements are two
// groups. 0x3F80 and 0x4000 are 1 and 2 as bf16.
TEST_F(ReferenceAttnTest, QuantizeRows) {
  std::vector<double> row(34, 0.0);
  row[0] = -127, row[1] = 2.25, row[2] = 2.5, row[3] = -3.5, row[31] = 126.6;
  row[32] = 254, row[33] = -9;
  std::vector<double> expected(38, 0.0);
  // Halves go to the even neighbour.
  expected[0] = -127, expected[1] = 2, expected[2] = 2, expected[3] = -4, expected[31] = 127;
  expected[32] = 127, expected[33] = -4;
  expected[34] = static_cast<int8_t>(0x80), expected[35] = 0x3F, expected[36] = 0,
  expected[37] = 0x40;
  EXPECT_THAT(result(quantizeRows("1x34", "1x38"), {floats({1, 34}, row)}),
              testing::ElementsAreArray(expected));
}

// The smallest bf16 that is at least 1 / 127 is 0x3C02 (0.0079345703125), so -1 becomes -126.
TEST_F(ReferenceAttnTest, QuantizedScalesAreRoundedUp) {
  std::string text = quantizeRows("2", "4");
  EXPECT_THAT(result(text, {floats({2}, {-1, 0.5})}), ElementsAre(-126, 63, 0x02, 0x3C));
  EXPECT_THAT(result(text, {floats({2}, {0, 0})}), ElementsAre(0, 0, 0, 0));
}

// One key: its value comes back, 127 and -126 of the scale 0.0079345703125.
TEST_F(ReferenceAttnTest, AttentionReadsQuantizedRows) {
  std::string text = R"mlir(
    func.func @f(%q: tensor<1x1x1x2xf32>, %k: tensor<1x1x1x4xi8>) -> tensor<1x1x1x2xf32> {
      %r = attn.attention ins(%q, %k, %k : tensor<1x1x1x2xf32>, tensor<1x1x1x4xi8>, tensor<1x1x1x4xi8>)
                          outs(%q : tensor<1x1x1x2xf32>) -> tensor<1x1x1x2xf32>
      return %r : tensor<1x1x1x2xf32>
    })mlir";
  Tensor rows = llvm::cantFail(Tensor::create(DataType::I8, {1, 1, 1, 4}));
  int8_t bytes[] = {127, -126, 0x02, 0x3C};
  std::copy(std::begin(bytes), std::end(bytes), rows.dataAs<int8_t>());
  EXPECT_THAT(result(text, {floats({1, 1, 1, 2}, {1, 2}), rows}),
              ElementsAre(127 * 0.0079345703125, -126 * 0.0079345703125));
}

TEST_F(ReferenceAttnTest, SoftmaxAlongAnyDim) {
  std::string text = R"mlir(
    func.func @f(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %e = tensor.empty() : tensor<2x3xf32>
      %r = attn.softmax ins(%x : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) dim(0) -> tensor<2x3xf32>
      return %r : tensor<2x3xf32>
    })mlir";
  // Columns: all masked (attention_s4), one masked, large.
  EXPECT_THAT(result(text, {floats({2, 3}, {-infinity, 0, 1000, -infinity, -infinity, 1000})}),
              ElementsAre(0, 1, 0.5, 0, 0, 0.5));
  EXPECT_THAT(result(text, {floats({2, 3}, {notANumber, 0, 0, -infinity, 0, 0})}),
              ElementsAre(IsNan(), 0.5, 0.5, IsNan(), 0.5, 0.5));
}

TEST_F(ReferenceAttnTest, RotaryRotatesPairsAndCopiesTheRest) {
  auto rotary = [](const std::string &attributes) {
    return R"mlir(
    func.func @f(%x: tensor<?x?x?x?xf32>, %c: tensor<?x?xf32>, %s: tensor<?x?xf32>) -> tensor<?x?x?x?xf32> {
      %r = attn.rotary ins(%x, %c, %s : tensor<?x?x?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>)
                       outs(%x : tensor<?x?x?x?xf32>) {)mlir" +
           attributes + R"mlir(} -> tensor<?x?x?x?xf32>
      return %r : tensor<?x?x?x?xf32>
    })mlir";
  };
  // A quarter turn takes (x1, x2) to (-x2, x1).
  Tensor cosine = floats({1, 2}, {0, 1}), sine = floats({1, 2}, {1, 0});
  Tensor x = floats({1, 1, 1, 5}, {1, 2, 3, 4, 5});
  EXPECT_THAT(result(rotary(""), {x, cosine, sine}), ElementsAre(-3, 2, 1, 4, 5));
  EXPECT_THAT(result(rotary("pairing = #attn<rotary_pairing interleaved>"), {x, cosine, sine}),
              ElementsAre(-2, 1, 3, 4, 5));
  // Two positions: the second turns. As [B, H, L, D] and as [B, L, H, D].
  Tensor turns = floats({2, 1}, {1, 0}), turned = floats({2, 1}, {0, 1});
  EXPECT_THAT(result(rotary(""), {floats({1, 1, 2, 2}, {1, 2, 3, 4}), turns, turned}),
              ElementsAre(1, 2, -4, 3));
  EXPECT_THAT(result(rotary("sequence_dim = 1 : i64"),
                     {floats({1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}), turns, turned}),
              ElementsAre(1, 2, 3, 4, -6, 5, -8, 7));
  EXPECT_THAT(error(rotary(""), {x, floats({2, 2}, {0, 1, 0, 1}), sine}),
              HasSubstr("expected a cosine of sizes [1, 2], got [2, 2]"));
  EXPECT_THAT(error(rotary(""), {floats({1, 1, 1, 3}, {1, 2, 3}), cosine, sine}),
              HasSubstr("expected at most 1 angles a position, got 2"));
}

TEST_F(ReferenceAttnTest, CacheAppend) {
  auto append = [](const std::string &attributes) {
    return R"mlir(
    func.func @f(%x: tensor<1x1x?x1xf32>, %c: tensor<1x1x3x1xf32>, %p: tensor<index>) -> tensor<1x1x3x1xf32> {
      %at = tensor.extract %p[] : tensor<index>
      %r = attn.cache_append ins(%x : tensor<1x1x?x1xf32>) outs(%c : tensor<1x1x3x1xf32>) at(%at))mlir" +
           attributes + R"mlir( -> tensor<1x1x3x1xf32>
      return %r : tensor<1x1x3x1xf32>
    })mlir";
  };
  Tensor x = floats({1, 1, 2, 1}, {8, 9}), cache = floats({1, 1, 3, 1}, {1, 2, 3});
  EXPECT_THAT(result(append(""), {x, cache, integers({}, {1})}), ElementsAre(1, 8, 9));
  EXPECT_THAT(result(append(" {ring}"), {x, cache, integers({}, {5})}), ElementsAre(9, 2, 8));
  EXPECT_THAT(error(append(""), {x, cache, integers({}, {2})}),
              HasSubstr("2 rows at position 2 do not fit into a cache of 3"));
  EXPECT_THAT(error(append(""), {x, cache, integers({}, {-1})}), HasSubstr("do not fit"));
  EXPECT_THAT(
      error(append(" {ring}"), {floats({1, 1, 4, 1}, {1, 2, 3, 4}), cache, integers({}, {0})}),
      HasSubstr("4 rows at position 0 do not fit into a cache of 3"));
}

TEST_F(ReferenceAttnTest, RotaryOfSequencesAtPositionsOfTheirOwn) {
  std::string text = R"mlir(
    func.func @f(%x: tensor<?x?x?x?xf32>, %c: tensor<?x?x?xf32>, %s: tensor<?x?x?xf32>) -> tensor<?x?x?x?xf32> {
      %r = attn.rotary ins(%x, %c, %s : tensor<?x?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?x?xf32>)
                       outs(%x : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
      return %r : tensor<?x?x?x?xf32>
    })mlir";
  // Two sequences of two heads and one position; the second sequence turns.
  Tensor x = floats({2, 2, 1, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_THAT(result(text, {x, floats({2, 1, 1}, {1, 0}), floats({2, 1, 1}, {0, 1})}),
              ElementsAre(1, 2, 3, 4, -6, 5, -8, 7));
  EXPECT_THAT(error(text, {x, floats({1, 1, 1}, {1}), floats({1, 1, 1}, {0})}),
              HasSubstr("expected a cosine of sizes [2, 1, 1], got [1, 1, 1]"));
}

TEST_F(ReferenceAttnTest, CacheAppendAtPositionsOfTheirOwn) {
  std::string text = R"mlir(
    func.func @f(%x: tensor<2x1x?x1xf32>, %c: tensor<2x1x3x1xf32>, %p: tensor<?xi64>) -> tensor<2x1x3x1xf32> {
      %r = attn.cache_append ins(%x : tensor<2x1x?x1xf32>) outs(%c : tensor<2x1x3x1xf32>) at(%p : tensor<?xi64>) -> tensor<2x1x3x1xf32>
      return %r : tensor<2x1x3x1xf32>
    })mlir";
  Tensor x = floats({2, 1, 1, 1}, {8, 9}), cache = floats({2, 1, 3, 1}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(result(text, {x, cache, integers({2}, {2, 0})}), ElementsAre(1, 2, 8, 9, 5, 6));
  EXPECT_THAT(error(text, {x, cache, integers({2}, {0, 3})}),
              HasSubstr("1 rows at position 3 do not fit into a cache of 3"));
  EXPECT_THAT(error(text, {x, cache, integers({1}, {0})}),
              HasSubstr("expected positions of sizes [2], got [1]"));
}

TEST_F(ReferenceAttnTest, DropoutDependsOnSeedAndIndexAlone) {
  std::string text = R"mlir(
    func.func @f(%x: tensor<?xf32>, %s: tensor<i64>) -> tensor<?xf32> {
      %seed = tensor.extract %s[] : tensor<i64>
      %r = attn.dropout ins(%x : tensor<?xf32>) outs(%x : tensor<?xf32>) seed(%seed) {p = 0.75 : f64} -> tensor<?xf32>
      return %r : tensor<?xf32>
    })mlir";
  std::vector<double> ones(64, 1), expected;
  for (uint64_t index = 0; index < 64; ++index)
    expected.push_back(philox::uniform(7, index) >= 0.75 ? 4 : 0);
  EXPECT_EQ(result(text, {floats({64}, ones), integers({}, {7})}), expected);
  EXPECT_NE(result(text, {floats({64}, ones), integers({}, {8})}), expected);
}

//===----------------------------------------------------------------------===//
// Sampling
//===----------------------------------------------------------------------===//

class ReferenceSampleTest : public ReferenceHarness {
protected:
  struct Options {
    double temperature = 1, topP = 1, minP = 0;
    int64_t topK = 0, seed = 0;
  };

  std::vector<double> sample(const Tensor &logits, const Options &options) {
    std::string text = R"mlir(
    func.func @f(%x: tensor<?x?xf32>, %i: tensor<2xi64>, %p: tensor<3xf32>) -> tensor<?xi64> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %k = tensor.extract %i[%c0] : tensor<2xi64>
      %s = tensor.extract %i[%c1] : tensor<2xi64>
      %t = tensor.extract %p[%c0] : tensor<3xf32>
      %tp = tensor.extract %p[%c1] : tensor<3xf32>
      %mp = tensor.extract %p[%c2] : tensor<3xf32>
      %n = tensor.dim %x, %c0 : tensor<?x?xf32>
      %e = tensor.empty(%n) : tensor<?xi64>
      %id = attn.sample ins(%x : tensor<?x?xf32>) outs(%e : tensor<?xi64>)
        temperature(%t) top_k(%k) top_p(%tp) min_p(%mp) seed(%s) -> tensor<?xi64>
      return %id : tensor<?xi64>
    })mlir";
    return result(text, {logits,
                         integers({2}, {static_cast<double>(options.topK),
                                        static_cast<double>(options.seed)}),
                         floats({3}, {options.temperature, options.topP, options.minP})});
  }

  /// The tokens that some of 200 seeds draw from a row of logits.
  std::vector<bool> drawn(llvm::ArrayRef<double> logits, Options options) {
    std::vector<bool> seen(logits.size());
    for (options.seed = 0; options.seed < 200; ++options.seed)
      seen[sample(floats({1, static_cast<int64_t>(logits.size())}, logits), options)[0]] = true;
    return seen;
  }
};

TEST_F(ReferenceSampleTest, TemperatureZeroIsArgmaxLowestIndexFirst) {
  EXPECT_THAT(sample(floats({2, 4}, {1, 3, 3, 2, 5, 4, 4, 5}), {.temperature = 0}),
              ElementsAre(1, 0));
}

TEST_F(ReferenceSampleTest, TopKIsExact) {
  EXPECT_THAT(drawn({1, 1, 1, 1, 0.9}, {.topK = 2}), ElementsAre(true, true, false, false, false));
  EXPECT_THAT(drawn({1, 1, 1, 1}, {}), ElementsAre(true, true, true, true));
}

TEST_F(ReferenceSampleTest, TopPKeepsTheTokenThatCrosses) {
  // Probabilities 0.5, 0.3, 0.2.
  std::vector<double> logits = {std::log(0.2), std::log(0.5), std::log(0.3)};
  EXPECT_THAT(drawn(logits, {.topP = 0.4}), ElementsAre(false, true, false));
  EXPECT_THAT(drawn(logits, {.topP = 0.6}), ElementsAre(false, true, true));
  EXPECT_THAT(drawn(logits, {.topP = 0.9}), ElementsAre(true, true, true));
  EXPECT_THAT(drawn(logits, {.topP = 0}), ElementsAre(false, true, false));
}

TEST_F(ReferenceSampleTest, TopPSharesWhatTopKLeaves) {
  // Of the two that top-k leaves the first has 0.5 / 0.8 = 0.625.
  std::vector<double> logits = {std::log(0.2), std::log(0.5), std::log(0.3)};
  EXPECT_THAT(drawn(logits, {.topP = 0.6, .topK = 2}), ElementsAre(false, true, false));
}

TEST_F(ReferenceSampleTest, MinPIsRelativeToTheLargest) {
  std::vector<double> logits = {std::log(0.2), std::log(0.5), std::log(0.3)};
  EXPECT_THAT(drawn(logits, {.minP = 0.5}), ElementsAre(false, true, true));
  EXPECT_THAT(drawn(logits, {.minP = 0.61}), ElementsAre(false, true, false));
}

TEST_F(ReferenceSampleTest, DrawsByTheUniformOfTheRow) {
  // Four equal tokens: the uniform number times four is the token.
  std::vector<double> tokens = sample(floats({3, 4}, std::vector<double>(12, 0)), {.seed = 11});
  for (uint64_t row = 0; row < 3; ++row)
    EXPECT_EQ(tokens[row], std::floor(4 * philox::uniform(11, row)));
}

TEST_F(ReferenceSampleTest, TemperatureFlattensAfterTheCuts) {
  // A high temperature makes what is left nearly uniform, but brings nothing back.
  std::vector<double> logits = {0, 5, 10};
  EXPECT_THAT(drawn(logits, {.temperature = 100, .topK = 2}), ElementsAre(false, true, true));
}

TEST_F(ReferenceSampleTest, NaNLogitsAreNeverTaken) {
  EXPECT_THAT(sample(floats({1, 3}, {notANumber, 1, 2}), {.temperature = 0}), ElementsAre(2));
  std::vector<double> logits = {notANumber, 0, notANumber, 0};
  std::vector<bool> both = {false, true, false, true};
  EXPECT_EQ(drawn(logits, {}), both);
  EXPECT_EQ(drawn(logits, {.topP = 0.9}), both);
  EXPECT_EQ(drawn(logits, {.topK = 3}), both);
  EXPECT_THAT(sample(floats({1, 2}, {notANumber, notANumber}), {.topP = 0.5}), ElementsAre(0));
}

TEST_F(ReferenceSampleTest, InfiniteLogitsTakeTheFirst) {
  double infinity = std::numeric_limits<double>::infinity();
  EXPECT_THAT(drawn({0, infinity, infinity}, {}), ElementsAre(false, true, false));
  EXPECT_THAT(drawn({notANumber, -infinity, -infinity}, {.topP = 0.5}),
              ElementsAre(false, true, false));
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

const std::string layeredWeights = R"mlir(
    func.func @f() -> tensor<2xf32> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %n = arith.constant NUMBER : index
      %e = attn.weight "embed" : tensor<2xf32>
      %r = scf.for %i = %c0 to %n step %c1 iter_args(%x = %e) -> tensor<2xf32> {
        %w = attn.weight "layers.{}.w"[%i of 2] : tensor<2xf32>
        %s = arith.addf %x, %w : tensor<2xf32>
        scf.yield %s : tensor<2xf32>
      }
      return %r : tensor<2xf32>
    })mlir";

std::string withLayers(const std::string &number) {
  std::string text = layeredWeights;
  return text.replace(text.find("NUMBER"), 6, number);
}

TEST_F(ReferenceAttnTest, WeightsAreLookedUpByNameAndLayer) {
  InMemoryWeights weights;
  llvm::cantFail(weights.add("embed", floats({2}, {1, 2})));
  llvm::cantFail(weights.add("layers.0.w", floats({2}, {10, 20})));
  llvm::cantFail(weights.add("layers.1.w", floats({2}, {100, 200})));
  std::vector<Tensor> r = llvm::cantFail(run(withLayers("2"), {}, &weights));
  EXPECT_THAT(toDoubles(r[0]), ElementsAre(111, 222));
  EXPECT_THAT(error(withLayers("3"), {}, &weights),
              HasSubstr("'attn.weight': expected an index below 2, got 2"));
}

TEST_F(ReferenceAttnTest, IndicesBeyondTheNameChooseFromAStack) {
  const std::string text = R"mlir(
    func.func @f() -> tensor<2xf32> {
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %w = attn.weight "l.{}.w"[%c1 of 2, %c2 of 3] : tensor<2xf32>
      return %w : tensor<2xf32>
    })mlir";
  InMemoryWeights weights;
  llvm::cantFail(weights.add("l.0.w", floats({3, 2}, {0, 1, 2, 3, 4, 5})));
  llvm::cantFail(weights.add("l.1.w", floats({3, 2}, {10, 11, 12, 13, 14, 15})));
  std::vector<Tensor> r = llvm::cantFail(run(text, {}, &weights));
  EXPECT_THAT(toDoubles(r[0]), ElementsAre(14, 15));
  InMemoryWeights narrow;
  llvm::cantFail(narrow.add("l.1.w", floats({2}, {10, 11})));
  EXPECT_THAT(error(text, {}, &narrow),
              HasSubstr("expected weight 'l.1.w' of sizes [3, 2], got [2]"));
}

TEST_F(ReferenceAttnTest, WeightsMustBeThereAndFit) {
  EXPECT_THAT(error(withLayers("1")),
              HasSubstr("'attn.weight': there are no weights to look up 'embed' in"));
  auto errorWith = [&](Tensor embed) {
    InMemoryWeights weights;
    llvm::cantFail(weights.add("embed", std::move(embed)));
    return error(withLayers("1"), {}, &weights);
  };
  EXPECT_THAT(errorWith(floats({3}, {1, 2, 3})),
              HasSubstr("expected weight 'embed' of sizes [2], got [3]"));
  EXPECT_THAT(errorWith(integers({2}, {1, 2})), HasSubstr("expected elements of f32, got i64[2]"));
  EXPECT_THAT(errorWith(floats({2}, {1, 2})),
              HasSubstr("there is no tensor 'layers.0.w' in the weights in memory"));
}

} // namespace
