// Rows that meet a quantised weight: rounded to 16 bits in groups of 32 along k, so that sums of
// products within a group are exact integers, whatever order they are computed in (quantized_s3).
#ifndef FOVEA_PASSES_CONTRACTION_QUANTIZEDROWS_H
#define FOVEA_PASSES_CONTRACTION_QUANTIZEDROWS_H

#include "passes/contraction/EmitContraction.h"

namespace fovea {

/// Words (i32) of a group: for each row of a panel, pairs of neighbours along k; then the rows'
/// scales (f32); for q4, then -8 times the sum of each row, since the halves of bytes are 8 too
/// large.
struct QuantizedRowLayout {
  int64_t groups;
  attn::WeightFormat format;

  static constexpr int64_t pairs = attn::quantizedGroup / 2;
  static constexpr int64_t scale = pairs, sum = pairs + 1; // places
  int64_t groupWords() const { return format == attn::WeightFormat::Q4 ? pairs + 2 : pairs + 1; }
  int64_t rowWords() const { return groups * groupWords(); }
};

/// Some rows in panels of `count`: the word of row `first + r` at `place` of a group is element
/// `first * rowWords + (group * groupWords + place) * count + r`, if a panel begins with `first`.
struct QuantizedRows {
  mlir::Value memref;
  llvm::SmallVector<mlir::Value> leading; // indices of the memref's dims but the last

  llvm::SmallVector<mlir::Value> indices(EmitBuilder &b, const QuantizedRowLayout &layout,
                                         mlir::Value first, mlir::Value group, mlir::Value place,
                                         mlir::Value count, mlir::Value r) const;
  mlir::Value load(EmitBuilder &b, const QuantizedRowLayout &layout, mlir::Value first,
                   mlir::Value group, mlir::Value place, int64_t count, int64_t r) const;
};

/// Rounds rows, those of a panel of many at once.
class RowQuantizer {
public:
  /// `buffer` is scratch memory for a group of floats. Panels of `manyRows`, if not 0, are packed
  /// all rows at a time.
  RowQuantizer(EmitBuilder &b, const TargetInfo &target, const FactorView &factor,
               mlir::Value depth, const QuantizedRowLayout &layout, mlir::Value buffer,
               int64_t manyRows = 0)
      : b(b), lanes(target.lanes(32)), factor(factor), depth(depth), layout(layout), buffer(buffer),
        manyRows(manyRows) {}

  /// Rows `begin` to `end` of the factor become those from `to` on, in panels of `count`.
  void pack(mlir::Value begin, mlir::Value end, const QuantizedRows &rows, mlir::Value to,
            mlir::Value count);

private:
  llvm::SmallVector<mlir::Value> loadGroup(mlir::Value row, mlir::Value group);
  llvm::SmallVector<mlir::Value> loadPaddedGroup(mlir::Value row, mlir::Value group);
  struct RoundedGroup {
    llvm::SmallVector<mlir::Value> pairs;                         // as many vectors as elements
    llvm::SmallVector<std::pair<int64_t, mlir::Value>, 2> others; // place, word
  };
  RoundedGroup roundGroup(llvm::ArrayRef<mlir::Value> elements);
  void packPanel(mlir::Value first, mlir::Value last, const QuantizedRows &rows, mlir::Value to);
  void packGroup(llvm::ArrayRef<mlir::Value> elements,
                 llvm::function_ref<void(mlir::Value word, int64_t place)> store);

  EmitBuilder &b;
  int64_t lanes;
  const FactorView &factor;
  mlir::Value depth;
  QuantizedRowLayout layout;
  mlir::Value buffer;
  int64_t manyRows;
};

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_QUANTIZEDROWS_H
