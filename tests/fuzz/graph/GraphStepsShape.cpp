// Steps that move elements.
#include "tests/fuzz/graph/GraphGenerator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>
#include <numeric>

using namespace fovea;
using namespace fovea::fuzz;
using std::nullopt;

std::string fovea::fuzz::indexed(unsigned rank, unsigned dim, const std::string &part) {
  std::vector<std::string> parts(rank, ":");
  parts[dim] = part;
  return "{0}[" + llvm::join(parts, ", ") + "]";
}

std::optional<Node> GraphGenerator::permute() {
  if (rank() < 2)
    return nullopt;
  std::vector<unsigned> order(rank());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), engine);
  SymbolicShape shape;
  std::vector<std::string> dims;
  for (unsigned dim : order) {
    shape.push_back(node().shape[dim]);
    dims.push_back(std::to_string(dim));
  }
  return shaped("permute({0}, " + llvm::join(dims, ", ") + ")", shape, node().isExact);
}

std::optional<Node> GraphGenerator::unsqueeze() {
  if (rank() > 4)
    return nullopt;
  unsigned dim = below(rank() + 1);
  SymbolicShape shape = node().shape;
  shape.insert(shape.begin() + dim, SymbolicDim(1));
  return shaped("unsqueeze({0}, " + std::to_string(dim) + ")", shape, node().isExact);
}

std::optional<Node> GraphGenerator::flatten() {
  if (rank() < 2)
    return nullopt;
  unsigned dim = below(rank() - 1);
  SymbolicShape shape = node().shape;
  shape[dim] = shape[dim] * shape[dim + 1];
  shape.erase(shape.begin() + dim + 1);
  return shaped("flatten({0}, " + std::to_string(dim) + ", " + std::to_string(dim + 1) + ")", shape,
                node().isExact);
}

/// A dim with a factor of 2 or 3, be it in these sizes alone, as two.
std::optional<Node> GraphGenerator::splitDim() {
  for (auto [dim, whole] : llvm::enumerate(node().shape))
    for (int64_t factor : {2, 3}) {
      if (size(dim) % factor != 0)
        continue;
      SymbolicShape shape = node().shape;
      shape[dim] = whole / factor;
      shape.insert(shape.begin() + dim + oneIn(2), SymbolicDim(factor));
      std::vector<std::string> sizes;
      for (const SymbolicDim &size : shape)
        sizes.push_back(size.str());
      return shaped("{0}.reshape(" + llvm::join(sizes, ", ") + ")", shape, node().isExact);
    }
  return nullopt;
}

std::optional<Node> GraphGenerator::repeat() {
  if (rank() > 3)
    return nullopt;
  SymbolicShape shape = node().shape;
  shape.insert(shape.begin(), SymbolicDim(1 + below(4)));
  std::vector<std::string> sizes;
  for (const SymbolicDim &size : shape)
    sizes.push_back(size.str());
  return shaped("broadcast_to({0}, " + llvm::join(sizes, ", ") + ")", shape, node().isExact);
}

std::optional<Node> GraphGenerator::concatenate() {
  if (rank() == 0)
    return nullopt;
  unsigned dim = below(rank());
  auto other = find([&](const Node &other) {
    if (other.type != type || other.shape.size() != rank())
      return false;
    for (unsigned n = 0; n < rank(); ++n)
      if (n != dim && !(other.shape[n] == node().shape[n]))
        return false;
    return true;
  });
  SymbolicShape shape = node().shape;
  shape[dim] = shape[dim] + program.nodes[*other].shape[dim];
  Node made = shaped("cat(({0}, {1}), dim=" + spell(dim) + ")", shape,
                     node().isExact && program.nodes[*other].isExact);
  made.operands.push_back(*other);
  return made;
}

std::optional<Node> GraphGenerator::stack() {
  if (rank() > 4)
    return nullopt;
  unsigned dim = below(rank() + 1);
  SymbolicShape shape = node().shape;
  shape.insert(shape.begin() + dim, SymbolicDim(2));
  return shaped("stack(({0}, {0}), dim=" + std::to_string(dim) + ")", shape, node().isExact);
}

