#include "frontend/tokenizer/Decoder.h"
#include "frontend/tokenizer/Pattern.h"
#include "frontend/tokenizer/Unicode.h"
#include "llvm/ADT/StringSwitch.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;
using PlanOr = Expected<DecoderPlan>;

DecoderChain::DecoderChain(const DecoderPlan &plan) : first(&output) {
  for (const StageMaker &make : plan)
    stages.push_back(make());
  for (size_t i = stages.size(); i-- > 0;) {
    stages[i]->setNext(*first);
    first = stages[i].get();
  }
}

llvm::Error DecoderChain::push(StringRef token) {
  if (llvm::Error error = first->fragment(token))
    return error;
  return first->endToken();
}

llvm::Error DecoderChain::finish() { return first->finish(); }

static DecoderPlan planOf(StageMaker maker) { return {std::move(maker)}; }

static PlanOr readSequence(const JsonNode &node) {
  Expected<std::vector<JsonNode>> elements = node.sequence("decoders");
  if (!elements)
    return elements.takeError();
  DecoderPlan plan;
  for (const JsonNode &element : *elements) {
    PlanOr stages = readDecoder(element);
    if (!stages)
      return stages.takeError();
    llvm::append_range(plan, *stages);
  }
  return plan;
}

namespace {
struct ReplaceDecoder : WholeTokenStage {
  explicit ReplaceDecoder(Replacement replacement) : replacement(std::move(replacement)) {}
  llvm::Error token(StringRef text) override {
    Expected<std::string> replaced = replacement.apply(text);
    return replaced ? pass(*replaced) : replaced.takeError();
  }
  Replacement replacement;
};
} // namespace

static PlanOr readReplace(const JsonNode &node) {
  Expected<Replacement> replacement = Replacement::read(node);
  if (!replacement)
    return replacement.takeError();
  return planOf(
      [replacement = *replacement] { return std::make_unique<ReplaceDecoder>(replacement); });
}

static Expected<std::string> readCodePoint(const JsonNode &node, StringRef key) {
  Expected<std::string> text = node.stringMember(key);
  if (text && codePointLength(*text) != text->size())
    return node.find(key)->error("expected one code point");
  return text;
}

static PlanOr readStrip(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly({"type", "content", "start", "stop"}))
    return std::move(error);
  Expected<std::string> content = readCodePoint(node, "content");
  if (!content)
    return content.takeError();
  size_t counts[2];
  for (auto [i, key] : llvm::enumerate(std::array<StringRef, 2>{"start", "stop"})) {
    Expected<int64_t> count = node.integerMember(key);
    if (!count)
      return count.takeError();
    if (*count < 0)
      return node.find(key)->error("expected 0 or more, got " + llvm::Twine(*count));
    counts[i] = *count;
  }
  return planOf([content = *content, start = counts[0], stop = counts[1]] {
    return makeStripDecoder(content, start, stop);
  });
}

static PlanOr readMetaspace(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly(
          {"type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"}))
    return std::move(error);
  Expected<std::string> replacement = readCodePoint(node, "replacement");
  if (!replacement)
    return replacement.takeError();
  Expected<bool> older = node.booleanMember("add_prefix_space", true);
  if (!older)
    return older.takeError();
  Expected<std::string> scheme = node.find("prepend_scheme")
                                     ? node.stringMember("prepend_scheme")
                                     : Expected<std::string>(*older ? "always" : "never");
  if (!scheme)
    return scheme.takeError();
  if (*scheme != "always" && *scheme != "first" && *scheme != "never")
    return node.find("prepend_scheme")->unsupported(*scheme, "always, first or never");
  return planOf([replacement = *replacement, dropFirst = *scheme != "never"] {
    return makeMetaspaceDecoder(replacement, dropFirst);
  });
}

static PlanOr readWordPiece(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly({"type", "prefix", "cleanup"}))
    return std::move(error);
  Expected<std::string> prefix = node.stringMember("prefix");
  if (!prefix)
    return prefix.takeError();
  Expected<bool> cleanup = node.booleanMember("cleanup");
  if (!cleanup)
    return cleanup.takeError();
  return planOf(
      [prefix = *prefix, cleanup = *cleanup] { return makeWordPieceDecoder(prefix, cleanup); });
}

static PlanOr readBpe(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly({"type", "suffix"}))
    return std::move(error);
  Expected<std::string> suffix = node.stringMember("suffix");
  if (!suffix)
    return suffix.takeError();
  return planOf([suffix = *suffix] { return makeBpeDecoder(suffix); });
}

static PlanOr readByteLevel(const JsonNode &node) {
  if (llvm::Error error =
          node.expectOnly({"type", "add_prefix_space", "trim_offsets", "use_regex"}))
    return std::move(error);
  return planOf(makeByteLevelDecoder);
}

static PlanOr readByteFallback(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly({"type"}))
    return std::move(error);
  return planOf(makeByteFallbackDecoder);
}

static PlanOr readFuse(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly({"type"}))
    return std::move(error);
  return planOf(makeFuseDecoder);
}

PlanOr tokenizer::readDecoder(const JsonNode &node) {
  if (node.isNull())
    return planOf(makeJoinDecoder);
  Expected<std::string> type = node.stringMember("type");
  if (!type)
    return type.takeError();
  auto read = llvm::StringSwitch<PlanOr (*)(const JsonNode &)>(*type)
                  .Case("Sequence", readSequence)
                  .Case("ByteLevel", readByteLevel)
                  .Case("ByteFallback", readByteFallback)
                  .Case("Fuse", readFuse)
                  .Case("Replace", readReplace)
                  .Case("Strip", readStrip)
                  .Case("Metaspace", readMetaspace)
                  .Case("WordPiece", readWordPiece)
                  .Case("BPEDecoder", readBpe)
                  .Default(nullptr);
  if (!read)
    return node.find("type")->unsupported(
        *type, "Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, WordPiece or "
               "BPEDecoder");
  return read(node);
}
