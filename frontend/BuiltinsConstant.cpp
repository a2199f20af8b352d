// Builtins that make tensors from nothing.
#include "frontend/Builtins.h"

namespace fovea {

using MaybeValue = std::optional<Value>;

static MaybeValue zeros(BuiltinCall &call) {
  SymbolicShape shape = call.shape();
  mlir::Type type = call.elementType("dtype");
  return call.build([&](GraphBuilder &g) { return g.zeros(type, shape); });
}

static MaybeValue ones(BuiltinCall &call) {
  SymbolicShape shape = call.shape();
  mlir::Type type = call.elementType("dtype");
  return call.build([&](GraphBuilder &g) { return g.ones(type, shape); });
}

static MaybeValue full(BuiltinCall &call) {
  SymbolicShape shape = call.shape("shape");
  double value = call.number("value");
  mlir::Type type = call.elementType("dtype");
  return call.build([&](GraphBuilder &g) { return g.full(value, type, shape); });
}

// As large as another tensor, and of its type unless another is given.
static MaybeValue fullLike(BuiltinCall &call, double value) {
  SymbolicTensor x = call.tensor("x");
  if (call.hasFailed())
    return std::nullopt;
  mlir::Type type = call.has("dtype") ? call.elementType("dtype") : x.elementType();
  return call.build([&](GraphBuilder &g) { return g.full(value, type, x.shape); });
}

static MaybeValue zerosLike(BuiltinCall &call) { return fullLike(call, 0); }
static MaybeValue onesLike(BuiltinCall &call) { return fullLike(call, 1); }
static MaybeValue fullOfValueLike(BuiltinCall &call) {
  return fullLike(call, call.number("value"));
}

static MaybeValue eye(BuiltinCall &call) {
  SymbolicDim rows = call.dim("rows"), columns = call.dim("columns", rows);
  mlir::Type type = call.elementType("dtype");
  return call.build([&](GraphBuilder &g) { return g.eye(type, rows, columns); });
}

// (end - begin) / step, rounded up.
static llvm::Expected<SymbolicDim> countSteps(const SymbolicDim &begin, const SymbolicDim &end,
                                              int64_t step) {
  auto span = end.minus(begin);
  if (!span || step == 1)
    return span;
  auto rounded = span->plus(step - 1);
  return rounded ? rounded->floorDiv(step) : std::move(rounded);
}

static MaybeValue arange(BuiltinCall &call) {
  bool both = call.has("end");
  SymbolicDim begin = both ? call.dim("begin") : SymbolicDim(0);
  SymbolicDim end = call.dim(both ? "end" : "begin");
  int64_t step = call.integer("step", 1);
  mlir::Type type = call.elementType("dtype", "i64");
  if (call.hasFailed())
    return std::nullopt;
  if (step < 1 || !begin.constant())
    return call.fail(step < 1 ? "step" : "begin",
                     "'arange' begins at a number and has a step of at least 1");
  auto count = call.importer.take(call.range, countSteps(begin, end, step));
  if (!count)
    return std::nullopt;
  return call.build([&](GraphBuilder &g) {
    return g.arange(type, *count, static_cast<double>(*begin.constant()),
                    static_cast<double>(step));
  });
}

// Flattens nested sequences of numbers; every level has one length.
static bool flattenNumbers(BuiltinCall &call, const Value &value, size_t level,
                           std::vector<double> &numbers, std::vector<int64_t> &shape) {
  auto *elements = value.sequence();
  auto size = elements ? static_cast<int64_t>(elements->size()) : -1;
  bool first = numbers.empty() && level == shape.size();
  if (first && elements)
    shape.push_back(size);
  bool fits = elements ? level < shape.size() && shape[level] == size
                       : level == shape.size() && value.number();
  if (!fits) {
    call.fail("values",
              "expected nested lists of numbers of equal lengths, got " + value.describe());
    return false;
  }
  if (!elements) {
    numbers.push_back(*value.number());
    return true;
  }
  return llvm::all_of(*elements, [&](const Value &element) {
    return flattenNumbers(call, element, level + 1, numbers, shape);
  });
}

static MaybeValue tensor(BuiltinCall &call) {
  std::vector<double> numbers;
  std::vector<int64_t> shape;
  mlir::Type type = call.elementType("dtype");
  Value values = call.value("values");
  if (auto *sequence = values.get<SequenceValue>();
      sequence && !call.importer.charge(sequence->leaves / 16, call.range))
    return std::nullopt;
  if (!flattenNumbers(call, values, 0, numbers, shape))
    return std::nullopt;
  return call.build([&](GraphBuilder &g) { return g.constant(numbers, type, shape); });
}

llvm::ArrayRef<Builtin> getConstantBuiltins() {
  static const Builtin table[] = {
      {"zeros", "*shape, dtype=", zeros, false},
      {"ones", "*shape, dtype=", ones, false},
      {"full", "shape, value, dtype=", full, false},
      {"zeros_like", "x, dtype=", zerosLike, false},
      {"ones_like", "x, dtype=", onesLike, false},
      {"full_like", "x, value, dtype=", fullOfValueLike, false},
      {"eye", "rows, columns=, dtype=", eye, false},
      {"arange", "begin, end=, step=, dtype=", arange, false},
      {"tensor", "values, dtype=", tensor, false},
  };
  return table;
}

} // namespace fovea
