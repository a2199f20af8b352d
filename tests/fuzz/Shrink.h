// From a program that fails to a smaller one that fails still.
#ifndef FOVEA_TESTS_FUZZ_SHRINK_H
#define FOVEA_TESTS_FUZZ_SHRINK_H

#include "tests/fuzz/Program.h"

namespace fovea::fuzz {

/// Takes simplifications as long as `fails` holds; none of those left does when it returns. Calls
/// `fails` at most `maxTries` times.
Program shrink(Program program, llvm::function_ref<bool(const Program &)> fails,
               int maxTries = 400);

} // namespace fovea::fuzz

#endif // FOVEA_TESTS_FUZZ_SHRINK_H
