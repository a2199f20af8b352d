// Contractions, reductions and normalisations.
#include "frontend/Builtins.h"

namespace fovea {

using MaybeValue = std::optional<Value>;

static MaybeValue matmul(BuiltinCall &call) {
  SymbolicTensor a = call.tensor("a"), b = call.tensor("b");
  return call.build([&](GraphBuilder &g) { return g.matmul(a, b); });
}

static MaybeValue linear(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x"), w = call.tensor("weight");
  auto bias = call.optionalTensor("bias");
  return call.build([&](GraphBuilder &g) { return g.linear(x, w, bias); });
}

static MaybeValue einsum(BuiltinCall &call) {
  std::string equation = call.text("equation");
  SymbolicTensor a = call.tensor("a"), b = call.tensor("b");
  return call.build([&](GraphBuilder &g) { return g.einsum(equation, a, b); });
}

// Over numbers, sizes, scalars or the elements of a sequence: `max(a, b)`, `sum(list)`.
static MaybeValue accumulate(BuiltinCall &call, BinaryKind kind,
                             llvm::ArrayRef<LocatedValue> values) {
  if (values.empty())
    return call.fail("", "'" + call.builtin.name + "' of nothing");
  MaybeValue result = values[0].value;
  for (const LocatedValue &value : values.drop_front()) {
    result = call.importer.binary(kind, *result, value.value, call.range);
    if (!result)
      return std::nullopt;
  }
  return result;
}

static std::optional<BinaryKind> combinerOf(ReduceKind kind) {
  switch (kind) {
  case ReduceKind::Sum:
    return BinaryKind::Add;
  case ReduceKind::Max:
    return BinaryKind::Max;
  case ReduceKind::Min:
    return BinaryKind::Min;
  default:
    return std::nullopt;
  }
}

// `max(x, dim=-1)` reduces a tensor, `max(a, b)` and `max([a, b])` compare values.
template <ReduceKind kind>
static MaybeValue reduce(BuiltinCall &call) {
  Value x = call.value("x"), second = call.value("dim");
  auto combiner = combinerOf(kind);
  bool isTensor = x.is<SymbolicTensor>() && !second.is<SymbolicTensor>();
  if (!isTensor && combiner) {
    if (auto *elements = x.sequence()) {
      std::vector<LocatedValue> values;
      for (const Value &element : *elements)
        values.push_back({"", element, call.range});
      return accumulate(call, *combiner, values);
    }
    if (call.has("dim") && kind != ReduceKind::Sum)
      return accumulate(call, *combiner, {{"", x, call.range}, {"", second, call.range}});
  }
  SymbolicTensor tensor = call.tensor("x");
  llvm::SmallVector<int64_t> dims = call.integers("dim");
  bool keep = call.flag("keepdim") || call.flag("keepdims");
  return call.build([&](GraphBuilder &g) { return g.reduce(kind, tensor, dims, keep); });
}

static MaybeValue softmax(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  int64_t dim = call.integer("dim", -1);
  return call.build([&](GraphBuilder &g) { return g.softmax(x, dim); });
}

static MaybeValue logSoftmax(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  int64_t dim = call.integer("dim", -1);
  return call.build([&](GraphBuilder &g) { return g.logSoftmax(x, dim); });
}

static MaybeValue logSumExp(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  int64_t dim = call.integer("dim");
  bool keep = call.flag("keepdim") || call.flag("keepdims");
  return call.build([&](GraphBuilder &g) { return g.logSumExp(x, dim, keep); });
}

static MaybeValue layerNorm(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  auto weight = call.optionalTensor("weight"), bias = call.optionalTensor("bias");
  double epsilon = call.number("eps", 1e-5);
  return call.build([&](GraphBuilder &g) { return g.layerNorm(x, weight, bias, epsilon); });
}

static MaybeValue rmsNorm(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  auto weight = call.optionalTensor("weight");
  double epsilon = call.number("eps", 1e-5);
  return call.build([&](GraphBuilder &g) { return g.rmsNorm(x, weight, epsilon); });
}

llvm::ArrayRef<Builtin> getReductionBuiltins() {
  static const Builtin table[] = {
      {"matmul", "a, b", matmul},
      {"dot", "a, b", matmul},
      {"linear", "x, weight, bias=", linear},
      {"einsum", "equation, a, b", einsum, false},
      {"sum", "x, dim=, keepdim=, keepdims=", reduce<ReduceKind::Sum>},
      {"mean", "x, dim=, keepdim=, keepdims=", reduce<ReduceKind::Mean>},
      {"max", "x, dim=, keepdim=, keepdims=", reduce<ReduceKind::Max>},
      {"min", "x, dim=, keepdim=, keepdims=", reduce<ReduceKind::Min>},
      {"argmax", "x, dim=, keepdim=, keepdims=", reduce<ReduceKind::ArgMax>},
      {"softmax", "x, dim=", softmax},
      {"log_softmax", "x, dim=", logSoftmax},
      {"logsumexp", "x, dim, keepdim=, keepdims=", logSumExp},
      {"layer_norm", "x, weight=, bias=, eps=", layerNorm},
      {"rms_norm", "x, weight=, eps=", rmsNorm},
  };
  return table;
}

} // namespace fovea
