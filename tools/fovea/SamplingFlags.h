// The command line's options for sampling, by llama.cpp's names and with its defaults.
#ifndef FOVEA_TOOLS_FOVEA_SAMPLINGFLAGS_H
#define FOVEA_TOOLS_FOVEA_SAMPLINGFLAGS_H

#include "CommandLine.h"
#include "runtime/generate/Sampler.h"

namespace fovea::tool {

struct SamplingFlags {
  std::string temperature = "0.8", topP = "0.95", minP = "0.05", repeatPenalty = "1",
              frequencyPenalty = "0", presencePenalty = "0";
  std::vector<std::string> logitBias;
  int64_t topK = 40, repeatLastN = 64, seed = -1;

  void declare(CommandLine &line);
  /// A usage error for what is no number or out of range. A seed of -1 is drawn anew.
  llvm::Expected<SamplingOptions> parse() const;
};

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_SAMPLINGFLAGS_H
