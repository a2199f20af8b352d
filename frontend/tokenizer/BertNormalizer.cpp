// BERT's cleaning of text: control characters go, every space becomes ' ', ideographs are written
// apart, accents and capitals go.
#include "frontend/tokenizer/Normalizer.h"
#include "frontend/tokenizer/Unicode.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;

namespace {
struct BertNormalizer : Normalizer {
  Expected<std::string> apply(StringRef text) const override;

  bool cleanText, separateIdeographs, stripAccents, lowercase;
};
} // namespace

static std::string cleaned(StringRef text) {
  std::string result;
  while (!text.empty()) {
    CodePoint c = takeCodePoint(text);
    if (c == 0 || c == replacementCharacter || isBertControl(c))
      continue;
    appendUtf8(result, isWhitespace(c) ? ' ' : c);
  }
  return result;
}

static std::string withIdeographsApart(StringRef text) {
  std::string result;
  while (!text.empty()) {
    CodePoint c = takeCodePoint(text);
    result += isCjkIdeograph(c) ? " " + toUtf8(c) + " " : toUtf8(c);
  }
  return result;
}

static std::string withoutAccents(StringRef text) {
  std::string decomposed = normalize(text, NormalForm::NFD), result;
  for (StringRef rest = decomposed; !rest.empty();)
    if (CodePoint c = takeCodePoint(rest); !isNonspacingMark(c))
      appendUtf8(result, c);
  return result;
}

static std::string inLowercase(StringRef text) {
  std::string result;
  while (!text.empty())
    appendLowercase(result, takeCodePoint(text));
  return result;
}

Expected<std::string> BertNormalizer::apply(StringRef text) const {
  std::string result = cleanText ? cleaned(text) : text.str();
  if (separateIdeographs)
    result = withIdeographsApart(result);
  if (stripAccents)
    result = withoutAccents(result);
  if (lowercase)
    result = inLowercase(result);
  return result;
}

Expected<std::unique_ptr<Normalizer>> tokenizer::readBertNormalizer(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly(
          {"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"}))
    return std::move(error);
  auto normalizer = std::make_unique<BertNormalizer>();
  std::pair<StringRef, bool *> switches[] = {
      {"clean_text", &normalizer->cleanText},
      {"handle_chinese_chars", &normalizer->separateIdeographs},
      {"lowercase", &normalizer->lowercase}};
  for (auto [key, target] : switches) {
    Expected<bool> value = node.booleanMember(key);
    if (!value)
      return value.takeError();
    *target = *value;
  }
  // Accents go with the capitals unless the file says otherwise.
  std::optional<JsonNode> strip = node.find("strip_accents");
  Expected<bool> stripAccents =
      strip && !strip->isNull() ? strip->boolean() : normalizer->lowercase;
  if (!stripAccents)
    return stripAccents.takeError();
  normalizer->stripAccents = *stripAccents;
  return normalizer;
}
