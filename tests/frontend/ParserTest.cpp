// Syntax trees, the parser's errors word for word, recovery, and random input.
#include "tests/frontend/DescriptionTesting.h"
#include <random>

using namespace fovea;
using namespace fovea::testing;

namespace {

/// The tree of `x = text`.
std::string tree(const std::string &text) {
  Parsed parsed("x = " + text + "\n");
  EXPECT_EQ(parsed.diagnostics.render(), "");
  return parsed.module->constants.empty() ? "" : ast::toString(parsed.module->constants[0].value);
}

std::string moduleTree(const std::string &text) {
  Parsed parsed(text);
  EXPECT_EQ(parsed.diagnostics.render(), "");
  return ast::toString(*parsed.module);
}

std::string errorsOf(const std::string &text) { return Parsed(text).diagnostics.render(); }

std::vector<std::string> messagesOf(const std::string &text) {
  return fovea::testing::messagesOf(Parsed(text).diagnostics);
}

} // namespace

TEST(ParserTest, Precedence) {
  EXPECT_EQ(tree("a + b * c ** -d ** e"), "(+ a (* b (** c (- (** d e)))))");
  EXPECT_EQ(tree("-a ** 2"), "(- (** a 2))");
  EXPECT_EQ(tree("a - b - c"), "(- (- a b) c)");
  EXPECT_EQ(tree("not a == b and c or d"), "(or (and (not (compare a == b)) c) d)");
  EXPECT_EQ(tree("a | b ^ c & d @ e"), "(| a (^ b (& c (@ d e))))");
  EXPECT_EQ(tree("a if b else c if d else e"), "(if b a (if d c e))");
}

TEST(ParserTest, Comparisons) {
  EXPECT_EQ(tree("0 <= i - j < w"), "(compare 0 <= (- i j) < w)");
  EXPECT_EQ(tree("a not in b"), "(compare a not in b)");
  EXPECT_EQ(tree("a is not None"), "(compare a is not None)");
}

TEST(ParserTest, Postfix) {
  EXPECT_EQ(tree("f(a, k=b)(c).d[..., 1:n, ::2]"),
            "([] (. (call (call f a k=b) c) d) ... (slice 1 n _) (slice _ _ 2))");
  EXPECT_EQ(tree("x.transpose(-2, -1)"), "(call (. x transpose) (- 2) (- 1))");
}

TEST(ParserTest, Lambda) {
  EXPECT_EQ(tree("lambda i, j: abs(i - j) <= w // 2"),
            "(lambda (i j) (compare (call abs (- i j)) <= (// w 2)))");
  EXPECT_EQ(tree("lambda: 1"), "(lambda () 1)");
}

TEST(ParserTest, Sequences) {
  EXPECT_EQ(tree("()"), "(tuple)");
  EXPECT_EQ(tree("(a)"), "a");
  EXPECT_EQ(tree("(a,)"), "(tuple a)");
  EXPECT_EQ(tree("1, 2"), "(tuple 1 2)");
  EXPECT_EQ(tree("[a, b,]"), "(list a b)");
  EXPECT_EQ(tree("[f(a, b) for a, b in c if a]"), "(comprehension (call f a b) (a b) c if a)");
  EXPECT_EQ(tree("sum(a for a in b)"), "(call sum (comprehension a (a) b))");
}

