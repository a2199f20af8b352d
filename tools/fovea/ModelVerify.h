// Compares a language model's logits with those of the reference executor.
#ifndef FOVEA_TOOLS_FOVEA_MODELVERIFY_H
#define FOVEA_TOOLS_FOVEA_MODELVERIFY_H

#include "runtime/generate/LanguageModel.h"

namespace fovea::tool {

/// Runs `forward` of the model's description on the prompt in float64, and compares: the logits of
/// all positions from the compiled `forward`, and those after the last token from the step with
/// its cache. Prints both; an error if one is off by more than its bound.
llvm::Error verifyModel(llvm::StringRef directory, const LanguageModel &model,
                        llvm::ArrayRef<TokenId> prompt, const ModelOptions &options);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_MODELVERIFY_H
