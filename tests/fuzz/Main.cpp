// fovea-fuzz: draws programs, attention or other graphs, and looks for one on which the routes
// disagree. A failure is shrunk and printed as a description; exit status 1.
#include "tests/fuzz/Routes.h"
#include "tests/fuzz/Shrink.h"
#include "tests/fuzz/attention/GenerateAttention.h"
#include "tests/fuzz/graph/GenerateGraph.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <atomic>
#include <chrono>

using namespace fovea;
using namespace fovea::fuzz;

static llvm::cl::OptionCategory category("fovea-fuzz");
static llvm::cl::opt<uint64_t> firstSeed("s",
                                         llvm::cl::desc("seed of the first program (default 0)"),
                                         llvm::cl::cat(category));
static llvm::cl::opt<uint64_t> count("count", llvm::cl::desc("programs to try (default 100)"),
                                     llvm::cl::init(100), llvm::cl::cat(category));
static llvm::cl::opt<uint64_t>
    seconds("seconds", llvm::cl::desc("stop after so many seconds instead (default: no limit)"),
            llvm::cl::cat(category));
static llvm::cl::opt<bool> drawsGraphs("graphs", llvm::cl::desc("draw graphs without attention"),
                                       llvm::cl::cat(category));
static llvm::cl::opt<bool> onlyPrint("print", llvm::cl::desc("print the programs, run none"),
                                     llvm::cl::cat(category));

/// Linking takes longer than all else of a small program.
static constexpr uint64_t programsPerLibrary = 8;

/// Of the program that runs, for the message about a crash.
static std::atomic<uint64_t> currentSeed;

template <typename Program>
static std::string findFault(const Program &program, bool sharedLibrary) {
  llvm::Expected<Case> made = makeCase(program);
  return made ? findFault(*made, sharedLibrary) : "tensors: " + llvm::toString(made.takeError());
}

/// Smaller programs must fail on the same route: one that slices more than there is fails too.
template <typename Program>
static void report(uint64_t seed, const Program &program, bool sharedLibrary,
                   llvm::StringRef fault) {
  llvm::outs() << "seed " << seed << ": " << fault << "\n" << program.str() << "\nshrinking\n";
  llvm::StringRef route = fault.split(':').first;
  Program smallest = shrink<Program>(program, [&](const Program &p) {
    return llvm::StringRef(findFault(p, sharedLibrary)).split(':').first == route;
  });
  llvm::outs() << "\nsmallest: " << findFault(smallest, sharedLibrary) << "\n" << smallest.str();
  for (const auto &[name, size] : smallest.openSizes())
    llvm::outs() << "# --set " << name << "=" << size << "\n";
}

template <typename Program>
static int run(llvm::function_ref<Program(uint64_t seed)> generate) {
  auto start = std::chrono::steady_clock::now();
  auto isOver = [&](uint64_t done) {
    if (seconds == 0)
      return done == count;
    return std::chrono::steady_clock::now() - start > std::chrono::seconds(seconds);
  };
  uint64_t done = 0;
  for (; !isOver(done); ++done) {
    uint64_t seed = currentSeed = firstSeed + done;
    Program program = generate(seed);
    if (onlyPrint) {
      llvm::outs() << "# seed " << seed << "\n" << program.str() << "\n";
      continue;
    }
    bool sharedLibrary = done % programsPerLibrary == 0;
    if (std::string fault = findFault(program, sharedLibrary); !fault.empty()) {
      report(seed, program, sharedLibrary, fault);
      return 1;
    }
  }
  if (!onlyPrint)
    llvm::outs() << done << " programs: all routes agree\n";
  return 0;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::sys::AddSignalHandler(
      [](void *) { llvm::errs() << "crashed on seed " << currentSeed << "\n"; }, nullptr);
  llvm::cl::HideUnrelatedOptions(category);
  llvm::cl::ParseCommandLineOptions(argc, argv, "random programs by every route\n");
  return drawsGraphs ? run<GraphProgram>(generateGraph) : run<AttentionProgram>(generateAttention);
}
