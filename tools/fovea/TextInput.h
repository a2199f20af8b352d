// The text that a subcommand reads: given as it is, or as a file.
#ifndef FOVEA_TOOLS_FOVEA_TEXTINPUT_H
#define FOVEA_TOOLS_FOVEA_TEXTINPUT_H

#include "frontend/tokenizer/Tokenizer.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace fovea::tool {

/// What messages call the text: the file, standard input, or the prompt if there is no file.
std::string nameOfText(const std::optional<std::string> &file);

/// The tokens of `text`, or of the contents of `file`, which are then left in `text`. What is wrong
/// with a file names it; "-" is standard input, of which 64 MiB are read at most.
llvm::Expected<std::vector<TokenId>> encodeText(const Tokenizer &tokenizer,
                                                const std::optional<std::string> &file,
                                                std::optional<std::string> &text);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_TEXTINPUT_H
