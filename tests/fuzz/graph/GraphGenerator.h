// What generateGraph is made of: the state of a draw, and the steps that it draws from, which lie
// in GraphSteps*.cpp.
#ifndef FOVEA_TESTS_FUZZ_GRAPH_GRAPHGENERATOR_H
#define FOVEA_TESTS_FUZZ_GRAPH_GRAPHGENERATOR_H

#include "tests/fuzz/graph/GraphProgram.h"
#include <optional>
#include <random>

namespace fovea::fuzz {

class GraphGenerator {
public:
  explicit GraphGenerator(uint64_t seed) : engine(seed) {}
  GraphProgram make();

private:
  /// A step on `source`, a float node; nothing where it does not apply.
  using Step = std::optional<Node> (GraphGenerator::*)();
  static llvm::ArrayRef<Step> allSteps();

  // GraphSteps.cpp: element by element
  std::optional<Node> unary();
  std::optional<Node> binary();
  std::optional<Node> compare();
  std::optional<Node> select();
  std::optional<Node> roundOff();
  std::optional<Node> integers();
  std::optional<Node> toFloat();
  std::optional<Node> promote();
  std::optional<Node> thereAndBack();
  std::optional<Node> dropout();
  std::optional<Node> loop();

  // GraphStepsReduction.cpp
  std::optional<Node> reduce();
  std::optional<Node> argmax();
  std::optional<Node> moment();
  std::optional<Node> truth();
  std::optional<Node> largest();
  std::optional<Node> normalize();
  std::optional<Node> total();
  std::optional<Node> matmul();
  std::optional<Node> einsum();
  std::optional<Node> convolve();

  // GraphStepsShape.cpp
  std::optional<Node> permute();
  std::optional<Node> unsqueeze();
  std::optional<Node> flatten();
  std::optional<Node> splitDim();
  std::optional<Node> repeat();
  std::optional<Node> concatenate();
  std::optional<Node> stack();
  std::optional<Node> slice();
  std::optional<Node> index();
  std::optional<Node> pad();
  std::optional<Node> triangle();
  std::optional<Node> unfold();
  std::optional<Node> dynamicSlice();
  std::optional<Node> update();
  std::optional<Node> embedding();
  std::optional<Node> rope();

  // GraphStepsGather.cpp
  std::optional<Node> selectRows();
  std::optional<Node> selectPairs();
  std::optional<Node> gather();
  std::optional<Node> flip();
  std::optional<Node> roll();
  std::optional<Node> repeatDim();
  std::optional<Node> runningSum();

  // Drawing
  int64_t below(int64_t n) { return static_cast<int64_t>(engine() % static_cast<uint64_t>(n)); }
  bool oneIn(int64_t n) { return below(n) == 0; }
  template <typename T>
  T pick(std::initializer_list<T> choices) {
    return choices.begin()[below(choices.size())];
  }
  std::string number(int64_t from, int64_t to) { return std::to_string(from + below(to - from)); }
  /// A dim of the source, counted from either end: "1" or "-2".
  std::string spell(unsigned dim);
  SymbolicDim drawDim();
  void drawInputs();
  /// A node for which `suits` holds; later ones are likelier.
  std::optional<unsigned> find(llvm::function_ref<bool(const Node &)> suits);
  bool addStep();
  void drawResults();

  // The source and what is made of it
  const Node &node() const { return program.nodes[source]; }
  unsigned rank() const { return node().shape.size(); }
  int64_t size(unsigned dim) const { return program.sizeOf(node().shape[dim]); }
  int64_t numElements(llvm::ArrayRef<SymbolicDim> shape) const;
  /// The same, whatever the sizes.
  static SymbolicDim product(llvm::ArrayRef<SymbolicDim> shape);
  bool isNarrow() const { return type == DataType::F16 || type == DataType::BF16; }
  /// The source in another form; not exact unless `isExact`.
  Node like(std::string form, bool isExact = false) const;
  Node shaped(std::string form, SymbolicShape shape, bool isExact) const;
  /// Of `terms` added up.
  static Node summing(Node made, SymbolicDim terms);

  std::mt19937_64 engine;
  GraphProgram program;
  DataType type = DataType::F32; // of all floats
  unsigned source = 0;
};

/// "t0[:, 3:]" is spelt by "{0}[:, {part}]" with all other dims taken whole.
std::string indexed(unsigned rank, unsigned dim, const std::string &part);

/// Exact arithmetic, of sizes that never overflow.
inline SymbolicDim operator+(const SymbolicDim &a, const SymbolicDim &b) {
  return llvm::cantFail(a.plus(b));
}
inline SymbolicDim operator-(const SymbolicDim &a, const SymbolicDim &b) {
  return llvm::cantFail(a.minus(b));
}
inline SymbolicDim operator*(const SymbolicDim &a, const SymbolicDim &b) {
  return llvm::cantFail(a.times(b));
}
inline SymbolicDim operator/(const SymbolicDim &a, const SymbolicDim &b) {
  return llvm::cantFail(a.floorDiv(b));
}

} // namespace fovea::fuzz

#endif // FOVEA_TESTS_FUZZ_GRAPH_GRAPHGENERATOR_H
