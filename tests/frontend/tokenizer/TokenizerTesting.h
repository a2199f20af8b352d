// The tokenizers and goldens in Inputs.
#ifndef FOVEA_TESTS_FRONTEND_TOKENIZER_TOKENIZERTESTING_H
#define FOVEA_TESTS_FRONTEND_TOKENIZER_TOKENIZERTESTING_H

#include "frontend/FileIO.h"
#include "frontend/tokenizer/Tokenizer.h"
#include "frontend/tokenizer/Unicode.h"
#include "tests/ErrorTesting.h"
#include "llvm/Support/JSON.h"
#include <random>

namespace fovea::testing {

inline const std::string tokenizerInputs = FOVEA_SOURCE_DIR "/tests/frontend/tokenizer/Inputs/";

/// The tokenizers of Inputs, one of each kind.
inline const char *const tokenizerNames[] = {
    "gpt2",  "llama3",  "qwen2",     "starcoder", "roberta",    "clip",      "llama2",
    "gemma", "mistral", "metaspace", "bert",      "bert_cased", "whitespace"};

inline std::string readInput(const std::string &name) {
  return llvm::cantFail(readFile(tokenizerInputs + name))->getBuffer().str();
}

inline llvm::Expected<Tokenizer> openTokenizer(const std::string &name) {
  return Tokenizer::fromFile(tokenizerInputs + name + ".json");
}

/// Text of scripts, spaces, marks, symbols and pieces of the vocabularies, in random order.
inline std::string randomText(std::mt19937 &random, size_t length) {
  static const std::pair<char32_t, char32_t> ranges[] = {
      {0x20, 0x7E},       {0x20, 0x7E},       {0x61, 0x7A},      {0x61, 0x7A},     {0x09, 0x0D},
      {0x00, 0xFF},       {0x100, 0x24F},     {0x300, 0x36F},    {0x400, 0x4FF},   {0x600, 0x6FF},
      {0x900, 0x97F},     {0x1100, 0x11FF},   {0x1E00, 0x1EFF},  {0x2000, 0x206F}, {0x2150, 0x218F},
      {0x2460, 0x24FF},   {0x3000, 0x30FF},   {0x4E00, 0x4FFF},  {0xAC00, 0xACFF}, {0xFB00, 0xFFEF},
      {0x1F100, 0x1F1FF}, {0x1F600, 0x1F64F}, {0x20000, 0x200FF}};
  auto below = [&](size_t limit) { return random() % limit; };
  std::string text;
  for (size_t i = 0; i < length; ++i) {
    if (below(4) == 0)
      text += ' ';
    auto [first, last] = ranges[below(std::size(ranges))];
    for (size_t run = below(4) + 1; run > 0; --run)
      tokenizer::appendUtf8(text, first + below(last - first + 1));
  }
  return text;
}

} // namespace fovea::testing

#endif // FOVEA_TESTS_FRONTEND_TOKENIZER_TOKENIZERTESTING_H
