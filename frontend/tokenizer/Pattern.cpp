#include "frontend/tokenizer/Pattern.h"
#include "frontend/Shortened.h"
#include "frontend/tokenizer/Unicode.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;

static std::string messageOf(int code) {
  PCRE2_UCHAR text[256];
  if (pcre2_get_error_message(code, text, sizeof(text)) < 0)
    return "PCRE2 error " + std::to_string(code);
  return reinterpret_cast<const char *>(text);
}

Expected<Pattern> Pattern::regex(StringRef expression) {
  Expected<std::string> translated = translateRegex(expression);
  if (!translated)
    return translated.takeError();
  int error = 0;
  PCRE2_SIZE offset = 0;
  // No UCP: the translation writes the Unicode classes out.
  pcre2_code *code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated->data()), translated->size(),
                    PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr);
  if (!code)
    return llvm::createStringError("the expression '" + shortened(expression) +
                                   "' is wrong: " + messageOf(error));
  // Without a just-in-time compiler matching is slower, and otherwise the same.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  Pattern pattern;
  pattern.code.reset(code, [](pcre2_code *c) { pcre2_code_free(c); });
  return pattern;
}

Pattern Pattern::literal(StringRef text) {
  Pattern pattern;
  pattern.needle = text.str();
  return pattern;
}

Expected<Pattern> Pattern::read(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly({"String", "Regex"}))
    return std::move(error);
  if (std::optional<JsonNode> text = node.find("String")) {
    Expected<std::string> needle = text->string();
    return needle ? Expected<Pattern>(literal(*needle)) : needle.takeError();
  }
  Expected<std::string> expression = node.stringMember("Regex");
  if (!expression)
    return expression.takeError();
  Expected<Pattern> pattern = regex(*expression);
  if (!pattern)
    return node.find("Regex")->error(llvm::toString(pattern.takeError()));
  return pattern;
}

Expected<Replacement> Replacement::read(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly({"type", "pattern", "content"}))
    return std::move(error);
  Expected<JsonNode> member = node.member("pattern");
  if (!member)
    return member.takeError();
  Expected<Pattern> pattern = Pattern::read(*member);
  if (!pattern)
    return pattern.takeError();
  Expected<std::string> content = node.stringMember("content");
  if (!content)
    return content.takeError();
  return Replacement{std::move(*pattern), std::move(*content)};
}

namespace {
struct Deleter {
  void operator()(pcre2_match_data *data) { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context *context) { pcre2_match_context_free(context); }
  void operator()(pcre2_jit_stack *stack) { pcre2_jit_stack_free(stack); }
};
template <typename T>
using Owned = std::unique_ptr<T, Deleter>;
} // namespace

namespace {
/// Finds the matches of an expression in one text.
class Search {
public:
  Search(const pcre2_code *code, StringRef text)
      : code(code), text(text), data(pcre2_match_data_create(1, nullptr)) {}

  /// The first match from `begin` on; nothing if there is none.
  Expected<std::optional<Span>> next(size_t begin) {
    int count = match(begin);
    if (count == PCRE2_ERROR_JIT_STACKLIMIT && !stack) { // 32 KiB, enough for nearly all
      context.reset(pcre2_match_context_create(nullptr));
      stack.reset(pcre2_jit_stack_create(64 << 10, 8 << 20, nullptr));
      pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
      count = match(begin);
    }
    if (count == PCRE2_ERROR_NOMATCH)
      return std::nullopt;
    if (count < 0)
      return llvm::createStringError("matching a regular expression failed: " + messageOf(count));
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data.get());
    return Span{ends[0], ends[1]};
  }

private:
  int match(size_t begin) {
    // Checking the whole subject at every match would take quadratic time.
    return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), begin,
                       PCRE2_NO_UTF_CHECK, data.get(), context.get());
  }

  const pcre2_code *code;
  StringRef text;
  Owned<pcre2_match_data> data;
  Owned<pcre2_match_context> context;
  Owned<pcre2_jit_stack> stack;
};
} // namespace

llvm::Error Pattern::visitRegex(StringRef text, OnMatch onMatch) const {
  Search search(code.get(), text);
  for (size_t begin = 0; begin < text.size();) {
    Expected<std::optional<Span>> match = search.next(begin);
    if (!match)
      return match.takeError();
    if (!*match)
      break;
    begin = (*match)->end;
    if ((*match)->begin < begin) {
      if (llvm::Error error = onMatch(**match))
        return error;
    } else if (begin < text.size()) { // an empty match separates nothing
      begin += *codePointLength(text.drop_front(begin));
    }
  }
  return llvm::Error::success();
}

llvm::Error Pattern::visit(StringRef text, OnMatch onMatch) const {
  if (code)
    return visitRegex(text, onMatch);
  if (needle.empty())
    return llvm::Error::success();
  for (size_t at = text.find(needle); at != StringRef::npos;
       at = text.find(needle, at + needle.size()))
    if (llvm::Error error = onMatch({at, at + needle.size()}))
      return error;
  return llvm::Error::success();
}

Expected<std::vector<Span>> Pattern::matches(StringRef text) const {
  std::vector<Span> found;
  auto keep = [&](Span match) {
    found.push_back(match);
    return llvm::Error::success();
  };
  if (llvm::Error error = visit(text, keep))
    return std::move(error);
  return found;
}

Expected<std::string> Pattern::replaceAll(StringRef text, StringRef by) const {
  std::string result;
  size_t copied = 0;
  // Replacements in sequence can multiply the length of a text each.
  auto append = [&](StringRef between, StringRef replacement) -> llvm::Error {
    if (result.size() + between.size() + replacement.size() > std::max(text.size(), maxTextBytes))
      return llvm::createStringError("replacing parts of a text of " + llvm::Twine(text.size()) +
                                     " bytes makes it longer than " + llvm::Twine(maxTextBytes));
    result += between;
    result += replacement;
    return llvm::Error::success();
  };
  auto replace = [&](Span match) {
    StringRef between = text.slice(std::exchange(copied, match.end), match.begin);
    return append(between, by);
  };
  if (llvm::Error error = visit(text, replace))
    return std::move(error);
  if (llvm::Error error = append(text.drop_front(copied), ""))
    return std::move(error);
  return result;
}
