// The points of attention's semantics (docs/dialect.md) on which systems differ, for the kernel of
// many queries and that of few: each test names its label.
#include "tests/numeric/AttentionProblem.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>

using namespace fovea;
using namespace fovea::testing;

// As for AttentionTest.cpp.
static constexpr double f32Tolerance = 2e-6;
static constexpr double infinity = std::numeric_limits<double>::infinity();
static constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();

static const std::string positions = "%b: index, %h: index, %i: index, %j: index";
static const std::string causal = "mask {\n^bb0(" + positions +
                                  "):\n%p = arith.cmpi sge, %i, %j : index\n"
                                  "attn.yield %p : i1\n}\n";
static const std::string window = "mask {\n^bb0(" + positions +
                                  "):\n%w = arith.constant 50 : index\n"
                                  "%d = arith.subi %i, %j : index\n"
                                  "%x = arith.cmpi sge, %d, %c0 : index\n"
                                  "%y = arith.cmpi sle, %d, %w : index\n"
                                  "%p = arith.andi %x, %y : i1\nattn.yield %p : i1\n}\n";
static const std::string dilated = "mask {\n^bb0(" + positions +
                                   "):\n%n = arith.constant 3 : index\n"
                                   "%d = arith.subi %i, %j : index\n"
                                   "%m = arith.remsi %d, %n : index\n"
                                   "%x = arith.cmpi sge, %d, %c0 : index\n"
                                   "%y = arith.cmpi eq, %m, %c0 : index\n"
                                   "%p = arith.andi %x, %y : i1\nattn.yield %p : i1\n}\n";
/// s + 0.05 h (j - i).
static const std::string slope = "score {\n^bb0(%s: f32, " + positions +
                                 "):\n%d = arith.subi %j, %i : index\n"
                                 "%n = arith.muli %d, %h : index\n"
                                 "%g = arith.index_cast %n : index to i32\n"
                                 "%f = arith.sitofp %g : i32 to f32\n"
                                 "%c = arith.constant 0.05 : f32\n"
                                 "%m = arith.mulf %f, %c : f32\n"
                                 "%t = arith.addf %s, %m : f32\nattn.yield %t : f32\n}\n";
/// s - h log(1 + |j - i|), which kernels for many queries read from a table.
static const std::string decay = "score {\n^bb0(%s: f32, " + positions +
                                 "):\n%d = arith.subi %j, %i : index\n%a = math.absi %d : index\n"
                                 "%g = arith.index_cast %a : index to i32\n"
                                 "%f = arith.sitofp %g : i32 to f32\n%l = math.log1p %f : f32\n"
                                 "%n = arith.index_cast %h : index to i32\n"
                                 "%e = arith.sitofp %n : i32 to f32\n%m = arith.mulf %l, %e : f32\n"
                                 "%t = arith.subf %s, %m : f32\nattn.yield %t : f32\n}\n";
static const std::string sink = "sink {\n^bb0(%b: index, %h: index, %i: index):\n"
                                "%n = arith.index_cast %h : index to i32\n"
                                "%f = arith.sitofp %n : i32 to f32\nattn.yield %f : f32\n}\n";
/// Keys behind a query have the score `fill`.
static std::string filled(const std::string &fill) {
  return "score {\n^bb0(%s: f32, " + positions +
         "):\n%c = arith.cmpi sgt, %j, %i : index\n%fill = arith.constant " + fill +
         " : f32\n%t = arith.select %c, %fill, %s : f32\nattn.yield %t : f32\n}\n";
}

static AttentionProblem withRegions(const std::string &regions) {
  AttentionProblem problem;
  problem.regions = regions;
  problem.fixed = AttentionSizes{-1, 4, 2, -1, -1};
  return problem;
}

/// Elements [begin, end) along `dim` of a tensor of rank 2 or 4.
static Tensor cut(const Tensor &tensor, int64_t dim, int64_t begin, int64_t end) {
  DimVector sizes(tensor.sizes());
  int64_t inner = 1, outer = 1, all = sizes[dim];
  for (int64_t d = 0; d < static_cast<int64_t>(sizes.size()); ++d)
    (d < dim ? outer : inner) *= d == dim ? 1 : sizes[d];
  sizes[dim] = end - begin;
  std::vector<double> from = toDoubles(tensor), values;
  for (int64_t o = 0; o < outer; ++o)
    values.insert(values.end(), from.begin() + (o * all + begin) * inner,
                  from.begin() + (o * all + end) * inner);
  return llvm::cantFail(Tensor::fromDoubles(tensor.dataType(), sizes, values));
}

