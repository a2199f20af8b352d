// What the graphs of GraphBuilder compute: the float64 reference executor against loops written
// out in tests. Both compute in float64 and differ only in the order of sums, hence the tolerance.
#ifndef FOVEA_TESTS_RUNTIME_GRAPHBUILDERNUMBERS_H
#define FOVEA_TESTS_RUNTIME_GRAPHBUILDERNUMBERS_H

#include "dialect/RegisterAll.h"
#include "frontend/GraphBuilder.h"
#include "mlir/IR/OwningOpRef.h"
#include "runtime/Reference.h"
#include <gtest/gtest.h>
#include <numeric>
#include <random>

namespace fovea {

inline constexpr double tolerance = 1e-12;

using Values = std::vector<double>;

struct Input {
  DimVector sizes;
  Values values;
  bool isInteger = false;
};

/// `count` numbers in [-1, 1) from a fixed seed.
inline Values randomValues(int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  Values values(count);
  for (double &value : values)
    value = uniform(generator);
  return values;
}

inline Input randomInput(DimVector sizes, unsigned seed) {
  int64_t count = std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
  return {sizes, randomValues(count, seed)};
}

class GraphBuilderNumbers : public ::testing::Test {
protected:
  using Tensors = llvm::ArrayRef<SymbolicTensor>;
  using Build = llvm::function_ref<GraphBuilder::TensorOrError(Tensors)>;

  GraphBuilderNumbers()
      : context(makeContext()),
        module(mlir::ModuleOp::create(mlir::UnknownLoc::get(context.get()))), b(*module) {}

  mlir::Type f64() { return b.opBuilder().getF64Type(); }
  mlir::Type i64() { return b.opBuilder().getI64Type(); }

  /// Builds an entry whose input dims are all symbols and runs it; what fails, fails the test.
  Values run(const std::vector<Input> &inputs, Build build, bool areDimsSymbols = true) {
    std::vector<InputSpec> specs;
    std::vector<Tensor> tensors;
    for (const Input &input : inputs) {
      InputSpec spec{"x" + std::to_string(specs.size()), input.isInteger ? i64() : f64(), {}};
      for (int64_t size : input.sizes)
        spec.shape.push_back(areDimsSymbols && size != 1
                                 ? SymbolicDim::symbol("n" + std::to_string(size))
                                 : SymbolicDim(size));
      specs.push_back(std::move(spec));
      tensors.push_back(llvm::cantFail(Tensor::fromDoubles(
          input.isInteger ? DataType::I64 : DataType::F64, input.sizes, input.values)));
    }
    std::string name = "f" + std::to_string(functions++);
    auto result = build(llvm::cantFail(b.beginFunction(name, specs)));
    if (!result) {
      ADD_FAILURE() << llvm::toString(result.takeError());
      return {};
    }
    llvm::cantFail(b.endFunction({{"y", *result}}));
    std::vector<TensorView> views(tensors.begin(), tensors.end());
    auto outputs = runReference(*module, name, views, nullptr);
    if (!outputs) {
      ADD_FAILURE() << llvm::toString(outputs.takeError());
      return {};
    }
    return toDoubles(outputs->front());
  }

  static void expectNear(const Values &actual, const Values &expected) {
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i)
      EXPECT_NEAR(actual[i], expected[i], tolerance * (1 + std::abs(expected[i])))
          << "element " << i;
  }

  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  GraphBuilder b;
  int functions = 0;
};

} // namespace fovea

#endif // FOVEA_TESTS_RUNTIME_GRAPHBUILDERNUMBERS_H
