#include "tests/TemporaryDirectory.h"
#include "tests/frontend/tokenizer/TokenizerTesting.h"

using namespace fovea;
using namespace fovea::testing;
using llvm::StringRef;
using Ids = std::vector<TokenId>;

static constexpr StringRef bpe =
    R"({"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]})";

/// A file with the model and further members.
static std::string fileWith(StringRef members, StringRef model = bpe) {
  return ("{\"model\": " + model + (members.empty() ? "" : ", ") + members + "}").str();
}

static llvm::Expected<Tokenizer> load(StringRef members, StringRef model = bpe) {
  return Tokenizer::fromJson(fileWith(members, model));
}

static std::string added(StringRef content, int id, StringRef flag = "") {
  std::string text = "{\"id\": " + std::to_string(id) + ", \"content\": \"" + content.str() + "\"";
  for (StringRef name : {"single_word", "lstrip", "rstrip", "normalized", "special"})
    text += (", \"" + name + "\": " + (name == flag ? "true" : "false")).str();
  return text + "}";
}

TEST(TokenizerTest, LooksUpTokens) {
  auto tokenizer = load("\"added_tokens\": [" + added("<s>", 9, "special") + "]");
  ASSERT_TRUE(succeeds(tokenizer));
  EXPECT_EQ(tokenizer->size(), 4u);
  EXPECT_EQ(tokenizer->idLimit(), 10);
  EXPECT_EQ(tokenizer->idOf("ab"), 2);
  EXPECT_EQ(tokenizer->idOf("<s>"), 9);
  EXPECT_EQ(tokenizer->idOf("c"), std::nullopt);
  EXPECT_EQ(tokenizer->tokenOf(2), "ab");
  EXPECT_EQ(tokenizer->tokenOf(5), std::nullopt);
  EXPECT_EQ(tokenizer->tokenOf(-1), std::nullopt);
  EXPECT_TRUE(tokenizer->isSpecial(9));
  EXPECT_FALSE(tokenizer->isSpecial(2) || tokenizer->isSpecial(-2147483647 - 1));
}

TEST(TokenizerTest, EncodesAndDecodes) {
  auto tokenizer = load("");
  ASSERT_TRUE(succeeds(tokenizer));
  EXPECT_EQ(llvm::cantFail(tokenizer->encode("abba")), (Ids{2, 1, 0}));
  EXPECT_EQ(llvm::cantFail(tokenizer->decode({2, 1})), "ab b");
  EXPECT_TRUE(failsWith(tokenizer->encode("ac"), "no token for 'c' (U+0063)"));
  EXPECT_TRUE(
      failsWith(tokenizer->encode("a\xC3"), "expected UTF-8, got the byte 0xC3 at offset 1"));
  EXPECT_TRUE(failsWith(tokenizer->decode({0, 3}), "cannot decode id 3, which is not in the"));
  EXPECT_TRUE(failsWith(tokenizer->decode({-1}), "cannot decode id -1"));
}

TEST(TokenizerTest, AddedTokensMatchAsTheySay) {
  auto ids = [](StringRef flag, StringRef text) {
    auto tokenizer =
        load("\"added_tokens\": [" + added("<x>", 7, flag) + "," + added("<x>a", 8) + "]",
             R"({"type": "BPE", "merges": [],
                              "vocab": {" ": 0, "a": 1, "b": 2, "<": 3, "x": 4, ">": 5}})");
    EXPECT_TRUE(succeeds(tokenizer));
    return llvm::cantFail(tokenizer->encode(text));
  };
  EXPECT_EQ(ids("", "a <x>b"), (Ids{1, 0, 7, 2}));
  EXPECT_EQ(ids("", "<x>a<x>"), (Ids{8, 7})); // the longest
  EXPECT_EQ(ids("lstrip", "a  <x> b"), (Ids{1, 7, 0, 2}));
  EXPECT_EQ(ids("rstrip", "a <x>  b"), (Ids{1, 0, 7, 2}));
  EXPECT_EQ(ids("single_word", "a<x> <x>b <x>"), (Ids{1, 3, 4, 5, 0, 3, 4, 5, 2, 0, 7}));
}

