// The 2^x of the attention kernels, compiled alone: the same emitter in passes/Exp2Polynomial, the
// same code generator, a loop over vectors around it.
#ifndef FOVEA_BENCH_EXP2_COMPILEDEXP2_H
#define FOVEA_BENCH_EXP2_COMPILEDEXP2_H

#include "runtime/Jit.h"
#include "llvm/Support/Error.h"

namespace fovea::bench {

class CompiledExp2 {
public:
  /// For the CPU that this runs on, with or without fused multiply-adds.
  static llvm::Expected<CompiledExp2> create(bool fusedMultiplyAdd);

  /// A block of arguments.
  static constexpr int64_t blockSize = 4096;

  /// results[i] = 2^arguments[i] for a block, which is aligned to 64 bytes.
  void operator()(const float *arguments, float *results) const { function(arguments, results); }

private:
  using Function = void(const float *, float *);
  CompiledExp2(Jit jit, Function *function) : jit(std::move(jit)), function(function) {}

  Jit jit;
  Function *function;
};

} // namespace fovea::bench

#endif // FOVEA_BENCH_EXP2_COMPILEDEXP2_H
