// The values the reference executor computes with: every float is a double, every integer an
// int64_t, and both fit in one Cell, so that ops which only move data need not know the type.
#ifndef FOVEA_RUNTIME_REFERENCEARRAY_H
#define FOVEA_RUNTIME_REFERENCEARRAY_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Location.h"
#include "runtime/tensor/Tensor.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <variant>

namespace fovea::reference {

/// A float as `f`, an integer, index or bool as `i`. Integers are kept sign-extended from their
/// width; an i1 is 0 or 1.
union Cell {
  double f;
  int64_t i;
};

/// A dense row-major array. Copies share the elements; ops write only to arrays that they made.
struct Array {
  DimVector sizes;
  mlir::Type elementType;
  int64_t count = 0;
  std::shared_ptr<Cell[]> cells;

  /// An array whose floats are NaN, so that a result computed from elements that nobody wrote
  /// shows. An error for negative sizes or if there is no memory.
  static llvm::Expected<Array> create(mlir::Type elementType, llvm::ArrayRef<int64_t> sizes);

  /// A copy of the elements, to be written.
  llvm::Expected<Array> clone() const;

  /// The same elements under other sizes of the same product.
  Array withSizes(llvm::ArrayRef<int64_t> newSizes) const;

  int64_t rank() const { return sizes.size(); }
  DimVector strides() const { return contiguousStrides(sizes); }
  Cell &operator[](int64_t offset) const { return cells[offset]; }
};

/// What an SSA value stands for.
using Datum = std::variant<Cell, Array>;

/// Keeps `value` within an integer type of `width` bits (sign-extended; 0 or 1 for one bit).
int64_t wrapInteger(int64_t value, unsigned width);

/// The width of an integer, 64 for an index, 0 for a float.
unsigned widthOf(mlir::Type type);

/// From and to tensors. Floats become F64 tensors, integers keep their type.
llvm::Expected<Array> toArray(const TensorView &view, mlir::Type elementType);
llvm::Expected<Tensor> toTensor(const Array &array);

/// The DataType that stores an element type without loss; none for types no tensor can hold.
std::optional<DataType> dataTypeOf(mlir::Type elementType);

/// Steps `index` through the box `sizes` in row-major order; false after the last element.
bool nextIndex(llvm::MutableArrayRef<int64_t> index, llvm::ArrayRef<int64_t> sizes);

/// "file:line:col: error: 'op': message".
llvm::Error errorAt(mlir::Operation *op, const llvm::Twine &message);

/// The same for an error of some helper that knows no op.
llvm::Error errorAt(mlir::Operation *op, llvm::Error error);

} // namespace fovea::reference

#endif // FOVEA_RUNTIME_REFERENCEARRAY_H
