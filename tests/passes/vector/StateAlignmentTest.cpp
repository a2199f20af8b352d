#include "passes/vector/StateAlignment.h"
#include "dialect/RegisterAll.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

using namespace fovea;
using namespace mlir;

namespace {
class StateAlignmentTest : public testing::Test {
protected:
  StateAlignmentTest() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  /// The alignments of the loads and stores of `function` in order, 0 for those without one.
  std::vector<uint64_t> alignments(StringRef function) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(function, &context);
    EXPECT_TRUE(module);
    PassManager passes(&context);
    passes.addNestedPass<func::FuncOp>(createStateAlignmentPass());
    EXPECT_TRUE(module && succeeded(passes.run(*module)));
    std::vector<uint64_t> found;
    module->walk([&](Operation *op) {
      if (auto load = dyn_cast<vector::LoadOp>(op))
        found.push_back(load.getAlignment().value_or(0));
      else if (auto store = dyn_cast<vector::StoreOp>(op))
        found.push_back(store.getAlignment().value_or(0));
    });
    return found;
  }

  MLIRContext context;
};
} // namespace

TEST_F(StateAlignmentTest, IsThatOfAnElement) {
  EXPECT_EQ(alignments(R"(
    func.func @f(%m: memref<?xf32>, %h: memref<?xbf16>, %b: memref<?xi8>, %i: index) {
      %x = vector.load %m[%i] : memref<?xf32>, vector<16xf32>
      vector.store %x, %m[%i] : memref<?xf32>, vector<16xf32>
      %y = vector.load %h[%i] : memref<?xbf16>, vector<16xbf16>
      %z = vector.load %b[%i] : memref<?xi8>, vector<2xi8>
      return
    })"),
            (std::vector<uint64_t>{4, 4, 2, 1}));
}

TEST_F(StateAlignmentTest, KeepsWhatIsStated) {
  EXPECT_EQ(alignments(R"(
    func.func @f(%m: memref<?xf32>, %i: index) {
      %x = vector.load %m[%i] {alignment = 64 : i64} : memref<?xf32>, vector<16xf32>
      return
    })"),
            (std::vector<uint64_t>{64}));
}

// How wide an index is, the conversion alone knows; a bit has no bytes.
TEST_F(StateAlignmentTest, LeavesOtherElementsToTheConversion) {
  EXPECT_EQ(alignments(R"(
    func.func @f(%m: memref<?xindex>, %b: memref<?xi1>, %i: index) {
      %x = vector.load %m[%i] : memref<?xindex>, vector<8xindex>
      %y = vector.load %b[%i] : memref<?xi1>, vector<8xi1>
      return
    })"),
            (std::vector<uint64_t>{0, 0}));
}
