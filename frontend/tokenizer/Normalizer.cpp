#include "frontend/tokenizer/Normalizer.h"
#include "frontend/tokenizer/ByteAlphabet.h"
#include "frontend/tokenizer/Pattern.h"
#include "llvm/ADT/StringSwitch.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;
using NormalizerOr = Expected<std::unique_ptr<Normalizer>>;

namespace {
struct InNormalForm : Normalizer {
  explicit InNormalForm(NormalForm form) : form(form) {}
  Expected<std::string> apply(StringRef text) const override { return normalize(text, form); }
  NormalForm form;
};

struct Lowercase : Normalizer {
  Expected<std::string> apply(StringRef text) const override {
    std::string result;
    while (!text.empty())
      appendLowercase(result, takeCodePoint(text));
    return result;
  }
};

struct StripAccents : Normalizer {
  Expected<std::string> apply(StringRef text) const override {
    std::string result;
    while (!text.empty())
      if (CodePoint c = takeCodePoint(text); !isMark(c))
        appendUtf8(result, c);
    return result;
  }
};

struct Strip : Normalizer {
  Strip(bool left, bool right) : left(left), right(right) {}
  Expected<std::string> apply(StringRef text) const override {
    for (StringRef rest = text; left && !rest.empty() && isWhitespace(takeCodePoint(rest));)
      text = rest;
    while (right && !text.empty() && isWhitespace(lastCodePoint(text)))
      text = text.drop_back(toUtf8(lastCodePoint(text)).size());
    return text.str();
  }
  bool left, right;
};

struct Prepend : Normalizer {
  explicit Prepend(std::string prefix) : prefix(std::move(prefix)) {}
  Expected<std::string> apply(StringRef text) const override {
    return text.empty() ? std::string() : prefix + text.str();
  }
  std::string prefix;
};

struct Replace : Normalizer {
  explicit Replace(Replacement replacement) : replacement(std::move(replacement)) {}
  Expected<std::string> apply(StringRef text) const override { return replacement.apply(text); }
  Replacement replacement;
};

struct SpellBytes : Normalizer {
  Expected<std::string> apply(StringRef text) const override { return spellBytes(text); }
};

struct Sequence : Normalizer {
  Expected<std::string> apply(StringRef text) const override {
    std::string result = text.str();
    for (const std::unique_ptr<Normalizer> &step : steps) {
      Expected<std::string> next = step->apply(result);
      if (!next)
        return next.takeError();
      result = std::move(*next);
      if (result.size() > maxTextBytes)
        return llvm::createStringError("normalizing a text of " + llvm::Twine(text.size()) +
                                       " bytes makes it " + llvm::Twine(result.size()) +
                                       " bytes long; expected at most " +
                                       llvm::Twine(maxTextBytes));
    }
    return result;
  }
  std::vector<std::unique_ptr<Normalizer>> steps;
};
} // namespace

static NormalizerOr readSequence(const JsonNode &node) {
  Expected<std::vector<JsonNode>> elements = node.sequence("normalizers");
  if (!elements)
    return elements.takeError();
  auto sequence = std::make_unique<Sequence>();
  for (const JsonNode &element : *elements) {
    NormalizerOr step = readNormalizer(element);
    if (!step)
      return step.takeError();
    if (*step)
      sequence->steps.push_back(std::move(*step));
  }
  return sequence;
}

static NormalizerOr readStrip(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly({"type", "strip_left", "strip_right"}))
    return std::move(error);
  Expected<bool> left = node.booleanMember("strip_left");
  if (!left)
    return left.takeError();
  Expected<bool> right = node.booleanMember("strip_right");
  if (!right)
    return right.takeError();
  return std::make_unique<Strip>(*left, *right);
}

static NormalizerOr readPrepend(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly({"type", "prepend"}))
    return std::move(error);
  Expected<std::string> prefix = node.stringMember("prepend");
  if (!prefix)
    return prefix.takeError();
  return std::make_unique<Prepend>(std::move(*prefix));
}

static NormalizerOr readReplace(const JsonNode &node) {
  Expected<Replacement> replacement = Replacement::read(node);
  if (!replacement)
    return replacement.takeError();
  return std::make_unique<Replace>(std::move(*replacement));
}

/// Those that have a type and nothing else; null for other types.
static std::unique_ptr<Normalizer> makePlain(StringRef type) {
  std::optional<NormalForm> form = llvm::StringSwitch<std::optional<NormalForm>>(type)
                                       .Case("NFC", NormalForm::NFC)
                                       .Case("NFD", NormalForm::NFD)
                                       .Case("NFKC", NormalForm::NFKC)
                                       .Case("NFKD", NormalForm::NFKD)
                                       .Default(std::nullopt);
  if (form)
    return std::make_unique<InNormalForm>(*form);
  if (type == "Lowercase")
    return std::make_unique<Lowercase>();
  if (type == "StripAccents")
    return std::make_unique<StripAccents>();
  if (type == "ByteLevel")
    return std::make_unique<SpellBytes>();
  return nullptr;
}

NormalizerOr tokenizer::readNormalizer(const JsonNode &node) {
  if (node.isNull())
    return nullptr;
  Expected<std::string> type = node.stringMember("type");
  if (!type)
    return type.takeError();
  auto read = llvm::StringSwitch<NormalizerOr (*)(const JsonNode &)>(*type)
                  .Case("Sequence", readSequence)
                  .Case("Strip", readStrip)
                  .Case("Prepend", readPrepend)
                  .Case("Replace", readReplace)
                  .Case("BertNormalizer", readBertNormalizer)
                  .Default(nullptr);
  if (read)
    return read(node);
  std::unique_ptr<Normalizer> plain = makePlain(*type);
  if (!plain)
    return node.find("type")->unsupported(
        *type, "Sequence, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Prepend, Replace, "
               "ByteLevel or BertNormalizer");
  if (llvm::Error error = node.expectOnly({"type"}))
    return std::move(error);
  return plain;
}