/// From some element on, up to some element, or every second or third.
std::optional<Node> GraphGenerator::slice() {
  if (rank() == 0)
    return nullopt;
  unsigned dim = below(rank());
  int64_t cut = below(std::min<int64_t>(size(dim), 20));
  int64_t step = pick<int64_t>({1, 1, 2, 3});
  SymbolicShape shape = node().shape;
  std::string bounds;
  switch (below(4)) {
  case 0:
    bounds = std::to_string(cut) + "::" + std::to_string(step);
    shape[dim] = (shape[dim] - cut + (step - 1)) / step;
    break;
  case 1:
    bounds = ":" + (cut == 0 ? "" : "-" + std::to_string(cut));
    shape[dim] = shape[dim] - cut;
    break;
  case 2:
    bounds = "-" + std::to_string(cut + 1) + ":";
    shape[dim] = cut + 1;
    break;
  default:
    bounds = std::to_string(cut / 2) + ":" + std::to_string(cut + 1);
    shape[dim] = cut + 1 - cut / 2;
  }
  return shaped(indexed(rank(), dim, bounds), shape, node().isExact);
}

std::optional<Node> GraphGenerator::index() {
  if (rank() == 0)
    return nullopt;
  unsigned dim = below(rank());
  SymbolicShape shape = node().shape;
  shape.erase(shape.begin() + dim);
  return shaped(indexed(rank(), dim, pick<const char *>({"0", "-1"})), shape, node().isExact);
}

std::optional<Node> GraphGenerator::pad() {
  if (rank() == 0)
    return nullopt;
  int64_t before = below(4), after = below(4);
  SymbolicShape shape = node().shape;
  shape.back() = shape.back() + (before + after);
  return shaped("pad({0}, (" + std::to_string(before) + ", " + std::to_string(after) +
                    "), value=" + pick<const char *>({"0.0", "1.5"}) + ")",
                shape, node().isExact);
}

std::optional<Node> GraphGenerator::triangle() {
  if (rank() < 2)
    return nullopt;
  return like(std::string(pick<const char *>({"tril", "triu"})) + "({0}, " + number(-3, 4) + ")",
              node().isExact);
}

std::optional<Node> GraphGenerator::unfold() {
  if (rank() == 0 || rank() > 3)
    return nullopt;
  unsigned dim = below(rank());
  std::optional<int64_t> whole = node().shape[dim].constant();
  if (!whole)
    return nullopt;
  int64_t size = 1 + below(*whole), step = 1 + below(2);
  SymbolicShape shape = node().shape;
  shape[dim] = (*whole - size) / step + 1;
  shape.push_back(size);
  return shaped("unfold({0}, " + spell(dim) + ", " + std::to_string(size) + ", " +
                    std::to_string(step) + ")",
                shape, node().isExact);
}

std::optional<Node> GraphGenerator::dynamicSlice() {
  std::optional<int64_t> whole = rank() == 0 ? nullopt : node().shape[0].constant();
  if (!whole || *whole < 2)
    return nullopt;
  SymbolicShape shape = node().shape;
  shape[0] = *whole - 1;
  return shaped("dynamic_slice({0}, 0, 1, " + std::to_string(*whole - 1) + ")", shape,
                node().isExact);
}

std::optional<Node> GraphGenerator::update() {
  std::optional<int64_t> whole = rank() == 0 ? nullopt : node().shape[0].constant();
  if (!whole || *whole < 2)
    return nullopt;
  return like("update({0}, 1, {0}[0] * 2.0)", node().isExact);
}

/// Rows of a table of at least eight.
std::optional<Node> GraphGenerator::embedding() {
  auto ids = find([](const Node &other) { return other.type == DataType::I64; });
  if (!ids || rank() != 2 || size(0) < 8)
    return nullopt;
  SymbolicShape shape = program.nodes[*ids].shape;
  shape.push_back(node().shape[1]);
  Node made = shaped("embedding(maximum(minimum({1}, 7), 0), {0})", shape, node().isExact);
  made.operands.push_back(*ids);
  return made;
}

std::optional<Node> GraphGenerator::rope() {
  std::optional<int64_t> width = rank() == 4 ? node().shape[3].constant() : nullopt;
  if (!width || *width % 2 != 0)
    return nullopt;
  return like("rope({0}, arange(0, {0}.shape[2]))");
}
