#include "passes/vector/EmitBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "gtest/gtest.h"

using namespace fovea;
using namespace mlir;

namespace {
class EmitBuilderTest : public testing::Test {
protected:
  EmitBuilderTest() {
    context.loadDialect<arith::ArithDialect, scf::SCFDialect>();
    module = ModuleOp::create(UnknownLoc::get(&context));
    builder.emplace(UnknownLoc::get(&context), &context);
    builder->setInsertionPointToEnd(module->getBody());
  }
  /// Emits constants from `first` to `last`.
  void emitConstants(int64_t first, int64_t last) {
    for (int64_t value = first; value <= last; ++value)
      arith::ConstantIndexOp::create(*builder, value);
  }
  std::vector<int64_t> constants() {
    std::vector<int64_t> found;
    for (auto op : module->getBody()->getOps<arith::ConstantIndexOp>())
      found.push_back(op.value());
    return found;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::optional<EmitBuilder> builder;
};
} // namespace

using Numbers = std::vector<int64_t>;

TEST_F(EmitBuilderTest, InterleavesInTheOrderOfEach) {
  emitConstants(0, 0);
  builder->interleave([&] { emitConstants(1, 4); }, [&] { emitConstants(10, 13); });
  emitConstants(20, 20);
  EXPECT_EQ(constants(), (Numbers{0, 1, 10, 2, 11, 3, 12, 4, 13, 20}));
}

TEST_F(EmitBuilderTest, SpreadsTheShorterAndTheLonger) {
  builder->interleave([&] { emitConstants(1, 6); }, [&] { emitConstants(10, 12); });
  EXPECT_EQ(constants(), (Numbers{1, 10, 2, 3, 11, 4, 5, 12, 6}));
  module->getBody()->clear();
  builder->setInsertionPointToEnd(module->getBody());
  builder->interleave([&] { emitConstants(1, 2); }, [&] { emitConstants(10, 14); });
  EXPECT_EQ(constants(), (Numbers{1, 10, 11, 12, 2, 13, 14}));
}

TEST_F(EmitBuilderTest, InterleavesNothing) {
  builder->interleave([] {}, [&] { emitConstants(1, 2); });
  builder->interleave([&] { emitConstants(3, 4); }, [] {});
  builder->interleave([] {}, [] {});
  EXPECT_EQ(constants(), (Numbers{1, 2, 3, 4}));
}

TEST_F(EmitBuilderTest, InterleavesInFrontOfWhatFollows) {
  emitConstants(9, 9);
  builder->setInsertionPointToStart(module->getBody());
  builder->interleave([&] { emitConstants(1, 2); }, [&] { emitConstants(3, 4); });
  EXPECT_EQ(constants(), (Numbers{1, 3, 2, 4, 9}));
}
