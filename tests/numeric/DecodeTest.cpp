// Attention of few queries: against the float64 reference, and bit for bit against the kernel for
// many, as a description run token by token must give what it gives at once.
#include "tests/numeric/AttentionProblem.h"
#include "gtest/gtest.h"
#include <limits>

using namespace fovea;
using namespace fovea::testing;

// As for AttentionTest.cpp; the kernels round alike.
static constexpr double f32Tolerance = 2e-6;
static constexpr int64_t dynamic = -1;

static const char causal[] = "mask {\n^bb0(%b: index, %h: index, %i: index, %j: index):\n"
                             "%p = arith.cmpi sge, %i, %j : index\nattn.yield %p : i1\n}";
static const char window[] = "mask {\n^bb0(%b: index, %h: index, %i: index, %j: index):\n"
                             "%w = arith.constant 50 : index\n%first = arith.subi %i, %w : index\n"
                             "%p = arith.cmpi sge, %j, %first : index\nattn.yield %p : i1\n}";
/// Head h does not see the first 10 h keys.
static const char byHead[] =
    "mask {\n^bb0(%b: index, %h: index, %i: index, %j: index):\n"
    "%ten = arith.constant 10 : index\n%first = arith.muli %h, %ten : index\n"
    "%p = arith.cmpi sge, %j, %first : index\nattn.yield %p : i1\n}";
/// Head h sees the first 40 h keys, and of those from 900 on every (h + 1)th.
static const char byHeadWithGaps[] =
    "mask {\n^bb0(%b: index, %h: index, %i: index, %j: index):\n"
    "%forty = arith.constant 40 : index\n%end = arith.muli %h, %forty : index\n"
    "%x = arith.cmpi slt, %j, %end : index\n%far = arith.constant 900 : index\n"
    "%y = arith.cmpi sge, %j, %far : index\n%one = arith.constant 1 : index\n"
    "%step = arith.addi %h, %one : index\n%r = arith.remsi %j, %step : index\n"
    "%z = arith.cmpi eq, %r, %c0 : index\n%w = arith.andi %y, %z : i1\n"
    "%p = arith.ori %x, %w : i1\nattn.yield %p : i1\n}";
static const char fromMemory[] =
    "mask {\n^bb0(%b: index, %h: index, %i: index, %j: index):\n"
    "%first = arith.subi %keys, %queries : index\n%row = arith.subi %i, %first : index\n"
    "%x = tensor.extract %bias[%row, %j] : tensor<?x?xf32>\n%zero = arith.constant 0.0 : f32\n"
    "%p = arith.cmpf ogt, %x, %zero : f32\nattn.yield %p : i1\n}";
static const char slope[] =
    "score {\n^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):\n"
    "%d = arith.subi %j, %i : index\n%n = arith.muli %d, %h : index\n"
    "%g = arith.index_cast %n : index to i32\n%f = arith.sitofp %g : i32 to f32\n"
    "%c = arith.constant 0.05 : f32\n%m = arith.mulf %f, %c : f32\n"
    "%t = arith.addf %s, %m : f32\nattn.yield %t : f32\n}";
static const char sink[] =
    "sink {\n^bb0(%b: index, %h: index, %i: index):\n"
    "%n = arith.index_cast %h : index to i32\n%f = arith.sitofp %n : i32 to f32\n"
    "attn.yield %f : f32\n}";

static AttentionProblem grouped(int64_t heads, int64_t keyHeads, const std::string &regions = "") {
  AttentionProblem problem;
  problem.regions = regions;
  problem.fixed = AttentionSizes{dynamic, heads, keyHeads, dynamic, dynamic};
  return problem;
}

TEST(Decode, GroupsOfAnySize) {
  for (int64_t group : {1, 2, 3, 4, 5, 6, 7, 8}) {
    AttentionProblem problem = grouped(2 * group, 2, causal);
    problem.headDim = 24;
    problem.valueDim = 40;
    problem.withLse = true;
    CompiledAttention attention(problem);
    for (auto [queries, keys] : {std::pair(1, 1), {1, 128}, {1, 300}, {3, 129}, {8, 127}, {5, 2}})
      attention.expectClose(AttentionSizes{2, 2 * group, 2, queries, keys}, f32Tolerance);
  }
}

// Tiles of columns of values as wide as each other, and a narrower one.
TEST(Decode, ColumnsOfSeveralTiles) {
  for (auto [group, columns] : {std::pair(1, 144), {1, 48}, {4, 80}, {8, 112}}) {
    AttentionProblem problem = grouped(group, 1, causal);
    problem.valueDim = columns;
    CompiledAttention attention(problem);
    for (int64_t queries : {1, 3})
      attention.expectClose(AttentionSizes{1, group, 1, queries, 150}, f32Tolerance);
  }
}

