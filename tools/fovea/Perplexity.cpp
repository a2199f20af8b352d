// fovea perplexity: how well a model predicts a text, and what quantised weights and narrow caches
// change of that.
#include "runtime/generate/Perplexity.h"
#include "CommandLine.h"
#include "Progress.h"
#include "Subcommands.h"
#include "TextInput.h"
#include "llvm/Support/Format.h"

using namespace fovea;
using namespace fovea::tool;

namespace {
struct Options {
  std::string model;
  std::optional<std::string> file, text;
  PerplexityOptions measure;
  int64_t threads = 0;
};
} // namespace

static llvm::Expected<bool> parseOptions(llvm::ArrayRef<const char *> arguments, Options &options) {
  CommandLine line("perplexity", "Measures how well a language model predicts a text.");
  line.positional("MODEL_DIR",
                  "a model directory: config.json, safetensors weights, tokenizer.json",
                  options.model);
  line.file("-f,--file,--text", "a file that holds the text, - for stdin", options.file);
  line.text("-p,--prompt", "TEXT", "the text itself", options.text);
  line.text("--quantize", "FORMAT", "compare with weights of products held as q8 or q4",
            options.measure.quantize);
  line.text("--cache-type", "TYPE", "compare with keys and values held as f16, bf16 or q8",
            options.measure.cacheType);
  line.integer("-c,--ctx-size", "N", "tokens that are predicted from each other", 2,
               options.measure.window);
  line.threads(options.threads);
  line.cpu(options.measure.cpu);
  return line.parse(arguments);
}

static llvm::Expected<std::vector<TokenId>> readTokens(Options &options) {
  if (llvm::Error error = checkOneGiven("-f and -p", {&options.file, &options.text}))
    return std::move(error);
  llvm::Expected<Tokenizer> tokenizer = Tokenizer::fromDirectory(options.model);
  if (!tokenizer)
    return tokenizer.takeError();
  auto tokens = encodeText(*tokenizer, options.file, options.text);
  if (!tokens)
    return tokens;
  if (llvm::Error error = checkTextLength(tokens->size()))
    return llvm::createStringError(nameOfText(options.file) + ": " +
                                   llvm::toString(std::move(error)));
  return tokens;
}

/// What the text is predicted with besides what is stored; empty if nothing.
static std::string comparedWith(const PerplexityOptions &options) {
  std::string text;
  if (!options.quantize.empty())
    text += ", weights as " + options.quantize;
  if (options.cacheType != "f32")
    text += ", keys and values as " + options.cacheType;
  return text;
}

static void print(const Options &options, const Perplexity &result) {
  llvm::outs() << "perplexity " << llvm::format("%.4f", result.stored) << " of " << result.tokens
               << " tokens, weights as stored\n";
  std::string compared = comparedWith(options.measure);
  if (compared.empty())
    return;
  llvm::outs() << "perplexity " << llvm::format("%.4f", result.compared) << " ("
               << llvm::format("%+.2f", 100 * (result.compared / result.stored - 1)) << " %)"
               << compared << "\n"
               << llvm::format("logits off by %.3g of the largest magnitude at most, by %.3g of "
                               "their root mean square\n",
                               result.largestError, result.rmsError);
}

static llvm::Error measure(Options options) {
  options.measure.threads = static_cast<unsigned>(options.threads);
  options.measure.packingProgress = packingProgress();
  llvm::Expected<std::vector<TokenId>> tokens = readTokens(options);
  if (!tokens)
    return tokens.takeError();
  llvm::Expected<Perplexity> result = measurePerplexity(options.model, *tokens, options.measure);
  if (!result)
    return result.takeError();
  print(options, *result);
  return llvm::Error::success();
}

llvm::Error tool::perplexityCommand(llvm::ArrayRef<const char *> arguments) {
  Options options;
  llvm::Expected<bool> proceed = parseOptions(arguments, options);
  return proceed && *proceed ? measure(std::move(options)) : proceed.takeError();
}
