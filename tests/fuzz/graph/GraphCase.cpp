// The tensors of a graph, drawn from its seed, and how far its results may be off.
#include "tests/fuzz/graph/GraphProgram.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include <cmath>
#include <random>

using namespace fovea;
using namespace fovea::fuzz;

static double draw(DataType type, std::mt19937_64 &engine) {
  if (type == DataType::Bool)
    return engine() % 3 != 0;
  if (type == DataType::I64)
    return static_cast<double>(engine() % 8);
  return std::normal_distribution<double>()(engine);
}

/// An input of its own engine, so that others may go.
static llvm::Expected<Input> makeInput(const GraphProgram &program, unsigned node) {
  const Node &input = program.nodes[node];
  DimVector sizes, larger;
  for (const SymbolicDim &dim : input.shape)
    sizes.push_back(program.sizeOf(dim));
  larger = sizes;
  int64_t step = program.stridedInputs && !sizes.empty() ? 2 : 1;
  if (!larger.empty())
    larger.back() *= step;
  std::mt19937_64 engine(program.seed + node);
  std::vector<double> values(*checkedNumElements(input.type, larger));
  for (double &value : values)
    value = draw(input.type, engine);
  auto storage = Tensor::fromDoubles(input.type, larger, values);
  if (!storage)
    return storage.takeError();
  DimVector strides = contiguousStrides(larger);
  if (!strides.empty())
    strides.back() *= step;
  TensorView view(storage->data(), input.type, sizes, strides);
  return Input{"x" + std::to_string(node), std::make_shared<Tensor>(std::move(*storage)), view};
}

/// Values that steps compute with are near 1, so that a result which happens to be near 0 is off by
/// roundings of larger ones.
static constexpr double leastMagnitude = 0.1;

/// Of steps that add up nothing, relative to the largest magnitude. Few steps follow each other
/// where the type is narrow: the reference executor rounds nothing.
static double boundOfSteps(DataType type) {
  switch (type) {
  case DataType::F64:
    return 1e-12;
  case DataType::F32:
    return 0x1p-17;
  case DataType::F16:
    return 2e-3;
  case DataType::BF16:
    return 2e-2;
  default:
    return 0;
  }
}

/// Sums are accumulated in f32, or in f64 if they are of that.
static double boundOf(DataType type, double rootsOfTerms) {
  if (boundOfSteps(type) == 0)
    return 0;
  double unit = type == DataType::F64 ? 0x1p-53 : 0x1p-24;
  // n terms, one added after the other, are off by n u of the sum of their magnitudes at most, and
  // by L sqrt(n) u but for a probability of 2 exp(-L^2 / 2) if roundings have no direction (Higham
  // and Mary, A New Approach to Probabilistic Rounding Error Analysis, 2019). Small terms of a
  // large sum are rounded towards zero together, which alone makes that 1.4 sqrt(n) u of 38,025
  // squares.
  return boundOfSteps(type) + 3 * unit * rootsOfTerms;
}

/// sqrt(n) of each sum of n terms that the node is made of, added up.
static double rootsOfTerms(const GraphProgram &program, unsigned node) {
  GraphProgram alone = program;
  alone.results = {node};
  double roots = 0;
  for (auto [step, isNeeded] : llvm::zip_equal(alone.nodes, alone.neededNodes()))
    if (int64_t terms = program.sizeOf(step.terms); isNeeded && terms > 1)
      roots += std::sqrt(static_cast<double>(terms));
  return roots;
}

llvm::Expected<Case> fovea::fuzz::makeCase(const GraphProgram &program) {
  Case made;
  std::vector<bool> needed = program.neededNodes();
  for (unsigned n = 0; n < program.nodes.size(); ++n) {
    if (!needed[n] || !program.nodes[n].isInput())
      continue;
    auto input = makeInput(program, n);
    if (!input)
      return input.takeError();
    made.inputs.push_back(std::move(*input));
  }
  made.text = program.str();
  if (program.fixedSizes)
    made.fixedSizes = program.openSizes();
  llvm::StringMap<double> roots;
  for (unsigned result : program.results)
    roots[program.nameOf(result)] = rootsOfTerms(program, result);
  made.allowedError = [roots](llvm::StringRef name, DataType type,
                              llvm::ArrayRef<double> reference) {
    double largest = leastMagnitude;
    for (double value : reference)
      if (std::isfinite(value))
        largest = std::max(largest, std::fabs(value));
    return boundOf(type, roots.lookup(name)) * largest;
  };
  return made;
}
