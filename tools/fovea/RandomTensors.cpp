// Seeded random tensors, drawn from Philox by element index.
#include "RandomTensors.h"
#include "dialect/AttnOps.h"
#include "dialect/Philox.h"
#include <cmath>
#include <numbers>

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

namespace {
/// The random numbers of one run. Each tensor draws from a stream of its own.
class RandomTensors {
public:
  explicit RandomTensors(int64_t seed)
      : key{static_cast<uint32_t>(seed), static_cast<uint32_t>(static_cast<uint64_t>(seed) >> 32)} {
  }

  /// The next tensor; floats have the given standard deviation.
  llvm::Expected<Tensor> make(DataType type, llvm::ArrayRef<int64_t> sizes, double deviation);

private:
  double draw(DataType type, int64_t index, double deviation) const;

  philox::Key key;
  uint32_t stream = 0;
};
} // namespace

static double toUniform(uint32_t word) {
  return (word >> philox::uniformShift) * philox::uniformScale;
}

double RandomTensors::draw(DataType type, int64_t index, double deviation) const {
  philox::Counter words = philox::block(
      {static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), stream, 1}, key);
  switch (type) {
  case DataType::F64:
  case DataType::F32:
  case DataType::F16:
  case DataType::BF16: // Box and Muller's transform; 1 - u is never 0
    return deviation * std::sqrt(-2 * std::log(1 - toUniform(words[0]))) *
           std::cos(2 * std::numbers::pi * toUniform(words[1]));
  case DataType::Bool:
    return words[0] & 1;
  default:
    return words[0] & 7;
  }
}

llvm::Expected<Tensor> RandomTensors::make(DataType type, llvm::ArrayRef<int64_t> sizes,
                                           double deviation) {
  llvm::Expected<Tensor> tensor = Tensor::createUninitialized(type, sizes);
  if (!tensor)
    return tensor;
  char *data = static_cast<char *>(tensor->data());
  for (int64_t index = 0; index < tensor->numElements(); ++index, data += sizeOf(type))
    storeElement(type, data, draw(type, index, deviation));
  ++stream;
  return tensor;
}

static llvm::Expected<DimVector> bindDims(const ArgumentSpec &input, const DimSizes &dims) {
  DimVector sizes;
  for (const DimSpec &dim : input.dims) {
    auto bound = dims.find(dim.symbol);
    if (!dim.size && (dim.symbol.empty() || bound == dims.end()))
      return llvm::createStringError(
          "input '" + input.name + "' is " + input.describe() + ": " +
          (dim.symbol.empty() ? "a dim has no name, so the tensor must come from --input"
                              : "give the size of " + dim.symbol + " with --set " + dim.symbol +
                                    "=SIZE, or the tensor with --input"));
    sizes.push_back(dim.size ? *dim.size : bound->second);
  }
  return sizes;
}

llvm::Expected<std::vector<std::pair<std::string, Tensor>>>
tool::makeRandomInputs(const EntrySignature &entry, const DimSizes &dims, int64_t seed) {
  RandomTensors random(seed);
  std::vector<std::pair<std::string, Tensor>> inputs;
  for (const ArgumentSpec &input : entry.inputs) {
    llvm::Expected<DimVector> sizes = bindDims(input, dims);
    if (!sizes)
      return sizes.takeError();
    llvm::Expected<Tensor> tensor = random.make(input.type, *sizes, 1);
    if (!tensor)
      return tensor.takeError();
    inputs.emplace_back(input.name, std::move(*tensor));
  }
  return inputs;
}

bool tool::hasWeights(mlir::ModuleOp module) {
  return module->walk([](attn::WeightOp) { return mlir::WalkResult::interrupt(); })
      .wasInterrupted();
}

/// Adds the tensors that one op names, but for those that another op has named before.
static llvm::Error addWeights(attn::WeightOp op, RandomTensors &random, InMemoryWeights &weights) {
  mlir::RankedTensorType type = op.getStoredType();
  std::optional<DataType> dataType = toDataType(type.getElementType());
  if (!type.hasStaticShape() || !dataType)
    return llvm::createStringError("weight '" + op.getName() +
                                   "' has a size that is not known: give it with --set");
  double deviation =
      type.getRank() == 0 ? 1 : 1 / std::sqrt(std::max<int64_t>(type.getShape().back(), 1));
  attn::WeightSlots slots = op.getSlots();
  for (int64_t slot = 0, size = slots.size(); slot < size; slot += slots.stackSize()) {
    std::string name = slots.nameOf(slot);
    if (weights.find(name))
      continue;
    llvm::Expected<Tensor> tensor = random.make(*dataType, type.getShape(), deviation);
    if (!tensor)
      return tensor.takeError();
    if (llvm::Error error = weights.add(name, std::move(*tensor)))
      return error;
  }
  return llvm::Error::success();
}

llvm::Expected<std::shared_ptr<const WeightSource>> tool::makeRandomWeights(mlir::ModuleOp module,
                                                                            int64_t seed) {
  // Under the same key the weights would repeat the inputs.
  RandomTensors random(~seed);
  auto weights = std::make_shared<InMemoryWeights>();
  llvm::Error error = llvm::Error::success();
  module->walk([&](attn::WeightOp op) {
    error = addWeights(op, random, *weights);
    return error ? mlir::WalkResult::interrupt() : mlir::WalkResult::advance();
  });
  if (error)
    return std::move(error);
  return weights;
}
