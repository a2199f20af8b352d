// The tokens and their ids, both ways. Ids are whatever the file says: they may have gaps.
#ifndef FOVEA_FRONTEND_TOKENIZER_VOCABULARY_H
#define FOVEA_FRONTEND_TOKENIZER_VOCABULARY_H

#include "frontend/tokenizer/JsonNode.h"
#include "frontend/tokenizer/Tokenizer.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Allocator.h"

namespace fovea::tokenizer {

class Vocabulary {
public:
  Vocabulary() = default;
  /// Empty, with room for `count` tokens.
  explicit Vocabulary(unsigned count);
  /// Has all tokens of `base`, which must outlive it and not change, and takes others.
  explicit Vocabulary(const Vocabulary *base)
      : base(base), limit(base->limit), longest(base->longest) {}

  /// Reads an object of tokens with their ids.
  static llvm::Expected<Vocabulary> read(const JsonNode &node);

  /// False if the token or the id is there already, but not with the other.
  bool insert(llvm::StringRef token, TokenId id);

  std::optional<TokenId> idOf(llvm::StringRef token) const;
  std::optional<llvm::StringRef> tokenOf(TokenId id) const;
  size_t size() const { return ids.size() + (base ? base->size() : 0); }
  TokenId idLimit() const { return limit; }
  /// Bytes of the longest token.
  size_t longestToken() const { return longest; }

private:
  const Vocabulary *base = nullptr;
  // Entries one beside the other, not in the gaps that a parsed file leaves.
  llvm::StringMap<TokenId, llvm::BumpPtrAllocator> ids;
  llvm::DenseMap<TokenId, const llvm::StringMapEntry<TokenId> *> tokens; // those of `ids`
  TokenId limit = 0;
  size_t longest = 0;
};

/// An id as files may have them: not negative and below 2^31 - 16.
llvm::Expected<TokenId> readTokenId(const JsonNode &node);

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_VOCABULARY_H
