#include "passes/entry/FoldDescriptors.h"
#include "dialect/RegisterAll.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

using namespace fovea;
using namespace mlir;

namespace {
class FoldDescriptorsTest : public testing::Test {
protected:
  FoldDescriptorsTest() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  /// The names of the operations that are left of the only function, in order.
  std::vector<std::string> run(StringRef function) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(function, &context);
    EXPECT_TRUE(module);
    PassManager passes(&context);
    passes.addNestedPass<LLVM::LLVMFuncOp>(createFoldDescriptorsPass());
    EXPECT_TRUE(module && succeeded(passes.run(*module)));
    std::vector<std::string> names;
    for (auto func : module->getOps<LLVM::LLVMFuncOp>())
      func.getBody().walk(
          [&](Operation *op) { names.push_back(op->getName().stripDialect().str()); });
    return names;
  }

  MLIRContext context;
};
} // namespace

// A field may have been set in another block, and before other fields.
TEST_F(FoldDescriptorsTest, TakesFieldsFromWhereTheyWereSet) {
  EXPECT_EQ(run(R"(
    llvm.func @f(%p: !llvm.ptr, %n: i64) -> i64 {
      %0 = llvm.mlir.poison : !llvm.struct<(ptr, i64, array<1 x i64>)>
      %1 = llvm.insertvalue %p, %0[0] : !llvm.struct<(ptr, i64, array<1 x i64>)>
      %2 = llvm.insertvalue %n, %1[1] : !llvm.struct<(ptr, i64, array<1 x i64>)>
      %3 = llvm.insertvalue %n, %2[2, 0] : !llvm.struct<(ptr, i64, array<1 x i64>)>
      llvm.br ^next
    ^next:
      %4 = llvm.extractvalue %3[0] : !llvm.struct<(ptr, i64, array<1 x i64>)>
      %5 = llvm.load %4 : !llvm.ptr -> i64
      %6 = llvm.extractvalue %3[2, 0] : !llvm.struct<(ptr, i64, array<1 x i64>)>
      %7 = llvm.add %5, %6 : i64
      llvm.return %7 : i64
    })"),
            (std::vector<std::string>{"br", "load", "add", "return"}));
}

TEST_F(FoldDescriptorsTest, KeepsStructsFromElsewhereAndThoseUsedAsAWhole) {
  EXPECT_EQ(run(R"(
    llvm.func @f(%s: !llvm.struct<(ptr, i64)>, %n: i64) -> !llvm.struct<(ptr, i64)> {
      %0 = llvm.extractvalue %s[0] : !llvm.struct<(ptr, i64)>
      %1 = llvm.mlir.poison : !llvm.struct<(ptr, i64)>
      %2 = llvm.insertvalue %0, %1[0] : !llvm.struct<(ptr, i64)>
      %3 = llvm.insertvalue %n, %2[1] : !llvm.struct<(ptr, i64)>
      llvm.return %3 : !llvm.struct<(ptr, i64)>
    })"),
            (std::vector<std::string>{"extractvalue", "mlir.poison", "insertvalue", "insertvalue",
                                      "return"}));
}
