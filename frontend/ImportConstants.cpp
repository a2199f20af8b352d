// Constants of a file: their values, those that come from outside, and those that a description
// exports.
#include "frontend/ImporterImpl.h"

namespace fovea {

using namespace ast;

void Importer::evaluateConstants() {
  for (const Constant &constant : module.constants) {
    MaybeValue value = evaluate(constant.value, globals);
    if (value && (value->is<SymbolicTensor>() || value->is<WeightValue>()))
      value =
          fail(constant.value->range,
               "a constant of a file is known at compile time, and this is " + value->describe());
    if (constant.isParam)
      value = overrideParam(constant, value);
    if (constant.isExported && value)
      exportConstant(constant, *value);
    globals->names[constant.name.name] = value ? std::move(*value) : Value(PoisonValue());
  }
}

/// Numbers, booleans, strings, and sequences of those; null for other values.
static mlir::Attribute toAttribute(mlir::Builder &builder, const Value &value) {
  if (auto *flag = value.get<bool>())
    return builder.getBoolAttr(*flag);
  if (auto integer = value.integer())
    return builder.getI64IntegerAttr(*integer);
  if (auto number = value.number())
    return builder.getF64FloatAttr(*number);
  if (auto *text = value.get<TextValue>(); text && text->isKnown())
    return builder.getStringAttr(text->text);
  auto *sequence = value.sequence();
  if (!sequence)
    return {};
  llvm::SmallVector<mlir::Attribute> elements;
  for (const Value &element : *sequence)
    if (!elements.emplace_back(toAttribute(builder, element)))
      return {};
  return builder.getArrayAttr(elements);
}

void Importer::exportConstant(const Constant &constant, const Value &value) {
  mlir::Attribute attribute = toAttribute(graph.opBuilder(), value);
  if (!attribute) {
    fail(constant.value->range, "an exported constant is a number, a boolean, a string or a "
                                "sequence of those, and this is " +
                                    value.describe());
    return;
  }
  mlir::NamedAttrList exported(target->getAttrOfType<mlir::DictionaryAttr>(exportsAttribute));
  exported.set(constant.name.name, attribute);
  target->setAttr(exportsAttribute, exported.getDictionary(getContext()));
}

//===-- Values from outside -----------------------------------------------------------------===//

ParamValue parseParamValue(llvm::StringRef text) {
  int64_t integer = 0;
  double number = 0;
  if (text == "True" || text == "False")
    return text == "True";
  if (!text.getAsInteger(10, integer))
    return integer;
  if (!text.getAsDouble(number))
    return number;
  return text.str();
}

// The value from outside must be of the kind of the default that it replaces.
Importer::MaybeValue Importer::overrideParam(const Constant &constant, const MaybeValue &value) {
  auto given = options.params.find(constant.name.name.str());
  if (given == options.params.end() || !value)
    return value;
  MaybeValue replaced =
      std::visit([](const auto &v) -> MaybeValue { return Value(v); }, given->second);
  auto *text = replaced->get<TextValue>();
  bool fits = value->isNone() || (value->is<TextValue>() && text) ||
              (value->is<bool>() && replaced->is<bool>()) ||
              (value->is<int64_t>() && replaced->is<int64_t>()) ||
              (value->is<double>() && replaced->number() && !replaced->is<bool>());
  if (value->is<bool>() && replaced->integer() && (*replaced->integer() & ~int64_t(1)) == 0)
    return Value(*replaced->integer() == 1);
  if (value->is<double>() && fits)
    return Value(*replaced->number());
  if (auto *type = value->get<mlir::Type>(); type && text)
    if (mlir::Type given = parseElementType(getContext(), text->text))
      return Value(given);
  if (fits)
    return replaced;
  return fail(constant.name.range, "param '" + constant.name.name + "' has the default " +
                                       value->describe() + "; it cannot become " +
                                       replaced->describe());
}

static void collectDimNames(const Function &function, std::set<std::string> &names) {
  for (const Parameter &parameter : function.parameters)
    if (parameter.type)
      for (const Expr *dim : parameter.type->dims)
        if (auto *name = llvm::dyn_cast<NameExpr>(dim))
          names.insert(name->name.str());
}

bool Importer::checkOverrides() {
  std::set<std::string> known;
  for (const Function *function : existing)
    collectDimNames(*function, known);
  for (const Constant &constant : module.constants) {
    known.erase(constant.name.name.str());
    if (constant.isParam)
      known.insert(constant.name.name.str());
  }
  std::vector<llvm::StringRef> candidates(known.begin(), known.end());
  bool valid = true;
  for (const auto &[name, value] : options.params) {
    if (!known.count(name)) {
      fail(SourceRange::nowhere(), "'" + name + "' is neither a param nor a dim of this file" +
                                       didYouMean(name, candidates));
      valid = false;
    }
  }
  return valid;
}

} // namespace fovea
