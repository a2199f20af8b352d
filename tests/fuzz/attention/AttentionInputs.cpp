// The tensors of a program, drawn from its seed.
#include "tests/fuzz/attention/AttentionProgram.h"
#include "llvm/ADT/STLExtras.h"
#include <limits>
#include <random>

using namespace fovea;
using namespace fovea::fuzz;

namespace {
/// What must not leak out of keys and values that are masked.
constexpr double poison[] = {std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity()};

class InputMaker {
public:
  explicit InputMaker(const AttentionProgram &program) : program(program), engine(program.seed) {}
  llvm::Expected<std::vector<Input>> make();

private:
  /// Inputs of the description's text, in its order; each is made only if the text has it.
  llvm::Error addOperand(const std::string &name, int64_t heads, int64_t length, int64_t dim,
                         double magnitude, bool padded);
  llvm::Error add(const std::string &name, DataType type, llvm::ArrayRef<int64_t> sizes,
                  llvm::function_ref<double()> draw);
  DimVector inMemory(int64_t heads, int64_t length, int64_t dim) const;
  double normal() { return std::normal_distribution<double>()(engine); }
  int64_t below(int64_t n) { return std::uniform_int_distribution<int64_t>(0, n - 1)(engine); }

  const AttentionProgram &program;
  std::mt19937_64 engine;
  std::vector<double> lengths; // of each batch element, with padding
  std::vector<Input> inputs;
};
} // namespace

DimVector InputMaker::inMemory(int64_t heads, int64_t length, int64_t dim) const {
  switch (program.layout) {
  case Layout::HeadsFirst:
    return {program.batches, heads, length, dim};
  case Layout::PositionsFirst:
    return {program.batches, length, heads, dim};
  case Layout::Merged:
    return {program.batches, length, heads * dim};
  }
  return {};
}

llvm::Error InputMaker::addOperand(const std::string &name, int64_t heads, int64_t length,
                                   int64_t dim, double magnitude, bool padded) {
  DimVector sizes = inMemory(heads, length, dim), larger = sizes;
  int64_t step = program.stridedInputs ? 2 : 1;
  larger.back() *= step;
  auto storage = Tensor::create(program.type, larger);
  if (!storage)
    return storage.takeError();
  DimVector strides = contiguousStrides(larger);
  strides.back() *= step;
  MutableTensorView view(storage->data(), program.type, sizes, strides);
  unsigned positionDim = program.layout == Layout::HeadsFirst ? 2 : 1;
  DimVector index(sizes.size(), 0);
  for (int64_t n = 0; n < view.numElements(); ++n) {
    bool masked = padded && index[positionDim] >= lengths[index[0]];
    view.set(index, masked ? poison[below(3)] : magnitude * normal());
    for (int64_t dim = index.size() - 1; dim >= 0 && ++index[dim] == sizes[dim]; --dim)
      index[dim] = 0;
  }
  inputs.push_back({name, std::make_shared<Tensor>(std::move(*storage)), view});
  return llvm::Error::success();
}

llvm::Error InputMaker::add(const std::string &name, DataType type, llvm::ArrayRef<int64_t> sizes,
                            llvm::function_ref<double()> draw) {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  std::vector<double> values(count);
  for (double &value : values)
    value = draw();
  auto tensor = Tensor::fromDoubles(type, sizes, values);
  if (!tensor)
    return tensor.takeError();
  TensorView view = tensor->view();
  inputs.push_back({name, std::make_shared<Tensor>(std::move(*tensor)), view});
  return llvm::Error::success();
}

llvm::Expected<std::vector<Input>> InputMaker::make() {
  const AttentionProgram &p = program;
  std::string text = p.str();
  auto reads = [&](llvm::StringRef parameter) { return text.find(parameter) != std::string::npos; };
  for (int64_t b = 0; b < p.batches; ++b)
    lengths.push_back(static_cast<double>(below(p.keys + 1)));
  llvm::Error error = addOperand("q", p.heads(), p.queries, p.headDim, p.magnitude, false);
  auto then = [&](bool wanted, llvm::function_ref<llvm::Error()> make) {
    if (!error && wanted)
      error = make();
  };
  then(true,
       [&] { return addOperand("k", p.keyHeads, p.keys, p.headDim, p.magnitude, p.padding); });
  then(true, [&] { return addOperand("v", p.keyHeads, p.keys, p.valueDim, 1, p.padding); });
  size_t next = 0;
  then(p.padding,
       [&] { return add("lengths", DataType::I64, {p.batches}, [&] { return lengths[next++]; }); });
  then(reads("doc: "), [&] {
    return add("doc", DataType::I64, {p.batches, p.positions()}, [&] { return below(3); });
  });
  then(reads("slopes: "),
       [&] { return add("slopes", p.scoreType(), {p.heads()}, [&] { return 0.1 * normal(); }); });
  then(reads("table: "), [&] {
    return add("table", p.scoreType(), {p.heads(), 17}, [&] { return normal(); });
  });
  then(p.denseMask, [&] {
    return add("dense", DataType::Bool, {p.queries, p.keys}, [&] { return below(4) != 0; });
  });
  then(p.bias, [&] {
    return add("bias", p.scoreType(), {p.batches, 1, p.queries, p.keys},
               [&] { return below(5) == 0 ? poison[2] : normal(); });
  });
  then(p.offset.has_value(),
       [&] { return add("first", DataType::I64, {}, [&] { return *p.offset; }); });
  if (error)
    return std::move(error);
  return std::move(inputs);
}

llvm::Expected<std::vector<Input>> fovea::fuzz::makeInputs(const AttentionProgram &program) {
  return InputMaker(program).make();
}
