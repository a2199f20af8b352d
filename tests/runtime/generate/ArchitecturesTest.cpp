// Every architecture against logits that scripts/make_checkpoints.py computed in float64.
#include "tests/runtime/generate/ModelTesting.h"

using namespace fovea;
using namespace fovea::testing;

// Some tens of roundings in f32, as `fovea run --verify` has it.
static constexpr double bound = 1e-5;

class Architectures : public ::testing::TestWithParam<const char *> {};

TEST_P(Architectures, PromptGivesGoldenLogits) {
  LanguageModel model = load(GetParam());
  Golden golden(checkpoint(GetParam()));
  KvCache cache = llvm::cantFail(model.createCache());
  Tensor logits = llvm::cantFail(model.prefill(cache, 0, golden.ids));
  auto last = static_cast<int64_t>(golden.ids.size()) - 1;
  EXPECT_LT(relativeError(logits, row(golden.logits, last)), bound);
  EXPECT_EQ(cache.length(0), last + 1);
}

TEST_P(Architectures, TokenByTokenGivesGoldenLogits) {
  // A chunk of 2 makes rings as short as they can be: the window and one more.
  ModelOptions options;
  options.chunkSize = 2;
  LanguageModel model = load(GetParam(), options);
  Golden golden(checkpoint(GetParam()));
  KvCache cache = llvm::cantFail(model.createCache());
  for (auto [position, id] : llvm::enumerate(golden.ids)) {
    Tensor logits = llvm::cantFail(model.decode(cache, id));
    EXPECT_LT(relativeError(logits, row(golden.logits, static_cast<int64_t>(position))), bound)
        << "position " << position;
  }
}

// Rotations that depend on the length take the room of a sequence, here that of the original
// context.
TEST(RotationByRoom, WithinTheOriginalContext) {
  for (const char *name : {"llama-dynamic", "phi3-longrope"}) {
    ModelOptions options;
    options.contextSize = 16;
    LanguageModel model = load(name, options);
    Golden golden(checkpoint(name), "logits_within_16");
    KvCache cache = llvm::cantFail(model.createCache());
    Tensor logits =
        llvm::cantFail(model.prefill(cache, 0, llvm::ArrayRef(golden.ids).take_front(16)));
    EXPECT_LT(relativeError(logits, row(golden.logits, 15)), bound) << name;
    EXPECT_GT(relativeError(logits, row(Golden(checkpoint(name)).logits, 15)), 1e-2) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, Architectures,
    ::testing::Values("llama3", "llama-linear", "llama-yarn", "llama-dynamic", "mistral", "qwen2",
                      "qwen2-window", "qwen3", "qwen3-window", "phi3", "phi3-longrope", "gemma2",
                      "gemma2-global", "gemma3", "gemma3-images", "gpt2", "gpt-oss",
                      "gpt-oss-mxfp4", "gpt-sinusoidal", "mixtral", "qwen2-moe", "qwen3-moe",
                      "olmo2", "olmo3", "smollm3", "smollm3-window", "granite", "gemma", "gpt-neox",
                      "gpt-neox-sequential", "starcoder2", "stablelm", "stablelm-parallel", "phi",
                      "phi-norms", "opt", "opt-normed-after", "gpt-neo", "cohere", "cohere2",
                      "falcon", "falcon-new", "falcon-sequential", "glm", "glm4", "ernie4-5",
                      "exaone4", "exaone4-global", "olmo", "hunyuan", "gpt-bigcode",
                      "gpt-bigcode-heads", "gptj", "nemotron", "arcee", "seed-oss", "olmoe",
                      "granitemoe", "bloom", "mpt", "mpt-heads", "deepseek-v3",
                      "deepseek-v3-no-groups", "deepseek-v2", "deepseek-v2-lite", "glm4-moe",
                      "qwen3-moe-dense", "qwen2-moe-dense"),
    [](const auto &info) {
      std::string name = info.param;
      llvm::erase(name, '-');
      return name;
    });
