// The driver's command line parser.
#include "CommandLine.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MathExtras.h"

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;
using llvm::Twine;

char UsageError::ID;

llvm::Error tool::usageError(const Twine &message) { return llvm::make_error<UsageError>(message); }

llvm::Error tool::checkOneGiven(StringRef names,
                                llvm::ArrayRef<const std::optional<std::string> *> options) {
  auto given = llvm::count_if(options, [](const auto *option) { return option->has_value(); });
  if (given == 1)
    return llvm::Error::success();
  return usageError("expected one of " + names + ", got " + (given ? "several" : "none"));
}

bool CommandLine::Option::isNamed(StringRef name) const {
  return llvm::is_contained(llvm::split(names, ","), name);
}

void CommandLine::positional(StringRef name, StringRef help, std::string &target) {
  positionalName = name.str();
  positionalHelp = help.str();
  positionalTarget = &target;
}

void CommandLine::flag(StringRef names, StringRef help, bool &target) {
  options.push_back({names.str(), "", help.str(), [&target](StringRef) {
                       target = true;
                       return llvm::Error::success();
                     }});
}

void CommandLine::text(StringRef names, StringRef value, StringRef help, std::string &target) {
  std::string shown = target.empty() ? help.str() : (help + " (default: " + target + ")").str();
  auto set = [&target, names = names.str(), value = value.str()](StringRef given) -> llvm::Error {
    target = given.str();
    if (target.empty())
      return usageError(names + " expects " + value + ", got ''");
    return llvm::Error::success();
  };
  options.push_back({names.str(), value.str(), shown, set});
}

void CommandLine::output(StringRef names, StringRef value, StringRef help, std::string &target) {
  text(names, value, (help + "; - for stdout").str(), target);
  options.back().set = [set = options.back().set](StringRef given) {
    return set(given == "-" ? "/dev/stdout" : given);
  };
}

void CommandLine::text(StringRef names, StringRef value, StringRef help,
                       std::optional<std::string> &target) {
  options.push_back({names.str(), value.str(), help.str(), [&target](StringRef given) {
                       target = given.str();
                       return llvm::Error::success();
                     }});
}

void CommandLine::file(StringRef names, StringRef help, std::optional<std::string> &target) {
  auto set = [&target, names = names.str()](StringRef given) -> llvm::Error {
    target = given.str();
    return given.empty() ? usageError(names + " expects FILE, got ''") : llvm::Error::success();
  };
  options.push_back({names.str(), "FILE", help.str(), set});
}

void CommandLine::choice(StringRef names, llvm::ArrayRef<StringRef> values, StringRef help,
                         std::string &target) {
  auto set = [names = names.str(), values = llvm::SmallVector<StringRef>(values),
              &target](StringRef given) -> llvm::Error {
    target = given.str();
    if (llvm::is_contained(values, given))
      return llvm::Error::success();
    return usageError(names + " expects " + llvm::join(values, " or ") + ", got '" + given + "'");
  };
  options.push_back({names.str(), llvm::join(values, "|"), help.str(), set, values.front().str()});
}

/// "512M" in bytes; none if it is no such number or more than an int64_t holds.
static std::optional<int64_t> parseBytes(StringRef text) {
  static constexpr StringRef suffixes = "KMGT";
  unsigned power = 0;
  if (!text.empty() && suffixes.contains(text.back())) {
    power = suffixes.find(text.back()) + 1;
    text = text.drop_back();
  }
  int64_t count = 0, bytes = 0;
  if (!llvm::to_integer(text, count, 10) || count < 1 ||
      llvm::MulOverflow(count, int64_t(1) << (10 * power), bytes))
    return std::nullopt;
  return bytes;
}

void CommandLine::bytes(StringRef names, StringRef help, int64_t &target) {
  options.push_back({names.str(), "N[K|M|G|T]", help.str(),
                     [names = names.str(), &target](StringRef given) -> llvm::Error {
                       std::optional<int64_t> count = parseBytes(given);
                       if (!count)
                         return usageError(names +
                                           " expects a number of bytes above 0, such as "
                                           "512M, got '" +
                                           given + "'");
                       target = *count;
                       return llvm::Error::success();
                     }});
}

void CommandLine::integer(StringRef names, StringRef value, StringRef help, int64_t minimum,
                          int64_t &target) {
  auto set = [=, &target, names = names.str()](StringRef given) -> llvm::Error {
    if (!llvm::to_integer(given, target, 10) || target < minimum)
      return usageError(names + " expects an integer of at least " + Twine(minimum) + ", got '" +
                        given + "'");
    return llvm::Error::success();
  };
  options.push_back(
      {names.str(), value.str(), (help + " (default: " + Twine(target) + ")").str(), set});
}

void CommandLine::model(std::string &target) {
  positional("MODEL", "a .fov file, an .mlir file or a model directory", target);
}

void CommandLine::seed(int64_t &target) {
  integer("-s,--seed", "N", "seed of the random inputs and weights", 0, target);
}

void CommandLine::cpu(std::string &target) {
  text("--target-cpu", "CPU", "CPU to compile for, as LLVM names it", target);
}

void CommandLine::route(std::string &target) {
  text("--route", "ROUTE", "fast, or reference: plain loops", target);
}

void CommandLine::quantize(std::string &target) {
  text("--quantize", "FORMAT", "hold weights of products as q8 or q4", target);
}

void CommandLine::cache(int64_t &chunkSize, std::string &cacheType) {
  integer("--chunk-size", "N",
          "tokens of the prompt to process at once; 0: up to 512, fewer where weights are small", 0,
          chunkSize);
  text("--cache-type", "TYPE", "keys and values in the cache: f32, f16, bf16 or q8", cacheType);
}

