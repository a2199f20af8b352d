// Builtins of the language itself: sequences, conversions, configurations and weights.
#include "frontend/Builtins.h"
#include "frontend/Json.h"
#include "llvm/Support/Path.h"
#include <cmath>

namespace fovea {

using MaybeValue = std::optional<Value>;

static MaybeValue makeRange(BuiltinCall &call) {
  std::vector<LocatedValue> bounds = call.rest();
  if (bounds.empty() || bounds.size() > 2)
    return call.fail("", "'range' takes an end, or a begin and an end");
  SymbolicShape sizes = call.shape();
  if (call.hasFailed())
    return std::nullopt;
  return Value(RangeValue{sizes.size() == 2 ? sizes[0] : SymbolicDim(0), sizes.back()});
}

static MaybeValue length(BuiltinCall &call) {
  Value argument = call.value("x");
  if (auto *tensor = argument.get<SymbolicTensor>(); tensor && tensor->rank() > 0)
    return Value(tensor->shape[0]);
  if (auto *text = argument.get<TextValue>())
    return Value(static_cast<int64_t>(text->text.size()));
  auto elements = call.importer.elementsOf(argument, call.rangeOf("x"));
  return elements ? MaybeValue(Value(static_cast<int64_t>(elements->size()))) : std::nullopt;
}

// Configurations hold what they like, and nothing else asks of a value whether it has elements.
static MaybeValue isList(BuiltinCall &call) {
  Value argument = call.value("x");
  return Value(argument.sequence() != nullptr || argument.is<RangeValue>());
}

static MaybeValue enumerateElements(BuiltinCall &call) {
  auto elements = call.importer.elementsOf(call.value("x"), call.rangeOf("x"));
  if (!elements)
    return std::nullopt;
  if (!call.importer.charge(3 * elements->size(), call.range))
    return std::nullopt;
  std::vector<Value> pairs;
  for (auto [position, element] : llvm::enumerate(*elements))
    pairs.emplace_back(std::vector<Value>{Value(static_cast<int64_t>(position)), element});
  return Value(std::move(pairs));
}

static MaybeValue zipElements(BuiltinCall &call) {
  std::vector<std::vector<Value>> rows;
  std::vector<LocatedValue> sequences = call.rest();
  for (const LocatedValue &argument : sequences) {
    auto elements = call.importer.elementsOf(argument.value, argument.range);
    if (!elements || !call.importer.charge(2 * elements->size(), call.range))
      return std::nullopt;
    for (size_t i = 0; i < elements->size(); ++i) {
      if (rows.size() <= i)
        rows.emplace_back();
      rows[i].push_back((*elements)[i]);
    }
  }
  std::vector<Value> result;
  for (std::vector<Value> &row : rows) {
    if (row.size() != sequences.size())
      return call.fail("", "'zip' takes sequences of one length");
    result.emplace_back(std::move(row));
  }
  return Value(std::move(result));
}

/// A run-time scalar as one of another type.
static Value castScalar(BuiltinCall &call, const ScalarValue &x, mlir::Type type) {
  mlir::OpBuilder &builder = call.importer.getGraph().opBuilder();
  return Value(ScalarValue{buildCast(builder, call.importer.locate(call.range), x.value, type),
                           std::nullopt});
}

static MaybeValue castTo(BuiltinCall &call, llvm::StringRef name) {
  mlir::Type type = parseElementType(call.importer.getContext(), name);
  Value argument = call.value("x");
  if (auto *scalar = argument.get<ScalarValue>())
    return castScalar(call, *scalar, type);
  return call.build([&](GraphBuilder &g) { return g.cast(call.tensor("x"), type); });
}

static MaybeValue toInt(BuiltinCall &call) {
  Value argument = call.value("x");
  if (auto *scalar = argument.get<ScalarValue>())
    return castScalar(call, *scalar, call.importer.getGraph().opBuilder().getIndexType());
  if (argument.is<SymbolicTensor>())
    return castTo(call, "i64");
  if (argument.dim())
    return argument;
  auto number = argument.number();
  if (!number)
    return call.failExpected("x", "a number or a tensor");
  if (!(std::abs(*number) < 0x1p62))
    return call.fail("x", "this number does not fit in 64 bits");
  return Value(static_cast<int64_t>(*number));
}

static MaybeValue toFloat(BuiltinCall &call) {
  Value argument = call.value("x");
  // The float type of scores.
  if (auto *scalar = argument.get<ScalarValue>())
    return llvm::isa<mlir::FloatType>(scalar->value.getType())
               ? MaybeValue(argument)
               : call.importer.binary(BinaryKind::Mul, argument, Value(1.0), call.range);
  if (argument.is<SymbolicTensor>())
    return castTo(call, "f32");
  if (argument.is<SymbolicDim>())
    return call.importer.toTensor(argument, call.importer.getGraph().opBuilder().getF32Type(),
                                  call.range);
  double parsed = 0;
  auto *text = argument.get<TextValue>();
  if (text && !llvm::StringRef(text->text).getAsDouble(parsed))
    return Value(parsed);
  if (auto number = argument.number())
    return Value(*number);
  return call.failExpected("x", "a number or a tensor");
}

static MaybeValue toBool(BuiltinCall &call) {
  Value argument = call.value("x");
  if (auto *scalar = argument.get<ScalarValue>())
    return castScalar(call, *scalar, call.importer.getGraph().opBuilder().getI1Type());
  if (argument.is<SymbolicTensor>())
    return castTo(call, "bool");
  if (auto number = argument.number())
    return Value(*number != 0);
  return call.failExpected("x", "a number or a tensor");
}

static MaybeValue convert(BuiltinCall &call) {
  mlir::Type type = call.elementType("dtype");
  Value argument = call.value("x");
  if (auto *scalar = argument.get<ScalarValue>(); scalar && !call.hasFailed())
    return castScalar(call, *scalar, type);
  SymbolicTensor x = call.tensor("x");
  return call.build([&](GraphBuilder &g) { return g.cast(x, type); });
}

template <typename Kind>
static MaybeValue limits(BuiltinCall &call) {
  mlir::Type type = call.elementType("dtype");
  if (call.hasFailed())
    return std::nullopt;
  if (!llvm::isa<Kind>(type) || type.isInteger(1))
    return call.failExpected("dtype", std::is_same_v<Kind, mlir::FloatType> ? "a float type"
                                                                            : "an integer type");
  return Value(LimitsValue{type});
}

static MaybeValue makeWeight(BuiltinCall &call) {
  Value name = call.value("name");
  auto *text = name.get<TextValue>();
  if (!text)
    return call.failExpected("name", "a string");
  return Value(WeightValue{*text, {}});
}

static MaybeValue hasWeight(BuiltinCall &call) {
  std::string name = call.text("name");
  const auto &weights = call.importer.getOptions().weights;
  if (call.hasFailed())
    return std::nullopt;
  return Value(weights && weights->findStored(name).has_value());
}

// Reads a JSON file of the model's directory. Descriptions come from anywhere, so none may look
// elsewhere.
static MaybeValue loadConfig(BuiltinCall &call) {
  std::string name = call.text("path");
  if (call.hasFailed())
    return std::nullopt;
  namespace path = llvm::sys::path;
  bool leaves = path::is_absolute(name) ||
                llvm::is_contained(llvm::make_range(path::begin(name), path::end(name)), "..");
  if (name.empty() || leaves)
    return call.fail("path", "expected a path within the model's directory, got '" + name + "'");
  llvm::SmallString<256> whole(call.importer.getOptions().modelDirectory);
  path::append(whole, name);
  llvm::Expected<llvm::json::Object> object = readJsonObject(whole);
  if (!object)
    return call.fail("path", llvm::toString(object.takeError()));
  auto file = std::make_shared<const ConfigFile>(ConfigFile{whole.str().str(), std::move(*object)});
  return Value(ConfigValue{file, &file->object});
}

llvm::ArrayRef<Builtin> getCompileTimeBuiltins() {
  static const Builtin table[] = {
      {"range", "*bounds", makeRange, false},
      {"len", "x", length, false},
      {"is_list", "x", isList, false},
      {"enumerate", "x", enumerateElements, false},
      {"zip", "*sequences", zipElements, false},
      {"int", "x", toInt},
      {"float", "x", toFloat},
      {"bool", "x", toBool},
      {"long", "x", [](BuiltinCall &call) { return castTo(call, "i64"); }},
      {"half", "x", [](BuiltinCall &call) { return castTo(call, "f16"); }},
      {"to", "x, dtype", convert},
      {"finfo", "dtype", limits<mlir::FloatType>, false},
      {"iinfo", "dtype", limits<mlir::IntegerType>, false},
      {"weight", "name", makeWeight, false},
      {"has_weight", "name", hasWeight, false},
      {"load_config", "path", loadConfig, false},
  };
  return table;
}

} // namespace fovea
