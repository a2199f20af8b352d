// What must hold for any text and any ids.
#include "tests/frontend/tokenizer/TokenizerTesting.h"

using namespace fovea;
using namespace fovea::testing;

namespace {
class RoundTripTest : public ::testing::TestWithParam<const char *> {};
class AnyIdsTest : public ::testing::TestWithParam<const char *> {};
} // namespace

/// These keep all of a text: they have all bytes and no normalisation but spaces.
TEST_P(RoundTripTest, RandomUnicodeComesBack) {
  auto tokenizer = openTokenizer(GetParam());
  ASSERT_TRUE(succeeds(tokenizer));
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    std::string text = randomText(random, random() % 40);
    auto ids = tokenizer->encode(text);
    ASSERT_TRUE(succeeds(ids));
    auto back = tokenizer->decode(*ids);
    ASSERT_TRUE(succeeds(back));
    ASSERT_EQ(*back, text);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, RoundTripTest,
                         ::testing::Values("gpt2", "llama3", "starcoder", "llama2", "gemma"),
                         [](const auto &info) { return std::string(info.param); });

TEST_P(AnyIdsTest, StreamsWhatItDecodes) {
  auto tokenizer = openTokenizer(GetParam());
  ASSERT_TRUE(succeeds(tokenizer));
  std::vector<TokenId> known;
  for (TokenId id = 0; id < tokenizer->idLimit(); ++id)
    if (tokenizer->tokenOf(id))
      known.push_back(id);
  EXPECT_EQ(known.size(), tokenizer->size());
  std::mt19937 random(2);
  TokenStream stream(*tokenizer);
  for (int i = 0; i < 300; ++i) {
    std::vector<TokenId> ids(random() % 30);
    for (TokenId &id : ids)
      id = known[random() % known.size()];
    std::string streamed;
    auto take = [&](llvm::Expected<std::string> piece) {
      ASSERT_TRUE(succeeds(piece));
      EXPECT_FALSE(tokenizer::findInvalidUtf8(*piece)) << "in a piece of a stream";
      streamed += *piece;
    };
    for (TokenId id : ids)
      take(stream.push(id));
    take(stream.finish()); // and the stream begins anew
    auto text = tokenizer->decode(ids);
    ASSERT_TRUE(succeeds(text));
    ASSERT_EQ(streamed, *text);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, AnyIdsTest, ::testing::ValuesIn(tokenizerNames),
                         [](const auto &info) { return std::string(info.param); });
