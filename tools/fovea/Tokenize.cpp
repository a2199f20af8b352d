// fovea tokenize: a text as the tokens of a model, or tokens as text.
#include "CommandLine.h"
#include "Subcommands.h"
#include "frontend/tokenizer/Tokenizer.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

namespace {
struct TokenizeOptions {
  std::string model;
  std::optional<std::string> prompt, ids;
  bool plain = false, tokens = false;
};
} // namespace

static llvm::Expected<bool> parseOptions(llvm::ArrayRef<const char *> arguments,
                                         TokenizeOptions &options) {
  CommandLine line("tokenize", "Prints the token ids of a text, or the text of token ids.");
  line.positional("MODEL", "a model directory or a tokenizer.json", options.model);
  line.text("-p,--prompt", "TEXT", "the text whose ids to print", options.prompt);
  line.text("--decode", "IDS", "the ids, with spaces between them, whose text to print instead",
            options.ids);
  line.flag("--no-special", "neither add nor print special tokens such as BOS", options.plain);
  line.flag("--tokens", "print each id on a line, with its token", options.tokens);
  return line.parse(arguments);
}

static llvm::Error decode(const Tokenizer &tokenizer, const TokenizeOptions &options) {
  std::vector<TokenId> ids;
  for (StringRef word : llvm::split(*options.ids, ' ')) {
    if (word.empty())
      continue;
    TokenId id;
    if (word.getAsInteger(10, id))
      return llvm::make_error<UsageError>("--decode expects ids, got '" + word + "'");
    ids.push_back(id);
  }
  llvm::Expected<std::string> text = tokenizer.decode(ids, options.plain);
  if (!text)
    return text.takeError();
  llvm::outs() << *text << "\n";
  return llvm::Error::success();
}

static llvm::Error encode(const Tokenizer &tokenizer, const TokenizeOptions &options) {
  llvm::Expected<std::vector<TokenId>> ids = tokenizer.encode(*options.prompt, !options.plain);
  if (!ids)
    return ids.takeError();
  if (!options.tokens) {
    llvm::outs() << llvm::join(llvm::map_range(*ids, [](TokenId id) { return std::to_string(id); }),
                               " ")
                 << "\n";
    return llvm::Error::success();
  }
  for (TokenId id : *ids)
    llvm::outs() << id << "\t" << *tokenizer.tokenOf(id) << "\n";
  return llvm::Error::success();
}

llvm::Error tool::tokenizeCommand(llvm::ArrayRef<const char *> arguments) {
  TokenizeOptions options;
  llvm::Expected<bool> proceed = parseOptions(arguments, options);
  if (!proceed || !*proceed)
    return proceed.takeError();
  if (llvm::Error error = checkOneGiven("-p and --decode", {&options.prompt, &options.ids}))
    return error;
  llvm::Expected<Tokenizer> tokenizer = llvm::sys::fs::is_directory(options.model)
                                            ? Tokenizer::fromDirectory(options.model)
                                            : Tokenizer::fromFile(options.model);
  if (!tokenizer)
    return tokenizer.takeError();
  return options.ids ? decode(*tokenizer, options) : encode(*tokenizer, options);
}
