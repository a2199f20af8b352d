// The stages of decoding that work on text.
#include "frontend/tokenizer/Decoder.h"
#include "frontend/tokenizer/Pattern.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Error;
using llvm::StringRef;

static std::string replaced(StringRef text, StringRef what, StringRef by) {
  // A literal pattern never fails.
  return llvm::cantFail(Pattern::literal(what).replaceAll(text, by));
}

namespace {
/// The tokens with a space between each two.
struct JoinDecoder : WholeTokenStage {
  Error token(StringRef text) override {
    return pass(std::exchange(isFirst, false) ? text.str() : " " + text.str());
  }
  Error finish() override {
    isFirst = true;
    return next->finish();
  }
  bool isFirst = true;
};

/// All tokens become one.
struct FuseDecoder : DecoderStage {
  Error fragment(StringRef text) override { return next->fragment(text); }
  Error endToken() override { return Error::success(); }
  Error finish() override {
    if (Error error = next->endToken())
      return error;
    return next->finish();
  }
};

/// Takes up to `start` times `content` from the front of each token and up to `stop` times from its
/// end, where it holds back as many as that.
struct StripDecoder : DecoderStage {
  StripDecoder(std::string content, size_t start, size_t stop)
      : content(std::move(content)), start(start), stop(stop) {}

  Error fragment(StringRef text) override {
    held += text;
    StringRef rest = held;
    while (atFront && stripped < start && rest.consume_front(content))
      ++stripped;
    if (atFront && stripped < start && StringRef(content).starts_with(rest)) { // more may follow
      held = rest.str();
      return Error::success();
    }
    atFront = false;
    size_t kept = 0;
    for (StringRef tail = rest; kept < stop && tail.consume_back(content);)
      ++kept;
    StringRef certain = rest.drop_back(kept * content.size());
    std::string tail = rest.take_back(kept * content.size()).str();
    Error error = next->fragment(certain);
    held = std::move(tail);
    return error;
  }

  Error endToken() override {
    // What is held is the content alone, or at the front a beginning of it.
    std::string rest = StringRef(held).starts_with(content) ? "" : held;
    held.clear();
    stripped = 0;
    atFront = true;
    return pass(rest);
  }
  Error finish() override { return next->finish(); }

  std::string content, held;
  size_t start, stop, stripped = 0;
  bool atFront = true;
};

struct WordPieceDecoder : WholeTokenStage {
  WordPieceDecoder(std::string prefix, bool cleanup)
      : prefix(std::move(prefix)), cleanup(cleanup) {}

  Error token(StringRef text) override {
    bool continues = !isFirst && text.consume_front(prefix);
    std::string word = (isFirst || continues ? "" : " ") + text.str();
    isFirst = false;
    return pass(cleanup ? cleaned(std::move(word)) : word);
  }
  Error finish() override {
    isFirst = true;
    return next->finish();
  }

  /// Takes back the spaces that BERT's pre-tokenizer made, within one token.
  static std::string cleaned(std::string word) {
    constexpr std::pair<StringRef, StringRef> rules[] = {
        {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (auto [what, by] : rules)
      word = replaced(word, what, by);
    return word;
  }

  std::string prefix;
  bool cleanup;
  bool isFirst = true;
};

/// The suffix that ends a word becomes a space, but not in the last token.
struct BpeDecoder : WholeTokenStage {
  explicit BpeDecoder(std::string suffix) : suffix(std::move(suffix)) {}

  Error token(StringRef text) override {
    std::optional<std::string> previous = std::exchange(last, text.str());
    return previous ? pass(replaced(*previous, suffix, " ")) : Error::success();
  }
  Error finish() override {
    if (std::optional<std::string> previous = std::exchange(last, std::nullopt))
      if (Error error = pass(replaced(*previous, suffix, "")))
        return error;
    return next->finish();
  }

  std::string suffix;
  std::optional<std::string> last;
};

struct MetaspaceDecoder : WholeTokenStage {
  MetaspaceDecoder(std::string replacement, bool dropFirst)
      : replacement(std::move(replacement)), dropFirst(dropFirst) {}

  Error token(StringRef text) override {
    bool dropped = std::exchange(isFirst, false) && dropFirst;
    return pass(replaced(text, replacement, dropped ? "" : " "));
  }
  Error finish() override {
    isFirst = true;
    return next->finish();
  }

  std::string replacement;
  bool dropFirst;
  bool isFirst = true;
};
} // namespace

std::unique_ptr<DecoderStage> tokenizer::makeJoinDecoder() {
  return std::make_unique<JoinDecoder>();
}
std::unique_ptr<DecoderStage> tokenizer::makeFuseDecoder() {
  return std::make_unique<FuseDecoder>();
}
std::unique_ptr<DecoderStage> tokenizer::makeStripDecoder(std::string content, size_t start,
                                                          size_t stop) {
  return std::make_unique<StripDecoder>(std::move(content), start, stop);
}
std::unique_ptr<DecoderStage> tokenizer::makeWordPieceDecoder(std::string prefix, bool cleanup) {
  return std::make_unique<WordPieceDecoder>(std::move(prefix), cleanup);
}
std::unique_ptr<DecoderStage> tokenizer::makeBpeDecoder(std::string suffix) {
  return std::make_unique<BpeDecoder>(std::move(suffix));
}
std::unique_ptr<DecoderStage> tokenizer::makeMetaspaceDecoder(std::string replacement,
                                                              bool dropFirst) {
  return std::make_unique<MetaspaceDecoder>(std::move(replacement), dropFirst);
}
