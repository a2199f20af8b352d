// The first step of encoding: what is done to the text before it is cut into pieces.
#ifndef FOVEA_FRONTEND_TOKENIZER_NORMALIZER_H
#define FOVEA_FRONTEND_TOKENIZER_NORMALIZER_H

#include "frontend/tokenizer/JsonNode.h"
#include <memory>

namespace fovea::tokenizer {

class Normalizer {
public:
  virtual ~Normalizer() = default;
  /// `text` is UTF-8, and so is the result.
  virtual llvm::Expected<std::string> apply(llvm::StringRef text) const = 0;
};

/// Reads `normalizer`; null for null.
llvm::Expected<std::unique_ptr<Normalizer>> readNormalizer(const JsonNode &node);

llvm::Expected<std::unique_ptr<Normalizer>> readBertNormalizer(const JsonNode &node);

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_NORMALIZER_H
