// The tensors of a graph, drawn from its seed, and how far its results may be off.
#include "tests/fuzz/graph/GraphProgram.h"
#include "llvm/ADT/STLExtras.h"
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

/// Relative to the largest magnitude. Sums are at most some thousand elements long, and few steps
/// follow each other where the type is narrow: the reference executor rounds nothing.
static double boundOf(DataType type) {
  switch (type) {
  case DataType::F64:
    return 1e-12;
  case DataType::F32:
    return 1e-5;
  case DataType::F16:
    return 2e-3;
  case DataType::BF16:
    return 2e-2;
  default:
    return 0;
  }
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
  made.allowedError = [](llvm::StringRef, DataType type, llvm::ArrayRef<double> reference) {
    double largest = leastMagnitude;
    for (double value : reference)
      if (std::isfinite(value))
        largest = std::max(largest, std::fabs(value));
    return boundOf(type) * largest;
  };
  return made;
}
