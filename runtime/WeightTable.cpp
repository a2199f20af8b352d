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
  std::optional<TensorView> view = source.find(name);
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

/// The tensor in panels.
static llvm::Expected<Tensor> pack(const WeightSpec &spec, const void *data, ThreadPool &pool) {
  struct Job {
    fovea_weight weight;
    const void *from;
    void *to;
  } job = {spec.toC(""), data, nullptr};
  const fovea_weight &weight = job.weight;
  int64_t panels = fovea_panel_count(&weight);
  llvm::Expected<Tensor> packed = createPacked(spec, weight);
  if (!packed)
    return packed;
  job.to = packed->data();
  pool.parallelFor(
      panels,
      [](void *closure, int64_t begin, int64_t end, int64_t) {
        auto *job = static_cast<Job *>(closure);
        fovea_pack_panels(&job->weight, job->from, job->to, begin, end);
      },
      &job);
  if (spec.panels->format && !hasOnlyNumbers(weight, *packed))
    return llvm::createStringError("expected finite elements, to quantise them, got others");
  return packed;
}

llvm::Error WeightTable::add(const WeightSpec &spec, llvm::StringRef name, ThreadPool &pool) {
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
  llvm::Expected<Tensor> panels = pack(spec, *data, pool);
  if (!panels)
    return llvm::createStringError("weight '" + name + "': " + llvm::toString(panels.takeError()));
  pointers.push_back(panels->data());
  packed.push_back(std::move(*panels));
  return llvm::Error::success();
}

llvm::Expected<WeightTable> WeightTable::resolve(llvm::ArrayRef<WeightSpec> specs,
                                                 std::shared_ptr<const WeightSource> source,
                                                 ThreadPool &pool) {
  WeightTable table;
  table.source = std::move(source);
  for (const WeightSpec &spec : specs)
    for (int64_t i = 0; i < spec.count; ++i)
      if (llvm::Error error = table.add(spec, spec.nameOf(i), pool))
        return std::move(error);
  return table;
}
