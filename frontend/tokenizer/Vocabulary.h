// The tokens and their ids, both ways. Ids are whatever the file says: they may have gaps.
#ifndef FOVEA_FRONTEND_TOKENIZER_VOCABULARY_H
#define FOVEA_FRONTEND_TOKENIZER_VOCABULARY_H

#include "frontend/tokenizer/JsonNode.h"
#include "frontend/tokenizer/Tokenizer.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

namespace fovea::tokenizer {

class Vocabulary {
public:
  Vocabulary() = default;
  /// Empty, with room for `count` tokens.
  explicit Vocabulary(unsigned count);

  /// Reads an object of tokens with their ids.
  static llvm::Expected<Vocabulary> read(const JsonNode &node);

  /// False if the token or the id is there already, but not with the other.
  bool insert(llvm::StringRef token, TokenId id);

  std::optional<TokenId> idOf(llvm::StringRef token) const;
  std::optional<llvm::StringRef> tokenOf(TokenId id) const;
  size_t size() const { return ids.size(); }
  TokenId idLimit() const { return limit; }
  /// Bytes of the longest token.
  size_t longestToken() const { return longest; }

private:
  llvm::StringMap<TokenId> ids;
  llvm::DenseMap<TokenId, llvm::StringRef> tokens; // keys of `ids`, which stay in place
  TokenId limit = 0;
  size_t longest = 0;
};

/// An id as files may have them: not negative and below 2^31 - 16.
llvm::Expected<TokenId> readTokenId(const JsonNode &node);

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_VOCABULARY_H
