// fovea generate: continues a prompt with a model from a Hugging Face directory, and streams the
// text to stdout as it comes.
#include "CacheFlags.h"
#include "CommandLine.h"
#include "ModelVerify.h"
#include "ProgramPages.h"
#include "Progress.h"
#include "Reporting.h"
#include "SamplingFlags.h"
#include "Subcommands.h"
#include "TextInput.h"
#include "runtime/Stopwatch.h"
#include "runtime/generate/LanguageModel.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

namespace {
struct GenerateOptions {
  std::string model;
  std::optional<std::string> prompt, file, ids;
  ModelOptions compile;
  SamplingFlags sampling;
  ReportingOptions reporting;
  CacheFlags cache;
  int64_t tokens = -1, threads = 0;
  bool ignoreEos = false, printIds = false, time = false, verify = false;
};

} // namespace

static llvm::Expected<bool> parseOptions(llvm::ArrayRef<const char *> arguments,
                                         GenerateOptions &options) {
  CommandLine line("generate", "Continues a prompt with a language model.");
  line.positional("MODEL_DIR",
                  "a model directory: config.json, safetensors weights, tokenizer.json",
                  options.model);
  line.text("-p,--prompt", "TEXT", "the prompt", options.prompt);
  line.file("-f,--file", "a file that holds the prompt, - for stdin", options.file);
  line.text("--ids", "ID,ID,...", "the prompt as token ids; for models without a tokenizer",
            options.ids);
  line.integer("-n,--predict", "N", "tokens to generate; -1: until the end", -1, options.tokens);
  options.sampling.declare(line);
  line.flag("--ignore-eos", "go on where the model would end", options.ignoreEos);
  line.integer("-c,--ctx-size", "N",
               "tokens of prompt and text; 0: all that the model can, -1: 4096 of them", -1,
               options.compile.contextSize);
  line.cache(options.compile.chunkSize, options.compile.cacheType);
  line.threads(options.threads);
  line.flag("--print-ids", "print token ids, not text", options.printIds);
  line.flag("--time", "print to stderr how long each part took", options.time);
  options.reporting.declare(line);
  line.flag("--verify",
            "compare the logits of the prompt with the float64 reference executor, and exit",
            options.verify);
  options.cache.declare(line);
  line.quantize(options.compile.quantize);
  line.route(options.compile.route);
  line.cpu(options.compile.cpu);
  return line.parse(arguments);
}

//===----------------------------------------------------------------------===//
// The prompt
//===----------------------------------------------------------------------===//

static llvm::Expected<std::vector<TokenId>> parseIds(StringRef text) {
  std::vector<TokenId> ids;
  for (StringRef part : llvm::split(text, ","))
    if (part.trim().getAsInteger(10, ids.emplace_back()))
      return usageError("--ids expects integers with commas between, got '" + part + "'");
  return ids;
}

/// Also leaves the text of the prompt, if it is one, in the options.
static llvm::Expected<std::vector<TokenId>> readPrompt(GenerateOptions &options,
                                                       const LanguageModel &model) {
  if (options.ids)
    return parseIds(*options.ids);
  if (!model.tokenizer())
    return llvm::createStringError(options.model +
                                   ": expected a tokenizer.json, or vocab.json and merges.txt, to "
                                   "read the prompt with; --ids gives one as token ids");
  auto ids = encodeText(*model.tokenizer(), options.file, options.prompt);
  if (ids && ids->empty())
    return llvm::createStringError((options.file ? *options.file + ": " : "") +
                                   "the prompt is empty, and the tokenizer of " + options.model +
                                   " begins texts with no token of its own: expected some text");
  return ids;
}

//===----------------------------------------------------------------------===//
// Output
//===----------------------------------------------------------------------===//

static void printPhase(StringRef name, size_t tokens, double seconds) {
  llvm::errs() << llvm::format("%-8s %10.3f ms  %5zu tokens, %.1f tokens/s\n", name.data(),
                               1e3 * seconds, tokens, tokens / std::max(seconds, 1e-9));
}

