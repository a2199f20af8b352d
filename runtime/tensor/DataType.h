// The element types of tensors: their names, sizes, and exact conversion of single elements to
// and from double, f16 and bf16 included.
#ifndef FOVEA_RUNTIME_TENSOR_DATATYPE_H
#define FOVEA_RUNTIME_TENSOR_DATATYPE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>

namespace fovea {

enum class DataType : uint8_t { F64, F32, F16, BF16, I64, I32, I16, I8, U8, Bool };

llvm::ArrayRef<DataType> allDataTypes();

/// Bytes of one element.
int64_t sizeOf(DataType type);

/// "f32", "bf16", "i64", "u8", "bool", ...: as the description language spells them.
llvm::StringRef stringify(DataType type);
std::optional<DataType> parseDataType(llvm::StringRef name);

/// "F32", "BF16", "I64", "U8", "BOOL", ...: as safetensors files spell them.
llvm::StringRef safetensorsName(DataType type);
std::optional<DataType> parseSafetensorsName(llvm::StringRef name);

/// The element at `data`, which need not be aligned. Exact but for i64 beyond 2^53.
double loadElement(DataType type, const void *data);

/// Writes `value` rounded to the type: floats to nearest, ties to even, overflow to infinity;
/// integers toward zero, clamped to the type's range, NaN to 0; bool is `value != 0`.
void storeElement(DataType type, void *data, double value);

/// The DataType of the C++ type T, for T one of double, float, the signed integers, uint8_t
/// and bool. f16 and bf16 have no portable C++ type: name them by a DataType.
template <typename T>
struct DataTypeOf;
template <>
struct DataTypeOf<double> {
  static constexpr DataType value = DataType::F64;
};
template <>
struct DataTypeOf<float> {
  static constexpr DataType value = DataType::F32;
};
template <>
struct DataTypeOf<int64_t> {
  static constexpr DataType value = DataType::I64;
};
template <>
struct DataTypeOf<int32_t> {
  static constexpr DataType value = DataType::I32;
};
template <>
struct DataTypeOf<int16_t> {
  static constexpr DataType value = DataType::I16;
};
template <>
struct DataTypeOf<int8_t> {
  static constexpr DataType value = DataType::I8;
};
template <>
struct DataTypeOf<uint8_t> {
  static constexpr DataType value = DataType::U8;
};
template <>
struct DataTypeOf<bool> {
  static constexpr DataType value = DataType::Bool;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_TENSOR_DATATYPE_H
