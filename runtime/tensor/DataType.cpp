#include "runtime/tensor/DataType.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include <cmath>
#include <cstring>
#include <limits>

using namespace fovea;

namespace {
struct DataTypeInfo {
  DataType type;
  int64_t size;
  llvm::StringLiteral name;
  llvm::StringLiteral safetensors;
};

/// A binary float of 16 bits: f16 is {5, 10}, bf16 is {8, 7}.
struct Float16Format {
  int exponentBits;
  int mantissaBits;

  int minExponent() const { return 2 - (1 << (exponentBits - 1)); }
  uint32_t infinity() const { return ((1u << exponentBits) - 1) << mantissaBits; }
};
} // namespace

static constexpr DataTypeInfo infos[] = {
    {DataType::F64, 8, "f64", "F64"}, {DataType::F32, 4, "f32", "F32"},
    {DataType::F16, 2, "f16", "F16"}, {DataType::BF16, 2, "bf16", "BF16"},
    {DataType::I64, 8, "i64", "I64"}, {DataType::I32, 4, "i32", "I32"},
    {DataType::I16, 2, "i16", "I16"}, {DataType::I8, 1, "i8", "I8"},
    {DataType::U8, 1, "u8", "U8"},    {DataType::Bool, 1, "bool", "BOOL"},
};

static constexpr DataType types[] = {DataType::F64, DataType::F32, DataType::F16, DataType::BF16,
                                     DataType::I64, DataType::I32, DataType::I16, DataType::I8,
                                     DataType::U8,  DataType::Bool};

static constexpr Float16Format f16 = {5, 10};
static constexpr Float16Format bf16 = {8, 7};

static const DataTypeInfo &infoOf(DataType type) { return infos[static_cast<size_t>(type)]; }

llvm::ArrayRef<DataType> fovea::allDataTypes() { return types; }
int64_t fovea::sizeOf(DataType type) { return infoOf(type).size; }
llvm::StringRef fovea::stringify(DataType type) { return infoOf(type).name; }
llvm::StringRef fovea::safetensorsName(DataType type) { return infoOf(type).safetensors; }

std::optional<DataType> fovea::parseDataType(llvm::StringRef name) {
  for (const DataTypeInfo &info : infos)
    if (info.name == name)
      return info.type;
  return std::nullopt;
}

std::optional<DataType> fovea::parseSafetensorsName(llvm::StringRef name) {
  for (const DataTypeInfo &info : infos)
    if (info.safetensors == name)
      return info.type;
  return std::nullopt;
}

static double decode(Float16Format format, uint16_t bits) {
  uint32_t magnitude = bits & 0x7fff;
  uint32_t mantissa = magnitude & ((1u << format.mantissaBits) - 1);
  int exponent = magnitude >> format.mantissaBits;
  double value;
  if (magnitude > format.infinity())
    value = std::numeric_limits<double>::quiet_NaN();
  else if (magnitude == format.infinity())
    value = std::numeric_limits<double>::infinity();
  else if (exponent == 0)
    value = std::ldexp(mantissa, format.minExponent() - format.mantissaBits);
  else
    value = std::ldexp(mantissa | (1u << format.mantissaBits),
                       exponent - 1 + format.minExponent() - format.mantissaBits);
  return bits & 0x8000 ? -value : value;
}

static uint16_t encode(Float16Format format, double value) {
  uint32_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value))
    return sign | format.infinity() | (1u << (format.mantissaBits - 1));
  if (std::isinf(value))
    return sign | format.infinity();
  double magnitude = std::fabs(value);
  int exponent =
      magnitude == 0 ? format.minExponent() : std::max(std::ilogb(magnitude), format.minExponent());
  if (exponent > -format.minExponent() + 1)
    return sign | format.infinity();
  // The scaling is exact, so this is the only rounding. The implicit bit of `quotient` carries
  // into the exponent field, and so does a mantissa that rounds up to the next power of two.
  double quotient = std::nearbyint(std::ldexp(magnitude, format.mantissaBits - exponent));
  uint32_t bits = (static_cast<uint32_t>(exponent - format.minExponent()) << format.mantissaBits) +
                  static_cast<uint32_t>(quotient);
  return sign | std::min(bits, format.infinity());
}

template <typename T>
static T load(const void *data) {
  T value;
  std::memcpy(&value, data, sizeof(T));
  return value;
}

template <typename T>
static void store(void *data, T value) {
  std::memcpy(data, &value, sizeof(T));
}

double fovea::loadElement(DataType type, const void *data) {
  switch (type) {
  case DataType::F64:
    return load<double>(data);
  case DataType::F32:
    return load<float>(data);
  case DataType::F16:
    return decode(f16, load<uint16_t>(data));
  case DataType::BF16:
    return decode(bf16, load<uint16_t>(data));
  case DataType::I64:
    return static_cast<double>(load<int64_t>(data));
  case DataType::I32:
    return load<int32_t>(data);
  case DataType::I16:
    return load<int16_t>(data);
  case DataType::I8:
    return load<int8_t>(data);
  case DataType::U8:
    return load<uint8_t>(data);
  case DataType::Bool:
    return load<uint8_t>(data) != 0;
  }
  return 0;
}

template <typename T>
static T clampTo(double value) {
  if (std::isnan(value))
    return 0;
  // The upper bound as a double is max + 1 for i64, where max itself has no double.
  if (value >= static_cast<double>(std::numeric_limits<T>::max()))
    return std::numeric_limits<T>::max();
  if (value <= static_cast<double>(std::numeric_limits<T>::min()))
    return std::numeric_limits<T>::min();
  return static_cast<T>(value);
}

/// Values beyond the range of f32 become infinite; a plain cast of those is undefined.
static float toFloat(double value) {
  // Half an ulp above the largest finite float: from here on, rounding reaches infinity.
  constexpr double limit = 0x1.ffffffp127;
  if (std::fabs(value) >= limit)
    return std::copysign(std::numeric_limits<float>::infinity(),
                         static_cast<float>(value > 0 ? 1 : -1));
  return static_cast<float>(value);
}

void fovea::storeElement(DataType type, void *data, double value) {
  switch (type) {
  case DataType::F64:
    return store(data, value);
  case DataType::F32:
    return store(data, toFloat(value));
  case DataType::F16:
    return store(data, encode(f16, value));
  case DataType::BF16:
    return store(data, encode(bf16, value));
  case DataType::I64:
    return store(data, clampTo<int64_t>(value));
  case DataType::I32:
    return store(data, clampTo<int32_t>(value));
  case DataType::I16:
    return store(data, clampTo<int16_t>(value));
  case DataType::I8:
    return store(data, clampTo<int8_t>(value));
  case DataType::U8:
    return store(data, clampTo<uint8_t>(value));
  case DataType::Bool:
    return store(data, static_cast<uint8_t>(value != 0));
  }
}
