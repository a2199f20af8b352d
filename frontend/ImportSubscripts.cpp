// Indexing: weights without dims, tensors, and single elements inside mask functions.
#include "frontend/Builtins.h"
#include "frontend/ImporterImpl.h"
#include "frontend/ScalarOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace fovea {

using namespace ast;
using MaybeValue = Importer::MaybeValue;

MaybeValue Importer::evaluateSubscript(const SubscriptExpr &expr, Scope *scope) {
  MaybeValue object = evaluate(expr.object, scope);
  if (!object)
    return std::nullopt;
  // PyTorch's `max(x, dim)[0]` are the values, here their first row.
  if (object->hasParts() && llvm::isa<CallExpr>(expr.object) && expr.indices.size() == 1 &&
      llvm::isa<IntegerExpr>(expr.indices[0]))
    return fail(expr.range, "expected '.values' or '.indices' of this reduction, which is a tensor "
                            "of its values; give it a name to index these");
  if (auto *tensor = object->get<SymbolicTensor>())
    return region ? extractElement(*tensor, expr, scope) : subscriptTensor(*tensor, expr, scope);
  if (auto *weight = object->get<WeightValue>())
    return subscriptWeight(*weight, expr, scope);
  if (object->sequence() || object->is<RangeValue>())
    return subscriptSequence(*object, expr, scope);
  if (auto *config = object->get<ConfigValue>(); config && expr.indices.size() == 1) {
    MaybeValue key = evaluate(expr.indices[0], scope);
    if (!key)
      return std::nullopt;
    if (auto *text = key->get<TextValue>())
      return configAttribute(*config, text->text, expr.indices[0]->range);
  }
  return fail(expr.range, object->describe() + " cannot be indexed");
}

// `weight("name")[f16]` sets the element type, `weight("name")[E, E]` loads.
MaybeValue Importer::subscriptWeight(const WeightValue &weight, const SubscriptExpr &expr,
                                     Scope *scope) {
  SymbolicShape shape;
  for (const Expr *index : expr.indices) {
    if (llvm::isa<SliceExpr, EllipsisExpr>(index))
      return fail(index->range, "a weight's dims are numbers or sizes");
    MaybeValue value = evaluate(index, scope);
    if (!value)
      return std::nullopt;
    if (auto *type = value->get<mlir::Type>(); type && expr.indices.size() == 1)
      return Value(WeightValue{weight.name, *type});
    auto dim = value->dim();
    if (!dim)
      return fail(index->range, "expected a size, got " + value->describe());
    if (dim->constant().value_or(1) < 1)
      return fail(index->range, "a dim is at least 1, got " + llvm::Twine(*dim->constant()));
    shape.push_back(*dim);
  }
  return loadWeight(weight, shape, expr.range);
}

namespace {
// Integers from `low` to `high`; beyond 2^61 nothing is known.
struct ConstantRange {
  static constexpr int64_t far = int64_t(1) << 61;
  int64_t low = -far, high = far;

  static ConstantRange clamped(int64_t low, int64_t high) {
    return {std::clamp(low, -far, far), std::clamp(high, -far, far)};
  }
};
} // namespace

// a - b * floor(a / b), as % is built, by a positive constant.
static std::optional<int64_t> getModulus(mlir::arith::SubIOp op) {
  auto product = op.getRhs().getDefiningOp<mlir::arith::MulIOp>();
  auto quotient = product ? product.getLhs().getDefiningOp<mlir::arith::FloorDivSIOp>() : nullptr;
  if (!quotient || quotient.getLhs() != op.getLhs() || quotient.getRhs() != product.getRhs())
    return std::nullopt;
  auto modulus = mlir::getConstantIntValue(quotient.getRhs());
  return modulus.value_or(0) > 0 ? modulus : std::nullopt;
}

static ConstantRange rangeOf(mlir::Value value,
                             const llvm::DenseMap<mlir::Value, SymbolicDim> &bounds, int depth) {
  if (auto bound = bounds.find(value); bound != bounds.end())
    return {0, bound->second.constant().value_or(ConstantRange::far) - 1};
  if (auto constant = mlir::getConstantIntValue(value))
    return ConstantRange::clamped(*constant, *constant);
  mlir::Operation *op = value.getDefiningOp();
  if (!op || op->getNumOperands() != 2 || depth == 0)
    return {};
  if (auto difference = llvm::dyn_cast<mlir::arith::SubIOp>(op))
    if (auto modulus = getModulus(difference))
      return {0, *modulus - 1};
  ConstantRange a = rangeOf(op->getOperand(0), bounds, depth - 1);
  ConstantRange b = rangeOf(op->getOperand(1), bounds, depth - 1);
  if (llvm::isa<mlir::arith::MinSIOp>(op))
    return {std::min(a.low, b.low), std::min(a.high, b.high)};
  if (llvm::isa<mlir::arith::MaxSIOp>(op))
    return {std::max(a.low, b.low), std::max(a.high, b.high)};
  if (llvm::isa<mlir::arith::AddIOp>(op))
    return ConstantRange::clamped(a.low + b.low, a.high + b.high);
  if (llvm::isa<mlir::arith::SubIOp>(op))
    return ConstantRange::clamped(a.low - b.high, a.high - b.low);
  return {};
}

