// Masks of every kind through the kernels, against the float64 reference: those whose blocks have
// gaps, and those that depend on data, of which a summary is made at run time. Tolerances are those
// of AttentionTest.cpp.
#include "tests/numeric/AttentionProblem.h"
#include "gtest/gtest.h"

using namespace fovea;
using namespace fovea::testing;

static constexpr double f32Tolerance = 2e-6;

struct MaskCase {
  const char *name, *body;
  friend void PrintTo(const MaskCase &mask, std::ostream *os) { *os << mask.name; }
};

/// `%r = %x mod divisor`, rounded down.
#define MOD(R, X, DIVISOR)                                                                         \
  "%" R ".q = arith.floordivsi %" X ", %" DIVISOR " : index\n"                                     \
  "%" R ".w = arith.muli %" R ".q, %" DIVISOR " : index\n"                                         \
  "%" R " = arith.subi %" X ", %" R ".w : index\n"
#define CONSTANT(N) "%k" #N " = arith.constant " #N " : index\n"

static const MaskCase maskCases[] = {
    {"not_window", CONSTANT(70) "%d = arith.subi %i, %j : index\n%a = math.absi %d : index\n"
                                "%p = arith.cmpi sgt, %a, %k70 : index\n"},
    {"window_or_first", CONSTANT(90) CONSTANT(3) "%d = arith.subi %i, %j : index\n"
                                                 "%w = arith.cmpi slt, %d, %k90 : index\n"
                                                 "%f = arith.cmpi slt, %j, %k3 : index\n"
                                                 "%o = arith.ori %w, %f : i1\n"
                                                 "%x = arith.cmpi sle, %j, %i : index\n"
                                                 "%p = arith.andi %x, %o : i1\n"},
    {"dilated", CONSTANT(0) CONSTANT(3) "%d = arith.subi %i, %j : index\n" MOD(
                    "r", "d", "k3") "%p = arith.cmpi eq, %r, %k0 : index\n"},
    {"dilated_window",
     CONSTANT(0) CONSTANT(4) CONSTANT(200) "%d = arith.subi %i, %j : index\n" MOD(
         "r", "d",
         "k4") "%x = arith.cmpi eq, %r, %k0 : index\n%y = arith.cmpi slt, %d, %k200 : index\n"
               "%z = arith.cmpi sge, %d, %k0 : index\n%u = arith.andi %x, %y : i1\n"
               "%p = arith.andi %u, %z : i1\n"},
    {"blocks", CONSTANT(100) "%x = arith.floordivsi %i, %k100 : index\n"
                             "%y = arith.floordivsi %j, %k100 : index\n"
                             "%p = arith.cmpi eq, %x, %y : index\n"},
    {"strided_blocks",
     CONSTANT(0) CONSTANT(64) CONSTANT(
         3) "%x = arith.floordivsi %i, %k64 : index\n%y = arith.floordivsi %j, %k64 : index\n"
            "%d = arith.subi %x, %y : index\n" MOD("r", "d",
                                                   "k3") "%p = arith.cmpi eq, %r, %k0 : index\n"},
    {"neighbourhood",
     CONSTANT(16) CONSTANT(
         2) "%x = arith.floordivsi %i, %k16 : index\n%y = arith.floordivsi %j, %k16 : index\n"
            "%d = arith.subi %x, %y : index\n%a = math.absi %d : index\n" MOD("mi", "i", "k16") MOD(
                "mj", "j", "k16") "%e = arith.subi %mi, %mj : index\n%f = math.absi %e : index\n"
                                  "%s = arith.cmpi sle, %a, %k2 : index\n"
                                  "%t = arith.cmpi sle, %f, %k2 : index\n"
                                  "%p = arith.andi %s, %t : i1\n"},
    {"windows_apart", // no query sees keys between those of two neighbours
     CONSTANT(0) CONSTANT(2) CONSTANT(4) "%s = arith.muli %i, %k4 : index\n"
                                         "%d = arith.subi %j, %s : index\n"
                                         "%x = arith.cmpi sge, %d, %k0 : index\n"
                                         "%y = arith.cmpi slt, %d, %k2 : index\n"
                                         "%p = arith.andi %x, %y : i1\n"},
    {"distance_remainder",
     CONSTANT(1) CONSTANT(5) "%d = arith.subi %i, %j : index\n%a = math.absi %d : index\n"
                             "%r = arith.remui %a, %k5 : index\n"
                             "%p = arith.cmpi ule, %r, %k1 : index\n"},
};

static AttentionProblem problemOf(const std::string &body) {
  AttentionProblem problem;
  problem.regions = "mask {\n^bb0(%b: index, %h: index, %i: index, %j: index):\n" + body +
                    "attn.yield %p : i1\n}";
  return problem;
}

