// What caches promise: the same bits in parts and in company, as copies and from files.
#include "runtime/generate/LanguageModel.h"
#include "tests/runtime/generate/ModelTesting.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"

using namespace fovea;
using namespace fovea::testing;

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
                                           std::pair("gemma3", "q8"), std::pair("cohere2", "f32"),
                                           std::pair("gpt-neo", "f32"),
                                           std::pair("smollm3-window", "q8"),
                                           std::pair("falcon-new", "f32")));

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

/// Bytes from the start of a safetensors file to its data.
static size_t headerSize(llvm::StringRef contents) {
  return 8 + static_cast<size_t>(llvm::support::endian::read64le(contents.data()));
}

/// Where in a file the tensor begins.
static size_t placeOf(llvm::StringRef contents, llvm::StringRef name) {
  llvm::StringRef rest = contents.split(name).second.split("data_offsets").second;
  size_t begin = 0;
  rest.drop_until(llvm::isDigit).consumeInteger(10, begin);
  return headerSize(contents) + begin;
}

// Wherever it is cut and whatever its header says: nothing is read that is not there.
TEST(KvCache, DamagedFileIsAnErrorOrACache) {
  LanguageModel model = load("mistral");
  TemporaryDirectory files;
  KvCache cache = llvm::cantFail(model.createCache());
  llvm::cantFail(model.prefill(cache, 0, std::vector<TokenId>(9, 1)));
  ASSERT_TRUE(succeeds(cache.save(files.path("whole.safetensors"))));
  std::string whole = files.read("whole.safetensors");
  size_t header = headerSize(whole);
  ASSERT_LT(header, whole.size());
  for (size_t size = 0; size < whole.size(); size += size < header + 8 ? 1 : 61)
    EXPECT_TRUE(failsWith(cache.load(files.write("cut.safetensors", whole.substr(0, size))), ""));
  for (size_t at = 0; at < header; ++at)
    for (char bit : {1, 16, -128}) {
      std::string damaged = whole;
      damaged[at] ^= bit;
      llvm::consumeError(cache.load(files.write("damaged.safetensors", damaged)));
      EXPECT_TRUE(cache.length(0) == 9) << at;
    }
}

TEST(KvCache, LengthsThatARingCannotHaveAreRefused) {
  ModelOptions options;
  options.chunkSize = 4;
  LanguageModel model = load("mistral", options);
  TemporaryDirectory files;
  std::string path = files.path("cache.safetensors");
  KvCache cache = llvm::cantFail(model.createCache());
  llvm::cantFail(model.prefill(cache, 0, std::vector<TokenId>(24, 1)));
  ASSERT_TRUE(succeeds(cache.save(path)));
  std::string contents = files.read("cache.safetensors");
  size_t at = placeOf(contents, "sequence.lengths");
  ASSERT_EQ(contents[at], 24);
  for (auto [length, message] : {std::pair<char, const char *>{19, ": the window of layer cache "},
                                 {25, ": expected a length of 0 to "},
                                 {127, ": expected a length of 0 to "}}) {
    contents[at] = length;
    EXPECT_TRUE(failsWith(cache.load(files.write("cache.safetensors", contents)), path + message));
  }
  contents[at] = 20;
  EXPECT_TRUE(succeeds(cache.load(files.write("cache.safetensors", contents))));
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
