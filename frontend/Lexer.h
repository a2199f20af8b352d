// Splits a description file into tokens, Python's way: line ends count outside brackets only,
// and indentation becomes Indent and Dedent tokens.
#ifndef FOVEA_FRONTEND_LEXER_H
#define FOVEA_FRONTEND_LEXER_H

#include "frontend/Diagnostics.h"
#include "frontend/Token.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace fovea {

class Lexer {
public:
  /// Brackets, and expressions in the parser, nest no deeper than this.
  static constexpr size_t maxNesting = 200;

  explicit Lexer(DiagnosticList &diagnostics)
      : diagnostics(diagnostics), text(diagnostics.getSource().getText()) {}

  /// All tokens of the file, the last one EndOfFile; nothing if an error was such that the rest
  /// of the file means nothing. Errors are in the list either way.
  std::optional<std::vector<Token>> run();

  /// The tokens of `range` alone, read as if inside brackets: an expression of an f-string.
  std::optional<std::vector<Token>> runInside(SourceRange range);

private:
  void startLine();
  void setIndentation(uint32_t column, SourceRange range);
  void skipSpace();
  void lexToken();
  void lexNumber();
  void lexWord();
  void lexString(uint32_t begin, bool formatted);
  void lexPunctuation();
  void openBracket(Token token);
  void closeBracket(Token token);
  bool closeForgottenBrackets(TokenKind keyword, uint32_t begin);
  void reportUnclosed();
  void finish();
  void push(TokenKind kind, uint32_t begin);
  void fail(SourceRange range, const llvm::Twine &message);
  char peek(size_t ahead = 0) const {
    return position + ahead < limit ? text[position + ahead] : '\0';
  }

  DiagnosticList &diagnostics;
  llvm::StringRef text;
  uint32_t position = 0;
  uint32_t limit = 0;
  bool atLineStart = false;
  bool fatal = false;
  std::vector<Token> tokens;
  llvm::SmallVector<uint32_t> indentation;
  llvm::SmallVector<Token> brackets;
};

} // namespace fovea

#endif