class MaskKernels : public ::testing::TestWithParam<MaskCase> {};

TEST_P(MaskKernels, AgreeWithTheReference) {
  AttentionProblem problem = problemOf(GetParam().body);
  problem.withLse = true;
  CompiledAttention attention(problem);
  for (auto [queries, keys] : {std::pair(1, 300), {3, 140}, {300, 300}, {61, 443}, {200, 90}})
    attention.expectClose(AttentionSizes{1, 2, 1, queries, keys}, f32Tolerance);
}

TEST_P(MaskKernels, GiveWeights) {
  AttentionProblem problem = problemOf(GetParam().body);
  problem.withWeights = true;
  CompiledAttention(problem).expectClose(AttentionSizes{1, 1, 1, 150, 400}, f32Tolerance);
}

TEST_P(MaskKernels, OtherTypesAndTargets) {
  AttentionProblem problem = problemOf(GetParam().body);
  AttentionSizes sizes{1, 1, 1, 130, 300};
  for (const char *target : {"avx2", "generic"})
    CompiledAttention(problem, 1, target).expectClose(makeInputs(problem, sizes), f32Tolerance);
  problem.type = "f64";
  CompiledAttention(problem).expectClose(sizes, 1e-14);
}

/// Skipping a block is no different from masking all of it.
TEST_P(MaskKernels, ChunksOfQueriesChangeNoBit) {
  AttentionProblem problem = problemOf(GetParam().body);
  CompiledAttention attention(problem);
  Inputs inputs = makeInputs(problem, {1, 1, 1, 300, 300});
  Tensor whole = std::move(attention.run(inputs)[0]);
  Tensor chunk = llvm::cantFail(Tensor::create(DataType::F32, {1, 1, 77, 16}));
  for (int64_t row = 0; row < 77; ++row)
    for (int64_t d = 0; d < 16; ++d)
      chunk.mutableView().set({0, 0, row, d}, inputs.at("q").at({0, 0, 223 + row, d}));
  inputs.at("q") = std::move(chunk);
  inputs.at("bias") = llvm::cantFail(Tensor::create(DataType::F32, {77, 300}));
  Tensor part = std::move(attention.run(inputs)[0]);
  for (int64_t row = 0; row < 77; ++row)
    for (int64_t d = 0; d < 16; ++d)
      ASSERT_EQ(part.at({0, 0, row, d}), whole.at({0, 0, 223 + row, d})) << row;
}

INSTANTIATE_TEST_SUITE_P(Masks, MaskKernels, ::testing::ValuesIn(maskCases),
                         [](const auto &info) { return info.param.name; });

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

/// Inputs whose bias is given by `at(row, key)`.
template <typename At>
static Inputs withBias(const AttentionProblem &problem, const AttentionSizes &sizes, At at) {
  Inputs inputs = makeInputs(problem, sizes);
  for (int64_t row = 0; row < sizes.queries; ++row)
    for (int64_t key = 0; key < sizes.keys; ++key)
      inputs.at("bias").mutableView().set({row, key}, at(row, key));
  return inputs;
}

/// The document of position x is bias[0, x].
static const char *documents = "%zero = arith.constant 0 : index\n"
                               "%x = tensor.extract %bias[%zero, %i] : tensor<?x?xf32>\n"
                               "%y = tensor.extract %bias[%zero, %j] : tensor<?x?xf32>\n"
                               "%m = arith.fptosi %x : f32 to i64\n"
                               "%n = arith.fptosi %y : f32 to i64\n"
                               "%e = arith.cmpi eq, %m, %n : i64\n"
                               "%c = arith.cmpi sle, %j, %i : index\n"
                               "%p = arith.andi %c, %e : i1\n";

TEST(DataMasks, Documents) {
  AttentionProblem problem = problemOf(documents);
  problem.withWeights = problem.withLse = true;
  CompiledAttention attention(problem);
  for (int64_t length : {5, 90, 128, 1000})
    for (auto [queries, keys] : {std::pair<int64_t, int64_t>{300, 300}, {70, 333}, {1, 600}}) {
      AttentionSizes sizes{2, 2, 1, queries, keys};
      attention.expectClose(
          withBias(problem, sizes, [&](int64_t, int64_t key) { return key / length; }),
          f32Tolerance);
      // Ids in no order.
      attention.expectClose(
          withBias(problem, sizes, [&](int64_t, int64_t key) { return key / length * 7 % 5; }),
          f32Tolerance);
    }
}

