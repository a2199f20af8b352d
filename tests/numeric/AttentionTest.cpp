// Compiled attention against the float64 reference, at the sizes and inputs where kernels break.
//
// Tolerances are relative to the largest output. f32: sums of up to 300 products of numbers up
// to 2, each rounded to 2^-24, and an exponential of relative error 2e-7. f16 and bf16: the
// rounding of the output, 2^-11 and 2^-8. f64: the exponential of the C library.
#include "tests/numeric/AttentionProblem.h"
#include "llvm/TargetParser/Host.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>

using namespace fovea;
using namespace fovea::testing;

static constexpr double f32Tolerance = 2e-6;
static constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();
static constexpr double infinity = std::numeric_limits<double>::infinity();

/// A mask region that yields the i1 `%p` of these ops over %b, %h, %i, %j.
static std::string mask(const std::string &ops) {
  return "mask {\n^bb0(%b: index, %h: index, %i: index, %j: index):\n" + ops +
         "attn.yield %p : i1\n}";
}

static std::string score(const std::string &ops) {
  return "score {\n^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):\n" + ops +
         "attn.yield %t : f32\n}";
}

static const std::string causal = mask("%p = arith.cmpi sge, %i, %j : index\n");

/// i - left <= j <= i + right.
static std::string window(int64_t left, int64_t right) {
  return mask("%l = arith.constant " + std::to_string(-left) + " : index\n%u = arith.constant " +
              std::to_string(right) +
              " : index\n%d = arith.subi %j, %i : index\n%x = arith.cmpi sge, %d, %l : index\n"
              "%y = arith.cmpi sle, %d, %u : index\n%p = arith.andi %x, %y : i1\n");
}

static AttentionProblem withRegions(const std::string &regions) {
  AttentionProblem problem;
  problem.regions = regions;
  return problem;
}

TEST(Attention, SizesThatAreNoMultipleOfATile) {
  AttentionProblem problem;
  problem.headDim = 13;
  problem.valueDim = 18;
  problem.withLse = true;
  CompiledAttention attention(problem);
  for (auto [queries, keys] : {std::pair(1, 1),
                               {1, 5},
                               {5, 1},
                               {8, 128},
                               {9, 129},
                               {24, 127},
                               {25, 256},
                               {97, 3},
                               {130, 300}})
    attention.expectClose(AttentionSizes{2, 3, 3, queries, keys}, f32Tolerance);
}

TEST(Attention, HeadDimsThatAreNoMultipleOfAVector) {
  for (auto [headDim, valueDim] : {std::pair(1, 1), {3, 2}, {4, 7}, {64, 64}, {80, 128}}) {
    AttentionProblem problem;
    problem.headDim = headDim;
    problem.valueDim = valueDim;
    CompiledAttention(problem).expectClose(AttentionSizes{1, 1, 1, 30, 150}, f32Tolerance);
  }
}

TEST(Attention, StaticSizes) {
  AttentionProblem problem = withRegions(causal);
  problem.fixed = AttentionSizes{1, 2, 1, 100, 140};
  CompiledAttention(problem).expectClose(*problem.fixed, f32Tolerance);
  problem.fixed = AttentionSizes{2, 2, 2, 1, 140};
  CompiledAttention(problem).expectClose(*problem.fixed, f32Tolerance);
}

TEST(Attention, CausalWithFullyMaskedRows) {
  AttentionProblem problem = withRegions(causal);
  problem.withWeights = problem.withLse = true;
  CompiledAttention attention(problem);
  // More queries than keys: the first see none, and give zeros and -inf.
  for (auto [queries, keys] : {std::pair(1, 1), {140, 140}, {30, 200}, {200, 30}, {1, 300}})
    attention.expectClose(AttentionSizes{1, 2, 1, queries, keys}, f32Tolerance);
}

TEST(Attention, TopLeftAlignment) {
  AttentionProblem problem = withRegions(causal);
  problem.attributes = "alignment = #attn<alignment top_left>";
  CompiledAttention attention(problem);
  for (auto [queries, keys] : {std::pair(30, 200), {200, 30}})
    attention.expectClose(AttentionSizes{1, 1, 1, queries, keys}, f32Tolerance);
}

TEST(Attention, Windows) {
  for (auto [left, right] : {std::pair(0, 0), {64, 3}, {1000, 1000}}) {
    AttentionProblem problem = withRegions(window(left, right));
    problem.withWeights = true;
    CompiledAttention attention(problem);
    attention.expectClose(AttentionSizes{1, 1, 1, 300, 300}, f32Tolerance);
    attention.expectClose(AttentionSizes{1, 1, 1, 7, 150}, f32Tolerance);
  }
}

