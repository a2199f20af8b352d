#include "frontend/tokenizer/Unicode.h"
#include "frontend/tokenizer/ByteAlphabet.h"
#include "tests/ErrorTesting.h"
#include <chrono>

using namespace fovea;
using namespace fovea::tokenizer;

TEST(UnicodeTest, FindsWhatIsNotUtf8) {
  EXPECT_EQ(findInvalidUtf8(""), std::nullopt);
  EXPECT_EQ(findInvalidUtf8("a\u00E9\u20AC\U0010FFFF"), std::nullopt);
  EXPECT_EQ(findInvalidUtf8("ab\x80"), 2u);           // a continuation on its own
  EXPECT_EQ(findInvalidUtf8("a\xC3"), 1u);            // cut off
  EXPECT_EQ(findInvalidUtf8("\xC0\x80"), 0u);         // overlong
  EXPECT_EQ(findInvalidUtf8("\xE0\x9F\xBF"), 0u);     // overlong
  EXPECT_EQ(findInvalidUtf8("\xED\xA0\x80"), 0u);     // a surrogate
  EXPECT_EQ(findInvalidUtf8("\xF4\x90\x80\x80"), 0u); // beyond U+10FFFF
  EXPECT_EQ(findInvalidUtf8("x\xFFy"), 1u);
}

TEST(UnicodeTest, NormalForms) {
  EXPECT_EQ(normalize("e\u0301", NormalForm::NFC), "\u00E9");
  EXPECT_EQ(normalize("\u00E9", NormalForm::NFD), "e\u0301");
  EXPECT_EQ(normalize("\uFB01\uFF21", NormalForm::NFC), "\uFB01\uFF21");
  EXPECT_EQ(normalize("\uFB01\uFF21", NormalForm::NFKC), "fiA");
  EXPECT_EQ(normalize("\u212B\u00C5", NormalForm::NFKD), "A\u030AA\u030A");
  EXPECT_EQ(normalize("a\u0301\u0316", NormalForm::NFD), "a\u0316\u0301"); // marks by class
  EXPECT_EQ(normalize("\u1100\u1161\u11A8", NormalForm::NFC), "\uAC01");
  EXPECT_EQ(normalize("\uFDFA", NormalForm::NFKC).size(), 33u); // the longest decomposition
}

/// Sorting marks by exchanging neighbours would take quadratic time.
TEST(UnicodeTest, LongRunsOfMarks) {
  std::string text = "\u00E9", expected = "e";
  for (int i = 0; i < 300000; ++i)
    text += i % 2 ? "\u0316" : "\u0300";
  auto begin = std::chrono::steady_clock::now();
  std::string sorted = normalize(text, NormalForm::NFD);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_EQ(sorted.size(), text.size() + 1);
  EXPECT_EQ(llvm::StringRef(sorted).take_front(5), "e\u0316\u0316");
}

TEST(UnicodeTest, LowersCase) {
  std::string text;
  for (CodePoint c : {U'A', U'\u00C9', U'\u0130', U'\u03A3', U'\u1E9E', U'1'})
    appendLowercase(text, c);
  EXPECT_EQ(text, "a\u00E9i\u0307\u03C3\u00DF1");
}

TEST(UnicodeTest, Classes) {
  EXPECT_TRUE(isWhitespace(0x85) && isWhitespace(0x3000) && isWhitespace(0x0B));
  EXPECT_FALSE(isWhitespace(0x180E) || isWhitespace(0x200B) || isWhitespace('x'));
  EXPECT_TRUE(isWordCharacter('_') && isWordCharacter(0x301) && isWordCharacter(0x24D0));
  EXPECT_FALSE(isWordCharacter('-') || isWordCharacter(0xB2));
  EXPECT_TRUE(isBertPunctuation('$') && isBertPunctuation(0x2014));
  EXPECT_FALSE(isBertPunctuation('a') || isBertPunctuation(' ') || isBertPunctuation(0xA9));
  EXPECT_TRUE(isNumber(0xBD) && isNumber(0x2164) && isNumber('7'));
  EXPECT_TRUE(isBertControl(0x200B) && isBertControl(0) && isBertControl(0xE000));
  EXPECT_FALSE(isBertControl('\n') || isBertControl('a'));
}

TEST(ByteAlphabetTest, SpellsEveryByte) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte)
    bytes += static_cast<char>(byte);
  std::string spelled = spellBytes(bytes);
  EXPECT_FALSE(findInvalidUtf8(spelled));
  EXPECT_EQ(bytesSpelledBy(spelled), bytes);
  EXPECT_EQ(spellBytes(" a\n"), "\u0120a\u010A");
  EXPECT_EQ(bytesSpelledBy("a b"), std::nullopt);
  EXPECT_EQ(bytesSpelledBy("\u2581"), std::nullopt);
}
