// The tokens of the description language. A token is a kind and a range of the source: numbers
// and strings are decoded by the parser, which can point into them when they are wrong.
#ifndef FOVEA_FRONTEND_TOKEN_H
#define FOVEA_FRONTEND_TOKEN_H

#include "frontend/SourceFile.h"

namespace fovea {

enum class TokenKind : uint8_t {
  EndOfFile,
  // Stands where the lexer has already reported an error; the parser adds none.
  Error,
  Newline,
  Indent,
  Dedent,
  Name,
  Integer,
  Float,
  String,
  FString,
#define FOVEA_KEYWORD(name, text) name,
#define FOVEA_PUNCTUATION(name, text) name,
#include "frontend/Tokens.def"
};

struct Token {
  TokenKind kind = TokenKind::EndOfFile;
  SourceRange range;

  bool is(TokenKind other) const { return kind == other; }
};

/// How a message names a kind of token: `'('`, `a name`, `end of line`.
llvm::StringRef describe(TokenKind kind);

} // namespace fovea

#endif
