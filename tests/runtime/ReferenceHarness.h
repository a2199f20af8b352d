// Runs a function given as text on the reference executor, for the tests of its ops.
#ifndef FOVEA_TESTS_RUNTIME_REFERENCEHARNESS_H
#define FOVEA_TESTS_RUNTIME_REFERENCEHARNESS_H

#include "dialect/RegisterAll.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "runtime/Reference.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

namespace fovea {

inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();

inline Tensor floats(llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<double> values) {
  return llvm::cantFail(Tensor::fromDoubles(DataType::F64, sizes, values));
}
inline Tensor integers(llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<double> values) {
  return llvm::cantFail(Tensor::fromDoubles(DataType::I64, sizes, values));
}
inline Tensor bools(llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<double> values) {
  return llvm::cantFail(Tensor::fromDoubles(DataType::Bool, sizes, values));
}

/// The tensors as a list, which an initializer list would copy.
template <typename... Tensors>
std::vector<Tensor> listOf(Tensors... tensors) {
  std::vector<Tensor> list;
  (list.push_back(std::move(tensors)), ...);
  return list;
}

/// Inputs of a run: a list of tensors or views of them.
class Inputs : public std::vector<TensorView> {
public:
  Inputs() = default;
  Inputs(std::initializer_list<TensorView> views) : std::vector<TensorView>(views) {}
  Inputs(const std::vector<Tensor> &tensors)
      : std::vector<TensorView>(tensors.begin(), tensors.end()) {}
};

class ReferenceHarness : public ::testing::Test {
protected:
  /// Runs @f of a module; the module's text must parse and verify.
  llvm::Expected<std::vector<Tensor>> run(llvm::StringRef text, const Inputs &inputs = {},
                                          const WeightSource *weights = nullptr,
                                          double *scoreRounding = nullptr) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, context.get(), "test.mlir");
    if (!module)
      return llvm::createStringError("the module of the test does not parse");
    return runReference(*module, "f", inputs, weights, scoreRounding);
  }

  /// The elements of each result; fails the test on an error.
  std::vector<std::vector<double>> results(llvm::StringRef text, const Inputs &inputs = {}) {
    llvm::Expected<std::vector<Tensor>> tensors = run(text, inputs);
    if (!tensors) {
      ADD_FAILURE() << llvm::toString(tensors.takeError());
      return {{}, {}, {}};
    }
    std::vector<std::vector<double>> values;
    for (const Tensor &tensor : *tensors)
      values.push_back(toDoubles(tensor));
    return values;
  }
  std::vector<double> result(llvm::StringRef text, const Inputs &inputs = {}) {
    return results(text, inputs).front();
  }

  /// The message of a run that must fail.
  std::string error(llvm::StringRef text, const Inputs &inputs = {},
                    const WeightSource *weights = nullptr) {
    llvm::Expected<std::vector<Tensor>> tensors = run(text, inputs, weights);
    if (tensors)
      return "the run succeeded";
    return llvm::toString(tensors.takeError());
  }

  std::unique_ptr<mlir::MLIRContext> context = makeContext();
};

} // namespace fovea

#endif // FOVEA_TESTS_RUNTIME_REFERENCEHARNESS_H
