// Random programs: whatever they say, they end in a module or in errors.
#include "tests/frontend/DescriptionTesting.h"
#include <random>

using namespace fovea;
using namespace fovea::testing;

namespace {

/// Expressions that parse, of random operators, names and builtins.
class ExpressionMaker {
public:
  explicit ExpressionMaker(unsigned seed) : random(seed) {}

  std::string make(int depth) {
    static const char *const leaves[] = {"x",  "w",   "n",    "B",    "8",      "0",
                                         "-1", "2.5", "True", "None", "'a'",    "(1, 2)",
                                         "[]", "f32", "inf",  "k",    "unknown"};
    static const char *const operators[] = {"+", "-", "*", "/",  "//", "%",  "**",  "@", "&",
                                            "|", "^", "<", "==", "in", "is", "and", "or"};
    static const char *const callees[] = {
        "softmax", "linear",      "attention", "matmul",      "x.reshape",   "x.transpose",
        "x.sum",   "cat",         "stack",     "unfold",      "pad",         "where",
        "range",   "len",         "max",       "arange",      "zeros",       "tensor",
        "chunk",   "split_heads", "rope",      "embedding",   "masked_fill", "tril",
        "x.to",    "float",       "weight",    "create_mask", "dropout",     "sample",
        "einsum",  "helper",      "update",    "zip"};
    if (depth == 0)
      return pick(leaves);
    switch (random() % 8) {
    case 0:
      return "(" + make(depth - 1) + " if " + make(depth - 1) + " else " + make(depth - 1) + ")";
    case 1:
      return "[" + make(depth - 1) + " for k in " + make(depth - 1) + "]";
    case 2:
      return make(depth - 1) + "[" + make(depth - 1) + (random() % 2 ? ":" : "") + "]";
    case 3:
      return "(lambda i, j: " + make(depth - 1) + ")";
    case 4:
    case 5: {
      std::string call = std::string(pick(callees)) + "(" + make(depth - 1);
      for (unsigned more = random() % 3; more > 0; --more)
        call += ", " + make(depth - 1);
      return call + ")";
    }
    default:
      return "(" + make(depth - 1) + " " + pick(operators) + " " + make(depth - 1) + ")";
    }
  }

private:
  template <size_t N>
  const char *pick(const char *const (&choices)[N]) {
    return choices[random() % N];
  }

  std::mt19937 random;
};

} // namespace

TEST_F(ImporterTest, RandomProgramsNeverCrash) {
  size_t imported = 0;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    ExpressionMaker maker(seed);
    std::string text = "def helper(a, b=2):\n  return a\n"
                       "def f(x: f32[B, 6, 8], w: weight[8, 8], n: i64):\n";
    text += "  k = 1\n  y = " + maker.make(1 + seed % 4) + "\n";
    if (seed % 3 == 0)
      text += "  for k in range(3):\n    x = " + maker.make(2) + "\n";
    text += "  return x, y\n";
    auto module = import(text);
    imported += static_cast<bool>(module);
    if (!module)
      EXPECT_FALSE(llvm::toString(module.takeError()).empty()) << text;
  }
  EXPECT_GT(imported, 0u);
}
