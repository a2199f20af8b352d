// Options and positional arguments of one subcommand: declared once, each with its help and
// default, then parsed into the variables of the caller. `--name VALUE` and `--name=VALUE` mean
// the same; what follows `--` is no option, whatever it begins with.
#ifndef FOVEA_TOOLS_FOVEA_COMMANDLINE_H
#define FOVEA_TOOLS_FOVEA_COMMANDLINE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace fovea::tool {

/// Wrong usage, which ends with exit status 2; any other error ends with 1.
class UsageError : public llvm::ErrorInfo<UsageError> {
public:
  static char ID;
  explicit UsageError(const llvm::Twine &message) : text(message.str()) {}
  void log(llvm::raw_ostream &os) const override { os << text; }
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }

private:
  std::string text;
};

llvm::Error usageError(const llvm::Twine &message);

class CommandLine {
public:
  CommandLine(llvm::StringRef command, llvm::StringRef summary)
      : command(command), summary(summary) {}

  /// The one argument that is no option; it must be given.
  void positional(llvm::StringRef name, llvm::StringRef help, std::string &target);
  /// An option without a value. Names are separated by commas: "-t,--threads".
  void flag(llvm::StringRef names, llvm::StringRef help, bool &target);
  /// An option whose value is text and not empty, as it is where a script's variable is not set;
  /// the default is what `target` holds.
  void text(llvm::StringRef names, llvm::StringRef value, llvm::StringRef help,
            std::string &target);
  /// The same without a default: empty if it was not given, which is not the same as the text "".
  void text(llvm::StringRef names, llvm::StringRef value, llvm::StringRef help,
            std::optional<std::string> &target);
  /// A file to read, whose name is not empty.
  void file(llvm::StringRef names, llvm::StringRef help, std::optional<std::string> &target);
  /// A file to write, as `text` takes it; "-" is standard output.
  void output(llvm::StringRef names, llvm::StringRef value, llvm::StringRef help,
              std::string &target);
  /// One of `values`; the first if the option stands without "=VALUE".
  void choice(llvm::StringRef names, llvm::ArrayRef<llvm::StringRef> values, llvm::StringRef help,
              std::string &target);
  /// A number of bytes above 0, with a suffix K, M, G or T for powers of 1024.
  void bytes(llvm::StringRef names, llvm::StringRef help, int64_t &target);
  /// A number of at least `minimum`.
  void integer(llvm::StringRef names, llvm::StringRef value, llvm::StringRef help, int64_t minimum,
               int64_t &target);
  // Options of several subcommands.

  /// What Model::load takes.
  void model(std::string &target);
  /// -t, a number of threads.
  void threads(int64_t &target);
  /// -s, of what random inputs and weights are drawn with.
  void seed(int64_t &target);
  /// --target-cpu
  void cpu(std::string &target);
  /// --route
  void route(std::string &target);
  /// --quantize
  void quantize(std::string &target);
  /// --chunk-size and --cache-type of a language model.
  void cache(int64_t &chunkSize, std::string &cacheType);

  /// An option that may be given several times.
  void repeated(llvm::StringRef names, llvm::StringRef value, llvm::StringRef help,
                std::vector<std::string> &target);

  /// Parses what follows the subcommand. False if `--help` was among it, which is then printed:
  /// there is nothing more to do.
  llvm::Expected<bool> parse(llvm::ArrayRef<const char *> arguments);

private:
  struct Option {
    std::string names, value, help;
    std::function<llvm::Error(llvm::StringRef)> set;
    std::string implied = ""; // the value of "--name" alone, if it may stand so
    bool isRepeated = false;
    std::optional<std::string> given = std::nullopt;

    bool isNamed(llvm::StringRef name) const;
    bool takesValue() const { return !value.empty(); }
  };

  void printHelp(llvm::raw_ostream &os) const;
  Option *find(llvm::StringRef name);
  llvm::Error unknownOption(llvm::StringRef name) const;
  llvm::Error parsePositional(llvm::StringRef argument);
  llvm::Error parseOption(llvm::StringRef argument, llvm::ArrayRef<const char *> &following);
  llvm::Error setOption(Option &option, llvm::StringRef value);

  std::string command, summary;
  std::string positionalName, positionalHelp;
  std::string *positionalTarget = nullptr;
  bool positionalGiven = false;
  std::vector<Option> options;
};

/// A usage error unless exactly one of the options, which are called `names`, was given.
llvm::Error checkOneGiven(llvm::StringRef names,
                          llvm::ArrayRef<const std::optional<std::string> *> options);

/// "NAME=VALUE" cut in two; a usage error without a name or "=".
llvm::Expected<std::pair<std::string, std::string>> splitAssignment(llvm::StringRef text);

/// The one of `candidates` that is spelt most like `name`, if any is close.
std::optional<std::string> findNearest(llvm::StringRef name,
                                       llvm::ArrayRef<std::string> candidates);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_COMMANDLINE_H
