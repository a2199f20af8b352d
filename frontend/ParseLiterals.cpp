// Numbers and strings: from the token's text to its value.
#include "frontend/ParserImpl.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

namespace fovea {

using namespace ast;

static unsigned takeRadix(std::string &digits) {
  llvm::StringRef text = digits;
  unsigned radix = text.starts_with_insensitive("0x")   ? 16
                   : text.starts_with_insensitive("0b") ? 2
                   : text.starts_with_insensitive("0o") ? 8
                                                        : 10;
  if (radix != 10)
    digits.erase(0, 2);
  return radix;
}

Expr *Parser::parseInteger() {
  Token token = take();
  std::string digits = textOf(token).str();
  llvm::erase(digits, '_');
  unsigned radix = takeRadix(digits);
  int64_t value = 0;
  if (llvm::StringRef(digits).getAsInteger(radix, value)) {
    bool valid = !digits.empty() &&
                 llvm::all_of(digits, [&](char c) { return llvm::hexDigitValue(c) < radix; });
    return fail(token.range, valid ? "integer " + textOf(token) + " does not fit in 64 bits"
                                   : "'" + textOf(token) + "' is not a number");
  }
  auto *node = makeNode<IntegerExpr>(token.range.begin);
  node->value = value;
  return node;
}

Expr *Parser::parseFloat() {
  Token token = take();
  std::string digits = textOf(token).str();
  llvm::erase(digits, '_');
  double value = 0;
  if (llvm::StringRef(digits).getAsDouble(value))
    return fail(token.range, "'" + textOf(token) + "' is not a number");
  if (std::isinf(value))
    return fail(token.range, "number " + textOf(token) + " is too large for f64");
  auto *node = makeNode<FloatExpr>(token.range.begin);
  node->value = value;
  return node;
}

// The range of a string token between its quotes.
static SourceRange contents(SourceRange range, llvm::StringRef text) {
  uint32_t prefix = text.starts_with("f") ? 1 : 0;
  text = text.drop_front(prefix);
  uint32_t width = text.starts_with("\"\"\"") || text.starts_with("'''") ? 3 : 1;
  return {range.begin + prefix + width, range.end - width};
}

std::optional<std::string> Parser::unescape(SourceRange range) {
  llvm::StringRef text = diagnostics.getSource().getText(range);
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      result += text[i];
      continue;
    }
    static constexpr llvm::StringLiteral codes = "ntr\\'\"\n", values = "\n\t\r\\'\"";
    char code = ++i < text.size() ? text[i] : '\0';
    size_t which = codes.find(code);
    if (which == llvm::StringRef::npos) {
      auto at = static_cast<uint32_t>(range.begin + i - 1);
      fail({at, at + 2}, "unknown escape '\\" + llvm::Twine(code) + "' in a string");
      return std::nullopt;
    }
    // An escaped line end stands for nothing.
    if (which < values.size())
      result += values[which];
  }
  return result;
}

Expr *Parser::parseString() {
  Token token = take();
  auto text = unescape(contents(token.range, textOf(token)));
  if (!text)
    return nullptr;
  auto *node = makeNode<StringExpr>(token.range.begin);
  node->value = module.copy(llvm::StringRef(*text));
  return node;
}

Expr *Parser::parseFString() {
  Token token = take();
  SourceRange range = contents(token.range, textOf(token));
  llvm::StringRef source = diagnostics.getSource().getText();
  llvm::SmallVector<llvm::StringRef> texts;
  llvm::SmallVector<Expr *> values;
  std::string piece;
  uint32_t begin = range.begin;
  auto flush = [&](uint32_t end) {
    auto text = unescape({begin, end});
    piece += text.value_or("");
    return text.has_value();
  };
  for (uint32_t i = range.begin; i < range.end; ++i) {
    if (source[i] == '\\') {
      ++i;
      continue;
    }
    if (source[i] != '{' && source[i] != '}')
      continue;
    if (!flush(i))
      return nullptr;
    if (i + 1 < range.end && source[i + 1] == source[i]) {
      piece += source[i++];
      begin = i + 1;
      continue;
    }
    size_t close = source[i] == '{' ? source.find('}', i) : llvm::StringRef::npos;
    if (close >= range.end)
      return fail({i, i + 1}, "'" + llvm::Twine(source[i]) +
                                  "' in an f-string has no partner; write it twice to mean itself");
    texts.push_back(module.copy(llvm::StringRef(piece)));
    piece.clear();
    values.push_back(parseReplacement({i + 1, static_cast<uint32_t>(close)}));
    if (!values.back())
      return nullptr;
    i = static_cast<uint32_t>(close);
    begin = i + 1;
  }
  if (!flush(range.end))
    return nullptr;
  texts.push_back(module.copy(llvm::StringRef(piece)));
  lastEnd = token.range.end;
  auto *node = makeNode<FStringExpr>(token.range.begin, values);
  if (!node)
    return nullptr;
  node->texts = copy<llvm::StringRef>(texts);
  node->values = copy<Expr *>(values);
  return node;
}

// The expression between braces has tokens of its own.
Expr *Parser::parseReplacement(SourceRange range) {
  auto inner = Lexer(diagnostics).runInside(range);
  if (!inner)
    return nullptr;
  std::vector<Token> outer = std::exchange(tokens, std::move(*inner));
  size_t outerPosition = std::exchange(position, 0);
  Expr *value = parseExpr();
  if (value && !at(TokenKind::EndOfFile))
    value = failExpected("'}' after the expression");
  tokens = std::move(outer);
  position = stopped ? tokens.size() - 1 : outerPosition;
  return value;
}

} // namespace fovea
