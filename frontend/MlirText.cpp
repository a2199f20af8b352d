// Reads MLIR text: first a scan for what the recursive parser could not survive, then the parser
// and the verifier, then the conventions for entries.
#include "frontend/MlirText.h"
#include "dialect/VerifierUtils.h"
#include "frontend/Diagnostics.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace fovea;
using llvm::Expected;

// The parser, and whatever walks attributes and types, recurses. Deeper than this is no model.
static constexpr size_t maxNesting = 256;
// A chain of affine operators is a tree as deep as it is long.
static constexpr size_t maxOperators = 1000;

//===-- Nesting -----------------------------------------------------------------------------===//

namespace {

/// Finds where text nests too deep, through brackets, aliases of attributes and types, or operators
/// of an affine expression, and lists that the parser crashes on. Strings and comments do not
/// count.
class NestingScanner {
public:
  explicit NestingScanner(StringRef text) : text(text) {}

  /// What is wrong, at `position()`; nothing if all is well.
  std::optional<std::string> scan();
  size_t position() const { return at; }

private:
  struct Bracket {
    char kind;
    size_t operators = 0;
  };

  void skipString();
  bool readAlias();
  bool countOperator();
  bool isBrokenList() const;
  size_t depth() const { return open.size(); }

  StringRef text;
  size_t at = 0;
  SmallVector<Bracket> open;
  llvm::StringMap<size_t> aliasDepths;
  /// The alias whose definition is being read.
  StringRef defined;
  bool hasValue = false;
};

} // namespace

void NestingScanner::skipString() {
  while (++at < text.size() && text[at] != '"')
    at += text[at] == '\\';
}

/// Reads `#name` or `!name`, a definition where `=` follows; false if it nests too deep.
bool NestingScanner::readAlias() {
  StringRef name = text.substr(at).take_while(
      [](char c) { return llvm::isAlnum(c) || StringRef("#!_.$-").contains(c); });
  if (open.empty() && text.substr(at + name.size()).ltrim().starts_with("=")) {
    defined = name;
    hasValue = false;
    at = text.find('=', at);
    return true;
  }
  size_t total = depth() + aliasDepths.lookup(name);
  if (!defined.empty()) {
    hasValue = true;
    size_t &known = aliasDepths[defined];
    known = std::max(known, total + 1);
  }
  if (total > maxNesting)
    return false;
  at += name.size() - 1;
  return true;
}

/// False if the innermost bracket has too many operators since its last comma.
bool NestingScanner::countOperator() {
  StringRef rest = text.substr(at);
  bool isOperator = (StringRef("+-*").contains(rest.front()) && !rest.starts_with("->")) ||
                    rest.starts_with("floordiv ") || rest.starts_with("ceildiv ") ||
                    rest.starts_with("mod ");
  if (!isOperator || open.empty() || open.back().kind == '{')
    return true;
  return ++open.back().operators <= maxOperators;
}

/// Whether `permutation = [...]` or `dimensions = [...]` behind the outputs of a linalg op is no
/// list of integers: MLIR's parser adds to its message an attribute that is null, and crashes.
bool NestingScanner::isBrokenList() const {
  StringRef rest = text.substr(at);
  if (!text.take_front(at).rtrim().ends_with(")") ||
      !(rest.consume_front("permutation") || rest.consume_front("dimensions")))
    return false;
  rest = rest.ltrim();
  if (!rest.consume_front("="))
    return false;
  auto [list, after] = rest.split(']');
  list = list.ltrim();
  if (!list.consume_front("[") || list.size() == rest.size())
    return true;
  SmallVector<StringRef> numbers;
  list.split(numbers, ',');
  int64_t number;
  return !list.trim().empty() && llvm::any_of(numbers, [&](StringRef text) {
    return text.trim().getAsInteger(10, number);
  });
}

std::optional<std::string> NestingScanner::scan() {
  std::string tooDeep = ("expected nesting of at most " + Twine(maxNesting) + " levels").str();
  for (; at < text.size(); ++at) {
    char c = text[at];
    if (c == '"') {
      skipString();
    } else if (text.substr(at).starts_with("//")) {
      at = std::min(text.find('\n', at), text.size());
    } else if ((c == 'p' || c == 'd') && isBrokenList()) {
      return "expected integers in brackets";
    } else if (c == '#' || c == '!') {
      if (!readAlias())
        return tooDeep;
    } else if (StringRef("([{<").contains(c)) {
      if (depth() == maxNesting)
        return tooDeep;
      open.push_back({c});
    } else if (StringRef(")]}>").contains(c) && !open.empty() &&
               !text.substr(0, at).ends_with("-")) {
      open.pop_back();
    } else if (c == ',' && !open.empty()) {
      open.back().operators = 0;
    } else if (c == '\n' && open.empty() && hasValue) {
      defined = {};
    } else if (!countOperator()) {
      return ("expected at most " + Twine(maxOperators) + " operators in one expression").str();
    }
    hasValue |= !llvm::isSpace(c) && c != '=';
  }
  return std::nullopt;
}

