#include "TextInput.h"
#include "frontend/FileIO.h"

using namespace fovea;
using namespace fovea::tool;

llvm::Expected<std::vector<TokenId>> tool::encodeText(const Tokenizer &tokenizer,
                                                      const std::optional<std::string> &file,
                                                      std::optional<std::string> &text) {
  if (!file)
    return tokenizer.encode(*text);
  auto contents = readFile(*file);
  if (!contents)
    return contents.takeError();
  // Encoded before it is copied: a file may be larger than any text.
  auto ids = tokenizer.encode((*contents)->getBuffer());
  if (!ids)
    return llvm::createStringError(*file + ": " + llvm::toString(ids.takeError()));
  text = (*contents)->getBuffer().str();
  return ids;
}
