// attn.attention in the reference executor: the points of the semantics one by one, against
// values computed by hand. With a head dim of 1 and scale 1 a score is query times key.
#include "ReferenceHarness.h"
#include "dialect/Philox.h"
#include <cmath>

using namespace fovea;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsNan;

namespace {

/// attn.attention on [B, H, L, D] tensors, with LSE and weights, and more attributes and regions.
std::string attentionModule(const std::string &attributes, const std::string &regions = "",
                            const std::string &operands = "", const std::string &arguments = "") {
  return R"mlir(
    func.func @f(%q: tensor<?x?x?x?xf32>, %k: tensor<?x?x?x?xf32>, %v: tensor<?x?x?x?xf32>,
                 %o: tensor<?x?x?x?xf32>, %w: tensor<?x?x?x?xf32>, %l: tensor<?x?x?xf32>)mlir" +
         arguments + R"mlir()
        -> (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>, tensor<?x?x?xf32>) {
      %r:3 = attn.attention ins(%q, %k, %v : tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>)
        outs(%o, %w, %l : tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>, tensor<?x?x?xf32>))mlir" +
         operands + " {with_weights, with_lse" + attributes + "} " + regions +
         R"mlir( -> tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>, tensor<?x?x?xf32>
      return %r#0, %r#1, %r#2 : tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>, tensor<?x?x?xf32>
    })mlir";
}

const std::string causal = R"mlir(mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %p = arith.cmpi sge, %i, %j : index
    attn.yield %p : i1
})mlir";

class ReferenceAttentionTest : public ReferenceHarness {
protected:
  /// Inputs q, k, v and zero inits for one batch and head.
  static std::vector<Tensor> inputs(llvm::ArrayRef<double> query, llvm::ArrayRef<double> key,
                                    llvm::ArrayRef<double> value) {
    int64_t queries = query.size(), keys = key.size();
    return listOf(floats({1, 1, queries, 1}, query), floats({1, 1, keys, 1}, key),
                  floats({1, 1, keys, 1}, value),
                  floats({1, 1, queries, 1}, std::vector<double>(queries)),
                  floats({1, 1, queries, keys}, std::vector<double>(queries * keys)),
                  floats({1, 1, queries}, std::vector<double>(queries)));
  }
};

constexpr double eps = 1e-14;

// attention_s1: scale, then score, then mask; softmax; values.
TEST_F(ReferenceAttentionTest, ComputesTheFormula) {
  // Scores 0 and log 3, so weights 1/4 and 3/4.
  auto r = results(attentionModule(", scale = 1.0 : f64"), inputs({std::log(3)}, {0, 1}, {8, 4}));
  EXPECT_THAT(r[0], ElementsAre(DoubleNear(5, eps)));
  EXPECT_THAT(r[1], ElementsAre(DoubleNear(0.25, eps), DoubleNear(0.75, eps)));
  EXPECT_THAT(r[2], ElementsAre(DoubleNear(std::log(4), eps)));
}

TEST_F(ReferenceAttentionTest, SaysHowFarRoundingOfScoresPutsWeightsOff) {
  auto rounding = [&](const Inputs &in, const std::string &regions = "") {
    double result = -1;
    llvm::cantFail(run(attentionModule(", scale = 1.0 : f64", regions), in, nullptr, &result));
    return result;
  };
  // Scores -300 and -300 + log 3, of weights 1/4 and 3/4.
  double s = -300 + std::log(3);
  EXPECT_NEAR(rounding(inputs({1}, {-300, s}, {8, 4})), 2 * 0.1875 * (300 - s) * 0x1p-24, 1e-12);
  // Equal scores are rounded alike; one of all the weight keeps it.
  EXPECT_EQ(rounding(inputs({1}, {300, 300}, {8, 4})), 0);
  EXPECT_EQ(rounding(inputs({1}, {300, -1e9}, {8, 4})), 0);
  EXPECT_LT(rounding(inputs({1}, {300, 270}, {8, 4})), 1e-12);
  EXPECT_EQ(rounding(inputs({1, 2}, {300}, {8}), causal), 0);
}

