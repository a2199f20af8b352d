// The second step of encoding: cutting normalised text into the pieces that the model takes one by
// one, no token lying across two of them.
#ifndef FOVEA_FRONTEND_TOKENIZER_PRETOKENIZER_H
#define FOVEA_FRONTEND_TOKENIZER_PRETOKENIZER_H

#include "frontend/tokenizer/JsonNode.h"
#include "frontend/tokenizer/Pattern.h"
#include "llvm/ADT/ArrayRef.h"
#include <memory>

namespace fovea::tokenizer {

struct Piece {
  std::string text;
  bool atStart; // of the whole text
};

class PreTokenizer {
public:
  virtual ~PreTokenizer() = default;
  /// Appends to `result` what `piece` is cut into, without empty pieces.
  virtual llvm::Error cut(const Piece &piece, std::vector<Piece> &result) const = 0;
};

/// What becomes of the text that a pattern finds, and of the rest.
enum class Separation { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

/// Appends the parts of `piece`. `found` are spans in order without overlap. If `inverted`, they
/// count as the rest, each on its own, and what lies between them as found.
void separate(const Piece &piece, llvm::ArrayRef<Span> found, Separation separation, bool inverted,
              std::vector<Piece> &result);

/// Reads `pre_tokenizer`; null for null.
llvm::Expected<std::unique_ptr<PreTokenizer>> readPreTokenizer(const JsonNode &node);

/// `type` is one of Whitespace, WhitespaceSplit, Punctuation, Digits, CharDelimiterSplit and
/// BertPreTokenizer, those that go by the class of single code points; null for other types.
llvm::Expected<std::unique_ptr<PreTokenizer>> readClassPreTokenizer(const JsonNode &node,
                                                                    llvm::StringRef type);

llvm::Expected<Separation> readSeparation(const JsonNode &node);

/// GPT-2's expression: contractions, words, numbers and the rest, each with one space before it.
constexpr llvm::StringRef gpt2Expression =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_PRETOKENIZER_H