// attention_s4 and attention_s5: queries 0 to 59 of 90 sit before the first of 30 keys.
TEST(AttentionSemantics, FillsThatAreFiniteAndThoseThatAreNot) {
  AttentionProblem finite = withRegions(filled("-1.0e9"));
  AttentionProblem infinite = withRegions(filled("0xFF800000"));
  finite.withWeights = infinite.withWeights = finite.withLse = infinite.withLse = true;
  AttentionSizes sizes{1, 4, 2, 90, 30};
  CompiledAttention uniform(finite), zero(infinite);
  uniform.expectClose(sizes, f32Tolerance);
  zero.expectClose(sizes, f32Tolerance);
  std::vector<Tensor> u = uniform.run(makeInputs(finite, sizes));
  std::vector<Tensor> z = zero.run(makeInputs(infinite, sizes));
  EXPECT_NEAR(u[1].at({0, 3, 59, 7}), 1.0 / 30, 1e-7);
  EXPECT_EQ(z[0].at({0, 3, 59, 7}), 0);
  EXPECT_EQ(z[1].at({0, 3, 59, 7}), 0);
  EXPECT_EQ(z[2].at({0, 3, 59}), -infinity);
}

/// `regions`, whose mask gives masked keys the score `fill`.
static AttentionProblem withFill(const std::string &regions, const std::string &fill = "-1.0e9") {
  AttentionProblem problem = withRegions(regions);
  problem.attributes = "fill = " + fill + " : f64";
  return problem;
}

// attention_s5: rows of masked keys alone, some of a block or all, beside others; more queries than
// keys, so that blocks are skipped on either side.
TEST(AttentionSemantics, FillsOfMasksWithAndWithoutGaps) {
  for (const std::string &fill : {"-4096.0", "-1.0e9", "-3.4028234663852886e38"})
    for (const std::string &regions :
         {causal, window, dilated, slope + window, dilated + sink, causal + sink}) {
      AttentionProblem problem = withFill(regions, fill);
      problem.withWeights = problem.withLse = true;
      CompiledAttention attention(problem);
      for (auto [queries, keys] : {std::pair(1, 1), {1, 300}, {200, 60}, {150, 290}, {300, 130}})
        attention.expectClose(AttentionSizes{1, 4, 2, queries, keys}, f32Tolerance);
    }
}

// attention_s4: the first queries of a window sit before all keys, and whole panels of them see
// none. What an earlier run left in the kernel's memory does not show.
TEST(AttentionSemantics, WindowsThatHoldNoKey) {
  for (const std::string &regions : {window, window + sink, slope + window}) {
    AttentionProblem problem = withRegions(regions);
    problem.withLse = true;
    CompiledAttention attention(problem);
    for (auto [queries, keys] : {std::pair(300, 130), {400, 20}, {600, 310}, {70, 1}}) {
      Inputs inputs = makeInputs(problem, {1, 4, 2, queries, keys}), poisoned = copyOf(inputs);
      for (int64_t row = 0; row < keys; ++row)
        poisoned.at("v").mutableView().set({0, 0, row, 3}, notANumber);
      attention.run(poisoned);
      attention.expectClose(inputs, f32Tolerance);
    }
  }
}

// attention_s5: rows of masked keys alone give weights to keys that no query sees, however many.
TEST(AttentionSemantics, FillsOfKeysThatNoQuerySees) {
  AttentionProblem problem = withFill(causal);
  problem.operands = "offset(%offset)";
  problem.constants = "  %offset = arith.constant -20 : index\n";
  problem.withWeights = problem.withLse = true;
  CompiledAttention attention(problem);
  for (int64_t queries : {2, 25, 70})
    attention.expectClose(AttentionSizes{2, 4, 2, queries, 700}, f32Tolerance);
}