// Whether an index of a dim of that size surely lies inside.
static bool isInside(mlir::Value index, const SymbolicDim &size,
                     const llvm::DenseMap<mlir::Value, SymbolicDim> &bounds) {
  if (auto bound = bounds.find(index); bound != bounds.end() && bound->second == size)
    return true;
  ConstantRange range = rangeOf(index, bounds, /*depth=*/16);
  return range.low >= 0 && range.high < size.constant().value_or(0);
}

// Inside a mask or score function an index on every dim reads one element; one outside of the dim
// the closest inside.
MaybeValue Importer::extractElement(const SymbolicTensor &tensor, const SubscriptExpr &expr,
                                    Scope *scope) {
  if (static_cast<int64_t>(expr.indices.size()) != tensor.rank())
    return fail(expr.range, "inside a mask or score function every dim of a tensor is indexed: " +
                                tensor.str() + " takes " + llvm::Twine(tensor.rank()) +
                                " indices, got " + llvm::Twine(expr.indices.size()));
  llvm::SmallVector<mlir::Value> indices;
  for (auto [position, index] : llvm::enumerate(expr.indices)) {
    if (llvm::isa<SliceExpr, EllipsisExpr>(index))
      return fail(index->range, "inside a mask or score function an index is a number");
    MaybeValue value = evaluate(index, scope);
    if (!value)
      return std::nullopt;
    if (auto constant = value->integer(); constant && *constant < 0) {
      auto size = tensor.shape[position].constant();
      if (!size || *constant < -*size)
        return fail(index->range,
                    "index " + llvm::Twine(*constant) + " is outside " + tensor.str());
      value = Value(*constant + *size);
    }
    auto scalar = toScalar(*value, scalarBuilder().getIndexType(), index->range);
    if (!scalar)
      return std::nullopt;
    if (!isInside(*scalar, tensor.shape[position], indexBounds))
      *scalar = clampIndex(scalarBuilder(), locate(index->range), *scalar, tensor.value,
                           static_cast<int64_t>(position));
    indices.push_back(*scalar);
  }
  mlir::Value element =
      mlir::tensor::ExtractOp::create(scalarBuilder(), locate(expr.range), tensor.value, indices);
  return Value(ScalarValue{element, std::nullopt});
}

MaybeValue Importer::subscriptTensor(const SymbolicTensor &tensor, const SubscriptExpr &expr,
                                     Scope *scope) {
  size_t ellipses =
      llvm::count_if(expr.indices, [](Expr *e) { return llvm::isa<EllipsisExpr>(e); });
  size_t added = llvm::count_if(expr.indices, [](Expr *e) { return llvm::isa<NoneExpr>(e); });
  auto used = static_cast<int64_t>(expr.indices.size() - ellipses - added);
  if (ellipses > 1)
    return fail(expr.range, "an index has at most one '...'");
  if (used > tensor.rank())
    return fail(expr.range, "too many indices for " + tensor.str() + ": got " + llvm::Twine(used));
  SymbolicTensor result = tensor;
  int64_t dim = 0;
  llvm::SmallVector<int64_t> indexed;
  llvm::SmallVector<SymbolicTensor> tensors; // of indices, which come last
  for (const Expr *index : expr.indices) {
    if (llvm::isa<EllipsisExpr>(index)) {
      dim += tensor.rank() - used;
      continue;
    }
    std::optional<SymbolicTensor> next;
    if (llvm::isa<NoneExpr>(index)) {
      next = build(index->range, [&](GraphBuilder &g) { return g.unsqueeze(result, dim); });
      ++dim;
    } else if (auto *slice = llvm::dyn_cast<SliceExpr>(index)) {
      next = applySlice(result, dim++, *slice, scope);
    } else {
      MaybeValue at = evaluate(index, scope);
      if (at && (at->sequence() || at->is<RangeValue>()))
        at = listedIndices(result.shape[dim], *at, index->range);
      auto *indices = at ? at->get<SymbolicTensor>() : nullptr;
      if (indices && indices->rank() > 0) {
        indexed.push_back(dim++);
        tensors.push_back(*indices);
        continue;
      }
      next = at ? applyIndex(result, dim, *at, index->range) : std::nullopt;
    }
    if (!next)
      return std::nullopt;
    result = *next;
  }
  if (tensors.empty())
    return Value(result);
  auto elements =
      build(expr.range, [&](GraphBuilder &g) { return g.indexElements(result, indexed, tensors); });
  return elements ? MaybeValue(*elements) : std::nullopt;
}

