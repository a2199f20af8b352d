// One table row a scalar op. Unsigned ops mask operands to the op's width; results are wrapped back
// to the sign-extended form that cells hold.
#include "runtime/ReferenceScalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/bit.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace fovea;
using namespace fovea::reference;

//===----------------------------------------------------------------------===//
// Adapters from plain functions to ScalarFn
//===----------------------------------------------------------------------===//

template <auto F>
static bool float1(Cell &result, Cell a, Cell, Cell, unsigned) {
  result.f = F(a.f);
  return true;
}

/// Steps are taken of the f32 that the graph has, not of the float64 in its place: log(2) / log(16)
/// * 8, in which T5 counts its buckets, is 2 there and a little less here.
template <auto F>
static bool step(Cell &result, Cell a, Cell, Cell, unsigned width) {
  result.f = F(width <= 32 ? static_cast<float>(a.f) : a.f);
  return true;
}

template <auto F>
static bool float2(Cell &result, Cell a, Cell b, Cell, unsigned) {
  result.f = F(a.f, b.f);
  return true;
}

template <auto F>
static bool float3(Cell &result, Cell a, Cell b, Cell c, unsigned) {
  result.f = F(a.f, b.f, c.f);
  return true;
}

/// A predicate of one or two floats.
template <auto F>
static bool test1(Cell &result, Cell a, Cell, Cell, unsigned) {
  result.i = F(a.f);
  return true;
}

template <auto F>
static bool test2(Cell &result, Cell a, Cell b, Cell, unsigned) {
  result.i = F(a.f, b.f);
  return true;
}

static uint64_t maskTo(int64_t value, unsigned width) {
  return width >= 64 ? value : static_cast<uint64_t>(value) & ((uint64_t(1) << width) - 1);
}

/// The signed value of a cell: an i1 that holds 1 means -1.
static int64_t signedValue(int64_t value, unsigned width) { return width == 1 ? -value : value; }

/// Integers as they are, computed modulo 2^64 and wrapped.
template <auto F>
static bool bits2(Cell &result, Cell a, Cell b, Cell, unsigned width) {
  result.i = wrapInteger(F(static_cast<uint64_t>(a.i), static_cast<uint64_t>(b.i)), width);
  return true;
}

template <auto F>
static bool signed2(Cell &result, Cell a, Cell b, Cell, unsigned width) {
  result.i = wrapInteger(F(signedValue(a.i, width), signedValue(b.i, width)), width);
  return true;
}

template <auto F>
static bool unsigned2(Cell &result, Cell a, Cell b, Cell, unsigned width) {
  result.i = wrapInteger(F(maskTo(a.i, width), maskTo(b.i, width)), width);
  return true;
}

/// Signed division is undefined for a divisor of zero and where the quotient overflows.
template <auto F>
static bool signedDivision(Cell &result, Cell a, Cell b, Cell c, unsigned width) {
  int64_t lowest = wrapInteger(int64_t(1) << (width - 1), width);
  if (b.i == 0 || (signedValue(b.i, width) == -1 && a.i == lowest))
    return false;
  return signed2<F>(result, a, b, c, width);
}

template <auto F>
static bool unsignedDivision(Cell &result, Cell a, Cell b, Cell c, unsigned width) {
  return b.i != 0 && unsigned2<F>(result, a, b, c, width);
}

/// Shifts by the width or more are undefined.
template <auto F>
static bool shift(Cell &result, Cell a, Cell b, Cell, unsigned width) {
  if (maskTo(b.i, width) >= width)
    return false;
  result.i = wrapInteger(F(a.i, b.i, width), width);
  return true;
}

static bool identity(Cell &result, Cell a, Cell, Cell, unsigned) {
  result = a;
  return true;
}

static bool select(Cell &result, Cell condition, Cell a, Cell b, unsigned) {
  result = condition.i ? a : b;
  return true;
}

/// A float beyond the integer type has no integer value.
template <bool isSigned, bool isSingle>
static bool floatToInteger(Cell &result, Cell a, Cell, Cell, unsigned width) {
  double truncated = std::trunc(isSingle ? static_cast<float>(a.f) : a.f);
  double low = isSigned ? -std::ldexp(1.0, width - 1) : 0;
  double high = std::ldexp(1.0, isSigned ? width - 1 : width);
  if (!(truncated >= low && truncated < high))
    return false;
  uint64_t bits = isSigned ? static_cast<uint64_t>(static_cast<int64_t>(truncated))
                           : static_cast<uint64_t>(truncated);
  result.i = wrapInteger(static_cast<int64_t>(bits), width);
  return true;
}

