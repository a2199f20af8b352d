// What the tests of the description language share: the lexer, the parser and the importer on a
// text.
#ifndef FOVEA_TESTS_FRONTEND_DESCRIPTIONTESTING_H
#define FOVEA_TESTS_FRONTEND_DESCRIPTIONTESTING_H

#include "dialect/RegisterAll.h"
#include "frontend/Importer.h"
#include "frontend/Lexer.h"
#include "frontend/Parser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

namespace fovea::testing {

using Messages = std::vector<std::string>;

/// The messages without places and notes.
inline Messages messagesOf(const DiagnosticList &diagnostics) {
  Messages messages;
  for (const Diagnostic &diagnostic : diagnostics.get())
    messages.push_back(diagnostic.message);
  return messages;
}

/// No errors yet in a file "t.fov".
inline DiagnosticList makeSource(std::string text) {
  return DiagnosticList(std::make_shared<SourceFile>("t.fov", std::move(text)));
}

struct Lexed {
  DiagnosticList diagnostics;
  std::optional<std::vector<Token>> tokens;

  explicit Lexed(std::string text)
      : diagnostics(makeSource(std::move(text))), tokens(Lexer(diagnostics).run()) {}
};

struct Parsed {
  DiagnosticList diagnostics;
  std::unique_ptr<ast::Module> module;

  explicit Parsed(std::string text)
      : diagnostics(makeSource(std::move(text))), module(parseModule(diagnostics)) {}
};

/// Imports descriptions.
class ImporterTest : public ::testing::Test {
protected:
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> import(llvm::StringRef text) {
    return importFov(*context, "t.fov", text, options);
  }

  /// The module's text, or the errors.
  std::string ir(llvm::StringRef text) {
    auto module = import(text);
    if (!module)
      return llvm::toString(module.takeError());
    std::string printed;
    llvm::raw_string_ostream os(printed);
    (*module)->print(os);
    return printed;
  }

  /// The rendered errors; empty if there are none.
  std::string errors(llvm::StringRef text) {
    auto module = import(text);
    return module ? std::string() : llvm::toString(module.takeError());
  }

  /// The messages without places and notes.
  Messages messages(llvm::StringRef text) {
    Messages result;
    auto module = import(text);
    if (!module)
      llvm::handleAllErrors(module.takeError(), [&](const DiagnosticError &error) {
        result = messagesOf(error.getDiagnostics());
      });
    return result;
  }

  /// The messages for one statement of an entry with `x: f32[B, 6, 8]`, `n: i64`.
  Messages inBody(const std::string &statement) {
    return messages("def f(x: f32[B, 6, 8], n: i64):\n  " + statement + "\n  return x\n");
  }

  /// The type of the entry `f(x: f32[B, 6, 8], n: i64)` that returns `expr`.
  std::string typeOf(const std::string &expr) {
    auto module = import("def f(x: f32[B, 6, 8], n: i64):\n  return " + expr + "\n");
    if (!module)
      return llvm::toString(module.takeError());
    std::string printed;
    llvm::raw_string_ostream os(printed);
    auto function = *(*module)->getOps<mlir::func::FuncOp>().begin();
    os << function.getFunctionType().getResult(0);
    return printed;
  }

  std::unique_ptr<mlir::MLIRContext> context = makeContext();
  ImportOptions options;
};

} // namespace fovea::testing

#endif // FOVEA_TESTS_FRONTEND_DESCRIPTIONTESTING_H