// Bounds are those of all heads of a group together.
TEST(Decode, HeadsThatSeeDifferentKeys) {
  for (int64_t group : {1, 3, 4}) {
    CompiledAttention attention(grouped(2 * group, 2, byHeadWithGaps));
    for (auto [queries, keys] : {std::pair(1, 30), {1, 850}, {2, 1500}, {8, 2100}, {40, 1100}})
      attention.expectClose(AttentionSizes{1, 2 * group, 2, queries, keys}, f32Tolerance);
  }
}

TEST(Decode, RegionsAndHeads) {
  for (const char *regions : {causal, window, byHead, fromMemory, slope, sink})
    CompiledAttention(grouped(6, 2, regions))
        .expectClose(AttentionSizes{1, 6, 2, 4, 200}, f32Tolerance);
}

TEST(Decode, OtherTypes) {
  for (auto [type, tolerance] :
       {std::pair("f64", 1e-14), {"f16", 1.0 / 2048}, {"bf16", 1.0 / 256}}) {
    AttentionProblem problem = grouped(4, 1, causal);
    problem.type = type;
    CompiledAttention(problem).expectClose(AttentionSizes{1, 4, 1, 2, 150}, tolerance);
  }
}

// Of one query: columns of keys that go through registers or memory while others are multiplied,
// head dims of whole such columns and others, and keys that are no whole vectors.
TEST(Decode, OneQueryOfEachTypeAndTarget) {
  for (auto [type, tolerance] :
       {std::pair("f32", f32Tolerance), {"f16", 1.0 / 2048}, {"bf16", 1.0 / 256}})
    for (const char *target : {"", "avx2"})
      for (auto [group, headDim] : {std::pair(4, 64), {4, 20}, {2, 36}, {8, 40}, {7, 4}}) {
        AttentionProblem problem = grouped(group, 1, causal);
        problem.type = type;
        problem.headDim = headDim;
        problem.valueDim = 80;
        CompiledAttention attention(problem, /*threads=*/1, target);
        for (int64_t keys : {1, 31, 32, 65, 300}) {
          SCOPED_TRACE(std::string(type) + " " + target + " heads " + std::to_string(group) +
                       " of " + std::to_string(headDim) + ", keys " + std::to_string(keys));
          attention.expectClose(AttentionSizes{2, group, 1, 1, keys}, tolerance);
        }
      }
}

TEST(Decode, HeadDimOfUnknownSize) {
  for (auto [type, tolerance] : {std::pair("f32", f32Tolerance), {"bf16", 1.0 / 256}})
    for (auto [target, group] : {std::pair("avx2", 4), {"", 4}, {"", 8}}) {
      AttentionProblem problem = grouped(group, 1, causal);
      problem.type = type;
      problem.dynamicHeadDim = true;
      problem.headDim = 20;
      SCOPED_TRACE(std::string(type) + " " + target + " heads " + std::to_string(group));
      CompiledAttention(problem, /*threads=*/1, target)
          .expectClose(AttentionSizes{1, group, 1, 1, 150}, tolerance);
    }
}

TEST(Decode, PermutedOperands) {
  AttentionProblem problem = grouped(4, 2, causal);
  problem.order = {0, 2, 1, 3};
  CompiledAttention(problem).expectClose(AttentionSizes{2, 4, 2, 3, 150}, f32Tolerance);
}

TEST(Decode, ValuesBehindAMaskHaveNoInfluence) {
  for (const char *regions : {causal, fromMemory}) {
    CompiledAttention attention(grouped(2, 1, regions));
    Inputs inputs = makeInputs(grouped(2, 1, regions), {1, 2, 1, 4, 140});
    for (int64_t d = 0; d < 16; ++d)
      inputs.at("v").mutableView().set({0, 0, 139, d}, std::numeric_limits<double>::quiet_NaN());
    attention.expectClose(inputs, f32Tolerance);
  }
}

/// The last `count` queries of the inputs, with the same keys.
static Inputs lastQueries(const Inputs &inputs, int64_t count) {
  Inputs last = copyOf(inputs);
  const Tensor &all = inputs.at("q");
  Tensor few = llvm::cantFail(Tensor::create(DataType::F32, {1, all.size(1), count, all.size(3)}));
  for (int64_t h = 0; h < all.size(1); ++h)
    for (int64_t r = 0; r < count; ++r)
      for (int64_t d = 0; d < all.size(3); ++d)
        few.mutableView().set({0, h, r, d}, all.at({0, h, all.size(2) - count + r, d}));
  last.at("q") = std::move(few);
  last.at("bias") =
      llvm::cantFail(Tensor::create(DataType::F32, {count, inputs.at("bias").size(1)}));
  return last;
}

