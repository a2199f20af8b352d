// Every example imports, and its module verifies.
#include "dialect/RegisterAll.h"
#include "frontend/Importer.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "gtest/gtest.h"
#include <filesystem>

using namespace fovea;

static std::vector<std::string> listExamples() {
  std::vector<std::string> paths;
  for (const auto &entry : std::filesystem::directory_iterator(FOVEA_SOURCE_DIR "/examples"))
    if (entry.path().extension() == ".fov")
      paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

namespace {
class ExamplesTest : public testing::TestWithParam<std::string> {};
} // namespace

TEST_P(ExamplesTest, Imports) {
  auto context = makeContext();
  ImportOptions options;
  options.modelDirectory = FOVEA_SOURCE_DIR "/tests/frontend/Inputs/llama";
  auto module = importFovFile(*context, GetParam(), options);
  ASSERT_TRUE(static_cast<bool>(module)) << llvm::toString(module.takeError());
  EXPECT_TRUE(mlir::succeeded(mlir::verify(**module)));
}

INSTANTIATE_TEST_SUITE_P(All, ExamplesTest, testing::ValuesIn(listExamples()),
                         [](const testing::TestParamInfo<std::string> &info) {
                           return std::filesystem::path(info.param).stem().string();
                         });
