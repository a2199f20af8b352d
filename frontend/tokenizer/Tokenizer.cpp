#include "frontend/tokenizer/Tokenizer.h"
#include "frontend/FileIO.h"
#include "frontend/Json.h"
#include "frontend/tokenizer/Pipeline.h"
#include "frontend/tokenizer/Unicode.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;

// The largest files of today have 35 MB. A parsed one takes up to about 20 times its size.
static constexpr size_t maxFileBytes = 64 << 20;

static Expected<llvm::json::Value> parseBounded(StringRef text, StringRef name) {
  if (text.size() > maxFileBytes)
    return llvm::createStringError(name + ": expected at most " + llvm::Twine(maxFileBytes) +
                                   " bytes, got " + llvm::Twine(text.size()));
  return parseJson(text, name);
}

Expected<Tokenizer> Tokenizer::fromJson(StringRef text, StringRef name) {
  Expected<llvm::json::Value> root = parseBounded(text, name);
  if (!root)
    return root.takeError();
  Expected<std::shared_ptr<const Pipeline>> pipeline = readPipeline(JsonNode(*root, name));
  if (!pipeline)
    return pipeline.takeError();
  return Tokenizer(std::move(*pipeline));
}

Expected<Tokenizer> Tokenizer::fromFile(StringRef path) {
  Expected<std::unique_ptr<llvm::MemoryBuffer>> file = readFile(path);
  if (!file)
    return file.takeError();
  return fromJson((*file)->getBuffer(), path);
}

Expected<Tokenizer> Tokenizer::fromVocabAndMerges(StringRef vocabPath, StringRef mergesPath) {
  Expected<std::unique_ptr<llvm::MemoryBuffer>> vocabFile = readFile(vocabPath);
  if (!vocabFile)
    return vocabFile.takeError();
  Expected<std::unique_ptr<llvm::MemoryBuffer>> mergesFile = readFile(mergesPath);
  if (!mergesFile)
    return mergesFile.takeError();
  Expected<llvm::json::Value> vocab = parseBounded((*vocabFile)->getBuffer(), vocabPath);
  if (!vocab)
    return vocab.takeError();
  Expected<std::shared_ptr<const Pipeline>> pipeline =
      makeGpt2Pipeline(JsonNode(*vocab, vocabPath), (*mergesFile)->getBuffer(), mergesPath);
  if (!pipeline)
    return pipeline.takeError();
  return Tokenizer(std::move(*pipeline));
}

Expected<Tokenizer> Tokenizer::fromDirectory(StringRef directory) {
  auto pathOf = [&](StringRef name) {
    llvm::SmallString<128> path(directory);
    llvm::sys::path::append(path, name);
    return path.str().str();
  };
  std::string whole = pathOf("tokenizer.json"), vocab = pathOf("vocab.json");
  if (isPresent(whole))
    return fromFile(whole);
  if (isPresent(vocab))
    return fromVocabAndMerges(vocab, pathOf("merges.txt"));
  return llvm::createStringError(directory +
                                 ": expected tokenizer.json, or vocab.json and merges.txt");
}

Expected<std::vector<TokenId>> Tokenizer::encode(StringRef text, bool addSpecial) const {
  if (text.size() > maxTextBytes)
    return llvm::createStringError("expected a text of at most " + llvm::Twine(maxTextBytes) +
                                   " bytes, got " + llvm::Twine(text.size()));
  if (std::optional<size_t> invalid = findInvalidUtf8(text))
    return llvm::createStringError("expected UTF-8, got the byte 0x" +
                                   llvm::utohexstr(static_cast<uint8_t>(text[*invalid])) +
                                   " at offset " + llvm::Twine(*invalid));
  std::vector<TokenId> ids;
  if (addSpecial)
    ids = pipeline->surroundings.prefix;
  if (llvm::Error error = pipeline->encode(text, ids))
    return std::move(error);
  if (addSpecial)
    llvm::append_range(ids, pipeline->surroundings.suffix);
  return ids;
}

Expected<std::string> Tokenizer::decode(llvm::ArrayRef<TokenId> ids, bool skipSpecial) const {
  TokenStream stream(*this, skipSpecial);
  std::string text;
  for (TokenId id : ids) {
    Expected<std::string> piece = stream.push(id);
    if (!piece)
      return piece.takeError();
    text += *piece;
  }
  Expected<std::string> rest = stream.finish();
  if (!rest)
    return rest.takeError();
  return text + *rest;
}

size_t Tokenizer::size() const { return pipeline->vocabulary.size(); }
TokenId Tokenizer::idLimit() const { return pipeline->vocabulary.idLimit(); }

std::optional<TokenId> Tokenizer::idOf(StringRef token) const {
  return pipeline->vocabulary.idOf(token);
}
std::optional<StringRef> Tokenizer::tokenOf(TokenId id) const {
  return pipeline->vocabulary.tokenOf(id);
}
bool Tokenizer::isSpecial(TokenId id) const { return tokenOf(id) && pipeline->added.isSpecial(id); }

llvm::ArrayRef<TokenId> Tokenizer::prefix() const { return pipeline->surroundings.prefix; }
llvm::ArrayRef<TokenId> Tokenizer::suffix() const { return pipeline->surroundings.suffix; }

std::optional<TokenId> Tokenizer::bos() const {
  return prefix().empty() ? std::nullopt : std::optional(prefix().front());
}
std::optional<TokenId> Tokenizer::eos() const {
  return suffix().empty() ? std::nullopt : std::optional(suffix().back());
}

TokenStream::TokenStream(const Tokenizer &tokenizer, bool skipSpecial)
    : pipeline(tokenizer.pipeline), chain(std::make_unique<DecoderChain>(pipeline->decoder)),
      skipSpecial(skipSpecial) {}
TokenStream::TokenStream(TokenStream &&) = default;
TokenStream &TokenStream::operator=(TokenStream &&) = default;
TokenStream::~TokenStream() = default;

Expected<std::string> TokenStream::push(TokenId id) {
  std::optional<StringRef> token = pipeline->vocabulary.tokenOf(id);
  if (!token)
    return llvm::createStringError("cannot decode id " + llvm::Twine(id) +
                                   ", which is not in the vocabulary");
  if (skipSpecial && pipeline->added.isSpecial(id))
    return std::string();
  if (llvm::Error error = chain->push(*token))
    return std::move(error);
  return chain->take();
}

Expected<std::string> TokenStream::finish() {
  if (llvm::Error error = chain->finish())
    return std::move(error);
  return chain->take();
}
