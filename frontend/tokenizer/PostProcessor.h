// The last step of encoding: the tokens around a text.
#ifndef FOVEA_FRONTEND_TOKENIZER_POSTPROCESSOR_H
#define FOVEA_FRONTEND_TOKENIZER_POSTPROCESSOR_H

#include "frontend/tokenizer/Vocabulary.h"

namespace fovea::tokenizer {

struct Surroundings {
  std::vector<TokenId> prefix, suffix;
};

/// Reads `post_processor`, what it does to one text; to pairs of texts it is not applied here.
llvm::Expected<Surroundings> readPostProcessor(const JsonNode &node, const Vocabulary &vocabulary);

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_POSTPROCESSOR_H