TEST(AttentionSemantics, SumsOverQueriesCountFills) {
  AttentionProblem problem = withFill(window);
  problem.columnChunk = 1024;
  CompiledAttention(problem).expectClose(AttentionSizes{1, 4, 2, 300, 130}, f32Tolerance);
}

/// Expects what keys 100 on hold, which the problem's queries up to position 99 do not see, to
/// change no bit, in the kernels of few and of many queries.
static void expectUnseenChangesNoBit(AttentionProblem problem) {
  for (int64_t queries : {2, 70}) {
    problem.operands = "offset(%offset)";
    problem.constants =
        "  %offset = arith.constant " + std::to_string(100 - queries) + " : index\n";
    problem.withLse = true;
    CompiledAttention attention(problem);
    Inputs clean = makeInputs(problem, {1, 4, 2, queries, 300});
    std::vector<Tensor> expected = attention.run(clean);
    for (double poison : {notANumber, infinity, -infinity})
      for (const char *name : {"k", "v"}) {
        Inputs poisoned = copyOf(clean);
        for (int64_t row : {100, 127, 128, 299})
          for (int64_t d = 0; d < 16; ++d)
            poisoned.at(name).mutableView().set({0, row % 2, row, d}, poison);
        for (auto [a, e] : llvm::zip_equal(attention.run(poisoned), expected))
          expectSameBits(a, e);
      }
  }
}

// attention_s5 and attention_s6: a key that weighs nothing has no influence, one that has a weight
// has it.
TEST(AttentionSemantics, WhatWeighsNothingByItsFillChangesNoBit) {
  for (const std::string &regions : {causal, window, dilated, slope + dilated + sink})
    expectUnseenChangesNoBit(withFill(regions));
  AttentionProblem problem = withFill(causal); // query 0 of 90 sits before the first of 30 keys
  Inputs inputs = makeInputs(problem, {1, 4, 2, 90, 30});
  inputs.at("v").mutableView().set({0, 0, 29, 0}, notANumber);
  std::vector<Tensor> results = CompiledAttention(problem).run(inputs);
  EXPECT_TRUE(std::isnan(results[0].at({0, 0, 0, 0})));
  EXPECT_FALSE(std::isnan(results[0].at({0, 0, 60, 0})));
}

// attention_s5: a key that is not masked and whose score is NaN makes its row NaN, also where all
// other keys of its segment are masked, so that those of another one outweigh them.
TEST(AttentionSemantics, NanBesideFillsIsNotForgotten) {
  for (int64_t lonely : {5, 1100}) { // in the first segment of keys, in the last
    std::string at = std::to_string(lonely);
    AttentionProblem problem =
        withFill("mask {\n^bb0(" + positions + "):\n%n = arith.constant " + at +
                 " : index\n%x = arith.cmpi eq, %j, %n : index\n"
                 "%s = arith.constant 600 : index\n"
                 "%e = arith.constant 900 : index\n"
                 "%y = arith.cmpi sge, %j, %s : index\n"
                 "%z = arith.cmpi slt, %j, %e : index\n"
                 "%w = arith.andi %y, %z : i1\n"
                 "%p = arith.ori %x, %w : i1\nattn.yield %p : i1\n}\n");
    problem.withLse = true;
    CompiledAttention attention(problem);
    for (int64_t queries : {2, 70}) {
      Inputs inputs = makeInputs(problem, {1, 4, 2, queries, 1200});
      inputs.at("k").mutableView().set({0, 0, lonely, 3}, notANumber);
      attention.expectClose(inputs, f32Tolerance);
      EXPECT_TRUE(std::isnan(attention.run(inputs)[0].at({0, 1, queries - 1, 0})));
    }
  }
}

