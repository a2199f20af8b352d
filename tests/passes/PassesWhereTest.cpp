#include "passes/PassesWhere.h"
#include "dialect/RegisterAll.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

using namespace fovea;
using namespace mlir;

namespace {
/// Marks the functions that it runs on.
struct Mark : PassWrapper<Mark, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Mark)
  void runOnOperation() override {
    getOperation()->setAttr("marked", UnitAttr::get(&getContext()));
  }
};

struct Fail : PassWrapper<Fail, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Fail)
  void runOnOperation() override { signalPassFailure(); }
};

class PassesWhereTest : public testing::Test {
protected:
  PassesWhereTest() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  OwningOpRef<ModuleOp> parse(const std::string &body) {
    return parseSourceString<ModuleOp>(
        "func.func @f(%x: f32, %v: vector<4xf32>, %i: index) {\n" + body + "\nreturn\n}", &context);
  }
  /// Whether `isNeeded` holds for an operation of a function with this body.
  bool runs(bool (*isNeeded)(Operation *), const std::string &body) {
    OwningOpRef<ModuleOp> module = parse(body);
    if (!module)
      return false;
    PassManager passes(&context);
    passes.addNestedPass<func::FuncOp>(runWhere(isNeeded, std::make_unique<Mark>()));
    EXPECT_TRUE(succeeded(passes.run(*module)));
    return module->lookupSymbol("f")->hasAttr("marked");
  }

  MLIRContext context;
};
} // namespace

TEST_F(PassesWhereTest, SkipsVectorsOfOneDim) {
  EXPECT_FALSE(runs(isRareVectorOp, "%0 = vector.fma %v, %v, %v : vector<4xf32>"));
  EXPECT_FALSE(runs(isRareVectorOp, "%0 = vector.broadcast %x : f32 to vector<8xf32>"));
  EXPECT_FALSE(runs(isRareVectorOp, "%0 = vector.reduction <add>, %v : vector<4xf32> into f32"));
}

TEST_F(PassesWhereTest, FindsVectorsThatNeedRewriting) {
  EXPECT_TRUE(runs(isRareVectorOp, "%0 = vector.step : vector<4xindex>"));
  EXPECT_TRUE(runs(isRareVectorOp, "%0 = vector.broadcast %v : vector<4xf32> to vector<2x4xf32>"));
  EXPECT_TRUE(runs(isRareVectorOp, "%0 = vector.shape_cast %v : vector<4xf32> to vector<2x2xf32>"));
}

TEST_F(PassesWhereTest, FindsArithmeticThatIsExpanded) {
  EXPECT_TRUE(runs(isExpandedArithOp, "%0 = arith.ceildivsi %i, %i : index"));
  EXPECT_TRUE(runs(isExpandedArithOp, "%0 = arith.maximumf %x, %x : f32"));
  EXPECT_FALSE(runs(isExpandedArithOp, "%0 = arith.divsi %i, %i : index"));
}

TEST_F(PassesWhereTest, FindsMathWithoutIntrinsics) {
  EXPECT_TRUE(runs(isRareMathOp, "%0 = math.erf %x : f32"));
  EXPECT_FALSE(runs(isRareMathOp, "%0 = math.sqrt %x : f32"));
}

TEST_F(PassesWhereTest, FailsWithThePass) {
  OwningOpRef<ModuleOp> module = parse("%0 = arith.ceildivsi %i, %i : index");
  PassManager passes(&context);
  passes.addNestedPass<func::FuncOp>(runWhere(isExpandedArithOp, std::make_unique<Fail>()));
  EXPECT_TRUE(failed(passes.run(*module)));
}

TEST_F(PassesWhereTest, FindsWherePlansAreWritten) {
  EXPECT_TRUE(runs(isPlannedOp, "%0 = attn.workspace : memref<?xi8>"));
  EXPECT_FALSE(runs(isPlannedOp, "%0 = attn.worker"));
  EXPECT_FALSE(runs(isPlannedOp, "%0 = memref.alloca() : memref<4xf32>"));
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(
      "func.func private @f.workspace_size() -> index { %c1 = arith.constant 1 : index\n"
      "return %c1 : index }",
      &context);
  EXPECT_TRUE(isPlannedOp(module->lookupSymbol("f.workspace_size")));
}

TEST_F(PassesWhereTest, FindsArithmeticOnNarrowFloats) {
  EXPECT_TRUE(runs(isNarrowFloatOp, "%0 = arith.truncf %v : vector<4xf32> to vector<4xbf16>"));
  EXPECT_TRUE(runs(isNarrowFloatOp, "%0 = arith.constant 1.0 : f16 %1 = math.exp %0 : f16"));
  EXPECT_FALSE(runs(isNarrowFloatOp, "%0 = math.exp %v : vector<4xf32>"));
  EXPECT_FALSE(runs(isNarrowFloatOp, "%0 = memref.alloc() : memref<4xf16>"));
}

TEST_F(PassesWhereTest, FindsMathOnNarrowFloats) {
  EXPECT_TRUE(runs(isNarrowMathOp, "%0 = arith.constant 1.0 : f16 %1 = math.exp %0 : f16"));
  EXPECT_FALSE(runs(isNarrowMathOp, "%0 = arith.truncf %v : vector<4xf32> to vector<4xbf16>"));
  EXPECT_FALSE(runs(isNarrowMathOp, "%0 = math.exp %v : vector<4xf32>"));
}
