// Options for sampling.
#include "SamplingFlags.h"
#include "llvm/ADT/StringExtras.h"
#include <random>

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

void SamplingFlags::declare(CommandLine &line) {
  line.text("--temp", "T", "temperature; 0 takes the likeliest token", temperature);
  line.integer("--top-k", "K", "draw from the K likeliest tokens; 0: all", 0, topK);
  line.text("--top-p", "P", "draw from the likeliest tokens that have P together; 1: all", topP);
  line.text("--min-p", "P", "draw from tokens at least P times as likely as the likeliest", minP);
  line.text("--repeat-penalty", "X", "divide the logits of recent tokens by X; 1: none",
            repeatPenalty);
  line.text("--frequency-penalty", "X", "lower the logits of recent tokens by X each time",
            frequencyPenalty);
  line.text("--presence-penalty", "X", "lower the logits of recent tokens by X", presencePenalty);
  line.integer("--repeat-last-n", "N", "tokens that are recent", 0, repeatLastN);
  line.repeated("--logit-bias", "ID+X", "add X to the logit of a token; ID-X takes X off it",
                logitBias);
  line.integer("-s,--seed", "N", "seed of the draws; -1: another at each run", -1, seed);
}

static llvm::Error parseNumber(StringRef flag, StringRef text, float &target) {
  double number;
  if (text.getAsDouble(number))
    return usageError(flag + " expects a number, got '" + text + "'");
  target = static_cast<float>(number);
  return llvm::Error::success();
}

static llvm::Error parseBias(StringRef text, SamplingOptions &options) {
  size_t sign = text.find_first_of("+-");
  std::pair<TokenId, float> bias;
  if (sign == StringRef::npos || text.take_front(sign).getAsInteger(10, bias.first))
    return usageError("--logit-bias expects a token's id and a signed number such as 15043+1 or "
                      "15043-inf, got '" +
                      text + "'");
  StringRef number = text.drop_front(sign);
  number.consume_front("+");
  if (llvm::Error error = parseNumber("--logit-bias", number, bias.second))
    return error;
  options.logitBias.push_back(bias);
  return llvm::Error::success();
}

llvm::Expected<SamplingOptions> SamplingFlags::parse() const {
  SamplingOptions options;
  struct {
    StringRef flag, text;
    float &target;
  } numbers[] = {{"--temp", temperature, options.temperature},
                 {"--top-p", topP, options.topP},
                 {"--min-p", minP, options.minP},
                 {"--repeat-penalty", repeatPenalty, options.repeatPenalty},
                 {"--frequency-penalty", frequencyPenalty, options.frequencyPenalty},
                 {"--presence-penalty", presencePenalty, options.presencePenalty}};
  for (auto &number : numbers)
    if (llvm::Error error = parseNumber(number.flag, number.text, number.target))
      return std::move(error);
  for (const std::string &bias : logitBias)
    if (llvm::Error error = parseBias(bias, options))
      return std::move(error);
  options.topK = topK;
  options.repeatLastN = repeatLastN;
  options.seed = seed >= 0 ? static_cast<uint64_t>(seed) : std::random_device()();
  if (llvm::Error error = options.validate())
    return usageError(llvm::toString(std::move(error)));
  return options;
}
