#include "runtime/tensor/DLPack.h"
#include <limits>

using namespace fovea;
using namespace fovea::dlpack;

namespace {
/// What an exported tensor's context points to. The DLPack struct comes with it, so that both
/// are freed at once.
struct ExportedTensor {
  Tensor tensor;
  DimVector sizes;
  DimVector strides;
  DLManagedTensor managed;
};
} // namespace

static ElementType toElementType(DataType type) {
  auto make = [&](TypeCode code) {
    return ElementType{code, static_cast<uint8_t>(8 * sizeOf(type)), 1};
  };
  switch (type) {
  case DataType::F64:
  case DataType::F32:
  case DataType::F16:
    return make(Float);
  case DataType::BF16:
    return make(BFloat);
  case DataType::U8:
    return make(UInt);
  case DataType::Bool:
    return make(TypeCode::Bool);
  default:
    return make(Int);
  }
}

static std::optional<DataType> toDataType(ElementType element) {
  for (DataType type : allDataTypes()) {
    ElementType candidate = toElementType(type);
    if (candidate.code == element.code && candidate.bits == element.bits)
      return type;
  }
  return std::nullopt;
}

DLManagedTensor *fovea::toDLPack(Tensor tensor) {
  auto *exported = new ExportedTensor{std::move(tensor), {}, {}, {}};
  exported->sizes = DimVector(exported->tensor.sizes());
  exported->strides = DimVector(exported->tensor.strides());
  exported->managed.tensor = {exported->tensor.data(),
                              {CPU, 0},
                              static_cast<int32_t>(exported->tensor.rank()),
                              toElementType(exported->tensor.dataType()),
                              exported->sizes.data(),
                              exported->strides.data(),
                              0};
  exported->managed.context = exported;
  exported->managed.deleter = [](DLManagedTensor *self) {
    delete static_cast<ExportedTensor *>(self->context);
  };
  return &exported->managed;
}

llvm::Expected<MutableTensorView> fovea::viewDLPack(const DLTensor &tensor) {
  if (tensor.device.type != CPU)
    return llvm::createStringError("expected a DLPack tensor on the CPU (device type 1), got "
                                   "device type %d",
                                   tensor.device.type);
  if (tensor.type.lanes != 1)
    return llvm::createStringError("expected DLPack elements of 1 lane, got %d lanes",
                                   tensor.type.lanes);
  std::optional<DataType> type = toDataType(tensor.type);
  if (!type)
    return llvm::createStringError("no element type for DLPack type code %d of %d bits",
                                   tensor.type.code, tensor.type.bits);
  if (tensor.rank < 0 || (tensor.rank > 0 && !tensor.sizes))
    return llvm::createStringError("expected a DLPack rank of 0 or more with sizes, got rank %d",
                                   tensor.rank);
  llvm::ArrayRef<int64_t> sizes(tensor.sizes, tensor.rank);
  if (tensor.byteOffset >
      std::numeric_limits<uintptr_t>::max() - reinterpret_cast<uintptr_t>(tensor.data))
    return llvm::createStringError("a DLPack byte offset of %llu is beyond the address space",
                                   static_cast<unsigned long long>(tensor.byteOffset));
  // An empty tensor may have no data, and null plus anything is not a pointer.
  void *data = tensor.data ? static_cast<char *>(tensor.data) + tensor.byteOffset : nullptr;
  DimVector strides = tensor.strides ? DimVector(llvm::ArrayRef(tensor.strides, sizes.size()))
                                     : contiguousStrides(sizes);
  return MutableTensorView::create(data, *type, sizes, strides);
}

llvm::Expected<Tensor> fovea::fromDLPack(DLManagedTensor *managed) {
  if (!managed)
    return llvm::createStringError("expected a DLPack tensor, got a null pointer");
  llvm::Expected<MutableTensorView> view = viewDLPack(managed->tensor);
  if (!view)
    return view.takeError();
  std::shared_ptr<void> owner(managed, [](DLManagedTensor *taken) {
    if (taken->deleter)
      taken->deleter(taken);
  });
  return Tensor::adopt(std::move(*view), std::move(owner));
}
