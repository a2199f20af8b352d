// Published tokenizers with cases of independent implementations. They lie beside the checkout of
// those who have them, and the tests are skipped elsewhere.
#include "frontend/FileIO.h"
#include "frontend/Safetensors.h"
#include "frontend/tokenizer/Tokenizer.h"
#include "tests/ErrorTesting.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

using namespace fovea;
using namespace fovea::testing;
using llvm::StringRef;

static const std::string sharedData = FOVEA_SOURCE_DIR "/../shared/data/";

static std::string textOf(const std::string &path) {
  return llvm::cantFail(readFile(path))->getBuffer().str();
}

static std::vector<TokenId> readIds(StringRef line) {
  std::vector<TokenId> ids;
  for (StringRef word : llvm::split(line.trim(), ' '))
    if (TokenId id; !word.getAsInteger(10, id))
      ids.push_back(id);
  return ids;
}

TEST(SharedDataTest, Gpt2GivesThePublishedIds) {
  const std::string directory = sharedData + "tokenizers/gpt2";
  if (!llvm::sys::fs::exists(directory))
    GTEST_SKIP() << directory << " is not there";
  llvm::Expected<Tokenizer> tokenizer = Tokenizer::fromDirectory(directory);
  ASSERT_TRUE(succeeds(tokenizer));
  EXPECT_EQ(tokenizer->size(), 50257u);
  std::string inputs = textOf(directory + "/cases.inp"), outputs = textOf(directory + "/cases.out");
  llvm::SmallVector<StringRef> texts, lines;
  StringRef(inputs).split(texts, "\n__ggml_vocab_test__\n");
  StringRef(outputs).split(lines, '\n');
  ASSERT_GE(lines.size(), texts.size());
  ASSERT_GT(texts.size(), 40u);
  for (size_t i = 0; i < texts.size(); ++i) {
    auto ids = tokenizer->encode(texts[i]);
    ASSERT_TRUE(succeeds(ids));
    EXPECT_EQ(*ids, readIds(lines[i])) << "case " << i << ": '" << texts[i].str() << "'";
    EXPECT_EQ(llvm::cantFail(tokenizer->decode(*ids)), texts[i]);
  }
}

TEST(SharedDataTest, Stories260kGivesThePromptOfItsGolden) {
  const std::string directory = sharedData + "stories260k";
  if (!llvm::sys::fs::exists(directory))
    GTEST_SKIP() << directory << " is not there";
  llvm::Expected<Tokenizer> tokenizer = Tokenizer::fromDirectory(directory);
  ASSERT_TRUE(succeeds(tokenizer));
  EXPECT_EQ(tokenizer->size(), 512u);
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->eos(), std::nullopt);
  EXPECT_EQ(llvm::cantFail(tokenizer->encode("Once upon a time")),
            (std::vector<TokenId>{1, 403, 407, 261, 378}));
  // Three prompts and their continuations, as text.
  std::string golden = textOf(directory + "/golden_greedy.txt");
  EXPECT_EQ(llvm::cantFail(tokenizer->decode(llvm::cantFail(tokenizer->encode(golden)))), golden);
}

TEST(SharedDataTest, Stories260kDecodesItsGreedyIds) {
  const std::string directory = sharedData + "stories260k";
  if (!llvm::sys::fs::exists(directory))
    GTEST_SKIP() << directory << " is not there";
  Tokenizer tokenizer = llvm::cantFail(Tokenizer::fromDirectory(directory));
  auto golden = llvm::cantFail(SafetensorsFile::open(directory + "/golden.safetensors"));
  std::optional<TensorView> greedy = golden->find("greedy_ids");
  ASSERT_TRUE(greedy);
  auto *data = static_cast<const int64_t *>(greedy->data());
  std::vector<TokenId> ids(data, data + 201);
  std::string text = llvm::cantFail(tokenizer.decode(ids));
  EXPECT_TRUE(StringRef(text).starts_with("Once upon a time, there was a little girl")) << text;
  EXPECT_EQ(llvm::cantFail(tokenizer.encode(text)), ids);
}
