// Loading what is wrong.
#include "runtime/generate/LanguageModel.h"
#include "tests/runtime/generate/ModelTesting.h"

using namespace fovea;
using namespace fovea::testing;

static llvm::Error loadError(const std::string &directory, const ModelOptions &options = {}) {
  return LanguageModel::load(directory, options).takeError();
}

TEST(LanguageModel, UnknownModelType) {
  CheckpointCopy copy("qwen3");
  copy.configure("\"qwen3\"", "\"qwen9\"");
  EXPECT_TRUE(
      failsWith(loadError(copy.path()), "expected a model_type that Fovea has a description of"));
}

/// What a tiny checkpoint does for tokens [begin, end): 2 layers, 4 heads of 8 elements.
TEST(LanguageModel, CountsTheProductsOfAttention) {
  LanguageModel gpt2 = load("gpt2");
  EXPECT_EQ(gpt2.attentionProducts(0, 0), 0);
  EXPECT_EQ(gpt2.attentionProducts(0, 1), 2 * 2 * 4 * 8);
  EXPECT_EQ(gpt2.attentionProducts(0, 10), 2 * 2 * 4 * 8 * 55);
  EXPECT_EQ(gpt2.attentionProducts(3, 5), 2 * 2 * 4 * 8 * (4 + 5));
  // 3 layers, 4 heads of 10 elements of keys and 5 of values.
  EXPECT_EQ(load("deepseek-v3").attentionProducts(3, 5), 3 * 4 * (10 + 5) * (4 + 5));
}

/// Layers 0 and 2 of 3 see 6 tokens.
TEST(LanguageModel, CountsTheProductsOfWindows) {
  LanguageModel gemma2 = load("gemma2");
  EXPECT_EQ(gemma2.attentionProducts(0, 6), 3 * 2 * 4 * 8 * 21);
  EXPECT_EQ(gemma2.attentionProducts(0, 8), 2 * 4 * 8 * (36 + 2 * (21 + 2 * 6)));
  EXPECT_EQ(gemma2.attentionProducts(7, 8), 2 * 4 * 8 * (8 + 2 * 6));
}

TEST(LanguageModel, MissingTensor) {
  CheckpointCopy copy("qwen3");
  copy.changeWeights("model.layers.1.self_attn.k_norm.weight", "");
  EXPECT_TRUE(failsWith(loadError(copy.path()),
                        "expected weight 'model.layers.1.self_attn.k_norm.weight'"));
}

TEST(LanguageModel, UnexpectedTensor) {
  CheckpointCopy copy("qwen3");
  copy.changeWeights("", "model.layers.0.extra");
  EXPECT_TRUE(failsWith(loadError(copy.path()), "unexpected tensor 'model.layers.0.extra'"));
}

TEST(LanguageModel, TensorThatTheDescriptionAllows) {
  CheckpointCopy copy("qwen3");
  copy.changeWeights("", "model.layers.0.self_attn.rotary_emb.inv_freq");
  EXPECT_FALSE(static_cast<bool>(loadError(copy.path())));
}

TEST(LanguageModel, UnsupportedSwitch) {
  CheckpointCopy copy("qwen3");
  copy.configure("\"silu\"", "\"relu\"");
  EXPECT_TRUE(failsWith(loadError(copy.path()),
                        "/config.json: expected 'hidden_act', 'silu', got the string 'relu'"));
}

// The first configurations of Gemma 1 name another function than its weights mean.
TEST(LanguageModel, GemmaGoesByHiddenActivation) {
  CheckpointCopy copy("gemma");
  copy.configure("\"gemma\"", "\"gemma\", \"hidden_act\": \"gelu\"");
  EXPECT_FALSE(static_cast<bool>(loadError(copy.path())));
  copy.configure("\"gelu\"", "\"gelu\", \"hidden_activation\": \"gelu\"");
  EXPECT_TRUE(failsWith(loadError(copy.path()), "expected 'hidden_activation', "
                                                "'gelu_pytorch_tanh', got the string 'gelu'"));
}

TEST(LanguageModel, UnsupportedRopeScaling) {
  CheckpointCopy copy("llama-yarn");
  copy.configure("\"yarn\"", "\"ntk\"");
  EXPECT_TRUE(failsWith(loadError(copy.path()),
                        "type', default, linear, dynamic, llama3, yarn or longrope, got the "
                        "string 'ntk'"));
  // Text of a file that somebody else wrote is not shown whole.
  copy.configure("\"ntk\"", "\"" + std::string(1000, 'n') + "\"");
  EXPECT_TRUE(
      failsWith(loadError(copy.path()), "got the string '" + std::string(60, 'n') + "...'"));
}

