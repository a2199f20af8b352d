#include "frontend/tokenizer/Pattern.h"
#include "frontend/tokenizer/PreTokenizer.h"
#include "tests/ErrorTesting.h"

using namespace fovea;
using namespace fovea::testing;
using namespace fovea::tokenizer;
using llvm::StringRef;

static std::vector<std::string> find(StringRef expression, StringRef text) {
  auto pattern = Pattern::regex(expression);
  EXPECT_TRUE(succeeds(pattern));
  std::vector<std::string> found;
  if (pattern)
    for (Span span : llvm::cantFail(pattern->matches(text)))
      found.push_back(text.slice(span.begin, span.end).str());
  return found;
}

using Strings = std::vector<std::string>;

TEST(RegexSyntaxTest, ClassesAreThoseOfUnicode) {
  // U+0085 and U+3000 are spaces, U+180E and U+200B are none.
  EXPECT_EQ(find("\\s", "a\u0085b\u3000c\u180Ed\u200Be\v"), (Strings{"\u0085", "\u3000", "\v"}));
  EXPECT_EQ(find("\\S+", "a\u180E \u00A0b"), (Strings{"a\u180E", "b"}));
  EXPECT_EQ(find("\\w+", "e\u0301_1 \u2164-x"), (Strings{"e\u0301_1", "\u2164", "x"}));
  EXPECT_EQ(find("[\\s\\d]+", "a \u0663b"), (Strings{" \u0663"}));
  EXPECT_EQ(find("[^\\s\\p{L}]+", "ab, c"), (Strings{","}));
  EXPECT_EQ(find(".+", "a\r\nb"), (Strings{"a\r", "b"}));
  EXPECT_EQ(find("(?i:'s)", "'S 's '\u017F"), (Strings{"'S", "'s", "'\u017F"}));
}

TEST(RegexSyntaxTest, TakesRepetitionsAndLookAround) {
  EXPECT_EQ(find("\\p{N}{1,3}", "1234567"), (Strings{"123", "456", "7"}));
  EXPECT_EQ(find("a+?b", "aab"), (Strings{"aab"}));
  EXPECT_EQ(find("a*+b|a", "aa"), (Strings{"a", "a"}));
  EXPECT_EQ(find("\\s+(?!\\S)|\\s+", "a   b"), (Strings{"  ", " "}));
  EXPECT_EQ(find("(?<=a)b|(?<!a)c", "ab ac c"), (Strings{"b", "c"}));
  EXPECT_EQ(find("[\\[\\]\\-x]+", "[x-]"), (Strings{"[x-]"}));
  EXPECT_EQ(find("\\x{1F600}|\\x41", "A\U0001F600"), (Strings{"A", "\U0001F600"}));
  EXPECT_EQ(find("x*", "axxb"), (Strings{"xx"})); // empty matches separate nothing
}

TEST(RegexSyntaxTest, RefusesWhatTheEnginesReadDifferently) {
  for (StringRef construct :
       {"^",   "$",   "(?P<", "(?m", "(?#", "(*",  "[]",  "&&",  "\\b",    "\\1",  "\\h",  "\\R",
        "\\X", "\\K", "\\k",  "\\G", "\\A", "\\z", "\\Q", "\\u", "{1,2}+", "{2}?", "{,3}", "[["}) {
    std::string expression = "a" + construct.str() + "a";
    if (construct == "&&")
      expression = "[a&&b]";
    if (construct == "[[")
      expression = "[[:alpha:]]";
    EXPECT_TRUE(failsWith(Pattern::regex(expression), "is not supported")) << expression;
  }
  EXPECT_TRUE(failsWith(Pattern::regex("[\\S]"), "'\\S' in the expression '[\\S]'"));
  EXPECT_TRUE(failsWith(Pattern::regex("\\xE9"), "is not supported"));
  EXPECT_TRUE(failsWith(Pattern::regex("\\pL"), "is not supported"));
  EXPECT_TRUE(failsWith(Pattern::regex("a\\"), "is not supported"));
}

TEST(RegexSyntaxTest, RefusesWrongExpressions) {
  EXPECT_TRUE(failsWith(Pattern::regex("(a"), "the expression '(a' is wrong: missing closing"));
  EXPECT_TRUE(failsWith(Pattern::regex("[a"), "'[' without ']'"));
  EXPECT_TRUE(failsWith(Pattern::regex("\\p{Nonsense}"), "is wrong: unknown property"));
  EXPECT_TRUE(failsWith(Pattern::regex("*a"), "is wrong"));
}

TEST(RegexSyntaxTest, ShowsLongExpressionsShortened) {
  std::string longOne(100000, 'a');
  for (const std::string &expression : {longOne + "\\1", longOne + "[", longOne + ")"})
    EXPECT_LT(llvm::toString(Pattern::regex(expression).takeError()).size(), 200U);
}

/// Backtracking without end is an error, not a wrong answer.
TEST(RegexSyntaxTest, BoundsBacktracking) {
  auto pattern = Pattern::regex("(?:a*)*[bc]");
  ASSERT_TRUE(succeeds(pattern));
  EXPECT_TRUE(
      failsWith(pattern->matches(std::string(50000, 'a')), "matching a regular expression"));
}

TEST(PatternTest, LiteralsAreFoundFromTheLeft) {
  EXPECT_EQ(llvm::cantFail(Pattern::literal("aa").replaceAll("aaaxaa", "b")), "baxb");
  EXPECT_EQ(llvm::cantFail(Pattern::literal("").replaceAll("ab", "x")), "ab");
}

TEST(SeparationTest, FiveWaysToCut) {
  auto cut = [](Separation separation, bool inverted) {
    std::vector<Piece> pieces;
    separate({"a--b-", true}, {{1, 2}, {2, 3}, {4, 5}}, separation, inverted, pieces);
    Strings texts;
    for (const Piece &piece : pieces) {
      EXPECT_EQ(piece.atStart, texts.empty() && piece.text.front() == 'a');
      texts.push_back(piece.text);
    }
    return texts;
  };
  EXPECT_EQ(cut(Separation::Removed, false), (Strings{"a", "b"}));
  EXPECT_EQ(cut(Separation::Isolated, false), (Strings{"a", "-", "-", "b", "-"}));
  EXPECT_EQ(cut(Separation::MergedWithPrevious, false), (Strings{"a-", "-", "b-"}));
  EXPECT_EQ(cut(Separation::MergedWithNext, false), (Strings{"a", "-", "-b", "-"}));
  EXPECT_EQ(cut(Separation::Contiguous, false), (Strings{"a", "--", "b", "-"}));
  EXPECT_EQ(cut(Separation::Removed, true), (Strings{"-", "-", "-"}));
}
