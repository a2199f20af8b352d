// The third step of encoding: a piece of text to tokens of the vocabulary.
#ifndef FOVEA_FRONTEND_TOKENIZER_MODEL_H
#define FOVEA_FRONTEND_TOKENIZER_MODEL_H

#include "frontend/tokenizer/Vocabulary.h"

namespace fovea::tokenizer {

class Model {
public:
  virtual ~Model() = default;
  /// Appends the ids of a piece of UTF-8.
  virtual llvm::Error encode(llvm::StringRef piece, std::vector<TokenId> &ids) const = 0;
};

/// Reads `model`, whose member `vocab` is `vocabulary`, which must outlive the result.
llvm::Expected<std::unique_ptr<Model>> readModel(const JsonNode &node,
                                                 const Vocabulary &vocabulary);
llvm::Expected<std::unique_ptr<Model>> readBpe(const JsonNode &node, const Vocabulary &vocabulary);
llvm::Expected<std::unique_ptr<Model>> readWordPiece(const JsonNode &node,
                                                     const Vocabulary &vocabulary);

/// A member that may be missing, null or empty, which all mean that there is none.
llvm::Expected<std::string> readOptionalText(const JsonNode &node, llvm::StringRef key);

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_MODEL_H