static void expectRowsOfPrefill(const Tensor &decoded, const Tensor &prefill) {
  int64_t count = decoded.size(2), rows = prefill.size(2);
  for (int64_t h = 0; h < prefill.size(1); ++h)
    for (int64_t r = 0; r < count; ++r)
      for (int64_t d = 0; d < prefill.size(3); ++d)
        ASSERT_EQ(decoded.at({0, h, r, d}), prefill.at({0, h, rows - count + r, d}))
            << count << " queries, head " << h << " row " << r;
}

TEST(Decode, GivesTheBitsOfPrefill) {
  // Groups of three heads, and of one.
  const std::pair<const char *, int64_t> problems[] = {
      {"", 2}, {causal, 2}, {causal, 6}, {window, 2}, {byHead, 2}, {slope, 2}, {sink, 2}};
  for (auto [regions, keyHeads] : problems) {
    AttentionProblem problem = grouped(6, keyHeads, regions);
    CompiledAttention attention(problem);
    Inputs inputs = makeInputs(problem, {1, 6, keyHeads, 30, 290});
    Tensor prefill = std::move(attention.run(inputs)[0]);
    for (int64_t count : {1, 3, 8}) {
      SCOPED_TRACE(regions);
      expectRowsOfPrefill(attention.run(lastQueries(inputs, count))[0], prefill);
    }
  }
}

// The same for keys that are stored transposed, of one query of many heads or with few registers.
TEST(Decode, StagedKeysGiveTheBitsOfPrefill) {
  for (auto [target, group] : {std::pair("", 8), {"avx2", 4}}) {
    AttentionProblem problem = grouped(group, 1, causal);
    problem.headDim = 44;
    CompiledAttention attention(problem, /*threads=*/1, target);
    Inputs inputs = makeInputs(problem, {1, group, 1, 30, 290});
    Tensor prefill = std::move(attention.run(inputs)[0]);
    SCOPED_TRACE(target);
    expectRowsOfPrefill(attention.run(lastQueries(inputs, 1))[0], prefill);
  }
}

// The keys of one group of heads are tasks of several threads.
TEST(Decode, SegmentsOfKeysGiveTheBitsOfPrefill) {
  for (const char *regions : {"", causal, byHead, sink})
    for (unsigned threads : {1, 3}) {
      AttentionProblem problem = grouped(3, 1, regions);
      CompiledAttention attention(problem, threads);
      for (int64_t keys : {511, 512, 513, 1024, 2100}) {
        Inputs inputs = makeInputs(problem, {1, 3, 1, 20, keys});
        Tensor prefill = std::move(attention.run(inputs)[0]);
        for (int64_t count : {1, 5}) {
          SCOPED_TRACE(std::string(regions) + " keys: " + std::to_string(keys));
          expectRowsOfPrefill(attention.run(lastQueries(inputs, count))[0], prefill);
        }
      }
    }
}

TEST(Decode, SegmentsOfKeysWithLse) {
  for (const char *regions : {causal, sink})
    for (int64_t queries : {1, 4, 30}) {
      AttentionProblem problem = grouped(4, 2, regions);
      problem.withLse = true;
      CompiledAttention(problem, /*threads=*/2)
          .expectClose(AttentionSizes{2, 4, 2, queries, 1300}, f32Tolerance);
    }
}

// All sizes but that of the keys are known, and so no loop is left around the attention but the one
// over segments.
TEST(Decode, SegmentsOfTheOnlyGroup) {
  AttentionProblem problem = grouped(4, 1, causal);
  problem.fixed = AttentionSizes{1, 4, 1, 1, dynamic};
  CompiledAttention attention(problem, /*threads=*/2);
  for (int64_t keys : {1, 512, 1700})
    attention.expectClose(AttentionSizes{1, 4, 1, 1, keys}, f32Tolerance);
}

// A loop of one iteration, which is none.
TEST(Decode, OneSegmentOfTheOnlyGroupOfKnownSizes) {
  for (const char *regions : {"", sink})
    for (auto [queries, keys] : {std::pair(1, 70), {2, 512}}) {
      AttentionProblem problem;
      problem.regions = regions;
      AttentionSizes sizes{1, 4, 1, queries, keys};
      problem.fixed = sizes;
      CompiledAttention(problem).expectClose(sizes, f32Tolerance);
    }
}

