// What the machine can do at this moment: the rates that results are compared with. The machine
// may be shared and its speed move within seconds, so a ceiling is measured in a few milliseconds
// and as often as wanted, in turns with what is compared with it.
#ifndef FOVEA_BENCH_PEAKS_CEILINGS_H
#define FOVEA_BENCH_PEAKS_CEILINGS_H

#include "runtime/ThreadPool.h"
#include "runtime/tensor/Tensor.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <vector>

namespace fovea::bench {

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
  /// Ceilings of that many threads, multiply-adds in vectors of `vectorBits` bits. An error if the
  /// system refuses the threads.
  static llvm::Expected<std::unique_ptr<Ceilings>> create(unsigned threads, int64_t vectorBits);

  /// Makes the memory that `bound` is measured with; call it once before `measure`.
  llvm::Error prepare(Bound bound);

  /// The rate now of all threads, per second: floating-point operations for Fma, else bytes; a copy
  /// counts what it reads and what it writes. Memory is taken in pieces of some 10 us and the
  /// middle one counts: in a virtual machine who first touches a page may wait for it.
  double measure(Bound bound);

  unsigned threads() const { return pool.size(); }

private:
  Ceilings(unsigned threads, int64_t vectorBits)
      : pool(threads), vectorBits(vectorBits), positions(threads) {}

  /// Runs `piece(share)`, which returns how much it did, over and over on all threads, each with a
  /// share of its own, for some milliseconds. The rate is that of the middle piece, or of all.
  double rateOf(bool takeMiddle, llvm::function_ref<double(int64_t share)> piece);
  double readRate(int64_t bytes, int64_t pieceBytes);
  double copyRate();

  /// The next piece of a share's part of the first `bytes` of the memory, round and round.
  char *nextPiece(int64_t share, int64_t bytes, int64_t pieceBytes);

  ThreadPool pool;
  int64_t vectorBits;
  std::vector<int64_t> positions; // of each share
  std::shared_ptr<Tensor> memory;
};

} // namespace fovea::bench

#endif // FOVEA_BENCH_PEAKS_CEILINGS_H
