#include "TextInput.h"
#include "frontend/FileIO.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"

using namespace fovea;
using namespace fovea::tool;

/// What comes from standard input, which may never end.
static llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> readStandardInput() {
  constexpr size_t most = 64 << 20, chunk = 64 << 10;
  llvm::SmallVector<char, 0> text;
  while (text.size() <= most) {
    size_t size = text.size();
    text.resize_for_overwrite(size + chunk);
    llvm::Expected<size_t> got = llvm::sys::fs::readNativeFile(
        llvm::sys::fs::getStdinHandle(), llvm::MutableArrayRef<char>(text).take_back(chunk));
    if (!got)
      return llvm::createStringError("standard input: cannot read: " +
                                     llvm::toString(got.takeError()));
    text.resize(size + *got);
    if (*got == 0)
      return std::make_unique<llvm::SmallVectorMemoryBuffer>(std::move(text), "standard input");
  }
  return llvm::createStringError("standard input: expected a text of at most 64 MiB");
}

std::string tool::nameOfText(const std::optional<std::string> &file) {
  return !file ? "the prompt" : *file == "-" ? "standard input" : *file;
}

llvm::Expected<std::vector<TokenId>> tool::encodeText(const Tokenizer &tokenizer,
                                                      const std::optional<std::string> &file,
                                                      std::optional<std::string> &text) {
  if (!file)
    return tokenizer.encode(*text);
  auto contents = *file == "-" ? readStandardInput() : readFile(*file);
  if (!contents)
    return contents.takeError();
  // Encoded before it is copied: a file may be larger than any text.
  auto ids = tokenizer.encode((*contents)->getBuffer());
  if (!ids)
    return llvm::createStringError(nameOfText(file) + ": " + llvm::toString(ids.takeError()));
  text = (*contents)->getBuffer().str();
  return ids;
}
