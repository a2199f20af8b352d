// Sums of attention's weights, over queries and by bucket, against the float64 reference.
#include "tests/numeric/AttentionProblem.h"
#include "gtest/gtest.h"
#include <limits>

using namespace fovea;
using namespace fovea::testing;

// As for AttentionTest.cpp: sums of up to 300 weights, each at most 1, relative to the largest sum.
static constexpr double f32Tolerance = 2e-6;
static constexpr int64_t distances = 7;

static const std::string causal = "mask {\n^bb0(%b: index, %h: index, %i: index, %j: index):\n"
                                  "%p = arith.cmpi sge, %i, %j : index\nattn.yield %p : i1\n}\n";
/// Clipped relative positions: max(min(j - i, 3), -3) + 3.
static const std::string byDistance =
    "bucket {\n^bb0(%b: index, %h: index, %i: index, %j: index):\n"
    "%lo = arith.constant -3 : index\n%hi = arith.constant 3 : index\n"
    "%d = arith.subi %j, %i : index\n%m = arith.minsi %d, %hi : index\n"
    "%n = arith.maxsi %m, %lo : index\n%r = arith.addi %n, %hi : index\n"
    "attn.yield %r : index\n}\n";
/// j - i, which is outside [0, 7) for most keys.
static const std::string byOffset = "bucket {\n^bb0(%b: index, %h: index, %i: index, %j: index):\n"
                                    "%d = arith.subi %j, %i : index\nattn.yield %d : index\n}\n";

static AttentionProblem sums(const std::string &mask, const std::string &bucket) {
  AttentionProblem problem;
  problem.regions = mask + bucket;
  problem.columnChunk = 40;
  problem.buckets = distances;
  return problem;
}

TEST(AttentionSums, SizesThatAreNoMultipleOfATile) {
  for (const std::string &mask : {std::string(), causal})
    for (const std::string &bucket : {byDistance, byOffset}) {
      CompiledAttention attention(sums(mask, bucket));
      for (auto [queries, keys] : {std::pair(1, 1),
                                   {1, 300},
                                   {300, 1},
                                   {7, 129},
                                   {40, 128},
                                   {41, 127},
                                   {200, 30},
                                   {130, 270}})
        attention.expectClose(AttentionSizes{2, 4, 2, queries, keys}, f32Tolerance);
    }
}

TEST(AttentionSums, EachAloneAndAllOutputsTogether) {
  AttentionProblem columns = sums(causal, ""), buckets = sums(causal, byDistance);
  columns.buckets = buckets.columnChunk = 0;
  AttentionProblem all = sums(causal, byDistance);
  all.withWeights = all.withLse = true;
  for (const AttentionProblem &problem : {columns, buckets, all})
    CompiledAttention(problem).expectClose(AttentionSizes{1, 2, 1, 100, 150}, f32Tolerance);
}

TEST(AttentionSums, ChunksLargerThanABlockOfRows) {
  AttentionProblem problem = sums(causal, byDistance);
  problem.columnChunk = 2000;
  problem.headDim = problem.valueDim = 128;
  CompiledAttention(problem).expectClose(AttentionSizes{1, 1, 1, 1100, 150}, f32Tolerance);
}

TEST(AttentionSums, SegmentsOfKeys) {
  AttentionProblem problem = sums(causal, byDistance);
  problem.withWeights = problem.withLse = true;
  CompiledAttention(problem).expectClose(AttentionSizes{1, 2, 1, 60, 1300}, f32Tolerance);
  problem.columnChunk = problem.buckets = 0;
  problem.regions = causal;
  CompiledAttention(problem).expectClose(AttentionSizes{1, 2, 1, 60, 1300}, f32Tolerance);
}

TEST(AttentionSums, OtherTypes) {
  for (auto [type, tolerance] : {std::pair("f16", 6e-4), {"bf16", 5e-3}, {"f64", 1e-13}}) {
    AttentionProblem problem = sums(causal, byDistance);
    problem.type = type;
    CompiledAttention(problem).expectClose(AttentionSizes{1, 2, 1, 50, 150}, tolerance);
  }
}

TEST(AttentionSums, DroppedWeightsCountNowhere) {
  AttentionProblem problem = sums(causal, byDistance);
  problem.attributes = "dropout = 0.3 : f64";
  problem.operands = "seed(%seed.value)";
  problem.constants = "  %seed.value = tensor.extract %seed[] : tensor<i64>\n";
  CompiledAttention(problem).expectClose(AttentionSizes{2, 2, 1, 130, 150}, f32Tolerance);
}

TEST(AttentionSums, NanStaysInItsRow) {
  AttentionProblem problem = sums(causal, byDistance);
  problem.columnChunk = 10;
  CompiledAttention attention(problem);
  Inputs inputs = makeInputs(problem, {1, 1, 1, 60, 60});
  for (int64_t d = 0; d < 16; ++d)
    inputs.at("q").mutableView().set({0, 0, 17, d}, std::numeric_limits<double>::quiet_NaN());
  attention.expectClose(inputs, f32Tolerance);
}

static Tensor firstBatch(const Tensor &tensor) {
  DimVector sizes(tensor.sizes());
  int64_t batches = std::exchange(sizes[0], 1);
  std::vector<double> values = toDoubles(tensor);
  values.resize(values.size() / batches);
  return llvm::cantFail(Tensor::fromDoubles(tensor.dataType(), sizes, values));
}

TEST(AttentionSums, ThreadsAndBatchChangeNoBit) {
  AttentionProblem problem = sums(causal, byDistance);
  CompiledAttention one(problem, 1), three(problem, 3);
  Inputs inputs = makeInputs(problem, {2, 3, 3, 250, 250});
  std::vector<Tensor> expected = one.run(inputs), actual = three.run(inputs);
  ASSERT_EQ(actual.size(), 3u);
  for (size_t i = 0; i < 3; ++i)
    expectSameBits(actual[i], expected[i]);
  for (const char *name : {"q", "k", "v"})
    inputs.at(name) = firstBatch(inputs.at(name));
  std::vector<Tensor> alone = one.run(inputs);
  for (size_t i = 0; i < 3; ++i)
    expectSameBits(alone[i], firstBatch(expected[i]));
}
