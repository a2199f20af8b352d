// Text to token ids and back, as described by the `tokenizer.json` of a model directory, or by
// GPT-2's `vocab.json` and `merges.txt`. What a file asks for is done exactly or refused by name
// with its JSON path: docs/tokenizers.md lists what is supported. A tokenizer is immutable, cheap
// to copy, and may be used by several threads at once.
#ifndef FOVEA_FRONTEND_TOKENIZER_TOKENIZER_H
#define FOVEA_FRONTEND_TOKENIZER_TOKENIZER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fovea {

using TokenId = int32_t;

namespace tokenizer {
struct Pipeline;
class DecoderChain;
} // namespace tokenizer

class Tokenizer {
public:
  /// Reads the text of a `tokenizer.json`; `name` stands for it in messages.
  static llvm::Expected<Tokenizer> fromJson(llvm::StringRef text,
                                            llvm::StringRef name = "tokenizer.json");

  static llvm::Expected<Tokenizer> fromFile(llvm::StringRef path);

  /// GPT-2's two files; `<|endoftext|>` is a special token if the vocabulary has it.
  static llvm::Expected<Tokenizer> fromVocabAndMerges(llvm::StringRef vocabPath,
                                                      llvm::StringRef mergesPath);

  /// The tokenizer of a model directory: `tokenizer.json`, or else `vocab.json` with `merges.txt`.
  static llvm::Expected<Tokenizer> fromDirectory(llvm::StringRef directory);

  /// The ids of `text`, which must be UTF-8. With `addSpecial` the post-processor adds its tokens,
  /// such as BOS. The contents of special tokens within the text become those tokens.
  llvm::Expected<std::vector<TokenId>> encode(llvm::StringRef text, bool addSpecial = true) const;

  /// The text of `ids`, valid UTF-8 whatever the ids; without special tokens if `skipSpecial`. An
  /// id that is not in the vocabulary is an error.
  llvm::Expected<std::string> decode(llvm::ArrayRef<TokenId> ids, bool skipSpecial = true) const;

  /// Number of tokens, added ones included. Ids may have gaps: all are below `idLimit()`.
  size_t size() const;
  TokenId idLimit() const;

  std::optional<TokenId> idOf(llvm::StringRef token) const;
  /// The token as the vocabulary spells it.
  std::optional<llvm::StringRef> tokenOf(TokenId id) const;
  bool isSpecial(TokenId id) const;

  /// What the post-processor puts before and after a text.
  llvm::ArrayRef<TokenId> prefix() const;
  llvm::ArrayRef<TokenId> suffix() const;
  /// The first id of the prefix and the last of the suffix. Many models put no end of sequence
  /// after a prompt: the one at which generation stops is named in their config.json.
  std::optional<TokenId> bos() const;
  std::optional<TokenId> eos() const;

private:
  friend class TokenStream;
  explicit Tokenizer(std::shared_ptr<const tokenizer::Pipeline> pipeline)
      : pipeline(std::move(pipeline)) {}

  std::shared_ptr<const tokenizer::Pipeline> pipeline;
};

/// Decodes ids one by one. The pieces of text, joined, are what `decode` gives for all ids; each is
/// valid UTF-8, held back until no later token can change it.
class TokenStream {
public:
  explicit TokenStream(const Tokenizer &tokenizer, bool skipSpecial = true);
  TokenStream(TokenStream &&);
  TokenStream &operator=(TokenStream &&);
  ~TokenStream();

  /// The text that became certain with `id`, often one token's, sometimes none.
  llvm::Expected<std::string> push(TokenId id);

  /// What was held back; the stream is then as new.
  llvm::Expected<std::string> finish();

private:
  std::shared_ptr<const tokenizer::Pipeline> pipeline;
  std::unique_ptr<tokenizer::DecoderChain> chain;
  bool skipSpecial;
};

} // namespace fovea

#endif // FOVEA_FRONTEND_TOKENIZER_TOKENIZER_H
