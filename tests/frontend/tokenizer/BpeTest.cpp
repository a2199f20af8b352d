#include "frontend/tokenizer/Bpe.h"
#include "tests/frontend/tokenizer/TokenizerTesting.h"
#include <chrono>

using namespace fovea;
using namespace fovea::testing;
using namespace fovea::tokenizer;
using llvm::StringRef;

using Merges = std::vector<std::pair<std::string, std::string>>;

static Vocabulary vocabularyOf(const std::vector<std::string> &tokens) {
  Vocabulary vocabulary;
  for (const std::string &token : tokens)
    vocabulary.insert(token, static_cast<TokenId>(vocabulary.size()));
  return vocabulary;
}

/// The tokens of `word` by the definition: again and again the best pair, the leftmost of several.
static std::vector<std::string> mergeByDefinition(StringRef word, const Merges &merges) {
  std::vector<std::string> symbols;
  for (char c : word)
    symbols.emplace_back(1, c);
  while (true) {
    size_t best = merges.size(), place = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      auto found = llvm::find(merges, std::pair(symbols[i], symbols[i + 1]));
      if (size_t rank = found - merges.begin(); rank < best) {
        best = rank;
        place = i;
      }
    }
    if (best == merges.size())
      return symbols;
    symbols[place] += symbols[place + 1];
    symbols.erase(symbols.begin() + place + 1);
  }
}

static std::vector<std::string> spell(const Vocabulary &vocabulary, llvm::ArrayRef<TokenId> ids) {
  std::vector<std::string> tokens;
  for (TokenId id : ids)
    tokens.push_back(vocabulary.tokenOf(id)->str());
  return tokens;
}

TEST(BpeTest, MergesAsDefined) {
  std::mt19937 random(3);
  for (int round = 0; round < 40; ++round) {
    std::vector<std::string> tokens{"a", "b", "c"};
    Merges merges;
    for (int i = 0; i < 25; ++i) {
      std::pair merge(tokens[random() % tokens.size()], tokens[random() % tokens.size()]);
      if (llvm::is_contained(tokens, merge.first + merge.second))
        continue;
      tokens.push_back(merge.first + merge.second);
      merges.push_back(merge);
    }
    Vocabulary vocabulary = vocabularyOf(tokens);
    Bpe bpe(vocabulary, {});
    for (auto &[left, right] : merges)
      ASSERT_TRUE(succeeds(bpe.addMerge(left, right)));
    for (int i = 0; i < 20; ++i) {
      std::string word(random() % 60, 'a');
      for (char &c : word)
        c += random() % 3;
      std::vector<TokenId> ids;
      ASSERT_TRUE(succeeds(bpe.encode(word, ids)));
      ASSERT_EQ(spell(vocabulary, ids), mergeByDefinition(word, merges)) << word;
    }
  }
}

/// Quadratic merging would take hours for it.
TEST(BpeTest, LongWordsTakeAlmostLinearTime) {
  Vocabulary vocabulary = vocabularyOf({"a", "aa", "aaaa", "b", "ab", "ba"});
  Bpe bpe(vocabulary, {});
  for (auto [left, right] : {std::pair("a", "a"), {"aa", "aa"}, {"a", "b"}, {"b", "a"}})
    ASSERT_TRUE(succeeds(bpe.addMerge(left, right)));
  std::string word(1 << 20, 'a');
  for (size_t i = 0; i < word.size(); i += 7)
    word[i] = 'b';
  std::vector<TokenId> ids;
  auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(succeeds(bpe.encode(word, ids)));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  std::string back;
  for (const std::string &token : spell(vocabulary, ids))
    back += token;
  EXPECT_EQ(back, word);
}

TEST(BpeTest, UnknownCharacters) {
  Vocabulary vocabulary = vocabularyOf({"<unk>", "a", "<0xC3>", "<0xA9>"});
  auto encode = [&](BpeOptions options, StringRef text) -> llvm::Expected<std::vector<TokenId>> {
    std::vector<TokenId> ids;
    if (llvm::Error error = Bpe(vocabulary, options).encode(text, ids))
      return std::move(error);
    return ids;
  };
  using Ids = std::vector<TokenId>;
  EXPECT_EQ(llvm::cantFail(encode({.unknown = 0}, "xxaéx")), (Ids{0, 0, 1, 0, 0}));
  EXPECT_EQ(llvm::cantFail(encode({.unknown = 0, .fuseUnknown = true}, "xxaéx")), (Ids{0, 1, 0}));
  EXPECT_EQ(llvm::cantFail(encode({.unknown = 0, .byteFallback = true}, "xxaé")),
            (Ids{0, 0, 1, 2, 3}));
  EXPECT_TRUE(failsWith(encode({}, "aé"), "no token for 'é' (U+00E9), and there is no unknown"));
  EXPECT_TRUE(failsWith(encode({.byteFallback = true}, "è"), "no token for 'è'"));
}

TEST(BpeTest, RejectsMergesOfWhatIsNoToken) {
  Vocabulary vocabulary = vocabularyOf({"a", "b", "##b", "ab"});
  Bpe plain(vocabulary, {}), prefixed(vocabulary, {.continuingPrefix = "##"});
  EXPECT_TRUE(failsWith(plain.addMerge("a", "c"), "'c' is not in the vocabulary"));
  EXPECT_TRUE(failsWith(plain.addMerge("b", "a"), "'ba' is not in the vocabulary"));
  EXPECT_TRUE(failsWith(prefixed.addMerge("a", "b"), "'b' does not begin with '##'"));
  EXPECT_TRUE(succeeds(prefixed.addMerge("a", "##b")));
}

TEST(BpeTest, TakesTheSecondOfTwoEqualMerges) {
  Vocabulary vocabulary = vocabularyOf({"a", "b", "c", "ab", "bc"});
  Bpe bpe(vocabulary, {});
  for (auto [left, right] : {std::pair("a", "b"), {"b", "c"}, {"a", "b"}})
    ASSERT_TRUE(succeeds(bpe.addMerge(left, right)));
  std::vector<TokenId> ids;
  ASSERT_TRUE(succeeds(bpe.encode("abc", ids)));
  EXPECT_EQ(spell(vocabulary, ids), (std::vector<std::string>{"a", "bc"}));
}
