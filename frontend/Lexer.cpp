// The lexer: one function a kind of token, and the two stacks (indentation, open brackets).
#include "frontend/Lexer.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

namespace fovea {

static constexpr size_t maxIndentation = 100;

llvm::StringRef describe(TokenKind kind) {
  switch (kind) {
  case TokenKind::EndOfFile:
    return "end of file";
  case TokenKind::Error:
    return "an error";
  case TokenKind::Newline:
    return "end of line";
  case TokenKind::Indent:
    return "an indented block";
  case TokenKind::Dedent:
    return "end of block";
  case TokenKind::Name:
    return "a name";
  case TokenKind::Integer:
  case TokenKind::Float:
    return "a number";
  case TokenKind::String:
  case TokenKind::FString:
    return "a string";
#define FOVEA_KEYWORD(name, text)                                                                  \
  case TokenKind::name:                                                                            \
    return "'" text "'";
#define FOVEA_PUNCTUATION(name, text)                                                              \
  case TokenKind::name:                                                                            \
    return "'" text "'";
#include "frontend/Tokens.def"
  }
  return "";
}

static TokenKind classifyWord(llvm::StringRef word) {
  return llvm::StringSwitch<TokenKind>(word)
#define FOVEA_KEYWORD(name, text) .Case(text, TokenKind::name)
#include "frontend/Tokens.def"
      .Default(TokenKind::Name);
}

static std::optional<std::pair<TokenKind, size_t>> matchPunctuation(llvm::StringRef rest) {
#define FOVEA_PUNCTUATION(name, text)                                                              \
  if (rest.starts_with(text))                                                                      \
    return std::pair(TokenKind::name, sizeof(text) - 1);
#include "frontend/Tokens.def"
  return std::nullopt;
}

static bool isWordStart(char c) { return llvm::isAlpha(c) || c == '_'; }
static bool isWordPart(char c) { return llvm::isAlnum(c) || c == '_'; }

std::optional<std::vector<Token>> Lexer::run() {
  limit = static_cast<uint32_t>(text.size());
  indentation = {0};
  atLineStart = true;
  if (text.starts_with("\xEF\xBB\xBF"))
    position = 3;
  while (!fatal && (atLineStart || position < limit)) {
    if (atLineStart)
      startLine();
    else
      lexToken();
  }
  if (fatal)
    return std::nullopt;
  finish();
  return std::move(tokens);
}

std::optional<std::vector<Token>> Lexer::runInside(SourceRange range) {
  position = range.begin;
  limit = range.end;
  indentation = {0};
  // A bracket that is never closed keeps line ends from counting.
  brackets.push_back({TokenKind::LeftParen, {range.begin, range.begin}});
  while (!fatal && position < limit)
    lexToken();
  if (fatal)
    return std::nullopt;
  push(TokenKind::EndOfFile, position);
  return std::move(tokens);
}

void Lexer::push(TokenKind kind, uint32_t begin) { tokens.push_back({kind, {begin, position}}); }

void Lexer::fail(SourceRange range, const llvm::Twine &message) {
  diagnostics.error(range, message);
  tokens.push_back({TokenKind::Error, range});
}

// Measures the indentation of the next line that holds more than a comment.
void Lexer::startLine() {
  atLineStart = false;
  uint32_t begin = position;
  while (peek() == ' ' || peek() == '\t')
    ++position;
  if (peek() == '\n' || peek() == '\r' || peek() == '#' || position >= limit)
    return;
  SourceRange range{begin, position};
  if (text.slice(begin, position).contains('\t'))
    diagnostics.error(range, "indentation has a tab; indent with spaces");
  setIndentation(position - begin, range);
}

void Lexer::setIndentation(uint32_t column, SourceRange range) {
  if (column > indentation.back()) {
    if (indentation.size() >= maxIndentation) {
      fail(range, "blocks are nested more than " + llvm::Twine(maxIndentation) + " deep");
      fatal = true;
      return;
    }
    indentation.push_back(column);
    push(TokenKind::Indent, range.begin);
    return;
  }
  while (column < indentation.back()) {
    indentation.pop_back();
    tokens.push_back({TokenKind::Dedent, {range.end, range.end}});
  }
  if (column != indentation.back())
    fail(range, "this indentation matches no enclosing block");
}

void Lexer::skipSpace() {
  while (position < limit) {
    char c = peek();
    if (c == '#')
      while (position < limit && peek() != '\n')
        ++position;
    else if (c == '\\' && (peek(1) == '\n' || (peek(1) == '\r' && peek(2) == '\n')))
      position += peek(1) == '\n' ? 2 : 3;
    else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || (c == '\n' && !brackets.empty()))
      ++position;
    else
      return;
  }
}

void Lexer::lexToken() {
  skipSpace();
  if (position >= limit)
    return;
  char c = peek();
  uint32_t begin = position;
  if (c == '\n') {
    ++position;
    atLineStart = true;
    bool blank = tokens.empty() || tokens.back().is(TokenKind::Newline) ||
                 tokens.back().is(TokenKind::Dedent) || tokens.back().is(TokenKind::Indent);
    if (!blank)
      push(TokenKind::Newline, begin);
    return;
  }
  if (llvm::isDigit(c) || (c == '.' && llvm::isDigit(peek(1))))
    return lexNumber();
  if (c == 'f' && (peek(1) == '"' || peek(1) == '\'')) {
    ++position;
    return lexString(begin, /*formatted=*/true);
  }
  if (c == '"' || c == '\'')
    return lexString(begin, /*formatted=*/false);
  if (isWordStart(c))
    return lexWord();
  lexPunctuation();
}

