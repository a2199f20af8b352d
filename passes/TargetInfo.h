// What code generation must know of a CPU. Tile and register shapes are derived from this
// table; no pass holds a constant of a particular machine.
#ifndef FOVEA_PASSES_TARGETINFO_H
#define FOVEA_PASSES_TARGETINFO_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace mlir {
class Operation;
}

namespace fovea {

/// Bytes of a cache line of every target here.
constexpr int64_t cacheLine = 64;

struct TargetInfo {
  llvm::StringRef name;
  int64_t vectorBits;      // width of one vector register
  int64_t vectorRegisters; // architectural vector registers
  int64_t l1Bytes;         // level-1 data cache of one core
  int64_t l2Bytes;         // level-2 cache of one core
  int64_t cacheBytes;      // last-level cache that a few cores share
  bool fusedMultiplyAdd;   // x * y + z in one instruction; else LLVM would call a function for it
  bool freeWidening;       // narrow floats are widened by units that multiply-adds leave idle
  bool rowBroadcasts;      // broadcasts of an element of each of several rows take no longer than
                           // those of as many neighbours
  /// The LLVM intrinsic that multiplies a register of i16 by another and adds neighbours up to i32
  /// (with the sum that follows one instruction where the CPU has VNNI); empty if there is none.
  llvm::StringRef pairProduct;
  /// The LLVM intrinsic that multiplies a register of f32 by powers of two; empty if there is none.
  llvm::StringRef multiplyByPower;

  /// Whether code for it has instructions by name that a CPU of row `cpu` lacks. Vectors that are
  /// too wide are no such: they become several.
  bool exceeds(const TargetInfo &cpu) const {
    return vectorBits > cpu.vectorBits && !(pairProduct.empty() && multiplyByPower.empty());
  }

  /// Lanes of a vector of elements of the given width, e.g. 8 for f32 with AVX2.
  int64_t lanes(int64_t elementBits) const { return vectorBits / elementBits; }
};

/// All known targets; the first is the baseline that any 64-bit CPU can run.
llvm::ArrayRef<TargetInfo> allTargets();

/// The target of that name, or null.
const TargetInfo *findTarget(llvm::StringRef name);

/// The same for a pass: an error at the op it runs on names those there are.
const TargetInfo *requireTarget(mlir::Operation *op, llvm::StringRef name);

/// The best target for a CPU with these LLVM feature names (such as "avx2", "fma", "neon").
const TargetInfo &targetForFeatures(llvm::ArrayRef<llvm::StringRef> features);

} // namespace fovea

#endif // FOVEA_PASSES_TARGETINFO_H