// attention_s9: products of f16 are far above 65504, its largest number; the softmax picks one key.
TEST(AttentionSemantics, LargeScoresOfHalfPrecision) {
  for (const std::string &regions : {std::string(), causal}) {
    AttentionProblem problem = withRegions(regions);
    problem.type = "f16";
    problem.attributes = "scale = 1.0 : f64";
    problem.withWeights = problem.withLse = true;
    CompiledAttention attention(problem);
    for (auto [queries, keys] : {std::pair(2, 150), {50, 150}}) {
      Inputs inputs = makeInputs(problem, {1, 4, 2, queries, keys});
      for (const char *name : {"q", "k"}) {
        std::vector<double> values = toDoubles(inputs.at(name));
        for (double &value : values)
          value *= 200;
        inputs.at(name) =
            llvm::cantFail(Tensor::fromDoubles(DataType::F16, inputs.at(name).sizes(), values));
      }
      // Scores of up to 2.5e6 in f32 are off by a tenth, and weights by that share.
      std::vector<Tensor> results = attention.run(inputs),
                          expected = attention.runReference(inputs);
      ASSERT_EQ(results.size(), 3u);
      std::vector<double> actual = toDoubles(results[2]), right = toDoubles(expected[2]);
      for (size_t i = 0; i < right.size(); ++i) {
        ASSERT_TRUE(std::isfinite(actual[i]));
        EXPECT_NEAR(actual[i], right[i], 1e-6 * std::abs(right[i]) + 0.5);
      }
      for (double value : toDoubles(results[0]))
        ASSERT_TRUE(std::isfinite(value));
    }
  }
}

// attention_s6: what nobody sees changes no bit, in any kernel, with and without a score function.
TEST(AttentionSemantics, WhatIsMaskedChangesNoBit) {
  for (const std::string &regions :
       {causal, window, dilated, slope + causal, slope + dilated + sink})
    expectUnseenChangesNoBit(withRegions(regions));
}

// attention_s13: a prefill in chunks, each against the keys so far, gives the bits of one at once.
TEST(AttentionSemantics, ChunksOfQueriesChangeNoBit) {
  for (const AttentionProblem &candidate :
       {withRegions(causal), withRegions(window), withRegions(dilated),
        withRegions(slope + causal + sink), withRegions(decay + causal), withFill(causal),
        withFill(dilated)}) {
    AttentionProblem problem = candidate;
    problem.withLse = true;
    CompiledAttention attention(problem);
    constexpr int64_t length = 290;
    Inputs inputs = makeInputs(problem, {2, 4, 2, length, length});
    std::vector<Tensor> whole = attention.run(inputs);
    ASSERT_EQ(whole.size(), 2u);
    for (int64_t chunk : {1, 7, 64, 150})
      for (int64_t begin = 0; begin < length; begin += chunk == 1 ? 97 : chunk) {
        int64_t end = std::min(begin + chunk, length);
        Inputs part = copyOf(inputs);
        part.at("q") = cut(inputs.at("q"), 2, begin, end);
        for (const char *name : {"k", "v"})
          part.at(name) = cut(inputs.at(name), 2, 0, end);
        part.at("bias") = cut(cut(inputs.at("bias"), 0, begin, end), 1, 0, end);
        std::vector<Tensor> results = attention.run(part);
        ASSERT_EQ(results.size(), 2u);
        for (size_t i : {0, 1})
          expectSameBits(results[i], cut(whole[i], 2, begin, end));
      }
  }
}

// attention_s13: nor do threads and the batch that a sequence lies in.
TEST(AttentionSemantics, BatchAndThreadsChangeNoBit) {
  for (const std::string &regions : {causal, slope + dilated + sink, decay + dilated}) {
    AttentionProblem problem = withRegions(regions);
    problem.withLse = problem.withWeights = true;
    CompiledAttention one(problem, 1), three(problem, 3);
    for (int64_t queries : {3, 130}) {
      Inputs inputs = makeInputs(problem, {3, 4, 2, queries, 260});
      std::vector<Tensor> together = one.run(inputs), threaded = three.run(inputs);
      ASSERT_EQ(together.size(), 3u);
      for (size_t i = 0; i < 3; ++i)
        expectSameBits(threaded[i], together[i]);
      for (const char *name : {"q", "k", "v"})
        inputs.at(name) = cut(inputs.at(name), 0, 1, 2);
      std::vector<Tensor> alone = one.run(inputs);
      for (size_t i = 0; i < 3; ++i)
        expectSameBits(alone[i], cut(together[i], 0, 1, 2));
    }
  }
}
