// The table of pointers through which compiled code reaches its weights: looked up once, when a
// module is loaded, checked against what the code expects, and packed where it wants panels.
// Vectors are copied.
#ifndef FOVEA_RUNTIME_WEIGHTTABLE_H
#define FOVEA_RUNTIME_WEIGHTTABLE_H

#include "frontend/WeightSource.h"
#include "runtime/Memory.h"
#include "runtime/Signature.h"
#include "runtime/ThreadPool.h"
#include "runtime/WeightCache.h"
#include <functional>

namespace fovea {

/// Told the part of the weights that is packed by the thread that loads: 0 once, when all else is
/// compiled and checked, then from above 0 to 1, at once where they come from a cache. Not called
/// where nothing is packed.
using PackingProgress = std::function<void(double)>;

class WeightTable {
public:
  /// An error names the first tensor that is missing or of another type or shape, or that there is
  /// no memory to pack. `source` may be null if no weights are needed. Packs on the threads of
  /// `pool`, a few megabytes at once, and lets the source release those: beside the packed weights
  /// little of the files is in memory. The table keeps the source alive. With a cache what is
  /// packed is taken from there, or else put there.
  static llvm::Expected<WeightTable> resolve(llvm::ArrayRef<WeightSpec> specs,
                                             std::shared_ptr<const WeightSource> source,
                                             ThreadPool &pool,
                                             const PackingProgress &progress = nullptr,
                                             const WeightCache *cache = nullptr);

  /// Whether packed weights came from the cache.
  bool isFromCache() const { return cacheHit; }
  /// Why they were not put there, if they should have been.
  const std::string &storeFailure() const { return failure; }

  /// One pointer a slot, as fovea_context::weights.
  const void *const *data() const { return pointers.data(); }
  size_t size() const { return pointers.size(); }

private:
  class Packer;
  struct Copy;

  llvm::Error find(llvm::ArrayRef<WeightSpec> specs);
  void fillUp(llvm::ArrayRef<WeightSpec> specs);
  llvm::Expected<std::vector<Copy>> place(llvm::ArrayRef<WeightSpec> specs);
  llvm::Error pack(llvm::ArrayRef<Copy> copies, Packer &packer);
  llvm::MutableArrayRef<char> packedMemory() const;

  std::vector<const void *> pointers;
  ReusableBuffer packed;
  int64_t packedBytes = 0;
  bool cacheHit = false;
  std::string failure;
  std::shared_ptr<const WeightSource> source;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_WEIGHTTABLE_H