void CommandLine::threads(int64_t &target) {
  // More would take longer to start than any kernel runs.
  constexpr int64_t most = 1024;
  auto set = [&target](StringRef given) -> llvm::Error {
    if (!llvm::to_integer(given, target, 10) || target < 0 || target > most)
      return usageError("-t,--threads expects an integer from 0 to " + Twine(most) + ", got '" +
                        given + "'");
    return llvm::Error::success();
  };
  options.push_back({"-t,--threads", "N", "threads; 0 is one for each CPU (default: 0)", set});
}

void CommandLine::repeated(StringRef names, StringRef value, StringRef help,
                           std::vector<std::string> &target) {
  options.push_back(
      {names.str(), value.str(), (help + "; may be repeated").str(), [&target](StringRef given) {
         target.push_back(given.str());
         return llvm::Error::success();
       }});
  options.back().isRepeated = true;
}

CommandLine::Option *CommandLine::find(StringRef name) {
  auto it = llvm::find_if(options, [&](const Option &option) { return option.isNamed(name); });
  return it == options.end() ? nullptr : &*it;
}

llvm::Error CommandLine::unknownOption(StringRef name) const {
  std::vector<std::string> candidates = {"--help"};
  for (const Option &option : options)
    for (StringRef candidate : llvm::split(option.names, ","))
      candidates.push_back(candidate.str());
  std::optional<std::string> nearest = findNearest(name, candidates);
  return usageError("unknown option '" + name + "'" +
                    (nearest ? "; did you mean '" + *nearest + "'?" : ""));
}

llvm::Error CommandLine::parsePositional(StringRef argument) {
  if (!positionalTarget)
    return usageError("unexpected argument '" + argument + "'");
  if (positionalGiven)
    return usageError("expected one " + positionalName + ", got '" + *positionalTarget + "' and '" +
                      argument + "'");
  if (argument.empty())
    return usageError("expected " + positionalName + ", got ''");
  *positionalTarget = argument.str();
  positionalGiven = true;
  return llvm::Error::success();
}

/// A second value would silently replace the first.
llvm::Error CommandLine::setOption(Option &option, StringRef value) {
  if (!option.isRepeated && option.given && *option.given != value)
    return usageError(option.names + " was given twice, as '" + *option.given + "' and '" + value +
                      "'");
  option.given = value.str();
  return option.set(value);
}

/// An option and, where it takes one that is not part of `argument`, its value, which is the first
/// of `following` and then taken from them.
llvm::Error CommandLine::parseOption(StringRef argument, llvm::ArrayRef<const char *> &following) {
  auto [name, value] = argument.split('=');
  bool hasValue = name.size() != argument.size();
  Option *option = find(name);
  if (!option)
    return unknownOption(name);
  if (!option->takesValue() && hasValue)
    return usageError(name + " takes no value, got '" + value + "'");
  if (option->takesValue() && !hasValue && !option->implied.empty()) {
    value = option->implied;
  } else if (option->takesValue() && !hasValue) {
    if (following.empty())
      return usageError(name + " expects a value: " + name + " " + option->value);
    value = following.consume_front();
  }
  return setOption(*option, value);
}

llvm::Expected<bool> CommandLine::parse(llvm::ArrayRef<const char *> arguments) {
  bool mayBeOptions = true;
  while (!arguments.empty()) {
    StringRef argument = arguments.consume_front();
    bool isOption = mayBeOptions && argument.starts_with("-") && argument != "-";
    if (isOption && (argument == "--help" || argument == "-h")) {
      printHelp(llvm::outs());
      return false;
    }
    if (isOption && argument == "--") {
      mayBeOptions = false;
      continue;
    }
    if (llvm::Error error = isOption ? parseOption(argument, arguments) : parsePositional(argument))
      return std::move(error);
  }
  if (positionalTarget && !positionalGiven)
    return usageError("expected " + positionalName);
  return true;
}

void CommandLine::printHelp(llvm::raw_ostream &os) const {
  os << summary << "\n\nusage: fovea " << command;
  if (positionalTarget)
    os << " " << positionalName;
  os << " [options]\n\n";
  auto print = [&](StringRef left, StringRef help) {
    os << llvm::format("  %-28s ", left.str().c_str()) << help << "\n";
  };
  if (positionalTarget)
    print(positionalName, positionalHelp);
  for (const Option &option : options) {
    std::string names = llvm::join(llvm::split(option.names, ","), ", ");
    print(!option.implied.empty() ? names + "[=" + option.value + "]"
          : option.takesValue()   ? names + " " + option.value
                                  : names,
          option.help);
  }
  print("-h, --help", "print this and exit");
}

llvm::Expected<std::pair<std::string, std::string>> tool::splitAssignment(StringRef text) {
  auto [name, value] = text.split('=');
  if (name.empty() || name.size() == text.size())
    return usageError("--set expects NAME=VALUE, got '" + text + "'");
  return std::pair(name.str(), value.str());
}

std::optional<std::string> tool::findNearest(StringRef name,
                                             llvm::ArrayRef<std::string> candidates) {
  // A third of the letters may differ: beyond that the words have nothing in common.
  unsigned best = name.size() / 3 + 1;
  std::optional<std::string> nearest;
  for (const std::string &candidate : candidates) {
    unsigned distance = name.edit_distance(candidate, /*AllowReplacements=*/true, best);
    if (distance < best || (distance == best && !nearest)) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}
