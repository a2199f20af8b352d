// Tensors as the runtime sees them: strided views of memory that someone else owns, and tensors
// that own theirs. Sizes and strides are counted in elements, outermost dim first.
#ifndef FOVEA_RUNTIME_TENSOR_TENSOR_H
#define FOVEA_RUNTIME_TENSOR_TENSOR_H

#include "runtime/tensor/DataType.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace fovea {

/// Sizes or strides. Ranks up to 6 need no memory of their own.
using DimVector = llvm::SmallVector<int64_t, 6>;

/// Strides of a contiguous row-major tensor.
DimVector contiguousStrides(llvm::ArrayRef<int64_t> sizes);

/// The number of elements; an error for a negative size or if their bytes overflow int64_t.
llvm::Expected<int64_t> checkedNumElements(DataType type, llvm::ArrayRef<int64_t> sizes);

/// "f32[2, 3]".
std::string describe(DataType type, llvm::ArrayRef<int64_t> sizes);

/// A read-only strided view. Rank 0 is a scalar. The constructors do not check their arguments
/// (they have no way to fail): whoever takes a view from outside calls `validate`.
class TensorView {
public:
  TensorView() = default;

  /// A contiguous tensor: `TensorView(ptr, {1, 1024, 512})`.
  template <typename T, DataType type = DataTypeOf<T>::value>
  TensorView(const T *data, llvm::ArrayRef<int64_t> sizes) : TensorView(data, type, sizes) {}

  TensorView(const void *data, DataType type, llvm::ArrayRef<int64_t> sizes);
  TensorView(const void *data, DataType type, llvm::ArrayRef<int64_t> sizes,
             llvm::ArrayRef<int64_t> strides);

  /// The same, validated.
  static llvm::Expected<TensorView> create(const void *data, DataType type,
                                           llvm::ArrayRef<int64_t> sizes,
                                           llvm::ArrayRef<int64_t> strides);

  const void *data() const { return memory; }
  DataType dataType() const { return type; }
  int64_t rank() const { return dimSizes.size(); }
  llvm::ArrayRef<int64_t> sizes() const { return dimSizes; }
  llvm::ArrayRef<int64_t> strides() const { return dimStrides; }
  int64_t size(unsigned dim) const { return dimSizes[dim]; }

  /// Number of elements and their bytes if contiguous. The view must be valid.
  int64_t numElements() const;
  int64_t numBytes() const { return numElements() * sizeOf(type); }

  /// True if the elements lie one after the other in row-major order. Strides of dims of size 1
  /// do not matter, nor do any strides of an empty tensor.
  bool isContiguous() const;

  /// Succeeds if sizes are not negative, byte offsets of all elements fit in int64_t, there is a
  /// stride for each dim, and the data is there and aligned to the element's size.
  llvm::Error validate() const;

  /// One of the tensors that the first `numDims` dims count, row by row, in range.
  TensorView inStack(unsigned numDims, int64_t number) const;

  /// The element at `index`, one number a dim, each in range.
  double at(llvm::ArrayRef<int64_t> index) const;

  /// "f32[2, 3]".
  std::string describe() const { return fovea::describe(type, dimSizes); }

protected:
  const void *elementAt(llvm::ArrayRef<int64_t> index) const;

  const void *memory = nullptr;
  DataType type = DataType::F32;
  DimVector dimSizes;
  DimVector dimStrides;
};

/// A strided view whose elements may be written.
class MutableTensorView : public TensorView {
public:
  MutableTensorView() = default;

  template <typename T, DataType type = DataTypeOf<T>::value>
  MutableTensorView(T *data, llvm::ArrayRef<int64_t> sizes) : TensorView(data, sizes) {}

  MutableTensorView(void *data, DataType type, llvm::ArrayRef<int64_t> sizes)
      : TensorView(data, type, sizes) {}
  MutableTensorView(void *data, DataType type, llvm::ArrayRef<int64_t> sizes,
                    llvm::ArrayRef<int64_t> strides)
      : TensorView(data, type, sizes, strides) {}

  static llvm::Expected<MutableTensorView>
  create(void *data, DataType type, llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<int64_t> strides);

  void *data() const { return const_cast<void *>(memory); }
  void set(llvm::ArrayRef<int64_t> index, double value) const;
};

/// Copies the elements of `source` to `target`, converting each where the types differ; both
/// must be valid, of equal sizes, and not overlap.
llvm::Error copyElements(const TensorView &source, const MutableTensorView &target);

/// A tensor that owns its memory. Moving is cheap; copies are made by `clone`, which may fail.
class Tensor {
public:
  /// Alignment of the memory of every tensor made by `create`: a cache line, and a whole vector
  /// of the widest kind.
  static constexpr size_t alignment = 64;

  /// A scalar f32 of no memory; assign to it.
  Tensor() = default;
  Tensor(Tensor &&other) noexcept;
  Tensor &operator=(Tensor &&other) noexcept;

  /// A contiguous tensor of zeros. An error if the sizes are bad or memory is short.
  static llvm::Expected<Tensor> create(DataType type, llvm::ArrayRef<int64_t> sizes);

  /// The same with elements left as they are.
  static llvm::Expected<Tensor> createUninitialized(DataType type, llvm::ArrayRef<int64_t> sizes);

  /// A contiguous tensor of those elements in row-major order, each rounded to the type.
  static llvm::Expected<Tensor> fromDoubles(DataType type, llvm::ArrayRef<int64_t> sizes,
                                            llvm::ArrayRef<double> values);

  /// A contiguous copy of a view, of the same or another type.
  static llvm::Expected<Tensor> copyOf(const TensorView &view);
  static llvm::Expected<Tensor> copyOf(const TensorView &view, DataType type);

  /// A contiguous copy of the elements. An error if memory is short.
  llvm::Expected<Tensor> clone() const { return copyOf(memory); }

  /// A tensor over memory that `owner` keeps alive.
  static Tensor adopt(MutableTensorView view, std::shared_ptr<void> owner);

  operator TensorView() const { return memory; }
  const TensorView &view() const { return memory; }
  const MutableTensorView &mutableView() { return memory; }

  const void *data() const { return memory.data(); }
  void *data() { return memory.data(); }
  template <typename T>
  const T *dataAs() const {
    return static_cast<const T *>(data());
  }
  template <typename T>
  T *dataAs() {
    return static_cast<T *>(data());
  }
  DataType dataType() const { return memory.dataType(); }
  int64_t rank() const { return memory.rank(); }
  llvm::ArrayRef<int64_t> sizes() const { return memory.sizes(); }
  llvm::ArrayRef<int64_t> strides() const { return memory.strides(); }
  int64_t size(unsigned dim) const { return memory.size(dim); }
  int64_t numElements() const { return memory.numElements(); }
  int64_t numBytes() const { return memory.numBytes(); }
  double at(llvm::ArrayRef<int64_t> index) const { return memory.at(index); }
  std::string describe() const { return memory.describe(); }

private:
  MutableTensorView memory;
  std::shared_ptr<void> owner;
};

/// All elements in row-major order.
std::vector<double> toDoubles(const TensorView &view);

} // namespace fovea

#endif // FOVEA_RUNTIME_TENSOR_TENSOR_H
