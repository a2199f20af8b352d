// What a compilation takes beside its own work: memory asked for anew, features of the CPU.
#include "runtime/CodeGen.h"
#include "runtime/Memory.h"
#include "tests/runtime/CompileTesting.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include <limits>
#include <memory>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

using namespace fovea;
using namespace fovea::testing;

#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
// Sanitizers keep freed memory for a while, and touch memory of their own.
#if defined(__GLIBC__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)

static int64_t pageFaults() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

TEST(CompileCostTest, CompilingAgainFindsItsMemory) {
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int repeat = 0; repeat < 5; ++repeat) {
    Module module(matmulSource);
    int64_t before = pageFaults();
    auto exe = module.compile({.threads = 1});
    ASSERT_TRUE(succeeds(exe));
    least = std::min(least, pageFaults() - before);
  }
  EXPECT_LT(least, 100);
}

/// Page faults of filling 32 MiB that were given back once, in pieces of a size.
static int64_t faultsOfSecondUse(int64_t pieceBytes) {
  int64_t faults = 0;
  for (int repeat = 0; repeat < 2; ++repeat) {
    int64_t before = pageFaults();
    std::vector<std::unique_ptr<char[]>> pieces;
    for (int64_t bytes = 0; bytes < (32 << 20); bytes += pieceBytes)
      pieces.push_back(std::make_unique<char[]>(pieceBytes)); // zeros
    faults = pageFaults() - before;
  }
  return faults;
}

TEST(CompileCostDeathTest, FreedMemoryIsKeptWhereAProgramSaysSo) {
  constexpr int64_t pages = 8192, few = 100;
  constexpr int64_t small = 32 << 10, logits = 600 << 10;
  EXPECT_EXIT(_exit(faultsOfSecondUse(small) > pages / 2 ? 0 : 1), ::testing::ExitedWithCode(0),
              "");
  for (int64_t bytes : {small, logits})
    EXPECT_EXIT((keepFreeMemory(), _exit(faultsOfSecondUse(bytes) < few ? 0 : 1)),
                ::testing::ExitedWithCode(0), "")
        << bytes;
}

#endif

TEST(CompileCostTest, OnlyFeaturesThatTheNameDoesNotTellAreListed) {
  auto named = createTargetMachine("", llvm::sys::getHostCPUName(), 2);
  auto native = createTargetMachine("", "native", 2);
  ASSERT_TRUE(static_cast<bool>(named));
  ASSERT_TRUE(static_cast<bool>(native));
  const llvm::MCSubtargetInfo &info = *(*native)->getMCSubtargetInfo();
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  llvm::SmallVector<llvm::StringRef> listed;
  (*native)->getTargetFeatureString().split(listed, ',', -1, /*KeepEmpty=*/false);
  for (const llvm::SubtargetFeatureKV &feature : info.getAllProcessorFeatures()) {
    auto found = host.find(feature.Key);
    if (found == host.end())
      continue;
    EXPECT_EQ(info.getFeatureBits()[feature.Value], found->second) << feature.Key;
    bool isTold = (*named)->getMCSubtargetInfo()->getFeatureBits()[feature.Value] == found->second;
    std::string entry = (found->second ? "+" : "-") + std::string(feature.Key);
    EXPECT_EQ(llvm::is_contained(listed, entry), !isTold) << feature.Key;
  }
}

/// Whether code of function `name` is generated quickly, from the first line of its LLVM IR.
static bool isQuick(llvm::StringRef ir, llvm::StringRef name) {
  auto [before, after] = ir.split(("@" + name + "(").str());
  llvm::StringRef attributes = after.split('{').first.split('#').second.split(' ').first;
  llvm::StringRef list = ir.split(("attributes #" + attributes + " = {").str()).second;
  return list.split('\n').first.contains("optnone");
}

TEST(CompileCostTest, CodeThatRunsOnceACallIsGeneratedQuickly) {
  CompiledCode code = llvm::cantFail(compileToFile(*Module(addSource).op, CodeKind::LlvmIr));
  EXPECT_TRUE(isQuick(code.contents, "add"));
  EXPECT_TRUE(isQuick(code.contents, "add_workspace_size"));
  EXPECT_FALSE(isQuick(code.contents, "add.elementwise.task")) << code.contents;
}

TEST(CompileCostTest, CodeOfLoopsOverLayersIsNot) {
  CompiledCode code = llvm::cantFail(compileToFile(*Module(weightSource).op, CodeKind::LlvmIr));
  EXPECT_FALSE(isQuick(code.contents, "main")) << code.contents;
  EXPECT_TRUE(isQuick(code.contents, "main_workspace_size"));
}

TEST(CompileCostTest, WholePipelineOfLlvmIsForAllCode) {
  CompiledCode code =
      llvm::cantFail(compileToFile(*Module(addSource).op, CodeKind::LlvmIr, {.optLevel = 3}));
  EXPECT_FALSE(isQuick(code.contents, "add"));
}
