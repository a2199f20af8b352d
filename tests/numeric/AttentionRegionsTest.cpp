// Mask and score functions on vectors: reads of memory and divisions, against the float64 reference
// and for queries as well as for keys along lanes.
#include "tests/numeric/AttentionProblem.h"
#include "gtest/gtest.h"

using namespace fovea;
using namespace fovea::testing;

// As for AttentionTest.cpp.
static constexpr double f32Tolerance = 2e-6;

static std::string region(const std::string &name, const std::string &ops,
                          const std::string &type) {
  std::string score = name == "score" ? "%s: f32, " : "";
  return name + " {\n^bb0(" + score + "%b: index, %h: index, %i: index, %j: index):\n" + ops +
         "attn.yield %r : " + type + "\n}\n";
}

/// The row of a query: its position less that of the first.
static const std::string row = "%first = arith.subi %keys, %queries : index\n"
                               "%row = arith.subi %i, %first : index\n";

static void expectRight(const std::string &regions, const std::string &constants = "") {
  AttentionProblem problem;
  problem.regions = regions;
  problem.constants = constants;
  for (int64_t group : {1, 2}) {
    problem.fixed = AttentionSizes{-1, 2, 2 / group, -1, -1};
    CompiledAttention attention(problem);
    for (auto [queries, keys] : {std::pair(1, 1), {3, 131}, {8, 300}, {61, 143}, {100, 100}})
      attention.expectClose(AttentionSizes{2, 2, 2 / group, queries, keys}, f32Tolerance);
  }
}

TEST(AttentionRegions, ReadsBothByQueryAndByKey) {
  expectRight(region("score",
                     row + "%x = tensor.extract %bias[%row, %j] : tensor<?x?xf32>\n"
                           "%y = tensor.extract %bias[%row, %c0] : tensor<?x?xf32>\n"
                           "%z = tensor.extract %bias[%c0, %j] : tensor<?x?xf32>\n"
                           "%t = arith.addf %x, %y : f32\n%u = arith.addf %t, %z : f32\n"
                           "%r = arith.addf %s, %u : f32\n",
                     "f32"));
}

TEST(AttentionRegions, ReadsNoRowPastTheLast) {
  // The query's row and the key's column are the last of the tensor.
  expectRight(region("mask",
                     row + "%x = tensor.extract %bias[%row, %j] : tensor<?x?xf32>\n"
                           "%zero = arith.constant 0.0 : f32\n"
                           "%r = arith.cmpf ogt, %x, %zero : f32\n",
                     "i1"));
}

TEST(AttentionRegions, QuotientsAndRemainders) {
  for (const char *op : {"remsi", "remui", "divsi", "floordivsi", "ceildivsi"})
    for (const char *divisor : {"1", "3", "64"}) {
      // Differences of both signs where the op takes them.
      std::string difference = llvm::StringRef(op) == "remui" ? "%d = arith.addi %i, %j : index\n"
                                                              : "%d = arith.subi %i, %j : index\n";
      expectRight(region("mask",
                         difference + "%n = arith.constant " + divisor + " : index\n%z = arith." +
                             op + " %d, %n : index\n%r = arith.cmpi ne, %z, %c1 : index\n",
                         "i1"));
    }
}

TEST(AttentionRegions, DividendsOfMoreThan32Bits) {
  expectRight(region("mask",
                     "%big = arith.constant 10000000000 : index\n%n = arith.constant 7 : index\n"
                     "%m = arith.muli %i, %big : index\n%d = arith.subi %m, %j : index\n"
                     "%z = arith.remsi %d, %n : index\n%r = arith.cmpi ne, %z, %c1 : index\n",
                     "i1"));
}

TEST(AttentionRegions, ATableBySumOfIndices) {
  expectRight(region("score",
                     "%n = arith.constant 5 : index\n%d = arith.subi %i, %j : index\n"
                     "%a = arith.remui %j, %n : index\n%e = arith.remsi %d, %n : index\n"
                     "%f = arith.addi %e, %n : index\n"
                     "%x = tensor.extract %table[%a, %f] : tensor<5x10xf32>\n"
                     "%r = arith.addf %s, %x : f32\n",
                     "f32"),
              "  %table = tensor.generate {\n  ^bb0(%x: index, %y: index):\n"
              "    %ten = arith.constant 10 : index\n    %p = arith.muli %x, %ten : index\n"
              "    %o = arith.addi %p, %y : index\n    %w = arith.index_cast %o : index to i32\n"
              "    %f = arith.sitofp %w : i32 to f32\n    %c = arith.constant 0.1 : f32\n"
              "    %g = arith.mulf %f, %c : f32\n    tensor.yield %g : f32\n"
              "  } : tensor<5x10xf32>\n");
}

TEST(AttentionRegions, RegionsWithLoops) {
  expectRight(region("score",
                     "%n = arith.constant 3 : index\n%m = arith.remui %j, %n : index\n"
                     "%half = arith.constant 0.5 : f32\n"
                     "%r = scf.for %x = %c0 to %m step %c1 iter_args(%y = %s) -> f32 {\n"
                     "%z = arith.mulf %y, %half : f32\nscf.yield %z : f32\n}\n",
                     "f32"));
}
