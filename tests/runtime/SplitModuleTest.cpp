#include "runtime/SplitModule.h"
#include "dialect/RegisterAll.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace fovea;
using namespace mlir;

namespace {
class SplitModuleTest : public ::testing::Test {
protected:
  OwningOpRef<ModuleOp> parse(const std::string &text) {
    auto module = parseSourceString<ModuleOp>(text, context.get());
    EXPECT_TRUE(module);
    return module;
  }

  static std::string definition(const std::string &name, unsigned ops,
                                const std::string &last = "") {
    std::string text = "llvm.func @" + name + "() {\n";
    for (unsigned i = 0; i < ops; ++i)
      text += "  %" + std::to_string(i) + " = llvm.mlir.constant(1 : i64) : i64\n";
    return text + last + "  llvm.return\n}\n";
  }

  static std::vector<std::string> definedIn(ModuleOp module) {
    std::vector<std::string> names;
    for (auto function : module.getOps<LLVM::LLVMFuncOp>())
      if (!function.isExternal())
        names.push_back(function.getName().str());
    return names;
  }

  std::unique_ptr<MLIRContext> context = makeContext();
};
} // namespace

TEST_F(SplitModuleTest, CutsByFunctionsAndDeclaresWhatIsElsewhere) {
  SplitModule split = splitModule(
      parse("module attributes {test.mark} {\n"
            "llvm.mlir.global private constant @table(3 : i64) : i64\n" +
            definition("large", 1500, "  %t = llvm.mlir.addressof @table : !llvm.ptr\n") +
            definition("small", 800, "  llvm.call @large() : () -> ()\n") +
            definition("tiny", 300, "  %t = llvm.mlir.addressof @table : !llvm.ptr\n") + "}"),
      2);
  ASSERT_EQ(split.parts.size(), 2u);
  EXPECT_EQ(definedIn(*split.parts[0]), std::vector<std::string>{"large"});
  EXPECT_EQ(definedIn(*split.parts[1]), (std::vector<std::string>{"small", "tiny"}));
  // What is called across parts stays visible, and nothing else.
  EXPECT_EQ(split.shared.size(), 1u);
  EXPECT_TRUE(split.shared.contains("large"));
  for (OwningOpRef<ModuleOp> &part : split.parts) {
    EXPECT_TRUE(succeeded(verify(*part)));
    EXPECT_TRUE((*part)->hasAttr("test.mark"));
    EXPECT_TRUE(part->lookupSymbol("table")) << "both parts need a copy";
  }
}

TEST_F(SplitModuleTest, LeavesSmallModulesWhole) {
  SplitModule split = splitModule(parse(definition("a", 400) + definition("b", 400)), 4);
  ASSERT_EQ(split.parts.size(), 1u);
  EXPECT_EQ(definedIn(*split.parts[0]), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(split.shared.empty());
}

TEST_F(SplitModuleTest, MakesNoMorePartsThanAskedFor) {
  std::string text;
  for (const char *name : {"a", "b", "c", "d"})
    text += definition(name, 1500);
  EXPECT_EQ(splitModule(parse(text), 1).parts.size(), 1u);
  EXPECT_EQ(splitModule(parse(text), 3).parts.size(), 3u);
  EXPECT_EQ(splitModule(parse(text), 9).parts.size(), 4u) << "a part has a function at least";
}

// A copy of it would be other data.
TEST_F(SplitModuleTest, LeavesModulesWithDataThatCanChangeWhole) {
  std::string text = "llvm.mlir.global private @counter(0 : i64) : i64\n";
  for (const char *name : {"a", "b"})
    text += definition(name, 1500);
  EXPECT_EQ(splitModule(parse(text), 2).parts.size(), 1u);
}
