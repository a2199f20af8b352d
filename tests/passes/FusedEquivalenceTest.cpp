// The fused phase keeps what graphs compute: every positive case of the lit tests of raising runs
// through the float64 reference before and after, on random inputs.
#include "dialect/AttnOps.h"
#include "dialect/RegisterAll.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Pipelines.h"
#include "runtime/Reference.h"
#include "llvm/Support/MemoryBuffer.h"
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace fovea;

namespace {

/// What every dynamic dim is taken to be.
constexpr int64_t dynamicSize = 7;

std::vector<Tensor> randomInputs(func::FuncOp entry) {
  std::mt19937 random(1);
  std::vector<Tensor> inputs;
  for (Type type : entry.getArgumentTypes()) {
    auto tensor = cast<RankedTensorType>(type);
    SmallVector<int64_t> sizes(tensor.getShape());
    for (int64_t &size : sizes)
      size = ShapedType::isDynamic(size) ? dynamicSize : size;
    std::vector<double> values(ShapedType::getNumElements(sizes));
    // Multiples of 1/8 are exact in every float type.
    for (double &value : values)
      value = std::uniform_int_distribution<int>(-16, 16)(random) / 8.0;
    DataType dataType = tensor.getElementType().isF16() ? DataType::F16 : DataType::F32;
    inputs.push_back(llvm::cantFail(Tensor::fromDoubles(dataType, sizes, values)));
  }
  return inputs;
}

std::vector<Tensor> runEntry(ModuleOp module, func::FuncOp entry, std::vector<Tensor> &inputs) {
  std::vector<TensorView> views(inputs.begin(), inputs.end());
  llvm::Expected<std::vector<Tensor>> results = runReference(module, entry.getName(), views);
  if (results)
    return std::move(*results);
  ADD_FAILURE() << llvm::toString(results.takeError());
  return {};
}

func::FuncOp firstPublic(ModuleOp module) {
  for (auto func : module.getOps<func::FuncOp>())
    if (func.isPublic())
      return func;
  return {};
}

/// Each module of a file that `// -----` splits, run before and after the fused phase.
class FusedEquivalence : public ::testing::TestWithParam<const char *> {};

TEST_P(FusedEquivalence, KeepsResults) {
  auto file = llvm::MemoryBuffer::getFile(std::string(FOVEA_SOURCE_DIR) + GetParam());
  ASSERT_TRUE(file);
  SmallVector<StringRef> sources;
  (*file)->getBuffer().split(sources, "// -----");
  auto context = makeContext();
  ScopedDiagnosticHandler quiet(context.get(), [](Diagnostic &) { return success(); });
  for (StringRef source : sources) {
    auto before = parseSourceString<ModuleOp>(source, context.get());
    ASSERT_TRUE(before);
    OwningOpRef<ModuleOp> after(before->clone());
    PassManager passes(context.get());
    FoveaPipelineOptions options;
    options.compileTo = Phase::Fused;
    buildFoveaPipeline(passes, options);
    ASSERT_TRUE(succeeded(passes.run(*after)));
    func::FuncOp entry = firstPublic(*before);
    SCOPED_TRACE(entry.getName().str());
    int softmaxes = 0;
    after->walk([&](attn::SoftmaxOp) { ++softmaxes; });
    EXPECT_EQ(softmaxes, 0) << "nothing was raised, so nothing is compared";

    std::vector<Tensor> inputs = randomInputs(entry);
    std::vector<Tensor> expected = runEntry(*before, entry, inputs);
    std::vector<Tensor> actual = runEntry(*after, firstPublic(*after), inputs);
    ASSERT_EQ(actual.size(), expected.size());
    for (auto [x, y] : llvm::zip(expected, actual)) {
      std::vector<double> want = toDoubles(x), got = toDoubles(y);
      ASSERT_EQ(got.size(), want.size());
      // Both sides compute in float64; sums of up to 64 terms of size 4 differ by their order.
      for (size_t i = 0; i < want.size(); ++i)
        ASSERT_NEAR(got[i], want[i], 1e-12 * std::max(1.0, std::abs(want[i]))) << "element " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, FusedEquivalence,
                         ::testing::Values("/tests/passes/raise/fuse-attention.mlir",
                                           "/tests/passes/raise/raise-unfold.mlir",
                                           "/tests/passes/raise/deferred-division.mlir"));

} // namespace
