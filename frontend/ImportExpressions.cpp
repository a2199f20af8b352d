// Expressions of a description: names, strings, calls and attributes.
#include "frontend/Builtins.h"
#include "frontend/ImporterImpl.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace fovea {

using namespace ast;
using MaybeValue = Importer::MaybeValue;

// The parser bounds one expression; inlined calls stack expressions on each other.
static constexpr size_t maxDepth = 400;
// What walks nested sequences recurses.
static constexpr size_t maxSequenceDepth = 100;
// Sequences share what they hold, so that forty lines make one without end.
static constexpr uint64_t maxLeaves = uint64_t(1) << 24;

bool Importer::charge(uint64_t work, SourceRange range) {
  if (aborted)
    return false;
  steps += std::min(work, maxSteps);
  if (steps <= maxSteps)
    return true;
  fail(range, "the description takes more than " + llvm::Twine(maxSteps) + " steps to expand");
  aborted = true;
  return false;
}

MaybeValue Importer::evaluate(const Expr *expr, Scope *scope) {
  if (!charge(1, expr->range))
    return std::nullopt;
  if (depth >= maxDepth) {
    aborted = true;
    return fail(expr->range, "calls and expressions are nested more than " + llvm::Twine(maxDepth) +
                                 " deep here");
  }
  ++depth;
  MaybeValue value = evaluateNode(expr, scope);
  --depth;
  if (!value || !charge(value->cost(), expr->range))
    return std::nullopt;
  auto *sequence = value->get<SequenceValue>();
  if (sequence && sequence->depth > maxSequenceDepth)
    return fail(expr->range,
                "this sequence is nested more than " + llvm::Twine(maxSequenceDepth) + " deep");
  if (sequence && sequence->leaves > maxLeaves)
    return fail(expr->range, "this sequence has more than " + llvm::Twine(maxLeaves) +
                                 " elements, those of the sequences in it included");
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
    return makeText(llvm::cast<StringExpr>(expr)->value.str(), expr->range);
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
  if (diagnostics.isFull())
    return {};
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
  if (auto *text = value.get<TextValue>(); text && text->isKnown())
    return text->text;
  return std::nullopt;
}

MaybeValue Importer::makeText(std::string text, SourceRange range) {
  if (text.size() <= maxTextLength)
    return Value(std::move(text));
  return fail(range, "a string has at most " + llvm::Twine(maxTextLength) + " characters, got " +
                         llvm::Twine(text.size()));
}

MaybeValue Importer::evaluateFString(const FStringExpr &expr, Scope *scope) {
  TextValue result{expr.texts[0].str()};
  for (auto [piece, text] : llvm::zip_equal(expr.values, expr.texts.drop_front())) {
    MaybeValue value = evaluate(piece, scope);
    if (!value)
      return std::nullopt;
    auto *scalar = value->get<ScalarValue>();
    auto *layered = value->get<TextValue>();
    if (layered && layered->isKnown())
      layered = nullptr;
    if (scalar && !scalar->range)
      return fail(piece->range, "only the variable of a loop over a range of known length can "
                                "stand in a string at run time, or what +, -, *, // and % make of "
                                "such and integers");
    if (scalar && scalar->range->first < 0)
      return fail(piece->range, "expected a number that is at least 0 in a string at run time, got "
                                "one from " +
                                    llvm::Twine(scalar->range->first) + " to " +
                                    llvm::Twine(scalar->range->last));
    if (scalar || layered) {
      std::vector<LoopIndex> added = scalar ? std::vector{loopIndex(*scalar)} : layered->indices;
      for (const LoopIndex &index : added)
        if (llvm::is_contained(llvm::map_range(result.indices, std::mem_fn(&LoopIndex::value)),
                               index.value))
          return fail(piece->range, "a string can hold a loop variable once, and has it already");
      llvm::append_range(result.indices, added);
      result.text += scalar ? "{}" : layered->text;
    } else if (auto formatted = format(*value)) {
      result.text += *formatted;
    } else {
      return fail(piece->range, "expected a number or a string, got " + value->describe());
    }
    result.text += text;
    if (!makeText(result.text, expr.range))
      return std::nullopt;
  }
  return Value(result);
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
    using Kind = ConfigGetValue::Kind;
    auto kind = llvm::StringSwitch<std::optional<Kind>>(name)
                    .Case("get", Kind::Any)
                    .Case("size", Kind::Size)
                    .Case("positive", Kind::Positive)
                    .Case("positives", Kind::Positives)
                    .Case("require", Kind::Require)
                    .Case("section", Kind::Section)
                    .Default(std::nullopt);
    if (kind && !config->object->get(name))
      return Value(ConfigGetValue{*config, *kind});
    return configAttribute(*config, name, expr.attribute.range);
  }
  if (const Value *element = object->named(name))
    return *element;
  if (auto *tensor = object->get<SymbolicTensor>())
    return tensorAttribute(*object, *tensor, expr.attribute, expr.range);
  if (auto *limits = object->get<LimitsValue>())
    return limitsAttribute(*limits, expr.attribute);
  return fail(expr.attribute.range, object->describe() + " has no attribute '" + name + "'");
}

static Value toNumber(const llvm::APFloat &number) { return Value(number.convertToDouble()); }

// PyTorch's names of what floats and integers are like.
MaybeValue Importer::limitsAttribute(const LimitsValue &limits, const Identifier &attribute) {
  llvm::StringRef name = attribute.name;
  if (name == "bits")
    return Value(static_cast<int64_t>(limits.type.getIntOrFloatBitWidth()));
  if (auto type = llvm::dyn_cast<mlir::FloatType>(limits.type)) {
    const llvm::fltSemantics &semantics = type.getFloatSemantics();
    if (name == "min" || name == "max")
      return toNumber(llvm::APFloat::getLargest(semantics, /*Negative=*/name == "min"));
    if (name == "tiny" || name == "smallest_normal")
      return toNumber(llvm::APFloat::getSmallestNormalized(semantics));
    if (name == "eps")
      return Value(std::ldexp(1.0, 1 - static_cast<int>(type.getFPMantissaWidth())));
  } else if (name == "min" || name == "max") {
    unsigned width = limits.type.getIntOrFloatBitWidth();
    return Value(name == "min" ? llvm::minIntN(width) : llvm::maxIntN(width));
  }
  return fail(attribute.range, Value(limits).describe() + " have no attribute '" + name + "'" +
                                   didYouMean(name, {"min", "max", "bits"}));
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
  if (name == "T" || name == "mT") {
    if (tensor.rank() < 2)
      return fail(range, "'." + name + "' swaps the last two dims, and this has " + tensor.str());
    auto swapped = build(range, [&](GraphBuilder &g) { return g.transpose(tensor, -2, -1); });
    return swapped ? MaybeValue(*swapped) : std::nullopt;
  }
  if (const Builtin *builtin = findBuiltin(name); builtin && builtin->isMethod)
    return Value(BuiltinValue{builtin, std::make_shared<Value>(object)});
  std::vector<llvm::StringRef> candidates{"shape", "ndim", "dtype", "T", "mT"};
  appendMethodNames(candidates);
  return fail(attribute.range,
              "a tensor has no attribute '" + name + "'" + didYouMean(name, candidates));
}

} // namespace fovea