TEST_F(ReferenceAttentionTest, ScoreSeesTheScaledScoreAndThePositions) {
  // s = 2 * q * k = 4, then s + 10 i + j with i = 0 and 1 key after it.
  auto r = results(attentionModule(", scale = 2.0 : f64", R"mlir(score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
        %c10 = arith.constant 10 : index
        %m = arith.muli %i, %c10 : index
        %n = arith.addi %m, %j : index
        %k1 = arith.index_cast %n : index to i64
        %x = arith.sitofp %k1 : i64 to f32
        %r = arith.addf %s, %x : f32
        attn.yield %r : f32
      })mlir"),
                   inputs({1}, {2, 2}, {0, 0}));
  // The last query sits at the last key: i = 1, so scores are 14 and 15.
  EXPECT_THAT(r[2], ElementsAre(DoubleNear(std::log(std::exp(14) + std::exp(15)), 1e-12)));
}

// attention_s2: the default scale is 1/sqrt(D).
TEST_F(ReferenceAttentionTest, DefaultScale) {
  std::vector<Tensor> in =
      listOf(floats({1, 1, 1, 4}, {1, 1, 1, 1}), floats({1, 1, 1, 4}, {1, 2, 3, 4}),
             floats({1, 1, 1, 1}, {1}), floats({1, 1, 1, 1}, {0}), floats({1, 1, 1, 1}, {0}),
             floats({1, 1, 1}, {0}));
  EXPECT_THAT(results(attentionModule(""), in)[2], ElementsAre(DoubleNear(5, eps)));
}

// A mask is true where the query may attend; the last query is at the last key.
TEST_F(ReferenceAttentionTest, CausalMaskIsAlignedBottomRight) {
  auto r = results(attentionModule("", causal), inputs({0, 0}, {0, 0, 0}, {3, 6, 9}));
  EXPECT_THAT(r[0], ElementsAre(DoubleNear(4.5, eps), DoubleNear(6, eps)));
  EXPECT_THAT(r[1], ElementsAre(0.5, 0.5, 0, DoubleNear(1. / 3, eps), DoubleNear(1. / 3, eps),
                                DoubleNear(1. / 3, eps)));
}

TEST_F(ReferenceAttentionTest, TopLeftIsAnExplicitChoice) {
  auto r = results(attentionModule(", alignment = #attn<alignment top_left>", causal),
                   inputs({0, 0}, {0, 0, 0}, {3, 6, 9}));
  EXPECT_THAT(r[0], ElementsAre(3, 4.5));
}

TEST_F(ReferenceAttentionTest, QueryOffsetIsThePositionOfTheFirstRow) {
  std::string text = attentionModule("", causal, " offset(%first)", ", %first_row: tensor<index>");
  text.insert(text.find("%r:3"), "%first = tensor.extract %first_row[] : tensor<index>\n");
  std::vector<Tensor> in = inputs({0}, {0, 0, 0}, {3, 6, 9});
  in.push_back(integers({}, {1}));
  EXPECT_THAT(result(text, in), ElementsAre(4.5));
}

// attention_s14 and attention_s15: three queries in chunks of two, keys by their parity.
TEST_F(ReferenceAttentionTest, SumsOfTheWeights) {
  std::string text = R"mlir(
    func.func @f(%q: tensor<1x1x3x1xf32>, %k: tensor<1x1x3x1xf32>, %c: tensor<1x1x2x3xf32>,
                 %n: tensor<1x1x3x2xf32>) -> (tensor<1x1x2x3xf32>, tensor<1x1x3x2xf32>) {
      %two = arith.constant 2 : index
      %r:3 = attn.attention ins(%q, %k, %k : tensor<1x1x3x1xf32>, tensor<1x1x3x1xf32>, tensor<1x1x3x1xf32>)
        outs(%q, %c, %n : tensor<1x1x3x1xf32>, tensor<1x1x2x3xf32>, tensor<1x1x3x2xf32>) {column_chunk = 2}
      mask {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %p = arith.cmpi sge, %i, %j : index
        attn.yield %p : i1
      }
      bucket {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %parity = arith.remui %j, %two : index
        attn.yield %parity : index
      } -> tensor<1x1x3x1xf32>, tensor<1x1x2x3xf32>, tensor<1x1x3x2xf32>
      return %r#1, %r#2 : tensor<1x1x2x3xf32>, tensor<1x1x3x2xf32>
    })mlir";
  std::vector<double> zeros(6);
  auto r = results(text, {floats({1, 1, 3, 1}, {0, 0, 0}), floats({1, 1, 3, 1}, {1, 2, 3}),
                          floats({1, 1, 2, 3}, zeros), floats({1, 1, 3, 2}, zeros)});
  auto third = DoubleNear(1. / 3, eps);
  EXPECT_THAT(r[0], ElementsAre(1.5, 0.5, 0, third, third, third));
  EXPECT_THAT(r[1], ElementsAre(1, 0, 0.5, 0.5, DoubleNear(2. / 3, eps), third));
}

