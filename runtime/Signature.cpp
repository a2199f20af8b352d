#include "runtime/Signature.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Entries.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace fovea;
using namespace mlir;

std::string ArgumentSpec::describe() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << stringify(type) << "[";
  llvm::interleaveComma(dims, os, [&](const DimSpec &dim) {
    if (dim.size)
      os << *dim.size;
    else
      os << (dim.symbol.empty() ? "?" : dim.symbol);
  });
  os << "]";
  return text;
}

bool ArgumentSpec::hasStaticShape() const {
  return llvm::all_of(dims, [](const DimSpec &dim) { return dim.size.has_value(); });
}

int64_t WeightSpec::storedBytes() const {
  return llvm::product_of(sizes, static_cast<int64_t>(sizeOf(type)));
}

int64_t WeightSpec::numBytes() const {
  if (panels) {
    fovea_weight weight = toC("");
    return slots().reachedSize() * fovea_packed_size(&weight);
  }
  return slots().reachedSize() * storedBytes();
}

static int32_t formatOf(const PanelSpec &panels) {
  if (!panels.format)
    return FOVEA_PANELS;
  return *panels.format == attn::WeightFormat::Q8 ? FOVEA_Q8_PANELS : FOVEA_Q4_PANELS;
}

/// As fovea_weight::element has it.
static int32_t elementOf(DataType type) {
  return type == DataType::F16 ? FOVEA_F16 : type == DataType::BF16 ? FOVEA_BF16 : FOVEA_F32;
}

fovea_weight WeightSpec::toC(const char *name, int64_t slot) const {
  auto size = static_cast<int32_t>(sizeOf(type));
  if (!panels)
    return {name, FOVEA_AS_STORED, size, 0, 0, 0, 0, 0, 0, 0, storedBegin(slot)};
  int64_t stride[] = {sizes[1], 1};
  return {name,
          formatOf(*panels),
          size,
          sizes[panels->dim],
          sizes[1 - panels->dim],
          stride[panels->dim],
          stride[1 - panels->dim],
          panels->lanes,
          panels->streams,
          panels->format ? elementOf(type) : 0,
          storedBegin(slot)};
}

std::optional<DataType> fovea::toDataType(Type type) {
  if (type.isF64())
    return DataType::F64;
  if (type.isF32())
    return DataType::F32;
  if (type.isF16())
    return DataType::F16;
  if (type.isBF16())
    return DataType::BF16;
  if (type.isSignlessInteger(1))
    return DataType::Bool;
  if (type.isUnsignedInteger(8))
    return DataType::U8;
  if (!type.isSignlessInteger() && !type.isSignedInteger())
    return std::nullopt;
  switch (type.getIntOrFloatBitWidth()) {
  case 64:
    return DataType::I64;
  case 32:
    return DataType::I32;
  case 16:
    return DataType::I16;
  case 8:
    return DataType::I8;
  default:
    return std::nullopt;
  }
}

static std::string print(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// An argument or result of that type with its attributes; `fallback` names it if they do not.
static llvm::Expected<ArgumentSpec> readArgument(Type type, DictionaryAttr attributes,
                                                 const Twine &fallback) {
  ArgumentSpec spec;
  auto name = attributes ? attributes.getAs<StringAttr>("attn.name") : StringAttr();
  spec.name = name ? name.str() : fallback.str();
  auto tensor = dyn_cast<RankedTensorType>(type);
  std::optional<DataType> element = tensor ? toDataType(tensor.getElementType()) : std::nullopt;
  if (!element)
    return llvm::createStringError("'" + spec.name +
                                   "': expected a ranked tensor of floats, integers or booleans, "
                                   "got " +
                                   print(type));
  spec.type = *element;
  auto symbols = attributes ? attributes.getAs<ArrayAttr>("attn.dims") : ArrayAttr();
  if (symbols && static_cast<int64_t>(symbols.size()) != tensor.getRank())
    return llvm::createStringError("'" + spec.name + "': expected attn.dims for " +
                                   Twine(tensor.getRank()) + " dims, got " + Twine(symbols.size()));
  for (auto [dim, size] : llvm::enumerate(tensor.getShape())) {
    DimSpec &dimSpec = spec.dims.emplace_back();
    auto symbol = symbols ? dyn_cast<StringAttr>(symbols[dim]) : StringAttr();
    if (!ShapedType::isDynamic(size))
      dimSpec.size = size;
    else if (symbol && !symbol.empty() && llvm::isAlpha(symbol.getValue().front()))
      dimSpec.symbol = symbol.str();
  }
  return spec;
}

static llvm::Error checkNames(llvm::ArrayRef<ArgumentSpec> specs, llvm::StringRef kind) {
  llvm::StringSet<> seen;
  for (const ArgumentSpec &spec : specs)
    if (!seen.insert(spec.name).second)
      return llvm::createStringError("two " + kind + "s are called '" + spec.name + "'");
  return llvm::Error::success();
}

static llvm::Expected<EntrySignature> readSignature(func::FuncOp function) {
  EntrySignature signature;
  signature.name = function.getName().str();
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto spec = readArgument(type, function.getArgAttrDict(i), "arg" + Twine(i));
    if (!spec)
      return spec.takeError();
    signature.inputs.push_back(std::move(*spec));
  }
  for (auto [i, type] : llvm::enumerate(function.getResultTypes())) {
    auto spec = readArgument(type, function.getResultAttrDict(i), "result" + Twine(i));
    if (!spec)
      return spec.takeError();
    signature.outputs.push_back(std::move(*spec));
  }
  if (llvm::Error error = checkNames(signature.inputs, "input"))
    return std::move(error);
  if (llvm::Error error = checkNames(signature.outputs, "output"))
    return std::move(error);
  if (llvm::Error error = readSizeConditions(function).moveInto(signature.conditions))
    return std::move(error);
  return signature;
}

