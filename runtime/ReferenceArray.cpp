// Arrays of the reference executor: allocation, conversion from and to tensors, errors.
#include "runtime/ReferenceArray.h"
#include "mlir/IR/Operation.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>
#include <limits>
#include <new>

using namespace mlir;
using namespace fovea;
using namespace fovea::reference;

llvm::Expected<Array> Array::create(Type elementType, llvm::ArrayRef<int64_t> sizes) {
  llvm::Expected<int64_t> count = checkedNumElements(DataType::F64, sizes);
  if (!count)
    return count.takeError();
  Array array;
  array.sizes = DimVector(sizes);
  array.elementType = elementType;
  array.count = *count;
  array.cells.reset(new (std::nothrow) Cell[*count > 0 ? *count : 1]);
  if (!array.cells)
    return llvm::createStringError("no memory for %s", describe(DataType::F64, sizes).c_str());
  std::fill_n(array.cells.get(), *count, Cell{std::numeric_limits<double>::quiet_NaN()});
  return array;
}

llvm::Expected<Array> Array::clone() const {
  llvm::Expected<Array> copy = create(elementType, sizes);
  if (copy)
    std::copy_n(cells.get(), count, copy->cells.get());
  return copy;
}

Array Array::withSizes(llvm::ArrayRef<int64_t> newSizes) const {
  Array reshaped = *this;
  reshaped.sizes = DimVector(newSizes);
  return reshaped;
}

int64_t reference::wrapInteger(int64_t value, unsigned width) {
  if (width >= 64)
    return value;
  if (width == 1)
    return value & 1;
  unsigned shift = 64 - width;
  return static_cast<int64_t>(static_cast<uint64_t>(value) << shift) >> shift;
}

unsigned reference::widthOf(Type type) {
  if (type.isIndex())
    return 64;
  auto integer = dyn_cast<IntegerType>(type);
  return integer ? integer.getWidth() : 0;
}

std::optional<DataType> reference::dataTypeOf(Type elementType) {
  if (isa<FloatType>(elementType))
    return DataType::F64;
  switch (widthOf(elementType)) {
  case 1:
    return DataType::Bool;
  case 8:
    return elementType.isUnsignedInteger() ? DataType::U8 : DataType::I8;
  case 16:
    return DataType::I16;
  case 32:
    return DataType::I32;
  case 64:
    return DataType::I64;
  default:
    return std::nullopt;
  }
}

/// True where a tensor of `type` may stand for elements of `elementType`.
static bool isCompatible(DataType type, Type elementType) {
  bool isFloat = type == DataType::F64 || type == DataType::F32 || type == DataType::F16 ||
                 type == DataType::BF16;
  return isFloat ? isa<FloatType>(elementType) : elementType.isIntOrIndex();
}

static Cell loadCell(DataType type, const char *data) {
  Cell cell;
  if (type == DataType::I64) // beyond 2^53 a double is not exact
    std::memcpy(&cell.i, data, sizeof(cell.i));
  else
    cell.i = static_cast<int64_t>(loadElement(type, data));
  return cell;
}

llvm::Expected<Array> reference::toArray(const TensorView &view, Type elementType) {
  if (!isCompatible(view.dataType(), elementType)) {
    std::string expected;
    llvm::raw_string_ostream(expected) << elementType;
    return llvm::createStringError("expected elements of %s, got %s", expected.c_str(),
                                   view.describe().c_str());
  }
  llvm::Expected<Array> array = Array::create(elementType, view.sizes());
  if (!array)
    return array;
  if (isa<FloatType>(elementType)) {
    MutableTensorView target(&array->cells[0].f, DataType::F64, view.sizes());
    if (llvm::Error error = copyElements(view, target))
      return std::move(error);
    return array;
  }
  DimVector index(view.rank(), 0);
  for (int64_t offset = 0; offset < array->count; ++offset) {
    int64_t position = 0;
    for (int64_t dim = 0; dim < view.rank(); ++dim)
      position += index[dim] * view.strides()[dim];
    (*array)[offset] = loadCell(view.dataType(), static_cast<const char *>(view.data()) +
                                                     position * sizeOf(view.dataType()));
    nextIndex(index, view.sizes());
  }
  return array;
}

llvm::Expected<Tensor> reference::toTensor(const Array &array) {
  std::optional<DataType> type = dataTypeOf(array.elementType);
  if (!type) {
    std::string name;
    llvm::raw_string_ostream(name) << array.elementType;
    return llvm::createStringError("no tensor holds elements of type %s", name.c_str());
  }
  llvm::Expected<Tensor> tensor = Tensor::create(*type, array.sizes);
  if (!tensor)
    return tensor;
  char *data = static_cast<char *>(tensor->data());
  for (int64_t offset = 0; offset < array.count; ++offset, data += sizeOf(*type)) {
    if (*type == DataType::F64 || *type == DataType::I64)
      std::memcpy(data, &array[offset], sizeof(Cell));
    else
      storeElement(*type, data, static_cast<double>(array[offset].i));
  }
  return tensor;
}

bool reference::nextIndex(llvm::MutableArrayRef<int64_t> index, llvm::ArrayRef<int64_t> sizes) {
  for (int64_t dim = index.size() - 1; dim >= 0; --dim) {
    if (++index[dim] < sizes[dim])
      return true;
    index[dim] = 0;
  }
  return false;
}

llvm::Error reference::errorAt(Operation *op, const llvm::Twine &message) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (auto location = op->getLoc()->findInstanceOf<FileLineColLoc>())
    os << location.getFilename().getValue() << ":" << location.getLine() << ":"
       << location.getColumn() << ": ";
  os << "error: '" << op->getName() << "': " << message;
  return llvm::createStringError(text);
}

llvm::Error reference::errorAt(Operation *op, llvm::Error error) {
  return errorAt(op, llvm::toString(std::move(error)));
}
