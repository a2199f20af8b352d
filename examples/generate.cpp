// Text from a Hugging Face directory: generate DIR PROMPT.
#include "runtime/generate/LanguageModel.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  llvm::ExitOnError unwrap("error: ");
  if (argc != 3)
    unwrap(llvm::createStringError("expected a directory and a prompt"));
  fovea::LanguageModel model = unwrap(fovea::LanguageModel::load(argv[1]));
  fovea::GenerationOptions options;
  options.maxTokens = 40;
  options.onToken = [](fovea::TokenId, llvm::StringRef text) {
    llvm::outs() << text;
    llvm::outs().flush();
    return true; // false stops
  };
  unwrap(model.generate(argv[2], options));
}
