// Descriptions that would never end: functions that call themselves, and what grows without bound.
#include "tests/frontend/DescriptionTesting.h"

using namespace fovea;
using namespace fovea::testing;

TEST_F(ImporterTest, Recursion) {
  EXPECT_EQ(errors("def f(x: f32[B]):\n  return g(x)\ndef g(x):\n  return f(x)\n"),
            "t.fov:4:10: error: 'f' calls itself: f -> g -> f\n"
            "  return f(x)\n"
            "         ^");
  EXPECT_EQ(messages("def f(x: f32[B]):\n  return f(x)\n"), Messages{"'f' calls itself: f -> f"});
  // Through a value, which only shows when it is called.
  EXPECT_EQ(messages("def g(h, x):\n  return h(h, x)\ndef f(x: f32[B]):\n  return g(g, x)\n"),
            Messages{"'g' calls itself: g -> g"});
  // A parameter that is called as a function of the file is not that function.
  EXPECT_EQ(messages("def mask(x):\n  return x\n"
                     "def f(x: f32[B], mask: f32[B]):\n  return x * mask\n"),
            Messages{});
  EXPECT_EQ(messages("def b(x: f32[1, 2, L, 8]):\n"
                     "  return attention(x, x, x, mask=lambda b, h, i, j: b + j <= i)\n"),
            Messages{});
  EXPECT_EQ(messages("def n(x: f32[B]):\n  return [x * n for n in (1, 2)]\n"), Messages{});
  EXPECT_EQ(messages("def n(x: f32[B]):\n  return [n(x) for m in (1, 2)]\n"),
            Messages{"'n' calls itself: n -> n"});
}

// Descriptions whose expansion, or whose values, have no end that anyone would wait for.
TEST_F(ImporterTest, Explosion) {
  const Messages tooMuch{"the description takes more than 1000000 steps to expand"};
  std::string text = "def f0(x):\n  return x\n";
  for (int i = 1; i < 40; ++i)
    text += "def f" + std::to_string(i) + "(x):\n  return (f" + std::to_string(i - 1) + "(x), f" +
            std::to_string(i - 1) + "(x))[0]\n";
  EXPECT_EQ(messages(text + "def f(x: f32[B]):\n  return f39(x)\n"), tooMuch);
  EXPECT_EQ(inBody("y = [i for i in range(100000000)]"),
            Messages{"a sequence has at most 65536 elements, got 100000000"});
  const std::string many = "a = [i for i in range(32768)]\n  ";
  for (const char *expr : {"a + a", "max(a)", "sum(a)", "zip(a, a)", "enumerate(a)", "a[1:]",
                           "range(9) == a[5:]", "len(range(9999))"})
    EXPECT_EQ(inBody(many + "y = [" + expr + " for i in range(65536)]"), tooMuch) << expr;
  EXPECT_EQ(inBody(many + "for i in a:\n    for j in a:\n      pass"), tooMuch);
}

TEST_F(ImporterTest, ValuesAreBounded) {
  auto grow = [&](const std::string &start, const std::string &step) {
    return inBody("v = " + start + "\n  for i in [0 for j in range(300)]:\n    v = " + step);
  };
  EXPECT_EQ(grow("1", "[v]"), Messages{"this sequence is nested more than 100 deep"});
  EXPECT_EQ(grow("1", "[v, v]"), Messages{"this sequence has more than 16777216 elements, those of "
                                          "the sequences in it included"});
  EXPECT_EQ(grow("'a'", "v + v"), Messages{"a string has at most 4096 characters, got 8192"});
  EXPECT_EQ(grow("'a'", "f'{v}{v}'"), Messages{"a string has at most 4096 characters, got 8192"});
  EXPECT_EQ(grow("[1]", "v + v"), Messages{"a sequence has at most 65536 elements, got 131072"});
  EXPECT_EQ(grow("B", "v * v"), Messages{"size expression has a product of more than 32 sizes"});
  EXPECT_EQ(grow("B", "(v + 1) // 2 + B"),
            Messages{"size expression has a division longer than 1024 characters"});
  EXPECT_EQ(grow("x", "v[None]"), Messages{"unsqueeze: expected at most 16 dims, got 17"});
  EXPECT_EQ(messages("def f(x: f32[B]):\n  return [x for i in range(2000)]\n"),
            Messages{"an entry returns at most 1024 tensors, got 2000"});
}

// Names can be as many as the file has room for.
TEST_F(ImporterTest, ManyErrorsAreQuick) {
  std::string text;
  for (int i = 0; i < 20000; ++i)
    text += "a" + std::to_string(i) + " = u" + std::to_string(i) + "\n";
  EXPECT_EQ(messages(text).size(), 20u);
}

TEST_F(ImporterTest, DeepCallChain) {
  std::string text = "def f0(x):\n  return x\n";
  for (int i = 1; i < 1000; ++i)
    text += "def f" + std::to_string(i) + "(x):\n  return f" + std::to_string(i - 1) + "(x)\n";
  EXPECT_EQ(messages(text + "def f(x: f32[B]):\n  return f999(x)\n"),
            Messages{"calls and expressions are nested more than 400 deep here"});
}
