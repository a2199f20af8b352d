// The table of pointers through which compiled code reaches its weights: looked up once, when a
// module is loaded, and checked against what the code expects.
#ifndef FOVEA_RUNTIME_WEIGHTTABLE_H
#define FOVEA_RUNTIME_WEIGHTTABLE_H

#include "frontend/WeightSource.h"
#include "runtime/Signature.h"

namespace fovea {

class WeightTable {
public:
  /// An error names the first tensor that is missing or of another type or shape. `source` may be
  /// null if no weights are needed. The table keeps the source alive.
  static llvm::Expected<WeightTable> resolve(llvm::ArrayRef<WeightSpec> specs,
                                             std::shared_ptr<const WeightSource> source);

  /// One pointer a slot, as fovea_context::weights.
  const void *const *data() const { return pointers.data(); }
  size_t size() const { return pointers.size(); }

private:
  std::vector<const void *> pointers;
  std::shared_ptr<const WeightSource> source;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_WEIGHTTABLE_H
