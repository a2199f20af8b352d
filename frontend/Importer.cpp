// The importer's frame: files, the set of functions, errors and their places.
#include "frontend/Importer.h"
#include "frontend/FileIO.h"
#include "frontend/ImporterImpl.h"
#include "frontend/Imports.h"
#include "frontend/Parser.h"
#include "llvm/Support/Path.h"

namespace fovea {

using namespace ast;

char ReportedError::ID = 0;

llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> importFov(mlir::MLIRContext &context,
                                                            llvm::StringRef name,
                                                            llvm::StringRef text,
                                                            const ImportOptions &options) {
  llvm::Expected<std::shared_ptr<const SourceFile>> source = readWithImports(name, text);
  if (!source)
    return source.takeError();
  DiagnosticList diagnostics(std::move(*source));
  std::unique_ptr<Module> module = parseModule(diagnostics);
  if (!diagnostics.empty())
    return llvm::make_error<DiagnosticError>(std::move(diagnostics));
  auto location = mlir::FileLineColLoc::get(&context, name, 1, 1);
  mlir::OwningOpRef<mlir::ModuleOp> target = mlir::ModuleOp::create(location);
  Importer importer(*module, diagnostics, options, *target);
  if (!importer.run())
    return llvm::make_error<DiagnosticError>(std::move(diagnostics));
  return std::move(target);
}

llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importFovFile(mlir::MLIRContext &context, llvm::StringRef path, const ImportOptions &options) {
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  ImportOptions resolved = options;
  if (resolved.modelDirectory.empty())
    resolved.modelDirectory = llvm::sys::path::parent_path(path).str();
  return importFov(context, path, (*buffer)->getBuffer(), resolved);
}

Importer::Importer(const Module &module, DiagnosticList &diagnostics, const ImportOptions &options,
                   mlir::ModuleOp target)
    : module(module), diagnostics(diagnostics), options(options), target(target), graph(target),
      location(target.getLoc()), regionFloat(graph.opBuilder().getF32Type()) {}

//===-- Errors and places -------------------------------------------------------------------===//

mlir::Location Importer::locate(SourceRange range) const {
  const SourceFile &source = diagnostics.getSource();
  LineColumn at = source.getLineColumn(range.begin);
  mlir::MLIRContext *context = location.getContext();
  return mlir::FileLineColLoc::get(context, source.getName(range.begin), at.line, at.column);
}

// A function called from several places would report each of its errors as often.
std::nullopt_t Importer::fail(SourceRange range, const llvm::Twine &message) {
  std::string text = message.str();
  if (!reported.insert(std::to_string(range.begin) + ":" + text).second)
    return std::nullopt;
  Diagnostic &diagnostic = diagnostics.error(range, text);
  static constexpr size_t maxNotes = 4;
  for (size_t i = 0; i < std::min(maxNotes, frames.size()); ++i) {
    const Frame &frame = frames[frames.size() - 1 - i];
    if (frame.callSite.end)
      diagnostic.note(frame.callSite, "in this call of '" + frame.function->name.name + "'");
  }
  return std::nullopt;
}

/// The message of an operation, "max: expected ...", as one of the builtin that is made of it.
static std::string nameOperation(const std::string &message, llvm::StringRef operation) {
  auto [inner, rest] = llvm::StringRef(message).split(": ");
  bool isName = !inner.empty() && !rest.empty() &&
                llvm::all_of(inner, [](char c) { return llvm::isAlnum(c) || c == '_'; });
  return isName && !operation.empty() ? (operation + ": " + rest).str() : message;
}

void Importer::report(SourceRange range, llvm::Error error) {
  llvm::handleAllErrors(
      std::move(error), [](const ReportedError &) {},
      [&](const llvm::ErrorInfoBase &info) {
        fail(range, nameOperation(info.message(), operation));
      });
}

//===-- The module --------------------------------------------------------------------------===//

bool Importer::run() {
  if (!declareFunctions())
    return false;
  evaluateConstants();
  if (!selectFunctions() || !checkRecursion())
    return false;
  std::vector<const Function *> entries = findEntries();
  if (!checkOverrides())
    return false;
  for (const Function *function : entries)
    importEntry(*function);
  return diagnostics.empty();
}

bool Importer::declare(const Identifier &name) {
  auto [first, inserted] = definitions.try_emplace(name.name, name.range);
  if (!inserted)
    diagnostics.error(name.range, "'" + name.name + "' is defined twice")
        .note(first->second, "the first definition is here");
  return inserted;
}

// Those that exist in any case, so that constants may use them.
bool Importer::declareFunctions() {
  bool unique = true;
  for (const Constant &constant : module.constants)
    unique &= declare(constant.name);
  for (const Function *function : module.functions) {
    if (function->guards.empty()) {
      unique &= declare(function->name);
      functions[function->name.name] = function;
    }
    llvm::StringMap<SourceRange> parameters;
    for (const Parameter &parameter : function->parameters)
      if (!parameters.try_emplace(parameter.name.name, parameter.name.range).second) {
        unique = false;
        fail(parameter.name.range, "parameter '" + parameter.name.name + "' is there twice");
      }
  }
  return unique;
}

// Which functions exist is known once the constants are.
bool Importer::selectFunctions() {
  for (const Function *function : module.functions) {
    bool exists = true;
    for (const Guard &guard : function->guards) {
      MaybeValue condition = evaluate(guard.condition, globals);
      auto holds = condition ? truth(*condition, guard.condition->range) : std::nullopt;
      if (!holds)
        return false;
      exists &= *holds == guard.expected;
      if (!exists)
        break;
    }
    if (!exists)
      continue;
    existing.push_back(function);
    if (function->guards.empty())
      continue;
    if (!declare(function->name))
      return false;
    functions[function->name.name] = function;
  }
  return true;
}

} // namespace fovea
