// Views: checks of sizes and strides, and copies between any two layouts and element types.
#include "runtime/tensor/Tensor.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <cassert>
#include <cstring>

using namespace fovea;

DimVector fovea::contiguousStrides(llvm::ArrayRef<int64_t> sizes) {
  DimVector strides(sizes.size());
  // Unsigned: the product may wrap for sizes that have not been checked yet.
  uint64_t stride = 1;
  for (size_t dim = sizes.size(); dim-- > 0;) {
    strides[dim] = static_cast<int64_t>(stride);
    stride *= static_cast<uint64_t>(sizes[dim]);
  }
  return strides;
}

llvm::Expected<int64_t> fovea::checkedNumElements(DataType type, llvm::ArrayRef<int64_t> sizes) {
  for (auto [dim, size] : llvm::enumerate(sizes))
    if (size < 0)
      return llvm::createStringError("expected sizes of 0 or more, got %s: dim %zu is negative",
                                     describe(type, sizes).c_str(), dim);
  // A size of zero hides the overflow of the others from the product, but not from strides.
  bool empty = llvm::is_contained(sizes, 0);
  int64_t bytes = sizeOf(type);
  for (int64_t size : sizes)
    if (llvm::MulOverflow(bytes, size == 0 ? int64_t(1) : size, bytes))
      return llvm::createStringError("%s has more than 2^63 - 1 bytes",
                                     describe(type, sizes).c_str());
  return empty ? 0 : bytes / sizeOf(type);
}

std::string fovea::describe(DataType type, llvm::ArrayRef<int64_t> sizes) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << stringify(type) << "[";
  llvm::interleaveComma(sizes, os);
  os << "]";
  return text;
}

TensorView::TensorView(const void *data, DataType type, llvm::ArrayRef<int64_t> sizes)
    : TensorView(data, type, sizes, contiguousStrides(sizes)) {}

TensorView::TensorView(const void *data, DataType type, llvm::ArrayRef<int64_t> sizes,
                       llvm::ArrayRef<int64_t> strides)
    : memory(data), type(type), dimSizes(sizes), dimStrides(strides) {}

llvm::Expected<TensorView> TensorView::create(const void *data, DataType type,
                                              llvm::ArrayRef<int64_t> sizes,
                                              llvm::ArrayRef<int64_t> strides) {
  TensorView view(data, type, sizes, strides);
  if (llvm::Error error = view.validate())
    return std::move(error);
  return view;
}

llvm::Expected<MutableTensorView> MutableTensorView::create(void *data, DataType type,
                                                            llvm::ArrayRef<int64_t> sizes,
                                                            llvm::ArrayRef<int64_t> strides) {
  MutableTensorView view(data, type, sizes, strides);
  if (llvm::Error error = view.validate())
    return std::move(error);
  return view;
}

int64_t TensorView::numElements() const {
  int64_t count = 1;
  for (int64_t size : dimSizes)
    count *= size;
  return count;
}

bool TensorView::isContiguous() const {
  if (llvm::is_contained(dimSizes, 0))
    return true;
  int64_t expected = 1;
  for (size_t dim = dimSizes.size(); dim-- > 0;) {
    if (dimSizes[dim] == 1)
      continue;
    if (dimStrides[dim] != expected)
      return false;
    expected *= dimSizes[dim];
  }
  return true;
}

llvm::Error TensorView::validate() const {
  if (dimSizes.size() != dimStrides.size())
    return llvm::createStringError("expected a stride for each of %zu dims, got %zu",
                                   dimSizes.size(), dimStrides.size());
  llvm::Expected<int64_t> count = checkedNumElements(type, dimSizes);
  if (!count)
    return count.takeError();
  if (*count == 0)
    return llvm::Error::success();
  if (!memory)
    return llvm::createStringError("%s has no data: the pointer is null", describe().c_str());
  if (reinterpret_cast<uintptr_t>(memory) % sizeOf(type) != 0)
    return llvm::createStringError("the data of %s is not aligned to its element size of %d bytes",
                                   describe().c_str(), static_cast<int>(sizeOf(type)));
  int64_t lowest = 0, highest = 0;
  for (auto [size, stride] : llvm::zip_equal(dimSizes, dimStrides)) {
    int64_t span = 0, &end = stride < 0 ? lowest : highest;
    if (llvm::MulOverflow(size - 1, stride, span) || llvm::MulOverflow(span, sizeOf(type), span) ||
        llvm::AddOverflow(end, span, end))
      return llvm::createStringError("the strides of %s reach beyond 2^63 - 1 bytes",
                                     describe().c_str());
  }
  return llvm::Error::success();
}

