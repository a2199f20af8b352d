#include "runtime/generate/KvCache.h"
#include "runtime/generate/ModelIdentity.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace fovea;
using llvm::Twine;

//===----------------------------------------------------------------------===//
// Layout
//===----------------------------------------------------------------------===//

llvm::Expected<std::string> fovea::cacheElementType(llvm::StringRef cacheType) {
  if (!llvm::is_contained({"f32", "f16", "bf16", "q8"}, cacheType))
    return llvm::createStringError("expected cache-type to be f32, f16, bf16 or q8, got '" +
                                   cacheType + "'");
  return cacheType == "q8" ? "i8" : cacheType.str();
}

static llvm::Error wrongDims(const ArgumentSpec &input) {
  return llvm::createStringError("'" + input.name +
                                 "' is input and output of the step, so it is a cache; expected "
                                 "the dims [B, ...] with one more name, C or R, got " +
                                 input.describe());
}

llvm::Expected<CacheLayout> CacheLayout::of(const EntrySignature &step, int64_t window) {
  CacheLayout layout;
  layout.window = window;
  for (const ArgumentSpec &input : step.inputs) {
    if (llvm::none_of(step.outputs, [&](const auto &output) { return output.name == input.name; }))
      continue;
    Entry entry{input.name, input.type, {}, false};
    unsigned rows = 0;
    for (const DimSpec &dim : llvm::drop_begin(input.dims)) {
      entry.sizes.push_back(dim.size.value_or(0));
      if (dim.size)
        continue;
      if (dim.symbol != "C" && dim.symbol != "R")
        return wrongDims(input);
      entry.isRing = dim.symbol == "R";
      ++rows;
    }
    if (input.dims.empty() || input.dims[0].size || rows != 1)
      return wrongDims(input);
    layout.tensors.push_back(std::move(entry));
  }
  if (layout.hasRing() && window < 1)
    return llvm::createStringError("a cache is a ring (its dim is called R), so the description "
                                   "must export the number of positions seen as 'window'");
  return layout;
}

std::string CacheLayout::modelDigits() const { return model ? model->str() : ""; }

bool CacheLayout::hasRing() const {
  return llvm::any_of(tensors, [](const Entry &entry) { return entry.isRing; });
}

DimVector CacheLayout::sizesOf(const Entry &entry, int64_t sequences, int64_t capacity,
                               int64_t chunk) const {
  int64_t ring = llvm::SaturatingAdd<uint64_t>(window, chunk - 1) < static_cast<uint64_t>(capacity)
                     ? window + chunk - 1
                     : capacity;
  DimVector sizes = {sequences};
  for (int64_t size : entry.sizes)
    sizes.push_back(size != 0 ? size : entry.isRing ? ring : capacity);
  return sizes;
}

//===----------------------------------------------------------------------===//
// The cache
//===----------------------------------------------------------------------===//

static llvm::Error atLeastOne(llvm::StringRef what, int64_t value) {
  if (value >= 1)
    return llvm::Error::success();
  return llvm::createStringError("a cache has at least one " + what + ", got " + Twine(value));
}

llvm::Expected<KvCache> KvCache::create(const CacheLayout &layout, int64_t sequences,
                                        int64_t capacity, int64_t chunk) {
  if (llvm::Error error = atLeastOne("sequence", sequences))
    return std::move(error);
  if (llvm::Error error = atLeastOne("row", capacity))
    return std::move(error);
  if (llvm::Error error = atLeastOne("row a step", chunk))
    return std::move(error);
  KvCache cache;
  cache.layout = layout;
  cache.maxLength = capacity;
  cache.maxChunk = std::min(chunk, capacity);
  for (const CacheLayout::Entry &entry : layout.tensors) {
    llvm::Expected<Tensor> tensor =
        Tensor::create(entry.type, layout.sizesOf(entry, sequences, capacity, cache.maxChunk));
    if (!tensor)
      return llvm::createStringError("cache '" + entry.name +
                                     "': " + llvm::toString(tensor.takeError()));
    cache.tensors.push_back(std::move(*tensor));
  }
  cache.lengths.assign(sequences, 0);
  cache.highest.assign(sequences, 0);
  return cache;
}

