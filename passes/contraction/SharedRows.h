// Rows that were packed for one contraction and that others read too: queries, keys and values are
// products with the same rows.
#ifndef FOVEA_PASSES_CONTRACTION_SHAREDROWS_H
#define FOVEA_PASSES_CONTRACTION_SHAREDROWS_H

#include "passes/contraction/EmitContraction.h"

namespace fovea {

/// Everything that what is packed depends on.
struct RowsKey {
  mlir::Value source; // the buffer whose rows they are
  unsigned rowDim, kDim;
  mlir::OpFoldResult k;
  mlir::FloatType accumulator;
  int64_t quantizedGroups = 0; // of a row, 0 if it is not rounded
  attn::WeightFormat format{}; // of what quantised rows meet

  bool operator==(const RowsKey &other) const;
};

/// The rows packed so far in one function.
class SharedRows {
public:
  /// What was packed in front of `reader`, in its block, if the source is the same ever since.
  const PackedFactor *find(const RowsKey &key, mlir::Operation *reader) const;
  void add(const RowsKey &key, mlir::Operation *packing, const PackedFactor &packed) {
    entries.push_back({key, packing, packed});
  }

private:
  struct Entry {
    RowsKey key;
    mlir::Operation *packing;
    PackedFactor packed;
  };
  llvm::SmallVector<Entry> entries;
};

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_SHAREDROWS_H
