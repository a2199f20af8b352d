// From tokens back to text, as a chain of stages through which tokens flow one by one, so that
// decoding all at once and as a stream are the same thing. A token passes between stages in one or
// more fragments; each stage passes on what no later token can change.
#ifndef FOVEA_FRONTEND_TOKENIZER_DECODER_H
#define FOVEA_FRONTEND_TOKENIZER_DECODER_H

#include "frontend/tokenizer/JsonNode.h"
#include <functional>
#include <memory>

namespace fovea::tokenizer {

/// Where a stage puts its output; the last one appends to a string.
class TokenSink {
public:
  virtual ~TokenSink() = default;
  /// A part of the current token, any bytes.
  virtual llvm::Error fragment(llvm::StringRef text) = 0;
  virtual llvm::Error endToken() = 0;
  /// No token follows.
  virtual llvm::Error finish() = 0;
};

class DecoderStage : public TokenSink {
public:
  void setNext(TokenSink &sink) { next = &sink; }

protected:
  llvm::Error pass(llvm::StringRef token) {
    if (llvm::Error error = next->fragment(token))
      return error;
    return next->endToken();
  }

  TokenSink *next = nullptr;
};

/// A stage that needs each token as a whole.
class WholeTokenStage : public DecoderStage {
public:
  llvm::Error fragment(llvm::StringRef text) final {
    collected += text;
    return llvm::Error::success();
  }
  llvm::Error endToken() final {
    std::string whole = std::move(collected);
    collected.clear();
    return token(whole);
  }
  llvm::Error finish() override { return next->finish(); }

protected:
  virtual llvm::Error token(llvm::StringRef text) = 0;

private:
  std::string collected;
};

/// What a file says about decoding: makes the stages of a new chain.
using StageMaker = std::function<std::unique_ptr<DecoderStage>()>;
using DecoderPlan = std::vector<StageMaker>;

/// Reads `decoder`. Without one, tokens are joined with spaces.
llvm::Expected<DecoderPlan> readDecoder(const JsonNode &node);

// The stages, in the order of their files.
std::unique_ptr<DecoderStage> makeJoinDecoder(); // TokenDecoders
std::unique_ptr<DecoderStage> makeFuseDecoder();
std::unique_ptr<DecoderStage> makeStripDecoder(std::string content, size_t start, size_t stop);
std::unique_ptr<DecoderStage> makeWordPieceDecoder(std::string prefix, bool cleanup);
std::unique_ptr<DecoderStage> makeBpeDecoder(std::string suffix);
std::unique_ptr<DecoderStage> makeMetaspaceDecoder(std::string replacement, bool dropFirst);
std::unique_ptr<DecoderStage> makeByteLevelDecoder(); // ByteDecoders
std::unique_ptr<DecoderStage> makeByteFallbackDecoder();

/// One run of a plan.
class DecoderChain {
public:
  explicit DecoderChain(const DecoderPlan &plan);

  llvm::Error push(llvm::StringRef token);
  llvm::Error finish();
  /// The text that has come out since the last call.
  std::string take() { return std::exchange(output.text, {}); }

private:
  struct Output : TokenSink {
    llvm::Error fragment(llvm::StringRef piece) override {
      text += piece;
      return llvm::Error::success();
    }
    llvm::Error endToken() override { return llvm::Error::success(); }
    llvm::Error finish() override { return llvm::Error::success(); }
    std::string text;
  };

  std::vector<std::unique_ptr<DecoderStage>> stages;
  Output output;
  TokenSink *first;
};

} // namespace fovea::tokenizer

#endif // FOVEA_FRONTEND_TOKENIZER_DECODER_H
