#include "runtime/WeightTable.h"
#include "frontend/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

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

llvm::Expected<WeightTable> WeightTable::resolve(llvm::ArrayRef<WeightSpec> specs,
                                                 std::shared_ptr<const WeightSource> source) {
  WeightTable table;
  for (const WeightSpec &spec : specs)
    for (int64_t i = 0; i < spec.count; ++i) {
      std::string name = spec.nameOf(i);
      if (!source)
        return llvm::createStringError("expected a file of weights that holds '" + name +
                                       "', none was given");
      llvm::Expected<const void *> data = findWeight(spec, name, *source);
      if (!data)
        return data.takeError();
      table.pointers.push_back(*data);
    }
  table.source = std::move(source);
  return table;
}