// attention_s4: a row without keys gives zeros and -inf, never NaN.
TEST_F(ReferenceAttentionTest, RowsWithoutKeysAreZero) {
  auto r = results(attentionModule("", causal), inputs({0, 0, 0}, {0, 0}, {3, 5}));
  EXPECT_THAT(r[0], ElementsAre(0, 3, 4)); // the first query sits before the first key
  EXPECT_THAT(r[1], ElementsAre(0, 0, 1, 0, 0.5, 0.5));
  EXPECT_THAT(r[2], ElementsAre(-infinity, 0, DoubleNear(std::log(2), eps)));
}

TEST_F(ReferenceAttentionTest, NoKeysAtAll) {
  auto r = results(attentionModule(""), inputs({1}, {}, {}));
  EXPECT_THAT(r[0], ElementsAre(0));
  EXPECT_THAT(r[2], ElementsAre(-infinity));
}

// attention_s5: a finite fill is not -inf.
TEST_F(ReferenceAttentionTest, FiniteFillsGiveUniformWeights) {
  auto fill = [](const std::string &value) {
    return attentionModule("", "score {\n^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):"
                               "\n%c = arith.constant " +
                                   value + " : f32\nattn.yield %c : f32\n}");
  };
  EXPECT_THAT(result(fill("-1.0e9"), inputs({1}, {5, 7}, {2, 4})), ElementsAre(3));
  EXPECT_THAT(result(fill("0xFF800000"), inputs({1}, {5, 7}, {2, 4})), ElementsAre(0));
}

// A masked key or value has no influence whatever it holds.
TEST_F(ReferenceAttentionTest, MaskedNaNAndInfinityHaveNoInfluence) {
  auto r = results(attentionModule("", causal), inputs({0, 0}, {0, notANumber}, {3, infinity}));
  EXPECT_EQ(r[0][0], 3);
  EXPECT_THAT(r[0][1], IsNan());
  EXPECT_EQ(r[2][0], 0);
}

TEST_F(ReferenceAttentionTest, LargeScoresDoNotOverflow) {
  auto r = results(attentionModule(""), inputs({1e4}, {1, 1}, {2, 4}));
  EXPECT_THAT(r[0], ElementsAre(3));
  EXPECT_THAT(r[2], ElementsAre(DoubleNear(1e4 + std::log(2), 1e-10)));
}

// A sink is one more key whose value is zero.
TEST_F(ReferenceAttentionTest, SinksTakeWeightAway) {
  std::string sink = R"mlir(sink {
  ^bb0(%b: index, %h: index, %i: index):
    %c = arith.constant 0.0 : f32
    attn.yield %c : f32
  })mlir";
  auto r = results(attentionModule("", sink), inputs({0}, {0, 0}, {3, 6}));
  EXPECT_THAT(r[0], ElementsAre(DoubleNear(3, eps)));
  EXPECT_THAT(r[2], ElementsAre(DoubleNear(std::log(3), eps)));
  // With every key masked the sink takes all.
  auto masked = results(attentionModule("", causal + sink), inputs({0, 0}, {0}, {3}));
  EXPECT_THAT(masked[0], ElementsAre(0, 1.5));
  EXPECT_THAT(masked[2], ElementsAre(0, DoubleNear(std::log(2), eps)));
}

// Query heads 0 and 1 share key head 0, 2 and 3 share key head 1.
TEST_F(ReferenceAttentionTest, GroupedHeads) {
  std::vector<Tensor> in =
      listOf(floats({1, 4, 1, 1}, {0, 0, 0, 0}), floats({1, 2, 1, 1}, {0, 0}),
             floats({1, 2, 1, 1}, {5, 7}), floats({1, 4, 1, 1}, {0, 0, 0, 0}),
             floats({1, 4, 1, 1}, {0, 0, 0, 0}), floats({1, 4, 1}, {0, 0, 0, 0}));
  EXPECT_THAT(result(attentionModule(""), in), ElementsAre(5, 5, 7, 7));
}

