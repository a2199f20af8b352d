// What can be computed in front of the loops around an attention: from its regions, what depends on
// positions, batch, head and the parallel loop's indices alone, for all values that these take.
#ifndef FOVEA_PASSES_ATTENTION_PREHEADER_H
#define FOVEA_PASSES_ATTENTION_PREHEADER_H

#include "dialect/AttnOps.h"
#include "mlir/IR/IRMapping.h"
#include "passes/vector/EmitBuilder.h"
#include "llvm/ADT/SetVector.h"

namespace fovea {

/// The place in front of an op's outermost parallel loop, or of the op itself if it is in none.
class Preheader {
public:
  explicit Preheader(attn::AttentionOp op);

  /// A variable that tables have a dim for: the batch, the head, or a parallel loop's index.
  struct Axis {
    mlir::Value variable;
    mlir::OpFoldResult lower, step; // of the values that it takes
    mlir::OpFoldResult count;
  };

  /// Null if the op is in none.
  mlir::scf::ForallOp getLoop() const { return loop; }
  /// A builder there.
  EmitBuilder builder() const;

  /// Whether `value` can be computed there, given the variables that it depends on besides the
  /// positions.
  bool isReadable(mlir::Value value, llvm::SetVector<mlir::Value> &variables) const;
  /// The variables that tables of `value` have dims for: not those that take one value. None if it
  /// is not readable, or their ranges are not known there.
  std::optional<llvm::SetVector<mlir::Value>> findVariables(mlir::Value value) const;
  Axis axisOf(EmitBuilder &b, mlir::Value variable) const;
  /// The value of the variable at place `number` of the axis.
  mlir::Value valueAt(EmitBuilder &b, const Axis &axis, mlir::Value number) const;
  /// The place of the variable's value `value` on the axis.
  mlir::Value placeOf(EmitBuilder &b, const Axis &axis, mlir::Value value) const;
  /// `value`, recomputed from what `mapping` gives for its variables and positions.
  mlir::Value clone(EmitBuilder &b, mlir::Value value, mlir::IRMapping &mapping) const;

  /// The op's queries and keys, of all tiles, and the position of the first of these queries.
  struct Positions {
    mlir::Value queries, keys, first;
  };
  /// None if the operands are no slices of buffers from outside.
  std::optional<Positions> findPositions(EmitBuilder &b) const;

private:
  bool isInside(mlir::Operation *inner) const;
  bool hasKnownRange(mlir::Value variable) const;
  bool takesOneValue(mlir::Value variable) const;

  attn::AttentionOp op;
  mlir::scf::ForallOp loop;
};

} // namespace fovea

#endif // FOVEA_PASSES_ATTENTION_PREHEADER_H