static void printTimes(const LanguageModel &model, double loadSeconds, const Generation &result) {
  for (const PhaseTime &phase : model.loadTimes())
    llvm::errs() << llvm::format("load     %10.3f ms  ", 1e3 * phase.seconds) << phase.name << "\n";
  for (const PhaseTime &phase : model.executable().compileTimes())
    llvm::errs() << llvm::format("compile  %10.3f ms  ", 1e3 * phase.seconds) << phase.name << "\n";
  llvm::errs() << llvm::format("load     %10.3f ms  in all, compiling included\n",
                               1e3 * loadSeconds);
  printPhase("prefill", result.prompt.size(), result.prefillSeconds);
  // The first token was drawn from the prompt's logits.
  size_t decoded = result.tokens.empty() ? 0 : result.tokens.size() - 1;
  printPhase("decode", decoded, result.decodeSeconds);
  llvm::errs() << model.executable().threads() << " threads\n";
}

//===----------------------------------------------------------------------===//
// The command
//===----------------------------------------------------------------------===//

static llvm::Expected<LanguageModel> loadModel(const GenerateOptions &options) {
  if (llvm::Error error = options.cache.check())
    return std::move(error);
  llvm::Expected<Requirements> require = options.reporting.requirements();
  if (!require)
    return require.takeError();
  ModelOptions compile = options.compile;
  compile.require = *require;
  compile.cacheDirectory = options.cache.path();
  compile.cacheWeights = options.cache.keepsWeights;
  compile.packingProgress = loadingProgress();
  if (options.reporting.wantsRecord())
    compile.report = [&](const CompilationRecord &record) {
      printReports(options.reporting, record, {});
    };
  return LanguageModel::load(options.model, compile);
}

static llvm::Expected<Generation> stream(const GenerateOptions &options, const LanguageModel &model,
                                         llvm::ArrayRef<TokenId> prompt,
                                         const SamplingOptions &sampling) {
  GenerationOptions generation;
  generation.sampling = sampling;
  generation.maxTokens = options.tokens;
  generation.ignoreEos = options.ignoreEos;
  bool usesIds = options.printIds || !model.tokenizer();
  if (!usesIds)
    llvm::outs() << options.prompt.value_or("");
  generation.onToken = [&](TokenId token, StringRef piece) {
    if (usesIds)
      llvm::outs() << token << " ";
    else
      llvm::outs() << piece;
    llvm::outs().flush();
    return !llvm::outs().has_error();
  };
  llvm::Expected<Generation> result = model.generate(prompt, generation);
  if (result)
    llvm::outs() << "\n";
  return result;
}

static llvm::Error generate(GenerateOptions options) {
  if (llvm::Error error =
          checkOneGiven("-p, -f and --ids", {&options.prompt, &options.file, &options.ids}))
    return error;
  llvm::Expected<SamplingOptions> sampling = options.sampling.parse();
  if (!sampling)
    return sampling.takeError();
  options.compile.threads = static_cast<unsigned>(options.threads);
  Clock::time_point start = Clock::now();
  llvm::Expected<LanguageModel> model = loadModel(options);
  if (!model)
    return model.takeError();
  releaseLoadingMemory();
  double loadSeconds = secondsSince(start);
  printCacheWarnings(model->executable());
  llvm::Expected<std::vector<TokenId>> prompt = readPrompt(options, *model);
  if (!prompt)
    return prompt.takeError();
  if (options.verify)
    return verifyModel(options.model, *model, *prompt, options.compile);
  llvm::Expected<Generation> result = stream(options, *model, *prompt, *sampling);
  if (!result)
    return result.takeError();
  if (result->stop == StopReason::ContextFull)
    llvm::errs() << "note: the context of " << model->contextSize()
                 << " tokens is full; --ctx-size makes it larger\n";
  if (options.time)
    printTimes(*model, loadSeconds, *result);
  return llvm::Error::success();
}

llvm::Error tool::generateCommand(llvm::ArrayRef<const char *> arguments) {
  GenerateOptions options;
  llvm::Expected<bool> proceed = parseOptions(arguments, options);
  return proceed && *proceed ? generate(std::move(options)) : proceed.takeError();
}
