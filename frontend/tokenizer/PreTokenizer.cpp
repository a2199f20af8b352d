#include "frontend/tokenizer/PreTokenizer.h"
#include "frontend/tokenizer/ByteAlphabet.h"
#include "llvm/ADT/StringSwitch.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;
using PreTokenizerOr = Expected<std::unique_ptr<PreTokenizer>>;

namespace {
/// Cuts by a pattern, then spells the bytes of each piece in GPT-2's alphabet.
struct ByteLevel : PreTokenizer {
  llvm::Error cut(const Piece &piece, std::vector<Piece> &result) const override {
    Piece whole = piece;
    if (addPrefixSpace && !StringRef(whole.text).starts_with(" "))
      whole.text.insert(0, " ");
    std::vector<Piece> parts;
    if (pattern) {
      Expected<std::vector<Span>> found = pattern->matches(whole.text);
      if (!found)
        return found.takeError();
      separate(whole, *found, Separation::Isolated, /*inverted=*/false, parts);
    } else {
      parts.push_back(std::move(whole));
    }
    for (Piece &part : parts)
      result.push_back({spellBytes(part.text), part.atStart});
    return llvm::Error::success();
  }
  bool addPrefixSpace;
  std::optional<Pattern> pattern;
};

struct Split : PreTokenizer {
  Split(Pattern pattern, Separation separation, bool inverted)
      : pattern(std::move(pattern)), separation(separation), inverted(inverted) {}
  llvm::Error cut(const Piece &piece, std::vector<Piece> &result) const override {
    Expected<std::vector<Span>> found = pattern.matches(piece.text);
    if (!found)
      return found.takeError();
    separate(piece, *found, separation, inverted, result);
    return llvm::Error::success();
  }
  Pattern pattern;
  Separation separation;
  bool inverted;
};

enum class Prefix { Always, First, Never };

/// Writes spaces as a visible code point, and cuts before each.
struct Metaspace : PreTokenizer {
  llvm::Error cut(const Piece &piece, std::vector<Piece> &result) const override {
    Expected<std::string> text = Pattern::literal(" ").replaceAll(piece.text, replacement);
    if (!text)
      return text.takeError();
    bool wanted = prefix == Prefix::Always || (prefix == Prefix::First && piece.atStart);
    if (wanted && !StringRef(*text).starts_with(replacement))
      text->insert(0, replacement);
    Piece whole{std::move(*text), piece.atStart};
    if (!split) {
      result.push_back(std::move(whole));
      return llvm::Error::success();
    }
    Expected<std::vector<Span>> found = Pattern::literal(replacement).matches(whole.text);
    if (!found)
      return found.takeError();
    separate(whole, *found, Separation::MergedWithNext, /*inverted=*/false, result);
    return llvm::Error::success();
  }
  std::string replacement;
  Prefix prefix;
  bool split;
};

struct Sequence : PreTokenizer {
  llvm::Error cut(const Piece &piece, std::vector<Piece> &result) const override {
    std::vector<Piece> pieces{piece};
    for (const std::unique_ptr<PreTokenizer> &step : steps) {
      std::vector<Piece> next;
      for (const Piece &part : pieces)
        if (llvm::Error error = step->cut(part, next))
          return error;
      pieces = std::move(next);
    }
    llvm::append_range(result, std::move(pieces));
    return llvm::Error::success();
  }
  std::vector<std::unique_ptr<PreTokenizer>> steps;
};
} // namespace

static PreTokenizerOr readByteLevel(const JsonNode &node) {
  if (llvm::Error error =
          node.expectOnly({"type", "add_prefix_space", "trim_offsets", "use_regex"}))
    return std::move(error);
  auto byteLevel = std::make_unique<ByteLevel>();
  Expected<bool> prefix = node.booleanMember("add_prefix_space");
  if (!prefix)
    return prefix.takeError();
  byteLevel->addPrefixSpace = *prefix;
  Expected<bool> useRegex = node.booleanMember("use_regex", true);
  if (!useRegex)
    return useRegex.takeError();
  if (*useRegex) {
    Expected<Pattern> pattern = Pattern::regex(gpt2Expression);
    if (!pattern)
      return pattern.takeError();
    byteLevel->pattern = std::move(*pattern);
  }
  return byteLevel;
}

