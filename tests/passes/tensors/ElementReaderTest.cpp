// Reading elements, and comparing how scalars are computed.
#include "passes/tensors/ElementReader.h"
#include "dialect/RegisterAll.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace fovea;

namespace {
class ComputedAlike : public ::testing::Test {
protected:
  ComputedAlike() { builder.setInsertionPointToEnd(&block); }
  Value argument() { return block.addArgument(builder.getF32Type(), loc); }
  /// `x` added to itself, the sum to itself and so on.
  Value doubled(Value x, int times) {
    for (int i = 0; i < times; ++i)
      x = arith::AddFOp::create(builder, loc, x, x);
    return x;
  }

  std::unique_ptr<MLIRContext> context = makeContext();
  OpBuilder builder{context.get()};
  Location loc = builder.getUnknownLoc();
  Region region;
  Block &block = region.emplaceBlock();
};
} // namespace

// There is no index to find the element of the source with.
TEST(ElementReaderTest, ReadsScalarsThatWereTensors) {
  auto context = makeContext();
  OpBuilder builder(context.get());
  Location loc = builder.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToEnd(module->getBody());
  Value tensor = tensor::EmptyOp::create(builder, loc, {1, 1}, builder.getF32Type());
  Value scalar =
      tensor::CollapseShapeOp::create(builder, loc, tensor, ArrayRef<ReassociationIndices>());
  ElementReader reader(builder, loc, [&](Operation *op) { return op != tensor.getDefiningOp(); });
  auto extract = reader.read(scalar, {}).getDefiningOp<tensor::ExtractOp>();
  ASSERT_TRUE(extract);
  EXPECT_EQ(extract.getTensor(), tensor);
  EXPECT_EQ(getConstantIntValue(extract.getIndices()[0]), 0);
  EXPECT_EQ(getConstantIntValue(extract.getIndices()[1]), 0);
}

TEST_F(ComputedAlike, ComparesOpsAndLeaves) {
  Value x = argument(), y = argument();
  EXPECT_TRUE(computedAlike(doubled(x, 3), doubled(x, 3)));
  EXPECT_FALSE(computedAlike(doubled(x, 3), doubled(y, 3)));
  EXPECT_FALSE(computedAlike(doubled(x, 3), doubled(x, 4)));
  Value product = arith::MulFOp::create(builder, loc, x, x);
  EXPECT_FALSE(computedAlike(doubled(x, 1), product));
}

// There are 2^100 ways from the result to the leaf.
TEST_F(ComputedAlike, MeetsEachPairOnce) {
  Value x = argument(), y = argument();
  EXPECT_TRUE(computedAlike(doubled(x, 100), doubled(x, 100)));
  EXPECT_FALSE(computedAlike(doubled(x, 100), doubled(y, 100)));
}
