// How far the results of a graph may be off.
#include "tests/fuzz/graph/GraphProgram.h"
#include "gtest/gtest.h"

using namespace fovea;
using namespace fovea::fuzz;

/// What the sum of `size` numbers that are added up to 1, as `type`, is allowed.
static double allowedOfSum(int64_t size, DataType type) {
  SymbolicDim a = SymbolicDim::symbol("A");
  GraphProgram program;
  program.symbols = {{"A", size}};
  program.nodes = {{"", {}, {a}, type},
                   {"{0}.sum()", {0}, {}, type, false, a},
                   {"{0}.sum(dim=0, keepdim=True)", {0}, {1}, type, false, a},
                   {"{0} + {1}", {1, 2}, {1}, type}};
  program.results = {1, 3};
  Case made = llvm::cantFail(makeCase(program));
  EXPECT_GE(made.allowedError("t3", type, {1.0}), made.allowedError("t1", type, {1.0}));
  return made.allowedError("t1", type, {1.0});
}

TEST(GraphCaseTest, SumsMayBeOffByTheRootOfTheirLength) {
  double one = allowedOfSum(1, DataType::F32), many = allowedOfSum(40'000, DataType::F32);
  EXPECT_LE(one, 1e-5);
  EXPECT_DOUBLE_EQ(many - one, 3 * 200 * 0x1p-24);
  EXPECT_DOUBLE_EQ(allowedOfSum(10'000, DataType::F32) - one, 3 * 100 * 0x1p-24);
}

TEST(GraphCaseTest, TheTypeThatIsAddedUpInCounts) {
  double one = allowedOfSum(1, DataType::F64);
  EXPECT_NEAR(allowedOfSum(40'000, DataType::F64) - one, 3 * 200 * 0x1p-53, 1e-20);
  EXPECT_EQ(allowedOfSum(40'000, DataType::I64), 0);
}

TEST(GraphCaseTest, ErrorsAreRelativeToTheLargestMagnitude) {
  GraphProgram program;
  program.symbols = {{"A", 2}};
  program.nodes = {{"", {}, {SymbolicDim::symbol("A")}},
                   {"tanh({0})", {0}, {SymbolicDim::symbol("A")}}};
  program.results = {1};
  Case made = llvm::cantFail(makeCase(program));
  auto allowed = [&](llvm::ArrayRef<double> values) {
    return made.allowedError("t1", DataType::F32, values);
  };
  EXPECT_DOUBLE_EQ(allowed({-4.0, 1.0}), 4 * allowed({1.0, INFINITY}));
  EXPECT_DOUBLE_EQ(allowed({0.0, 0.0}), 0.1 * allowed({1.0, 0.0}));
}
