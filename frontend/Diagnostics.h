// Errors and notes about a description or an `.mlir` file, collected as a list and rendered on
// request as `file:line:col: error: message` with the source line and a caret. Nothing here prints.
#ifndef FOVEA_FRONTEND_DIAGNOSTICS_H
#define FOVEA_FRONTEND_DIAGNOSTICS_H

#include "frontend/SourceFile.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace fovea {

struct DiagnosticNote {
  SourceRange range;
  std::string message;
};

struct Diagnostic {
  SourceRange range;
  std::string message;
  std::vector<DiagnosticNote> notes;

  Diagnostic &note(SourceRange where, const llvm::Twine &text) {
    notes.push_back({where, text.str()});
    return *this;
  }
};

/// The errors of one file, in the order found. After `limit` errors further ones are counted
/// but not kept, so that a broken file ends in a page of text and not in a book.
class DiagnosticList {
public:
  static constexpr size_t limit = 20;

  explicit DiagnosticList(std::shared_ptr<const SourceFile> source) : source(std::move(source)) {}

  /// The reference is valid until the next call of `error`.
  Diagnostic &error(SourceRange range, const llvm::Twine &message);

  bool empty() const { return diagnostics.empty(); }
  /// Whether further errors are only counted.
  bool isFull() const { return diagnostics.size() >= limit; }
  llvm::ArrayRef<Diagnostic> get() const { return diagnostics; }
  const SourceFile &getSource() const { return *source; }

  /// All errors as text, each with its source line, a caret, and its notes.
  std::string render() const;

private:
  std::shared_ptr<const SourceFile> source;
  std::vector<Diagnostic> diagnostics;
  size_t dropped = 0;
  Diagnostic overflow;
};

/// One message line, the source line and the marker under it.
std::string renderMessage(const SourceFile &source, SourceRange range, llvm::StringRef severity,
                          llvm::StringRef message);

/// What is wrong with a file, as an llvm::Error; its text is `render()` without the last newline.
class DiagnosticError : public llvm::ErrorInfo<DiagnosticError> {
public:
  static char ID;

  explicit DiagnosticError(DiagnosticList list) : list(std::move(list)) {}

  const DiagnosticList &getDiagnostics() const { return list; }
  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override;

private:
  DiagnosticList list;
};

/// ` (did you mean 'head'?)`, or nothing if no candidate is near `name` in edit distance.
std::string didYouMean(llvm::StringRef name, llvm::ArrayRef<llvm::StringRef> candidates);

} // namespace fovea

#endif
