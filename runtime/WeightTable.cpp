#include "runtime/WeightTable.h"
#include "frontend/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include <cmath>

using namespace fovea;

static llvm::Error missing(llvm::StringRef name, const WeightSource &source) {
  std::vector<std::string> names = source.names();
  std::vector<llvm::StringRef> candidates(names.begin(), names.end());
  return llvm::createStringError(source.location() + ": expected weight '" + name +
                                 "', there is none of that name" + didYouMean(name, candidates));
}

static llvm::Expected<const void *> findWeight(const WeightSpec &spec, llvm::StringRef name,
                                               const WeightSource &source) {
  // Packing copies bytes, wherever they lie.
  std::optional<TensorView> view = spec.panels ? source.findStored(name) : source.find(name);
  if (!view)
    return missing(name, source);
  if (view->dataType() != spec.type || view->sizes() != llvm::ArrayRef<int64_t>(spec.sizes))
    return llvm::createStringError(source.location() + ": weight '" + name + "': expected " +
                                   describe(spec.type, spec.sizes) + ", got " + view->describe());
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

/// Memory for the packed copy; of a quantised one as bytes.
static llvm::Expected<Tensor> createPacked(const WeightSpec &spec, const fovea_weight &weight) {
  if (spec.panels->format)
    return Tensor::createUninitialized(DataType::I8, {fovea_packed_size(&weight)});
  return Tensor::createUninitialized(spec.type,
                                     {fovea_panel_count(&weight), weight.depth, weight.panel});
}

/// Groups with an element that is not finite have a scale of NaN.
static bool hasOnlyNumbers(const fovea_weight &weight, const Tensor &packed) {
  const char *at = packed.dataAs<char>(), *end = at + packed.numElements();
  for (int64_t size = fovea_group_size(&weight); at != end; at += size)
    for (int64_t row = 0; row < weight.panel; ++row)
      if (std::isnan(loadElement(DataType::BF16, at + size - 2 * (weight.panel - row))))
        return false;
  return true;
}

static double bytesOf(const WeightSpec &spec) {
  double bytes = sizeOf(spec.type);
  for (int64_t size : spec.sizes)
    bytes *= static_cast<double>(size);
  return bytes;
}

/// Packs weights in turn and knows how many bytes there are of them in all.
class WeightTable::Packer {
public:
  Packer(llvm::ArrayRef<WeightSpec> specs, ThreadPool &pool, const PackingProgress &progress)
      : pool(pool), progress(progress) {
    for (const WeightSpec &spec : specs)
      if (spec.panels)
        total += static_cast<double>(spec.count) * bytesOf(spec);
  }

  /// The tensor in panels; `data` is what the source has of that name.
  llvm::Expected<Tensor> pack(const WeightSpec &spec, llvm::StringRef name, const void *data,
                              const WeightSource &source);

private:
  struct Job {
    fovea_weight weight;
    const void *from;
    void *to;
  };

  int64_t panelsAtOnce(const fovea_weight &weight) const;
  void packPanels(Job &job, int64_t begin, int64_t end);

  ThreadPool &pool;
  const PackingProgress &progress;
  double done = 0, total = 0; // bytes of the files
};

int64_t WeightTable::Packer::panelsAtOnce(const fovea_weight &weight) const {
  // Panels that are cut along columns each read all rows, and all pages with them.
  if (weight.depth_stride != 1)
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

llvm::Expected<Tensor> WeightTable::Packer::pack(const WeightSpec &spec, llvm::StringRef name,
                                                 const void *data, const WeightSource &source) {
  Job job = {spec.toC(""), data, nullptr};
  const fovea_weight &weight = job.weight;
  llvm::Expected<Tensor> packed = createPacked(spec, weight);
  if (!packed)
    return packed;
  job.to = packed->data();
  auto bytes = static_cast<int64_t>(bytesOf(spec));
  int64_t panels = fovea_panel_count(&weight), step = panelsAtOnce(weight);
  for (int64_t begin = 0; begin < panels; begin += step) {
    int64_t end = std::min(panels, begin + step);
    packPanels(job, begin, end);
    int64_t panelBytes = step < panels ? weight.panel * weight.depth * weight.element_size : bytes;
    // The last panels may have no row.
    int64_t from = std::min(begin * panelBytes, bytes), to = std::min(end * panelBytes, bytes);
    source.release(name, from, to);
    done += static_cast<double>(to - from);
    if (progress)
      progress(done / total);
  }
  if (spec.panels->format && !hasOnlyNumbers(weight, *packed))
    return llvm::createStringError("expected finite elements, to quantise them, got others");
  return packed;
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

llvm::Error WeightTable::add(const WeightSpec &spec, llvm::StringRef name, Packer &packer) {
  if (!source)
    return llvm::createStringError("expected a file of weights that holds '" + name +
                                   "', none was given");
  llvm::Expected<const void *> data = findWeight(spec, name, *source);
  if (!data)
    return data.takeError();
  if (!spec.panels) {
    pointers.push_back(*data);
    return llvm::Error::success();
  }
  llvm::Expected<Tensor> panels = packer.pack(spec, name, *data, *source);
  if (!panels)
    return llvm::createStringError("weight '" + name + "': " + llvm::toString(panels.takeError()));
  pointers.push_back(panels->data());
  packed.push_back(std::move(*panels));
  return llvm::Error::success();
}

llvm::Expected<WeightTable> WeightTable::resolve(llvm::ArrayRef<WeightSpec> specs,
                                                 std::shared_ptr<const WeightSource> source,
                                                 ThreadPool &pool,
                                                 const PackingProgress &progress) {
  WeightTable table;
  table.source = std::move(source);
  Packer packer(specs, pool, progress);
  for (const WeightSpec &spec : specs)
    for (int64_t i = 0; i < spec.count; ++i)
      if (llvm::Error error = table.add(spec, spec.nameOf(i), packer))
        return std::move(error);
  return table;
}
