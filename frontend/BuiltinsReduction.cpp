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

static bool keepsDims(BuiltinCall &call) { return call.flag("keepdim") || call.flag("keepdims"); }

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

/// What PyTorch calls the parts of `topk` and of `max` over a dim.
static constexpr llvm::StringLiteral placedNames[] = {"values", "indices"};

// The largest or smallest along a dim, whose places can be asked for. What nothing uses is dropped.
static MaybeValue extreme(BuiltinCall &call, ReduceKind kind, const SymbolicTensor &x, int64_t dim,
                          bool keep) {
  MaybeValue values = call.build([&](GraphBuilder &g) { return g.reduce(kind, x, dim, keep); });
  if (!values || x.elementType().isInteger(1))
    return values;
  ReduceKind placeKind = kind == ReduceKind::Max ? ReduceKind::ArgMax : ReduceKind::ArgMin;
  MaybeValue places =
      call.build([&](GraphBuilder &g) { return g.reduce(placeKind, x, dim, keep); });
  if (!places)
    return std::nullopt;
  Value parts(std::vector<Value>{*values, *places}, placedNames);
  return Value(*values->get<SymbolicTensor>(), std::move(parts));
}

// `max(x, dim=-1)` reduces a tensor, `max(a, b)` and `max([a, b])` compare values.
template <ReduceKind kind>
static MaybeValue reduce(BuiltinCall &call) {
  Value x = call.value("x"), second = call.value("dim");
  auto combiner = combinerOf(kind);
  bool isTensor = x.is<SymbolicTensor>() && !second.is<SymbolicTensor>();
  if (!isTensor && combiner) {
    if (x.sequence() || x.is<RangeValue>()) {
      auto elements = call.importer.elementsOf(x, call.rangeOf("x"));
      std::vector<LocatedValue> values;
      for (const Value &element : elements ? *elements : std::vector<Value>())
        values.push_back({"", element, call.range});
      return elements ? accumulate(call, *combiner, values) : std::nullopt;
    }
    if (call.has("dim") && kind != ReduceKind::Sum)
      return accumulate(call, *combiner, {{"", x, call.range}, {"", second, call.range}});
  }
  SymbolicTensor tensor = call.tensor("x");
  llvm::SmallVector<int64_t> dims = call.integers("dim");
  bool keep = keepsDims(call);
  bool hasPlaces = kind == ReduceKind::Max || kind == ReduceKind::Min;
  if (hasPlaces && dims.size() == 1 && !call.hasFailed())
    return extreme(call, kind, tensor, dims[0], keep);
  return call.build([&](GraphBuilder &g) { return g.reduce(kind, tensor, dims, keep); });
}

// PyTorch's `amax`: over any dims, and the values alone.
template <ReduceKind kind>
static MaybeValue extremeValue(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  llvm::SmallVector<int64_t> dims = call.integers("dim");
  bool keep = keepsDims(call);
  return call.build([&](GraphBuilder &g) { return g.reduce(kind, x, dims, keep); });
}

// `any(x, dim=-1)` reduces a tensor, `any(c for c in conditions)` looks at what is known at import.
template <ReduceKind kind>
static MaybeValue reduceTruth(BuiltinCall &call) {
  Value x = call.value("x");
  if (auto *elements = x.sequence()) {
    bool result = kind == ReduceKind::All;
    for (const Value &element : *elements) {
      auto number = element.number();
      if (!number)
        return call.fail("x", "expected a tensor, or booleans known at compile time, for 'x' of '" +
                                  call.builtin.name + "', got a sequence with " +
                                  element.describe());
      result = kind == ReduceKind::All ? result && *number != 0 : result || *number != 0;
    }
    return Value(result);
  }
  return reduce<kind>(call);
}

static MaybeValue norm(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  bool named = call.value("p").is<TextValue>(); // "fro", that of all elements
  if (named && call.text("p") != "fro")
    return call.failExpected("p", "1, 2, inf or 'fro'");
  double order = named ? 2 : call.number("p", 2);
  llvm::SmallVector<int64_t> dims = call.integers("dim");
  bool keep = keepsDims(call);
  return call.build([&](GraphBuilder &g) { return g.norm(x, order, dims, keep); });
}

/// The arguments of `var` and `std`, whose `unbiased` is PyTorch's: a correction of 1, which is the
/// default, or 0.
struct VarianceArguments {
  explicit VarianceArguments(BuiltinCall &call)
      : x(call.tensor("x")), dims(call.integers("dim")), keep(keepsDims(call)),
        correction(call.number("correction", call.flag("unbiased", true) ? 1 : 0)) {
    if (call.has("unbiased") && call.has("correction"))
      call.fail("unbiased",
                "'" + call.builtin.name + "' takes 'unbiased' or 'correction', not both");
  }

