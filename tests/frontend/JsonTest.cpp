#include "frontend/Json.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"

using namespace fovea;
using namespace fovea::testing;

static llvm::Expected<llvm::json::Value> parse(llvm::StringRef text) {
  return parseJson(text, "f.json");
}

TEST(JsonTest, ParsesValues) {
  llvm::json::Value value = llvm::cantFail(parse("{\"a\": [1, {\"a\": \"x:}\"}], \"b\": null}"));
  EXPECT_EQ(value.getAsObject()->getArray("a")->size(), 2u);
}

TEST(JsonTest, ErrorsHaveAPlace) {
  EXPECT_TRUE(failsWith(parse("{\n  \"a\": tru }"), "f.json:2:"));
  EXPECT_TRUE(failsWith(parse(""), "f.json:1:"));
  EXPECT_TRUE(failsWith(parse("{} x"), "f.json:1:"));
  EXPECT_TRUE(failsWith(parse("\"\\"), "f.json:1:"));
}

TEST(JsonTest, RejectsDuplicateKeys) {
  EXPECT_TRUE(failsWith(parse("{\"a\": 1,\n \"a\": 2}"), "f.json:2:2: error: duplicate key 'a'"));
  EXPECT_TRUE(failsWith(parse("{\"ab\": 1, \"\\u0061b\" : 2}"), "duplicate key 'ab'"));
  EXPECT_TRUE(failsWith(parse("[{\"x\": {\"y\": 1, \"y\": 1}}]"), "duplicate key 'y'"));
  auto siblings = parse("[{\"x\": 1}, {\"x\": \"x\"}]");
  EXPECT_TRUE(succeeds(siblings));
}

TEST(JsonTest, BoundsNesting) {
  auto nested = [](size_t depth, char open, char close) {
    return std::string(depth, open) + std::string(depth, close);
  };
  auto deepest = parse(nested(maxJsonDepth, '[', ']'));
  EXPECT_TRUE(succeeds(deepest));
  EXPECT_TRUE(failsWith(parse(nested(maxJsonDepth + 1, '[', ']')), "nested deeper than 128"));
  EXPECT_TRUE(failsWith(parse(nested(1000000, '{', '}')), "nested deeper than 128"));
  auto brackets = parse("\"" + nested(1000, '[', ']') + "\""); // in a string they nest nothing
  EXPECT_TRUE(succeeds(brackets));
}

TEST(JsonTest, ReadsObjectsFromFiles) {
  TemporaryDirectory dir;
  EXPECT_EQ(llvm::cantFail(readJsonObject(dir.write("a", "{\"k\": 1}"))).getInteger("k"), 1);
  EXPECT_TRUE(
      failsWith(readJsonObject(dir.write("b", "[1]")), "expected a JSON object, got an array"));
  EXPECT_TRUE(failsWith(readJsonObject(dir.path("none")), "cannot read: No such file"));
  EXPECT_TRUE(failsWith(readJsonObject(dir.path()), "expected a regular file, got a directory"));
  EXPECT_TRUE(failsWith(readJsonObject("/dev/zero"), "got a special file"));
}
