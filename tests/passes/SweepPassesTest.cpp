#include "passes/SweepPasses.h"
#include "dialect/RegisterAll.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

using namespace fovea;
using namespace mlir;

namespace {
class SweepPassesTest : public testing::Test {
protected:
  SweepPassesTest() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  /// The function after `pass`, which must succeed although it changes something.
  func::FuncOp run(std::unique_ptr<Pass> pass, StringRef function) {
    module = parseSourceString<ModuleOp>(function, &context);
    if (!module)
      return nullptr;
    PassManager passes(&context);
    passes.addNestedPass<func::FuncOp>(std::move(pass));
    EXPECT_TRUE(succeeded(passes.run(*module)));
    return module->lookupSymbol<func::FuncOp>("f");
  }

  template <typename OpTy>
  static int64_t count(func::FuncOp function) {
    int64_t found = 0;
    function.walk([&](OpTy) { ++found; });
    return found;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

// Folding each addition makes the next one fold: a sweep returns to it.
TEST_F(SweepPassesTest, CanonicalizesWhatCanonicalizationMakes) {
  func::FuncOp f = run(createCanonicalizeSweep(), R"(
    func.func @f(%x: index) -> index {
      %c1 = arith.constant 1 : index
      %a = arith.addi %x, %c1 : index
      %b = arith.addi %a, %c1 : index
      %c = arith.addi %b, %c1 : index
      %unused = arith.muli %c, %c : index
      return %c : index
    })");
  ASSERT_TRUE(f);
  EXPECT_EQ(count<arith::AddIOp>(f), 1);
  EXPECT_EQ(count<arith::MulIOp>(f), 0);
}

TEST_F(SweepPassesTest, LeavesBlocksAlone) {
  func::FuncOp f = run(createCanonicalizeSweep(), R"(
    func.func @f(%b: i1) {
      cf.cond_br %b, ^one, ^other
    ^one:
      return
    ^other:
      return
    })");
  ASSERT_TRUE(f);
  EXPECT_EQ(f.getBody().getBlocks().size(), 3u);
}

TEST_F(SweepPassesTest, ExpandsViewsOfViews) {
  func::FuncOp f = run(createExpandStridedMetadataSweep(), R"(
    func.func @f(%m: memref<8x16xf32>, %i: index) -> f32 {
      %a = memref.subview %m[%i, 0] [1, 16] [1, 1] : memref<8x16xf32> to memref<16xf32, strided<[1], offset: ?>>
      %b = memref.subview %a[4] [8] [1] : memref<16xf32, strided<[1], offset: ?>> to memref<8xf32, strided<[1], offset: ?>>
      %x = memref.load %b[%i] : memref<8xf32, strided<[1], offset: ?>>
      return %x : f32
    })");
  ASSERT_TRUE(f);
  EXPECT_EQ(count<memref::SubViewOp>(f), 0);
  EXPECT_EQ(count<memref::ReinterpretCastOp>(f), 1);
}

TEST_F(SweepPassesTest, ResolvesDimsThroughSeveralOperations) {
  func::FuncOp f = run(createResolveResultDimsSweep(), R"(
    func.func @f(%m: memref<?x16xf32>, %n: index) -> index {
      %c0 = arith.constant 0 : index
      %a = memref.subview %m[1, 0] [%n, 16] [1, 1] : memref<?x16xf32> to memref<?x16xf32, strided<[16, 1], offset: 16>>
      %b = memref.subview %a[0, 0] [%n, 8] [1, 1] : memref<?x16xf32, strided<[16, 1], offset: 16>> to memref<?x8xf32, strided<[16, 1], offset: 16>>
      %d = memref.dim %b, %c0 : memref<?x8xf32, strided<[16, 1], offset: 16>>
      return %d : index
    })");
  ASSERT_TRUE(f);
  EXPECT_EQ(count<memref::DimOp>(f), 0);
}

TEST_F(SweepPassesTest, ResolvesMergedDims) {
  func::FuncOp f = run(createResolveResultDimsSweep(), R"(
    func.func @f(%m: memref<?x?x16xf32>) -> index {
      %c0 = arith.constant 0 : index
      %rows = memref.collapse_shape %m [[0, 1], [2]] : memref<?x?x16xf32> into memref<?x16xf32>
      %d = memref.dim %rows, %c0 : memref<?x16xf32>
      return %d : index
    })");
  ASSERT_TRUE(f);
  EXPECT_EQ(count<memref::DimOp>(f), 2);
  f.walk([&](memref::DimOp dim) { EXPECT_EQ(dim.getSource(), f.getArgument(0)); });
}

TEST_F(SweepPassesTest, CanonicalizesIndicesAlone) {
  func::FuncOp f = run(createCanonicalizeIndicesSweep(), R"(
    func.func @f(%x: index, %m: memref<4xindex>, %v: vector<4xindex>) -> (index, vector<4xindex>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %zeros = arith.constant dense<0> : vector<4xindex>
      %a = arith.addi %x, %c1 : index
      %b = arith.addi %a, %c1 : index
      %unused = arith.muli %b, %b : index
      scf.for %i = %b to %b step %c1 {
        memref.store %i, %m[%c0] : memref<4xindex>
      }
      %w = arith.addi %v, %zeros : vector<4xindex>
      return %b, %w : index, vector<4xindex>
    })");
  ASSERT_TRUE(f);
  EXPECT_EQ(count<scf::ForOp>(f), 0);
  EXPECT_EQ(count<arith::MulIOp>(f), 0);
  // One of indices, one of vectors.
  EXPECT_EQ(count<arith::AddIOp>(f), 2);
}

// What else canonicalisation would change stays: a sweep of all costs as much as that.
TEST_F(SweepPassesTest, LowersAffineOperationsAlone) {
  func::FuncOp f = run(createLowerAffineSweep(), R"(
    func.func @f(%x: index, %n: index) -> index {
      %c0 = arith.constant 0 : index
      %a = affine.apply affine_map<()[s0] -> (s0 * 3)>()[%x]
      %b = affine.min affine_map<(d0)[s0] -> (d0 + 4, s0)>(%a)[%n]
      %c = arith.addi %b, %c0 : index
      return %c : index
    })");
  ASSERT_TRUE(f);
  EXPECT_EQ(count<affine::AffineApplyOp>(f) + count<affine::AffineMinOp>(f), 0);
  EXPECT_EQ(count<arith::MinSIOp>(f), 1);
  EXPECT_EQ(count<arith::AddIOp>(f), 2);
}
