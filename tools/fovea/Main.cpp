// fovea: compiles and runs model descriptions. Picks the subcommand and turns its error into
// text on stderr and an exit status.
#include "CommandLine.h"
#include "Subcommands.h"
#include "frontend/FileIO.h"
#include "runtime/Memory.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

namespace {
struct SubcommandEntry {
  StringRef name;
  StringRef summary;
  Subcommand function;
};
} // namespace

static constexpr int failure = 1, wrongUsage = 2;

static constexpr SubcommandEntry subcommands[] = {
    {"run", "compile a model and run it", runCommand},
    {"compile", "compile a model to a file", compileCommand},
    {"generate", "continue a text with a language model", generateCommand},
    {"bench", "measure how fast a language model reads and writes tokens", benchCommand},
    {"perplexity", "measure how well a model predicts a text", perplexityCommand},
    {"tokenize", "print a text as the tokens of a model", tokenizeCommand},
    {"inspect", "write a page that shows how a model is compiled and runs", inspectCommand},
};

static void printHelp(llvm::raw_ostream &os) {
  os << "fovea compiles transformer graphs to native code.\n\n"
        "usage: fovea SUBCOMMAND ...\n\n";
  for (const SubcommandEntry &entry : subcommands)
    os << "  " << llvm::left_justify(entry.name, 12) << entry.summary << "\n";
  os << "\n'fovea SUBCOMMAND --help' lists the options of each.\n";
}

/// Errors that name a place are "file:line:col: error: ..." already.
static void printError(StringRef message) {
  bool hasPlace = message.contains(": error: ");
  llvm::errs() << (hasPlace ? "" : "error: ") << message.rtrim() << "\n";
}

/// What was printed last reaches the file or pipe only now.
static int finishOutput(int status) {
  llvm::outs().flush();
  std::error_code code = llvm::outs().error();
  llvm::outs().clear_error(); // the stream aborts in its destructor over one that nobody looked at
  if (!code)
    return status;
  printError("stdout: cannot write: " + code.message());
  return failure;
}

static int run(const SubcommandEntry &entry, llvm::ArrayRef<const char *> arguments) {
  int status = 0;
  llvm::handleAllErrors(
      entry.function(arguments),
      [&](const UsageError &error) {
        printError(error.message());
        llvm::errs() << "try 'fovea " << entry.name << " --help'\n";
        status = wrongUsage;
      },
      [&](const llvm::ErrorInfoBase &error) {
        printError(error.message());
        status = failure;
      });
  return status;
}

namespace {
/// Signals that were ignored when the program began, as nohup and shells have it. LLVM handles them
/// all the same, and removes what is being written.
class IgnoredSignals {
public:
  IgnoredSignals() {
    for (int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM})
      if (struct sigaction action; !sigaction(signal, nullptr, &action) && isIgnored(action))
        ignored.push_back(signal);
  }
  void restore() {
    for (int signal : ignored)
      std::signal(signal, SIG_IGN);
  }

private:
  static bool isIgnored(const struct sigaction &action) { return action.sa_handler == SIG_IGN; }
  llvm::SmallVector<int> ignored;
};
} // namespace

int main(int argc, char **argv) {
  IgnoredSignals ignoredSignals;
  llvm::InitLLVM init(argc, argv);
  ignoredSignals.restore();
  std::signal(SIGXFSZ, SIG_IGN); // a file that grows too large is an error of writing it
  removeUnfinishedFilesOnSignals();
  keepFreeMemory();
  llvm::ArrayRef<const char *> arguments(argv + 1, argc > 0 ? argc - 1 : 0);
  StringRef name = arguments.empty() ? "" : arguments.front();
  if (name == "--help" || name == "-h" || name == "help") {
    printHelp(llvm::outs());
    return finishOutput(0);
  }
  for (const SubcommandEntry &entry : subcommands)
    if (entry.name == name)
      return finishOutput(run(entry, arguments.drop_front()));
  std::vector<std::string> names;
  for (const SubcommandEntry &entry : subcommands)
    names.push_back(entry.name.str());
  std::optional<std::string> nearest = findNearest(name, names);
  printError(name.empty() ? "expected a subcommand"
                          : ("unknown subcommand '" + name + "'" +
                             (nearest ? "; did you mean '" + *nearest + "'?" : ""))
                                .str());
  llvm::errs() << "try 'fovea --help'\n";
  return wrongUsage;
}
