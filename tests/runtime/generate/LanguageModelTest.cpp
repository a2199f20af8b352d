// Loading what is wrong, and what caches and batches promise.
#include "runtime/generate/LanguageModel.h"
#include "tests/runtime/generate/ModelTesting.h"

using namespace fovea;
using namespace fovea::testing;

static llvm::Error loadError(const std::string &directory, const ModelOptions &options = {}) {
  return LanguageModel::load(directory, options).takeError();
}

//===----------------------------------------------------------------------===//
// What is refused, and how
//===----------------------------------------------------------------------===//

TEST(LanguageModel, UnknownModelType) {
  CheckpointCopy copy("qwen3");
  copy.configure("\"qwen3\"", "\"qwen9\"");
  EXPECT_TRUE(
      failsWith(loadError(copy.path()), "expected a model_type that Fovea has a description of"));
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

//===----------------------------------------------------------------------===//
// Caches
//===----------------------------------------------------------------------===//

/// A checkpoint, and the type of caches.
class Caches : public ::testing::TestWithParam<std::pair<const char *, const char *>> {
protected:
  static std::string path() { return checkpoint(GetParam().first); }
  static LanguageModel load(ModelOptions options = {}) {
    options.cacheType = GetParam().second;
    return fovea::testing::load(GetParam().first, options);
  }
  static bool sameBits(const Tensor &a, const Tensor &b) {
    return a.numBytes() == b.numBytes() && std::memcmp(a.data(), b.data(), a.numBytes()) == 0;
  }
};

TEST_P(Caches, ChunksChangeNoBit) {
  ModelOptions options;
  options.chunkSize = 16;
  LanguageModel model = load(options);
  Golden golden(path());
  llvm::ArrayRef<TokenId> ids = llvm::ArrayRef(golden.ids).take_front(16);
  KvCache whole = llvm::cantFail(model.createCache());
  Tensor expected = llvm::cantFail(model.prefill(whole, 0, ids));
  for (size_t chunk : {1, 3, 7}) {
    KvCache cache = llvm::cantFail(model.createCache());
    Tensor logits;
    for (llvm::ArrayRef<TokenId> rest = ids; !rest.empty();
         rest = rest.drop_front(std::min(chunk, rest.size())))
      logits = llvm::cantFail(model.prefill(cache, 0, rest.take_front(chunk)));
    EXPECT_TRUE(sameBits(logits, expected)) << "chunks of " << chunk;
  }
}

TEST_P(Caches, BatchGivesTheBitsOfEachAlone) {
  LanguageModel model = load();
  Golden golden(path());
  llvm::ArrayRef<TokenId> ids = golden.ids;
  const size_t lengths[] = {3, 11, 1};
  KvCache batch = llvm::cantFail(model.createCache(3));
  std::vector<KvCache> alone;
  for (auto [i, length] : llvm::enumerate(lengths)) {
    alone.push_back(llvm::cantFail(model.createCache()));
    llvm::cantFail(model.prefill(batch, i, ids.take_front(length)));
    llvm::cantFail(model.prefill(alone.back(), 0, ids.take_front(length)));
  }
  for (int step = 0; step < 4; ++step) {
    TokenId tokens[] = {ids[step], ids[step + 5], ids[step + 9]};
    Tensor together = llvm::cantFail(model.decode(batch, tokens));
    for (int i = 0; i < 3; ++i) {
      Tensor single = llvm::cantFail(model.decode(alone[i], tokens[i]));
      EXPECT_EQ(std::memcmp(row(together, i).data(), single.data(), single.numBytes()), 0)
          << "sequence " << i << ", step " << step;
    }
  }
}

TEST_P(Caches, CopyGoesOnAsTheOriginal) {
  LanguageModel model = load();
  Golden golden(path());
  KvCache cache = llvm::cantFail(model.createCache());
  llvm::cantFail(model.prefill(cache, 0, llvm::ArrayRef(golden.ids).take_front(9)));
  KvCache copy = llvm::cantFail(cache.clone());
  Tensor expected = llvm::cantFail(model.decode(cache, golden.ids[9]));
  EXPECT_EQ(copy.length(0), 9);
  EXPECT_TRUE(sameBits(llvm::cantFail(model.decode(copy, golden.ids[9])), expected));

  KvCache two = llvm::cantFail(model.createCache(2));
  ASSERT_FALSE(static_cast<bool>(cache.truncate(0, 9)));
  ASSERT_FALSE(static_cast<bool>(two.copySequence(cache, 0, 1)));
  EXPECT_TRUE(sameBits(llvm::cantFail(model.decode(two, golden.ids[9], 1)), expected));
}

TEST_P(Caches, SavedAndLoadedGoesOnAsTheOriginal) {
  LanguageModel model = load();
  Golden golden(path());
  TemporaryDirectory files;
  KvCache cache = llvm::cantFail(model.createCache());
  llvm::cantFail(model.prefill(cache, 0, llvm::ArrayRef(golden.ids).take_front(9)));
  ASSERT_FALSE(static_cast<bool>(cache.save(files.path("cache.safetensors"))));
  KvCache loaded = llvm::cantFail(model.createCache());
  ASSERT_FALSE(static_cast<bool>(loaded.load(files.path("cache.safetensors"))));
  EXPECT_EQ(loaded.length(0), 9);
  Tensor expected = llvm::cantFail(model.decode(cache, golden.ids[9]));
  EXPECT_TRUE(sameBits(llvm::cantFail(model.decode(loaded, golden.ids[9])), expected));

  KvCache two = llvm::cantFail(model.createCache(2));
  std::string other = "expected " + llvm::cantFail(cacheElementType(GetParam().second)) + "[2, ";
  EXPECT_TRUE(failsWith(two.load(files.path("cache.safetensors")), other));
}

INSTANTIATE_TEST_SUITE_P(Models, Caches,
                         ::testing::Values(std::pair("qwen3", "f32"),
                                           std::pair("qwen2-window", "f32"),
                                           std::pair("mistral", "f32"), std::pair("gemma3", "f32"),
                                           std::pair("gpt-oss", "f32"), std::pair("qwen3", "q8"),
                                           std::pair("gemma3", "q8")));

class NarrowCaches : public ::testing::TestWithParam<const char *> {};

TEST_P(NarrowCaches, AreNear) {
  Golden golden(checkpoint(GetParam()));
  auto last = static_cast<int64_t>(golden.ids.size()) - 1;
  // One rounding of keys, values and queries to 11 or 8 bits, over a few layers; with q8 of keys
  // and values to 1/254 of the largest of a group.
  for (auto [type, bound] :
       {std::pair("f16", 1e-2), std::pair("bf16", 1e-1), std::pair("q8", 1e-1)}) {
    ModelOptions options;
    options.cacheType = type;
    LanguageModel model = load(GetParam(), options);
    KvCache cache = llvm::cantFail(model.createCache());
    Tensor logits = llvm::cantFail(model.prefill(cache, 0, golden.ids));
    EXPECT_LT(relativeError(logits, row(golden.logits, last)), bound) << type;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, NarrowCaches,
                         ::testing::Values("qwen3", "qwen2-window", "mistral", "gemma3",
                                           "gpt-oss"));

TEST(KvCache, NarrowTypesAreSmaller) {
  auto bytesWith = [](const char *type) {
    ModelOptions options;
    options.cacheType = type;
    return llvm::cantFail(load("qwen3", options).createCache()).numBytes();
  };
  int64_t wide = bytesWith("f32");
  EXPECT_EQ(bytesWith("f16") * 2, wide);
  EXPECT_EQ(bytesWith("bf16") * 2, wide);
  // Heads of 12: as many bytes, and a scale of two.
  EXPECT_EQ(bytesWith("q8") * 12 * 4, wide * (12 + 2));
}

TEST(KvCache, OfAnotherTypeDoesNotFit) {
  ModelOptions options;
  options.cacheType = "q8";
  LanguageModel narrow = load("qwen3", options), wide = load("qwen3");
  KvCache from = llvm::cantFail(narrow.createCache()), to = llvm::cantFail(wide.createCache());
  EXPECT_TRUE(failsWith(to.copySequence(from, 0, 0), "expected sequences of f32["));
  TemporaryDirectory files;
  ASSERT_FALSE(static_cast<bool>(from.save(files.path("cache.safetensors"))));
  EXPECT_TRUE(failsWith(to.load(files.path("cache.safetensors")), "expected f32[1, "));
}

TEST(KvCache, OfAnotherModelDoesNotFit) {
  LanguageModel model = load("qwen3"), same = load("qwen3");
  CheckpointCopy finetuned("qwen3"), rescaled("qwen3");
  finetuned.changeElement("model.layers.0.self_attn.k_proj.weight");
  rescaled.configure("\"rope_theta\": 10000.0", "\"rope_theta\": 12345.0");
  TemporaryDirectory files;
  std::string path = files.path("cache.safetensors");
  KvCache cache = llvm::cantFail(model.createCache());
  ASSERT_TRUE(succeeds(cache.save(path)));
  KvCache ofTheSame = llvm::cantFail(same.createCache());
  EXPECT_TRUE(succeeds(ofTheSame.load(path)));
  for (CheckpointCopy *copy : {&finetuned, &rescaled}) {
    LanguageModel other = llvm::cantFail(LanguageModel::load(copy->path()));
    KvCache theirs = llvm::cantFail(other.createCache());
    EXPECT_TRUE(failsWith(theirs.load(path), path + ": expected a cache of the model "));
    EXPECT_TRUE(failsWith(theirs.copySequence(cache, 0, 0), "expected a cache of the model "));
  }
}

// As files were before they said.
TEST(KvCache, FileThatNamesNoModelDoesNotFit) {
  LanguageModel model = load("qwen3");
  TemporaryDirectory files;
  std::string path = files.path("cache.safetensors");
  KvCache cache = llvm::cantFail(model.createCache());
  ASSERT_TRUE(succeeds(cache.save(path)));
  std::string contents = files.read("cache.safetensors");
  contents.replace(contents.find("\"model\""), 7, "\"maker\"");
  files.write("cache.safetensors", contents);
  EXPECT_TRUE(failsWith(cache.load(path), path + ": expected a cache whose metadata say of which "
                                                 "model it is, as 'model', got one"));
}

TEST(KvCache, ContextIsEnforced) {
  ModelOptions options;
  options.contextSize = 8;
  LanguageModel model = load("qwen3", options);
  KvCache cache = llvm::cantFail(model.createCache());
  EXPECT_TRUE(failsWith(model.prefill(cache, 0, std::vector<TokenId>(9, 1)).takeError(),
                        "the context is full: it holds 8 tokens, 0 are there and 9 more do not "
                        "fit"));
  EXPECT_EQ(cache.length(0), 0);
  llvm::cantFail(model.prefill(cache, 0, std::vector<TokenId>(8, 1)));
  EXPECT_TRUE(failsWith(model.decode(cache, 1).takeError(), "8 are there and 1 more do not fit"));
}

TEST(KvCache, RingIsBoundedByTheWindow) {
  ModelOptions options;
  options.chunkSize = 4;
  LanguageModel model = load("mistral", options);
  KvCache cache = llvm::cantFail(model.createCache());
  // Keys and values of 2 layers, 2 heads of 8, for a window of 7 and 3 more rows of a chunk.
  EXPECT_EQ(cache.numBytes(), 2 * 2 * 2 * 8 * 10 * 4);
}

TEST(KvCache, OnlyLocalLayersAreRings) {
  ModelOptions options;
  options.chunkSize = 4;
  LanguageModel model = load("qwen2-window", options);
  KvCache cache = llvm::cantFail(model.createCache());
  // Keys and values of 2 heads of 4: one layer with 64 rows, two for a window of 5 and 3 rows more.
  EXPECT_EQ(cache.numBytes(), 2 * 2 * 4 * (64 + 2 * 8) * 4);
}

TEST(KvCache, TruncationOfARingEndsWhereItsWindowIsLost) {
  ModelOptions options;
  options.chunkSize = 4;
  LanguageModel model = load("mistral", options);
  Golden golden(checkpoint("mistral"));
  KvCache cache = llvm::cantFail(model.createCache());
  llvm::cantFail(model.prefill(cache, 0, golden.ids));
  EXPECT_TRUE(failsWith(cache.truncate(0, 25), "expected a length of 0 to 24"));
  // 24 tokens: rows 14 to 23 are left, and position 20 sees 14 to 20.
  EXPECT_TRUE(failsWith(cache.truncate(0, 19), "holds positions 14 to 23"));
  ASSERT_FALSE(static_cast<bool>(cache.truncate(0, 20)));
  Tensor logits = llvm::cantFail(model.decode(cache, golden.ids[20]));
  EXPECT_LT(relativeError(logits, row(golden.logits, 20)), 1e-5);
  ASSERT_FALSE(static_cast<bool>(cache.truncate(0, 0)));
  logits = llvm::cantFail(model.decode(cache, golden.ids[0]));
  EXPECT_LT(relativeError(logits, row(golden.logits, 0)), 1e-5);
}

// A prompt of more tokens than a block is computed expert by expert, the same in parts is not.
TEST(Experts, BlocksChangeNoBit) {
  LanguageModel model = load("gpt-oss");
  std::vector<TokenId> ids;
  for (int i = 0; i < 60; ++i)
    ids.push_back((i * 37 + 11) % 61);
  KvCache whole = llvm::cantFail(model.createCache()), parts = llvm::cantFail(whole.clone());
  Tensor expected = llvm::cantFail(model.prefill(whole, 0, ids));
  Tensor logits;
  for (llvm::ArrayRef<TokenId> rest = ids; !rest.empty(); rest = rest.drop_front(5))
    logits = llvm::cantFail(model.prefill(parts, 0, rest.take_front(5)));
  EXPECT_EQ(std::memcmp(logits.data(), expected.data(), logits.numBytes()), 0);
}

//===----------------------------------------------------------------------===//
// Generation
//===----------------------------------------------------------------------===//

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

TEST(Generate, BatchGivesWhatEachPromptGivesAlone) {
  LanguageModel model = load("gemma2");
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

//===----------------------------------------------------------------------===//
// A trained model
//===----------------------------------------------------------------------===//

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