//===----------------------------------------------------------------------===//
// Quantised rows
//===----------------------------------------------------------------------===//

static AttentionProblem quantized(int64_t heads, int64_t keyHeads,
                                  const std::string &regions = "") {
  AttentionProblem problem = grouped(heads, keyHeads, regions);
  problem.quantizedRows = true;
  return problem;
}

// The reference rounds the same elements by the same scales, so the bound is that of f32. Head dims
// of whole groups and others; 40 and 24 are no whole vectors everywhere.
TEST(QuantizedRows, AgreeWithTheReference) {
  for (auto [headDim, valueDim] : {std::pair(32, 64), {64, 32}, {40, 24}, {80, 16}, {7, 33}}) {
    AttentionProblem problem = quantized(4, 2, causal);
    problem.headDim = headDim;
    problem.valueDim = valueDim;
    problem.withLse = true;
    CompiledAttention attention(problem);
    for (auto [queries, keys] : {std::pair(1, 1), {1, 300}, {3, 129}, {40, 200}}) {
      SCOPED_TRACE(std::to_string(headDim) + " by " + std::to_string(valueDim));
      attention.expectClose(AttentionSizes{2, 4, 2, queries, keys}, f32Tolerance);
    }
  }
}

// Words of four bytes, whole ones or not, of one head to eight that share keys.
TEST(QuantizedRows, OfOtherTargets) {
  for (const char *target : {"generic", "avx2", ""})
    for (auto [group, headDim] : {std::pair(4, 64), {1, 64}, {2, 96}, {8, 32}, {4, 48}}) {
      AttentionProblem problem = quantized(group, 1, causal);
      problem.headDim = headDim;
      problem.valueDim = 64;
      CompiledAttention attention(problem, /*threads=*/1, target);
      for (auto [queries, keys] : {std::pair(1, 150), {1, 31}, {30, 150}}) {
        SCOPED_TRACE(std::string(target) + " heads " + std::to_string(group) + " of " +
                     std::to_string(headDim) + ", queries " + std::to_string(queries));
        attention.expectClose(AttentionSizes{1, group, 1, queries, keys}, f32Tolerance);
      }
    }
}

TEST(QuantizedRows, GiveTheBitsOfPrefill) {
  for (const char *regions : {"", causal, window, sink})
    for (int64_t keys : {290, 1100}) {
      AttentionProblem problem = quantized(6, 2, regions);
      problem.headDim = 48;
      problem.valueDim = 64;
      CompiledAttention attention(problem, /*threads=*/2);
      Inputs inputs = makeInputs(problem, {1, 6, 2, 30, keys});
      Tensor prefill = std::move(attention.run(inputs)[0]);
      for (int64_t count : {1, 3, 8})
        expectRowsOfPrefill(attention.run(lastQueries(inputs, count))[0], prefill);
    }
}

TEST(QuantizedRows, PermutedOperands) {
  AttentionProblem problem = quantized(4, 2, causal);
  problem.order = {0, 2, 1, 3};
  CompiledAttention(problem).expectClose(AttentionSizes{2, 4, 2, 3, 150}, f32Tolerance);
  CompiledAttention(problem).expectClose(AttentionSizes{2, 4, 2, 40, 150}, f32Tolerance);
}

// A group with NaN is NaN as a whole, and has no more influence than before.
TEST(QuantizedRows, NanBehindAMaskHasNoInfluence) {
  AttentionProblem problem = quantized(2, 1, causal);
  Inputs inputs = makeInputs(problem, {1, 2, 1, 4, 140});
  inputs.at("v").mutableView().set({0, 0, 139, 3}, std::numeric_limits<double>::quiet_NaN());
  inputs.at("k").mutableView().set({0, 0, 138, 0}, std::numeric_limits<double>::infinity());
  CompiledAttention(problem).expectClose(inputs, f32Tolerance);
}

TEST(QuantizedRows, OfZeros) {
  AttentionProblem problem = quantized(2, 1);
  Inputs inputs = makeInputs(problem, {1, 2, 1, 1, 3});
  for (const char *name : {"k", "v"})
    inputs.at(name) = llvm::cantFail(Tensor::create(DataType::F32, {1, 1, 3, 16}));
  CompiledAttention(problem).expectClose(inputs, 0);
}

TEST(Decode, NoKeys) {
  CompiledAttention(grouped(2, 1)).expectClose(AttentionSizes{1, 2, 1, 1, 0}, 0);
}
