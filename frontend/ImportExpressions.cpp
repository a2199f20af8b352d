// Expressions of a description: names, operators, sequences and attributes.
#include "frontend/Builtins.h"
#include "frontend/ImporterImpl.h"
#include "llvm/ADT/StringExtras.h"

namespace fovea {

using namespace ast;
using MaybeValue = Importer::MaybeValue;

// The parser bounds one expression; inlined calls stack expressions on each other.
static constexpr size_t maxDepth = 400;
// A function that calls another twice doubles the work: forty such lines would never end.
static constexpr size_t maxSteps = 2000000;
static constexpr size_t maxElements = 65536;
static constexpr size_t maxTextLength = 65536;

MaybeValue Importer::evaluate(const Expr *expr, Scope *scope) {
  if (aborted)
    return std::nullopt;
  if (depth >= maxDepth || ++steps > maxSteps) {
    fail(expr->range, depth >= maxDepth
                          ? llvm::Twine("calls and expressions are nested more than ") +
                                llvm::Twine(maxDepth) + " deep here"
                          : llvm::Twine("the description takes more than ") +
                                llvm::Twine(maxSteps) + " steps to expand");
    aborted = true;
    return std::nullopt;
  }
  ++depth;
  MaybeValue value = evaluateNode(expr, scope);
  --depth;
  return value;
}

MaybeValue Importer::evaluateNode(const Expr *expr, Scope *scope) {
  using Kind = Expr::Kind;
  switch (expr->kind) {
  case Kind::Integer:
    return Value(llvm::cast<IntegerExpr>(expr)->value);
  case Kind::Float:
    return Value(llvm::cast<FloatExpr>(expr)->value);
  case Kind::String:
    return Value(llvm::cast<StringExpr>(expr)->value.str());
  case Kind::FString:
    return evaluateFString(*llvm::cast<FStringExpr>(expr), scope);
  case Kind::Bool:
    return Value(llvm::cast<BoolExpr>(expr)->value);
  case Kind::None:
    return Value();
  case Kind::Name:
    return evaluateName(*llvm::cast<NameExpr>(expr), scope);
  case Kind::Unary:
    return evaluateUnary(*llvm::cast<UnaryExpr>(expr), scope);
  case Kind::Binary:
    return evaluateBinary(*llvm::cast<BinaryExpr>(expr), scope);
  case Kind::Compare:
    return evaluateCompare(*llvm::cast<CompareExpr>(expr), scope);
  case Kind::Logical:
    return evaluateLogical(*llvm::cast<LogicalExpr>(expr), scope);
  case Kind::Conditional:
    return evaluateConditional(*llvm::cast<ConditionalExpr>(expr), scope);
  case Kind::Lambda:
    return Value(LambdaValue{llvm::cast<LambdaExpr>(expr), scope});
  case Kind::Call:
    return evaluateCall(*llvm::cast<CallExpr>(expr), scope);
  case Kind::Attribute:
    return evaluateAttribute(*llvm::cast<AttributeExpr>(expr), scope);
  case Kind::Subscript:
    return evaluateSubscript(*llvm::cast<SubscriptExpr>(expr), scope);
  case Kind::Tuple:
    return evaluateSequence(llvm::cast<TupleExpr>(expr)->elements, scope);
  case Kind::List:
    return evaluateSequence(llvm::cast<ListExpr>(expr)->elements, scope);
  case Kind::Comprehension:
    return evaluateComprehension(*llvm::cast<ComprehensionExpr>(expr), scope);
  case Kind::Ellipsis:
  case Kind::Slice:
    break;
  }
  return fail(expr->range, "'...' and ':' stand only in the index of a tensor");
}

//===-- Names -------------------------------------------------------------------------------===//

const Value *Importer::lookup(llvm::StringRef name, const Scope *scope) const {
  for (; scope; scope = scope->parent)
    if (auto found = scope->names.find(name); found != scope->names.end())
      return &found->second;
  return nullptr;
}

MaybeValue Importer::lookupGlobal(llvm::StringRef name) {
  if (auto function = functions.find(name); function != functions.end())
    return Value(FunctionValue{function->second});
  if (mlir::Type type = parseElementType(getContext(), name); type && name != "bool")
    return Value(type);
  if (const Builtin *builtin = findBuiltin(name))
    return Value(BuiltinValue{builtin, nullptr});
  return builtinConstant(name);
}

MaybeValue Importer::evaluateName(const NameExpr &name, Scope *scope) {
  if (const Value *value = lookup(name.name, scope)) {
    if (value->is<PoisonValue>())
      return std::nullopt;
    return *value;
  }
  if (MaybeValue value = lookupGlobal(name.name))
    return value;
  return fail(name.range, "unknown name '" + name.name + "'" + suggestName(name.name, scope));
}

std::string Importer::suggestName(llvm::StringRef name, const Scope *scope) const {
  std::vector<llvm::StringRef> candidates;
  for (; scope; scope = scope->parent)
    for (const auto &entry : scope->names)
      candidates.push_back(entry.getKey());
  for (const auto &entry : functions)
    candidates.push_back(entry.getKey());
  llvm::sort(candidates); // Hash tables have no order, messages do.
  appendBuiltinNames(candidates);
  return didYouMean(name, candidates);
}

//===-- Strings -----------------------------------------------------------------------------===//

static std::optional<std::string> format(const Value &value) {
  if (auto *flag = value.get<bool>())
    return *flag ? "True" : "False";
  if (auto integer = value.integer())
    return std::to_string(*integer);
  if (auto number = value.number())
    return formatNumber(*number);
  if (auto *text = value.get<TextValue>(); text && !text->layer)
    return text->text;
  return std::nullopt;
}

MaybeValue Importer::evaluateFString(const FStringExpr &expr, Scope *scope) {
  TextValue result{expr.texts[0].str(), {}, 1};
  for (auto [piece, text] : llvm::zip_equal(expr.values, expr.texts.drop_front())) {
    MaybeValue value = evaluate(piece, scope);
    if (!value)
      return std::nullopt;
    if (auto *scalar = value->get<ScalarValue>()) {
      if (!scalar->loopEnd)
        return fail(piece->range, "only the variable of a loop over a range of known length can "
                                  "stand in a string at run time");
      if (result.layer)
        return fail(piece->range, "a string can hold one loop variable, and has one already");
      result.layer = scalar->value;
      result.count = *scalar->loopEnd;
      result.text += "{}";
    } else if (auto formatted = format(*value)) {
      result.text += *formatted;
    } else {
      return fail(piece->range, "expected a number or a string, got " + value->describe());
    }
    result.text += text;
    if (result.text.size() > maxTextLength)
      return fail(expr.range, "this string is too long");
  }
  return Value(result);
}

//===-- Operators ---------------------------------------------------------------------------===//

std::optional<bool> Importer::truth(const Value &value, SourceRange range) {
  if (auto number = value.number())
    return *number != 0;
  if (value.isNone())
    return false;
  if (auto *text = value.get<TextValue>())
    return !text->text.empty();
  if (auto *elements = value.sequence())
    return !elements->empty();
  if (value.is<SymbolicTensor>() || value.is<ScalarValue>())
    return fail(range, "a condition must be known at compile time, and this is " +
                           value.describe() + "; use where(condition, a, b)");
  if (value.is<SymbolicDim>())
    return fail(range, "a condition must be known at compile time, and this depends on " +
                           value.describe());
  return true;
}

MaybeValue Importer::evaluateUnary(const UnaryExpr &expr, Scope *scope) {
  MaybeValue operand = evaluate(expr.operand, scope);
  if (!operand)
    return std::nullopt;
  bool atRunTime = operand->is<SymbolicTensor>() || operand->is<ScalarValue>();
  switch (expr.op) {
  case TokenKind::Minus:
    return unary(UnaryKind::Neg, *operand, expr.range);
  case TokenKind::Plus:
    if (!atRunTime && !operand->number() && !operand->dim())
      return fail(expr.range, "'+' takes a number or a tensor, got " + operand->describe());
    return operand;
  case TokenKind::KwNot:
    if (!atRunTime) {
      auto condition = truth(*operand, expr.operand->range);
      return condition ? MaybeValue(Value(!*condition)) : std::nullopt;
    }
    if (operand->is<SymbolicTensor>() && !region)
      return fail(expr.range, "'not' takes one truth value; write '~' for a tensor");
    return unary(UnaryKind::LogicalNot, *operand, expr.range);
  default:
    if (atRunTime || operand->is<bool>())
      return unary(UnaryKind::LogicalNot, *operand, expr.range);
    return fail(expr.range, "'~' takes a boolean tensor, got " + operand->describe());
  }
}

static std::optional<BinaryKind> toBinaryKind(TokenKind op) {
  switch (op) {
  case TokenKind::Plus:
    return BinaryKind::Add;
  case TokenKind::Minus:
    return BinaryKind::Sub;
  case TokenKind::Star:
    return BinaryKind::Mul;
  case TokenKind::Slash:
    return BinaryKind::Div;
  case TokenKind::SlashSlash:
    return BinaryKind::FloorDiv;
  case TokenKind::Percent:
    return BinaryKind::Mod;
  case TokenKind::StarStar:
    return BinaryKind::Pow;
  case TokenKind::Ampersand:
    return BinaryKind::And;
  case TokenKind::Pipe:
    return BinaryKind::Or;
  default:
    return std::nullopt;
  }
}

MaybeValue Importer::evaluateBinary(const BinaryExpr &expr, Scope *scope) {
  MaybeValue left = evaluate(expr.left, scope);
  MaybeValue right = evaluate(expr.right, scope);
  if (!left || !right)
    return std::nullopt;
  if (auto kind = toBinaryKind(expr.op))
    return binary(*kind, *left, *right, expr.range);
  if (expr.op == TokenKind::Caret)
    return compare(CompareOp::NotEqual, *left, *right, expr.range);
  auto *a = left->get<SymbolicTensor>(), *b = right->get<SymbolicTensor>();
  if (!a || !b)
    return fail(expr.range, "'@' multiplies two tensors, got " + left->describe() + " and " +
                                right->describe());
  auto product = build(expr.range, [&](GraphBuilder &g) { return g.matmul(*a, *b); });
  return product ? MaybeValue(*product) : std::nullopt;
}

// `a < b < c` is `a < b and b < c`.
MaybeValue Importer::evaluateCompare(const CompareExpr &expr, Scope *scope) {
  std::vector<Value> operands;
  for (const Expr *operand : expr.operands) {
    MaybeValue value = evaluate(operand, scope);
    if (!value)
      return std::nullopt;
    operands.push_back(*value);
  }
  MaybeValue result;
  for (size_t i = 0; i < expr.ops.size(); ++i) {
    MaybeValue step = compare(expr.ops[i], operands[i], operands[i + 1], expr.range);
    if (!step)
      return std::nullopt;
    result = result ? logical(/*isAnd=*/true, *result, *step, expr.range) : step;
    if (!result)
      return std::nullopt;
  }
  return result;
}

MaybeValue Importer::evaluateLogical(const LogicalExpr &expr, Scope *scope) {
  bool isAnd = expr.op == TokenKind::KwAnd;
  MaybeValue left = evaluate(expr.left, scope);
  if (!left)
    return std::nullopt;
  if (!left->is<ScalarValue>() && !left->is<SymbolicTensor>()) {
    auto known = truth(*left, expr.left->range);
    if (!known)
      return std::nullopt;
    return *known == isAnd ? evaluate(expr.right, scope) : left;
  }
  MaybeValue right = evaluate(expr.right, scope);
  if (!right)
    return std::nullopt;
  if (!region && (left->is<SymbolicTensor>() || right->is<SymbolicTensor>()))
    return fail(expr.range, llvm::Twine(describe(expr.op)) + " takes single truth values; write '" +
                                (isAnd ? "&" : "|") + "' for tensors");
  return logical(isAnd, *left, *right, expr.range);
}

MaybeValue Importer::logical(bool isAnd, const Value &left, const Value &right, SourceRange range) {
  // A constant decides, or leaves the other operand.
  for (bool swapped : {false, true})
    if (auto *known = (swapped ? right : left).get<bool>())
      return *known == isAnd ? (swapped ? left : right) : Value(!isAnd);
  return binary(isAnd ? BinaryKind::And : BinaryKind::Or, left, right, range);
}

MaybeValue Importer::evaluateConditional(const ConditionalExpr &expr, Scope *scope) {
  MaybeValue condition = evaluate(expr.condition, scope);
  if (!condition)
    return std::nullopt;
  if (!condition->is<ScalarValue>()) {
    auto known = truth(*condition, expr.condition->range);
    if (!known)
      return std::nullopt;
    return evaluate(*known ? expr.then : expr.otherwise, scope);
  }
  MaybeValue then = evaluate(expr.then, scope);
  MaybeValue otherwise = evaluate(expr.otherwise, scope);
  if (!then || !otherwise)
    return std::nullopt;
  return select(*condition, *then, *otherwise, expr.range);
}

//===-- Calls and attributes ----------------------------------------------------------------===//

MaybeValue Importer::evaluateCall(const CallExpr &expr, Scope *scope) {
  MaybeValue callee = evaluate(expr.callee, scope);
  std::vector<LocatedValue> arguments;
  bool complete = callee.has_value();
  for (const Argument &argument : expr.arguments) {
    MaybeValue value = evaluate(argument.value, scope);
    if (!value) {
      complete = false;
      continue;
    }
    SourceRange range = argument.value->range;
    arguments.push_back({argument.name.name.str(), std::move(*value), range});
  }
  return complete ? call(*callee, arguments, expr.range) : std::nullopt;
}

MaybeValue Importer::evaluateAttribute(const AttributeExpr &expr, Scope *scope) {
  MaybeValue object = evaluate(expr.object, scope);
  if (!object)
    return std::nullopt;
  llvm::StringRef name = expr.attribute.name;
  if (auto *config = object->get<ConfigValue>()) {
    if (name == "get" && !config->object->get("get"))
      return Value(ConfigGetValue{*config});
    return configAttribute(*config, name, expr.attribute.range);
  }
  if (auto *tensor = object->get<SymbolicTensor>())
    return tensorAttribute(*object, *tensor, expr.attribute, expr.range);
  return fail(expr.attribute.range, object->describe() + " has no attribute '" + name + "'");
}

MaybeValue Importer::tensorAttribute(const Value &object, const SymbolicTensor &tensor,
                                     const Identifier &attribute, SourceRange range) {
  llvm::StringRef name = attribute.name;
  if (name == "shape") {
    std::vector<Value> sizes;
    for (const SymbolicDim &dim : tensor.shape)
      sizes.emplace_back(dim);
    return Value(std::move(sizes));
  }
  if (name == "ndim")
    return Value(tensor.rank());
  if (name == "dtype")
    return Value(tensor.elementType());
  if (name == "T") {
    if (tensor.rank() < 2)
      return fail(range, "'.T' swaps the last two dims, and this has " + tensor.str());
    auto swapped = build(range, [&](GraphBuilder &g) { return g.transpose(tensor, -2, -1); });
    return swapped ? MaybeValue(*swapped) : std::nullopt;
  }
  if (const Builtin *builtin = findBuiltin(name); builtin && builtin->isMethod)
    return Value(BuiltinValue{builtin, std::make_shared<Value>(object)});
  std::vector<llvm::StringRef> candidates{"shape", "ndim", "dtype", "T"};
  appendMethodNames(candidates);
  return fail(attribute.range,
              "a tensor has no attribute '" + name + "'" + didYouMean(name, candidates));
}

//===-- Sequences ---------------------------------------------------------------------------===//

MaybeValue Importer::evaluateSequence(llvm::ArrayRef<Expr *> elements, Scope *scope) {
  std::vector<Value> values;
  bool complete = true;
  for (const Expr *element : elements) {
    MaybeValue value = evaluate(element, scope);
    complete &= value.has_value();
    if (value)
      values.push_back(std::move(*value));
  }
  return complete ? MaybeValue(Value(std::move(values))) : std::nullopt;
}

std::optional<std::vector<Value>> Importer::elementsOf(const Value &value, SourceRange range) {
  if (auto *elements = value.sequence())
    return *elements;
  auto *bounds = value.get<RangeValue>();
  if (!bounds)
    return fail(range, "expected a tuple, a list or a range, got " + value.describe());
  auto begin = bounds->begin.constant(), end = bounds->end.constant();
  if (!begin || !end)
    return fail(range, "a sequence must have a length known at compile time, and this ends at " +
                           bounds->end.str());
  if (*end > *begin && static_cast<uint64_t>(*end) - static_cast<uint64_t>(*begin) > maxElements)
    return fail(range,
                "a compile-time sequence has at most " + llvm::Twine(maxElements) + " elements");
  std::vector<Value> elements;
  for (int64_t i = *begin; i < *end; ++i)
    elements.emplace_back(i);
  return elements;
}

MaybeValue Importer::evaluateComprehension(const ComprehensionExpr &expr, Scope *scope) {
  MaybeValue sequence = evaluate(expr.sequence, scope);
  if (!sequence)
    return std::nullopt;
  auto elements = elementsOf(*sequence, expr.sequence->range);
  if (!elements)
    return std::nullopt;
  std::vector<Value> results;
  for (const Value &element : *elements) {
    Scope *inner = newScope(scope);
    if (!bindTargets(expr.targets, element, expr.sequence->range, *inner))
      return std::nullopt;
    if (expr.condition) {
      MaybeValue condition = evaluate(expr.condition, inner);
      auto keep = condition ? truth(*condition, expr.condition->range) : std::nullopt;
      if (!keep)
        return std::nullopt;
      if (!*keep)
        continue;
    }
    MaybeValue value = evaluate(expr.element, inner);
    if (!value)
      return std::nullopt;
    results.push_back(std::move(*value));
  }
  return Value(std::move(results));
}

} // namespace fovea
