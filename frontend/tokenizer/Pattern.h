// What a tokenizer searches for in text: a string, or a regular expression of the dialect that
// Hugging Face's files use (Oniguruma's). PCRE2 runs it after a translation that keeps the meaning
// and refuses what the two engines read differently.
#ifndef FOVEA_FRONTEND_TOKENIZER_PATTERN_H
#define FOVEA_FRONTEND_TOKENIZER_PATTERN_H

#include "frontend/tokenizer/JsonNode.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <memory>
#include <vector>

struct pcre2_real_code_8;

namespace fovea::tokenizer {

/// The largest text that is encoded, and that replacements may make of one: decomposition makes up
/// to 6 code points of a byte, and their number must fit 31 bits.
inline constexpr size_t maxTextBytes = 256 << 20;

/// Bytes from `begin` to `end` of a text.
struct Span {
  size_t begin, end;
  bool operator==(const Span &) const = default;
};

/// The expression in PCRE2's syntax; an error names the construct that is not supported.
llvm::Expected<std::string> translateRegex(llvm::StringRef expression);

class Pattern {
public:
  static llvm::Expected<Pattern> regex(llvm::StringRef expression);
  static Pattern literal(llvm::StringRef text);
  /// Reads {"String": "..."} or {"Regex": "..."}.
  static llvm::Expected<Pattern> read(const JsonNode &node);

  /// The matches in `text`, from left to right, without overlap; none for an empty literal. Fails
  /// if a match needs more steps than PCRE2 allows.
  llvm::Expected<std::vector<Span>> matches(llvm::StringRef text) const;

  /// `text` with each match replaced. Fails if it grows beyond maxTextBytes.
  llvm::Expected<std::string> replaceAll(llvm::StringRef text, llvm::StringRef by) const;

private:
  using OnMatch = llvm::function_ref<llvm::Error(Span)>;
  llvm::Error visit(llvm::StringRef text, OnMatch onMatch) const;
  llvm::Error visitRegex(llvm::StringRef text, OnMatch onMatch) const;

  std::string needle;                            // of a literal
  std::shared_ptr<const pcre2_real_code_8> code; // null for a literal
};

/// A part that puts `content` where `pattern` is found.
struct Replacement {
  Pattern pattern;
  std::string content;

  /// Reads {"type": ..., "pattern": ..., "content": "..."}.
  static llvm::Expected<Replacement> read(const JsonNode &node);
  llvm::Expected<std::string> apply(llvm::StringRef text) const {
    return pattern.replaceAll(text, content);
  }
};

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_PATTERN_H
