// Steps that sum up, or look for the largest.
#include "tests/fuzz/graph/GraphGenerator.h"
#include "llvm/ADT/STLExtras.h"

using namespace fovea;
using namespace fovea::fuzz;
using std::nullopt;

/// Sums of more have no f16, or too few digits of bf16 beside the float64 of the reference.
static constexpr int64_t maxNarrowSum = 2000;

std::optional<Node> GraphGenerator::reduce() {
  if (rank() == 0)
    return nullopt;
  unsigned dim = below(rank());
  std::string name = pick<const char *>({"sum", "mean", "max", "min"});
  bool keeps = oneIn(2);
  SymbolicShape shape = node().shape;
  if (keeps)
    shape[dim] = 1;
  else
    shape.erase(shape.begin() + dim);
  return shaped("{0}." + name + "(dim=" + spell(dim) + ", keepdim=" + (keeps ? "True" : "False") +
                    ")",
                shape, node().isExact && name[0] == 'm' && name != "mean");
}

std::optional<Node> GraphGenerator::argmax() {
  if (rank() == 0 || !node().isExact)
    return nullopt;
  unsigned dim = below(rank());
  SymbolicShape shape = node().shape;
  shape.erase(shape.begin() + dim);
  Node made = shaped("argmax({0}, dim=" + spell(dim) + ")", shape, true);
  made.type = DataType::I64;
  return made;
}

std::optional<Node> GraphGenerator::normalize() {
  if (rank() == 0)
    return nullopt;
  if (oneIn(2))
    return like("softmax({0}, dim=" + spell(below(rank())) + ")");
  // Rows of a layer norm alone would add up to 0.
  return like(pick<const char *>({"layer_norm({0}, eps=0.1) + 0.5", "rms_norm({0}, eps=0.1)"}));
}

std::optional<Node> GraphGenerator::total() {
  if (rank() == 0 || (isNarrow() && numElements(node().shape) > maxNarrowSum))
    return nullopt;
  return shaped(pick<const char *>({"({0} * {0}).sum()", "{0}.mean()", "{0}.max()"}), {}, false);
}

std::optional<Node> GraphGenerator::matmul() {
  if (rank() < 2 || (isNarrow() && size(rank() - 1) > maxNarrowSum))
    return nullopt;
  auto other = find([&](const Node &other) {
    return other.type == type && other.shape.size() == 2 && other.shape[0] == node().shape.back();
  });
  SymbolicShape shape = node().shape;
  if (!other) {
    shape.back() = shape[rank() - 2];
    return shaped("matmul({0}, {0}.T) * 0.125", shape, false);
  }
  shape.back() = program.nodes[*other].shape[1];
  Node made = shaped("matmul({0}, {1}) * 0.125", shape, false);
  made.operands.push_back(*other);
  return made;
}

std::optional<Node> GraphGenerator::einsum() {
  if (rank() < 2 || (isNarrow() && numElements(node().shape) > maxNarrowSum))
    return nullopt;
  std::string labels = std::string("abcdefgh").substr(0, rank());
  std::string kept = pick<const char *>({"", "a", "b", "ab", "ba"});
  SymbolicShape shape;
  for (char label : kept)
    shape.push_back(node().shape[label - 'a']);
  return shaped("einsum(\"" + labels + "," + labels + "->" + kept + "\", {0}, {0}) * 0.125", shape,
                false);
}
