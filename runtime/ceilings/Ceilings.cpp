#include "runtime/ceilings/Ceilings.h"
#include "runtime/CodeGen.h"
#include "runtime/Median.h"
#include "runtime/Memory.h"
#include "runtime/Stopwatch.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"
#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>

using namespace fovea;

/// Short enough to be taken often, long enough for tens of pieces.
static constexpr double measuringSeconds = 2e-3;

static constexpr size_t fewestPieces = 9;

static constexpr int64_t unknownCacheBytes = int64_t(32) << 20;
static constexpr int64_t memoryPiece = int64_t(1) << 20;
static constexpr int64_t cachePiece = int64_t(1) << 18;

/// Of a PeakMeter.
static constexpr int tries = 5;

const char *fovea::describe(Bound bound) {
  switch (bound) {
  case Bound::Fma:
    return "FMA peak";
  case Bound::ReadMemory:
    return "memory read";
  case Bound::ReadCache:
    return "cache read";
  case Bound::Copy:
    return "memory copy";
  }
  return "";
}

/// "32768K" as bytes; 0 for anything else.
static int64_t parseSize(llvm::StringRef text) {
  text = text.trim();
  int64_t unit = text.consume_back("K") ? 1 << 10 : text.consume_back("M") ? 1 << 20 : 1;
  int64_t size = 0;
  return text.getAsInteger(10, size) ? 0 : size * unit;
}

int64_t fovea::lastLevelCacheBytes() {
  int64_t largest = 0;
  for (int index = 0;; ++index) {
    auto file = llvm::MemoryBuffer::getFileAsStream("/sys/devices/system/cpu/cpu0/cache/index" +
                                                    llvm::Twine(index) + "/size");
    if (!file)
      break;
    largest = std::max(largest, parseSize((*file)->getBuffer()));
  }
  return largest ? largest : unknownCacheBytes;
}

Bound fovea::readBound(double bytes) {
  // Other data wants some of the cache as well.
  return bytes <= 0.75 * static_cast<double>(lastLevelCacheBytes()) ? Bound::ReadCache
                                                                    : Bound::ReadMemory;
}

llvm::Expected<std::unique_ptr<Ceilings>> Ceilings::create(unsigned threads, int64_t vectorBits,
                                                           int64_t memoryBytes) {
  const StreamLoops *loops = findStreamLoops(vectorBits);
  if (!loops)
    return llvm::createStringError("expected vectors of " + llvm::Twine(vectorBits) +
                                   " bits, but this machine has none");
  std::unique_ptr<Ceilings> ceilings(new Ceilings(threads, *loops, memoryBytes));
  if (ceilings->pool.size() != threads)
    return llvm::createStringError("expected " + llvm::Twine(threads) +
                                   " threads, but the system gave " +
                                   llvm::Twine(ceilings->pool.size()));
  return ceilings;
}

llvm::Error Ceilings::prepare(Bound bound) {
  if (bound == Bound::Fma || memory)
    return llvm::Error::success();
  // One for all numbers of threads.
  static std::weak_ptr<Tensor> shared;
  memory = shared.lock();
  if (memory && static_cast<int64_t>(memory->numBytes()) == memoryBytes)
    return llvm::Error::success();
  llvm::Expected<Tensor> made = Tensor::createUninitialized(DataType::U8, {memoryBytes});
  if (!made)
    return made.takeError();
  // Pages that were never written are all the same one.
  std::memset(made->data(), 1, memoryBytes);
  memory = std::make_shared<Tensor>(std::move(*made));
  shared = memory;
  return llvm::Error::success();
}

namespace {
/// One measurement on all threads of a pool, which begin together.
struct RateLoop {
  llvm::function_ref<double(int64_t)> piece;
  std::vector<double> rates; // of each thread
  std::atomic<unsigned> begun{0};

  RateLoop(llvm::function_ref<double(int64_t)> piece, unsigned threads)
      : piece(piece), rates(threads) {}

