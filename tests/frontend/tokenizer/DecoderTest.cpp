#include "frontend/tokenizer/Decoder.h"
#include "frontend/Json.h"
#include "tests/ErrorTesting.h"

using namespace fovea;
using namespace fovea::testing;
using namespace fovea::tokenizer;
using llvm::StringRef;

static llvm::Expected<DecoderPlan> planOf(StringRef json) {
  auto value = parseJson(json, "t.json");
  if (!value)
    return value.takeError();
  return readDecoder(JsonNode(*value, "t.json", "decoder"));
}

/// The pieces of text after each token and at the end, with '|' between them.
static std::string pieces(StringRef json, llvm::ArrayRef<StringRef> tokens) {
  auto plan = planOf(json);
  EXPECT_TRUE(succeeds(plan));
  if (!plan)
    return "";
  DecoderChain chain(*plan);
  std::string all;
  for (StringRef token : tokens) {
    EXPECT_TRUE(succeeds(chain.push(token)));
    all += chain.take() + "|";
  }
  EXPECT_TRUE(succeeds(chain.finish()));
  return all + chain.take();
}

static constexpr StringRef byteLevel = R"({"type": "ByteLevel"})";
static constexpr StringRef byteFallback = R"({"type": "ByteFallback"})";

TEST(DecoderTest, ByteLevelHoldsBackWhatIsIncomplete) {
  EXPECT_EQ(pieces(byteLevel, {"a", "Ã", "©", "Ġb"}), "a||\u00E9| b|");
  EXPECT_EQ(pieces(byteLevel, {"ð", "Ł", "ĺ", "Ģ"}), "|||\U0001F600|");
  EXPECT_EQ(pieces(byteLevel, {"ð", "Ł", "a"}), "||\uFFFDa|");
  EXPECT_EQ(pieces(byteLevel, {"ð", "Ł"}), "||\uFFFD");
}

/// As Unicode recommends: one U+FFFD for each longest beginning of a character.
TEST(DecoderTest, ByteLevelReplacesWhatIsNoCharacter) {
  EXPECT_EQ(pieces(byteLevel, {"ÿ"}), "\uFFFD|");               // FF
  EXPECT_EQ(pieces(byteLevel, {"ÀĢ"}), "\uFFFD\uFFFD|");        // C0 80
  EXPECT_EQ(pieces(byteLevel, {"àĢ"}), "\uFFFD\uFFFD|");        // E0 80
  EXPECT_EQ(pieces(byteLevel, {"íłĢ"}), "\uFFFD\uFFFD\uFFFD|"); // ED A0 80, a surrogate
  EXPECT_EQ(pieces(byteLevel, {"ôĲ"}), "\uFFFD\uFFFD|");        // F4 90
  EXPECT_EQ(pieces(byteLevel, {"ðŁĺa"}), "\uFFFDa|");           // F0 9F 98, cut off
  EXPECT_EQ(pieces(byteLevel, {"<s> x"}), "<s> x|");            // not spelled in the alphabet
}

TEST(DecoderTest, ByteFallbackHoldsBackRunsOfBytes) {
  EXPECT_EQ(pieces(byteFallback, {"a", "<0xC3>", "<0xA9>", "b"}), "a|||\u00E9b|");
  EXPECT_EQ(pieces(byteFallback, {"<0x41>", "<0xFF>", "b"}), "||\uFFFD\uFFFDb|");
  EXPECT_EQ(pieces(byteFallback, {"<0x4>", "<0x4G>", "<0x041>"}), "<0x4>|<0x4G>|<0x041>|");
}

TEST(DecoderTest, StripTakesFromBothEnds) {
  auto fusedStrip = [](int start, int stop) {
    return R"({"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "Strip", "content": "_",
              "start": )" +
           std::to_string(start) + ", \"stop\": " + std::to_string(stop) + "}]}";
  };
  EXPECT_EQ(pieces(fusedStrip(1, 0), {"_a", "_b"}), "a|_b|");
  EXPECT_EQ(pieces(fusedStrip(2, 0), {"_", "_", "_", "a"}), "||_|a|");
  EXPECT_EQ(pieces(fusedStrip(0, 1), {"a_", "b_", "_"}), "a|_b|_|");
  EXPECT_EQ(pieces(fusedStrip(0, 2), {"a_", "__"}), "a|_|");
  EXPECT_EQ(pieces(R"({"type": "Strip", "content": "_", "start": 1, "stop": 1})", {"_a_", "__b"}),
            "a|_b|");
}

TEST(DecoderTest, WordsAreJoined) {
  EXPECT_EQ(pieces("null", {"a", "b"}), "a| b|");
  EXPECT_EQ(pieces(R"({"type": "WordPiece", "prefix": "##", "cleanup": true})",
                   {"##do", "##n", "'", ".", "x"}),
            "##do|n| '|.| x|");
  EXPECT_EQ(pieces(R"({"type": "WordPiece", "prefix": "##", "cleanup": false})", {"a", "."}),
            "a| .|");
  EXPECT_EQ(pieces(R"({"type": "BPEDecoder", "suffix": "</w>"})", {"a</w>", "b</w>"}), "|a |b");
  EXPECT_EQ(pieces(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"})",
                   {"▁a", "▁b"}),
            "a| b|");
  EXPECT_EQ(pieces(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"})",
                   {"▁a", "▁b"}),
            " a| b|");
}

TEST(DecoderTest, RejectsByPath) {
  EXPECT_TRUE(failsWith(planOf(R"({"type": "CTC"})"),
                        "t.json: decoder.type: 'CTC' is not supported; expected Sequence, "));
  EXPECT_TRUE(
      failsWith(planOf(R"({"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": 1}]})"),
                "t.json: decoder.decoders[1].type: expected a string, got a number"));
  EXPECT_TRUE(failsWith(planOf(R"({"type": "Fuse", "extra": 1})"),
                        "t.json: decoder: the member 'extra' is not supported"));
  EXPECT_TRUE(failsWith(planOf(R"({"type": "Strip", "content": "ab", "start": 1, "stop": 0})"),
                        "decoder.content: expected one code point"));
  EXPECT_TRUE(failsWith(planOf(R"({"type": "Strip", "content": "a", "start": -1, "stop": 0})"),
                        "decoder.start: expected 0 or more, got -1"));
  EXPECT_TRUE(failsWith(planOf(R"({"type": "WordPiece", "prefix": "##"})"),
                        "decoder: expected a member 'cleanup'"));
}
