// Byte-pair encoding: a piece starts as its code points, and the pair of neighbours that stands
// first in the list of merges, the leftmost of several, becomes one token until no pair is in it.
#ifndef FOVEA_FRONTEND_TOKENIZER_BPE_H
#define FOVEA_FRONTEND_TOKENIZER_BPE_H

#include "frontend/tokenizer/Model.h"

namespace fovea::tokenizer {

struct BpeOptions {
  std::optional<TokenId> unknown = std::nullopt;
  std::string continuingPrefix = ""; // before all code points of a piece but the first
  std::string endSuffix = "";        // after the last
  bool fuseUnknown = false;          // neighbouring unknown code points become one token
  bool byteFallback = false;         // unknown code points become the tokens <0x00> to <0xFF>
  bool ignoreMerges = false;         // a piece that is a token is not split
};

class Bpe : public Model {
public:
  Bpe(const Vocabulary &vocabulary, BpeOptions options);

  /// Adds the merge of two tokens behind those there are. An error names what is not in the
  /// vocabulary.
  llvm::Error addMerge(llvm::StringRef left, llvm::StringRef right);

  llvm::Error encode(llvm::StringRef piece, std::vector<TokenId> &ids) const override;

private:
  struct Merge {
    TokenId left, right, result;
    uint32_t rank;
  };
  class Word;

  llvm::Error split(llvm::StringRef piece, std::vector<TokenId> &ids) const;
  bool fallBack(llvm::StringRef symbol, std::vector<TokenId> &ids) const;
  std::optional<uint32_t> indexOf(TokenId left, TokenId right) const;
  const Merge *find(TokenId left, TokenId right) const;

  const Vocabulary &vocabulary;
  BpeOptions options;
  std::optional<TokenId> byteTokens[256];
  std::vector<Merge> merges;
  IndexTable byPair;
  uint32_t mergeCount = 0;
};

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_BPE_H
