#include "frontend/tokenizer/Vocabulary.h"

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
  auto count = static_cast<unsigned>((*members)->size());
  Vocabulary vocabulary(count);
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

Vocabulary::Vocabulary(unsigned count) : ids(count) { tokens.reserve(count); }

bool Vocabulary::insert(StringRef token, TokenId id) {
  if (std::optional<StringRef> present = tokenOf(id))
    return *present == token;
  if (base && base->idOf(token))
    return false;
  auto [entry, isNew] = ids.try_emplace(token, id);
  if (!isNew)
    return false;
  tokens[id] = &*entry;
  limit = std::max(limit, id + 1);
  longest = std::max(longest, token.size());
  return true;
}

std::optional<TokenId> Vocabulary::idOf(StringRef token) const {
  if (auto entry = ids.find(token); entry != ids.end())
    return entry->second;
  return base ? base->idOf(token) : std::nullopt;
}

std::optional<StringRef> Vocabulary::tokenOf(TokenId id) const {
  if (id < 0 || id >= limit)
    return std::nullopt;
  if (auto entry = tokens.find(id); entry != tokens.end())
    return entry->second->getKey();
  return base ? base->tokenOf(id) : std::nullopt;
}
