// Runs functions on buffers: compiles a piece of IR with chosen passes to code of this machine.
#ifndef FOVEA_TESTS_NUMERIC_KERNELRUNNER_H
#define FOVEA_TESTS_NUMERIC_KERNELRUNNER_H

#include "mlir/ExecutionEngine/CRunnerUtils.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "llvm/ADT/StringRef.h"
#include <array>
#include <bit>
#include <memory>
#include <random>
#include <vector>

namespace fovea::test {

class KernelRunner {
public:
  /// Compiles `source`, a module of functions on memrefs and scalars, after running the textual
  /// pipeline `passes` nested on its functions.
  static llvm::Expected<KernelRunner> create(llvm::StringRef source, llvm::StringRef passes);

  /// Calls a function with a pointer to each scalar, and a pointer to a pointer to each
  /// buffer's descriptor; `call` below makes these.
  llvm::Error invoke(llvm::StringRef name, llvm::MutableArrayRef<void *> arguments);

private:
  explicit KernelRunner(std::unique_ptr<mlir::ExecutionEngine> engine)
      : engine(std::move(engine)) {}
  std::unique_ptr<mlir::ExecutionEngine> engine;
};

/// bfloat16 as stored; C++ compilers differ in what they need from the system to round to it.
class BFloat16 {
public:
  BFloat16(double value = 0)
      : bits(static_cast<uint16_t>(std::bit_cast<uint32_t>(static_cast<float>(value)) >> 16)) {}
  explicit operator double() const {
    return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  }

private:
  uint16_t bits;
};

/// A contiguous buffer with its descriptor.
template <typename T, int Rank>
struct Buffer {
  std::array<int64_t, Rank> shape;
  std::vector<T> data;

  explicit Buffer(std::array<int64_t, Rank> shape, T value = T()) : shape(shape) {
    int64_t size = 1;
    for (int64_t dim : shape)
      size *= dim;
    data.assign(size, value);
  }

  StridedMemRefType<T, Rank> descriptor() {
    StridedMemRefType<T, Rank> d{data.data(), data.data(), 0, {}, {}};
    int64_t stride = 1;
    for (int i = Rank - 1; i >= 0; --i) {
      d.sizes[i] = shape[i];
      d.strides[i] = stride;
      stride *= shape[i];
    }
    return d;
  }
};

/// Uniform values in [low, high), the same on every run.
template <typename T>
void fillRandom(std::vector<T> &data, double low, double high, unsigned seed = 1) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> uniform(low, high);
  for (T &value : data)
    value = static_cast<T>(uniform(generator));
}

/// Calls `name` with descriptors and scalars.
template <typename... Args>
llvm::Error call(KernelRunner &runner, llvm::StringRef name, Args... arguments) {
  auto pointers = std::make_tuple(&arguments...);
  std::vector<void *> packed;
  auto add = [&](auto &pointer) {
    if constexpr (std::is_class_v<std::remove_pointer_t<std::decay_t<decltype(pointer)>>>)
      packed.push_back(&pointer);
    else
      packed.push_back(pointer);
  };
  std::apply([&](auto &...pointer) { (add(pointer), ...); }, pointers);
  return runner.invoke(name, packed);
}

} // namespace fovea::test

#endif // FOVEA_TESTS_NUMERIC_KERNELRUNNER_H
