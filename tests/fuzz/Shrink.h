// From a program that fails to a smaller one that fails still.
#ifndef FOVEA_TESTS_FUZZ_SHRINK_H
#define FOVEA_TESTS_FUZZ_SHRINK_H

#include "llvm/ADT/STLFunctionalExtras.h"

namespace fovea::fuzz {

/// Takes simplifications as long as `fails` holds; none of those left does when it returns.
/// `simplerPrograms` gives programs that are simpler by one step, the largest steps first. Calls
/// `fails` at most `maxTries` times.
template <typename Program>
Program shrink(Program program, llvm::function_ref<bool(const Program &)> fails,
               int maxTries = 400) {
  bool smaller = true;
  while (smaller) {
    smaller = false;
    for (const Program &candidate : simplerPrograms(program)) {
      if (maxTries-- == 0)
        return program;
      if (!fails(candidate))
        continue;
      program = candidate;
      smaller = true;
      break;
    }
  }
  return program;
}

} // namespace fovea::fuzz

#endif // FOVEA_TESTS_FUZZ_SHRINK_H
