// What moves out of attention's score region: conditions, which become part of the mask, and
// constant factors, which become part of the scale.
#ifndef FOVEA_PASSES_RAISE_SCORECONDITIONS_H
#define FOVEA_PASSES_RAISE_SCORECONDITIONS_H

#include "dialect/AttnOps.h"
#include "passes/mask/FloatChoice.h"

namespace fovea {

/// A condition that a score needs in order not to be masked, of the score region's positions.
struct ScoreCondition {
  mlir::Value value;
  bool negated;
};

/// The number that `value` is; none if it is no float constant.
std::optional<double> getConstantFloat(mlir::Value value);

/// The choices of a value of the score region that is one of two numbers, whatever the score.
std::optional<llvm::SmallVector<FloatChoice>> readTwoChoices(mlir::Value value,
                                                             mlir::Region &score);

/// That `predicate` holds, as a value behind `op` of the score region.
ScoreCondition emitCondition(const MaskPredicate &predicate, mlir::Operation *op,
                             mlir::Region &score);

/// Gives the score region the result `result`, which is meant where the conditions hold; they
/// become part of the mask, which is created if there is none. A score region that returns the
/// score goes away.
void setScore(attn::AttentionOp op, mlir::Value result, llvm::ArrayRef<ScoreCondition> conditions);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_SCORECONDITIONS_H
