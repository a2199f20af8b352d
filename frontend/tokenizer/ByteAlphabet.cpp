#include "frontend/tokenizer/ByteAlphabet.h"
#include <array>

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::StringRef;

static bool spellsItself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

namespace {
struct Alphabet {
  static constexpr unsigned limit = 0x100 + 68; // 68 bytes do not spell themselves
  std::array<std::string, 256> spellings;
  std::array<int, limit> bytes;

  Alphabet() {
    bytes.fill(-1);
    CodePoint next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      CodePoint c = spellsItself(byte) ? byte : next++;
      spellings[byte] = toUtf8(c);
      bytes[c] = static_cast<int>(byte);
    }
  }
};
} // namespace

static const Alphabet &alphabet() {
  static const Alphabet instance;
  return instance;
}

std::string tokenizer::spellBytes(StringRef bytes) {
  std::string text;
  text.reserve(bytes.size() + bytes.size() / 4);
  for (unsigned char byte : bytes)
    text += alphabet().spellings[byte];
  return text;
}

std::optional<std::string> tokenizer::bytesSpelledBy(StringRef text) {
  std::string bytes;
  while (!text.empty()) {
    CodePoint c = takeCodePoint(text);
    if (c >= Alphabet::limit || alphabet().bytes[c] < 0)
      return std::nullopt;
    bytes += static_cast<char>(alphabet().bytes[c]);
  }
  return bytes;
}
