// The tokens and their ids, both ways. Ids are whatever the file says: they may have gaps.
#ifndef FOVEA_FRONTEND_TOKENIZER_VOCABULARY_H
#define FOVEA_FRONTEND_TOKENIZER_VOCABULARY_H

#include "frontend/tokenizer/IndexTable.h"
#include "frontend/tokenizer/JsonNode.h"
#include "frontend/tokenizer/Tokenizer.h"

namespace fovea::tokenizer {

class Vocabulary {
public:
  Vocabulary() = default;
  /// Empty, with room for `count` tokens of `bytes` bytes together.
  Vocabulary(uint32_t count, size_t bytes);
  /// Has all tokens of `base`, which must outlive it and not change, and takes others.
  explicit Vocabulary(const Vocabulary *base)
      : base(base), limit(base->limit), longest(base->longest) {}

  /// Reads an object of tokens with their ids.
  static llvm::Expected<Vocabulary> read(const JsonNode &node);

  /// False if the token or the id is there already, but not with the other.
  bool insert(llvm::StringRef token, TokenId id);

  std::optional<TokenId> idOf(llvm::StringRef token) const;
  /// Valid until a token is inserted.
  std::optional<llvm::StringRef> tokenOf(TokenId id) const;
  size_t size() const { return entries.size() + (base ? base->size() : 0); }
  TokenId idLimit() const { return limit; }
  /// Bytes of the longest token.
  size_t longestToken() const { return longest; }

private:
  struct Entry {
    uint32_t begin; // in `text`; the token ends where the next one begins
    TokenId id;
  };

  llvm::StringRef textOf(uint32_t index) const;

  const Vocabulary *base = nullptr;
  // Of the tokens that `base` has not.
  std::string text;
  std::vector<Entry> entries;
  IndexTable byText, byId;
  TokenId limit = 0;
  size_t longest = 0;
};

/// An id as files may have them: not negative and below 2^31 - 16.
llvm::Expected<TokenId> readTokenId(const JsonNode &node);

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_VOCABULARY_H