llvm::Expected<std::vector<EntrySignature>> fovea::readSignatures(ModuleOp module) {
  std::vector<EntrySignature> signatures;
  for (func::FuncOp function : entriesOf(module)) {
    llvm::Expected<EntrySignature> signature = readSignature(function);
    if (!signature)
      return llvm::createStringError("entry '" + function.getName() +
                                     "': " + llvm::toString(signature.takeError()));
    signatures.push_back(std::move(*signature));
  }
  if (signatures.empty())
    return llvm::createStringError("expected a module with a public function, found none");
  return signatures;
}

/// The panels that an entry of attn.weights asks for, if any.
static llvm::Expected<std::optional<PanelSpec>> readPanels(DictionaryAttr entry, ShapedType type) {
  auto typeAttr = entry.getAs<TypeAttr>("panels");
  auto dim = entry.getAs<IntegerAttr>("panel_dim");
  if (!typeAttr && !dim)
    return std::nullopt;
  std::optional<attn::WeightFormat> format;
  if (auto name = entry.getAs<StringAttr>("format")) {
    format = attn::symbolizeWeightFormat(name.getValue());
    if (!format || !type.getElementType().isFloat() || type.getElementTypeBitWidth() > 32)
      return llvm::createStringError("expected a format for floats of at most 32 bits in "
                                     "attn.weights, got " +
                                     name.getValue() + " for " + print(type));
  }
  auto panels = typeAttr ? dyn_cast<ShapedType>(typeAttr.getValue()) : ShapedType();
  if (!panels || !dim || !panels.hasStaticShape() || panels.getRank() != 4 || type.getRank() != 2 ||
      dim.getInt() < 0 || dim.getInt() > 1 || panels.getDimSize(0) < 1 || panels.getDimSize(3) < 1)
    return llvm::createStringError("expected panels of a matrix in attn.weights, got " +
                                   print(typeAttr ? typeAttr.getValue() : Type(type)));
  return PanelSpec{dim.getInt(), panels.getDimSize(3), panels.getDimSize(0), format};
}

llvm::Expected<std::vector<WeightSpec>> fovea::readWeights(ModuleOp module) {
  std::vector<WeightSpec> weights;
  auto table = module->getAttrOfType<ArrayAttr>("attn.weights");
  for (Attribute attribute : table ? table.getValue() : ArrayRef<Attribute>()) {
    auto entry = dyn_cast<DictionaryAttr>(attribute);
    auto name = entry ? entry.getAs<StringAttr>("name") : StringAttr();
    auto counts = entry ? entry.getAs<DenseI64ArrayAttr>("counts") : DenseI64ArrayAttr();
    auto typeAttr = entry ? entry.getAs<TypeAttr>("type") : TypeAttr();
    auto type = typeAttr ? dyn_cast<ShapedType>(typeAttr.getValue()) : ShapedType();
    auto spansAttr = entry ? entry.getAs<DenseI64ArrayAttr>("spans") : DenseI64ArrayAttr();
    auto spans = spansAttr ? spansAttr.asArrayRef() : ArrayRef<int64_t>();
    if (!name || !counts || !attn::WeightSlots::checkedSize(counts) ||
        name.getValue().count("{}") > static_cast<size_t>(counts.size()) || !type ||
        !type.hasStaticShape() || !attn::WeightSlots::areSpans(spans, counts))
      return llvm::createStringError(
          "expected name, counts and static type in each entry of attn.weights");
    std::optional<DataType> element = toDataType(type.getElementType());
    if (!element)
      return llvm::createStringError("weight '" + name.getValue() + "': no tensor file holds " +
                                     print(type));
    auto panels = readPanels(entry, type);
    if (!panels)
      return panels.takeError();
    weights.push_back({name.str(), llvm::to_vector<2>(counts.asArrayRef()), *element,
                       llvm::to_vector<4>(type.getShape()), *panels, llvm::to_vector<0>(spans)});
  }
  return weights;
}
