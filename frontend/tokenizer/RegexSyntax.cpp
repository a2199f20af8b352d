// Translates Oniguruma's syntax to PCRE2's. Only constructs with one meaning in both pass; the
// classes \s, \w and \d are written out, since the engines' own differ (U+180E is a space in one,
// marks are word characters in the other), and with them PCRE2 needs no mode that changes others.
#include "frontend/Shortened.h"
#include "frontend/tokenizer/Pattern.h"
#include "llvm/ADT/StringExtras.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;

static constexpr StringRef spaces = "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}"
                                    "\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
static constexpr StringRef digits = "\\p{Nd}";
static constexpr StringRef words =
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}"
    "\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}";

namespace {
class Translation {
public:
  explicit Translation(StringRef expression) : whole(expression), rest(expression) {}

  Expected<std::string> run() {
    while (!rest.empty())
      if (llvm::Error error = element())
        return std::move(error);
    return std::move(result);
  }

private:
  llvm::Error refuse(StringRef construct) const {
    return llvm::createStringError("'" + construct + "' in the expression '" + shortened(whole) +
                                   "' is not supported");
  }
  void copy(size_t count) {
    result += rest.take_front(count);
    rest = rest.drop_front(count);
  }
  llvm::Error element();
  llvm::Error group();
  llvm::Error bracket();
  llvm::Error escape(bool inBracket);
  llvm::Error property();
  llvm::Error codePoint();
  llvm::Error repetition();

  StringRef whole, rest;
  std::string result;
};
} // namespace

llvm::Error Translation::element() {
  switch (rest.front()) {
  case '(':
    return group();
  case '[':
    return bracket();
  case '\\':
    return escape(/*inBracket=*/false);
  case '{':
    return repetition();
  case '^': // Oniguruma's match at every line
  case '$':
    return refuse(rest.take_front(1));
  case '.':
    result += "[^\\n]";
    rest = rest.drop_front();
    return llvm::Error::success();
  default:
    copy(1);
    return llvm::Error::success();
  }
}

/// Groups without a name, look-around and the flag for either case.
llvm::Error Translation::group() {
  if (!rest.starts_with("(?")) {
    if (rest.starts_with("(*"))
      return refuse("(*");
    copy(1);
    return llvm::Error::success();
  }
  for (StringRef kind : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"})
    if (rest.starts_with(kind)) {
      copy(kind.size());
      return llvm::Error::success();
    }
  return refuse(rest.take_front(3));
}

llvm::Error Translation::bracket() {
  copy(rest.starts_with("[^") ? 2 : 1);
  if (rest.starts_with("]")) // a member in one engine, the end in the other
    return refuse("[]");
  while (!rest.starts_with("]")) {
    if (rest.empty())
      return llvm::createStringError("'[' without ']' in the expression '" + shortened(whole) +
                                     "'");
    if (rest.starts_with("[") || rest.starts_with("&&"))
      return refuse(rest.take_front(rest.front() == '[' ? 1 : 2));
    if (rest.starts_with("\\")) {
      if (llvm::Error error = escape(/*inBracket=*/true))
        return error;
    } else {
      copy(1);
    }
  }
  copy(1);
  return llvm::Error::success();
}

/// The text of a class, on its own or within a bracket.
static std::string written(StringRef members, bool negated, bool inBracket) {
  if (inBracket)
    return members.str();
  return (llvm::Twine(negated ? "[^" : "[") + members + "]").str();
}

llvm::Error Translation::escape(bool inBracket) {
  if (rest.size() < 2)
    return refuse("\\");
  char c = rest[1];
  if (c == 'p' || c == 'P')
    return property();
  if (c == 'x')
    return codePoint();
  bool negated = c == 'S' || c == 'D' || c == 'W';
  if (negated && inBracket)
    return refuse(rest.take_front(2));
  StringRef members = llvm::StringSwitch<StringRef>(rest.substr(1, 1).lower())
                          .Case("s", spaces)
                          .Case("d", digits)
                          .Case("w", words)
                          .Default("");
  if (!members.empty()) {
    result += written(members, negated, inBracket);
    rest = rest.drop_front(2);
    return llvm::Error::success();
  }
  bool isControl = StringRef("rntfv").contains(c);
  if (llvm::isAlnum(c) && !isControl)
    return refuse(rest.take_front(2));
  if (c == 'v') { // a vertical tab, but to PCRE2 all vertical spaces
    result += "\\x{b}";
    rest = rest.drop_front(2);
    return llvm::Error::success();
  }
  copy(2);
  return llvm::Error::success();
}

/// \p{Name} and \P{Name}.
llvm::Error Translation::property() {
  size_t end = rest.find('}');
  if (rest.substr(2, 1) != "{" || end == StringRef::npos)
    return refuse(rest.take_front(2));
  copy(end + 1);
  return llvm::Error::success();
}

/// \x{H...} and \xHH.
llvm::Error Translation::codePoint() {
  StringRef number = rest.drop_front(2);
  size_t length = 0;
  if (number.consume_front("{")) {
    length = number.find('}');
    if (length == StringRef::npos)
      return refuse("\\x");
    number = number.take_front(length);
    length += 4;
  } else {
    number = number.take_front(2);
    length = 4;
  }
  // Up to 7F, \xHH are the same in both; above, they are bytes to Oniguruma.
  unsigned value = 0;
  if (number.getAsInteger(16, value) || (rest[2] != '{' && (number.size() != 2 || value > 0x7F)))
    return refuse(rest.take_front(length));
  copy(length);
  return llvm::Error::success();
}

/// {n}, {n,} and {n,m}, which are followed by '?' alone: the engines differ on '{n,m}+'.
llvm::Error Translation::repetition() {
  size_t end = rest.find('}');
  StringRef inside = end == StringRef::npos ? "" : rest.slice(1, end);
  auto [low, high] = inside.split(',');
  if (low.empty() || !llvm::all_of(low, llvm::isDigit) || !llvm::all_of(high, llvm::isDigit))
    return refuse("{" + inside.str());
  copy(end + 1);
  if (rest.starts_with("+") || (rest.starts_with("?") && !inside.contains(',')))
    return refuse("{" + inside.str() + "}" + rest.take_front(1).str());
  return llvm::Error::success();
}

Expected<std::string> tokenizer::translateRegex(StringRef expression) {
  return Translation(expression).run();
}