static bool integerPower(Cell &result, Cell a, Cell b, Cell, unsigned) {
  result.f = std::pow(a.f, static_cast<double>(b.i));
  return true;
}

//===----------------------------------------------------------------------===//
// The tables
//===----------------------------------------------------------------------===//

static double nanOr(double a, double b, double other) {
  return std::isnan(a) || std::isnan(b) ? std::numeric_limits<double>::quiet_NaN() : other;
}

static int64_t floorDivide(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t ceilDivide(int64_t a, int64_t b) {
  return a / b + (a % b != 0 && (a < 0) == (b < 0));
}

static ScalarFn lookupFloatArith(StringRef name) {
  return llvm::StringSwitch<ScalarFn>(name)
      .Case("addf", float2<[](double a, double b) { return a + b; }>)
      .Case("subf", float2<[](double a, double b) { return a - b; }>)
      .Case("mulf", float2<[](double a, double b) { return a * b; }>)
      .Case("divf", float2<[](double a, double b) { return a / b; }>)
      .Case("remf", float2<[](double a, double b) { return std::fmod(a, b); }>)
      .Case("negf", float1<[](double a) { return -a; }>)
      .Case("maximumf", float2<[](double a, double b) { return nanOr(a, b, std::fmax(a, b)); }>)
      .Case("minimumf", float2<[](double a, double b) { return nanOr(a, b, std::fmin(a, b)); }>)
      .Case("maxnumf", float2<[](double a, double b) { return std::fmax(a, b); }>)
      .Case("minnumf", float2<[](double a, double b) { return std::fmin(a, b); }>)
      .Default(nullptr);
}

static ScalarFn lookupIntegerArith(StringRef name) {
  using I = int64_t;
  using U = uint64_t;
  return llvm::StringSwitch<ScalarFn>(name)
      .Case("addi", bits2<[](U a, U b) { return a + b; }>)
      .Case("subi", bits2<[](U a, U b) { return a - b; }>)
      .Case("muli", bits2<[](U a, U b) { return a * b; }>)
      .Case("andi", bits2<[](U a, U b) { return a & b; }>)
      .Case("ori", bits2<[](U a, U b) { return a | b; }>)
      .Case("xori", bits2<[](U a, U b) { return a ^ b; }>)
      .Case("maxsi", signed2<[](I a, I b) { return std::max(a, b); }>)
      .Case("minsi", signed2<[](I a, I b) { return std::min(a, b); }>)
      .Case("maxui", unsigned2<[](U a, U b) { return std::max(a, b); }>)
      .Case("minui", unsigned2<[](U a, U b) { return std::min(a, b); }>)
      .Case("divsi", signedDivision<[](I a, I b) { return a / b; }>)
      .Case("remsi", signedDivision<[](I a, I b) { return a % b; }>)
      .Case("floordivsi", signedDivision<floorDivide>)
      .Case("ceildivsi", signedDivision<ceilDivide>)
      .Case("divui", unsignedDivision<[](U a, U b) { return a / b; }>)
      .Case("remui", unsignedDivision<[](U a, U b) { return a % b; }>)
      .Case("ceildivui", unsignedDivision<[](U a, U b) { return a / b + (a % b != 0); }>)
      .Case("shli", shift<[](I a, I b, unsigned) { return static_cast<I>(U(a) << b); }>)
      .Case("shrsi", shift<[](I a, I b, unsigned w) { return signedValue(a, w) >> b; }>)
      .Case("shrui", shift<[](I a, I b, unsigned w) { return static_cast<I>(maskTo(a, w) >> b); }>)
      .Default(nullptr);
}

static ScalarFn lookupCast(StringRef name, bool isSingle) {
  return llvm::StringSwitch<ScalarFn>(name)
      .Cases({"extf", "truncf"}, identity)
      .Case("select", select)
      .Cases({"extsi", "index_cast"},
             [](Cell &result, Cell a, Cell, Cell, unsigned width) {
               result.i = signedValue(a.i, width);
               return true;
             })
      .Cases({"extui", "index_castui"},
             [](Cell &result, Cell a, Cell, Cell, unsigned width) {
               result.i = static_cast<int64_t>(maskTo(a.i, width));
               return true;
             })
      .Case("trunci",
            [](Cell &result, Cell a, Cell, Cell, unsigned width) {
              result.i = wrapInteger(a.i, width);
              return true;
            })
      .Case("sitofp",
            [](Cell &result, Cell a, Cell, Cell, unsigned width) {
              result.f = static_cast<double>(signedValue(a.i, width));
              return true;
            })
      .Case("uitofp",
            [](Cell &result, Cell a, Cell, Cell, unsigned width) {
              result.f = static_cast<double>(maskTo(a.i, width));
              return true;
            })
      .Case("fptosi", isSingle ? floatToInteger<true, true> : floatToInteger<true, false>)
      .Case("fptoui", isSingle ? floatToInteger<false, true> : floatToInteger<false, false>)
      .Default(nullptr);
}

static ScalarFn lookupTranscendental(StringRef name) {
  return llvm::StringSwitch<ScalarFn>(name)
      .Case("exp", float1<[](double a) { return std::exp(a); }>)
      .Case("exp2", float1<[](double a) { return std::exp2(a); }>)
      .Case("expm1", float1<[](double a) { return std::expm1(a); }>)
      .Case("log", float1<[](double a) { return std::log(a); }>)
      .Case("log2", float1<[](double a) { return std::log2(a); }>)
      .Case("log10", float1<[](double a) { return std::log10(a); }>)
      .Case("log1p", float1<[](double a) { return std::log1p(a); }>)
      .Case("sin", float1<[](double a) { return std::sin(a); }>)
      .Case("cos", float1<[](double a) { return std::cos(a); }>)
      .Case("tan", float1<[](double a) { return std::tan(a); }>)
      .Case("asin", float1<[](double a) { return std::asin(a); }>)
      .Case("acos", float1<[](double a) { return std::acos(a); }>)
      .Case("atan", float1<[](double a) { return std::atan(a); }>)
      .Case("sinh", float1<[](double a) { return std::sinh(a); }>)
      .Case("cosh", float1<[](double a) { return std::cosh(a); }>)
      .Case("tanh", float1<[](double a) { return std::tanh(a); }>)
      .Case("erf", float1<[](double a) { return std::erf(a); }>)
      .Case("erfc", float1<[](double a) { return std::erfc(a); }>)
      .Case("atan2", float2<[](double a, double b) { return std::atan2(a, b); }>)
      .Case("powf", float2<[](double a, double b) { return std::pow(a, b); }>)
      .Case("fpowi", integerPower)
      .Default(nullptr);
}

static ScalarFn lookupMath(StringRef name) {
  return llvm::StringSwitch<ScalarFn>(name)
      .Case("absf", float1<[](double a) { return std::fabs(a); }>)
      .Case("sqrt", float1<[](double a) { return std::sqrt(a); }>)
      .Case("rsqrt", float1<[](double a) { return 1 / std::sqrt(a); }>)
      .Case("cbrt", float1<[](double a) { return std::cbrt(a); }>)
      .Case("floor", step<[](double a) { return std::floor(a); }>)
      .Case("ceil", step<[](double a) { return std::ceil(a); }>)
      .Case("trunc", step<[](double a) { return std::trunc(a); }>)
      .Case("round", step<[](double a) { return std::round(a); }>)
      .Case("roundeven", step<[](double a) { return std::nearbyint(a); }>)
      .Case("copysign", float2<[](double a, double b) { return std::copysign(a, b); }>)
      .Case("fma", float3<[](double a, double b, double c) { return std::fma(a, b, c); }>)
      .Case("clampf", float3<[](double a, double low, double high) {
              return std::fmin(std::fmax(a, low), high);
            }>)
      .Case("isnan", test1<[](double a) { return std::isnan(a); }>)
      .Case("isinf", test1<[](double a) { return std::isinf(a); }>)
      .Case("isfinite", test1<[](double a) { return std::isfinite(a); }>)
      .Case("absi",
            bits2<[](uint64_t a, uint64_t) { return static_cast<int64_t>(a) < 0 ? 0 - a : a; }>)
      .Default(lookupTranscendental(name));
}

static bool unordered(double a, double b) { return std::isnan(a) || std::isnan(b); }

static ScalarFn lookupCompare(arith::CmpFPredicate predicate) {
  using P = arith::CmpFPredicate;
  switch (predicate) {
  case P::AlwaysFalse:
    return test2<[](double, double) { return false; }>;
  case P::AlwaysTrue:
    return test2<[](double, double) { return true; }>;
  case P::OEQ:
    return test2<[](double a, double b) { return a == b; }>;
  case P::OGT:
    return test2<[](double a, double b) { return a > b; }>;
  case P::OGE:
    return test2<[](double a, double b) { return a >= b; }>;
  case P::OLT:
    return test2<[](double a, double b) { return a < b; }>;
  case P::OLE:
    return test2<[](double a, double b) { return a <= b; }>;
  case P::ONE:
    return test2<[](double a, double b) { return a < b || a > b; }>;
  case P::ORD:
    return test2<[](double a, double b) { return !unordered(a, b); }>;
  case P::UEQ:
    return test2<[](double a, double b) { return a == b || unordered(a, b); }>;
  case P::UGT:
    return test2<[](double a, double b) { return !(a <= b); }>;
  case P::UGE:
    return test2<[](double a, double b) { return !(a < b); }>;
  case P::ULT:
    return test2<[](double a, double b) { return !(a >= b); }>;
  case P::ULE:
    return test2<[](double a, double b) { return !(a > b); }>;
  case P::UNE:
    return test2<[](double a, double b) { return !(a == b); }>;
  case P::UNO:
    return test2<unordered>;
  }
  return nullptr;
}

/// A predicate of two integers; its result is one bit whatever the operands' width.
template <bool isSigned, auto F>
static bool compare(Cell &result, Cell a, Cell b, Cell, unsigned width) {
  if constexpr (isSigned)
    result.i = F(signedValue(a.i, width), signedValue(b.i, width));
  else
    result.i = F(maskTo(a.i, width), maskTo(b.i, width));
  return true;
}

static ScalarFn lookupCompare(arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::eq:
    return compare<true, [](auto a, auto b) { return a == b; }>;
  case P::ne:
    return compare<true, [](auto a, auto b) { return a != b; }>;
  case P::slt:
    return compare<true, [](auto a, auto b) { return a < b; }>;
  case P::sle:
    return compare<true, [](auto a, auto b) { return a <= b; }>;
  case P::sgt:
    return compare<true, [](auto a, auto b) { return a > b; }>;
  case P::sge:
    return compare<true, [](auto a, auto b) { return a >= b; }>;
  case P::ult:
    return compare<false, [](auto a, auto b) { return a < b; }>;
  case P::ule:
    return compare<false, [](auto a, auto b) { return a <= b; }>;
  case P::ugt:
    return compare<false, [](auto a, auto b) { return a > b; }>;
  case P::uge:
    return compare<false, [](auto a, auto b) { return a >= b; }>;
  }
  return nullptr;
}

