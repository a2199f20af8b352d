#include "frontend/tokenizer/Vocabulary.h"
#include "tests/ErrorTesting.h"
#ifdef __GLIBC__
#include <malloc.h>
#endif

using namespace fovea;
using namespace fovea::testing;
using namespace fovea::tokenizer;

TEST(VocabularyTest, FindsBothWays) {
  Vocabulary vocabulary;
  EXPECT_EQ(vocabulary.idOf("a"), std::nullopt);
  EXPECT_EQ(vocabulary.tokenOf(0), std::nullopt);
  // Ids with gaps, close together and in no order; so many that the tables grow several times.
  for (TokenId i = 0; i < 5000; ++i)
    ASSERT_TRUE(vocabulary.insert("t" + std::to_string(i), (5000 - i) * 7));
  EXPECT_EQ(vocabulary.size(), 5000u);
  EXPECT_EQ(vocabulary.idLimit(), 35001);
  EXPECT_EQ(vocabulary.longestToken(), 5u);
  for (TokenId i = 0; i < 5000; ++i) {
    std::string token = "t" + std::to_string(i);
    ASSERT_EQ(vocabulary.idOf(token), (5000 - i) * 7);
    ASSERT_EQ(vocabulary.tokenOf((5000 - i) * 7), llvm::StringRef(token));
    ASSERT_EQ(vocabulary.tokenOf((5000 - i) * 7 - 1), std::nullopt);
  }
  EXPECT_EQ(vocabulary.idOf("t5000"), std::nullopt);
  EXPECT_EQ(vocabulary.idOf("t"), std::nullopt);
}

TEST(VocabularyTest, HoldsAnyBytes) {
  Vocabulary vocabulary;
  llvm::StringRef zero("\0", 1), zeros("\0\0", 2);
  ASSERT_TRUE(vocabulary.insert("", 3));
  ASSERT_TRUE(vocabulary.insert(zero, 4));
  ASSERT_TRUE(vocabulary.insert(zeros, 5));
  EXPECT_EQ(vocabulary.idOf(""), 3);
  EXPECT_EQ(vocabulary.idOf(zero), 4);
  EXPECT_EQ(vocabulary.tokenOf(3), llvm::StringRef(""));
  EXPECT_EQ(vocabulary.tokenOf(5), zeros);
}

TEST(VocabularyTest, RefusesContradictions) {
  Vocabulary base;
  ASSERT_TRUE(base.insert("a", 1));
  EXPECT_TRUE(base.insert("a", 1)); // nothing new
  EXPECT_FALSE(base.insert("a", 2));
  EXPECT_FALSE(base.insert("b", 1));
  EXPECT_EQ(base.size(), 1u);
  Vocabulary more(&base);
  EXPECT_TRUE(more.insert("a", 1));
  EXPECT_FALSE(more.insert("a", 2));
  EXPECT_FALSE(more.insert("b", 1));
  EXPECT_TRUE(more.insert("b", 2));
  EXPECT_EQ(more.size(), 2u);
  EXPECT_EQ(more.idOf("a"), 1);
  EXPECT_EQ(more.tokenOf(2), llvm::StringRef("b"));
  EXPECT_EQ(base.idOf("b"), std::nullopt);
}

#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
// Sanitizers have allocators of their own.
#if defined(__GLIBC__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)

// The tokens, 8 bytes each beside their text, and two tables of 2^17 slots.
TEST(VocabularyTest, TakesLittleMemory) {
  llvm::json::Object tokens;
  int64_t count = 50000, bytes = 0;
  for (int64_t i = 0; i < count; ++i) {
    std::string token = "token" + std::to_string(i);
    bytes += static_cast<int64_t>(token.size());
    tokens[token] = i;
  }
  llvm::json::Value root = std::move(tokens);
  auto allocated = [] {
    struct mallinfo2 info = mallinfo2();
    return static_cast<int64_t>(info.uordblks + info.hblkhd);
  };
  int64_t before = allocated();
  auto vocabulary = Vocabulary::read(JsonNode(root, "tokenizer.json"));
  ASSERT_TRUE(succeeds(vocabulary));
  EXPECT_LE(allocated() - before, bytes + 8 * count + 2 * 4 * (1 << 17) + (16 << 10));
  EXPECT_EQ(vocabulary->idOf("token49999"), 49999);
}

#endif
