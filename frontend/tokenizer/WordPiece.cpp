// WordPiece: the longest token that begins the word, then the longest that continues it, and so on;
// the unknown token for the whole word if that fails anywhere.
#include "frontend/tokenizer/Model.h"
#include "frontend/tokenizer/Unicode.h"

using namespace fovea;
using namespace fovea::tokenizer;
using llvm::Expected;
using llvm::StringRef;

namespace {
class WordPiece : public Model {
public:
  WordPiece(const Vocabulary &vocabulary, TokenId unknown, std::string prefix, size_t limit)
      : vocabulary(vocabulary), unknown(unknown), prefix(std::move(prefix)), limit(limit) {}

  llvm::Error encode(StringRef piece, std::vector<TokenId> &ids) const override {
    size_t known = ids.size();
    StringRef rest = piece;
    while (!rest.empty() && !exceedsLimit(piece)) {
      std::optional<TokenId> id = takeLongest(rest, /*continuing=*/rest.size() < piece.size());
      if (!id)
        break;
      ids.push_back(*id);
    }
    if (!rest.empty()) {
      ids.resize(known);
      ids.push_back(unknown);
    }
    return llvm::Error::success();
  }

private:
  bool exceedsLimit(StringRef word) const {
    auto isLeading = [](char c) { return (c & 0xC0) != 0x80; };
    return word.size() > limit && static_cast<size_t>(llvm::count_if(word, isLeading)) > limit;
  }

  /// Takes from `rest` the longest token that it begins with.
  std::optional<TokenId> takeLongest(StringRef &rest, bool continuing) const {
    std::string spelled = continuing ? prefix : "";
    size_t before = spelled.size();
    if (before > vocabulary.longestToken())
      return std::nullopt;
    spelled += rest.take_front(vocabulary.longestToken() - before);
    for (; spelled.size() > before; spelled.pop_back()) {
      std::optional<TokenId> id = vocabulary.idOf(spelled);
      if (!id)
        continue;
      rest = rest.drop_front(spelled.size() - before);
      return id;
    }
    return std::nullopt;
  }

  const Vocabulary &vocabulary;
  TokenId unknown;
  std::string prefix; // of tokens that continue a word
  size_t limit;       // longest word in code points
};
} // namespace

Expected<std::unique_ptr<Model>> tokenizer::readWordPiece(const JsonNode &node,
                                                          const Vocabulary &vocabulary) {
  if (llvm::Error error = node.expectOnly(
          {"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"}))
    return std::move(error);
  Expected<std::string> token = node.stringMember("unk_token");
  if (!token)
    return token.takeError();
  std::optional<TokenId> unknown = vocabulary.idOf(*token);
  if (!unknown)
    return node.find("unk_token")->error("'" + *token + "' is not in the vocabulary");
  Expected<std::string> prefix = readOptionalText(node, "continuing_subword_prefix");
  if (!prefix)
    return prefix.takeError();
  Expected<int64_t> limit = node.integerMember("max_input_chars_per_word");
  if (!limit)
    return limit.takeError();
  if (*limit < 0)
    return node.find("max_input_chars_per_word")
        ->error("expected 0 or more, got " + llvm::Twine(*limit));
  return std::make_unique<WordPiece>(vocabulary, *unknown, std::move(*prefix), *limit);
}
