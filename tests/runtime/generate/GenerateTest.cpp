#include "runtime/generate/LanguageModel.h"
#include "tests/runtime/generate/ModelTesting.h"

using namespace fovea;
using namespace fovea::testing;

TEST(Generate, GreedyTakesTheLikeliest) {
  LanguageModel model = load("qwen3");
  Golden golden(checkpoint("qwen3"));
  GenerationOptions options;
  options.sampling.temperature = 0;
  options.maxTokens = 1;
  options.ignoreEos = true;
  Generation result = llvm::cantFail(model.generate(llvm::ArrayRef(golden.ids), options));
  TensorView last = row(golden.logits, static_cast<int64_t>(golden.ids.size()) - 1);
  std::vector<double> logits = toDoubles(last);
  logits[2] = -1e9; // the end of sequence
  auto best = llvm::max_element(logits) - logits.begin();
  EXPECT_EQ(result.tokens, std::vector<TokenId>{static_cast<TokenId>(best)});
  EXPECT_EQ(result.stop, StopReason::TokenLimit);
}

static void batchGivesWhatEachPromptGivesAlone(const char *name) {
  LanguageModel model = load(name);
  std::vector<std::vector<TokenId>> prompts = {{1, 5, 9}, {4}, {7, 7, 3, 11, 2}};
  std::vector<GenerationOptions> options(3);
  for (auto [i, choice] : llvm::enumerate(options)) {
    choice.maxTokens = 5 + 4 * static_cast<int64_t>(i);
    choice.sampling.seed = i;
    choice.sampling.repeatPenalty = 1.3f;
  }
  std::vector<Generation> together = llvm::cantFail(model.generateBatch(prompts, options));
  for (size_t i = 0; i < prompts.size(); ++i) {
    Generation alone = llvm::cantFail(model.generate(llvm::ArrayRef(prompts[i]), options[i]));
    EXPECT_EQ(together[i].tokens, alone.tokens) << "prompt " << i;
  }
}

TEST(Generate, BatchGivesWhatEachPromptGivesAlone) {
  batchGivesWhatEachPromptGivesAlone("gemma2");
  batchGivesWhatEachPromptGivesAlone("deepseek-v3");
}

TEST(Generate, StopsWhereTheContextIsFullAndWhereTheCallerSays) {
  ModelOptions small;
  small.contextSize = 6;
  LanguageModel model = load("qwen3", small);
  GenerationOptions options;
  options.ignoreEos = true;
  Generation full = llvm::cantFail(model.generate(llvm::ArrayRef<TokenId>({1, 2, 3}), options));
  EXPECT_EQ(full.stop, StopReason::ContextFull);
  // The last token needs no place: nothing comes after it.
  EXPECT_EQ(full.tokens.size(), 4u);
  options.onToken = [](TokenId, llvm::StringRef) { return false; };
  Generation one = llvm::cantFail(model.generate(llvm::ArrayRef<TokenId>({1, 2, 3}), options));
  EXPECT_EQ(one.stop, StopReason::Caller);
  EXPECT_EQ(one.tokens.size(), 1u);
}

TEST(Generate, GoesOnWithACache) {
  LanguageModel model = load("qwen3");
  GenerationOptions options;
  options.sampling.temperature = 0;
  options.ignoreEos = true;
  options.maxTokens = 6;
  Generation whole = llvm::cantFail(model.generate(llvm::ArrayRef<TokenId>({1, 2, 3}), options));
  KvCache cache = llvm::cantFail(model.createCache());
  options.maxTokens = 2;
  Generation first =
      llvm::cantFail(model.generate(llvm::ArrayRef<TokenId>({1, 2, 3}), options, &cache));
  options.maxTokens = 4;
  Generation rest = llvm::cantFail(model.generate(first.tokens.back(), options, &cache));
  first.tokens.insert(first.tokens.end(), rest.tokens.begin(), rest.tokens.end());
  EXPECT_EQ(first.tokens, whole.tokens);
}

// A trained model.
TEST(Generate, StoriesGreedily) {
  std::string directory = FOVEA_SOURCE_DIR "/../shared/data/stories260k";
  if (!llvm::sys::fs::exists(directory))
    GTEST_SKIP() << "no trained model on this machine";
  LanguageModel model = llvm::cantFail(LanguageModel::load(directory));
  auto file = llvm::cantFail(SafetensorsFile::open(directory + "/golden.safetensors"));
  TensorView golden = *file->find("greedy_ids");
  std::vector<TokenId> ids;
  for (int64_t i = 0; i < golden.size(1); ++i)
    ids.push_back(static_cast<TokenId>(golden.at({0, i})));
  GenerationOptions options;
  options.sampling.temperature = 0;
  options.ignoreEos = true;
  options.maxTokens = static_cast<int64_t>(ids.size()) - 5;
  Generation result = llvm::cantFail(model.generate("Once upon a time", options));
  std::vector<TokenId> all = result.prompt;
  all.insert(all.end(), result.tokens.begin(), result.tokens.end());
  EXPECT_EQ(all, ids);
}
