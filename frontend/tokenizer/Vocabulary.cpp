#include "frontend/tokenizer/Vocabulary.h"
#include "llvm/Support/xxhash.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;

// DenseMap keeps the largest integers for itself, and `idLimit` is one more than an id.
static constexpr int64_t idEnd = (int64_t(1) << 31) - 16;

static bool isTokenId(int64_t id) { return id >= 0 && id < idEnd; }

Expected<TokenId> tokenizer::readTokenId(const JsonNode &node) {
  Expected<int64_t> id = node.integer();
  if (!id)
    return id.takeError();
  if (!isTokenId(*id))
    return node.error("expected an id from 0 to " + llvm::Twine(idEnd - 1) + ", got " +
                      llvm::Twine(*id));
  return static_cast<TokenId>(*id);
}

Expected<Vocabulary> Vocabulary::read(const JsonNode &node) {
  Expected<const llvm::json::Object *> members = node.object();
  if (!members)
    return members.takeError();
  // There may be hundreds of thousands: tables of the right size, and paths for messages only.
  size_t bytes = 0;
  for (const auto &member : **members)
    bytes += StringRef(member.first).size();
  Vocabulary vocabulary(static_cast<uint32_t>((*members)->size()), bytes);
  for (const auto &[key, value] : **members) {
    StringRef token = key;
    std::optional<int64_t> id = value.getAsInteger();
    if (!id || !isTokenId(*id))
      return readTokenId(*node.find(token)).takeError();
    if (!vocabulary.insert(token, static_cast<TokenId>(*id)))
      return node.error("id " + llvm::Twine(*id) + " belongs to '" + token + "' and to '" +
                        *vocabulary.tokenOf(static_cast<TokenId>(*id)) + "'");
  }
  return vocabulary;
}

static uint64_t hashOf(StringRef token) { return llvm::xxh3_64bits(token); }
static uint64_t hashOf(TokenId id) { return static_cast<uint64_t>(id); }

Vocabulary::Vocabulary(uint32_t count, size_t bytes) : byText(count), byId(count) {
  text.reserve(bytes);
  entries.reserve(count);
}

StringRef Vocabulary::textOf(uint32_t index) const {
  size_t end = index + 1 < entries.size() ? entries[index + 1].begin : text.size();
  return StringRef(text).slice(entries[index].begin, end);
}

bool Vocabulary::insert(StringRef token, TokenId id) {
  if (std::optional<StringRef> present = tokenOf(id))
    return *present == token;
  if (idOf(token))
    return false;
  entries.push_back({static_cast<uint32_t>(text.size()), id});
  text += token;
  byText.add([&](uint32_t index) { return hashOf(textOf(index)); });
  byId.add([&](uint32_t index) { return hashOf(entries[index].id); });
  limit = std::max(limit, id + 1);
  longest = std::max(longest, token.size());
  return true;
}

std::optional<TokenId> Vocabulary::idOf(StringRef token) const {
  auto isToken = [&](uint32_t index) { return textOf(index) == token; };
  if (std::optional<uint32_t> index = byText.find(hashOf(token), isToken))
    return entries[*index].id;
  return base ? base->idOf(token) : std::nullopt;
}

std::optional<StringRef> Vocabulary::tokenOf(TokenId id) const {
  if (id < 0 || id >= limit)
    return std::nullopt;
  auto hasId = [&](uint32_t index) { return entries[index].id == id; };
  if (std::optional<uint32_t> index = byId.find(hashOf(id), hasId))
    return textOf(*index);
  return base ? base->tokenOf(id) : std::nullopt;
}