TEST(Attention, WindowOrFirstKeys) {
  AttentionProblem problem = withRegions(
      mask("%four = arith.constant 4 : index\n%w = arith.constant 20 : index\n"
           "%d = arith.subi %i, %j : index\n%near = arith.cmpi sle, %d, %w : index\n"
           "%first = arith.cmpi slt, %j, %four : index\n%x = arith.ori %near, %first : i1\n"
           "%y = arith.cmpi sge, %i, %j : index\n%p = arith.andi %x, %y : i1\n"));
  CompiledAttention(problem).expectClose(AttentionSizes{1, 1, 1, 300, 300}, f32Tolerance);
}

TEST(Attention, MaskFromMemory) {
  AttentionProblem problem =
      withRegions(mask("%zero = arith.constant 0.0 : f32\n"
                       "%e = tensor.extract %bias[%i, %j] : tensor<?x?xf32>\n"
                       "%p = arith.cmpf ogt, %e, %zero : f32\n"));
  problem.attributes = "alignment = #attn<alignment top_left>";
  CompiledAttention(problem).expectClose(AttentionSizes{1, 2, 1, 61, 143}, f32Tolerance);
}

TEST(Attention, ScoreFunction) {
  AttentionProblem problem =
      withRegions(score("%e = tensor.extract %bias[%i, %j] : tensor<?x?xf32>\n"
                        "%cap = arith.constant 2.0 : f32\n%x = arith.divf %s, %cap : f32\n"
                        "%y = math.tanh %x : f32\n%z = arith.mulf %y, %cap : f32\n"
                        "%t = arith.addf %z, %e : f32\n") +
                  causal);
  problem.attributes = "alignment = #attn<alignment top_left>, scale = 0.5 : f64";
  problem.withLse = true;
  CompiledAttention(problem).expectClose(AttentionSizes{1, 2, 1, 61, 143}, f32Tolerance);
}

TEST(Attention, FiniteFillStaysUniform) {
  AttentionProblem problem = withRegions(score("%c = arith.cmpi sgt, %j, %i : index\n"
                                               "%fill = arith.constant -1.0e9 : f32\n"
                                               "%t = arith.select %c, %fill, %s : f32\n"));
  problem.withWeights = true;
  // The first 60 rows are filled everywhere: their weights are 1/30 each.
  CompiledAttention(problem).expectClose(AttentionSizes{1, 1, 1, 90, 30}, f32Tolerance);
}

TEST(Attention, Sink) {
  AttentionProblem problem = withRegions(
      causal + "sink {\n^bb0(%b: index, %h: index, %i: index):\n%n = arith.index_cast %i : index "
               "to i64\n%f = arith.sitofp %n : i64 to f32\n%c = arith.constant 0.01 : f32\n"
               "%t = arith.mulf %f, %c : f32\nattn.yield %t : f32\n}");
  problem.withWeights = problem.withLse = true;
  CompiledAttention attention(problem);
  attention.expectClose(AttentionSizes{1, 2, 2, 140, 140}, f32Tolerance);
  attention.expectClose(AttentionSizes{1, 1, 1, 50, 20}, f32Tolerance);
}

TEST(Attention, GroupedHeadsAndPermutedOperands) {
  AttentionProblem problem = withRegions(causal);
  for (std::array<int64_t, 4> order : {std::array<int64_t, 4>{0, 2, 1, 3}, {1, 0, 3, 2}}) {
    problem.order = order;
    CompiledAttention(problem).expectClose(AttentionSizes{2, 6, 2, 50, 150}, f32Tolerance);
  }
}

TEST(Attention, OtherTypes) {
  for (auto [type, tolerance] : {std::pair("f16", 6e-4), {"bf16", 5e-3}, {"f64", 1e-14}}) {
    AttentionProblem problem = withRegions(causal);
    problem.type = type;
    problem.withLse = true;
    CompiledAttention(problem).expectClose(AttentionSizes{1, 2, 1, 50, 150}, tolerance);
  }
}

TEST(Attention, HugeScores) {
  AttentionProblem problem;
  problem.attributes = "scale = 1.0e30 : f64";
  problem.withWeights = true;
  CompiledAttention(problem).expectClose(AttentionSizes{1, 1, 1, 30, 140}, f32Tolerance);
}

/// Sets row `row` of every head.
static void fillRow(Tensor &tensor, int64_t row, double value) {
  for (int64_t h = 0; h < tensor.size(1); ++h)
    for (int64_t d = 0; d < tensor.size(3); ++d)
      tensor.mutableView().set({0, h, row, d}, value);
}

