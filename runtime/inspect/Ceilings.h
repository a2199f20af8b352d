// What the machine can do at most, measured in a fraction of a second.
#ifndef FOVEA_RUNTIME_INSPECT_CEILINGS_H
#define FOVEA_RUNTIME_INSPECT_CEILINGS_H

#include "llvm/Support/Error.h"
#include <string>

namespace fovea {

class ThreadPool;

struct Ceilings {
  double operations = 0; // floating-point operations a second, in registers, of f32
  double bytes = 0;      // a second, read from memory
};

/// Multiply-adds in registers, compiled for `cpu` as LLVM names it, and reads of memory that no
/// cache holds, on all threads of the pool. The best of several tries, since others may be at work.
llvm::Expected<Ceilings> measureCeilings(ThreadPool &pool, llvm::StringRef cpu);

} // namespace fovea

#endif // FOVEA_RUNTIME_INSPECT_CEILINGS_H
