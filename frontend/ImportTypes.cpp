// Types of parameters and results: element types, dims, and their agreement with values.
#include "frontend/ImporterImpl.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

namespace fovea {

using namespace ast;
using MaybeValue = Importer::MaybeValue;

static constexpr llvm::StringLiteral kindNames[] = {"int",  "float",    "str",   "bool",
                                                    "list", "function", "dtype", "config"};

static bool isKindName(llvm::StringRef name) { return llvm::is_contained(kindNames, name); }

// `bool` alone is a compile-time flag, `bool[...]` a tensor.
bool Importer::isTensorType(const TypeExpr &type) {
  return type.isWeight || type.hasDims || !isKindName(type.element.name);
}

mlir::Type Importer::resolveElementType(const Identifier &name) {
  if (name.name.empty())
    return getGraph().opBuilder().getF32Type();
  if (mlir::Type type = parseElementType(getContext(), name.name))
    return type;
  if (const Value *value = lookup(name.name, globals)) {
    if (auto *type = value->get<mlir::Type>())
      return *type;
    if (value->is<PoisonValue>())
      return {};
  }
  std::vector<llvm::StringRef> candidates{"f64", "f32", "f16", "bf16",
                                          "i64", "i32", "i8",  "weight"};
  candidates.insert(candidates.end(), std::begin(kindNames), std::end(kindNames));
  fail(name.range, "unknown type '" + name.name + "'" + didYouMean(name.name, candidates));
  return {};
}

std::optional<SymbolicDim> Importer::evaluateDim(const Expr *expr, Scope *scope) {
  MaybeValue value = evaluate(expr, scope);
  if (!value)
    return std::nullopt;
  auto dim = value->dim();
  if (!dim)
    return fail(expr->range, "expected an integer or a size as dim, got " + value->describe());
  if (dim->constant().value_or(1) < 1)
    return fail(expr->range, "a dim is at least 1, got " + llvm::Twine(*dim->constant()));
  return dim;
}

std::optional<SymbolicShape> Importer::evaluateDims(const TypeExpr &type, Scope *scope) {
  SymbolicShape shape;
  for (const Expr *expr : type.dims) {
    if (llvm::isa<EllipsisExpr>(expr))
      return fail(expr->range, "'...' in a type needs an argument that says what it stands for");
    auto dim = evaluateDim(expr, scope);
    if (!dim)
      return std::nullopt;
    shape.push_back(*dim);
  }
  if (!checkStaticSize(type, shape))
    return std::nullopt;
  return shape;
}

// The static dims alone must leave room in the 63 bits of a size in bytes.
bool Importer::checkStaticSize(const TypeExpr &type, llvm::ArrayRef<SymbolicDim> shape) {
  int64_t bytes = sizeof(double);
  for (const SymbolicDim &dim : shape) {
    if (!llvm::MulOverflow(bytes, dim.constant().value_or(1), bytes))
      continue;
    fail(type.range, "a tensor of shape " + formatShape(shape) + " has more than 2^60 elements");
    return false;
  }
  return true;
}

//===-- Agreement of arguments and types ----------------------------------------------------===//

static bool hasKind(llvm::StringRef kind, const Value &value) {
  return llvm::StringSwitch<bool>(kind)
      .Case("int", value.integer().has_value() || value.is<SymbolicDim>())
      .Case("float", value.number().has_value())
      .Case("str", value.is<TextValue>())
      .Case("bool", value.is<bool>())
      .Case("list", value.sequence() != nullptr || value.is<RangeValue>())
      .Case("function", value.isCallable())
      .Case("dtype", value.is<mlir::Type>())
      .Case("config", value.is<ConfigValue>())
      .Default(false);
}

// A compile-time argument of a declared kind; numbers for rank-0 tensors become tensors.
MaybeValue Importer::checkKind(const Parameter &parameter, const LocatedValue &argument) {
  if (!parameter.type || argument.value.isNone())
    return argument.value;
  const TypeExpr &type = *parameter.type;
  if (!isTensorType(type)) {
    if (hasKind(type.element.name, argument.value))
      return argument.value;
    return fail(argument.range, "parameter '" + parameter.name.name + "' is of kind " +
                                    type.element.name + ", got " + argument.value.describe());
  }
  if (argument.value.is<SymbolicTensor>())
    return argument.value;
  if (type.dims.empty() && !type.isWeight) {
    mlir::Type element = resolveElementType(type.element);
    auto tensor = element ? toTensor(argument.value, element, argument.range) : std::nullopt;
    return tensor ? MaybeValue(*tensor) : std::nullopt;
  }
  return fail(argument.range, "parameter '" + parameter.name.name + "' is a tensor, got " +
                                  argument.value.describe());
}

// How many of the type's dims come before and after `...`; all before if there is none.
static std::pair<size_t, bool> findEllipsis(const TypeExpr &type) {
  for (auto [position, expr] : llvm::enumerate(type.dims))
    if (llvm::isa<EllipsisExpr>(expr))
      return {position, true};
  return {type.dims.size(), false};
}

// The dim of the tensor that dim `position` of the type describes; nothing for `...`.
static std::optional<size_t> matchDim(const TypeExpr &type, size_t position, size_t rank) {
  auto [ellipsis, present] = findEllipsis(type);
  if (!present || position < ellipsis)
    return position;
  if (position == ellipsis)
    return std::nullopt;
  return rank - (type.dims.size() - position);
}

// Names that stand alone as a dim and have no value yet take it from the argument.
bool Importer::bindDims(const TypeExpr &type, const LocatedValue &argument, Scope &scope) {
  auto *tensor = argument.value.get<SymbolicTensor>();
  if (!tensor)
    return true;
  auto rank = static_cast<size_t>(tensor->rank());
  bool variadic = findEllipsis(type).second;
  if (variadic ? rank + 1 < type.dims.size() : rank != type.dims.size()) {
    fail(argument.range, "expected a tensor of " + llvm::Twine(variadic ? "at least " : "") +
                             llvm::Twine(type.dims.size() - variadic) + " dims, got " +
                             tensor->str());
    return false;
  }
  for (auto [position, expr] : llvm::enumerate(type.dims)) {
    auto *name = llvm::dyn_cast<NameExpr>(expr);
    auto dim = matchDim(type, position, rank);
    if (name && dim && !lookup(name->name, &scope))
      scope.names[name->name] = Value(tensor->shape[*dim]);
  }
  return true;
}

bool Importer::checkTensor(const TypeExpr &type, const LocatedValue &argument, Scope *scope,
                           llvm::StringRef what) {
  auto *tensor = argument.value.get<SymbolicTensor>();
  if (!tensor)
    return true;
  if (!type.element.name.empty()) {
    mlir::Type element = resolveElementType(type.element);
    if (!element)
      return false;
    if (element != tensor->elementType()) {
      fail(argument.range, what + " is declared " + formatType(element) + ", got " + tensor->str());
      return false;
    }
  }
  for (auto [position, expr] : llvm::enumerate(type.dims)) {
    auto at = matchDim(type, position, static_cast<size_t>(tensor->rank()));
    if (!at)
      continue;
    auto expected = evaluateDim(expr, scope);
    if (!expected)
      return false;
    if (*expected == tensor->shape[*at])
      continue;
    fail(argument.range, "dim " + llvm::Twine(*at) + " of " + what + " is declared " +
                             expected->str() + ", got " + tensor->str());
    return false;
  }
  return true;
}

bool Importer::checkResults(const Function &function, const Body &body) {
  if (function.results.empty())
    return true;
  if (function.results.size() != body.results.size()) {
    fail(body.returnRange, "'" + function.name.name + "' declares " +
                               llvm::Twine(function.results.size()) + " results, got " +
                               llvm::Twine(body.results.size()));
    return false;
  }
  bool agree = true;
  for (auto [number, pair] : llvm::enumerate(llvm::zip(function.results, body.results))) {
    auto [type, result] = pair;
    std::string what = "result " + std::to_string(number);
    if (!isTensorType(*type))
      continue;
    if (!result.value.template is<SymbolicTensor>()) {
      fail(result.range, what + " is declared a tensor, got " + result.value.describe());
      agree = false;
      continue;
    }
    agree = bindDims(*type, result, *body.scope) && checkTensor(*type, result, body.scope, what) &&
            agree;
  }
  return agree;
}

//===-- Weights -----------------------------------------------------------------------------===//

std::optional<WeightValue> Importer::namedWeight(const Parameter &parameter, Scope *scope) {
  const TypeExpr &type = *parameter.type;
  WeightValue weight{TextValue{parameter.name.name.str()}, {}};
  if (type.weightName) {
    MaybeValue name = evaluate(type.weightName, scope);
    if (!name)
      return std::nullopt;
    auto *text = name->get<TextValue>();
    if (!text)
      return fail(type.weightName->range,
                  "the name of a weight is a string, got " + name->describe());
    weight.name = *text;
  }
  if (type.element.name.empty())
    return weight;
  weight.elementType = resolveElementType(type.element);
  if (!weight.elementType)
    return std::nullopt;
  return weight;
}

// Layers are stored alike; a file where they are not is refused when it is loaded.
std::optional<mlir::Type> Importer::storedType(const TextValue &name) {
  if (!options.weights)
    return std::nullopt;
  // The first of each index.
  std::string first = name.text;
  for (const LoopIndex &index : name.indices)
    first.replace(first.find("{}"), 2, std::to_string(index.spans.empty() ? 0 : index.spans[0]));
  std::optional<TensorView> tensor = options.weights->findStored(first);
  if (!tensor)
    return std::nullopt;
  mlir::Type type = parseElementType(getContext(), stringify(tensor->dataType()));
  return llvm::isa_and_nonnull<mlir::FloatType>(type) ? std::optional(type) : std::nullopt;
}

MaybeValue Importer::loadWeight(const WeightValue &weight, llvm::ArrayRef<SymbolicDim> shape,
                                SourceRange range) {
  mlir::Type used = weight.elementType, stored = used;
  if (!used) {
    used = getGraph().opBuilder().getF32Type();
    stored = storedType(weight.name).value_or(used);
  }
  auto tensor = build(range, [&](GraphBuilder &g) {
    return g.storedWeight(weight.name.text, stored, used, shape, weight.name.indices);
  });
  return tensor ? MaybeValue(*tensor) : std::nullopt;
}

} // namespace fovea
