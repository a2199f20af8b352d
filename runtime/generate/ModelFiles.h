// What the files of a model's directory say beside its description: which tokens end a sequence,
// the tokenizer, and whether there are tensors that nobody reads.
#ifndef FOVEA_RUNTIME_GENERATE_MODELFILES_H
#define FOVEA_RUNTIME_GENERATE_MODELFILES_H

#include "frontend/Graph.h"
#include "frontend/ModelDirectory.h"
#include "frontend/tokenizer/Tokenizer.h"
#include <future>

namespace fovea {

/// A token that ends a sequence, and the file that says so.
struct End {
  TokenId token;
  std::string path;
};

/// generation_config.json, where there is one, knows ends that config.json does not.
llvm::Expected<std::vector<End>> findEnds(const ModelDirectory &directory);

/// Reads the tokenizer while the rest of the model is loaded: a large vocabulary takes as long as
/// compiling does.
class TokenizerReader {
public:
  explicit TokenizerReader(llvm::StringRef directory);

  /// Waits, and gives the tokenizer if there is one.
  llvm::Error finish(std::optional<Tokenizer> &tokenizer);

private:
  struct Result {
    std::optional<Tokenizer> tokenizer;
    std::string message; // if there is none
  };
  std::future<Result> result;
};

/// Every tensor of the files is used, or the description says that it need not be.
llvm::Error checkUnused(const Graph &graph, const WeightSource &weights);

} // namespace fovea

#endif // FOVEA_RUNTIME_GENERATE_MODELFILES_H