TEST(Attention, ScoresThatGrowByALittleAndByALot) {
  // From one block of keys to the next by 3 powers of two, by none, by 5, by a hundred.
  AttentionProblem problem;
  problem.headDim = problem.valueDim = 1;
  problem.attributes = "scale = 0.69314718055994531 : f64";
  problem.withWeights = problem.withLse = true;
  Inputs inputs = makeInputs(problem, {1, 1, 1, 70, 700});
  for (int64_t i = 0; i < 70; ++i)
    inputs.at("q").mutableView().set({0, 0, i, 0}, i / 50.0);
  constexpr double levels[] = {-110, -107, -107, -102, 0, 3.5};
  for (int64_t j = 0; j < 700; ++j)
    inputs.at("k").mutableView().set({0, 0, j, 0}, levels[j / 128] + j % 5 / 8.0);
  CompiledAttention(problem).expectClose(inputs, f32Tolerance);
}

TEST(Attention, ValuesNearTheLargestFloat) {
  // Each result is a mean of values, so no probability may make a product infinite, also where
  // scores grow a little from one block of keys to the next.
  AttentionProblem problem;
  problem.headDim = problem.valueDim = 1;
  problem.attributes = "scale = 1.0 : f64";
  Inputs inputs = makeInputs(problem, {1, 1, 1, 70, 300});
  for (int64_t i = 0; i < 70; ++i)
    fillRow(inputs.at("q"), i, 1);
  for (int64_t j = 0; j < 300; ++j) {
    fillRow(inputs.at("k"), j, j == 200 ? 0 : j == 10 ? -2.5 : -500);
    fillRow(inputs.at("v"), j, j == 200 || j == 10 ? 0x1p127 : 0);
  }
  CompiledAttention(problem).expectClose(inputs, f32Tolerance);
}

TEST(Attention, ExponentialHasTheStatedError) {
  // Scores 0 and x: the ratio of their weights is 2^x, and two roundings.
  AttentionProblem problem;
  problem.headDim = problem.valueDim = 1;
  problem.attributes = "scale = 0.69314718055994531 : f64";
  problem.withWeights = true;
  constexpr int64_t steps = 126 * 997;
  Inputs inputs = makeInputs(problem, {1, 1, 1, steps + 1, 2});
  for (int64_t i = 0; i <= steps; ++i)
    inputs.at("q").mutableView().set({0, 0, i, 0}, -126.0 * i / steps);
  inputs.at("k").mutableView().set({0, 0, 0, 0}, 0);
  inputs.at("k").mutableView().set({0, 0, 1, 0}, 1);
  std::vector<Tensor> results = CompiledAttention(problem).run(inputs);
  ASSERT_EQ(results.size(), 2u);
  double largest = 0;
  for (int64_t i = 0; i <= steps; ++i) {
    double expected = std::exp2(inputs.at("q").at({0, 0, i, 0}));
    double ratio = results[1].at({0, 0, i, 1}) / results[1].at({0, 0, i, 0});
    if (expected > 0x1p-125) // above, the product with the reciprocal is not subnormal
      largest = std::max(largest, std::abs(ratio / expected - 1));
  }
  EXPECT_LE(largest, 2e-7 + 0x1p-23);
}

TEST(Attention, WhatIsMaskedHasNoInfluence) {
  // Key 40 is masked for rows before 40 and seen by the others; keys from 70 on nobody sees.
  AttentionProblem problem =
      withRegions(mask("%x = arith.cmpi sge, %i, %j : index\n%n = arith.constant 70 : index\n"
                       "%y = arith.cmpi slt, %j, %n : index\n%p = arith.andi %x, %y : i1\n"));
  problem.withWeights = problem.withLse = true;
  CompiledAttention attention(problem);
  AttentionSizes sizes{1, 1, 1, 100, 100};
  std::vector<Tensor> clean = attention.run(makeInputs(problem, sizes));
  for (double poison : {notANumber, infinity, -infinity})
    for (const char *name : {"k", "v"}) {
      Inputs inputs = makeInputs(problem, sizes);
      fillRow(inputs.at(name), 40, poison);
      fillRow(inputs.at(name), 70, poison);
      fillRow(inputs.at(name), 99, poison);
      std::vector<Tensor> results = attention.run(inputs);
      ASSERT_EQ(results.size(), 3u);
      for (int64_t row = 0; row < 40; ++row)
        for (int64_t d = 0; d < 16; ++d)
          ASSERT_EQ(results[0].at({0, 0, row, d}), clean[0].at({0, 0, row, d})) << row;
      attention.expectClose(inputs, f32Tolerance);
    }
}