/// Appends the integers of nested lists; false at anything else, which `other` is then.
static bool collectIntegers(const Value &value, std::vector<int64_t> &integers, Value &other) {
  if (auto *elements = value.sequence())
    return llvm::all_of(*elements,
                        [&](const Value &e) { return collectIntegers(e, integers, other); });
  if (value.is<int64_t>())
    return integers.push_back(*value.integer()), true;
  other = value;
  return false;
}

// As a single index that is known is checked.
bool Importer::checkIndex(int64_t index, const SymbolicDim &size, SourceRange range) {
  auto at = take(range, index < 0 ? size.plus(index) : llvm::Expected<SymbolicDim>(index));
  auto next = at ? take(range, at->plus(1)) : std::nullopt;
  auto rest = next ? take(range, size.minus(*next)) : std::nullopt;
  if (!rest)
    return false;
  if (at->constant().value_or(0) < 0 || rest->constant().value_or(0) < 0) {
    fail(range, "index " + llvm::Twine(index) + " is out of range for a dim of " + size.str());
    return false;
  }
  graph.setLocation(locate(range));
  for (auto [slack, text] :
       {std::pair(*at, "0 <= " + at->str()), std::pair(*rest, next->str() + " <= " + size.str())})
    if (llvm::Error error = graph.require(slack, text))
      return report(range, std::move(error)), false;
  return true;
}

// A list of indices of a dim as a tensor.
MaybeValue Importer::listedIndices(const SymbolicDim &size, const Value &list, SourceRange range) {
  auto elements = elementsOf(list, range);
  auto *nested = list.get<SequenceValue>();
  if (!elements || !charge(nested ? nested->leaves : 0, range))
    return std::nullopt;
  Value values(*elements), other;
  std::vector<int64_t> indices;
  if (!collectIntegers(values, indices, other))
    return fail(range, "expected a list of integers as index, got one with " + other.describe());
  if (indices.empty())
    return fail(range, "expected at least one index in a list, got none");
  if (!checkIndex(*llvm::min_element(indices), size, range) ||
      !checkIndex(*llvm::max_element(indices), size, range))
    return std::nullopt;
  mlir::Type i64 = getGraph().opBuilder().getI64Type();
  return callBuiltin(*this, *findBuiltin("tensor"),
                     {{"", values, range}, {"dtype", Value(i64), range}}, range);
}

std::optional<SymbolicTensor> Importer::applyIndex(const SymbolicTensor &tensor, int64_t dim,
                                                   const Value &index, SourceRange range) {
  if (auto at = index.dim()) {
    auto fromEnd =
        index.integer() && *index.integer() < 0 ? take(range, at->plus(tensor.shape[dim])) : at;
    if (!fromEnd)
      return std::nullopt;
    at = fromEnd;
    return build(range, [&](GraphBuilder &g) { return g.index(tensor, dim, *at); });
  }
  bool scalar = index.is<ScalarValue>();
  if (auto *at = index.get<SymbolicTensor>())
    scalar = at->rank() == 0 && at->elementType().isInteger();
  if (!scalar)
    return fail(range, "expected an integer, a size or an integer scalar as index, got " +
                           index.describe());
  auto at = toTensor(index, getGraph().opBuilder().getI64Type(), range);
  if (!at)
    return std::nullopt;
  return build(range, [&](GraphBuilder &g) { return g.dynamicIndex(tensor, dim, *at); });
}

std::optional<SymbolicTensor> Importer::applySlice(const SymbolicTensor &tensor, int64_t dim,
                                                   const SliceExpr &slice, Scope *scope) {
  SymbolicDim bounds[3] = {SymbolicDim(0), tensor.shape[dim], SymbolicDim(1)};
  const Expr *parts[3] = {slice.begin, slice.end, slice.step};
  for (size_t i = 0; i < 3; ++i) {
    MaybeValue value = parts[i] ? evaluate(parts[i], scope) : MaybeValue(Value(bounds[i]));
    if (!value)
      return std::nullopt;
    if (value->isNone())
      continue;
    auto size = value->dim();
    if (!size)
      return fail(parts[i]->range, "the bounds of a slice are sizes known at compile time, got " +
                                       value->describe() + "; use dynamic_slice");
    bounds[i] = *size;
  }
  auto step = bounds[2].constant();
  if (!step)
    return fail(slice.step->range, "the step of a slice must be a number");
  if (!slice.begin && !slice.end && *step == 1)
    return tensor;
  return build(slice.range,
               [&](GraphBuilder &g) { return g.slice(tensor, dim, bounds[0], bounds[1], *step); });
}

} // namespace fovea
