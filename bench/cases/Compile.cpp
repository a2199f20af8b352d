// Graphs whose compilation is measured.
#include "bench/Problem.h"

using namespace fovea::bench;

std::vector<CompileProblem> fovea::bench::compileProblems() {
  const std::string attention = "bench/graphs/attention.fov";
  const std::string llama = "bench/graphs/llama"; // two layers of the sizes of Qwen2.5-0.5B
  return {
      {"attention/full", attention, "full", ""},
      {"attention/causal", attention, "causal", ""},
      {"attention/decode", attention, "decode", ""},
      {"attention/window_mask", attention, "window_mask", ""},
      {"attention/window_unfold_zero", attention, "window_unfold_zero", ""},
      {"projection", "bench/graphs/contraction.fov", "projection", ""},
      {"llama/forward", "examples/llama.fov", "forward", llama},
      {"llama/decode", "examples/llama.fov", "decode", llama},
  };
}