static ScalarFn lookupFunction(Operation *op) {
  auto [dialect, name] = op->getName().getStringRef().split('.');
  if (dialect == "math")
    return lookupMath(name);
  if (dialect != "arith")
    return nullptr;
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return lookupCompare(compare.getPredicate());
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return lookupCompare(compare.getPredicate());
  for (auto lookup : {lookupFloatArith, lookupIntegerArith})
    if (ScalarFn function = lookup(name))
      return function;
  Type from = getElementTypeOrSelf(op->getOperand(0).getType());
  return lookupCast(name, !from.isF64());
}

std::optional<ScalarOp> reference::lookupScalarOp(Operation *op) {
  if (op->getNumResults() != 1 || op->getNumOperands() == 0 || op->getNumOperands() > 3)
    return std::nullopt;
  ScalarFn function = lookupFunction(op);
  if (!function)
    return std::nullopt;
  bool ofResult = isa<arith::TruncIOp, arith::FPToSIOp, arith::FPToUIOp>(op);
  Value value = ofResult ? op->getResult(0) : op->getOperand(0);
  Type element = getElementTypeOrSelf(value.getType());
  unsigned width = isa<FloatType>(element) ? element.getIntOrFloatBitWidth() : widthOf(element);
  if (width > 64)
    return std::nullopt;
  return ScalarOp{function, width == 0 ? 64 : width};
}

std::optional<Cell> reference::cellOf(Attribute attribute) {
  Cell cell;
  if (auto value = dyn_cast<FloatAttr>(attribute)) {
    cell.f = value.getValueAsDouble();
    return cell;
  }
  auto value = dyn_cast<IntegerAttr>(attribute);
  if (!value || value.getValue().getBitWidth() > 64)
    return std::nullopt;
  cell.i = value.getValue().getBitWidth() == 1 ? value.getValue().getZExtValue()
                                               : value.getValue().getSExtValue();
  return cell;
}