TEST(Attention, ValuesBehindInfinitelyLowScoresHaveNoInfluence) {
  AttentionProblem problem = withRegions(score("%c = arith.cmpi sgt, %j, %i : index\n"
                                               "%fill = arith.constant 0xFF800000 : f32\n"
                                               "%t = arith.select %c, %fill, %s : f32\n"));
  CompiledAttention attention(problem);
  Inputs inputs = makeInputs(problem, {1, 1, 1, 60, 60});
  fillRow(inputs.at("v"), 50, notANumber);
  attention.expectClose(inputs, f32Tolerance);
}

TEST(Attention, NanInARowStaysInThatRow) {
  AttentionProblem problem;
  problem.withWeights = problem.withLse = true;
  CompiledAttention attention(problem);
  Inputs inputs = makeInputs(problem, {1, 1, 1, 60, 60});
  fillRow(inputs.at("q"), 7, notANumber);
  attention.expectClose(inputs, f32Tolerance);
  fillRow(inputs.at("v"), 7, notANumber); // and one that reaches every row
  attention.expectClose(inputs, f32Tolerance);
}

TEST(Attention, ThreadsChangeNoBit) {
  AttentionProblem problem = withRegions(causal);
  Inputs inputs = makeInputs(problem, {2, 3, 3, 250, 250});
  expectSameBits(CompiledAttention(problem, 3).run(inputs)[0],
                 CompiledAttention(problem, 1).run(inputs)[0]);
}

TEST(Attention, TileSizesOfOtherTargetsChangeNoBit) {
  // The same fused multiply-adds in the same order, whatever the register tile.
  AttentionProblem problem = withRegions(causal);
  Inputs inputs = makeInputs(problem, {1, 2, 1, 150, 250});
  Tensor expected = std::move(CompiledAttention(problem, 1, "avx2").run(inputs)[0]);
  std::vector<const char *> targets = {"neon"};
  if (llvm::sys::getHostCPUFeatures().lookup("avx512f")) // which has instructions by name
    targets.push_back("avx512");
  for (const char *target : targets)
    expectSameBits(CompiledAttention(problem, 1, target).run(inputs)[0], expected);
}

TEST(Attention, TargetsWithoutFusedMultiplyAdd) {
  AttentionProblem problem = withRegions(causal);
  AttentionSizes sizes{1, 2, 1, 50, 150};
  CompiledAttention(problem, 1, "generic").expectClose(makeInputs(problem, sizes), f32Tolerance);
}

TEST(Attention, DecodeGivesTheBitsOfPrefill) {
  AttentionProblem problem = withRegions(causal);
  CompiledAttention attention(problem);
  Inputs inputs = makeInputs(problem, {1, 1, 1, 150, 150});
  for (int64_t d = 0; d < 16; ++d) { // a few powers of two more in the second block
    inputs.at("q").mutableView().set({0, 0, 149, d}, 0.5);
    inputs.at("k").mutableView().set({0, 0, 140, d}, 1.0);
  }
  Tensor prefill = std::move(attention.run(inputs)[0]);
  Tensor &q = inputs.at("q");
  Tensor last = llvm::cantFail(Tensor::create(DataType::F32, {1, 1, 1, 16}));
  for (int64_t d = 0; d < 16; ++d)
    last.mutableView().set({0, 0, 0, d}, q.at({0, 0, 149, d}));
  q = std::move(last);
  inputs.at("bias") = llvm::cantFail(Tensor::create(DataType::F32, {1, 150}));
  Tensor decoded = std::move(attention.run(inputs)[0]);
  for (int64_t d = 0; d < 16; ++d)
    EXPECT_EQ(decoded.at({0, 0, 0, d}), prefill.at({0, 0, 149, d}));
}

TEST(Attention, DropoutDrawsWhatTheReferenceDraws) {
  AttentionProblem problem = withRegions(causal);
  problem.attributes = "dropout = 0.3 : f64";
  problem.operands = "seed(%seed.value)";
  problem.constants = "  %seed.value = tensor.extract %seed[] : tensor<i64>\n";
  problem.withWeights = problem.withLse = true;
  CompiledAttention attention(problem);
  for (auto [queries, keys] : {std::pair(1, 9), {130, 150}})
    attention.expectClose(AttentionSizes{2, 2, 1, queries, keys}, f32Tolerance);
}