  void run(int64_t index);
};
} // namespace

void RateLoop::run(int64_t index) {
  begun.fetch_add(1);
  while (begun.load() < rates.size())
    ;
  Clock::time_point start = Clock::now();
  double done = 0, seconds = 0;
  for (size_t pieces = 0; seconds < measuringSeconds || pieces < fewestPieces; ++pieces) {
    done += piece(index);
    seconds = secondsSince(start);
  }
  rates[index] = done / seconds;
}

double Ceilings::rateOf(llvm::function_ref<double(int64_t)> piece) {
  RateLoop loop(piece, pool.size());
  pool.parallelFor(
      pool.size(),
      [](void *closure, int64_t begin, int64_t end, int64_t) {
        for (int64_t share = begin; share < end; ++share)
          static_cast<RateLoop *>(closure)->run(share);
      },
      &loop);
  return std::accumulate(loop.rates.begin(), loop.rates.end(), 0.0);
}

char *Ceilings::nextPiece(int64_t share, int64_t bytes, int64_t pieceBytes) {
  int64_t part = llvm::alignDown(bytes / pool.size(), pieceBytes);
  int64_t begin = positions[share] + pieceBytes <= part ? positions[share] : 0;
  positions[share] = begin + pieceBytes;
  return memory->dataAs<char>() + share * part + begin;
}

double Ceilings::readRate(int64_t bytes, int64_t pieceBytes) {
  return rateOf([&](int64_t share) {
    auto *data = reinterpret_cast<const float *>(nextPiece(share, bytes, pieceBytes));
    loops.readFloats(data, pieceBytes / sizeof(float));
    return static_cast<double>(pieceBytes);
  });
}

double Ceilings::copyRate() {
  return rateOf([&](int64_t share) {
    auto *from = reinterpret_cast<float *>(nextPiece(share, memoryBytes, 2 * memoryPiece));
    constexpr int64_t count = memoryPiece / sizeof(float);
    loops.copyFloats(from + count, from, count);
    return 2.0 * memoryPiece;
  });
}

double Ceilings::measure(Bound bound) {
  switch (bound) {
  case Bound::Fma:
    return rateOf([&](int64_t) { return loops.runFmaChains(10000); });
  case Bound::ReadMemory:
    return readRate(memoryBytes, memoryPiece);
  case Bound::ReadCache:
    // Once unmeasured, for what was in the cache may not be any more.
    readRate(lastLevelCacheBytes() / 2, cachePiece);
    return readRate(lastLevelCacheBytes() / 2, cachePiece);
  case Bound::Copy:
    return copyRate();
  }
  return 0;
}

llvm::Expected<PeakMeter> PeakMeter::create(unsigned threads, llvm::StringRef cpu) {
  auto machine = createTargetMachine("", cpu, 2);
  if (!machine)
    return machine.takeError();
  int64_t bytes = std::min(Ceilings::defaultMemoryBytes, physicalMemory() / 8);
  auto ceilings = Ceilings::create(threads, targetOf(**machine).vectorBits, bytes);
  if (!ceilings)
    return ceilings.takeError();
  if (llvm::Error error = (*ceilings)->prepare(Bound::ReadMemory))
    return std::move(error);
  return PeakMeter(std::move(*ceilings));
}

PeakRates PeakMeter::measure() {
  PeakRates rates;
  std::vector<double> bytes;
  for (int i = 0; i < tries; ++i)
    rates.operations = std::max(rates.operations, ceilings->measure(Bound::Fma));
  for (int i = 0; i < tries; ++i)
    bytes.push_back(ceilings->measure(Bound::ReadMemory));
  rates.bytes = median(std::move(bytes));
  return rates;
}

llvm::Expected<PeakRates> fovea::measurePeaks(unsigned threads, llvm::StringRef cpu) {
  auto meter = PeakMeter::create(threads, cpu);
  if (!meter)
    return meter.takeError();
  return meter->measure();
}
