#include "frontend/Shortened.h"
#include "gtest/gtest.h"

using namespace fovea;

TEST(ShortenedTest, EndsBetweenCharacters) {
  std::string shown(60, 'x');
  EXPECT_EQ(shortened(shown), shown);
  EXPECT_EQ(shortened(shown + "x"), shown + "...");
  // No character is cut in two.
  EXPECT_EQ(shortened(shown.substr(1) + "\u00e9\u00e9"), shown.substr(1) + "...");
}