TEST(ParserTest, Literals) {
  EXPECT_EQ(tree("0xFF + 1_000 + 0b11"), "(+ (+ 255 1000) 3)");
  EXPECT_EQ(tree("9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(tree("(True, False, None, 0.5)"), "(tuple True False None 5.000000e-01)");
  EXPECT_EQ(tree("'a\\'b\\\\'"), "\"a'b\\\"");
}

TEST(ParserTest, FString) {
  EXPECT_EQ(tree("f'layers.{n + 1}.w'"), "(fstring \"layers.\" (+ n 1) \".w\")");
  EXPECT_EQ(tree("f'{{{a}}}{b}'"), "(fstring \"{\" a \"}\" b \"\")");
}

TEST(ParserTest, Function) {
  EXPECT_EQ(moduleTree("param H = 8\n"
                       "def f(x: f32[B, L, E], w: weight(\"a.b\")[f16][E, E // H], s: i64,\n"
                       "      t: weight[E], u=None) -> (f32[B, L], f32[...]):\n"
                       "  '''Doc.'''\n"
                       "  a, b = g(x), w\n"
                       "  for n in range(4):\n"
                       "    a += b\n"
                       "  if u is None: return a\n"
                       "  elif H > 1:\n"
                       "    pass\n"
                       "  else:\n"
                       "    assert H == 1, 'one'\n"
                       "  return y=a, b\n"),
            "param H 8\n"
            "def f\n"
            "  parameter x: f32(dims B L E)\n"
            "  parameter w: weight(\"a.b\")[f16](dims E (// E H))\n"
            "  parameter s: i64\n"
            "  parameter t: weight(dims E)\n"
            "  parameter u = None\n"
            "  result f32(dims B L)\n"
            "  result f32(dims ...)\n"
            "  do \"Doc.\"\n"
            "  unpack (a b) (tuple (call g x) w)\n"
            "  for (n) (call range 4)\n"
            "    assign (a) (+ a b)\n"
            "  if (compare u is None)\n"
            "    return a\n"
            "  else\n"
            "    if (compare H > 1)\n"
            "      pass\n"
            "    else\n"
            "      assert (compare H == 1)\n"
            "  return y=a b\n");
}

TEST(ParserTest, ConditionalFunctions) {
  EXPECT_EQ(moduleTree("if H > 1:\n"
                       "  def f(x):\n"
                       "    return x\n"
                       "  def g(x): return x\n"
                       "elif H:\n"
                       "  def f(x): return 1\n"
                       "else:\n"
                       "  def f(x): return 2\n"
                       "def h(x): return 3\n"),
            "if (compare H > 1)\ndef f\n  parameter x\n  return x\n"
            "if (compare H > 1)\ndef g\n  parameter x\n  return x\n"
            "unless (compare H > 1)\nif H\ndef f\n  parameter x\n  return 1\n"
            "unless (compare H > 1)\nunless H\ndef f\n  parameter x\n  return 2\n"
            "def h\n  parameter x\n  return 3\n");
  EXPECT_EQ(messagesOf("if H:\n  x = 1\n"),
            Messages{"expected 'def', as an 'if' at the top of a file holds functions, got 'x'"});
  EXPECT_EQ(messagesOf("if H: def f(x): return x\n"), Messages{"expected end of line, got 'def'"});
  EXPECT_EQ(messagesOf("if H:\ndef f(x): return x\n"),
            Messages{"expected an indented block, got 'def'"});
  EXPECT_EQ(messagesOf("if:\n  def f(x): return x\n"), Messages{"expected an expression, got ':'"});
  std::string many = "if a:\n  def f(x): return x\n";
  for (int i = 0; i < 200; ++i)
    many += "elif a:\n  def f(x): return x\n";
  EXPECT_EQ(messagesOf(many), Messages{"too many 'elif' in a row"});
}

TEST(ParserTest, Docstrings) {
  Parsed parsed("\"\"\"About\nthis.\"\"\"\ndef f(x):\n  'What f does.'\n  return x\n");
  EXPECT_EQ(parsed.module->docstring, "About\nthis.");
  EXPECT_EQ(parsed.module->functions[0]->docstring, "What f does.");
}

TEST(ParserTest, ExpectedAndGot) {
  EXPECT_EQ(errorsOf("x = 1 +\n"), "t.fov:1:8: error: expected an expression, got end of line\n"
                                   "x = 1 +\n"
                                   "       ^\n");
  EXPECT_EQ(errorsOf("def f(x y):\n  return x\n"),
            "t.fov:1:9: error: expected ')' or ',' after a parameter, got 'y'\n"
            "def f(x y):\n"
            "        ^\n");
  EXPECT_EQ(errorsOf("def f(x):\nreturn x\n"),
            "t.fov:2:1: error: expected an indented block, got 'return'\nreturn x\n^~~~~~\n");
}

TEST(ParserTest, EveryKindOfError) {
  EXPECT_EQ(messagesOf("x = a b\n"), Messages{"expected end of line, got 'b'"});
  EXPECT_EQ(messagesOf("x = f(k=1, 2)\n"),
            Messages{"a positional argument follows a keyword argument"});
  EXPECT_EQ(messagesOf("x = a[]\n"), Messages{"expected an index, got ']'"});
  EXPECT_EQ(messagesOf("x = a.1\n"), Messages{"expected end of line, got '.1'"});
  EXPECT_EQ(messagesOf("x = a if b\n"),
            Messages{"expected 'else' in a conditional expression, got end of line"});
  EXPECT_EQ(messagesOf("x = lambda 1: 2\n"),
            Messages{"expected a parameter's name or ':' in a lambda, got '1'"});
  EXPECT_EQ(messagesOf("x = lambda i, i: i\n"), Messages{"parameter 'i' is there twice"});
  EXPECT_EQ(messagesOf("x = [a for 1 in b]\n"),
            Messages{"expected a variable's name after 'for', got '1'"});
  EXPECT_EQ(messagesOf("param = 1\n"), Messages{"expected a name after 'param', got '='"});
  EXPECT_EQ(messagesOf("export = 1\n"), Messages{"expected a name after 'export', got '='"});
  EXPECT_EQ(messagesOf("import \"a\"\n"),
            Messages{"expected a file's name after 'import', got a string"});
  EXPECT_EQ(messagesOf("def f(x):\n  import a\n"),
            Messages{"'import' stands at the top of a file, not in a function"});
  EXPECT_EQ(messagesOf("  x = 1\n"), Messages{"unexpected indentation"});
  EXPECT_EQ(messagesOf("1 + 2\n"),
            Messages{"expected 'def', 'if', 'param', 'export', 'import' or 'NAME = value', "
                     "got '1'"});
}

TEST(ParserTest, LiteralErrors) {
  EXPECT_EQ(errorsOf("x = 9223372036854775808\n"),
            "t.fov:1:5: error: integer 9223372036854775808 does not fit in 64 bits\n"
            "x = 9223372036854775808\n"
            "    ^~~~~~~~~~~~~~~~~~~\n");
  EXPECT_EQ(messagesOf("x = 0b12\n"), Messages{"'0b12' is not a number"});
  EXPECT_EQ(messagesOf("x = 12ab\n"), Messages{"'12ab' is not a number"});
  EXPECT_EQ(messagesOf("x = 1.2.3\n"), Messages{"'1.2.3' is not a number"});
  EXPECT_EQ(messagesOf("x = 1e999\n"), Messages{"number 1e999 is too large for f64"});
  EXPECT_EQ(errorsOf("x = 'a\\q'\n"),
            "t.fov:1:7: error: unknown escape '\\q' in a string\nx = 'a\\q'\n      ^~\n");
  EXPECT_EQ(messagesOf("x = f'a{b'\n"),
            Messages{"'{' in an f-string has no partner; write it twice to mean itself"});
  EXPECT_EQ(errorsOf("x = f'a{b c}'\n"),
            "t.fov:1:11: error: expected '}' after the expression, got 'c'\n"
            "x = f'a{b c}'\n          ^\n");
}

static Messages inFunction(const std::string &statement) {
  return messagesOf("def f(x):\n  " + statement + "\n  return x\n");
}

TEST(ParserTest, StatementErrors) {
  EXPECT_EQ(inFunction("x[0] = 1"),
            Messages{"a part of a value cannot be assigned: tensors do not change"});
  EXPECT_EQ(inFunction("x + 1 = 1"), Messages{"only names can be assigned"});
  EXPECT_EQ(inFunction("a, b += 1"), Messages{"only one name can be updated at a time"});
  EXPECT_EQ(inFunction("while x: pass"),
            Messages{"'while' is not part of the language: loops are 'for' over a range or a "
                     "sequence"});
  EXPECT_EQ(inFunction("def g(): pass"),
            Messages{"a function cannot be defined inside another; use a lambda"});
  EXPECT_EQ(inFunction("param a = 1"),
            Messages{"'param' stands at the top of a file, not in a function"});
  EXPECT_EQ(inFunction("else: pass"), Messages{"'else' without an 'if' before it"});
  EXPECT_EQ(inFunction("for a b: pass"),
            Messages{"expected 'in' after the loop's variables, got 'b'"});
}

TEST(ParserTest, RecoversAtTheNextStatement) {
  EXPECT_EQ(messagesOf("param H = \n"
                       "def f(x):\n"
                       "  y = x +\n"
                       "  for n in (1, 2)\n"
                       "    y = y\n"
                       "  z = ]\n"
                       "  return y\n"
                       "def g(x:\n"
                       "  return x\n"
                       "def h(x):\n"
                       "  return x x\n"),
            (Messages{"']' closes nothing", "'(' is never closed",
                      "expected an expression, got end of line",
                      "expected an expression, got end of line", "expected ':', got end of line",
                      "expected end of line, got 'x'"}));
  // What could be read is there.
  Parsed parsed("def f(x):\n  y = (\n  return x\ndef g(x):\n  return x\n");
  EXPECT_EQ(ast::toString(*parsed.module),
            "def f\n  parameter x\n  return x\ndef g\n  parameter x\n  return x\n");
}

TEST(ParserTest, AtMostTwentyErrorsAreShown) {
  std::string text;
  for (int i = 0; i < 50; ++i)
    text += "x = 1 +\n";
  std::string rendered = errorsOf(text);
  EXPECT_NE(rendered.find("30 more errors are not shown\n"), std::string::npos);
}

// Deep nesting of every kind ends in one error, not in a stack overflow.
TEST(ParserTest, NestingIsBounded) {
  auto repeat = [](const std::string &piece, int times) {
    std::string text;
    for (int i = 0; i < times; ++i)
      text += piece;
    return text;
  };
  const std::string deep = "this expression is nested more than 200 deep";
  for (const std::string &text :
       {repeat("lambda: ", 10000) + "1", repeat("1 if 1 else ", 10000) + "1",
        repeat("not ", 10000) + "1", repeat("-", 10000) + "1", repeat("1 ** ", 10000) + "1",
        "1" + repeat(" + 1", 10000), "f" + repeat("()", 10000), "f" + repeat(".a", 10000),
        "f" + repeat("[0]", 10000), "1" + repeat(" and 1", 10000)})
    EXPECT_EQ(messagesOf("x = " + text + "\ny = \n"), Messages{deep}) << text.substr(0, 20);
  EXPECT_EQ(messagesOf("x = " + repeat("[", 10000) + "\n"),
            Messages{"brackets are nested more than 200 deep"});
  EXPECT_EQ(messagesOf("def f(x):\n" + ("  if x: " + repeat("if x: ", 10000)) + "pass\n"),
            Messages{"blocks are nested more than 200 deep"});
}

TEST(ParserTest, ParametersAreBounded) {
  std::string parameters;
  for (int i = 0; i < 5000; ++i)
    parameters += "x" + std::to_string(i) + ", ";
  EXPECT_EQ(messagesOf("def f(" + parameters + "):\n  pass\n"),
            Messages{"'f' has 5000 parameters; a function may have at most 4096"});
}

TEST(ParserTest, FileSizeIsBounded) {
  EXPECT_EQ(messagesOf(std::string(SourceFile::maxBytes + 1, '#')),
            Messages{"the file has 4194305 bytes; a description may have at most 4194304"});
}

// Any sequence of tokens, and any bytes, end in a tree or in errors.
TEST(ParserTest, RandomTokensNeverCrash) {
  static const char *const pieces[] = {
      "def ", "param ", "for ",   "in ",  "if ",   "else ", "return ", "lambda ", "not ",  "x",
      "f32",  "weight", "(",      ")",    "[",     "]",     ",",       ":",       "=",     "+",
      "-",    "**",     "...",    "1",    "2.5",   "'s'",   "f'{x}'",  "f'{'",    "\n",    "\n  ",
      "@",    "==",     "\n    ", "#c\n", "range", ".",     "->",      "elif ",   "pass ", "is "};
  std::mt19937 random(20240607);
  for (int run = 0; run < 3000; ++run) {
    std::string text;
    for (unsigned count = random() % 60; count > 0; --count)
      text += pieces[random() % std::size(pieces)];
    Parsed parsed(text);
    EXPECT_TRUE(!parsed.diagnostics.empty() || parsed.module) << text;
    ast::toString(*parsed.module);
  }
  for (int run = 0; run < 1000; ++run) {
    std::string text;
    for (unsigned count = random() % 80; count > 0; --count)
      text += static_cast<char>(random());
    Parsed(text).diagnostics.render();
  }
}
