#include "frontend/Graph.h"
#include "dialect/RegisterAll.h"
#include "frontend/Architectures.h"
#include "frontend/FileIO.h"
#include "frontend/MlirText.h"
#include "frontend/ModelDirectory.h"
#include "frontend/Shortened.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace fovea;
using llvm::Expected;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

Graph::Graph()
    : ownedContext(makeContext()),
      ownedModule(ModuleOp::create(UnknownLoc::get(ownedContext.get()))) {}
Graph::~Graph() = default;
Graph::Graph(Graph &&other) noexcept = default;

// The module goes first: it must not outlive its context.
Graph &Graph::operator=(Graph &&other) noexcept {
  ownedModule = std::move(other.ownedModule);
  ownedContext = std::move(other.ownedContext);
  return *this;
}

Expected<Graph> Graph::fromMlir(StringRef source, StringRef name) {
  Graph graph;
  Expected<OwningOpRef<ModuleOp>> module = parseMlir(graph.context(), source, name);
  if (!module)
    return module.takeError();
  graph.ownedModule = std::move(*module);
  return graph;
}

// ---- Files -------------------------------------------------------------------------------------

/// A model directory is described by its own model.fov, or by the description of its architecture
/// that is shipped with Fovea.
static Expected<OwningOpRef<ModuleOp>> importDirectory(MLIRContext &context, StringRef path,
                                                       const ImportOptions &options) {
  llvm::SmallString<128> own(path);
  llvm::sys::path::append(own, "model.fov");
  if (isPresent(own))
    return importFovFile(context, own, options);
  Expected<ModelDirectory> directory = ModelDirectory::open(path);
  Expected<std::string> type = directory ? directory->string("model_type") : directory.takeError();
  if (!type)
    return type.takeError();
  if (std::optional<StringRef> description = findArchitecture(*type))
    return importFov(context, path.str() + "/<" + *type + ".fov>", *description, options);
  return makeError(path + ": error: expected a model_type that Fovea has a description of (" +
                   llvm::join(architectureNames(), ", ") + "), got '" + shortened(*type) +
                   "'; write one and run it with this directory as its weights");
}

/// The weights of a directory; null if it has none.
static Expected<std::shared_ptr<const WeightSource>> findWeights(StringRef directory) {
  if (directory.empty())
    return nullptr;
  auto weights = openWeights(directory);
  if (weights)
    return weights;
  llvm::Error error = llvm::handleErrors(
      weights.takeError(), [](std::unique_ptr<llvm::StringError> error) -> llvm::Error {
        if (error->convertToErrorCode() == std::errc::no_such_file_or_directory)
          return llvm::Error::success();
        return llvm::Error(std::move(error));
      });
  if (error)
    return std::move(error);
  return nullptr;
}

Expected<Graph> Graph::fromFile(StringRef path, const Params &params, StringRef modelDirectory,
                                StringRef entry, std::shared_ptr<const WeightSource> weights) {
  if (path.ends_with(".mlir")) {
    if (!params.empty())
      return makeError(path + ": error: an .mlir file has no param '" + params.front().first +
                       "' to set");
    auto buffer = readFile(path);
    return buffer ? fromMlir((*buffer)->getBuffer(), path) : buffer.takeError();
  }
  Graph graph;
  ImportOptions options;
  for (const auto &[name, value] : params)
    options.params[name] = value;
  options.modelDirectory = modelDirectory.str();
  options.entry = entry.str();
  if (modelDirectory.empty() && llvm::sys::fs::is_directory(path))
    options.modelDirectory = path.str();
  options.weights = std::move(weights);
  if (!options.weights)
    if (llvm::Error error = findWeights(options.modelDirectory).moveInto(options.weights))
      return std::move(error);
  Expected<OwningOpRef<ModuleOp>> module = OwningOpRef<ModuleOp>();
  if (llvm::sys::fs::is_directory(path)) {
    module = importDirectory(graph.context(), path, options);
  } else if (path.ends_with(".fov")) {
    module = importFovFile(graph.context(), path, options);
  } else {
    bool exists = llvm::sys::fs::exists(path);
    return makeError(path + ": error: " +
                     (exists ? "expected a .fov file, an .mlir file or a model directory"
                             : "no such file or directory"));
  }
  if (!module)
    return module.takeError();
  graph.ownedModule = std::move(*module);
  return graph;
}

// ---- Description -------------------------------------------------------------------------------

std::vector<std::string> Graph::entries() const {
  std::vector<std::string> names;
  for (func::FuncOp function : (*ownedModule).getOps<func::FuncOp>())
    if (isEntry(function))
      names.push_back(function.getName().str());
  return names;
}

Attribute Graph::exported(StringRef name) const {
  auto all = (*ownedModule)->getAttrOfType<DictionaryAttr>(exportsAttribute);
  return all ? all.get(name) : Attribute();
}

Expected<func::FuncOp> Graph::findEntry(StringRef name) const {
  auto function = (*ownedModule).lookupSymbol<func::FuncOp>(name);
  if (function && isEntry(function))
    return function;
  return makeError("no entry '" + name + "'; the entries are: " + llvm::join(entries(), ", "));
}

static TensorSpec specOf(Type type, Attribute name, ArrayAttr dims, const Twine &defaultName) {
  auto tensor = cast<RankedTensorType>(type);
  auto given = dyn_cast_or_null<StringAttr>(name);
  TensorSpec spec{given ? given.str() : defaultName.str(), tensor.getElementType(), {}};
  for (auto [index, size] : llvm::enumerate(tensor.getShape())) {
    StringRef symbol = dims ? cast<StringAttr>(dims[index]).getValue() : "";
    if (ShapedType::isStatic(size))
      spec.shape.push_back(size);
    else
      spec.shape.push_back(SymbolicDim::symbol(symbol.empty() ? "?" : symbol));
  }
  return spec;
}

Expected<std::vector<TensorSpec>> Graph::inputs(StringRef entry) const {
  Expected<func::FuncOp> function = findEntry(entry);
  if (!function)
    return function.takeError();
  std::vector<TensorSpec> specs;
  for (auto [index, type] : llvm::enumerate(function->getArgumentTypes()))
    specs.push_back(specOf(type, function->getArgAttr(index, "attn.name"),
                           function->getArgAttrOfType<ArrayAttr>(index, "attn.dims"),
                           "arg" + Twine(index)));
  return specs;
}

Expected<std::vector<TensorSpec>> Graph::outputs(StringRef entry) const {
  Expected<func::FuncOp> function = findEntry(entry);
  if (!function)
    return function.takeError();
  std::vector<TensorSpec> specs;
  for (auto [index, type] : llvm::enumerate(function->getResultTypes()))
    specs.push_back(specOf(type, function->getResultAttr(index, "attn.name"), ArrayAttr(),
                           "result" + Twine(index)));
  return specs;
}

std::string Graph::toString() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  (*ownedModule)->print(os);
  return text;
}
