#include "frontend/tokenizer/Unicode.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cassert>
#include <utf8proc.h>
#include <vector>

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::StringRef;

static const utf8proc_uint8_t *bytesOf(StringRef text) {
  return reinterpret_cast<const utf8proc_uint8_t *>(text.data());
}

std::optional<unsigned> tokenizer::codePointLength(StringRef text) {
  utf8proc_int32_t c;
  auto length = std::min<utf8proc_ssize_t>(text.size(), 4);
  utf8proc_ssize_t taken = utf8proc_iterate(bytesOf(text), length, &c);
  if (taken <= 0)
    return std::nullopt;
  return static_cast<unsigned>(taken);
}

std::optional<size_t> tokenizer::findInvalidUtf8(StringRef text) {
  for (size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    std::optional<unsigned> length = codePointLength(text.drop_front(i));
    if (!length)
      return i;
    i += *length;
  }
  return std::nullopt;
}

CodePoint tokenizer::takeCodePoint(StringRef &text) {
  assert(!text.empty());
  utf8proc_int32_t c = replacementCharacter;
  auto length = std::min<utf8proc_ssize_t>(text.size(), 4);
  utf8proc_ssize_t taken = utf8proc_iterate(bytesOf(text), length, &c);
  assert(taken > 0 && "text is checked when it comes in");
  text = text.drop_front(taken > 0 ? taken : 1);
  return static_cast<CodePoint>(c);
}

CodePoint tokenizer::lastCodePoint(StringRef text) {
  size_t begin = text.size() - 1;
  while (begin > 0 && (text[begin] & 0xC0) == 0x80)
    --begin;
  StringRef last = text.drop_front(begin);
  return takeCodePoint(last);
}

void tokenizer::appendUtf8(std::string &text, CodePoint c) {
  utf8proc_uint8_t bytes[4];
  utf8proc_ssize_t length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
  text.append(reinterpret_cast<const char *>(bytes), length);
}

std::string tokenizer::toUtf8(CodePoint c) {
  std::string text;
  appendUtf8(text, c);
  return text;
}

std::string tokenizer::describeCodePoint(CodePoint c) {
  return llvm::formatv("U+{0:X-4}", static_cast<uint32_t>(c)).str();
}

static int combiningClass(utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; }

/// Appends the full decomposition of `c`.
static void decompose(CodePoint c, utf8proc_option_t options,
                      std::vector<utf8proc_int32_t> &result) {
  utf8proc_int32_t parts[32]; // the longest one has 18
  int lastBoundClass = 0;
  utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts, 32,
                                                   options, &lastBoundClass);
  if (count < 0 || count > 32) // not assigned
    result.push_back(static_cast<utf8proc_int32_t>(c));
  else
    result.insert(result.end(), parts, parts + count);
}

/// Sorts each run of marks by their classes. utf8proc_decompose would take quadratic time for it.
static void orderMarks(std::vector<utf8proc_int32_t> &codePoints) {
  auto isStarter = [](utf8proc_int32_t c) { return combiningClass(c) == 0; };
  for (auto it = codePoints.begin(); it != codePoints.end();) {
    auto begin = std::find_if_not(it, codePoints.end(), isStarter);
    it = std::find_if(begin, codePoints.end(), isStarter);
    llvm::SmallVector<std::tuple<int, size_t, utf8proc_int32_t>> marks; // order within a class
    for (auto mark = begin; mark != it; ++mark)
      marks.emplace_back(combiningClass(*mark), marks.size(), *mark);
    llvm::sort(marks);
    for (auto [position, mark] : llvm::enumerate(marks))
      begin[position] = std::get<2>(mark);
  }
}

std::string tokenizer::normalize(StringRef text, NormalForm form) {
  auto isAscii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (llvm::all_of(text, isAscii))
    return text.str();
  bool compatible = form == NormalForm::NFKC || form == NormalForm::NFKD;
  bool composed = form == NormalForm::NFC || form == NormalForm::NFKC;
  auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
                                                (compatible ? UTF8PROC_COMPAT : 0));
  std::vector<utf8proc_int32_t> codePoints;
  codePoints.reserve(text.size());
  while (!text.empty())
    decompose(takeCodePoint(text), options, codePoints);
  orderMarks(codePoints);
  if (composed)
    codePoints.resize(utf8proc_normalize_utf32(
        codePoints.data(), codePoints.size(),
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE)));
  std::string result;
  for (utf8proc_int32_t c : codePoints)
    appendUtf8(result, static_cast<CodePoint>(c));
  return result;
}

static utf8proc_category_t categoryOf(CodePoint c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool tokenizer::isWhitespace(CodePoint c) {
  switch (c) {
  case 0x20:
  case 0x85:
  case 0xA0:
  case 0x1680:
  case 0x2028:
  case 0x2029:
  case 0x202F:
  case 0x205F:
  case 0x3000:
    return true;
  default:
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x2000 && c <= 0x200A);
  }
}

bool tokenizer::isWordCharacter(CodePoint c) {
  switch (categoryOf(c)) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_PC:
    return true;
  default:
    // Joiners, and the symbols that are alphabetic: circled and squared letters.
    return c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) ||
           (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
           (c >= 0x1F170 && c <= 0x1F189);
  }
}

bool tokenizer::isNumber(CodePoint c) {
  utf8proc_category_t category = categoryOf(c);
  return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

bool tokenizer::isPunctuation(CodePoint c) {
  utf8proc_category_t category = categoryOf(c);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool tokenizer::isBertPunctuation(CodePoint c) {
  if (c < 0x80)
    return c > 0x20 && c < 0x7F && !llvm::isAlnum(static_cast<char>(c));
  return isPunctuation(c);
}

bool tokenizer::isMark(CodePoint c) {
  utf8proc_category_t category = categoryOf(c);
  return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
}

bool tokenizer::isNonspacingMark(CodePoint c) { return categoryOf(c) == UTF8PROC_CATEGORY_MN; }

bool tokenizer::isBertControl(CodePoint c) {
  if (c == '\t' || c == '\n' || c == '\r')
    return false;
  utf8proc_category_t category = categoryOf(c);
  return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
         category == UTF8PROC_CATEGORY_CO;
}

bool tokenizer::isCjkIdeograph(CodePoint c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

void tokenizer::appendLowercase(std::string &text, CodePoint c) {
  appendUtf8(text, utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
  if (c == 0x130) // the only one whose lower case is two code points: i and a dot above
    appendUtf8(text, 0x307);
}
