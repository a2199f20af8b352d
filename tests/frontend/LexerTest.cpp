// Tokens, indentation and the lexer's own errors.
#include "tests/frontend/DescriptionTesting.h"

using namespace fovea;
using namespace fovea::testing;

namespace {

/// The tokens' texts, line ends and blocks as `;`, `{` and `}`.
std::string wordsOf(const Lexed &lexed) {
  std::string all;
  for (const Token &token : *lexed.tokens) {
    if (token.is(TokenKind::EndOfFile))
      break;
    all += all.empty() ? "" : " ";
    if (token.is(TokenKind::Newline))
      all += ";";
    else if (token.is(TokenKind::Indent))
      all += "{";
    else if (token.is(TokenKind::Dedent))
      all += "}";
    else if (token.is(TokenKind::Error))
      all += "!";
    else
      all += lexed.diagnostics.getSource().getText(token.range);
  }
  return all;
}

std::string wordsOf(const std::string &text) { return wordsOf(Lexed(text)); }

std::string errorsOf(const std::string &text) { return Lexed(text).diagnostics.render(); }

} // namespace

TEST(LexerTest, SplitsPunctuationLongestFirst) {
  EXPECT_EQ(wordsOf("a//=b**-c->...1:2 @ ~x!=y"), "a //= b ** - c -> ... 1 : 2 @ ~ x != y ;");
}

TEST(LexerTest, NumbersAndRangesOfDots) {
  EXPECT_EQ(wordsOf("1_000 0x1F 1.5e-3 .5 x[1...]"), "1_000 0x1F 1.5e-3 .5 x [ 1 ... ] ;");
  EXPECT_TRUE((*Lexed("1e5").tokens)[0].is(TokenKind::Float));
  EXPECT_TRUE((*Lexed("0x1e").tokens)[0].is(TokenKind::Integer));
}

TEST(LexerTest, BlocksFollowIndentation) {
  EXPECT_EQ(wordsOf("a:\n  b\n\n  # note\n  c:\n      d\ne\n"), "a : ; { b ; c : ; { d ; } } e ;");
}

TEST(LexerTest, LineEndsInsideBracketsDoNotCount) {
  EXPECT_EQ(wordsOf("f(a,\n  b)\nc \\\n d"), "f ( a , b ) ; c d ;");
}

TEST(LexerTest, CommentsAndStrings) {
  EXPECT_EQ(wordsOf("x = 'a#b' # c\ny = f\"{n}\""), "x = 'a#b' ; y = f\"{n}\" ;");
}

TEST(LexerTest, WindowsLineEndsAndByteOrderMark) {
  EXPECT_EQ(wordsOf("\xEF\xBB\xBFx:\r\n  y\r\n"), "x : ; { y ; }");
}

TEST(LexerTest, UnknownCharacter) {
  EXPECT_EQ(errorsOf("x = a ? b\n"), "t.fov:1:7: error: unexpected character '?'\n"
                                     "x = a ? b\n"
                                     "      ^\n");
  EXPECT_EQ(Lexed(std::string("a \0b", 4)).diagnostics.get()[0].message, "unexpected byte 0x00");
}

TEST(LexerTest, UnclosedString) {
  EXPECT_EQ(errorsOf("x = 'abc\ny = 1\n"), "t.fov:1:5: error: this string is never closed\n"
                                           "x = 'abc\n"
                                           "    ^\n");
}

TEST(LexerTest, UnclosedBracketEndsAtTheNextDefinition) {
  Lexed lexed("x = f(1,\ndef g():\n  y\n");
  EXPECT_EQ(lexed.diagnostics.render(), "t.fov:1:6: error: '(' is never closed\n"
                                        "x = f(1,\n"
                                        "     ^\n");
  EXPECT_EQ(wordsOf(lexed), "x = f ( 1 , ! ; def g ( ) : ; { y ; }");
}

TEST(LexerTest, UnclosedBracketAtEndOfFile) {
  EXPECT_EQ(errorsOf("x = [1, 2\n"), "t.fov:1:5: error: '[' is never closed\nx = [1, 2\n    ^\n");
}

TEST(LexerTest, MismatchedBrackets) {
  EXPECT_EQ(errorsOf("x = (1]\n"), "t.fov:1:7: error: ']' does not match '('\nx = (1]\n      ^\n");
  EXPECT_EQ(errorsOf("x = 1)\n"), "t.fov:1:6: error: ')' closes nothing\nx = 1)\n     ^\n");
}

TEST(LexerTest, TenThousandBracketsAreOneError) {
  Lexed lexed("x = " + std::string(10000, '('));
  EXPECT_FALSE(lexed.tokens);
  ASSERT_EQ(lexed.diagnostics.get().size(), 1u);
  EXPECT_EQ(lexed.diagnostics.get()[0].message, "brackets are nested more than 200 deep");
}

TEST(LexerTest, Indentation) {
  EXPECT_EQ(errorsOf("a:\n    b\n  c\n"),
            "t.fov:3:1: error: this indentation matches no enclosing block\n  c\n^~\n");
  EXPECT_EQ(errorsOf("a:\n\tb\n"),
            "t.fov:2:1: error: indentation has a tab; indent with spaces\n\tb\n^\n");
}

TEST(LexerTest, BlocksNestedTooDeep) {
  std::string text;
  for (int i = 0; i < 300; ++i)
    text += std::string(i, ' ') + "a:\n";
  Lexed lexed(text);
  EXPECT_FALSE(lexed.tokens);
  ASSERT_EQ(lexed.diagnostics.get().size(), 1u);
  EXPECT_EQ(lexed.diagnostics.get()[0].message, "blocks are nested more than 100 deep");
}