// Takes every character that could belong to a number; the parser says what is wrong with it.
void Lexer::lexNumber() {
  uint32_t begin = position;
  bool hex = peek() == '0' && (peek(1) == 'x' || peek(1) == 'X');
  bool isFloat = false;
  while (isWordPart(peek()) || (peek() == '.' && peek(1) != '.')) {
    char c = llvm::toLower(peek());
    isFloat |= c == '.' || (c == 'e' && !hex);
    ++position;
    if (c == 'e' && !hex && (peek() == '+' || peek() == '-'))
      ++position;
  }
  push(isFloat ? TokenKind::Float : TokenKind::Integer, begin);
}

void Lexer::lexWord() {
  uint32_t begin = position;
  while (isWordPart(peek()))
    ++position;
  TokenKind kind = classifyWord(text.slice(begin, position));
  if (closeForgottenBrackets(kind, begin))
    return;
  push(kind, begin);
}

// A statement's keyword first on a line cannot stand inside brackets: one was not closed. Ending
// the statement there keeps the rest of the file readable.
bool Lexer::closeForgottenBrackets(TokenKind keyword, uint32_t begin) {
  bool starts = keyword == TokenKind::KwDef || keyword == TokenKind::KwReturn ||
                keyword == TokenKind::KwParam || keyword == TokenKind::KwAssert ||
                keyword == TokenKind::KwExport || keyword == TokenKind::KwImport;
  if (!starts || brackets.empty() || brackets.front().range.begin == brackets.front().range.end)
    return false;
  llvm::StringRef before = text.take_front(begin).rtrim(" \t");
  if (!before.ends_with("\n"))
    return false;
  reportUnclosed();
  position = static_cast<uint32_t>(before.size());
  push(TokenKind::Newline, position - 1);
  atLineStart = true;
  return true;
}

void Lexer::reportUnclosed() {
  Token open = brackets.back();
  diagnostics.error(open.range, describe(open.kind) + " is never closed");
  tokens.push_back({TokenKind::Error, {position, position}});
  brackets.clear();
}

void Lexer::lexString(uint32_t begin, bool formatted) {
  char quote = peek();
  bool triple = peek(1) == quote && peek(2) == quote;
  size_t width = triple ? 3 : 1;
  position += width;
  while (position < limit) {
    char c = peek();
    if (c == quote && (!triple || (peek(1) == quote && peek(2) == quote))) {
      position += width;
      return push(formatted ? TokenKind::FString : TokenKind::String, begin);
    }
    if (c == '\n' && !triple)
      break;
    position += c == '\\' && position + 1 < limit ? 2 : 1;
  }
  fail({begin, std::min<uint32_t>(begin + width + formatted, limit)},
       "this string is never closed");
}

void Lexer::lexPunctuation() {
  uint32_t begin = position;
  auto match = matchPunctuation(text.slice(position, limit));
  if (!match) {
    // One message for a run of them, as for a word in another alphabet.
    while (position < limit && (static_cast<unsigned char>(peek()) >= 0x80 || position == begin))
      ++position;
    llvm::StringRef run = text.slice(begin, position);
    bool shown = llvm::all_of(run, [](char c) { return llvm::isPrint(c) || (c & 0x80); });
    return fail({begin, position}, shown ? "unexpected character '" + run + "'"
                                         : "unexpected byte 0x" + llvm::toHex(run));
  }
  position += match->second;
  Token token{match->first, {begin, position}};
  tokens.push_back(token);
  if (token.is(TokenKind::LeftParen) || token.is(TokenKind::LeftBracket))
    openBracket(token);
  if (token.is(TokenKind::RightParen) || token.is(TokenKind::RightBracket))
    closeBracket(token);
}

void Lexer::openBracket(Token token) {
  if (brackets.size() >= maxNesting) {
    diagnostics.error(token.range,
                      "brackets are nested more than " + llvm::Twine(maxNesting) + " deep");
    fatal = true;
    return;
  }
  brackets.push_back(token);
}

void Lexer::closeBracket(Token token) {
  TokenKind opener =
      token.is(TokenKind::RightParen) ? TokenKind::LeftParen : TokenKind::LeftBracket;
  if (brackets.empty() || brackets.back().kind != opener) {
    tokens.pop_back();
    fail(token.range, brackets.empty() ? describe(token.kind) + " closes nothing"
                                       : describe(token.kind) + " does not match " +
                                             describe(brackets.back().kind));
    if (!brackets.empty())
      brackets.pop_back();
    return;
  }
  brackets.pop_back();
}

void Lexer::finish() {
  if (!brackets.empty())
    reportUnclosed();
  if (!tokens.empty() && !tokens.back().is(TokenKind::Newline))
    push(TokenKind::Newline, position);
  for (; indentation.size() > 1; indentation.pop_back())
    push(TokenKind::Dedent, position);
  push(TokenKind::EndOfFile, position);
}

} // namespace fovea
