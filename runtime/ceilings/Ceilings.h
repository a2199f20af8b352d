// What the machine can do at this moment: the rates that results are compared with. The machine
// may be shared and its speed move within seconds, so a ceiling is measured in a few milliseconds
// and as often as wanted, in turns with what is compared with it.
#ifndef FOVEA_RUNTIME_CEILINGS_CEILINGS_H
#define FOVEA_RUNTIME_CEILINGS_CEILINGS_H

#include "runtime/ThreadPool.h"
#include "runtime/ceilings/Streams.h"
#include "runtime/tensor/Tensor.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <vector>

namespace fovea {

/// What bounds a computation.
enum class Bound {
  Fma,        // multiply-adds in registers
  ReadMemory, // reading what no cache holds
  ReadCache,  // reading what the last-level cache holds
  Copy        // one read and one write of memory
};

/// "FMA peak", "memory read", ...
const char *describe(Bound bound);

/// Bytes of the largest cache that the system reports; 32 MiB if it reports none, as in some
/// virtual machines.
int64_t lastLevelCacheBytes();

/// What bounds reading that many bytes over and over.
Bound readBound(double bytes);

class Ceilings {
public:
  /// More than any cache holds.
  static constexpr int64_t defaultMemoryBytes = int64_t(1) << 30;

  /// Ceilings of that many threads with vectors of `vectorBits` bits. An error if the system
  /// refuses the threads or the machine has no such vectors.
  static llvm::Expected<std::unique_ptr<Ceilings>> create(unsigned threads, int64_t vectorBits,
                                                          int64_t memoryBytes = defaultMemoryBytes);

  /// Makes the memory that `bound` is measured with; call it once before `measure`.
  llvm::Error prepare(Bound bound);

  /// The rate now of all threads, per second: floating-point operations for Fma, else bytes; a copy
  /// counts what it reads and what it writes.
  double measure(Bound bound);

  unsigned threads() const { return pool.size(); }

private:
  Ceilings(unsigned threads, const StreamLoops &loops, int64_t memoryBytes)
      : pool(threads), loops(loops), memoryBytes(memoryBytes), positions(threads) {}

  /// Runs `piece(share)`, which returns how much it did, over and over on all threads, each with a
  /// share of its own, for some milliseconds.
  double rateOf(llvm::function_ref<double(int64_t share)> piece);
  double readRate(int64_t bytes, int64_t pieceBytes);
  double copyRate();

  /// The next piece of a share's part of the first `bytes` of the memory, round and round.
  char *nextPiece(int64_t share, int64_t bytes, int64_t pieceBytes);

  ThreadPool pool;
  const StreamLoops &loops;
  int64_t memoryBytes;
  std::vector<int64_t> positions; // of each share
  std::shared_ptr<Tensor> memory;
};

/// What a model's run is held against.
struct PeakRates {
  double operations = 0; // floating-point operations a second, in registers, of f32
  double bytes = 0;      // a second, read from memory
};

/// Measures peaks again and again, in turns with what is held against them.
class PeakMeter {
public:
  /// For that many threads and code compiled for `cpu` as LLVM names it. What reading memory is
  /// measured on is much more than caches hold, whatever the size of what is held against it.
  static llvm::Expected<PeakMeter> create(unsigned threads, llvm::StringRef cpu);

  /// Of several tries, some hundredths of a second: the best for operations, since others may be at
  /// work; the middle one for bytes, as what memory gives moves by itself, and no one reads as fast
  /// as in the best moments for long.
  PeakRates measure();

private:
  explicit PeakMeter(std::unique_ptr<Ceilings> ceilings) : ceilings(std::move(ceilings)) {}

  std::unique_ptr<Ceilings> ceilings;
};

/// What a PeakMeter says once.
llvm::Expected<PeakRates> measurePeaks(unsigned threads, llvm::StringRef cpu);

} // namespace fovea

#endif // FOVEA_RUNTIME_CEILINGS_CEILINGS_H
