// Divisions of products by something else, where nothing but the time that it takes is of interest:
// what is rewritten, and what is said, stands in deferred-division.mlir.
#include "passes/raise/DeferredDivision.h"
#include "dialect/RegisterAll.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace fovea;

// Weights that are squares of squares of scores: 2^64 ways from an element to its score.
TEST(DeferredDivision, LooksAtEachFactorOnce) {
  std::string text = R"(
func.func @f(%q: tensor<4x8xf32>, %k: tensor<8x6xf32>, %v: tensor<6x8xf32>, %z: tensor<4x8xf32>,
             %i: tensor<4x6xf32>) -> tensor<4x8xf32> {
  %s0 = linalg.matmul ins(%q, %k : tensor<4x8xf32>, tensor<8x6xf32>)
                      outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
)";
  for (int i = 0; i < 64; ++i) {
    std::string from = "%s" + std::to_string(i), to = "%s" + std::to_string(i + 1);
    text += "  " + to + " = arith.mulf " + from + ", " + from + " : tensor<4x6xf32>\n";
  }
  text += R"(
  %p = linalg.matmul ins(%s64, %v : tensor<4x6xf32>, tensor<6x8xf32>)
                     outs(%z : tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = arith.divf %p, %z : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
)";
  std::unique_ptr<MLIRContext> context = makeContext();
  auto module = parseSourceString<ModuleOp>(text, context.get());
  ASSERT_TRUE(module);
  divideWeightsFirst(*module);
  EXPECT_TRUE(module->lookupSymbol("f"));
}
