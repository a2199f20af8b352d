// Pre-tokenizers that cut where the class of a code point says so.
#include "frontend/tokenizer/PreTokenizer.h"
#include "frontend/tokenizer/Unicode.h"
#include "llvm/ADT/STLFunctionalExtras.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;
using PreTokenizerOr = Expected<std::unique_ptr<PreTokenizer>>;
using Class = llvm::function_ref<bool(CodePoint)>;

/// Each code point of the class, on its own.
static std::vector<Span> findEach(StringRef text, Class isMember) {
  std::vector<Span> found;
  size_t begin = 0;
  for (StringRef rest = text; !rest.empty();) {
    bool member = isMember(takeCodePoint(rest));
    size_t end = text.size() - rest.size();
    if (member)
      found.push_back({begin, end});
    begin = end;
  }
  return found;
}

namespace {
/// Words, and what is neither word nor space.
struct Whitespace : PreTokenizer {
  llvm::Error cut(const Piece &piece, std::vector<Piece> &result) const override {
    enum Kind { Word, Space, Other };
    std::optional<Kind> previous;
    StringRef text = piece.text;
    size_t begin = 0;
    for (StringRef rest = text; !rest.empty();) {
      CodePoint c = takeCodePoint(rest);
      Kind kind = isWordCharacter(c) ? Word : isWhitespace(c) ? Space : Other;
      size_t end = text.size() - rest.size();
      if (kind != Space && previous != kind)
        result.push_back({text.slice(begin, end).str(), piece.atStart && begin == 0});
      else if (kind != Space)
        result.back().text += text.slice(begin, end);
      previous = kind;
      begin = end;
    }
    return llvm::Error::success();
  }
};

struct ByClass : PreTokenizer {
  ByClass(bool (*isMember)(CodePoint), Separation separation)
      : isMember(isMember), separation(separation) {}
  llvm::Error cut(const Piece &piece, std::vector<Piece> &result) const override {
    separate(piece, findEach(piece.text, isMember), separation, /*inverted=*/false, result);
    return llvm::Error::success();
  }
  bool (*isMember)(CodePoint);
  Separation separation;
};

struct Delimiter : PreTokenizer {
  explicit Delimiter(CodePoint delimiter) : delimiter(delimiter) {}
  llvm::Error cut(const Piece &piece, std::vector<Piece> &result) const override {
    auto isDelimiter = [&](CodePoint c) { return c == delimiter; };
    separate(piece, findEach(piece.text, isDelimiter), Separation::Removed, /*inverted=*/false,
             result);
    return llvm::Error::success();
  }
  CodePoint delimiter;
};

struct Bert : PreTokenizer {
  llvm::Error cut(const Piece &piece, std::vector<Piece> &result) const override {
    std::vector<Piece> words;
    separate(piece, findEach(piece.text, isWhitespace), Separation::Removed, /*inverted=*/false,
             words);
    for (const Piece &word : words)
      separate(word, findEach(word.text, isBertPunctuation), Separation::Isolated,
               /*inverted=*/false, result);
    return llvm::Error::success();
  }
};
} // namespace

static PreTokenizerOr readPunctuation(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly({"type", "behavior"}))
    return std::move(error);
  std::optional<JsonNode> behavior = node.find("behavior");
  Expected<Separation> separation = behavior ? readSeparation(*behavior) : Separation::Isolated;
  if (!separation)
    return separation.takeError();
  return std::make_unique<ByClass>(isBertPunctuation, *separation);
}

static PreTokenizerOr readDigits(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly({"type", "individual_digits"}))
    return std::move(error);
  Expected<bool> individual = node.booleanMember("individual_digits", false);
  if (!individual)
    return individual.takeError();
  return std::make_unique<ByClass>(isNumber,
                                   *individual ? Separation::Isolated : Separation::Contiguous);
}

static PreTokenizerOr readDelimiter(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly({"type", "delimiter"}))
    return std::move(error);
  Expected<std::string> delimiter = node.stringMember("delimiter");
  if (!delimiter)
    return delimiter.takeError();
  if (codePointLength(*delimiter) != delimiter->size())
    return node.find("delimiter")->error("expected one code point");
  StringRef text = *delimiter;
  return std::make_unique<Delimiter>(takeCodePoint(text));
}

PreTokenizerOr tokenizer::readClassPreTokenizer(const JsonNode &node, StringRef type) {
  if (type == "Punctuation")
    return readPunctuation(node);
  if (type == "Digits")
    return readDigits(node);
  if (type == "CharDelimiterSplit")
    return readDelimiter(node);
  std::unique_ptr<PreTokenizer> plain;
  if (type == "Whitespace")
    plain = std::make_unique<Whitespace>();
  else if (type == "WhitespaceSplit")
    plain = std::make_unique<ByClass>(isWhitespace, Separation::Removed);
  else if (type == "BertPreTokenizer")
    plain = std::make_unique<Bert>();
  else
    return nullptr;
  if (llvm::Error error = node.expectOnly({"type"}))
    return std::move(error);
  return plain;
}
