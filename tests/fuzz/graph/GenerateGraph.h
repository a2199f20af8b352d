// Draws valid graphs without attention.
#ifndef FOVEA_TESTS_FUZZ_GRAPH_GENERATEGRAPH_H
#define FOVEA_TESTS_FUZZ_GRAPH_GENERATEGRAPH_H

#include "tests/fuzz/graph/GraphProgram.h"

namespace fovea::fuzz {

/// The graph of that seed: up to eight steps on up to five inputs, of sizes that no tile divides,
/// some of them known when the graph is built.
GraphProgram generateGraph(uint64_t seed);

} // namespace fovea::fuzz

#endif // FOVEA_TESTS_FUZZ_GRAPH_GENERATEGRAPH_H
