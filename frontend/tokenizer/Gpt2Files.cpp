// GPT-2's own files: vocab.json with the tokens, merges.txt with a merge a line. The rest of the
// pipeline is fixed.
#include "frontend/Json.h"
#include "frontend/Shortened.h"
#include "frontend/tokenizer/Bpe.h"
#include "frontend/tokenizer/Pipeline.h"
#include "frontend/tokenizer/Unicode.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;

static constexpr StringRef endOfText = "<|endoftext|>";

static llvm::Error addMerges(Bpe &bpe, StringRef text, StringRef name) {
  for (unsigned number = 1; !text.empty(); ++number) {
    auto [line, rest] = text.split('\n');
    text = rest;
    line = line.rtrim('\r');
    if (line.empty() || (number == 1 && line.starts_with("#version")))
      continue;
    auto [left, right] = line.split(' ');
    std::string place = (name + ":" + llvm::Twine(number) + ": error: ").str();
    if (left.empty() || right.empty() || right.contains(' '))
      return llvm::createStringError(place +
                                     "expected two tokens with one space between them, "
                                     "got '" +
                                     shortened(line) + "'");
    if (llvm::Error error = bpe.addMerge(left, right))
      return llvm::createStringError(place + llvm::toString(std::move(error)));
  }
  return llvm::Error::success();
}

static Expected<std::unique_ptr<PreTokenizer>> makePreTokenizer() {
  llvm::json::Value description =
      llvm::json::Object{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}};
  return readPreTokenizer(JsonNode(description, "GPT-2"));
}

Expected<std::shared_ptr<const Pipeline>>
tokenizer::makeGpt2Pipeline(const JsonNode &vocab, StringRef merges, StringRef mergesName) {
  auto pipeline = std::make_shared<Pipeline>();
  if (llvm::Error error = pipeline->readVocabularies(vocab))
    return std::move(error);
  auto bpe = std::make_unique<Bpe>(pipeline->modelVocabulary, BpeOptions());
  if (std::optional<size_t> invalid = findInvalidUtf8(merges))
    return llvm::createStringError(mergesName + ": the byte at offset " + llvm::Twine(*invalid) +
                                   " is not UTF-8");
  if (llvm::Error error = addMerges(*bpe, merges, mergesName))
    return std::move(error);
  pipeline->model = std::move(bpe);
  Expected<std::unique_ptr<PreTokenizer>> preTokenizer = makePreTokenizer();
  if (!preTokenizer)
    return preTokenizer.takeError();
  pipeline->preTokenizer = std::move(*preTokenizer);
  pipeline->decoder.push_back(makeByteLevelDecoder);
  if (std::optional<TokenId> id = pipeline->vocabulary.idOf(endOfText)) {
    AddedToken token{*id, endOfText.str(), false, false, false, false, /*special=*/true};
    if (llvm::Error error = pipeline->added.add(token, nullptr))
      return std::move(error);
  }
  return pipeline;
}
