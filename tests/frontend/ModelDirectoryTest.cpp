#include "frontend/ModelDirectory.h"
#include "frontend/Safetensors.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"

using namespace fovea;
using namespace fovea::testing;

static const char sharedModel[] = FOVEA_SOURCE_DIR "/../shared/data/stories260k";

static void writeShard(const TemporaryDirectory &dir, llvm::StringRef file, llvm::StringRef name,
                       float value) {
  TensorView view(&value, {1});
  ASSERT_TRUE(succeeds(writeSafetensors(dir.path(file), NamedTensorView(name.str(), view))));
}

/// A directory with shards s1 (tensor a) and s2 (tensor b) and the given index.
static void writeSharded(const TemporaryDirectory &dir, llvm::StringRef weightMap) {
  writeShard(dir, "s1", "a", 1);
  writeShard(dir, "s2", "b", 2);
  dir.write("model.safetensors.index.json", ("{\"weight_map\": " + weightMap + "}").str());
}

TEST(ModelDirectoryTest, ReadsConfigEntries) {
  TemporaryDirectory dir;
  dir.write("config.json", R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 64,
                               "eps": 1e-5, "tied": true, "model_type": "llama", "none": null})");
  auto model = ModelDirectory::open(dir.path());
  ASSERT_TRUE(succeeds(model));
  EXPECT_EQ(llvm::cantFail(model->integer("hidden_size")), 64);
  EXPECT_EQ(llvm::cantFail(model->number("eps")), 1e-5);
  EXPECT_EQ(llvm::cantFail(model->number("hidden_size")), 64);
  EXPECT_TRUE(llvm::cantFail(model->boolean("tied")));
  EXPECT_EQ(llvm::cantFail(model->string("model_type")), "llama");
  EXPECT_EQ(llvm::cantFail(model->architecture()), "LlamaForCausalLM");
  EXPECT_TRUE(failsWith(model->integer("heads"),
                        "config.json: expected 'heads', an integer, got no such entry"));
  EXPECT_TRUE(failsWith(model->integer("eps"), "expected 'eps', an integer, got a number"));
  EXPECT_TRUE(failsWith(model->number("none"), "expected 'none', a number, got null"));
  EXPECT_TRUE(failsWith(model->boolean("eps"), "a boolean, got a number"));
  EXPECT_TRUE(failsWith(model->string("tied"), "a string, got a boolean"));
}

TEST(ModelDirectoryTest, FindsTheArchitecture) {
  TemporaryDirectory dir;
  dir.write("config.json", R"({"architectures": [], "model_type": "gpt2"})");
  EXPECT_EQ(llvm::cantFail(llvm::cantFail(ModelDirectory::open(dir.path())).architecture()),
            "gpt2");
  dir.write("config.json", "{}");
  EXPECT_TRUE(failsWith(llvm::cantFail(ModelDirectory::open(dir.path())).architecture(),
                        "expected 'architectures', an array of strings, got no such entry"));
}

TEST(ModelDirectoryTest, RejectsWhatIsNoModel) {
  TemporaryDirectory dir;
  EXPECT_TRUE(failsWith(ModelDirectory::open(dir.path("none")), "no such directory"));
  EXPECT_TRUE(failsWith(ModelDirectory::open(dir.write("f", "")), "expected a model directory"));
  EXPECT_TRUE(failsWith(ModelDirectory::open(dir.path()), "config.json: cannot read"));
  dir.write("config.json", "[]");
  EXPECT_TRUE(failsWith(ModelDirectory::open(dir.path()), "expected a JSON object"));
  dir.write("config.json", "{\n\"a\": }");
  EXPECT_TRUE(failsWith(ModelDirectory::open(dir.path()), "config.json:2:"));
  dir.write("config.json", "{}");
  EXPECT_TRUE(
      failsWith(llvm::cantFail(ModelDirectory::open(dir.path())).openWeights(), "found neither"));
}

TEST(ModelDirectoryTest, OpensOneFile) {
  TemporaryDirectory dir;
  dir.write("config.json", "{}");
  writeShard(dir, "model.safetensors", "x", 3);
  auto weights = llvm::cantFail(ModelDirectory::open(dir.path())).openWeights();
  ASSERT_TRUE(succeeds(weights));
  EXPECT_EQ((*weights)->find("x")->at({0}), 3);
  EXPECT_EQ((*weights)->location(), dir.path("model.safetensors"));
}

TEST(ShardedWeightsTest, OpensShards) {
  TemporaryDirectory dir;
  writeSharded(dir, R"({"a": "s1", "b": "s2"})");
  auto weights = openWeights(dir.path());
  ASSERT_TRUE(succeeds(weights));
  EXPECT_EQ((*weights)->names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ((*weights)->find("a")->at({0}), 1);
  EXPECT_EQ((*weights)->find("b")->at({0}), 2);
  EXPECT_EQ((*weights)->find("c"), std::nullopt);
}

TEST(ShardedWeightsTest, RejectsBadIndices) {
  auto rejects = [](llvm::StringRef weightMap, llvm::StringRef message) {
    TemporaryDirectory dir;
    writeSharded(dir, weightMap);
    return failsWith(openWeights(dir.path("model.safetensors.index.json")), message);
  };
  EXPECT_TRUE(rejects("[]", "an object from tensors to files, got an array"));
  EXPECT_TRUE(rejects("{\"a\": 1}", "expected a file name for tensor 'a', got a number"));
  EXPECT_TRUE(rejects("{\"a\": \"s2\"}", "s2: no tensor 'a'"));
  EXPECT_TRUE(rejects("{\"a\": \"s3\"}", "s3: cannot read: No such file"));
  EXPECT_TRUE(rejects("{\"a\": \"s1\", \"a\": \"s1\"}", "duplicate key 'a'"));
  for (const char *name : {"../s1", "/etc/passwd", "x/../s1", "..", ".", "", "./s1", "s1\\u0000"})
    EXPECT_TRUE(rejects(std::string("{\"a\": \"") + name + "\"}",
                        "expected the name of a file beside the index"))
        << name;
}

TEST(ShardedWeightsTest, RejectsTruncatedShards) {
  TemporaryDirectory dir;
  writeSharded(dir, R"({"a": "s1", "b": "s2"})");
  std::string shard = dir.read("s2");
  dir.write("s2", llvm::StringRef(shard).drop_back());
  EXPECT_TRUE(failsWith(openWeights(dir.path()), "s2: "));
}

TEST(ModelDirectoryTest, ReadsARealModel) {
  if (!llvm::sys::fs::is_directory(sharedModel))
    GTEST_SKIP() << "no model beside the checkout";
  auto model = ModelDirectory::open(sharedModel);
  ASSERT_TRUE(succeeds(model));
  EXPECT_EQ(llvm::cantFail(model->integer("num_hidden_layers")), 5);
  auto weights = model->openWeights();
  ASSERT_TRUE(succeeds(weights));
  auto embedding = (*weights)->find("model.embed_tokens.weight");
  ASSERT_TRUE(embedding.has_value());
  EXPECT_EQ(embedding->describe(), "f32[512, 64]");
}
