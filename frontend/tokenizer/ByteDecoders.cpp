// The stages of decoding that put characters together from bytes.
#include "frontend/tokenizer/ByteAlphabet.h"
#include "frontend/tokenizer/Decoder.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Error;
using llvm::StringRef;

static constexpr StringRef replacement = "\xEF\xBF\xBD"; // U+FFFD

/// True if `text` begins a code point of which bytes are missing.
static bool isIncomplete(StringRef text) {
  // The smallest and the largest completion of up to three bytes: one of them is well-formed if
  // any is, since only the second byte is bounded by more than 80 to BF.
  for (StringRef filler : {"\x80\x80\x80", "\xBF\xBF\xBF"})
    for (size_t count = 1; text.size() + count <= 4; ++count)
      if (codePointLength(text.str() + filler.take_front(count).str()) == text.size() + count)
        return true;
  return false;
}

/// Takes from `bytes` what is certain as text, each maximal run of bytes that begins no code point
/// or breaks one off as one U+FFFD. Keeps an incomplete code point at the end unless `atEnd`.
static std::string takeText(std::string &bytes, bool atEnd) {
  std::string text;
  StringRef rest = bytes;
  while (!rest.empty()) {
    if (std::optional<unsigned> length = codePointLength(rest)) {
      text += rest.take_front(*length);
      rest = rest.drop_front(*length);
      continue;
    }
    size_t broken = 1;
    while (broken < std::min<size_t>(rest.size(), 3) && isIncomplete(rest.take_front(broken + 1)))
      ++broken;
    if (!atEnd && broken == rest.size() && isIncomplete(rest))
      break;
    text += replacement;
    rest = rest.drop_front(broken);
  }
  bytes = rest.str();
  return text;
}

namespace {
/// All tokens become one text. A token that is not spelled in the alphabet stands for itself.
struct ByteLevelDecoder : WholeTokenStage {
  Error token(StringRef text) override {
    std::optional<std::string> spelled = bytesSpelledBy(text);
    bytes += spelled ? *spelled : text.str();
    return next->fragment(takeText(bytes, /*atEnd=*/false));
  }
  Error finish() override {
    if (Error error = pass(takeText(bytes, /*atEnd=*/true)))
      return error;
    return next->finish();
  }
  std::string bytes;
};

/// A run of tokens <0xHH> becomes the text of its bytes, or one U+FFFD a byte if they are not
/// UTF-8. So nothing of a run is certain before it ends.
struct ByteFallbackDecoder : WholeTokenStage {
  Error token(StringRef text) override {
    uint8_t byte;
    StringRef digits = text;
    if (digits.consume_front("<0x") && digits.consume_back(">") && digits.size() == 2 &&
        !digits.getAsInteger(16, byte)) {
      bytes += static_cast<char>(byte);
      return Error::success();
    }
    if (Error error = flush())
      return error;
    return pass(text);
  }
  Error finish() override {
    if (Error error = flush())
      return error;
    return next->finish();
  }

  Error flush() {
    std::string run = std::exchange(bytes, {});
    if (run.empty())
      return Error::success();
    if (!findInvalidUtf8(run))
      return pass(run);
    for (size_t i = 0; i < run.size(); ++i)
      if (Error error = pass(replacement))
        return error;
    return Error::success();
  }

  std::string bytes;
};
} // namespace

std::unique_ptr<DecoderStage> tokenizer::makeByteLevelDecoder() {
  return std::make_unique<ByteLevelDecoder>();
}
std::unique_ptr<DecoderStage> tokenizer::makeByteFallbackDecoder() {
  return std::make_unique<ByteFallbackDecoder>();
}
