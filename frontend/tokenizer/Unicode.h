// Code points, their classes and normal forms. The classes are those that tokenizers mean, which
// differ in small ways from those of the libraries. utf8proc knows Unicode 15.
#ifndef FOVEA_FRONTEND_TOKENIZER_UNICODE_H
#define FOVEA_FRONTEND_TOKENIZER_UNICODE_H

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace fovea::tokenizer {

using CodePoint = char32_t;

constexpr CodePoint replacementCharacter = 0xFFFD;

/// Number of bytes from the start of `text` that are one code point, well-formed, or nothing.
std::optional<unsigned> codePointLength(llvm::StringRef text);

/// The offset of the first byte that is not UTF-8, if there is one. Surrogates, overlong forms and
/// what lies beyond U+10FFFF are not.
std::optional<size_t> findInvalidUtf8(llvm::StringRef text);

/// Takes the first code point from `text`, which is not empty and is UTF-8.
CodePoint takeCodePoint(llvm::StringRef &text);

/// The last code point of `text`, which is not empty and is UTF-8.
CodePoint lastCodePoint(llvm::StringRef text);

void appendUtf8(std::string &text, CodePoint c);
std::string toUtf8(CodePoint c);

/// "U+00E9", for messages.
std::string describeCodePoint(CodePoint c);

enum class NormalForm { NFC, NFD, NFKC, NFKD };
/// `text` is UTF-8.
std::string normalize(llvm::StringRef text, NormalForm form);

bool isWhitespace(CodePoint c);      // White_Space
bool isWordCharacter(CodePoint c);   // Alphabetic, marks, decimal digits, connectors, joiners
bool isNumber(CodePoint c);          // N*
bool isPunctuation(CodePoint c);     // P*
bool isBertPunctuation(CodePoint c); // P* and all of ASCII that is no letter, digit or space
bool isMark(CodePoint c);            // M*
bool isNonspacingMark(CodePoint c);  // Mn
bool isBertControl(CodePoint c);     // Cc, Cf, Co without tab and line ends
bool isCjkIdeograph(CodePoint c);    // the blocks that BERT writes apart

/// The full lower-case mapping of one code point, without regard to its context.
void appendLowercase(std::string &text, CodePoint c);

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_UNICODE_H
