// Tensors that own their memory.
#include "runtime/tensor/Tensor.h"
#include "runtime/tensor/LargePages.h"
#include <cstdlib>
#include <cstring>
#include <utility>

using namespace fovea;

Tensor::Tensor(Tensor &&other) noexcept
    : memory(std::exchange(other.memory, {})), owner(std::move(other.owner)) {}

Tensor &Tensor::operator=(Tensor &&other) noexcept {
  memory = std::exchange(other.memory, {});
  owner = std::move(other.owner);
  return *this;
}

llvm::Expected<Tensor> Tensor::createUninitialized(DataType type, llvm::ArrayRef<int64_t> sizes) {
  llvm::Expected<int64_t> count = checkedNumElements(type, sizes);
  if (!count)
    return count.takeError();
  size_t bytes = static_cast<size_t>(*count) * sizeOf(type);
  void *data = allocateWithLargePages(bytes, alignment);
  if (!data)
    return llvm::createStringError("no memory for %s: %zu bytes",
                                   fovea::describe(type, sizes).c_str(), bytes);
  return adopt(MutableTensorView(data, type, sizes), std::shared_ptr<void>(data, std::free));
}

llvm::Expected<Tensor> Tensor::create(DataType type, llvm::ArrayRef<int64_t> sizes) {
  llvm::Expected<Tensor> tensor = createUninitialized(type, sizes);
  if (tensor)
    std::memset(tensor->data(), 0, tensor->numBytes());
  return tensor;
}

llvm::Expected<Tensor> Tensor::fromDoubles(DataType type, llvm::ArrayRef<int64_t> sizes,
                                           llvm::ArrayRef<double> values) {
  llvm::Expected<int64_t> count = checkedNumElements(type, sizes);
  if (!count)
    return count.takeError();
  if (*count != static_cast<int64_t>(values.size()))
    return llvm::createStringError("expected %lld values for %s, got %zu",
                                   static_cast<long long>(*count),
                                   fovea::describe(type, sizes).c_str(), values.size());
  return copyOf(TensorView(values.data(), sizes), type);
}

llvm::Expected<Tensor> Tensor::copyOf(const TensorView &view) {
  return copyOf(view, view.dataType());
}

llvm::Expected<Tensor> Tensor::copyOf(const TensorView &view, DataType type) {
  llvm::Expected<Tensor> tensor = createUninitialized(type, view.sizes());
  if (!tensor)
    return tensor;
  if (llvm::Error error = copyElements(view, tensor->memory))
    return std::move(error);
  return tensor;
}

Tensor Tensor::adopt(MutableTensorView view, std::shared_ptr<void> owner) {
  Tensor tensor;
  tensor.memory = std::move(view);
  tensor.owner = std::move(owner);
  return tensor;
}