llvm::Expected<KvCache> KvCache::clone() const {
  llvm::Expected<KvCache> copy = create(layout, sequences(), maxLength, maxChunk);
  for (int64_t i = 0; copy && i < sequences(); ++i)
    if (llvm::Error error = copy->copySequence(*this, i, i))
      return std::move(error);
  return copy;
}

int64_t KvCache::numBytes() const {
  int64_t bytes = 0;
  for (const Tensor &tensor : tensors)
    bytes += tensor.numBytes();
  return bytes;
}

std::vector<NamedMutableView> KvCache::views(int64_t first, int64_t count) {
  std::vector<NamedMutableView> result;
  for (auto [entry, tensor] : llvm::zip_equal(layout.tensors, tensors)) {
    DimVector sizes(tensor.sizes());
    sizes[0] = count;
    char *begin = static_cast<char *>(tensor.data()) + tensor.numBytes() / sequences() * first;
    result.emplace_back(entry.name, MutableTensorView(begin, entry.type, sizes));
  }
  return result;
}

llvm::Error KvCache::checkFits(int64_t sequence, int64_t count) const {
  if (count > maxChunk)
    return llvm::createStringError("a step adds at most " + Twine(maxChunk) +
                                   " tokens to this cache, got " + Twine(count));
  if (count > maxLength - lengths[sequence])
    return fullError(sequence, count);
  return llvm::Error::success();
}

llvm::Error KvCache::fullError(int64_t sequence, int64_t count) const {
  return llvm::createStringError("the context is full: it holds " + Twine(maxLength) + " tokens, " +
                                 Twine(lengths[sequence]) + " are there and " + Twine(count) +
                                 " more do not fit");
}

void KvCache::advance(int64_t sequence, int64_t count) {
  lengths[sequence] += count;
  highest[sequence] = std::max(highest[sequence], lengths[sequence]);
}

llvm::Error KvCache::checkWindows(int64_t length, int64_t high) const {
  // A ring still holds the last rows that were ever written. The next token, at `length`, sees the
  // window - 1 positions before it.
  for (auto [entry, tensor] : llvm::zip_equal(layout.tensors, tensors)) {
    int64_t rows = tensor.size(llvm::find(entry.sizes, 0) - entry.sizes.begin() + 1);
    int64_t oldest = std::max<int64_t>(0, high - rows);
    if (entry.isRing && length > 0 && std::max<int64_t>(0, length - layout.window + 1) < oldest)
      return llvm::createStringError("the window of layer cache '" + entry.name +
                                     "' holds positions " + Twine(oldest) + " to " +
                                     Twine(high - 1) + "; a sequence of " + Twine(length) +
                                     " tokens cannot go on from them");
  }
  return llvm::Error::success();
}

llvm::Error KvCache::truncate(int64_t sequence, int64_t length) {
  if (length < 0 || length > lengths[sequence])
    return llvm::createStringError("expected a length of 0 to " + Twine(lengths[sequence]) +
                                   " to cut the sequence to, got " + Twine(length));
  if (llvm::Error error = checkWindows(length, highest[sequence]))
    return error;
  lengths[sequence] = length;
  if (length == 0)
    highest[sequence] = 0;
  return llvm::Error::success();
}

llvm::Error KvCache::copySequence(const KvCache &other, int64_t from, int64_t to) {
  if (layout.model != other.layout.model && layout.modelDigits() != other.layout.modelDigits())
    return llvm::createStringError("expected a cache of the model " + layout.modelDigits() +
                                   ", got one of the model " + other.layout.modelDigits());
  for (auto [entry, mine, theirs] : llvm::zip_equal(layout.tensors, tensors, other.tensors)) {
    if (mine.dataType() != theirs.dataType() ||
        mine.sizes().drop_front() != theirs.sizes().drop_front())
      return llvm::createStringError("cache '" + entry.name + "': expected sequences of " +
                                     mine.describe() + ", got " + theirs.describe());
    int64_t bytes = mine.numBytes() / sequences();
    std::memmove(static_cast<char *>(mine.data()) + bytes * to,
                 static_cast<const char *>(theirs.data()) + bytes * from, bytes);
  }
  lengths[to] = other.lengths[from];
  highest[to] = other.highest[from];
  return llvm::Error::success();
}
