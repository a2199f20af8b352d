#include "runtime/WeightTable.h"
#include "frontend/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <cstring>

using namespace fovea;

static llvm::Error missing(llvm::StringRef name, const WeightSource &source) {
  std::vector<std::string> names = source.names();
  std::vector<llvm::StringRef> candidates(names.begin(), names.end());
  return llvm::createStringError(source.location() + ": expected weight '" + name +
                                 "', there is none of that name" + didYouMean(name, candidates));
}

/// Vectors as well: they lie between the matrices of a file, and who reads one there gets sixteen
/// pages of it.
static bool isCopied(const WeightSpec &spec) { return spec.panels || spec.sizes.size() <= 1; }

static llvm::Expected<const void *> findWeight(const WeightSpec &spec, llvm::StringRef name,
                                               const WeightSource &source) {
  // Copying takes bytes, wherever they lie.
  std::optional<TensorView> view = isCopied(spec) ? source.findStored(name) : source.find(name);
  if (!view)
    return missing(name, source);
  llvm::SmallVector<int64_t, 4> sizes = spec.slots().storedSizes(spec.sizes);
  if (view->dataType() != spec.type || view->sizes() != llvm::ArrayRef<int64_t>(sizes))
    return llvm::createStringError(source.location() + ": weight '" + name + "': expected " +
                                   describe(spec.type, sizes) + ", got " + view->describe());
  if (!view->isContiguous())
    return llvm::createStringError(source.location() + ": weight '" + name +
                                   "': expected contiguous elements, got strides");
  return view->data();
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

/// Of the files, for each thread: starting a loop costs little beside it.
static constexpr int64_t bytesAtOnce = int64_t(1) << 20;

/// Packed copies begin where vectors do.
static constexpr int64_t alignment = 64;

/// Groups with an element that is not finite have a scale of NaN.
static bool hasOnlyNumbers(const fovea_weight &weight, const void *packed) {
  const auto *at = static_cast<const char *>(packed), *end = at + fovea_packed_size(&weight);
  for (int64_t size = fovea_group_size(&weight); at != end; at += size)
    for (int64_t row = 0; row < weight.panel; ++row)
      if (std::isnan(loadElement(DataType::BF16, at + size - 2 * (weight.panel - row))))
        return false;
  return true;
}

/// Bytes from one copied tensor to the next; 0 for those that stay in their files.
static int64_t copiedStride(const WeightSpec &spec) {
  if (!isCopied(spec))
    return 0;
  fovea_weight weight = spec.toC("");
  return llvm::alignTo(spec.panels ? fovea_packed_size(&weight) : spec.storedBytes(), alignment);
}

/// Panels that are cut along columns each read all rows, and all pages with them.
static bool isReadAsAWhole(const WeightSpec &spec) {
  return spec.panels && spec.toC("").depth_stride != 1;
}

/// Packs weights in turn and knows how many bytes there are of them in all.
class WeightTable::Packer {
public:
  Packer(llvm::ArrayRef<WeightSpec> specs, ThreadPool &pool, const PackingProgress &progress)
      : pool(pool), progress(progress) {
    for (const WeightSpec &spec : specs)
      if (spec.panels)
        total += static_cast<double>(spec.slots().reachedSize() * spec.storedBytes());
    if (progress && total > 0)
      progress(0);
  }

  /// Puts what the slot holds of the tensor in panels at `to`; `data` is what the source has of its
  /// name.
  llvm::Error pack(const WeightSpec &spec, int64_t slot, const void *data, void *to,
                   const WeightSource &source);

private:
  struct Job {
    fovea_weight weight;
    const void *from;
    void *to;
  };

  int64_t panelsAtOnce(const WeightSpec &spec) const;
  void packPanels(Job &job, int64_t begin, int64_t end);

  ThreadPool &pool;
  const PackingProgress &progress;
  double done = 0, total = 0; // bytes of the files
};

int64_t WeightTable::Packer::panelsAtOnce(const WeightSpec &spec) const {
  fovea_weight weight = spec.toC("");
  if (isReadAsAWhole(spec))
    return std::max<int64_t>(1, fovea_panel_count(&weight));
  int64_t panelBytes = weight.panel * weight.depth * weight.element_size;
  return std::max<int64_t>(1, pool.size() * bytesAtOnce / std::max<int64_t>(1, panelBytes));
}

void WeightTable::Packer::packPanels(Job &job, int64_t begin, int64_t end) {
  struct Range {
    const Job &job;
    int64_t begin;
  } range = {job, begin};
  pool.parallelFor(
      end - begin,
      [](void *closure, int64_t first, int64_t last, int64_t) {
        const auto &[job, begin] = *static_cast<const Range *>(closure);
        fovea_pack_panels(&job.weight, job.from, job.to, begin + first, begin + last);
      },
      &range);
}

llvm::Error WeightTable::Packer::pack(const WeightSpec &spec, int64_t slot, const void *data,
                                      void *to, const WeightSource &source) {
  std::string name = spec.slots().nameOf(slot);
  Job job = {spec.toC("", slot), data, to};
  const fovea_weight &weight = job.weight;
  int64_t bytes = spec.storedBytes();
  auto loaded = source.load(name, weight.begin, weight.begin + bytes);
  int64_t panels = fovea_panel_count(&weight), step = panelsAtOnce(spec);
  for (int64_t begin = 0; begin < panels; begin += step) {
    int64_t end = std::min(panels, begin + step);
    packPanels(job, begin, end);
    int64_t panelBytes = step < panels ? weight.panel * weight.depth * weight.element_size : bytes;
    // The last panels may have no row.
    int64_t first = std::min(begin * panelBytes, bytes), last = std::min(end * panelBytes, bytes);
    source.release(name, weight.begin + first, weight.begin + last);
    done += static_cast<double>(last - first);
    if (progress)
      progress(done / total);
  }
  if (spec.panels->format && !hasOnlyNumbers(weight, to))
    return llvm::createStringError("weight '" + name +
                                   "': expected finite elements, to quantise them, got others");
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

llvm::Error WeightTable::find(llvm::ArrayRef<WeightSpec> specs) {
  for (const WeightSpec &spec : specs)
    for (int64_t slot = 0, size = spec.slots().size(); slot < size; ++slot) {
      std::string name = spec.slots().nameOf(slot);
      if (!source)
        return llvm::createStringError("expected a file of weights that holds '" + name +
                                       "', none was given");
      llvm::Expected<const void *> data = findWeight(spec, name, *source);
      if (!data)
        return data.takeError();
      int64_t begin = isCopied(spec) ? 0 : spec.storedBegin(slot);
      pointers.push_back(static_cast<const char *>(*data) + begin);
    }
  return llvm::Error::success();
}

/// A vector, as it is.
static void copyVector(const WeightSpec &spec, int64_t slot, const void *data, void *to,
                       const WeightSource &source) {
  std::string name = spec.slots().nameOf(slot);
  int64_t bytes = spec.storedBytes(), begin = spec.storedBegin(slot);
  auto loaded = source.load(name, begin, begin + bytes);
  std::memcpy(to, static_cast<const char *>(data) + begin, bytes);
  source.release(name, begin, begin + bytes);
}

/// A tensor to copy: the i-th of a spec. Its slot has the place in the file, then that of the copy.
struct WeightTable::Copy {
  const WeightSpec *spec;
  int64_t i;
  const void **slot;
  char *to;

  /// What is in memory as a whole while it is packed comes first, the largest before all: the less
  /// is packed by then, the lower is the peak.
  std::pair<int64_t, const void **> rank() const {
    return {isReadAsAWhole(*spec) ? -spec->storedBytes() : 0, slot};
  }
};

/// All in one piece of memory: of pieces of their own those below a large page would be read page
/// by page of a few kilobytes, each of which has to be looked up.
llvm::Expected<std::vector<WeightTable::Copy>>
WeightTable::place(llvm::ArrayRef<WeightSpec> specs) {
  for (const WeightSpec &spec : specs)
    packedBytes += spec.slots().reachedSize() * copiedStride(spec);
  if (llvm::Error error = packed.reserve(packedBytes))
    return llvm::createStringError("packed weights: " + llvm::toString(std::move(error)));
  std::vector<Copy> copies;
  auto *to = static_cast<char *>(packed.data());
  const void **slot = pointers.data();
  for (const WeightSpec &spec : specs)
    for (int64_t i = 0, size = spec.slots().size(); i < size; ++i, ++slot)
      if (isCopied(spec) && spec.slots().isReached(i)) {
        copies.push_back({&spec, i, slot, to});
        to += copiedStride(spec);
      }
  llvm::sort(copies, [](const Copy &a, const Copy &b) { return a.rank() < b.rank(); });
  return copies;
}

llvm::Error WeightTable::pack(llvm::ArrayRef<Copy> copies, Packer &packer) {
  for (const Copy &copy : copies)
    if (!copy.spec->panels)
      copyVector(*copy.spec, copy.i, *copy.slot, copy.to, *source);
    else if (llvm::Error error = packer.pack(*copy.spec, copy.i, *copy.slot, copy.to, *source))
      return error;
  return llvm::Error::success();
}

/// Slots that no index chooses point to what one that an index does points to.
void WeightTable::fillUp(llvm::ArrayRef<WeightSpec> specs) {
  const void **first = pointers.data();
  for (const WeightSpec &spec : specs) {
    attn::WeightSlots slots = spec.slots();
    int64_t size = slots.size();
    for (int64_t slot = 0; slot < size; ++slot)
      first[slot] = first[slots.standIn(slot)];
    first += size;
  }
}

llvm::MutableArrayRef<char> WeightTable::packedMemory() const {
  return {static_cast<char *>(packed.data()), static_cast<size_t>(packedBytes)};
}

llvm::Expected<WeightTable> WeightTable::resolve(llvm::ArrayRef<WeightSpec> specs,
                                                 std::shared_ptr<const WeightSource> source,
                                                 ThreadPool &pool, const PackingProgress &progress,
                                                 const WeightCache *cache) {
  WeightTable table;
  table.source = std::move(source);
  // First what may be wrong with the files, whose sizes then bound those of the packed weights.
  if (llvm::Error error = table.find(specs))
    return std::move(error);
  llvm::Expected<std::vector<Copy>> copies = table.place(specs);
  if (!copies)
    return copies.takeError();
  Packer packer(specs, pool, progress);
  bool hasPanels = llvm::any_of(specs, [](const WeightSpec &spec) { return !!spec.panels; });
  std::string key = cache && hasPanels ? cache->keyOf(specs, *table.source, pool) : "";
  table.cacheHit = !key.empty() && cache->load(key, table.packedMemory(), pool);
  if (table.cacheHit) {
    if (progress)
      progress(1);
  } else {
    if (llvm::Error error = table.pack(*copies, packer))
      return std::move(error);
    if (!key.empty())
      if (llvm::Error error = cache->store(key, table.packedMemory(), pool))
        table.failure = llvm::toString(std::move(error));
  }
  for (const Copy &copy : *copies)
    *copy.slot = copy.to;
  table.fillUp(specs);
  return table;
}
