// The model of type BPE in a tokenizer.json.
#include "frontend/Shortened.h"
#include "frontend/tokenizer/Bpe.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;

static Expected<BpeOptions> readOptions(const JsonNode &node, const Vocabulary &vocabulary) {
  BpeOptions options;
  std::pair<StringRef, bool *> switches[] = {{"fuse_unk", &options.fuseUnknown},
                                             {"byte_fallback", &options.byteFallback},
                                             {"ignore_merges", &options.ignoreMerges}};
  for (auto [key, target] : switches) {
    Expected<bool> value = node.booleanMember(key, false);
    if (!value)
      return value.takeError();
    *target = *value;
  }
  std::string unknown;
  std::pair<StringRef, std::string *> texts[] = {
      {"unk_token", &unknown},
      {"continuing_subword_prefix", &options.continuingPrefix},
      {"end_of_word_suffix", &options.endSuffix}};
  for (auto [key, target] : texts) {
    Expected<std::string> value = readOptionalText(node, key);
    if (!value)
      return value.takeError();
    *target = std::move(*value);
  }
  if (!unknown.empty()) {
    options.unknown = vocabulary.idOf(unknown);
    if (!options.unknown)
      return node.find("unk_token")->error("'" + unknown + "' is not in the vocabulary");
  }
  return options;
}

/// A merge is ["left", "right"], or "left right" in files of before tokens could have spaces.
static Expected<std::pair<std::string, std::string>> readMerge(const JsonNode &node) {
  if (std::optional<StringRef> text = node.json().getAsString()) {
    auto [left, right] = text->split(' ');
    if (!left.empty() && !right.empty() && !right.contains(' '))
      return std::pair(left.str(), right.str());
    return node.error("expected two tokens with one space between them, got '" + shortened(*text) +
                      "'");
  }
  if (!node.json().getAsArray())
    return node.wrongKind("two tokens");
  std::vector<JsonNode> pair = llvm::cantFail(node.array());
  if (pair.size() != 2)
    return node.error("expected two tokens, got " + llvm::Twine(pair.size()));
  Expected<std::string> left = pair[0].string();
  if (!left)
    return left.takeError();
  Expected<std::string> right = pair[1].string();
  if (!right)
    return right.takeError();
  return std::pair(std::move(*left), std::move(*right));
}

static llvm::Error rejectDropout(const JsonNode &node) {
  std::optional<JsonNode> dropout = node.find("dropout");
  if (!dropout || dropout->isNull() || dropout->json().getAsNumber() == 0.0)
    return llvm::Error::success();
  return dropout->error("dropout, which makes tokens random, is not supported; expected null");
}

Expected<std::unique_ptr<Model>> tokenizer::readBpe(const JsonNode &node,
                                                    const Vocabulary &vocabulary) {
  if (llvm::Error error = node.expectOnly(
          {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
           "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"}))
    return std::move(error);
  if (llvm::Error error = rejectDropout(node))
    return std::move(error);
  Expected<BpeOptions> options = readOptions(node, vocabulary);
  if (!options)
    return options.takeError();
  Expected<JsonNode> list = node.member("merges");
  if (!list)
    return list.takeError();
  Expected<std::vector<JsonNode>> merges = list->array();
  if (!merges)
    return merges.takeError();
  auto bpe = std::make_unique<Bpe>(vocabulary, std::move(*options));
  for (const JsonNode &element : *merges) {
    auto merge = readMerge(element);
    if (!merge)
      return merge.takeError();
    if (llvm::Error error = bpe->addMerge(merge->first, merge->second))
      return element.error(llvm::toString(std::move(error)));
  }
  return bpe;
}
