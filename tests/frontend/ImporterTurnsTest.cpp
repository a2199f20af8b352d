// Which tensors weights called by a loop's index stand for: those of the turns that get there.
#include "tests/frontend/DescriptionTesting.h"

using namespace fovea;
using namespace fovea::testing;

static std::string loop(llvm::StringRef body, llvm::StringRef range = "6") {
  std::string text = "kinds = [0, 1, 1, 0, 1, 0]\n"
                     "def f(x: f32[L, 4], t: i64):\n  for n in range(" +
                     range.str() + "):\n    m = n * 2\n";
  llvm::SmallVector<llvm::StringRef> lines;
  body.split(lines, '\n');
  for (llvm::StringRef line : lines)
    text += "    " + line.str() + "\n";
  return text + "  return x\n";
}

/// The indices of the weight, without names of values.
static std::string reached(llvm::StringRef ir, llvm::StringRef name) {
  size_t begin = ir.find(("attn.weight \"" + name + "\"[").str());
  if (begin == llvm::StringRef::npos)
    return ir.contains("func.func") ? "none" : ir.str();
  llvm::StringRef indices = ir.substr(begin).split('[').second.split("] :").first;
  std::string text;
  for (llvm::StringRef rest = indices; !rest.empty();) {
    auto [before, after] = rest.split('%');
    text += before;
    rest = after.drop_while([](char c) { return c != ' '; });
  }
  return text;
}

TEST_F(ImporterTest, ChoicesByAnIndexDecideWhichWeightsThereAre) {
  for (auto [condition, then, otherwise] :
       {std::tuple("n < 2", " of 6 in [0:2]", " of 6 in [2:6]"),
        {"2 <= n", " of 6 in [2:6]", " of 6 in [0:2]"},
        {"1 < n < 4", " of 6 in [2:4]", " of 6 in [0:2, 4:6]"},
        {"n % 2 == 1", " of 6 in [1:2, 3:4, 5:6]", " of 6 in [0:1, 2:3, 4:5]"},
        {"n in (1, 2, 5)", " of 6 in [1:3, 5:6]", " of 6 in [0:1, 3:5]"},
        {"n not in (1, 2, 5)", " of 6 in [0:1, 3:5]", " of 6 in [1:3, 5:6]"},
        {"n in [i for i in range(6) if kinds[i] == 1] and n < 4", " of 6 in [1:3]",
         " of 6 in [0:1, 3:6]"},
        {"n == 0 or not n != 5", " of 6 in [0:1, 5:6]", " of 6 in [1:5]"},
        {"m // 4 == 1", " of 6 in [2:4]", " of 6 in [0:2, 4:6]"},
        {"max(n, 3) - 3 > 0", " of 6 in [4:6]", " of 6 in [0:4]"},
        // Of all turns, of none.
        {"n >= 0", " of 6", "none"},
        {"n > 5", "none", " of 6"},
        // What is not known of it.
        {"n < t", " of 6", " of 6"},
        {"n / 2 < 1", " of 6", " of 6"}}) {
    std::string text = ir(loop("if " + std::string(condition) +
                               ":\n  x = linear(x, weight(f\"a.{n}\")[4, 4])\n"
                               "else:\n  x = linear(x, weight(f\"b.{n}\")[4, 4])"));
    EXPECT_EQ(reached(text, "a.{}"), then) << condition;
    EXPECT_EQ(reached(text, "b.{}"), otherwise) << condition;
  }
}

TEST_F(ImporterTest, PartsThatNoTurnTakesAreForgotten) {
  std::string text = ir(loop("if n > 7:\n  x = x * weight(f\"a.{n}\")[4]\nelse:\n  x = x + 1"));
  EXPECT_FALSE(llvm::StringRef(text).contains("attn.weight")) << text;
  EXPECT_EQ(llvm::StringRef(text).count("scf.for"), 2u) << text;
}

TEST_F(ImporterTest, ChoicesWithinChoicesNarrowFurther) {
  std::string text = ir(loop("if n > 0:\n"
                             "  if n % 2 == 0:\n    x = x * weight(f\"a.{n}\")[4]\n"
                             "  x = x * weight(f\"b.{m + 1}\")[4]\n"
                             "x = x * weight(f\"c.{n}\")[4]"));
  EXPECT_EQ(reached(text, "a.{}"), " of 6 in [2:3, 4:5]");
  EXPECT_EQ(reached(text, "b.{}"), " of 12 in [3:4, 5:6, 7:8, 9:10, 11:12]");
  EXPECT_EQ(reached(text, "c.{}"), " of 6");
}

// As an argument it is the same index.
TEST_F(ImporterTest, FunctionsChooseByTheIndexOfTheirCaller) {
  std::string text =
      ir("def _layer(x, i):\n  if i < 3:\n    x = x * weight(f\"a.{i}\")[4]\n  return x\n" +
         loop("x = _layer(x, n)", "1, 6"));
  EXPECT_EQ(reached(text, "a.{}"), " of 6 in [1:3]");
}

TEST_F(ImporterTest, EachLoopHasTurnsOfItsOwn) {
  std::string text = ir(loop("if n > 3:\n"
                             "  for e in range(4):\n"
                             "    if e != 2:\n"
                             "      x = x * weight(f\"a.{n}.{e}\")[4]\n"
                             "    if e < n:\n"
                             "      x = x * weight(f\"b.{n}.{e}\")[4]\n"
                             "    x = x * weight(f\"c.{n * 4 + e}\")[4]"));
  EXPECT_EQ(reached(text, "a.{}.{}"), " of 6 in [4:6],  of 4 in [0:2, 3:4]");
  EXPECT_EQ(reached(text, "b.{}.{}"), " of 6 in [4:6],  of 4");
  EXPECT_EQ(reached(text, "c.{}"), " of 24");
}

TEST_F(ImporterTest, NumbersBelowZeroAreErrorsInAllTurns) {
  EXPECT_EQ(messages(loop("if n > 0:\n  x = x * weight(f\"a.{n - 1}\")[4]")),
            Messages{"expected a number that is at least 0 in a string at run time, got one from "
                     "-1 to 4"});
}

// The first layer that has the tensor says of which type it is.
TEST_F(ImporterTest, WeightsOfSomeLayersHaveTheTypeOfTheFile) {
  auto weights = std::make_shared<InMemoryWeights>();
  llvm::cantFail(weights->add("w.3", llvm::cantFail(Tensor::create(DataType::BF16, {4, 4}))));
  options.weights = weights;
  std::string text = ir(loop("if n == 3:\n  x = linear(x, weight(f\"w.{n}\")[4, 4])"));
  EXPECT_TRUE(llvm::StringRef(text).contains("of 6 in [3:4]] : tensor<4x4xbf16>")) << text;
}