static PreTokenizerOr readSplit(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly({"type", "pattern", "behavior", "invert"}))
    return std::move(error);
  Expected<JsonNode> pattern = node.member("pattern");
  if (!pattern)
    return pattern.takeError();
  Expected<Pattern> read = Pattern::read(*pattern);
  if (!read)
    return read.takeError();
  Expected<JsonNode> behavior = node.member("behavior");
  if (!behavior)
    return behavior.takeError();
  Expected<Separation> separation = readSeparation(*behavior);
  if (!separation)
    return separation.takeError();
  Expected<bool> inverted = node.booleanMember("invert", false);
  if (!inverted)
    return inverted.takeError();
  return std::make_unique<Split>(std::move(*read), *separation, *inverted);
}

/// Files of before `prepend_scheme` say it with `add_prefix_space`.
static Expected<Prefix> readPrefix(const JsonNode &node) {
  Expected<bool> older = node.booleanMember("add_prefix_space", true);
  if (!older)
    return older.takeError();
  std::optional<JsonNode> scheme = node.find("prepend_scheme");
  if (!scheme)
    return *older ? Prefix::Always : Prefix::Never;
  Expected<std::string> name = scheme->string();
  if (!name)
    return name.takeError();
  auto prefix = llvm::StringSwitch<std::optional<Prefix>>(*name)
                    .Case("always", Prefix::Always)
                    .Case("first", Prefix::First)
                    .Case("never", Prefix::Never)
                    .Default(std::nullopt);
  if (!prefix)
    return scheme->unsupported(*name, "always, first or never");
  if (!*older && *prefix != Prefix::Never)
    return scheme->error("'" + *name + "' contradicts add_prefix_space, which is false");
  return *prefix;
}

static PreTokenizerOr readMetaspace(const JsonNode &node) {
  if (llvm::Error error = node.expectOnly(
          {"type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"}))
    return std::move(error);
  auto metaspace = std::make_unique<Metaspace>();
  Expected<std::string> replacement = node.stringMember("replacement");
  if (!replacement)
    return replacement.takeError();
  if (codePointLength(*replacement) != replacement->size())
    return node.find("replacement")->error("expected one code point");
  metaspace->replacement = std::move(*replacement);
  Expected<Prefix> prefix = readPrefix(node);
  if (!prefix)
    return prefix.takeError();
  metaspace->prefix = *prefix;
  Expected<bool> split = node.booleanMember("split", true);
  if (!split)
    return split.takeError();
  metaspace->split = *split;
  return metaspace;
}

static PreTokenizerOr readSequence(const JsonNode &node) {
  Expected<std::vector<JsonNode>> elements = node.sequence("pretokenizers");
  if (!elements)
    return elements.takeError();
  auto sequence = std::make_unique<Sequence>();
  for (const JsonNode &element : *elements) {
    PreTokenizerOr step = readPreTokenizer(element);
    if (!step)
      return step.takeError();
    if (*step)
      sequence->steps.push_back(std::move(*step));
  }
  return sequence;
}

PreTokenizerOr tokenizer::readPreTokenizer(const JsonNode &node) {
  if (node.isNull())
    return nullptr;
  Expected<std::string> type = node.stringMember("type");
  if (!type)
    return type.takeError();
  auto read = llvm::StringSwitch<PreTokenizerOr (*)(const JsonNode &)>(*type)
                  .Case("Sequence", readSequence)
                  .Case("ByteLevel", readByteLevel)
                  .Case("Split", readSplit)
                  .Case("Metaspace", readMetaspace)
                  .Default(nullptr);
  if (read)
    return read(node);
  PreTokenizerOr byClass = readClassPreTokenizer(node, *type);
  if (!byClass || *byClass)
    return byClass;
  return node.find("type")->unsupported(
      *type, "Sequence, ByteLevel, Split, Metaspace, Whitespace, WhitespaceSplit, Punctuation, "
             "Digits, CharDelimiterSplit or BertPreTokenizer");
}
