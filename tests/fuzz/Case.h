// What the routes compare, whatever drew it: a description, the tensors that it runs on, and how
// far its results may be off.
#ifndef FOVEA_TESTS_FUZZ_CASE_H
#define FOVEA_TESTS_FUZZ_CASE_H

#include "mlir/IR/BuiltinOps.h"
#include "runtime/tensor/Tensor.h"
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fovea::fuzz {

/// An input, and the larger tensor that it is a part of if it is strided.
struct Input {
  std::string name;
  std::shared_ptr<Tensor> storage;
  TensorView view;
};

/// Sizes by name, as `--set` takes them.
using NamedSizes = std::vector<std::pair<std::string, int64_t>>;

struct Case {
  /// The description, with one entry `fuzz`.
  std::string text;
  /// Sizes that are known when it is compiled.
  NamedSizes fixedSizes;
  /// In the order of the entry's parameters.
  std::vector<Input> inputs;
  /// How far elements of the result `name`, of this type, may be from the reference's, which are
  /// given. 0 for types that must agree.
  std::function<double(llvm::StringRef name, DataType type, llvm::ArrayRef<double> reference)>
      allowedError;
};

} // namespace fovea::fuzz

#endif // FOVEA_TESTS_FUZZ_CASE_H
