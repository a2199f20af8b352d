// Tokens that are found in the text itself, before the model sees it: special ones such as "<s>",
// and words that were added to a vocabulary.
#ifndef FOVEA_FRONTEND_TOKENIZER_ADDEDTOKENS_H
#define FOVEA_FRONTEND_TOKENIZER_ADDEDTOKENS_H

#include "frontend/tokenizer/Normalizer.h"
#include "frontend/tokenizer/Pattern.h"
#include "frontend/tokenizer/Vocabulary.h"
#include "llvm/ADT/DenseSet.h"
#include <array>

namespace fovea::tokenizer {

/// A normaliser may make a long text of each token. Real files have some 100 KB.
inline constexpr size_t maxAddedBytes = 16 << 20;

struct AddedToken {
  TokenId id;
  std::string content;
  bool singleWord; // only where no word character is next to it
  bool stripLeft;  // takes the spaces before it along
  bool stripRight; // and those after it
  bool normalized; // is looked for in the normalised text
  bool special;    // is left out of decoded text
};

/// Reads an element of `added_tokens`.
llvm::Expected<AddedToken> readAddedToken(const JsonNode &node);

/// A part of a text: a token, or text that remains to be encoded.
struct Segment {
  llvm::StringRef text;
  std::optional<TokenId> token;
};

/// Finds any of several strings, the longest where several begin.
class TokenFinder {
public:
  void add(llvm::StringRef content, const AddedToken &token);

  /// `text` in segments, without empty ones.
  std::vector<Segment> split(llvm::StringRef text) const;

private:
  struct Node {
    /// Most have one: a map would take twenty times the memory.
    llvm::SmallVector<std::pair<unsigned char, uint32_t>, 1> next;
    int token = -1; // index into `tokens`

    /// Null if there is none.
    const uint32_t *find(unsigned char byte) const;
  };

  std::pair<int, size_t> longestAt(llvm::StringRef text) const;

  std::vector<Node> nodes{1};
  std::array<bool, 256> begins{}; // the first bytes of the strings
  std::vector<AddedToken> tokens;
};

class AddedTokens {
public:
  /// Adds a token, with its content normalised by `normalizer`, which may be null, if the token
  /// wants that; fails if all normalised contents together are longer than maxAddedBytes.
  llvm::Error add(const AddedToken &token, const Normalizer *normalizer);

  const TokenFinder &inRawText() const { return raw; }
  const TokenFinder &inNormalizedText() const { return normalized; }
  bool isSpecial(TokenId id) const { return special.contains(id); }

private:
  TokenFinder raw, normalized;
  size_t normalizedBytes = 0;
  llvm::DenseSet<TokenId> special;
};

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_ADDEDTOKENS_H