TEST(TokenizerTest, SurroundsTexts) {
  auto tokenizer = load(R"("post_processor": {"type": "Sequence", "processors": [
      {"type": "BertProcessing", "sep": ["b", 1], "cls": ["a", 0]},
      {"type": "TemplateProcessing", "single": [
          {"SpecialToken": {"id": "X", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
       "pair": [], "special_tokens": {"X": {"id": "X", "ids": [2, 0], "tokens": ["ab", "a"]}}}]})");
  ASSERT_TRUE(succeeds(tokenizer));
  EXPECT_EQ(llvm::cantFail(tokenizer->encode("ab")), (Ids{2, 0, 0, 2, 1}));
  EXPECT_EQ(llvm::cantFail(tokenizer->encode("ab", /*addSpecial=*/false)), (Ids{2}));
  EXPECT_EQ(tokenizer->prefix().vec(), (Ids{2, 0, 0}));
  EXPECT_EQ(tokenizer->suffix().vec(), (Ids{1}));
  EXPECT_EQ(tokenizer->bos(), 2);
  EXPECT_EQ(tokenizer->eos(), 1);
}

TEST(TokenizerTest, LeavesOutSpecialTokens) {
  auto tokenizer =
      load("\"added_tokens\": [" + added("<s>", 3, "special") + "," + added("<t>", 4) + "]");
  ASSERT_TRUE(succeeds(tokenizer));
  EXPECT_EQ(llvm::cantFail(tokenizer->decode({3, 0, 4})), "a <t>");
  EXPECT_EQ(llvm::cantFail(tokenizer->decode({3, 0, 4}, /*skipSpecial=*/false)), "<s> a <t>");
}

// A short file can multiply a text without end.
TEST(TokenizerTest, BoundsTheGrowthOfTexts) {
  std::string replace = R"({"type": "Replace", "pattern": {"String": "a"}, "content": ")" +
                        std::string(4096, 'a') + "\"}";
  std::string four = "[" + replace + "," + replace + "," + replace + "," + replace + "]";
  auto normalizes = load(R"("normalizer": {"type": "Sequence", "normalizers": )" + four + "}");
  ASSERT_TRUE(succeeds(normalizes));
  EXPECT_TRUE(failsWith(normalizes->encode("a"), "bytes makes it longer than 268435456"));
  auto decodes = load(R"("decoder": {"type": "Sequence", "decoders": )" + four + "}");
  ASSERT_TRUE(succeeds(decodes));
  EXPECT_TRUE(failsWith(decodes->decode({0}), "bytes makes it longer than 268435456"));
}

// What is written before a text is written before each of its segments, and before each token.
TEST(TokenizerTest, BoundsWhatIsPrepended) {
  std::string prepend =
      R"("normalizer": {"type": "Prepend", "prepend": ")" + std::string(1 << 20, 'b') + "\"}";
  // A word that is too long is unknown, which takes no time.
  auto tokenizer = load(prepend + ", \"added_tokens\": [" + added("<s>", 3) + "]",
                        R"({"type": "WordPiece", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]",
                            "continuing_subword_prefix": "##", "max_input_chars_per_word": 100})");
  ASSERT_TRUE(succeeds(tokenizer));
  std::string segments;
  for (int i = 0; i < 300; ++i)
    segments += "a<s>";
  EXPECT_TRUE(failsWith(tokenizer->encode(segments), "makes it longer than 268435456 bytes"));
  std::string tokens;
  for (int i = 0; i < 17; ++i)
    tokens += (i ? "," : "") + added("<" + std::to_string(i) + ">", 3 + i, "normalized");
  EXPECT_TRUE(failsWith(load(prepend + ", \"added_tokens\": [" + tokens + "]"),
                        "added_tokens[15]: normalizing the added tokens makes them longer than "
                        "16777216 bytes together"));
}

// Each goes over the text once more.
TEST(TokenizerTest, BoundsTheStepsOfAPart) {
  auto normalizer = [](int steps) {
    std::string list;
    for (int i = 0; i < steps; ++i)
      list += std::string(i ? "," : "") + R"({"type": "Prepend", "prepend": "a"})";
    return R"("normalizer": {"type": "Sequence", "normalizers": [)" + list + "]}";
  };
  auto most = load(normalizer(1023));
  ASSERT_TRUE(succeeds(most));
  EXPECT_EQ(llvm::cantFail(most->encode("b")).size(), 1023u); // the last with the b
  EXPECT_TRUE(failsWith(load(normalizer(1024)),
                        "tokenizer.json: normalizer: expected at most 1024 steps, got 1025"));
}

