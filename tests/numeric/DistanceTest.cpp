// Score functions of the distance of query and key, which are read from tables of all distances:
// against the float64 reference, at the edges of tables and tiles.
#include "tests/numeric/AttentionProblem.h"
#include "gtest/gtest.h"

using namespace fovea;
using namespace fovea::testing;

// As for AttentionTest.cpp.
static constexpr double f32Tolerance = 2e-6;

static const std::string positions = "%b: index, %h: index, %i: index, %j: index";

static std::string score(const std::string &ops, const std::string &type = "f32") {
  return "score {\n^bb0(%s: " + type + ", " + positions + "):\n" + ops +
         "%r = arith.addf %s, %x : " + type + "\nattn.yield %r : " + type + "\n}\n";
}

static std::string mask(const std::string &ops) {
  return "mask {\n^bb0(" + positions + "):\n" + ops + "attn.yield %p : i1\n}\n";
}

static const std::string causal = mask("%p = arith.cmpi sle, %j, %i : index\n");
static const std::string window = mask("%d = arith.subi %i, %j : index\n"
                                       "%a = math.absi %d : index\n"
                                       "%w = arith.constant 1000 : index\n"
                                       "%p = arith.cmpi sle, %a, %w : index\n");
static const std::string nothing = mask("%n = arith.constant 1000000 : index\n"
                                        "%p = arith.cmpi sgt, %j, %n : index\n");

/// i - j in [-16, 16], plus 16.
static const std::string clipped = "%n16 = arith.constant 16 : index\n"
                                   "%m16 = arith.constant -16 : index\n"
                                   "%d = arith.subi %i, %j : index\n"
                                   "%lo = arith.maxsi %d, %m16 : index\n"
                                   "%hi = arith.minsi %lo, %n16 : index\n"
                                   "%at = arith.addi %hi, %n16 : index\n";

/// `name`: tensor<3x4x33xf32>, by batch, head and clipped distance.
static std::string table(const std::string &name, const std::string &type = "f32") {
  return "  %" + name + " = tensor.generate {\n  ^bb0(%x0: index, %x1: index, %x2: index):\n" +
         "    %n0 = arith.constant 3 : index\n    %n1 = arith.constant 7 : index\n" +
         "    %x3 = arith.muli %x0, %n0 : index\n    %x4 = arith.addi %x3, %x1 : index\n" +
         "    %x5 = arith.muli %x4, %n1 : index\n    %x6 = arith.addi %x5, %x2 : index\n" +
         "    %x7 = arith.index_cast %x6 : index to i32\n" +
         "    %x8 = arith.sitofp %x7 : i32 to " + type +
         "\n    %n2 = arith.constant 0.1 : " + type + "\n    %x9 = arith.mulf %x8, %n2 : " + type +
         "\n    %y = math.sin %x9 : " + type + "\n    tensor.yield %y : " + type +
         "\n  } : tensor<3x4x33x" + type + ">\n";
}

static const std::string ofHead =
    clipped + "%x = tensor.extract %table[%c0, %h, %at] : tensor<3x4x33xf32>\n";
static const std::string ofBatchAndHead =
    clipped + "%x = tensor.extract %table[%b, %h, %at] : tensor<3x4x33xf32>\n";

/// At sizes that are known at run time only.
static void expectRightIfOpen(AttentionProblem problem, double tolerance = f32Tolerance) {
  problem.fixed = AttentionSizes{-1, 4, 2, -1, -1};
  CompiledAttention open(problem);
  for (auto [queries, keys] :
       {std::pair(1, 1), {1, 200}, {17, 1}, {17, 17}, {23, 150}, {150, 23}, {64, 128}, {130, 260}})
    open.expectClose(AttentionSizes{2, 4, 2, queries, keys}, tolerance);
}

static void expectRight(AttentionProblem problem, double tolerance = f32Tolerance) {
  expectRightIfOpen(problem, tolerance);
  problem.fixed = AttentionSizes{2, 4, 2, 50, 131};
  CompiledAttention(problem).expectClose(*problem.fixed, tolerance);
}

static AttentionProblem reading(const std::string &ops, const std::string &more = "") {
  AttentionProblem problem;
  problem.regions = score(ops) + more;
  problem.constants = table("table");
  return problem;
}

TEST(DistanceTables, OfHeads) { expectRight(reading(ofHead)); }

TEST(DistanceTables, OfBatchesAndHeads) { expectRight(reading(ofBatchAndHead)); }

TEST(DistanceTables, BehindMasks) {
  for (const std::string &hidden : {causal, window, nothing})
    expectRight(reading(ofHead, hidden));
}

// T5: a table of buckets, another half of them for keys that follow, and a table by bucket.
TEST(DistanceTables, OfBuckets) {
  AttentionProblem problem;
  problem.regions = score("%d = arith.subi %j, %i : index\n%a = math.absi %d : index\n"
                          "%n15 = arith.constant 15 : index\n%n16 = arith.constant 16 : index\n"
                          "%near = arith.minsi %a, %n15 : index\n"
                          "%e = tensor.extract %buckets[%near] : tensor<16xi64>\n"
                          "%bucket = arith.index_cast %e : i64 to index\n"
                          "%after = arith.cmpi sgt, %j, %i : index\n"
                          "%half = arith.select %after, %n16, %c0 : index\n"
                          "%at = arith.addi %bucket, %half : index\n"
                          "%x = tensor.extract %table[%c1, %h, %at] : tensor<3x4x33xf32>\n");
  problem.constants = table("table") + "  %buckets = arith.constant dense<[0, 1, 2, 3, 4, 4, 5, 5, "
                                       "5, 6, 6, 6, 7, 7, 8, 15]> : tensor<16xi64>\n";
  problem.withWeights = problem.withLse = true;
  expectRight(problem);
}

