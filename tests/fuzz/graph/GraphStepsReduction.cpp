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
  bool sums = name == "sum" || name == "mean";
  Node made =
      shaped("{0}." + name + "(dim=" + spell(dim) + ", keepdim=" + (keeps ? "True" : "False") + ")",
             shape, node().isExact && !sums);
  return sums ? summing(made, node().shape[dim]) : made;
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

/// Norms and variances over a dim. Of one element there is no unbiased variance.
std::optional<Node> GraphGenerator::moment() {
  if (rank() == 0)
    return nullopt;
  unsigned dim = below(rank());
  if (isNarrow() && size(dim) > maxNarrowSum)
    return nullopt;
  std::string form = pick<const char *>({"norm({0}, ", "norm({0}, 1, ", "norm({0}, inf, ",
                                         "var({0}, correction=0, ", "std({0}, unbiased=False, ",
                                         "var({0}, ", "std({0}, "});
  if (size(dim) == 1)
    form = "norm({0}, ";
  SymbolicShape shape = node().shape;
  shape[dim] = 1;
  return summing(shaped(form + "dim=" + spell(dim) + ", keepdim=True)", shape, false),
                 node().shape[dim]);
}

std::optional<Node> GraphGenerator::truth() {
  auto found =
      find([](const Node &other) { return other.type == DataType::Bool && !other.shape.empty(); });
  if (!found)
    return nullopt;
  source = *found;
  unsigned dim = below(rank());
  SymbolicShape shape = node().shape;
  shape.erase(shape.begin() + dim);
  Node made =
      shaped(std::string(oneIn(2) ? "any" : "all") + "({0}, dim=" + spell(dim) + ")", shape, true);
  made.type = DataType::Bool;
  return made;
}

/// The largest or smallest of a dim, or their places.
std::optional<Node> GraphGenerator::largest() {
  if (rank() == 0 || !node().isExact)
    return nullopt;
  unsigned dim = below(rank());
  int64_t count = 1 + below(std::min<int64_t>(size(dim), 4));
  SymbolicShape shape = node().shape;
  shape[dim] = count;
  bool places = oneIn(2);
  Node made = shaped("topk({0}, " + std::to_string(count) + ", dim=" + spell(dim) +
                         (oneIn(2) ? ", largest=False" : "") + ")[" + (places ? "1" : "0") + "]",
                     shape, true);
  if (places)
    made.type = DataType::I64;
  return made;
}

std::optional<Node> GraphGenerator::normalize() {
  if (rank() == 0)
    return nullopt;
  if (oneIn(2)) {
    unsigned dim = below(rank());
    return summing(like("softmax({0}, dim=" + spell(dim) + ")"), node().shape[dim]);
  }
  if (oneIn(3)) {
    unsigned dim = below(rank());
    return summing(like("log_softmax({0}, dim=" + spell(dim) + ") - logsumexp({0}, " + spell(dim) +
                        ", keepdim=True)"),
                   node().shape[dim]);
  }
  // Rows of a layer norm alone would add up to 0.
  return summing(
      like(pick<const char *>({"layer_norm({0}, eps=0.1) + 0.5", "rms_norm({0}, eps=0.1)"})),
      node().shape.back());
}

std::optional<Node> GraphGenerator::total() {
  if (rank() == 0 || (isNarrow() && numElements(node().shape) > maxNarrowSum))
    return nullopt;
  return summing(
      shaped(pick<const char *>({"({0} * {0}).sum()", "{0}.mean()", "{0}.max()"}), {}, false),
      product(node().shape));
}

std::optional<Node> GraphGenerator::matmul() {
  if (rank() < 2 || (isNarrow() && size(rank() - 1) > maxNarrowSum))
    return nullopt;
  auto other = find([&](const Node &other) {
    return other.type == type && other.shape.size() == 2 && other.shape[0] == node().shape.back();
  });
  SymbolicShape shape = node().shape;
  SymbolicDim terms = shape.back();
  if (!other) {
    shape.back() = shape[rank() - 2];
    return summing(shaped("matmul({0}, {0}.T) * 0.125", shape, false), terms);
  }
  shape.back() = program.nodes[*other].shape[1];
  Node made = summing(shaped("matmul({0}, {1}) * 0.125", shape, false), terms);
  made.operands.push_back(*other);
  return made;
}

std::optional<Node> GraphGenerator::einsum() {
  if (rank() < 2 || (isNarrow() && numElements(node().shape) > maxNarrowSum))
    return nullopt;
  std::string labels = std::string("abcdefgh").substr(0, rank());
  std::string kept = pick<const char *>({"", "a", "b", "ab", "ba"});
  SymbolicShape shape, summed;
  for (char label : kept)
    shape.push_back(node().shape[label - 'a']);
  for (auto [dim, label] : llvm::zip_equal(node().shape, labels))
    if (!llvm::StringRef(kept).contains(label))
      summed.push_back(dim);
  return summing(shaped("einsum(\"" + labels + "," + labels + "->" + kept + "\", {0}, {0}) * 0.125",
                        shape, false),
                 product(summed));
}

/// Products of windows with those at other places, of which some dims are summed up. Scaled windows
/// are no windows to the compiler.
std::optional<Node> GraphGenerator::convolve() {
  if (rank() == 0 || rank() > 3)
    return nullopt;
  unsigned dim = below(rank());
  std::optional<int64_t> whole = node().shape[dim].constant();
  if (!whole)
    return nullopt;
  int64_t taps = 1 + below(std::min<int64_t>(*whole, 5)), step = 1 + below(2);
  int64_t places = (*whole - taps) / step + 1;
  if (isNarrow() && numElements(node().shape) * taps > maxNarrowSum)
    return nullopt;
  std::string labels = std::string("abc").substr(0, rank()), others = labels, kept;
  others[dim] = 'p';
  SymbolicShape shape, summed = {taps};
  for (unsigned n = 0; n < rank(); ++n) {
    bool isKept = n == dim || oneIn(2);
    SymbolicDim size = n == dim ? SymbolicDim(places) : node().shape[n];
    if (isKept)
      kept += labels[n];
    (isKept ? shape : summed).push_back(size);
  }
  bool isFirst = oneIn(2);
  kept.insert(isFirst ? 0 : kept.size(), 1, 'p');
  shape.insert(isFirst ? shape.begin() : shape.end(), SymbolicDim(places));
  std::string windows =
      "unfold({0}, " + spell(dim) + ", " + std::to_string(taps) + ", " + std::to_string(step) + ")";
  std::string factors = pick<const char *>({"", " * 0.5"});
  factors = oneIn(2) ? windows + ", " + windows + factors : windows + factors + ", " + windows;
  return summing(
      shaped("einsum(\"" + labels + "t," + others + "t->" + kept + "\", " + factors + ") * 0.125",
             shape, false),
      product(summed));
}