TEST(DataMasks, DocumentsBehindMaskedNaN) {
  AttentionProblem problem = problemOf(documents);
  CompiledAttention attention(problem);
  Inputs inputs =
      withBias(problem, {1, 1, 1, 300, 300}, [](int64_t, int64_t key) { return key / 100; });
  for (int64_t d = 0; d < 16; ++d)
    for (const char *name : {"k", "v"})
      inputs.at(name).mutableView().set({0, 0, 150, d}, std::nan(""));
  attention.expectClose(inputs, f32Tolerance);
}

/// Row r sees the keys of its segment, [begin, end) read from rows of the bias.
TEST(DataMasks, SegmentsByOffsets) {
  AttentionProblem problem = problemOf("%zero = arith.constant 0 : index\n"
                                       "%one = arith.constant 1 : index\n"
                                       "%x = tensor.extract %bias[%zero, %i] : tensor<?x?xf32>\n"
                                       "%y = tensor.extract %bias[%one, %i] : tensor<?x?xf32>\n"
                                       "%m = arith.fptosi %x : f32 to i64\n"
                                       "%n = arith.fptosi %y : f32 to i64\n"
                                       "%begin = arith.index_cast %m : i64 to index\n"
                                       "%end = arith.index_cast %n : i64 to index\n"
                                       "%u = arith.cmpi sge, %j, %begin : index\n"
                                       "%w = arith.cmpi slt, %j, %end : index\n"
                                       "%p = arith.andi %u, %w : i1\n");
  CompiledAttention attention(problem);
  for (int64_t length : {40, 150})
    attention.expectClose(
        withBias(problem, {1, 2, 1, 400, 400},
                 [&](int64_t row, int64_t key) { return (key / length + (row == 1)) * length; }),
        f32Tolerance);
}

/// A dense boolean mask with whole blocks of each kind.
TEST(DataMasks, Dense) {
  AttentionProblem problem = problemOf("%zero = arith.constant 0.0 : f32\n"
                                       "%e = tensor.extract %bias[%i, %j] : tensor<?x?xf32>\n"
                                       "%p = arith.cmpf ogt, %e, %zero : f32\n");
  problem.attributes = "alignment = #attn<alignment top_left>";
  problem.withWeights = true;
  CompiledAttention attention(problem);
  for (auto [queries, keys] : {std::pair<int64_t, int64_t>{300, 500}, {4, 400}, {61, 143}})
    attention.expectClose(withBias(problem, {1, 2, 1, queries, keys},
                                   [](int64_t row, int64_t key) {
                                     int64_t kind = (row / 96 + key / 128) % 3;
                                     return kind == 2 ? (row * 7 + key) % 3 - 1 : kind;
                                   }),
                          f32Tolerance);
}

/// A layout of blocks, of which each pair of positions reads its own: blocks that are smaller than
/// those of the kernel, larger ones, and two sizes that share no boundary but multiples of both.
TEST(DataMasks, LayoutOfBlocks) {
  for (auto [rows, columns] : {std::pair<int, int>{100, 250}, {7, 12}, {64, 2}}) {
    AttentionProblem problem =
        problemOf("%zero = arith.constant 0.0 : f32\n%least = arith.constant 0 : index\n"
                  "%rows = arith.constant " +
                  std::to_string(rows) +
                  " : index\n"
                  "%columns = arith.constant " +
                  std::to_string(columns) +
                  " : index\n"
                  "%x = arith.floordivsi %i, %rows : index\n"
                  "%row = arith.maxsi %x, %least : index\n"
                  "%column = arith.floordivsi %j, %columns : index\n"
                  "%sum = arith.addi %row, %column : index\n"
                  "%e = tensor.extract %bias[%least, %sum] : tensor<?x?xf32>\n"
                  "%p = arith.cmpf ogt, %e, %zero : f32\n");
    problem.withLse = true;
    CompiledAttention attention(problem);
    // Bottom right: in the last case the first positions are negative.
    for (auto [queries, keys] : {std::pair<int64_t, int64_t>{300, 500}, {1, 400}, {143, 61}})
      attention.expectClose(withBias(problem, {1, 2, 1, queries, keys},
                                     [](int64_t, int64_t sum) { return sum % 4 == 0; }),
                            f32Tolerance);
  }
}

/// A key that is absent for all rows.
TEST(DataMasks, KeyPadding) {
  AttentionProblem problem = problemOf("%zero = arith.constant 0 : index\n"
                                       "%none = arith.constant 0.0 : f32\n"
                                       "%e = tensor.extract %bias[%zero, %j] : tensor<?x?xf32>\n"
                                       "%p = arith.cmpf une, %e, %none : f32\n");
  problem.withLse = true;
  CompiledAttention attention(problem);
  for (int64_t present : {0, 1, 128, 200, 400})
    attention.expectClose(
        withBias(problem, {1, 1, 1, 100, 400}, [&](int64_t, int64_t key) { return key < present; }),
        f32Tolerance);
}
