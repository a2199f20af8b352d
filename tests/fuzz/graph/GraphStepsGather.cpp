// Steps that take elements by index, in another order or several times, and running sums.
#include "tests/fuzz/graph/GraphGenerator.h"
#include "llvm/ADT/StringExtras.h"

using namespace fovea;
using namespace fovea::fuzz;
using std::nullopt;

/// By a tensor of integers, some of which are outside.
std::optional<Node> GraphGenerator::selectRows() {
  auto ids = find([](const Node &other) { return other.type == DataType::I64; });
  if (!ids || rank() == 0 || rank() > 3 || program.nodes[*ids].shape.size() > 2)
    return nullopt;
  unsigned dim = below(rank());
  const SymbolicShape &dims = program.nodes[*ids].shape;
  SymbolicShape shape = node().shape;
  shape.erase(shape.begin() + dim);
  shape.insert(shape.begin() + dim, dims.begin(), dims.end());
  if (dims.empty())
    return nullopt;
  Node made = shaped(indexed(rank(), dim, "{1}"), shape, node().isExact);
  made.operands.push_back(*ids);
  return made;
}

/// By the same integers on two dims, which may lie apart.
std::optional<Node> GraphGenerator::selectPairs() {
  auto ids = find(
      [](const Node &other) { return other.type == DataType::I64 && other.shape.size() == 1; });
  if (!ids || rank() < 2)
    return nullopt;
  unsigned first = below(rank() - 1), second = first + 1 + below(rank() - 1 - first);
  SymbolicShape shape = node().shape;
  shape.erase(shape.begin() + second);
  shape.erase(shape.begin() + first);
  shape.insert(shape.begin() + (second == first + 1 ? first : 0), program.nodes[*ids].shape[0]);
  std::vector<std::string> parts(rank(), ":");
  parts[first] = parts[second] = "{1}";
  Node made = shaped("{0}[" + llvm::join(parts, ", ") + "]", shape, node().isExact);
  made.operands.push_back(*ids);
  return made;
}

/// The places of the largest elements, of each row.
std::optional<Node> GraphGenerator::gather() {
  if (rank() < 1 || !node().isExact)
    return nullopt;
  unsigned dim = below(rank());
  SymbolicShape shape = node().shape;
  shape[dim] = 1;
  return shaped("gather({0}, " + spell(dim) + ", argmax({0}, " + spell(dim) + ", keepdim=True))",
                shape, true);
}

std::optional<Node> GraphGenerator::flip() {
  if (rank() == 0)
    return nullopt;
  return like("flip({0}, " + spell(below(rank())) + ")", node().isExact);
}

std::optional<Node> GraphGenerator::roll() {
  if (rank() == 0)
    return nullopt;
  unsigned dim = below(rank());
  int64_t reach = node().shape[dim].constant() ? 20 : std::min<int64_t>(size(dim), 20);
  return like("roll({0}, " + number(-reach, reach + 1) + ", " + spell(dim) + ")", node().isExact);
}

/// Each place of a dim, or a whole dim, so many times.
std::optional<Node> GraphGenerator::repeatDim() {
  if (rank() == 0)
    return nullopt;
  unsigned dim = below(rank());
  int64_t count = 1 + below(4);
  SymbolicShape shape = node().shape;
  shape[dim] = shape[dim] * count;
  if (oneIn(2))
    return shaped("repeat_interleave({0}, " + std::to_string(count) + ", " + spell(dim) + ")",
                  shape, node().isExact);
  std::string counts;
  for (unsigned n = 0; n < rank(); ++n)
    counts += ", " + std::to_string(n == dim ? count : 1);
  return shaped("repeat({0}" + counts + ")", shape, node().isExact);
}

std::optional<Node> GraphGenerator::runningSum() {
  constexpr int64_t maxNarrowSum = 256;
  if (rank() == 0)
    return nullopt;
  unsigned dim = below(rank());
  if (isNarrow() && size(dim) > maxNarrowSum)
    return nullopt;
  return summing(like("cumsum({0}, " + spell(dim) + ")"), node().shape[dim]);
}
