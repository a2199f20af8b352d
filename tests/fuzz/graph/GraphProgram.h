// A random graph without attention: steps on tensors, some of which are results. What no result
// needs is not part of the description, so that programs are shrunk by their results and operands.
#ifndef FOVEA_TESTS_FUZZ_GRAPH_GRAPHPROGRAM_H
#define FOVEA_TESTS_FUZZ_GRAPH_GRAPHPROGRAM_H

#include "frontend/SymbolicDim.h"
#include "tests/fuzz/Case.h"

namespace fovea::fuzz {

struct Node {
  /// "softmax({0}, dim=1)": "{0}" to "{2}" stand for the operands. With several lines a statement
  /// that assigns to "{r}". Empty for an input.
  std::string form;
  std::vector<unsigned> operands = {}; // nodes before this one
  SymbolicShape shape = {};
  DataType type = DataType::F32;
  /// Whether nothing was rounded on the way, so that comparisons come out as in the reference.
  bool isExact = true;
  /// How many products or elements one of its elements is the sum of.
  SymbolicDim terms = 1;

  bool isInput() const { return form.empty(); }
};

struct GraphProgram {
  NamedSizes symbols; // of the dims of inputs
  std::vector<Node> nodes;
  std::vector<unsigned> results; // nodes that are no inputs; at least one
  bool fixedSizes = false;       // symbols known when it is compiled
  bool stridedInputs = false;    // inputs are every other element of larger tensors
  uint64_t seed = 0;             // of the tensors

  /// Nodes that some result needs.
  std::vector<bool> neededNodes() const;
  /// The value of a size, the symbols of which must be among those of the program.
  int64_t sizeOf(const SymbolicDim &dim) const;

  /// What the description calls a node.
  std::string nameOf(unsigned node) const;
  /// The description, with one entry `fuzz`.
  std::string str() const;
  /// Sizes that the description leaves open, as `--set` takes them.
  NamedSizes openSizes() const;
};

/// The programs that are simpler by one step, the largest steps first. Some may slice more than
/// there is.
std::vector<GraphProgram> simplerPrograms(const GraphProgram &program);

/// What the routes compare. The bound on errors is relative to the largest magnitude of a result,
/// or 0.1: some tens of roundings in f32 accumulation, or some of the stored type, and what adding
/// up as many terms as the sums before it have rounds.
llvm::Expected<Case> makeCase(const GraphProgram &program);

} // namespace fovea::fuzz

#endif // FOVEA_TESTS_FUZZ_GRAPH_GRAPHPROGRAM_H
