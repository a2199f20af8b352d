#include "ModelVerify.h"
#include "Verify.h"
#include "runtime/Compile.h"
#include "runtime/QuantizedWeights.h"
#include "runtime/Reference.h"

using namespace fovea;
using namespace fovea::tool;

/// The rows of the last position of `[1, L, V]` as `[1, V]`.
static TensorView lastRow(const Tensor &logits) {
  int64_t length = logits.size(1), vocabulary = logits.size(2);
  const char *begin = static_cast<const char *>(logits.data());
  return TensorView(begin + (length - 1) * vocabulary * sizeOf(logits.dataType()),
                    logits.dataType(), {1, vocabulary});
}

static llvm::Expected<bool> report(llvm::StringRef name, const TensorView &result,
                                   const TensorView &reference, double rounding) {
  llvm::Expected<Comparison> comparison = compare(result, reference, rounding);
  if (!comparison)
    return comparison.takeError();
  printComparison(llvm::outs(), name, *comparison);
  return comparison->passes();
}

llvm::Error tool::verifyModel(llvm::StringRef directory, const LanguageModel &model,
                              llvm::ArrayRef<TokenId> prompt, const ModelOptions &options) {
  llvm::Expected<KvCache> cache = model.createCache();
  if (!cache)
    return cache.takeError();
  llvm::Expected<Tensor> stepped = model.prefill(*cache, 0, prompt);
  if (!stepped)
    return stepped.takeError();

  llvm::Expected<Graph> graph = Graph::fromFile(directory, model.params(), "", "forward");
  if (!graph)
    return graph.takeError();
  CompileOptions compileOptions;
  compileOptions.threads = options.threads;
  compileOptions.route = options.route;
  compileOptions.cpu = options.cpu;
  compileOptions.quantize = options.quantize;
  compileOptions.weights = std::shared_ptr<const WeightSource>(&model.weights(), [](auto *) {});
  llvm::Expected<Executable> executable = compile(*graph, compileOptions);
  if (!executable)
    return executable.takeError();
  std::vector<int64_t> ids(prompt.begin(), prompt.end());
  TensorView input(ids.data(), {1, static_cast<int64_t>(ids.size())});
  auto results = executable->run({{"input_ids", input}}, "forward");
  if (!results)
    return results.takeError();
  auto weights = withQuantizedWeights(compileOptions.weights, executable->weights());
  if (!weights)
    return weights.takeError();
  double scoreRounding = 0;
  auto references = runReference(graph->module(), "forward", input, weights->get(), &scoreRounding);
  if (!references)
    return references.takeError();

  // Keys that are quantised anew in float64 may fall to the other side of a half.
  bool quantized = hasQuantizedWeights(executable->weights()) || options.cacheType == "q8";
  double rounding = roundingBound(graph->module(), quantized, scoreRounding);
  llvm::Expected<bool> whole =
      report("logits", results->at("logits"), references->front(), rounding);
  if (!whole)
    return whole.takeError();
  llvm::Expected<bool> last =
      report("logits of the step", *stepped, lastRow(references->front()), rounding);
  if (!last)
    return last.takeError();
  if (*whole && *last)
    return llvm::Error::success();
  return llvm::createStringError("the logits differ from the reference by more than the bound");
}