  SymbolicTensor x;
  llvm::SmallVector<int64_t> dims;
  bool keep;
  double correction;
};

static MaybeValue variance(BuiltinCall &call) {
  VarianceArguments of(call);
  return call.build(
      [&](GraphBuilder &g) { return g.variance(of.x, of.dims, of.correction, of.keep); });
}

// A variance may have no f16 where its root has.
static MaybeValue standardDeviation(BuiltinCall &call) {
  VarianceArguments of(call);
  return call.build([&](GraphBuilder &g) -> GraphBuilder::TensorOrError {
    auto wide = g.cast(of.x, accumulatorType(of.x.elementType()));
    auto squares = wide ? g.variance(*wide, of.dims, of.correction, of.keep) : std::move(wide);
    auto root = squares ? g.unary(UnaryKind::Sqrt, *squares) : std::move(squares);
    return root ? g.cast(*root, of.x.elementType()) : std::move(root);
  });
}

static MaybeValue topK(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  int64_t count = call.integer("k"), dim = call.integer("dim", -1);
  bool largest = call.flag("largest", true);
  call.flag("sorted"); // they are
  if (call.hasFailed())
    return std::nullopt;
  auto found = call.importer.build(call.range,
                                   [&](GraphBuilder &g) { return g.topK(x, count, dim, largest); });
  if (!found || !call.importer.charge(Importer::costOfOp * 8 * count, call.range))
    return std::nullopt;
  return Value(std::vector<Value>{Value(found->first), Value(found->second)}, placedNames);
}

/// A function of `x`, cast to `dtype` before if that is given, along `dim`.
template <GraphBuilder::TensorOrError (GraphBuilder::*F)(const SymbolicTensor &, int64_t)>
static MaybeValue normalize(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  int64_t dim = call.integer("dim", -1);
  if (call.hasFailed())
    return std::nullopt;
  mlir::Type type = call.has("dtype") ? call.elementType("dtype") : x.elementType();
  return call.build([&](GraphBuilder &g) -> GraphBuilder::TensorOrError {
    GraphBuilder::TensorOrError cast = g.cast(x, type);
    return cast ? (g.*F)(*cast, dim) : cast.takeError();
  });
}

static MaybeValue logSumExp(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  int64_t dim = call.integer("dim");
  bool keep = keepsDims(call);
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
      {"bmm", "a, b", matmul},
      {"linear", "x, weight, bias=", linear},
      {"einsum", "equation, a, b", einsum, false},
      {"sum", "x, dim=, keepdim=, keepdims=", reduce<ReduceKind::Sum>},
      {"mean", "x, dim=, keepdim=, keepdims=", reduce<ReduceKind::Mean>},
      {"max", "x, dim=, keepdim=, keepdims=", reduce<ReduceKind::Max>},
      {"min", "x, dim=, keepdim=, keepdims=", reduce<ReduceKind::Min>},
      {"argmax", "x, dim=, keepdim=, keepdims=", reduce<ReduceKind::ArgMax>},
      {"amax", "x, dim=, keepdim=, keepdims=", extremeValue<ReduceKind::Max>},
      {"amin", "x, dim=, keepdim=, keepdims=", extremeValue<ReduceKind::Min>},
      {"argmin", "x, dim=, keepdim=, keepdims=", reduce<ReduceKind::ArgMin>},
      {"any", "x, dim=, keepdim=, keepdims=", reduceTruth<ReduceKind::Any>},
      {"all", "x, dim=, keepdim=, keepdims=", reduceTruth<ReduceKind::All>},
      {"norm", "x, p=, dim=, keepdim=, keepdims=", norm},
      {"var", "x, dim=, unbiased=, keepdim=, keepdims=, correction=", variance},
      {"std", "x, dim=, unbiased=, keepdim=, keepdims=, correction=", standardDeviation},
      {"topk", "x, k, dim=, largest=, sorted=", topK},
      {"softmax", "x, dim=, dtype=", normalize<&GraphBuilder::softmax>},
      {"log_softmax", "x, dim=, dtype=", normalize<&GraphBuilder::logSoftmax>},
      {"logsumexp", "x, dim, keepdim=, keepdims=", logSumExp},
      {"layer_norm", "x, weight=, bias=, eps=", layerNorm},
      {"rms_norm", "x, weight=, eps=", rmsNorm},
  };
  return table;
}

} // namespace fovea