//===-- Entries -----------------------------------------------------------------------------===//

bool fovea::isEntry(func::FuncOp function) {
  return function.isPublic() && !function.isDeclaration();
}

static LogicalResult checkArgument(func::FuncOp function, unsigned index) {
  auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[index]);
  if (!type)
    return function.emitError("entry '")
           << function.getName() << "': argument " << index << ": expected a ranked tensor, got "
           << function.getArgumentTypes()[index];
  auto dims = function.getArgAttrOfType<ArrayAttr>(index, "attn.dims");
  if (!function.getArgAttr(index, "attn.dims"))
    return success();
  bool areNames = dims && llvm::all_of(dims, [](Attribute dim) { return isa<StringAttr>(dim); });
  if (areNames && static_cast<int64_t>(dims.size()) == type.getRank())
    return success();
  return function.emitError("entry '")
         << function.getName() << "': argument " << index << ": expected attn.dims to have "
         << type.getRank() << " names";
}

static LogicalResult checkEntry(func::FuncOp function) {
  for (unsigned index = 0; index < function.getNumArguments(); ++index)
    if (failed(checkArgument(function, index)))
      return failure();
  for (Type type : function.getResultTypes())
    if (!isa<RankedTensorType>(type))
      return function.emitError("entry '")
             << function.getName() << "': expected ranked tensors as results, got " << type;
  return success();
}

/// Calls are inlined: each must have a body, and none may lead back to where it is. Follows the
/// calls depth first, with a stack of its own, for chains may be as long as the file.
static LogicalResult checkCalls(ModuleOp module) {
  enum class State { New, Open, Done };
  llvm::DenseMap<Operation *, State> states;
  SmallVector<std::pair<func::FuncOp, SmallVector<func::CallOp>>> stack;
  auto open = [&](func::FuncOp function) {
    states[function] = State::Open;
    SmallVector<func::CallOp> calls;
    function.walk([&](func::CallOp call) { calls.push_back(call); });
    stack.emplace_back(function, std::move(calls));
  };
  for (func::FuncOp root : module.getOps<func::FuncOp>()) {
    if (states[root] == State::New)
      open(root);
    while (!stack.empty()) {
      auto &[function, calls] = stack.back();
      if (calls.empty()) {
        states[function] = State::Done;
        stack.pop_back();
        continue;
      }
      func::CallOp call = calls.pop_back_val();
      auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
      if (!callee || callee.isDeclaration())
        return call.emitError("'") << call.getCallee() << "' has no body here to be inlined";
      if (states[callee] == State::Open)
        return call.emitError("'") << call.getCallee() << "' calls itself; calls are inlined";
      if (states[callee] == State::New)
        open(callee);
    }
  }
  return success();
}

static LogicalResult checkConventions(ModuleOp module) {
  if (failed(attn::checkDimsExist(module)))
    return failure();
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    if (isEntry(function) && failed(checkEntry(function)))
      return failure();
  return checkCalls(module);
}

//===-- Parsing -----------------------------------------------------------------------------===//

/// Where a diagnostic points in the text; generated ops have places made of several.
static SourceRange findRange(Location location, const SourceFile &source) {
  SourceRange range = SourceRange::nowhere();
  location->walk([&](Location inner) {
    auto place = dyn_cast<FileLineColLoc>(inner);
    if (!place || place.getFilename() != source.getName())
      return WalkResult::advance();
    range = source.getRange({place.getLine(), place.getColumn()});
    return WalkResult::interrupt();
  });
  return range;
}

Expected<OwningOpRef<ModuleOp>> fovea::parseMlir(MLIRContext &context, StringRef text,
                                                 StringRef name) {
  auto source = std::make_shared<SourceFile>(name.str(), text.str());
  DiagnosticList diagnostics(source);
  NestingScanner scanner(text);
  if (std::optional<std::string> problem = scanner.scan()) {
    auto position = static_cast<uint32_t>(scanner.position());
    diagnostics.error({position, position + 1}, *problem);
    return llvm::make_error<DiagnosticError>(std::move(diagnostics));
  }
  ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
      return;
    SourceRange range = findRange(diagnostic.getLocation(), *source);
    fovea::Diagnostic &error = diagnostics.error(range, diagnostic.str());
    for (mlir::Diagnostic &note : diagnostic.getNotes())
      error.note(findRange(note.getLocation(), *source), note.str());
  });
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBuffer(source->getText(), name),
                             llvm::SMLoc());
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module || failed(checkConventions(*module)))
    return llvm::make_error<DiagnosticError>(std::move(diagnostics));
  return module;
}