const void *TensorView::elementAt(llvm::ArrayRef<int64_t> index) const {
  assert(index.size() == dimSizes.size() && "one index a dim");
  int64_t offset = 0;
  for (auto [i, stride] : llvm::zip_equal(index, dimStrides))
    offset += i * stride;
  return static_cast<const char *>(memory) + offset * sizeOf(type);
}

TensorView TensorView::inStack(unsigned numDims, int64_t number) const {
  TensorView part = *this;
  part.dimSizes = DimVector(sizes().drop_front(numDims));
  part.dimStrides = DimVector(strides().drop_front(numDims));
  int64_t offset = 0;
  for (unsigned dim = numDims; dim-- > 0; number /= size(dim))
    offset += number % size(dim) * strides()[dim];
  part.memory = static_cast<const char *>(memory) + offset * sizeOf(type);
  return part;
}

double TensorView::at(llvm::ArrayRef<int64_t> index) const {
  return loadElement(type, elementAt(index));
}

void MutableTensorView::set(llvm::ArrayRef<int64_t> index, double value) const {
  storeElement(type, const_cast<void *>(elementAt(index)), value);
}

namespace {
/// Where one row, that is all elements along the last dim, lies in two tensors.
struct RowPair {
  const char *source;
  char *target;
};
} // namespace

/// Calls `visit` with each row of two tensors of equal, nonempty sizes, in row-major order.
template <typename Visit>
static void forEachRow(const TensorView &source, const MutableTensorView &target, Visit visit) {
  int64_t outerRank = source.rank() == 0 ? 0 : source.rank() - 1;
  int64_t sourceSize = sizeOf(source.dataType()), targetSize = sizeOf(target.dataType());
  DimVector index(outerRank, 0);
  RowPair row = {static_cast<const char *>(source.data()), static_cast<char *>(target.data())};
  while (true) {
    visit(row);
    int64_t dim = outerRank;
    for (; dim-- > 0;) {
      row.source += source.strides()[dim] * sourceSize;
      row.target += target.strides()[dim] * targetSize;
      if (++index[dim] < source.size(dim))
        break;
      row.source -= source.strides()[dim] * sourceSize * source.size(dim);
      row.target -= target.strides()[dim] * targetSize * source.size(dim);
      index[dim] = 0;
    }
    if (dim < 0)
      return;
  }
}

static void copyRow(RowPair row, int64_t count, int64_t sourceStep, int64_t targetStep,
                    int64_t size) {
  if (sourceStep == size && targetStep == size) {
    std::memcpy(row.target, row.source, count * size);
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(row.target + i * targetStep, row.source + i * sourceStep, size);
}

llvm::Error fovea::copyElements(const TensorView &source, const MutableTensorView &target) {
  if (source.sizes() != target.sizes())
    return llvm::createStringError("cannot copy %s to %s: the sizes differ",
                                   source.describe().c_str(), target.describe().c_str());
  if (source.numElements() == 0)
    return llvm::Error::success();
  bool sameType = source.dataType() == target.dataType();
  if (sameType && source.isContiguous() && target.isContiguous()) {
    std::memcpy(target.data(), source.data(), source.numBytes());
    return llvm::Error::success();
  }
  int64_t count = source.rank() == 0 ? 1 : source.sizes().back();
  int64_t sourceStep = source.rank() == 0 ? 0 : source.strides().back();
  int64_t targetStep = source.rank() == 0 ? 0 : target.strides().back();
  sourceStep *= sizeOf(source.dataType());
  targetStep *= sizeOf(target.dataType());
  forEachRow(source, target, [&](RowPair row) {
    if (sameType)
      return copyRow(row, count, sourceStep, targetStep, sizeOf(source.dataType()));
    for (int64_t i = 0; i < count; ++i)
      storeElement(target.dataType(), row.target + i * targetStep,
                   loadElement(source.dataType(), row.source + i * sourceStep));
  });
  return llvm::Error::success();
}

std::vector<double> fovea::toDoubles(const TensorView &view) {
  std::vector<double> values(view.numElements());
  // Sizes are equal, so the copy cannot fail.
  llvm::cantFail(copyElements(view, MutableTensorView(values.data(), view.sizes())));
  return values;
}
