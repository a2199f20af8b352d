// Conversions and descriptions of compile-time values.
#include "frontend/Value.h"
#include "frontend/Shortened.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

namespace fovea {

Value::Value(const SymbolicDim &dim) {
  if (auto constant = dim.constant())
    storage = *constant;
  else
    storage = dim;
}

SequenceValue::SequenceValue(std::vector<Value> values, llvm::ArrayRef<llvm::StringLiteral> names)
    : names(names) {
  for (const Value &value : values) {
    auto *inner = value.get<SequenceValue>();
    leaves = llvm::SaturatingAdd(leaves, inner ? inner->leaves : 1);
    depth = std::max(depth, inner ? inner->depth + 1 : 1);
  }
  elements = std::make_shared<const std::vector<Value>>(std::move(values));
}

const Value *Value::named(llvm::StringRef name) const {
  if (parts)
    return parts->named(name);
  auto *sequence = get<SequenceValue>();
  const auto *found = sequence ? llvm::find(sequence->names, name) : nullptr;
  return found && found != sequence->names.end()
             ? &(*sequence->elements)[found - sequence->names.begin()]
             : nullptr;
}

std::optional<int64_t> Value::integer() const {
  if (auto *value = get<int64_t>())
    return *value;
  if (auto *value = get<bool>())
    return *value;
  return std::nullopt;
}

std::optional<double> Value::number() const {
  if (auto *value = get<double>())
    return *value;
  if (auto value = integer())
    return static_cast<double>(*value);
  return std::nullopt;
}

std::optional<SymbolicDim> Value::dim() const {
  if (auto *value = get<SymbolicDim>())
    return *value;
  if (auto *value = get<int64_t>())
    return SymbolicDim(*value);
  return std::nullopt;
}

namespace {

struct Describer {
  std::string operator()(const NoneValue &) const { return "None"; }
  std::string operator()(const PoisonValue &) const { return "an unknown value"; }
  std::string operator()(bool value) const { return value ? "True" : "False"; }
  std::string operator()(int64_t value) const { return "the integer " + std::to_string(value); }
  std::string operator()(double value) const { return "the number " + formatNumber(value); }
  std::string operator()(const TextValue &value) const {
    return "the string '" + shortened(value.text) + "'";
  }
  std::string operator()(const SymbolicDim &value) const { return "the size " + value.str(); }
  std::string operator()(const SequenceValue &value) const {
    return "a sequence of " + std::to_string(value.elements->size());
  }
  std::string operator()(const RangeValue &) const { return "a range"; }
  std::string operator()(const mlir::Type &value) const {
    return "the element type " + formatType(value);
  }
  std::string operator()(const FunctionValue &value) const {
    return ("the function '" + value.function->name.name + "'").str();
  }
  std::string operator()(const LambdaValue &) const { return "a lambda"; }
  std::string operator()(const BuiltinValue &) const { return "a builtin function"; }
  std::string operator()(const ConfigValue &) const { return "a configuration"; }
  std::string operator()(const ConfigGetValue &) const { return "a builtin function"; }
  std::string operator()(const WeightValue &) const { return "a weight without dims"; }
  std::string operator()(const LimitsValue &value) const {
    return "the limits of " + formatType(value.type);
  }
  std::string operator()(const ScalarValue &value) const {
    mlir::Type type = value.value.getType();
    return type.isIndex() ? "a run-time index" : "a run-time " + formatType(type);
  }
  std::string operator()(const SymbolicTensor &value) const { return "a tensor " + value.str(); }
};

} // namespace

static size_t costOf(const SymbolicDim &dim) {
  size_t factors = 0;
  for (const auto &term : dim.terms())
    factors += 1 + term.first.size();
  return factors / 4;
}

size_t Value::cost() const {
  if (auto *text = get<TextValue>())
    return text->text.size() / 64;
  if (auto *dim = get<SymbolicDim>())
    return costOf(*dim);
  size_t cost = 0;
  if (auto *tensor = get<SymbolicTensor>())
    for (const SymbolicDim &dim : tensor->shape)
      cost += costOf(dim);
  return cost;
}

std::string Value::describe() const { return std::visit(Describer(), storage); }

mlir::Type parseElementType(mlir::MLIRContext *context, llvm::StringRef name) {
  mlir::Builder builder(context);
  return llvm::StringSwitch<mlir::Type>(name)
      .Case("f64", builder.getF64Type())
      .Case("f32", builder.getF32Type())
      .Case("f16", builder.getF16Type())
      .Case("bf16", builder.getBF16Type())
      .Case("i64", builder.getI64Type())
      .Case("i32", builder.getI32Type())
      .Case("i8", builder.getI8Type())
      .Case("bool", builder.getI1Type())
      .Default({});
}

} // namespace fovea
