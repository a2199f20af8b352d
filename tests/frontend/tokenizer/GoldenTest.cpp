// Each kind of tokenizer against what Hugging Face's implementation gives for the same file and
// text: Inputs/make-tokenizers.py and Inputs/make-goldens.js made both.
#include "tests/frontend/tokenizer/TokenizerTesting.h"
#include "llvm/ADT/StringExtras.h"

using namespace fovea;
using namespace fovea::testing;
using llvm::StringRef;

namespace {
class GoldenTest : public ::testing::TestWithParam<const char *> {};
} // namespace

static std::vector<TokenId> idsOf(const llvm::json::Object &golden, StringRef key) {
  std::vector<TokenId> ids;
  for (const llvm::json::Value &id : *golden.getArray(key))
    ids.push_back(static_cast<TokenId>(*id.getAsInteger()));
  return ids;
}

TEST_P(GoldenTest, GivesTheSameIdsAndText) {
  auto tokenizer = openTokenizer(GetParam());
  ASSERT_TRUE(succeeds(tokenizer));
  std::string file = readInput(std::string("goldens/") + GetParam() + ".jsonl");
  size_t count = 0;
  for (StringRef line : llvm::split(StringRef(file).trim(), '\n')) {
    llvm::json::Value value = llvm::cantFail(llvm::json::parse(line));
    const llvm::json::Object &golden = *value.getAsObject();
    std::string text = golden.getString("text")->str();
    SCOPED_TRACE("text: '" + text + "'");
    auto ids = tokenizer->encode(text), plain = tokenizer->encode(text, /*addSpecial=*/false);
    ASSERT_TRUE(succeeds(ids));
    ASSERT_TRUE(succeeds(plain));
    EXPECT_EQ(*ids, idsOf(golden, "ids"));
    EXPECT_EQ(*plain, idsOf(golden, "plain"));
    EXPECT_EQ(llvm::cantFail(tokenizer->decode(idsOf(golden, "ids"))),
              *golden.getString("decoded"));
    EXPECT_EQ(llvm::cantFail(tokenizer->decode(idsOf(golden, "ids"), /*skipSpecial=*/false)),
              *golden.getString("whole"));
    ++count;
  }
  EXPECT_GE(count, 40u);
}

INSTANTIATE_TEST_SUITE_P(Kinds, GoldenTest, ::testing::ValuesIn(tokenizerNames),
                         [](const auto &info) { return std::string(info.param); });
