// Bounds on sizes in a parallel loop that are the same in all iterations, as values in front of the
// loop.
#ifndef FOVEA_PASSES_BUFFERS_OUTSIDEBOUNDS_H
#define FOVEA_PASSES_BUFFERS_OUTSIDEBOUNDS_H

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

namespace fovea {

class OutsideBounds {
public:
  /// Emits at the place of `builder`, which must be in front of the loop.
  OutsideBounds(mlir::OpBuilder &builder, mlir::scf::ForallOp forall)
      : b(builder), forall(forall) {}

  /// An upper bound of an index value; none if its definition says nothing.
  mlir::FailureOr<mlir::Value> of(mlir::Value size);

private:
  /// What value bounds know: a number, or an expression of values outside the loop.
  mlir::FailureOr<mlir::Value> constant(const mlir::ValueBoundsConstraintSet::Variable &size);
  mlir::FailureOr<mlir::Value> symbolic(const mlir::ValueBoundsConstraintSet::Variable &size);
  /// Of a sum that of its terms, each for itself: value bounds know none of a maximum.
  mlir::FailureOr<mlir::Value> of(mlir::AffineExpr expr, mlir::AffineMap map,
                                  mlir::ValueRange operands);
  mlir::FailureOr<mlir::Value> ofMaximum(mlir::AffineMap map, mlir::ValueRange operands);
  bool isInvariant(mlir::Value value);
  mlir::Value computeOutside(mlir::Value value, mlir::IRMapping &done);

  mlir::OpBuilder &b;
  mlir::scf::ForallOp forall;
};

} // namespace fovea

#endif // FOVEA_PASSES_BUFFERS_OUTSIDEBOUNDS_H
