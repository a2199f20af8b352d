// Runs a program by every route there is and compares what they give.
#ifndef FOVEA_TESTS_FUZZ_ROUTES_H
#define FOVEA_TESTS_FUZZ_ROUTES_H

#include "tests/fuzz/Case.h"

namespace fovea::fuzz {

/// What is wrong with a program; empty if nothing is:
///
/// - the reference route and the fast route, on this CPU, on the baseline of its architecture and
///   with AVX2, are within a bound of the reference executor;
/// - the fast route gives the same bits on one, two and three threads;
/// - so does the compiled shared library, where `sharedLibrary` is set.
///
/// Begins with the route that is at fault, and a colon.
std::string findFault(const Case &program, bool sharedLibrary);

} // namespace fovea::fuzz

#endif // FOVEA_TESTS_FUZZ_ROUTES_H