TEST(TokenizerTest, RefusesPartsByNameAndPath) {
  auto refuses = [](StringRef members, StringRef message) {
    return failsWith(load(members), message);
  };
  EXPECT_TRUE(refuses(R"("normalizer": {"type": "Precompiled"})",
                      "tokenizer.json: normalizer.type: 'Precompiled' is not supported; expected"));
  EXPECT_TRUE(refuses(R"("normalizer": {"type": "Sequence", "normalizers": [{"type": "Nmt"}]})",
                      "normalizer.normalizers[0].type: 'Nmt' is not supported"));
  EXPECT_TRUE(refuses(R"("pre_tokenizer": {"type": "UnicodeScripts"})",
                      "pre_tokenizer.type: 'UnicodeScripts' is not supported"));
  EXPECT_TRUE(refuses(R"("pre_tokenizer": {"type": "Split", "behavior": "Isolated",
                         "pattern": {"Regex": "^a"}})",
                      "pre_tokenizer.pattern.Regex: '^' in the expression '^a' is not supported"));
  EXPECT_TRUE(refuses(R"("pre_tokenizer": {"type": "Split", "behavior": "Dropped",
                         "pattern": {"String": "a"}})",
                      "pre_tokenizer.behavior: 'Dropped' is not supported; expected Removed"));
  EXPECT_TRUE(refuses(R"("pre_tokenizer": {"type": "Metaspace", "replacement": "_",
                         "prepend_scheme": "last"})",
                      "pre_tokenizer.prepend_scheme: 'last' is not supported"));
  EXPECT_TRUE(refuses(R"("post_processor": {"type": "Other"})",
                      "post_processor.type: 'Other' is not supported"));
  EXPECT_TRUE(refuses(R"("decoder": {"type": "CTC"})", "decoder.type: 'CTC' is not supported"));
  EXPECT_TRUE(refuses(R"("decoder": [])", "decoder: expected an object, got an array"));
  EXPECT_TRUE(refuses(R"("version": "2.0")", "version: '2.0' is not supported; expected 1.0"));
  EXPECT_TRUE(refuses(R"("chat_template": "")", "the member 'chat_template' is not supported"));
}

TEST(TokenizerTest, RefusesModels) {
  auto refuses = [](StringRef model, StringRef message) {
    return failsWith(load("", model), message);
  };
  EXPECT_TRUE(refuses(R"({"type": "Unigram", "vocab": [["a", -1.5]]})",
                      "model.type: 'Unigram' is not supported; expected BPE or WordPiece"));
  EXPECT_TRUE(refuses(R"({"type": "WordLevel", "vocab": {}})", "'WordLevel' is not supported"));
  EXPECT_TRUE(refuses(R"({"vocab": {}})", "model: expected a member 'type'"));
  EXPECT_TRUE(refuses(R"({"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.1})",
                      "model.dropout: dropout, which makes tokens random, is not supported"));
  EXPECT_TRUE(refuses(R"({"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []})",
                      "model.vocab: id 0 belongs to"));
  EXPECT_TRUE(refuses(R"({"type": "BPE", "vocab": {"a": -1}, "merges": []})",
                      "model.vocab.a: expected an id from 0 to"));
  EXPECT_TRUE(refuses(R"({"type": "BPE", "vocab": {"a": 2147483647}, "merges": []})",
                      "model.vocab.a: expected an id from 0 to"));
  EXPECT_TRUE(refuses(R"({"type": "BPE", "vocab": {"a": 0.5}, "merges": []})",
                      "model.vocab.a: expected an integer"));
  EXPECT_TRUE(refuses(R"({"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]})",
                      "model.merges[0]: expected two tokens with one space between them"));
  EXPECT_TRUE(refuses(R"({"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "a"]]})",
                      "model.merges[0]: 'aa' is not in the vocabulary"));
  EXPECT_TRUE(refuses(R"({"type": "BPE", "vocab": {"a": 0}, "merges": [["a"]]})",
                      "model.merges[0]: expected two tokens, got 1"));
  EXPECT_TRUE(refuses(R"({"type": "BPE", "vocab": {"a": 0}, "merges": [7]})",
                      "model.merges[0]: expected two tokens, got a number"));
  EXPECT_TRUE(refuses(R"({"type": "BPE", "vocab": {"a": 0}, "merges": [], "unk_token": "?"})",
                      "model.unk_token: '?' is not in the vocabulary"));
  EXPECT_TRUE(refuses(R"({"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "?",
                          "max_input_chars_per_word": 100})",
                      "model.unk_token: '?' is not in the vocabulary"));
}

TEST(TokenizerTest, RefusesAddedTokens) {
  auto refuses = [](const std::string &token, StringRef message) {
    return failsWith(load("\"added_tokens\": [" + token + "]"), message);
  };
  EXPECT_TRUE(
      refuses(added("ab", 5), "added_tokens[0]: 'ab' with id 5 contradicts the vocabulary"));
  EXPECT_TRUE(refuses(added("x", 2), "added_tokens[0]: 'x' with id 2 contradicts the vocabulary"));
  EXPECT_TRUE(refuses(added("x", 5) + ", 3", "added_tokens[1]: expected an object, got a number"));
  EXPECT_TRUE(refuses(R"({"id": 5})", "added_tokens[0]: expected a member 'content'"));
}

