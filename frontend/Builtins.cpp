// Matching of a builtin's arguments with its signature, and their conversion.
#include "frontend/Builtins.h"
#include <cmath>
#include <limits>
#include <numbers>

namespace fovea {

//===-- The tables --------------------------------------------------------------------------===//

template <typename F>
static void forEachBuiltin(F &&visit) {
  for (llvm::ArrayRef<Builtin> table :
       {getCompileTimeBuiltins(), getElementwiseBuiltins(), getReductionBuiltins(),
        getShapeBuiltins(), getGatherBuiltins(), getConstantBuiltins(), getAttentionBuiltins()})
    for (const Builtin &builtin : table)
      visit(builtin);
}

const Builtin *findBuiltin(llvm::StringRef name) {
  const Builtin *found = nullptr;
  forEachBuiltin([&](const Builtin &builtin) {
    if (builtin.name == name)
      found = &builtin;
  });
  return found;
}

std::optional<Value> builtinConstant(llvm::StringRef name) {
  if (name == "inf")
    return Value(std::numeric_limits<double>::infinity());
  if (name == "pi")
    return Value(std::numbers::pi);
  return std::nullopt;
}

void appendBuiltinNames(std::vector<llvm::StringRef> &names) {
  forEachBuiltin([&](const Builtin &builtin) { names.push_back(builtin.name); });
  names.insert(names.end(), {"f64", "f32", "f16", "bf16", "i64", "i32", "i8", "inf", "pi"});
}

void appendMethodNames(std::vector<llvm::StringRef> &names) {
  forEachBuiltin([&](const Builtin &builtin) {
    if (builtin.isMethod)
      names.push_back(builtin.name);
  });
}

std::optional<Value> callBuiltin(Importer &importer, const Builtin &builtin,
                                 llvm::ArrayRef<LocatedValue> arguments, SourceRange range) {
  uint64_t elements = 0;
  for (const LocatedValue &argument : arguments)
    if (auto *sequence = argument.value.sequence())
      elements += sequence->size();
  if (!importer.charge(elements, range))
    return std::nullopt;
  BuiltinCall call(importer, builtin, range);
  if (!call.match(arguments))
    return std::nullopt;
  return importer.inOperation(builtin.name, [&] { return builtin.handler(call); });
}

//===-- Matching ----------------------------------------------------------------------------===//

bool BuiltinCall::match(llvm::ArrayRef<LocatedValue> given) {
  llvm::SmallVector<llvm::StringRef> parameters;
  builtin.signature.split(parameters, ", ", -1, /*KeepEmpty=*/false);
  // Those after the one that takes the rest are given by name alone.
  auto *rest =
      llvm::find_if(parameters, [](llvm::StringRef name) { return name.starts_with("*"); });
  bool takesRest = rest != parameters.end();
  size_t named = rest - parameters.begin();
  if (takesRest)
    parameters.erase(rest);
  llvm::SmallVector<llvm::StringRef> names;
  for (llvm::StringRef parameter : parameters)
    names.push_back(parameter.rtrim('='));
  size_t next = 0;
  for (const LocatedValue &argument : given) {
    llvm::StringRef name = argument.name;
    if (name.empty() && next >= named && takesRest) {
      variadic.push_back(argument);
      continue;
    }
    if (name.empty() && next >= named) {
      importer.fail(argument.range, "'" + builtin.name + "' takes at most " + llvm::Twine(named) +
                                        " arguments, got " + llvm::Twine(given.size()));
      return false;
    }
    if (name.empty())
      name = names[next++];
    if (!llvm::is_contained(names, name)) {
      importer.fail(argument.range, "'" + builtin.name + "' has no parameter '" + name + "'" +
                                        didYouMean(name, names));
      return false;
    }
    if (find(name)) {
      importer.fail(argument.range, "parameter '" + name + "' is given twice");
      return false;
    }
    arguments.push_back({name.str(), argument.value, argument.range});
  }
  for (llvm::StringRef parameter : parameters)
    if (!parameter.ends_with("=") && !has(parameter)) {
      importer.fail(range, "'" + builtin.name + "' needs an argument for '" + parameter + "'");
      return false;
    }
  return true;
}

const LocatedValue *BuiltinCall::find(llvm::StringRef parameter) const {
  auto found = llvm::find_if(arguments, [&](auto &argument) { return argument.name == parameter; });
  return found == arguments.end() ? nullptr : &*found;
}

bool BuiltinCall::has(llvm::StringRef parameter) const {
  const LocatedValue *argument = find(parameter);
  return argument && !argument->value.isNone();
}

Value BuiltinCall::value(llvm::StringRef parameter) const {
  const LocatedValue *argument = find(parameter);
  return argument ? argument->value : Value();
}

SourceRange BuiltinCall::rangeOf(llvm::StringRef parameter) const {
  const LocatedValue *argument = find(parameter);
  return argument ? argument->range : range;
}

std::vector<LocatedValue> BuiltinCall::rest() const {
  if (variadic.size() != 1 || !variadic[0].value.sequence())
    return variadic;
  std::vector<LocatedValue> elements;
  for (const Value &element : *variadic[0].value.sequence())
    elements.push_back({"", element, variadic[0].range});
  return elements;
}

//===-- Conversion --------------------------------------------------------------------------===//

std::nullopt_t BuiltinCall::fail(llvm::StringRef parameter, const llvm::Twine &message) {
  failed = true;
  return importer.fail(rangeOf(parameter), message);
}

std::nullopt_t BuiltinCall::failExpected(llvm::StringRef parameter, llvm::StringRef what) {
  return fail(parameter, "expected " + what + " for '" + parameter + "' of '" + builtin.name +
                             "', got " + value(parameter).describe());
}

SymbolicTensor BuiltinCall::tensor(llvm::StringRef parameter) {
  Value argument = value(parameter);
  if (auto *tensor = argument.get<SymbolicTensor>())
    return *tensor;
  failExpected(parameter, "a tensor");
  return {};
}

std::optional<SymbolicTensor> BuiltinCall::optionalTensor(llvm::StringRef parameter) {
  if (!has(parameter))
    return std::nullopt;
  return tensor(parameter);
}

std::vector<SymbolicTensor> BuiltinCall::tensors(llvm::StringRef parameter) {
  Value argument = value(parameter);
  std::vector<SymbolicTensor> result;
  auto *elements = argument.sequence();
  if (!elements || elements->empty()) {
    failExpected(parameter, "a sequence of tensors");
    return result;
  }
  for (const Value &element : *elements) {
    if (auto *tensor = element.get<SymbolicTensor>())
      result.push_back(*tensor);
    else
      fail(parameter, "expected a sequence of tensors for '" + parameter + "' of '" + builtin.name +
                          "', got one with " + element.describe());
  }
  return result;
}

std::optional<SymbolicTensor> BuiltinCall::scalar(llvm::StringRef parameter, mlir::Type type) {
  if (!has(parameter))
    return std::nullopt;
  auto result = importer.toTensor(value(parameter), type, rangeOf(parameter));
  failed |= !result;
  return result;
}

int64_t BuiltinCall::toInteger(llvm::StringRef parameter, const LocatedValue &argument) {
  if (auto integer = argument.value.integer())
    return *integer;
  failed = true;
  importer.fail(argument.range, "expected a compile-time integer for '" + parameter + "' of '" +
                                    builtin.name + "', got " + argument.value.describe());
  return 0;
}

int64_t BuiltinCall::integer(llvm::StringRef parameter, int64_t otherwise) {
  return has(parameter) ? toInteger(parameter, *find(parameter)) : otherwise;
}

double BuiltinCall::number(llvm::StringRef parameter, double otherwise) {
  if (!has(parameter))
    return otherwise;
  if (auto number = value(parameter).number())
    return *number;
  failExpected(parameter, "a compile-time number");
  return otherwise;
}

bool BuiltinCall::flag(llvm::StringRef parameter, bool otherwise) {
  if (!has(parameter))
    return otherwise;
  Value argument = value(parameter);
  if (auto *flag = argument.get<bool>())
    return *flag;
  failExpected(parameter, "True or False");
  return otherwise;
}

std::string BuiltinCall::text(llvm::StringRef parameter, llvm::StringRef otherwise) {
  if (!has(parameter))
    return otherwise.str();
  Value argument = value(parameter);
  if (auto *text = argument.get<TextValue>(); text && text->isKnown())
    return text->text;
  failExpected(parameter, argument.is<TextValue>()
                              ? "a string without variables of loops that run at run time"
                              : "a string");
  return otherwise.str();
}

mlir::Type BuiltinCall::elementType(llvm::StringRef parameter, llvm::StringRef otherwise) {
  mlir::Type fallback = parseElementType(importer.getContext(), otherwise);
  if (!has(parameter))
    return fallback;
  Value argument = value(parameter);
  if (auto *type = argument.get<mlir::Type>())
    return *type;
  // `bool` names a function too.
  if (auto *named = argument.get<BuiltinValue>(); named && named->builtin->name == "bool")
    return parseElementType(importer.getContext(), "bool");
  failExpected(parameter, "an element type");
  return fallback;
}

SymbolicDim BuiltinCall::toDim(const LocatedValue &argument) {
  if (auto dim = argument.value.dim())
    return *dim;
  failed = true;
  importer.fail(argument.range, "expected an integer or a size in '" + builtin.name + "', got " +
                                    argument.value.describe());
  return 0;
}

SymbolicDim BuiltinCall::dim(llvm::StringRef parameter, const SymbolicDim &otherwise) {
  return has(parameter) ? toDim(*find(parameter)) : otherwise;
}

llvm::SmallVector<int64_t> BuiltinCall::integers(llvm::StringRef parameter) {
  llvm::SmallVector<int64_t> result;
  std::vector<LocatedValue> all = parameter.empty() ? rest() : std::vector<LocatedValue>();
  if (!parameter.empty() && has(parameter)) {
    Value argument = value(parameter);
    if (auto *elements = argument.sequence())
      for (const Value &element : *elements)
        all.push_back({"", element, rangeOf(parameter)});
    else
      all.push_back(*find(parameter));
  }
  for (const LocatedValue &argument : all)
    result.push_back(toInteger(parameter.empty() ? "dims" : parameter, argument));
  return result;
}

SymbolicShape BuiltinCall::shape(llvm::StringRef parameter) {
  SymbolicShape result;
  std::vector<LocatedValue> all = parameter.empty() ? rest() : std::vector<LocatedValue>();
  if (!parameter.empty()) {
    Value argument = value(parameter);
    if (auto *elements = argument.sequence())
      for (const Value &element : *elements)
        all.push_back({"", element, rangeOf(parameter)});
    else
      all.push_back({"", argument, rangeOf(parameter)});
  }
  for (const LocatedValue &argument : all)
    result.push_back(toDim(argument));
  return result;
}

} // namespace fovea
