// Elementwise builtins. On compile-time numbers they compute, in mask and score functions they
// take scalars, and on tensors they append to the graph.
#include "frontend/Builtins.h"
#include <cmath>

namespace fovea {

using MaybeValue = std::optional<Value>;

static std::optional<double> fold(UnaryKind kind, double x) {
  switch (kind) {
  case UnaryKind::Abs:
    return std::abs(x);
  case UnaryKind::Exp:
    return std::exp(x);
  case UnaryKind::Log:
    return std::log(x);
  case UnaryKind::Sqrt:
    return std::sqrt(x);
  case UnaryKind::Rsqrt:
    return 1 / std::sqrt(x);
  case UnaryKind::Sin:
    return std::sin(x);
  case UnaryKind::Cos:
    return std::cos(x);
  case UnaryKind::Tanh:
    return std::tanh(x);
  case UnaryKind::Softplus:
    return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
  case UnaryKind::Floor:
    return std::floor(x);
  case UnaryKind::Ceil:
    return std::ceil(x);
  default:
    return std::nullopt;
  }
}

static bool keepsIntegers(UnaryKind kind) {
  return kind == UnaryKind::Abs || kind == UnaryKind::Floor || kind == UnaryKind::Ceil;
}

template <UnaryKind kind>
static MaybeValue unary(BuiltinCall &call) {
  Value x = call.value("x");
  if (x.is<SymbolicTensor>() || x.is<ScalarValue>())
    return call.importer.unary(kind, x, call.range);
  if (x.is<SymbolicDim>()) {
    auto tensor = call.scalar("x", call.importer.getGraph().opBuilder().getF32Type());
    return call.build([&](GraphBuilder &g) { return g.unary(kind, *tensor); });
  }
  auto number = x.number();
  auto result = number ? fold(kind, *number) : std::nullopt;
  if (!result)
    return call.failExpected("x", number ? "a tensor" : "a number or a tensor");
  if (std::isnan(*result) || (std::isinf(*result) && std::isfinite(*number)))
    return call.fail("x", "'" + call.builtin.name + "' of " + x.describe() + " is no number");
  if (x.integer() && keepsIntegers(kind) && std::abs(*result) < 0x1p62)
    return Value(std::abs(*x.integer()) == std::abs(*result)
                     ? (*result < 0 ? *x.integer() : static_cast<int64_t>(std::abs(*x.integer())))
                     : static_cast<int64_t>(*result));
  return Value(*result);
}

/// A tensor of numbers as one of truth values: whether they are other than 0.
static MaybeValue truthOf(BuiltinCall &call, llvm::StringRef parameter) {
  Value x = call.value(parameter);
  auto *tensor = x.get<SymbolicTensor>();
  mlir::Type type = call.importer.getGraph().opBuilder().getI1Type();
  return tensor ? call.build([&](GraphBuilder &g) { return g.cast(*tensor, type); }) : x;
}

static MaybeValue logicalNot(BuiltinCall &call) {
  MaybeValue x = truthOf(call, "x");
  return x ? call.importer.unary(UnaryKind::LogicalNot, *x, call.range) : std::nullopt;
}

template <BinaryKind kind>
static MaybeValue logical(BuiltinCall &call) {
  MaybeValue a = truthOf(call, "a"), b = truthOf(call, "b");
  return a && b ? call.importer.binary(kind, *a, *b, call.range) : std::nullopt;
}

template <BinaryKind kind>
static MaybeValue binary(BuiltinCall &call) {
  return call.importer.binary(kind, call.value("a"), call.value("b"), call.range);
}

static MaybeValue gelu(BuiltinCall &call) {
  std::string form = call.text("approximate", "none");
  if (form != "none" && form != "tanh")
    return call.fail("approximate", "expected 'none' or 'tanh', got '" + form + "'");
  UnaryKind kind = form == "tanh" ? UnaryKind::GeluTanh : UnaryKind::Gelu;
  if (call.value("x").is<ScalarValue>())
    return call.importer.unary(kind, call.value("x"), call.range);
  SymbolicTensor x = call.tensor("x");
  return call.build([&](GraphBuilder &g) { return g.unary(kind, x); });
}

static MaybeValue where(BuiltinCall &call) {
  Value condition = call.value("condition"), a = call.value("a"), b = call.value("b");
  if (condition.is<ScalarValue>())
    return call.importer.select(condition, a, b, call.range);
  SymbolicTensor mask = call.tensor("condition");
  auto parts = call.hasFailed() ? std::nullopt : call.importer.unifyTensors(a, b, call.range);
  if (!parts)
    return std::nullopt;
  return call.build([&](GraphBuilder &g) { return g.where(mask, parts->first, parts->second); });
}

// Of tensors, scalars and numbers; one bound may be missing.
static MaybeValue clamp(BuiltinCall &call) {
  MaybeValue x = call.value("x");
  if (!call.has("min") && !call.has("max"))
    return call.fail("", "'clamp' needs 'min' or 'max'");
  if (call.has("min"))
    x = call.importer.binary(BinaryKind::Max, *x, call.value("min"), call.range);
  if (x && call.has("max"))
    x = call.importer.binary(BinaryKind::Min, *x, call.value("max"), call.range);
  return x;
}

// PyTorch's: fills where the mask is true.
static MaybeValue maskedFill(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x"), mask = call.tensor("mask");
  double fill = call.number("value");
  if (!call.hasFailed() && !mask.elementType().isInteger(1))
    return call.fail("mask", "expected a mask of bool, got " + mask.str() +
                                 "; compare it, as in mask != 0");
  return call.build([&](GraphBuilder &g) -> GraphBuilder::TensorOrError {
    if (mlir::isa<mlir::IntegerType>(x.elementType())) {
      auto number = g.scalar(fill, x.elementType());
      return number ? g.where(mask, *number, x) : std::move(number);
    }
    auto attend = g.unary(UnaryKind::LogicalNot, mask);
    return attend ? g.applyMask(x, *attend, fill) : std::move(attend);
  });
}

static MaybeValue applyMask(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x"), mask = call.tensor("mask");
  double fill = call.number("fill", -std::numeric_limits<double>::infinity());
  return call.build([&](GraphBuilder &g) { return g.applyMask(x, mask, fill); });
}

llvm::ArrayRef<Builtin> getElementwiseBuiltins() {
  static const Builtin table[] = {
      {"abs", "x", unary<UnaryKind::Abs>},
      {"neg", "x", unary<UnaryKind::Neg>},
      {"exp", "x", unary<UnaryKind::Exp>},
      {"log", "x", unary<UnaryKind::Log>},
      {"sqrt", "x", unary<UnaryKind::Sqrt>},
      {"rsqrt", "x", unary<UnaryKind::Rsqrt>},
      {"sin", "x", unary<UnaryKind::Sin>},
      {"cos", "x", unary<UnaryKind::Cos>},
      {"tanh", "x", unary<UnaryKind::Tanh>},
      {"sigmoid", "x", unary<UnaryKind::Sigmoid>},
      {"erf", "x", unary<UnaryKind::Erf>},
      {"relu", "x", unary<UnaryKind::Relu>},
      {"silu", "x", unary<UnaryKind::Silu>},
      {"gelu", "x, approximate=", gelu},
      {"gelu_tanh", "x", unary<UnaryKind::GeluTanh>},
      {"floor", "x", unary<UnaryKind::Floor>},
      {"ceil", "x", unary<UnaryKind::Ceil>},
      {"logical_not", "x", logicalNot},
      {"logical_and", "a, b", logical<BinaryKind::And>},
      {"logical_or", "a, b", logical<BinaryKind::Or>},
      {"minimum", "a, b", binary<BinaryKind::Min>},
      {"maximum", "a, b", binary<BinaryKind::Max>},
      {"pow", "a, b", binary<BinaryKind::Pow>},
      {"clamp", "x, min=, max=", clamp},
      {"softplus", "x", unary<UnaryKind::Softplus>},
      {"where", "condition, a, b", where, false},
      {"masked_fill", "x, mask, value", maskedFill},
      {"apply_mask", "x, mask, fill=", applyMask},
  };
  return table;
}

} // namespace fovea