TEST(TokenizerTest, RefusesPostProcessors) {
  auto refuses = [](StringRef processor, StringRef message) {
    return failsWith(load(("\"post_processor\": " + processor).str()), message);
  };
  EXPECT_TRUE(refuses(R"({"type": "BertProcessing", "sep": ["b", 7], "cls": ["a", 0]})",
                      "post_processor.sep: 'b' does not have the id 7 in the vocabulary"));
  EXPECT_TRUE(refuses(R"({"type": "TemplateProcessing", "single": [], "pair": [],
                          "special_tokens": {}})",
                      "post_processor.single: expected sequence A once"));
  EXPECT_TRUE(refuses(R"({"type": "TemplateProcessing", "pair": [], "special_tokens": {},
                          "single": [{"Sequence": {"id": "B"}}]})",
                      "post_processor.single[0].Sequence: expected sequence A once"));
  EXPECT_TRUE(refuses(R"({"type": "TemplateProcessing", "pair": [], "special_tokens": {},
                          "single": [{"SpecialToken": {"id": "X"}}]})",
                      "post_processor.special_tokens: expected a member 'X'"));
  EXPECT_TRUE(refuses(R"({"type": "TemplateProcessing", "pair": [],
                          "special_tokens": {"X": {"ids": [9]}},
                          "single": [{"SpecialToken": {"id": "X"}}]})",
                      "special_tokens.X.ids[0]: the id 9 is not in the vocabulary"));
}

TEST(TokenizerTest, RefusesFiles) {
  EXPECT_TRUE(failsWith(Tokenizer::fromJson("{", "f.json"), "f.json:1:"));
  EXPECT_TRUE(failsWith(Tokenizer::fromJson("[]", "f.json"), "f.json: expected an object"));
  EXPECT_TRUE(failsWith(Tokenizer::fromJson("{}", "f.json"), "f.json: expected a member 'model'"));
  EXPECT_TRUE(failsWith(Tokenizer::fromJson("{\"model\": \"\xFF\"}"), "Invalid UTF-8"));
  std::string deep(1000, '[');
  EXPECT_TRUE(failsWith(Tokenizer::fromJson(deep), "nested deeper than"));
  std::string large((64 << 20) + 1, ' ');
  EXPECT_TRUE(failsWith(Tokenizer::fromJson(large), "expected at most 67108864 bytes, got"));
}

TEST(TokenizerTest, ReadsDirectories) {
  TemporaryDirectory directory;
  EXPECT_TRUE(failsWith(Tokenizer::fromDirectory(directory.path()),
                        "expected tokenizer.json, or vocab.json and merges.txt"));
  directory.write("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "Ġ": 3, "<|endoftext|>": 4})");
  EXPECT_TRUE(failsWith(Tokenizer::fromDirectory(directory.path()), "merges.txt: cannot read"));
  directory.write("merges.txt", "#version: 0.2\na b\n");
  auto gpt2 = Tokenizer::fromDirectory(directory.path());
  ASSERT_TRUE(succeeds(gpt2));
  EXPECT_EQ(llvm::cantFail(gpt2->encode("ab ab<|endoftext|>")), (Ids{2, 3, 2, 4}));
  EXPECT_EQ(llvm::cantFail(gpt2->decode({2, 3, 2, 4})), "ab ab");
  directory.write("merges.txt", "a b\r\n\r\na a\n");
  EXPECT_TRUE(failsWith(Tokenizer::fromDirectory(directory.path()),
                        "merges.txt:3: error: 'aa' is not in the vocabulary"));
  directory.write("merges.txt", "a b c\n");
  EXPECT_TRUE(failsWith(Tokenizer::fromDirectory(directory.path()),
                        "merges.txt:1: error: expected two tokens with one space between them, got "
                        "'a b c'"));
  directory.write("merges.txt", "a \xFF\n");
  EXPECT_TRUE(failsWith(Tokenizer::fromDirectory(directory.path()), "offset 2 is not UTF-8"));
  directory.write("tokenizer.json", fileWith("")); // goes before the two files
  EXPECT_EQ(llvm::cantFail(Tokenizer::fromDirectory(directory.path())).size(), 3u);
}

TEST(TokenizerTest, NamesALinkToNothing) {
  TemporaryDirectory directory;
  directory.write("vocab.json", R"({"a": 0})");
  directory.write("merges.txt", "");
  ASSERT_FALSE(llvm::sys::fs::create_link("gone", directory.path("tokenizer.json")));
  EXPECT_TRUE(failsWith(Tokenizer::fromDirectory(directory.path()),
                        "tokenizer.json: cannot read: No such file"));
}

TEST(TokenizerTest, MaySharePartsAmongCopies) {
  std::optional<TokenStream> stream;
  Ids ids;
  {
    auto tokenizer = load("");
    ASSERT_TRUE(succeeds(tokenizer));
    Tokenizer copy = *tokenizer;
    ids = llvm::cantFail(copy.encode("ab"));
    stream.emplace(copy);
  }
  EXPECT_EQ(llvm::cantFail(stream->push(ids[0])), "ab");
  EXPECT_TRUE(failsWith(stream->push(77), "cannot decode id 77"));
}
