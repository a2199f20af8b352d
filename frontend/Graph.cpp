#include "frontend/Graph.h"
#include "dialect/RegisterAll.h"
#include "frontend/Architectures.h"
#include "frontend/ModelDirectory.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace fovea;
using llvm::Expected;

// The MLIR parser recurses; text nested deeper than this is no model and could overflow the stack.
static constexpr size_t maxNesting = 256;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

char DiagnosticError::ID = 0;

void DiagnosticError::log(llvm::raw_ostream &os) const { os << text; }

std::error_code DiagnosticError::convertToErrorCode() const {
  return llvm::inconvertibleErrorCode();
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

// ---- MLIR text ---------------------------------------------------------------------------------

/// The offset where brackets nest too deep, or npos. Strings and comments do not count.
static size_t findDeepNesting(StringRef text) {
  size_t depth = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '"') {
      while (++at < text.size() && text[at] != '"')
        at += text[at] == '\\';
    } else if (text.substr(at, 2) == "//") {
      at = std::min(text.find('\n', at), text.size());
    } else if (StringRef("([{<").contains(c)) {
      if (++depth > maxNesting)
        return at;
    } else if (StringRef(")]}>").contains(c) && depth > 0 && !text.substr(0, at).ends_with("-")) {
      --depth;
    }
  }
  return StringRef::npos;
}

static llvm::Error checkArgument(func::FuncOp function, unsigned index) {
  auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[index]);
  std::string what = ("entry '" + function.getName() + "': argument " + Twine(index) + ": ").str();
  if (!type)
    return makeError(what + "expected a ranked tensor");
  auto dims = function.getArgAttrOfType<ArrayAttr>(index, "attn.dims");
  if (!function.getArgAttr(index, "attn.dims"))
    return llvm::Error::success();
  bool areNames = dims && llvm::all_of(dims, [](Attribute dim) { return isa<StringAttr>(dim); });
  if (areNames && static_cast<int64_t>(dims.size()) == type.getRank())
    return llvm::Error::success();
  return makeError(what + "expected attn.dims to have " + Twine(type.getRank()) + " names");
}

static bool isEntry(func::FuncOp function) {
  return function.isPublic() && !function.isDeclaration();
}

/// The conventions for entries of docs/architecture.md.
static llvm::Error checkEntries(ModuleOp module) {
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (!isEntry(function))
      continue;
    for (unsigned index = 0; index < function.getNumArguments(); ++index)
      if (llvm::Error error = checkArgument(function, index))
        return error;
    for (Type type : function.getResultTypes())
      if (!isa<RankedTensorType>(type))
        return makeError("entry '" + function.getName() + "': expected ranked tensors as results");
  }
  return llvm::Error::success();
}

Expected<Graph> Graph::fromMlir(StringRef source, StringRef name) {
  size_t deep = findDeepNesting(source);
  if (deep != StringRef::npos)
    return makeError(name + ":" + Twine(source.substr(0, deep).count('\n') + 1) +
                     ": error: expected brackets to nest at most " + Twine(maxNesting) + " deep");
  Graph graph;
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(source, name), llvm::SMLoc());
  std::string messages;
  llvm::raw_string_ostream os(messages);
  SourceMgrDiagnosticHandler handler(sources, graph.ownedContext.get(), os);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, graph.ownedContext.get());
  if (!module)
    return llvm::make_error<DiagnosticError>(StringRef(messages).rtrim().str());
  if (llvm::Error error = checkEntries(*module))
    return makeError(name + ": error: " + llvm::toString(std::move(error)));
  graph.ownedModule = std::move(module);
  return graph;
}

// ---- Files -------------------------------------------------------------------------------------

static Expected<std::unique_ptr<llvm::MemoryBuffer>> readFile(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer)
    return makeError(path + ": error: " + buffer.getError().message());
  return std::move(*buffer);
}

/// What describes a model directory: its own description by architecture, shipped with Fovea.
static Expected<StringRef> describeDirectory(StringRef path) {
  Expected<ModelDirectory> directory = ModelDirectory::open(path);
  Expected<std::string> type = directory ? directory->string("model_type") : directory.takeError();
  if (!type)
    return type.takeError();
  if (std::optional<StringRef> description = findArchitecture(*type))
    return *description;
  return makeError(path + ": error: expected a model_type that Fovea has a description of (" +
                   llvm::join(architectureNames(), ", ") + "), got '" + *type +
                   "'; write one and run it with this directory as its weights");
}

Expected<Graph> Graph::fromFile(StringRef path, const Params &params, StringRef modelDirectory,
                                StringRef entry) {
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
  Expected<OwningOpRef<ModuleOp>> module = OwningOpRef<ModuleOp>();
  if (llvm::sys::fs::is_directory(path)) {
    Expected<StringRef> description = describeDirectory(path);
    if (!description)
      return description.takeError();
    if (modelDirectory.empty())
      options.modelDirectory = path.str();
    module = importFov(graph.context(), "<" + path.str() + ">", *description, options);
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
