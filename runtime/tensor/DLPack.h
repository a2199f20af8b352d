// Tensors in and out of other libraries through DLPack, without copying. The structs repeat the
// public ABI of dlpack.h (version 0.8 and the unversioned part of 1.x) so that nothing else is
// needed; cast pointers between the two.
#ifndef FOVEA_RUNTIME_TENSOR_DLPACK_H
#define FOVEA_RUNTIME_TENSOR_DLPACK_H

#include "runtime/tensor/Tensor.h"
#include <cstddef>

namespace fovea {
namespace dlpack {

enum DeviceType : int32_t { CPU = 1 };
enum TypeCode : uint8_t { Int = 0, UInt = 1, Float = 2, BFloat = 4, Bool = 6 };

struct Device {
  int32_t type;
  int32_t id;
};

struct ElementType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};

struct DLTensor {
  void *data;
  Device device;
  int32_t rank;
  ElementType type;
  int64_t *sizes;
  int64_t *strides; // in elements; null if contiguous
  uint64_t byteOffset;
};

struct DLManagedTensor {
  DLTensor tensor;
  void *context;
  void (*deleter)(DLManagedTensor *self);
};

static_assert(sizeof(void *) != 8 || (sizeof(DLTensor) == 48 && offsetof(DLTensor, sizes) == 24 &&
                                      sizeof(DLManagedTensor) == 64),
              "the layout of dlpack.h");

} // namespace dlpack

/// Hands the tensor over: the receiver calls `deleter` once, which frees it. Never null.
dlpack::DLManagedTensor *toDLPack(Tensor tensor);

/// A view of memory that stays the lender's. An error for memory that is not the CPU's, element
/// types that no DataType stands for, more than one lane, bad sizes or strides, or null data.
llvm::Expected<MutableTensorView> viewDLPack(const dlpack::DLTensor &tensor);

/// Takes the tensor over: its deleter runs when the result is destroyed. On error nothing is
/// taken and the deleter stays the caller's to call.
llvm::Expected<Tensor> fromDLPack(dlpack::DLManagedTensor *managed);

} // namespace fovea

#endif // FOVEA_RUNTIME_TENSOR_DLPACK_H