// An index alone, into a tensor that the query reads too.
TEST(DistanceTables, OfIndices) {
  AttentionProblem problem;
  problem.regions = score("%first = arith.subi %keys, %queries : index\n"
                          "%row = arith.subi %i, %first : index\n" +
                          clipped +
                          "%e = tensor.extract %columns[%at] : tensor<33xi64>\n"
                          "%n = arith.index_cast %e : i64 to index\n"
                          "%m = arith.remui %n, %keys : index\n"
                          "%x = tensor.extract %bias[%row, %m] : tensor<?x?xf32>\n");
  problem.constants = "  %columns = tensor.generate {\n  ^bb0(%x0: index):\n"
                      "    %x1 = arith.muli %x0, %x0 : index\n"
                      "    %y = arith.index_cast %x1 : index to i64\n"
                      "    tensor.yield %y : i64\n  } : tensor<33xi64>\n";
  expectRightIfOpen(problem);
}

TEST(DistanceTables, OfFunctions) {
  AttentionProblem problem;
  problem.regions = score("%d = arith.subi %i, %j : index\n%a = math.absi %d : index\n"
                          "%w = arith.index_cast %a : index to i32\n"
                          "%f = arith.sitofp %w : i32 to f32\n%l = math.log1p %f : f32\n"
                          "%g = arith.index_cast %h : index to i32\n"
                          "%e = arith.sitofp %g : i32 to f32\n%x = arith.mulf %l, %e : f32\n");
  expectRight(problem);
}

TEST(DistanceTables, SeveralInOneScore) {
  AttentionProblem problem =
      reading(clipped + "%y = tensor.extract %table[%c0, %h, %at] : tensor<3x4x33xf32>\n"
                        "%n32 = arith.constant 32 : index\n%back = arith.subi %n32, %at : index\n"
                        "%z = tensor.extract %other[%b, %c1, %back] : tensor<3x4x33xf32>\n"
                        "%t = arith.mulf %s, %z : f32\n%x = arith.addf %t, %y : f32\n");
  problem.constants += table("other");
  expectRight(problem);
}

TEST(DistanceTables, OfOtherTypes) {
  for (auto [type, tolerance] : {std::pair("f16", 2e-3), {"bf16", 2e-2}, {"f64", 1e-12}}) {
    AttentionProblem problem;
    bool isWide = llvm::StringRef(type) == "f64";
    std::string text = type, read = "tensor.extract %table[%c0, %h, %at] : tensor<3x4x33x" + text;
    std::string ops = isWide ? "%x = " + read + ">\n"
                             : "%y = " + read + ">\n%x = arith.extf %y : " + text + " to f32\n";
    problem.type = type;
    problem.regions = score(clipped + ops, isWide ? "f64" : "f32");
    problem.constants = table("table", type);
    expectRight(problem, tolerance);
  }
}

// Only distances that occur are read.
TEST(DistanceTables, OfNoOtherDistances) {
  AttentionProblem problem;
  problem.regions = score("%d = arith.subi %i, %j : index\n%at = arith.addi %d, %zero : index\n"
                          "%x = tensor.extract %exact[%at] : tensor<?xf32>\n");
  problem.constants = "  %n0 = arith.constant 0 : index\n  %n1 = arith.constant 1 : index\n"
                      "  %rows = tensor.dim %bias, %n0 : tensor<?x?xf32>\n"
                      "  %columns = tensor.dim %bias, %n1 : tensor<?x?xf32>\n"
                      "  %total = arith.addi %rows, %columns : index\n"
                      "  %count = arith.subi %total, %n1 : index\n"
                      "  %zero = arith.subi %rows, %n1 : index\n"
                      "  %exact = tensor.generate %count {\n  ^bb0(%x0: index):\n"
                      "    %x1 = arith.index_cast %x0 : index to i32\n"
                      "    %x2 = arith.sitofp %x1 : i32 to f32\n"
                      "    %x3 = arith.constant 0.01 : f32\n    %y = arith.mulf %x2, %x3 : f32\n"
                      "    tensor.yield %y : f32\n  } : tensor<?xf32>\n";
  expectRightIfOpen(problem);
}

// What a masked key has in a table does not matter.
TEST(DistanceTables, InfinitiesBehindMasks) {
  AttentionProblem problem =
      reading(clipped + "%y = tensor.extract %table[%c0, %h, %at] : tensor<3x4x33xf32>\n"
                        "%bad = arith.constant 0x7FC00000 : f32\n"
                        "%after = arith.cmpi sgt, %j, %i : index\n"
                        "%x = arith.select %after, %bad, %y : f32\n",
              causal);
  problem.withLse = true;
  expectRight(problem);
}

// Positions that are known at run time only.
TEST(DistanceTables, AtAnOffset) {
  for (const char *offset : {"%c2", "%keys"}) {
    AttentionProblem problem = reading(ofHead);
    problem.operands = std::string("offset(") + offset + ")";
    expectRight(problem);
  }
  AttentionProblem problem = reading(ofHead, causal);
  problem.attributes = "alignment = #attn<alignment top_left>";
  expectRight(problem);
}
