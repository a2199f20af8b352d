// Steps on elements. Their forms keep values near 1, and subtract no more than half, so that
// nothing cancels: errors are bound relative to the largest magnitude.
#include "tests/fuzz/graph/GraphGenerator.h"
#include "llvm/ADT/STLExtras.h"

using namespace fovea;
using namespace fovea::fuzz;
using std::nullopt;

std::optional<Node> GraphGenerator::unary() {
  if (oneIn(3))
    return like(pick<const char *>({"relu({0})", "abs({0})", "-{0}", "clamp({0}, -0.5, 0.75)",
                                    "{0}.clamp(min=0.25)"}),
                node().isExact);
  return like(pick<const char *>({"tanh({0})", "sigmoid({0})", "erf({0})", "silu({0})", "gelu({0})",
                                  "gelu_tanh({0})", "sin(3.0 * tanh({0}))", "cos(3.0 * tanh({0}))",
                                  "sqrt(abs({0}) + 0.5)", "rsqrt(abs({0}) + 0.5)", "exp(tanh({0}))",
                                  "log(abs({0}) + 1.5)", "softplus({0})",
                                  "pow(abs({0}) + 0.5, 2.5 * tanh({0}))"}));
}

/// The shape of both together, if it is certain that they have one.
static std::optional<SymbolicShape> broadcast(llvm::ArrayRef<SymbolicDim> a,
                                              llvm::ArrayRef<SymbolicDim> b) {
  SymbolicShape shape(a.size() > b.size() ? a : b);
  llvm::ArrayRef<SymbolicDim> shorter = a.size() > b.size() ? b : a;
  for (size_t n = 0; n < shorter.size(); ++n) {
    SymbolicDim &dim = shape[shape.size() - shorter.size() + n];
    if (dim == SymbolicDim(1))
      dim = shorter[n];
    else if (!(shorter[n] == dim) && !(shorter[n] == SymbolicDim(1)))
      return nullopt;
  }
  return shape;
}

std::optional<Node> GraphGenerator::binary() {
  auto other = find([&](const Node &other) {
    return other.type == type && broadcast(node().shape, other.shape);
  });
  Node made = shaped(
      pick<const char *>({"{0} + {1}", "{0} - 0.5 * {1}", "tanh({0}) * tanh({1})",
                          "{0} / (abs({1}) + 1.0)", "minimum({0}, {1})", "maximum({0}, {1})"}),
      *broadcast(node().shape, program.nodes[*other].shape), false);
  made.operands.push_back(*other);
  return made;
}

std::optional<Node> GraphGenerator::compare() {
  if (!node().isExact)
    return nullopt;
  Node made = like(pick<const char *>({"{0} > 0.0", "{0} <= 0.25", "~({0} < 0.0)"}), true);
  made.type = DataType::Bool;
  return made;
}

std::optional<Node> GraphGenerator::select() {
  auto mask = find([&](const Node &other) {
    return other.type == DataType::Bool && broadcast(node().shape, other.shape);
  });
  if (!mask)
    return node().isExact ? std::optional(like("where({0} > 0.25, {0}, 0.0 - {0})", true))
                          : nullopt;
  SymbolicShape shape = *broadcast(node().shape, program.nodes[*mask].shape);
  bool keepsShape = llvm::ArrayRef(shape) == llvm::ArrayRef(node().shape);
  Node made =
      shaped(keepsShape && oneIn(2) ? "masked_fill({0}, {1}, -2.0)" : "where({1}, {0}, 0.25)",
             shape, node().isExact);
  made.operands.push_back(*mask);
  return made;
}

std::optional<Node> GraphGenerator::roundOff() {
  if (!node().isExact)
    return nullopt;
  return like(pick<const char *>({"floor({0} * 4.0)", "ceil({0} * 4.0)"}), true);
}

std::optional<Node> GraphGenerator::integers() {
  auto found = find([](const Node &other) { return other.type == DataType::I64; });
  if (!found)
    return nullopt;
  source = *found;
  Node made = like(pick<const char *>({"{0} // 3", "{0} % 3", "{0} // -2", "{0} % -3",
                                       "{0} * 5 - 7", "abs({0} - 3)", "maximum({0}, 2)"}),
                   true);
  made.type = DataType::I64;
  return made;
}

std::optional<Node> GraphGenerator::toFloat() {
  auto found = find([](const Node &other) { return other.type == DataType::I64; });
  if (!found)
    return nullopt;
  source = *found;
  return like("{0}.to(" + stringify(type).str() + ") * 0.125");
}

/// Floats beside integers, or truth values.
std::optional<Node> GraphGenerator::promote() {
  auto other = find([&](const Node &other) {
    bool isFloat = other.type != DataType::I64 && other.type != DataType::Bool;
    return !isFloat && broadcast(node().shape, other.shape);
  });
  if (!other)
    return nullopt;
  const Node &found = program.nodes[*other];
  const char *form = found.type == DataType::Bool ? "{0} * {1}" : "{0} + ({1} % 3)";
  Node made = shaped(form, *broadcast(node().shape, found.shape), false);
  made.operands.push_back(*other);
  return made;
}

std::optional<Node> GraphGenerator::thereAndBack() {
  const char *other = type == DataType::F32 ? "f64" : "f32";
  if (type == DataType::F64)
    return nullopt; // f32 in between rounds what the reference does not
  return like("{0}.to(" + std::string(other) + ").to(" + stringify(type).str() + ")",
              node().isExact);
}

std::optional<Node> GraphGenerator::dropout() {
  return like("dropout({0}, 0.3, " + number(0, 100) + ")");
}

std::optional<Node> GraphGenerator::loop() {
  if (isNarrow())
    return nullopt;
  if (rank() == 0 || oneIn(2))
    return like("{r} = {0}\n    for n in range(3):\n        {r} = tanh({r} + 0.5)");
  // Of two steps one takes each branch.
  unsigned dim = below(rank());
  return summing(like("{r} = {0}\n    for n in range(2):\n        if n % 2 == 1:\n"
                      "            {r} = {r} - 0.5 * {r}.mean(dim=" +
                      spell(dim) +
                      ", keepdim=True)\n        else:\n            {r} = abs({r}) * 0.5 + {0}"),
                 node().shape[dim]);
}
