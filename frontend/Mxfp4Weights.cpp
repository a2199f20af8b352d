#include "frontend/Mxfp4Weights.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Process.h"
#include <array>
#include <cmath>
#include <limits>
#include <mutex>
#include <sys/mman.h>
#include <utility>

using namespace fovea;
using llvm::StringRef;

static constexpr StringRef blocksSuffix = "_blocks", scalesSuffix = "_scales";
static constexpr int64_t groupSize = 32, groupBytes = 16;

using Halves = std::array<uint16_t, 16>; // the bf16 of each element, by its bits

/// The elements under every scale.
static const std::array<Halves, 256> &elements() {
  static const std::array<Halves, 256> table = [] {
    constexpr float magnitudes[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    std::array<Halves, 256> result;
    for (int scale = 0; scale < 256; ++scale)
      for (int bits = 0; bits < 16; ++bits) {
        float value = std::ldexp(bits < 8 ? magnitudes[bits] : -magnitudes[bits - 8], scale - 127);
        if (scale == 255)
          value = std::numeric_limits<float>::quiet_NaN();
        result[scale][bits] = static_cast<uint16_t>(llvm::bit_cast<uint32_t>(value) >> 16);
      }
    return result;
  }();
  return table;
}

namespace {
/// A pair, and the stack of matrices that it holds, each filled when it is first asked for.
class Pair {
public:
  Pair(const TensorView &blocks, const TensorView &scales, Tensor unpacked)
      : blocks(blocks), scales(scales), unpacked(std::move(unpacked)),
        holders(scales.numElements() / (rows() * groups())) {}

  TensorView view() const { return unpacked.view(); }
  /// As long as what this returns lives, the matrices that have some of these bytes are filled.
  /// What it reads of the blocks and the scales is released.
  std::shared_ptr<const void> load(const WeightSource &source, StringRef name, int64_t begin,
                                   int64_t end);
  /// All of them are filled from now on.
  void loadForGood(const WeightSource &source, StringRef name);

private:
  int64_t rows() const { return scales.sizes()[scales.rank() - 2]; }
  int64_t groups() const { return scales.sizes().back(); }
  int64_t matrixBytes() const { return rows() * groups() * groupSize * sizeOf(DataType::BF16); }
  int64_t numMatrices() const { return holders.size(); }
  void fill(const WeightSource &source, StringRef name, int64_t first, int64_t last);
  void unpack(int64_t matrix);
  void letGo(int64_t first, int64_t last);

  TensorView blocks, scales;
  Tensor unpacked; // [..., 32 * groups, rows]
  std::mutex mutex;
  std::vector<int> holders; // of each matrix, which is empty if it has none
  bool isKept = false;      // one of them, for good
};

class Mxfp4Weights : public WeightSource {
public:
  explicit Mxfp4Weights(std::shared_ptr<const WeightSource> source) : source(std::move(source)) {}

  llvm::Error add(StringRef name, const TensorView &blocks, const TensorView &scales);
  bool isEmpty() const { return pairs.empty(); }

  std::optional<TensorView> find(StringRef name) const override;
  std::optional<TensorView> findStored(StringRef name) const override;
  std::shared_ptr<const void> load(StringRef name, int64_t begin, int64_t end) const override;
  void release(StringRef name, int64_t begin, int64_t end) const override {
    if (!pairOf(name) && !isPart(name))
      source->release(name, begin, end);
  }
  std::vector<std::string> names() const override;
  std::string location() const override { return source->location(); }

private:
  /// Or null.
  Pair *pairOf(StringRef name) const {
    auto it = pairs.find(name);
    return it == pairs.end() ? nullptr : it->second.get();
  }
  bool isPart(StringRef name) const {
    return (name.consume_back(blocksSuffix) || name.consume_back(scalesSuffix)) && pairOf(name);
  }

  std::shared_ptr<const WeightSource> source;
  std::map<std::string, std::unique_ptr<Pair>, std::less<>> pairs;
};
} // namespace

/// One group of up to 32 rows, transposed in a tile so that rows of the result are written whole.
static void unpackTile(const uint8_t *bytes, const uint8_t *scales, int64_t groups, int64_t count,
                       uint16_t *to, int64_t stride) {
  uint16_t tile[groupSize][groupSize];
  for (int64_t row = 0; row < count; ++row) {
    const Halves &values = elements()[scales[row * groups]];
    for (int64_t i = 0; i < groupBytes; ++i) {
      uint8_t byte = bytes[row * groups * groupBytes + i];
      tile[2 * i][row] = values[byte & 15];
      tile[2 * i + 1][row] = values[byte >> 4];
    }
  }
  for (int64_t k = 0; k < groupSize; ++k)
    std::copy(tile[k], tile[k] + count, to + k * stride);
}

/// The pages that lie within.
static void dropPages(char *begin, int64_t bytes) {
  static const uintptr_t page = llvm::sys::Process::getPageSizeEstimate();
  uintptr_t first = llvm::alignTo(reinterpret_cast<uintptr_t>(begin), page);
  uintptr_t last = llvm::alignDown(reinterpret_cast<uintptr_t>(begin + bytes), page);
  if (first < last)
    madvise(reinterpret_cast<void *>(first), last - first, MADV_DONTNEED);
}

void Pair::unpack(int64_t matrix) {
  int64_t begin = matrix * rows() * groups();
  auto *bytes = static_cast<const uint8_t *>(blocks.data());
  auto *scale = static_cast<const uint8_t *>(scales.data());
  auto *to = unpacked.dataAs<uint16_t>() + begin * groupSize;
  for (int64_t group = 0; group < groups(); ++group)
    for (int64_t row = 0; row < rows(); row += groupSize) {
      int64_t at = begin + row * groups() + group;
      unpackTile(bytes + at * groupBytes, scale + at, groups(), std::min(groupSize, rows() - row),
                 to + group * groupSize * rows() + row, rows());
    }
}

void Pair::fill(const WeightSource &source, StringRef name, int64_t first, int64_t last) {
  for (int64_t matrix = first; matrix < last; ++matrix) {
    if (holders[matrix]++ > 0)
      continue;
    unpack(matrix);
    int64_t begin = matrix * rows() * groups(), end = begin + rows() * groups();
    source.release((name + blocksSuffix).str(), begin * groupBytes, end * groupBytes);
    source.release((name + scalesSuffix).str(), begin, end);
  }
}

void Pair::letGo(int64_t first, int64_t last) {
  std::lock_guard lock(mutex);
  auto *memory = static_cast<char *>(unpacked.data());
  for (int64_t matrix = first; matrix < last; ++matrix)
    if (--holders[matrix] == 0)
      dropPages(memory + matrix * matrixBytes(), matrixBytes());
}

std::shared_ptr<const void> Pair::load(const WeightSource &source, StringRef name, int64_t begin,
                                       int64_t end) {
  int64_t first = begin / matrixBytes();
  int64_t last = std::min<int64_t>(llvm::divideCeil(end, matrixBytes()), numMatrices());
  std::lock_guard lock(mutex);
  fill(source, name, first, last);
  return {unpacked.data(), [this, first, last](const void *) { letGo(first, last); }};
}

void Pair::loadForGood(const WeightSource &source, StringRef name) {
  std::lock_guard lock(mutex);
  if (!std::exchange(isKept, true))
    fill(source, name, 0, numMatrices());
}

llvm::Error Mxfp4Weights::add(StringRef name, const TensorView &blocks, const TensorView &scales) {
  auto fail = [&](const llvm::Twine &message) {
    return llvm::createStringError(location() + ": " + message);
  };
  llvm::ArrayRef<int64_t> sizes = scales.sizes();
  if (blocks.rank() < 3 || blocks.sizes().back() != groupBytes ||
      blocks.sizes().drop_back() != sizes || blocks.numElements() == 0)
    return fail("tensors '" + name + blocksSuffix + "' and '" + name + scalesSuffix +
                "': expected u8[..., rows, groups, 16] and u8[..., rows, groups], got " +
                blocks.describe() + " and " + scales.describe());
  if (source->findStored(name))
    return fail("there are both a tensor '" + name + "' and '" + name + blocksSuffix + "'");
  DimVector shape(sizes.drop_back(2));
  shape.push_back(sizes.back() * groupSize); // no overflow: the blocks hold half as many bytes
  shape.push_back(sizes[sizes.size() - 2]);
  llvm::Expected<Tensor> unpacked = Tensor::createUninitialized(DataType::BF16, shape);
  if (!unpacked)
    return fail("tensor '" + name + "', unpacked: " + llvm::toString(unpacked.takeError()));
  pairs.emplace(name.str(), new Pair(blocks, scales, std::move(*unpacked)));
  return llvm::Error::success();
}

std::optional<TensorView> Mxfp4Weights::find(StringRef name) const {
  Pair *pair = pairOf(name);
  if (!pair)
    return isPart(name) ? std::nullopt : source->find(name);
  pair->loadForGood(*source, name);
  return pair->view();
}

std::optional<TensorView> Mxfp4Weights::findStored(StringRef name) const {
  if (Pair *pair = pairOf(name))
    return pair->view();
  return isPart(name) ? std::nullopt : source->findStored(name);
}

std::shared_ptr<const void> Mxfp4Weights::load(StringRef name, int64_t begin, int64_t end) const {
  if (Pair *pair = pairOf(name))
    return pair->load(*source, name, begin, end);
  return isPart(name) ? nullptr : source->load(name, begin, end);
}

std::vector<std::string> Mxfp4Weights::names() const {
  std::vector<std::string> result;
  for (std::string &name : source->names())
    if (!isPart(name))
      result.push_back(std::move(name));
  for (const auto &entry : pairs)
    result.push_back(entry.first);
  llvm::sort(result);
  return result;
}

llvm::Expected<std::shared_ptr<const WeightSource>>
fovea::withMxfp4Unpacked(std::shared_ptr<const WeightSource> source) {
  auto result = std::make_shared<Mxfp4Weights>(source);
  for (const std::string &text : source->names()) {
    StringRef name = text;
    if (!name.consume_back(blocksSuffix))
      continue;
    std::optional<TensorView> blocks = source->findStored(text);
    std::optional<TensorView> scales = source->findStored((name + scalesSuffix).str());
    if (!scales || blocks->dataType() != DataType::U8 || scales->dataType() != DataType::U8)
      continue;
    if (llvm::Error error = result->add(name, *blocks, *scales))
      return std::move(error);
  }
  if (result->isEmpty())
    return source;
  return std::shared_ptr<const WeightSource>(std::move(result));
}
