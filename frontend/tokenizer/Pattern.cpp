#include "frontend/tokenizer/Pattern.h"
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
    return llvm::createStringError("the expression '" + expression +
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

namespace {
struct Deleter {
  void operator()(pcre2_match_data *data) { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context *context) { pcre2_match_context_free(context); }
  void operator()(pcre2_jit_stack *stack) { pcre2_jit_stack_free(stack); }
};
template <typename T>
using Owned = std::unique_ptr<T, Deleter>;
} // namespace

llvm::Error Pattern::run(StringRef text, std::vector<Span> &found) const {
  auto *subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  Owned<pcre2_match_data> data(pcre2_match_data_create(1, nullptr));
  Owned<pcre2_match_context> context(pcre2_match_context_create(nullptr));
  Owned<pcre2_jit_stack> stack(pcre2_jit_stack_create(32 << 10, 8 << 20, nullptr));
  pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  for (size_t begin = 0; begin < text.size();) {
    // Checking the whole subject at every match would take quadratic time.
    int count = pcre2_match(code.get(), subject, text.size(), begin, PCRE2_NO_UTF_CHECK, data.get(),
                            context.get());
    if (count == PCRE2_ERROR_NOMATCH)
      break;
    if (count < 0)
      return llvm::createStringError("matching a regular expression failed: " + messageOf(count));
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data.get());
    if (ends[1] > ends[0]) {
      found.push_back({ends[0], ends[1]});
      begin = ends[1];
    } else { // an empty match separates nothing
      begin = ends[1];
      if (begin < text.size())
        begin += *codePointLength(text.drop_front(begin));
    }
  }
  return llvm::Error::success();
}

Expected<std::vector<Span>> Pattern::matches(StringRef text) const {
  std::vector<Span> found;
  if (code) {
    if (llvm::Error error = run(text, found))
      return std::move(error);
    return found;
  }
  if (needle.empty())
    return found;
  for (size_t at = text.find(needle); at != StringRef::npos;
       at = text.find(needle, at + needle.size()))
    found.push_back({at, at + needle.size()});
  return found;
}

Expected<std::string> Pattern::replaceAll(StringRef text, StringRef by) const {
  Expected<std::vector<Span>> found = matches(text);
  if (!found)
    return found.takeError();
  std::string result;
  size_t copied = 0;
  for (Span match : *found) {
    result += text.slice(copied, match.begin);
    result += by;
    copied = match.end;
  }
  return result + text.drop_front(copied).str();
}
