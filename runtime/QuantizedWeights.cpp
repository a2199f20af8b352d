// Written from the formulas of docs/dialect.md alone, in float64: comparing with what
// fovea_pack_panels makes is a test of both.
#include "runtime/QuantizedWeights.h"
#include "dialect/QuantizedPanels.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace fovea;
using attn::WeightFormat;

/// The upper 16 bits of a float are a bf16. Adding `bias` to the bits beforehand rounds: 0xFFFF
/// away from zero, 0x7FFF to nearest (and one more where the bf16 below is odd, for ties to even).
static float truncateToBf16(float value, uint32_t bias) {
  uint32_t bits = (llvm::bit_cast<uint32_t>(value) + bias) & 0xFFFF0000U;
  return llvm::bit_cast<float>(bits);
}

/// Of q8 the smallest bf16 that is at least the largest magnitude / 127; of q4 the nearest to
/// the element of largest magnitude, the first of several, / -8.
static double scaleOf(llvm::ArrayRef<double> group, WeightFormat format) {
  double largest = 0;
  for (double element : group)
    if (std::fabs(element) > std::fabs(largest))
      largest = element;
  if (format == WeightFormat::Q8)
    return truncateToBf16(static_cast<float>(std::fabs(largest)) / 127, 0xFFFF);
  auto eighth = static_cast<float>(largest / -8);
  uint32_t odd = llvm::bit_cast<uint32_t>(eighth) >> 16 & 1;
  return truncateToBf16(eighth, 0x7FFF + odd);
}

/// The multiple of the scale that an element becomes.
static double quantize(double element, double scale, WeightFormat format) {
  if (scale == 0)
    return 0;
  double multiple = std::round(element / scale);
  return scale * (format == WeightFormat::Q4 ? std::clamp(multiple, -8.0, 7.0) : multiple);
}

/// Of the matrix at `elements`, into that at `result`.
static void quantizeMatrix(llvm::ArrayRef<int64_t> sizes, const double *elements,
                           WeightFormat format, int64_t panelDim, float *result) {
  int64_t stride[] = {sizes[1], 1};
  int64_t rows = sizes[panelDim], depth = sizes[1 - panelDim];
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t begin = 0; begin < depth; begin += attn::quantizedGroup) {
      auto indexOf = [&](int64_t k) { return row * stride[panelDim] + k * stride[1 - panelDim]; };
      std::vector<double> group;
      for (int64_t k = begin; k < std::min(depth, begin + attn::quantizedGroup); ++k)
        group.push_back(elements[indexOf(k)]);
      double scale = scaleOf(group, format);
      for (auto [i, element] : llvm::enumerate(group))
        result[indexOf(begin + i)] = static_cast<float>(quantize(element, scale, format));
    }
}

llvm::Expected<Tensor> fovea::quantizeAndBack(const TensorView &matrices, WeightFormat format,
                                              int64_t panelDim) {
  llvm::Expected<Tensor> result = Tensor::create(DataType::F32, matrices.sizes());
  if (!result)
    return result;
  std::vector<double> elements = toDoubles(matrices);
  llvm::ArrayRef<int64_t> sizes = matrices.sizes().take_back(2);
  auto matrix = static_cast<size_t>(sizes[0] * sizes[1]);
  for (size_t at = 0; at < elements.size(); at += matrix)
    quantizeMatrix(sizes, elements.data() + at, format, panelDim, result->dataAs<float>() + at);
  return result;
}

static bool isQuantized(const WeightSpec &spec) { return spec.panels && spec.panels->format; }

bool fovea::hasQuantizedWeights(llvm::ArrayRef<WeightSpec> specs) {
  return llvm::any_of(specs, isQuantized);
}

namespace {
class QuantizedSource : public WeightSource {
public:
  explicit QuantizedSource(std::shared_ptr<const WeightSource> source)
      : source(std::move(source)) {}

  llvm::Error add(const WeightSpec &spec);

  std::optional<TensorView> find(llvm::StringRef name) const override {
    std::optional<TensorView> changed = quantized.find(name);
    return changed ? changed : source->find(name);
  }
  std::vector<std::string> names() const override { return source->names(); }
  std::string location() const override { return source->location(); }

private:
  std::shared_ptr<const WeightSource> source;
  InMemoryWeights quantized;
};
} // namespace

llvm::Error QuantizedSource::add(const WeightSpec &spec) {
  attn::WeightSlots slots = spec.slots();
  for (int64_t slot = 0, size = slots.size(); slot < size; slot += slots.stackSize()) {
    std::string name = slots.nameOf(slot);
    if (!slots.isReached(slot))
      continue;
    std::optional<TensorView> stored = source->find(name);
    if (!stored || stored->sizes() != llvm::ArrayRef<int64_t>(slots.storedSizes(spec.sizes)))
      return llvm::createStringError(location() + ": expected a matrix '" + name + "', got " +
                                     (stored ? stored->describe() : "no such tensor"));
    llvm::Expected<Tensor> tensor =
        quantizeAndBack(*stored, *spec.panels->format, spec.panels->dim);
    if (!tensor)
      return tensor.takeError();
    if (llvm::Error error = quantized.add(name, std::move(*tensor)))
      return error;
  }
  return llvm::Error::success();
}

llvm::Expected<std::shared_ptr<const WeightSource>>
fovea::withQuantizedWeights(std::shared_ptr<const WeightSource> source,
                            llvm::ArrayRef<WeightSpec> specs) {
  auto result = std::make_shared<QuantizedSource>(std::move(source));
  for (const WeightSpec &spec : specs)
    if (isQuantized(spec))
      if (llvm::Error error = result->add(spec))
        return std::move(error);
  return result;
}
