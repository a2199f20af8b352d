// Files that are almost tokenizers: each is read or refused, and what is read encodes and decodes
// or says why not, without a crash.
#include "tests/frontend/tokenizer/TokenizerTesting.h"

using namespace fovea;
using namespace fovea::testing;

namespace {
class FuzzTest : public ::testing::TestWithParam<const char *> {};
} // namespace

static void use(const std::string &file) {
  llvm::Expected<Tokenizer> tokenizer = Tokenizer::fromJson(file);
  if (!tokenizer)
    return llvm::consumeError(tokenizer.takeError());
  auto ids = tokenizer->encode("Hello, world! 123 caf\u00E9 \u65E5\u672C \U0001F600 <s>[MASK]\n x");
  if (!ids)
    return llvm::consumeError(ids.takeError());
  EXPECT_TRUE(llvm::all_of(*ids, [&](TokenId id) { return tokenizer->tokenOf(id).has_value(); }));
  auto text = tokenizer->decode(*ids);
  if (!text)
    llvm::consumeError(text.takeError());
}

TEST_P(FuzzTest, ChangedBytes) {
  std::string file = readInput(std::string(GetParam()) + ".json");
  std::mt19937 random(4);
  for (int i = 0; i < 60; ++i) {
    std::string changed = file;
    for (size_t count = random() % 4 + 1; count > 0; --count) {
      // Most of a file is its vocabulary; what is interesting lies before that.
      size_t place = random() % (random() % 2 ? changed.size() : changed.size() / 8);
      if (random() % 3 == 0)
        changed.erase(place, random() % 8);
      else if (random() % 2)
        changed[place] = "\"{}[],:0a\\\xFF "[random() % 12];
      else
        changed.insert(place, changed.substr(random() % changed.size(), random() % 12));
    }
    use(changed);
  }
}

/// Puts another value in the place of one, anywhere in a tree.
static void change(llvm::json::Value &value, std::mt19937 &random) {
  llvm::json::Array *array = value.getAsArray();
  llvm::json::Object *object = value.getAsObject();
  size_t size = array ? array->size() : object ? object->size() : 0;
  if (size > 0 && random() % 4) {
    size_t place = random() % std::min<size_t>(size, 12);
    if (array)
      return change((*array)[place], random);
    auto member = object->begin();
    std::advance(member, place);
    return change(member->second, random);
  }
  switch (random() % 7) {
  case 0:
    value = nullptr;
    break;
  case 1:
    value = random() % 2 == 0;
    break;
  case 2:
    value = static_cast<int64_t>(random() % 600) - 4;
    break;
  case 3:
    value = int64_t(1) << (random() % 62);
    break;
  case 4:
    value = "";
    break;
  case 5:
    value = "\u2581a";
    break;
  default:
    value = llvm::json::Array{value, value};
  }
}

TEST_P(FuzzTest, ChangedValues) {
  std::string file = readInput(std::string(GetParam()) + ".json");
  llvm::json::Value root = llvm::cantFail(llvm::json::parse(file));
  std::mt19937 random(5);
  for (int i = 0; i < 60; ++i) {
    llvm::json::Value changed = root;
    for (size_t count = random() % 2 + 1; count > 0; --count)
      change(changed, random);
    std::string text;
    llvm::raw_string_ostream(text) << changed;
    use(text);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, FuzzTest, ::testing::ValuesIn(tokenizerNames),
                         [](const auto &info) { return std::string(info.param); });
