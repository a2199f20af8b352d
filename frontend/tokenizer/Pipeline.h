// All parts of a tokenizer in the order in which a text goes through them.
#ifndef FOVEA_FRONTEND_TOKENIZER_PIPELINE_H
#define FOVEA_FRONTEND_TOKENIZER_PIPELINE_H

#include "frontend/tokenizer/AddedTokens.h"
#include "frontend/tokenizer/Decoder.h"
#include "frontend/tokenizer/Model.h"
#include "frontend/tokenizer/PostProcessor.h"
#include "frontend/tokenizer/PreTokenizer.h"

namespace fovea::tokenizer {

struct Pipeline {
  AddedTokens added;
  std::unique_ptr<Normalizer> normalizer;     // may be null
  std::unique_ptr<PreTokenizer> preTokenizer; // may be null
  Vocabulary modelVocabulary;                 // what `model` refers to
  std::unique_ptr<Model> model;
  Surroundings surroundings;
  DecoderPlan decoder;
  Vocabulary vocabulary; // that one with the added tokens

  /// Reads both vocabularies, as yet without added tokens, from an object of tokens with their ids.
  llvm::Error readVocabularies(const JsonNode &vocab);
  llvm::Error encode(llvm::StringRef text, std::vector<TokenId> &ids) const;
};

/// Reads a whole tokenizer.json.
llvm::Expected<std::shared_ptr<const Pipeline>> readPipeline(const JsonNode &root);

/// GPT-2's pipeline with the vocabulary of `vocab` and the text of a merges.txt, whose name is for
/// messages.
llvm::Expected<std::shared_ptr<const Pipeline>>
makeGpt2Pipeline(const JsonNode &vocab, llvm::StringRef merges, llvm::StringRef mergesName);

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_PIPELINE_H
