// Runs a program by every route there is and compares what they give.
#ifndef FOVEA_TESTS_FUZZ_ROUTES_H
#define FOVEA_TESTS_FUZZ_ROUTES_H

#include "tests/fuzz/Program.h"

namespace fovea::fuzz {

/// What is wrong with a program; empty if nothing is:
///
/// - the reference route and the fast route, on this CPU, on the baseline of its architecture and
///   with AVX2, are within a bound of the reference executor;
/// - the fast route gives the same bits on one, two and three threads;
/// - so does the compiled shared library, where `sharedLibrary` is set.
///
/// The bound is relative to what the errors of the weights are multiplied by: the largest finite
/// value for the output, 1 for weights, the largest magnitude or 1 for the log-sum-exp.
std::string findFault(const Program &program, bool sharedLibrary);

} // namespace fovea::fuzz

#endif // FOVEA_TESTS_FUZZ_ROUTES_H
