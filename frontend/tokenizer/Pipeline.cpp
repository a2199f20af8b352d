#include "frontend/tokenizer/Pipeline.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;

llvm::Error Pipeline::readVocabularies(const JsonNode &vocab) {
  Expected<Vocabulary> tokens = Vocabulary::read(vocab);
  if (!tokens)
    return tokens.takeError();
  modelVocabulary = std::move(*tokens);
  vocabulary = Vocabulary(&modelVocabulary);
  return llvm::Error::success();
}

namespace {
/// Encodes one text. Words come again and again, so their ids are kept.
class Encoding {
public:
  Encoding(const Pipeline &pipeline, std::vector<TokenId> &ids) : pipeline(pipeline), ids(ids) {}

  llvm::Error run(StringRef text) {
    bool atStart = true;
    for (const Segment &segment : pipeline.added.inRawText().split(text)) {
      if (segment.token)
        ids.push_back(*segment.token);
      else if (llvm::Error error = encodeRaw(segment.text, atStart))
        return error;
      atStart = false;
    }
    return llvm::Error::success();
  }

private:
  llvm::Error encodeRaw(StringRef text, bool atStart) {
    Expected<std::string> normalized =
        pipeline.normalizer ? pipeline.normalizer->apply(text) : text.str();
    if (!normalized)
      return normalized.takeError();
    // A step may write a long text before each of many segments.
    normalizedBytes += normalized->size();
    if (normalizedBytes > maxTextBytes)
      return llvm::createStringError("normalizing the text makes it longer than " +
                                     llvm::Twine(maxTextBytes) + " bytes");
    for (const Segment &segment : pipeline.added.inNormalizedText().split(*normalized)) {
      if (segment.token)
        ids.push_back(*segment.token);
      else if (llvm::Error error = encodePieces({segment.text.str(), atStart}))
        return error;
      atStart = false;
    }
    return llvm::Error::success();
  }

  llvm::Error encodePieces(Piece text) {
    std::vector<Piece> pieces;
    if (!pipeline.preTokenizer)
      pieces.push_back(std::move(text));
    else if (llvm::Error error = pipeline.preTokenizer->cut(text, pieces))
      return error;
    for (const Piece &piece : pieces)
      if (llvm::Error error = encodePiece(piece.text))
        return error;
    return llvm::Error::success();
  }

  llvm::Error encodePiece(StringRef piece) {
    if (piece.size() > longestKept)
      return pipeline.model->encode(piece, ids);
    auto entry = known.find(piece);
    if (entry != known.end()) {
      llvm::append_range(ids, entry->second);
      return llvm::Error::success();
    }
    size_t before = ids.size();
    if (llvm::Error error = pipeline.model->encode(piece, ids))
      return error;
    if (known.size() < mostKept)
      known[piece].assign(ids.begin() + before, ids.end());
    return llvm::Error::success();
  }

  static constexpr size_t longestKept = 64, mostKept = 1 << 16;

  const Pipeline &pipeline;
  std::vector<TokenId> &ids;
  size_t normalizedBytes = 0;
  llvm::StringMap<llvm::SmallVector<TokenId, 4>> known;
};
} // namespace

llvm::Error Pipeline::encode(StringRef text, std::vector<TokenId> &ids) const {
  return Encoding(*this, ids).run(text);
}
