#include "tests/fuzz/graph/GenerateGraph.h"
#include "tests/fuzz/graph/GraphGenerator.h"
#include "llvm/ADT/STLExtras.h"

using namespace fovea;
using namespace fovea::fuzz;

/// Of a tensor, at most: the reference executor takes some tenths of a second for these.
static constexpr int64_t maxElements = 60'000;

SymbolicDim GraphGenerator::drawDim() {
  if (oneIn(7))
    return pick<int64_t>({1, 2, 3, 5, 8, 13});
  return SymbolicDim::symbol(program.symbols[below(3)].first);
}

void GraphGenerator::drawInputs() {
  program.symbols = {{"A", pick<int64_t>({1, 2, 3, 7, 16})},
                     {"B", pick<int64_t>({1, 4, 5, 17, 33})},
                     {"C", pick<int64_t>({1, 2, 8, 15, 31, 64})}};
  auto add = [&](DataType type, int64_t rank) {
    SymbolicShape shape;
    for (int64_t dim = 0; dim < rank; ++dim)
      shape.push_back(drawDim());
    while (numElements(shape) > maxElements)
      shape.pop_back();
    program.nodes.push_back({"", {}, shape, type});
  };
  for (int64_t n = pick<int64_t>({1, 2, 3}); n > 0; --n)
    add(type, pick<int64_t>({1, 2, 2, 3, 3, 4}));
  if (oneIn(2))
    add(DataType::I64, 1);
  if (oneIn(3))
    add(DataType::Bool, pick<int64_t>({1, 2}));
}

std::optional<unsigned> GraphGenerator::find(llvm::function_ref<bool(const Node &)> suits) {
  std::vector<unsigned> all;
  for (auto [n, node] : llvm::enumerate(program.nodes))
    if (suits(node) && numElements(node.shape) <= maxElements)
      all.push_back(n);
  if (all.empty())
    return std::nullopt;
  size_t last = std::min<size_t>(all.size(), oneIn(4) ? all.size() : 2);
  return all[all.size() - 1 - below(last)];
}

int64_t GraphGenerator::numElements(llvm::ArrayRef<SymbolicDim> shape) const {
  int64_t count = 1;
  for (const SymbolicDim &dim : shape)
    count *= program.sizeOf(dim);
  return count;
}

SymbolicDim GraphGenerator::product(llvm::ArrayRef<SymbolicDim> shape) {
  SymbolicDim count = 1;
  for (const SymbolicDim &dim : shape)
    count = count * dim;
  return count;
}

Node GraphGenerator::summing(Node made, SymbolicDim terms) {
  made.terms = std::move(terms);
  return made;
}

Node GraphGenerator::shaped(std::string form, SymbolicShape shape, bool isExact) const {
  return {std::move(form), {source}, std::move(shape), type, isExact};
}

Node GraphGenerator::like(std::string form, bool isExact) const {
  return shaped(std::move(form), node().shape, isExact);
}

std::string GraphGenerator::spell(unsigned dim) {
  return std::to_string(oneIn(2) ? int64_t(dim) : int64_t(dim) - int64_t(rank()));
}

llvm::ArrayRef<GraphGenerator::Step> GraphGenerator::allSteps() {
  using G = GraphGenerator;
  static const Step steps[] = {
      &G::unary,        &G::unary,        &G::unary,       &G::binary,    &G::binary,
      &G::binary,       &G::compare,      &G::select,      &G::roundOff,  &G::integers,
      &G::toFloat,      &G::thereAndBack, &G::dropout,     &G::loop,      &G::reduce,
      &G::reduce,       &G::argmax,       &G::normalize,   &G::normalize, &G::total,
      &G::matmul,       &G::einsum,       &G::permute,     &G::unsqueeze, &G::flatten,
      &G::splitDim,     &G::repeat,       &G::concatenate, &G::stack,     &G::slice,
      &G::slice,        &G::index,        &G::pad,         &G::triangle,  &G::unfold,
      &G::dynamicSlice, &G::update,       &G::embedding,   &G::rope,      &G::selectRows,
      &G::gather,       &G::flip,         &G::roll,        &G::repeatDim, &G::runningSum,
      &G::moment,       &G::truth,        &G::largest,     &G::promote,   &G::selectPairs,
      &G::convolve};
  return steps;
}

bool GraphGenerator::addStep() {
  std::optional<unsigned> found = find([&](const Node &node) { return node.type == type; });
  if (!found)
    return false;
  source = *found;
  llvm::ArrayRef<Step> steps = allSteps();
  std::optional<Node> made = (this->*steps[below(steps.size())])();
  if (!made || numElements(made->shape) > 4 * maxElements)
    return false;
  program.nodes.push_back(std::move(*made));
  return true;
}

/// The last step, and up to two more, which may be operands of others.
void GraphGenerator::drawResults() {
  program.results = {static_cast<unsigned>(program.nodes.size() - 1)};
  for (int64_t n = pick<int64_t>({0, 1, 1, 2}); n > 0; --n) {
    unsigned other = below(program.nodes.size());
    if (!program.nodes[other].isInput() && !llvm::is_contained(program.results, other))
      program.results.push_back(other);
  }
}

GraphProgram GraphGenerator::make() {
  type = pick({DataType::F32, DataType::F32, DataType::F32, DataType::F32, DataType::F16,
               DataType::BF16, DataType::F64});
  program.seed = engine();
  program.fixedSizes = oneIn(3);
  program.stridedInputs = oneIn(4);
  drawInputs();
  // Roundings of narrow types add up.
  int64_t steps = isNarrow() ? 1 + below(3) : 2 + below(7);
  while (steps > 0)
    steps -= addStep();
  drawResults();
  return program;
}

GraphProgram fovea::fuzz::generateGraph(uint64_t seed) { return GraphGenerator(seed).make(); }