TEST(LanguageModel, LongRopeHasAFactorAPair) {
  CheckpointCopy copy("phi3-longrope");
  copy.configure("6.0", "6.0, 7.0");
  EXPECT_TRUE(failsWith(loadError(copy.path()),
                        "/config.json: expected 'rope_scaling.long_factor', 4 numbers, one a pair "
                        "of dims, got a sequence of 5"));
}

TEST(LanguageModel, QuantisedWeights) {
  CheckpointCopy copy("gpt-oss-mxfp4");
  copy.configure("\"mxfp4\"", "\"awq\"");
  EXPECT_TRUE(failsWith(loadError(copy.path()),
                        "expected 'quantization_config.quant_method', none, as of plain f32, f16 "
                        "or bf16 weights, got the string 'awq'"));
}

// Any order of local and global layers is one loop; the golden logits are those of two in turn.
TEST(LanguageModel, LayerTypes) {
  auto configured = [](llvm::StringRef kinds) {
    CheckpointCopy copy("gemma2");
    copy.configure("\"sliding_window\"",
                   ("\"layer_types\": " + kinds + ", \"sliding_window\"").str());
    return loadError(copy.path());
  };
  EXPECT_TRUE(failsWith(configured(R"(["full_attention", "sliding_attention"])"),
                        "expected 'layer_types', 3 kinds, one a layer, got a sequence of 2"));
  EXPECT_TRUE(
      failsWith(configured(R"(["sliding_attention", "full_attention", "chunked_attention"])"),
                "expected 'layer_types', full_attention or sliding_attention for each layer, got "
                "the string 'chunked_attention'"));
  for (llvm::StringRef kind : {"full_attention", "sliding_attention"}) {
    std::string one = "\"" + kind.str() + "\"";
    EXPECT_FALSE(static_cast<bool>(configured("[" + one + ", " + one + ", " + one + "]")));
  }
  EXPECT_FALSE(static_cast<bool>(
      configured(R"(["full_attention", "full_attention", "sliding_attention"])")));
}

TEST(LanguageModel, ContextBeyondTheModel) {
  ModelOptions options;
  options.contextSize = 65;
  EXPECT_TRUE(failsWith(loadError(checkpoint("qwen3"), options),
                        "the model's context is 64 tokens, got a context size of 65"));
}

TEST(LanguageModel, UnknownCacheType) {
  for (const char *type : {"f33", "i64", "i8", ""}) {
    ModelOptions options;
    options.cacheType = type;
    EXPECT_TRUE(failsWith(loadError(checkpoint("qwen3"), options),
                          "expected cache-type to be f32, f16, bf16 or q8, got '"));
  }
}

TEST(LanguageModel, DescriptionOfTheDirectoryItself) {
  CheckpointCopy copy("qwen3");
  copy.configure("\"qwen3\"", "\"nothing\"");
  TemporaryDirectory unused;
  std::error_code code;
  llvm::raw_fd_ostream(copy.path() + "/model.fov", code) << "import qwen3\n";
  EXPECT_FALSE(static_cast<bool>(loadError(copy.path())));
}

TEST(LanguageModel, TextWithoutATokenizer) {
  LanguageModel model = load("qwen3");
  EXPECT_TRUE(failsWith(model.generate("Once").takeError(), "expected a tokenizer.json"));
}

TEST(LanguageModel, TokensOutOfRange) {
  LanguageModel model = load("qwen3");
  KvCache cache = llvm::cantFail(model.createCache());
  EXPECT_TRUE(failsWith(model.prefill(cache, 0, {1, 61}).takeError(), "expected tokens below 61"));
  EXPECT_TRUE(failsWith(model.prefill(cache, 0, {}).takeError(), "at least one token"));
  EXPECT_TRUE(failsWith(model.decode(cache, {1, 2}).takeError(), "expected sequences below 1"));
}

// A prompt of more tokens than a block is computed expert by expert, the same in parts is not.
TEST(Experts, BlocksChangeNoBit) {
  std::vector<TokenId> ids;
  for (int i = 0; i < 60; ++i)
    ids.push_back((i * 37 + 11) % 61);
  for (const char *name : {"gpt-oss", "deepseek-v3", "deepseek-v2-lite"}) {
    LanguageModel model = load(name);
    KvCache whole = llvm::cantFail(model.createCache()), parts = llvm::cantFail(whole.clone());
    Tensor expected = llvm::cantFail(model.prefill(whole, 0, ids));
    Tensor logits;
    for (llvm::ArrayRef<TokenId> rest = ids; !rest.empty(); rest = rest.drop_front(5))
      logits = llvm::cantFail(model.prefill(parts, 0, rest.take_front(5)));
    EXPECT_EQ(std::memcmp(logits.data(), expected.data(), logits.numBytes()), 0) << name;
  }
}
