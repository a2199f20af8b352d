// From the layout of keys and values to that of the attention kernel: what its inner loops
// broadcast lies densely, in the order of use.
#ifndef FOVEA_PASSES_ATTENTION_ATTENTIONPACKER_H
#define FOVEA_PASSES_ATTENTION_ATTENTIONPACKER_H

#include "passes/attention/AttentionTile.h"
#include "passes/vector/EmitBuilder.h"

namespace fovea {

/// Keys [lo, hi) of the block of keys that begins at `begin`; lo and hi count from there.
struct KeyRange {
  mlir::Value begin, lo, hi;
};

class AttentionPacker {
public:
  /// Rows are fetched `bytesAhead` of their use.
  AttentionPacker(EmitBuilder &b, const AttentionTile &tile, mlir::FloatType scoreType,
                  int64_t bytesAhead = 8192)
      : b(b), tile(tile), scoreType(scoreType), bytesAhead(bytesAhead) {}

  /// Shapes of a packed block of keys [block / t][D][t] and of values [Dv / t][block][t], with t
  /// for keysPerTile. Dims are an index value or attribute.
  llvm::SmallVector<mlir::OpFoldResult> keyShape(mlir::Value headDim);
  llvm::SmallVector<mlir::OpFoldResult> valueShape(mlir::Value valueDim);

  /// Packs keys of `source` ([keys, D]). The last tile is filled up with the last key.
  void packKeys(mlir::Value source, const KeyRange &range, mlir::Value into);
  /// Packs values of `source` ([keys, Dv]), for whole tiles of keys like the keys. The last tile of
  /// columns is filled up with zeros. With `check` returns an i1, true if none of them is infinite
  /// or NaN, else null.
  mlir::Value packValues(mlir::Value source, const KeyRange &range, mlir::Value into,
                         bool check = false);
  /// `into[leading..., d, t] = source[min(first + t, last), d] * factor` for every column d and t
  /// in [0, width), whole vectors; `factor` may be null. Fetches the rows that come after.
  void packPanel(mlir::Value source, mlir::Value first, mlir::Value last, int64_t width,
                 mlir::Value factor, mlir::Value into, mlir::ValueRange leading);
  /// Rows first, first + 1, ..., none past `last`, which takes the place of those past it: what
  /// is computed from them is not used.
  llvm::SmallVector<mlir::Value> rowsUpTo(mlir::Value first, mlir::Value last, int64_t count);

  /// Fetches `count` elements of `source` ([rows, D]) from `begin` on, counted row after row from
  /// `row` on, into the first level of cache (3) or only those behind it (2).
  void prefetch(mlir::Value source, mlir::Value row, mlir::Value begin, int64_t count,
                unsigned locality);
  /// Fetches what comes as far after `count` elements of `source` ([rows, D]) as rows are fetched
  /// ahead of their use; these begin at `begin`, counted row after row from `row` on.
  void prefetchAhead(mlir::Value source, mlir::Value row, mlir::Value begin, int64_t count);
  /// How many rows of `source` are fetched ahead.
  int64_t rowsAhead(mlir::Value source);

private:
  using Transpose = llvm::SmallVector<mlir::Value>(EmitBuilder &b, mlir::ValueRange rows);

  /// Loads `count` columns of the rows at a time, one where fewer are left, multiplies them by
  /// `factor`, which may be null, and gives `store` the first of them and all as vectors of a lane
  /// a row.
  void packColumns(
      mlir::Value source, mlir::ValueRange rows, mlir::Value factor, int64_t count,
      Transpose transpose,
      llvm::function_ref<void(mlir::Value column, llvm::ArrayRef<mlir::Value> vectors)> store);
  void packRows(mlir::Value source, mlir::ValueRange rows, mlir::Value factor, mlir::Value into,
                mlir::ValueRange leading, mlir::Value lane);
  void packKeyColumns(mlir::Value source, mlir::ValueRange rows, mlir::Value into,
                      mlir::Value group);
  void packKeyTile(mlir::Value source, mlir::ValueRange rows, mlir::Value into, mlir::Value group);
  /// The elements of a column in the rows, as a vector.
  mlir::Value gatherColumn(mlir::Value source, mlir::ValueRange rows, mlir::Value column);
  /// Both return what they packed.
  mlir::Value packValueRow(mlir::Value source, mlir::Value row, mlir::Value key, mlir::Value column,
                           int64_t count, mlir::Value into);
  mlir::Value packValueRest(mlir::Value source, mlir::Value row, mlir::Value key,
                            mlir::Value column, mlir::Value into);

  EmitBuilder &b;
  const AttentionTile tile;
  mlir::FloatType scoreType;
  const int64_t bytesAhead;
};

/// Whether elements of the memref's last dim can be loaded as a vector.
bool hasContiguousRows(mlir::Value memref);

/// Whether floats are finite is gathered in a vector of integers: zeros at first, which stay zeros
/// while all are.
mlir::Value emitUnspoilt(EmitBuilder &b, mlir::VectorType type);
mlir::Value emitSpoilt(EmitBuilder &b, mlir::Value bits, mlir::Value vector);
/// i1: whether the vector of integers is zero.
mlir::Value emitIsZero(EmitBuilder &b, mlir::Value bits);

/// The part of `memref` at `indices` of its first dims in the order of `permutation`: its other
/// dims, in that order too. Without a permutation the dims are taken as they lie.
mlir::Value viewOf(EmitBuilder &b, mlir::Value memref, llvm::ArrayRef<int64_t> permutation,
                   mlir::ValueRange indices);
mlir::Value viewOf(EmitBuilder &b, mlir::Value memref, mlir::ValueRange indices);
/// `rows` x `columns` of the last two dims of `memref`, from `at` on. Places of it at known
/// distances need one register for their address and no arithmetic.
mlir::Value tileOf(EmitBuilder &b, mlir::Value memref, mlir::ValueRange at, int64_t rows,
                   int64_t columns);

/// A buffer of that shape, aligned to cache lines.
mlir::Value allocateAligned(EmitBuilder &b, llvm::ArrayRef<mlir::OpFoldResult> shape,
                            mlir::Type element);

} // namespace fovea

#endif // FOVEA_PASSES_ATTENTION_ATTENTIONPACKER_H
