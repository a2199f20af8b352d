// fovea-exp-ulp: the 2^x of the attention kernels against float64 on every float that it takes,
// which are those up to 127, -inf and NaN. Prints the largest errors, in units in the last place
// and relative to the result, and fails if they exceed the bounds below.
#include "bench/exp2/CompiledExp2.h"
#include "runtime/ThreadPool.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <bit>
#include <cmath>
#include <limits>

using namespace fovea;
using namespace fovea::bench;

static constexpr int64_t blockSize = CompiledExp2::blockSize;

namespace {
/// Floats from `first` to `last` away from zero, which are consecutive as bits.
struct Section {
  const char *description;
  float first, last;
  bool isNormal; // the results
};

struct Worst {
  double ulps = 0, relative = 0;
  float argument = 0; // of the most units

  void add(const Worst &other) {
    relative = std::max(relative, other.relative);
    if (other.ulps <= ulps)
      return;
    ulps = other.ulps;
    argument = other.argument;
  }
};
} // namespace

static constexpr Section sections[] = {
    {"[-126, 0]", -0.0f, -126.0f, true},
    {"(0, 127]", 0.0f, 127.0f, true},
    {"[-127, -126)", std::bit_cast<float>(std::bit_cast<uint32_t>(-126.0f) + 1), -127.0f, false},
};

/// In units in the last place. Just below -126 the exact result is subnormal and the computed one
/// may be 0: then the error is up to the smallest normal float, which is 2^23 units.
static double boundOf(const Section &section, bool fused) {
  if (!section.isNormal)
    return 0x1p23;
  return fused ? 2.4 : 2.7;
}

static double ulpOf(double exact) {
  int exponent = std::max(std::ilogb(exact), -126);
  return std::ldexp(1.0, exponent - 23);
}

namespace {
/// All floats of a section, or every `stride`-th, in blocks that threads share.
class Sweep {
public:
  Sweep(const CompiledExp2 &exp2, const Section &section, uint32_t stride, ThreadPool &pool)
      : exp2(exp2), begin(std::bit_cast<uint32_t>(section.first)),
        count((std::bit_cast<uint32_t>(section.last) - begin) / stride + 1), stride(stride),
        pool(pool), worst(pool.size()) {}

  Worst run();
  int64_t size() const { return count; }

private:
  static void runBlocks(void *self, int64_t begin, int64_t end, int64_t worker);
  void runBlock(int64_t block, Worst &worst) const;

  const CompiledExp2 &exp2;
  uint32_t begin;
  int64_t count;
  uint32_t stride;
  ThreadPool &pool;
  std::vector<Worst> worst; // of each worker
};
} // namespace

void Sweep::runBlock(int64_t block, Worst &worst) const {
  alignas(64) float arguments[blockSize], results[blockSize];
  int64_t first = block * blockSize;
  for (int64_t i = 0; i < blockSize; ++i) {
    auto index = static_cast<uint32_t>(std::min(first + i, count - 1));
    arguments[i] = std::bit_cast<float>(begin + index * stride);
  }
  exp2(arguments, results);
  for (int64_t i = 0; i < blockSize; ++i) {
    double exact = std::exp2(static_cast<double>(arguments[i]));
    double error = std::isnan(results[i]) ? HUGE_VAL : std::abs(results[i] - exact);
    worst.add({error / ulpOf(exact), error / exact, arguments[i]});
  }
}

void Sweep::runBlocks(void *self, int64_t begin, int64_t end, int64_t worker) {
  auto *sweep = static_cast<Sweep *>(self);
  for (int64_t block = begin; block < end; ++block)
    sweep->runBlock(block, sweep->worst[worker]);
}

Worst Sweep::run() {
  pool.parallelFor((count - 1) / blockSize + 1, runBlocks, this);
  Worst all;
  for (const Worst &one : worst)
    all.add(one);
  return all;
}

/// Results that must be exact.
static bool checkLimits(const CompiledExp2 &exp2) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const float below = std::nextafter(-126.5f, -infinity);
  alignas(64) float arguments[blockSize] = {0.0f,  -0.0f,     1.0f,   -1.0f,
                                            below, -infinity, -1e30f, std::nanf("")};
  const float expected[] = {1, 1, 2, 0.5f, 0, 0, 0, std::nanf("")};
  alignas(64) float results[blockSize];
  exp2(arguments, results);
  bool good = true;
  for (size_t i = 0; i < std::size(expected); ++i) {
    if (results[i] == expected[i] || (std::isnan(results[i]) && std::isnan(expected[i])))
      continue;
    llvm::outs() << "exp2(" << arguments[i] << ") is " << results[i] << ", not " << expected[i]
                 << "\n";
    good = false;
  }
  return good;
}

static bool sweepAll(const CompiledExp2 &exp2, bool fused, uint32_t stride) {
  ThreadPool pool(0);
  bool good = checkLimits(exp2);
  for (const Section &section : sections) {
    Sweep sweep(exp2, section, stride, pool);
    Worst worst = sweep.run();
    double bound = boundOf(section, fused);
    bool holds = worst.ulps <= bound;
    llvm::outs() << llvm::format("%-14s %10lld floats: %.4g ULP at %a, %.3g of the result ",
                                 section.description, static_cast<long long>(sweep.size()),
                                 worst.ulps, worst.argument, worst.relative)
                 << llvm::format("(bound %.3g ULP): ", bound) << (holds ? "holds" : "FAILS")
                 << "\n";
    good &= holds;
  }
  return good;
}

int main(int argc, char **argv) {
  uint32_t stride = 1;
  for (llvm::StringRef argument : llvm::ArrayRef(argv, argc).drop_front()) {
    if (!argument.consume_front("--stride=") || argument.getAsInteger(10, stride) || stride == 0) {
      llvm::errs()
          << "usage: fovea-exp-ulp [--stride=N]\n"
          << "Checks 2^x of the attention kernels on every Nth float, by default on all.\n";
      return 2;
    }
  }
  bool good = true;
  for (bool fused : {true, false}) {
    llvm::outs() << (fused ? "with" : "without") << " fused multiply-adds\n";
    llvm::Expected<CompiledExp2> exp2 = CompiledExp2::create(fused);
    if (!exp2) {
      llvm::errs() << "fovea-exp-ulp: " << llvm::toString(exp2.takeError()) << "\n";
      return 1;
    }
    good &= sweepAll(*exp2, fused, stride);
  }
  return good ? 0 : 1;
}