TEST_F(ReferenceAttentionTest, PermutationsNameTheDimsInMemory) {
  // Queries, values and the output as [B, L, H, D], keys as [B, H, D, L].
  std::vector<Tensor> in =
      listOf(floats({1, 1, 2, 1}, {1, 2}), floats({1, 2, 1, 2}, {0, 1, 0, 1}),
             floats({1, 2, 2, 1}, {10, 20, 30, 40}), floats({1, 1, 2, 1}, {0, 0}),
             floats({1, 2, 1, 2}, {0, 0, 0, 0}), floats({1, 2, 1}, {0, 0}));
  auto r = results(attentionModule(", query_perm = array<i64: 0, 2, 1, 3>, key_perm = array<i64: "
                                   "0, 1, 3, 2>, value_perm = array<i64: 0, 2, 1, 3>, "
                                   "output_perm = array<i64: 0, 2, 1, 3>"),
                   in);
  double w0 = 1 / (1 + std::exp(-1.0)), w1 = 1 / (1 + std::exp(-2.0));
  EXPECT_THAT(r[0], ElementsAre(DoubleNear(10 + 20 * w0, 1e-12), DoubleNear(20 + 20 * w1, 1e-12)));
  EXPECT_THAT(r[1][1], DoubleNear(w0, eps));
}

// dropout_s1: each weight is kept or dropped by its own index, before the values.
TEST_F(ReferenceAttentionTest, DropoutAppliesToTheWeights) {
  std::string text =
      attentionModule(", dropout = 0.5 : f64", "", " seed(%seed)", ", %s: tensor<i64>");
  text.insert(text.find("%r:3"), "%seed = tensor.extract %s[] : tensor<i64>\n");
  std::vector<Tensor> in = inputs({0, 0}, {0, 0}, {1, 10});
  in.push_back(integers({}, {42}));
  auto r = results(text, in);
  std::vector<double> expected;
  for (uint64_t index = 0; index < 4; ++index)
    expected.push_back(philox::uniform(42, index) >= 0.5 ? 1 : 0);
  EXPECT_EQ(r[1], expected);
  EXPECT_THAT(r[0], ElementsAre(expected[0] + 10 * expected[1], expected[2] + 10 * expected[3]));
}

TEST_F(ReferenceAttentionTest, ShapesMustFit) {
  std::vector<Tensor> in = inputs({0}, {0, 0}, {1, 10});
  in[2] = floats({1, 1, 3, 1}, {1, 2, 3});
  EXPECT_THAT(
      error(attentionModule(""), in),
      HasSubstr("'attn.attention': expected a value of sizes [1, 1, 2, 1], got [1, 1, 3, 1]"));
  in = inputs({0}, {0, 0}, {1, 10});
  in[0] = floats({1, 1, 1, 2}, {1, 2});
  EXPECT_THAT(error(attentionModule(""), in),
              HasSubstr("expected a key of sizes [1, 1, 2, 2], got [1, 1, 2, 1]"));
  in = inputs({0}, {0, 0}, {1, 10});
  in[3] = floats({1, 1, 2, 1}, {1, 2});
  EXPECT_THAT(error(attentionModule(""), in), HasSubstr("expected an output init of sizes"));
  in = inputs({0}, {0}, {1});
  in[0] = floats({1, 3, 1, 1}, {1, 2, 3});
  in[1] = floats({1, 2, 1, 1}, {1, 2});
  in[2] = floats({1, 2, 1, 1}, {1, 2});
  EXPECT_THAT(error(attentionModule(""), in),
              HasSubstr("expected a multiple of 2 query heads, got 3"));
}

TEST_F(ReferenceAttentionTest, RegionsMayReadTensorsWithinTheirBounds) {
  std::string text = attentionModule("", R"mlir(score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %x = tensor.extract %bias[%j] : tensor<?xf32>
      %r = arith.addf %s, %x : f32
      attn.yield %r : f32
    })mlir",
                                     "", ", %bias: tensor<?xf32>");
  std::vector<Tensor> in = inputs({0}, {0, 0}, {8, 4});
  in.push_back(floats({2}, {0, std::log(3)}));
  EXPECT_THAT(result(text, in), ElementsAre(DoubleNear(5, eps)));
  in.back() = floats({1}, {0});
  EXPECT_THAT(error(text, in), HasSubstr("index 1 is out of range for dim 0 of size 1"));
}

} // namespace
