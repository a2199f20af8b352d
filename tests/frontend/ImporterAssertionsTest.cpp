// What is known of sizes at import, and what an assertion of them asks of each run.
#include "tests/frontend/DescriptionTesting.h"

using namespace fovea;
using namespace fovea::testing;

static std::string withSizes(llvm::StringRef statements) {
  return "def f(x: f32[L, E]):\n" + statements.str() + "  return x\n";
}

TEST_F(ImporterTest, WhatIsTrueOfAllSizesIsKnown) {
  for (const char *condition :
       {"L > 0", "L >= 1", "1 <= L", "E != 0", "0 < L * E", "L + E > 1", "L * E >= L",
        "L // 2 >= 0", "not L == 0", "L < L + 1", "0 <= L < E + L"})
    EXPECT_EQ(errors(withSizes(std::string("  assert ") + condition + "\n")), "") << condition;
  EXPECT_EQ(errors(withSizes("  if L > 0:\n    x = x + 1\n  else:\n    x = unknown\n")), "");
  EXPECT_EQ(messages(withSizes("  assert L < 1\n")), Messages{"assertion failed"});
  EXPECT_EQ(messages(withSizes("  assert L == L + 1, 'never'\n")),
            Messages{"assertion failed: never"});
}

// Inputs may have no elements.
TEST_F(ImporterTest, WhatNeedsElementsIsCheckedInEachRun) {
  EXPECT_TRUE(llvm::StringRef(ir(withSizes("  assert L > 0\n"))).contains("text = \"1 <= L\""));
  EXPECT_FALSE(llvm::StringRef(ir(withSizes("  assert L >= 0\n"))).contains("attn.requires"));
}

TEST_F(ImporterTest, AssertionsOfSizesAreConditions) {
  std::string text = ir(withSizes("  assert E % 4 == 0 and L <= 8, 'fours'\n"));
  EXPECT_TRUE(llvm::StringRef(text).contains("text = \"E % 4 == 0 (fours)\"")) << text;
  EXPECT_TRUE(llvm::StringRef(text).contains("text = \"L <= 8 (fours)\"")) << text;
  EXPECT_TRUE(llvm::StringRef(text).contains("place = \"t.fov:2:10\"")) << text;
}

TEST_F(ImporterTest, ConditionsThatSizesDecideOnlyAtRunTime) {
  EXPECT_EQ(messages(withSizes("  if L > 4:\n    x = x + 1\n")),
            Messages{"whether the size L > the integer 4 is not known at compile time"});
  EXPECT_EQ(messages(withSizes("  assert L != 4\n")),
            Messages{"whether the size L != the integer 4 is not known at compile time"});
  EXPECT_EQ(messages(withSizes("  assert L > 4 or E > 4\n")),
            Messages{"whether the size L > the integer 4 is not known at compile time"});
  EXPECT_EQ(messages(withSizes("  assert L > 4.5\n")),
            Messages{"'>' does not apply to the size L and the number 4.5"});
}
