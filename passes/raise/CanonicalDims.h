// Attention takes operands [B, H, L, D]; graphs have them in any rank and order of dims. Operands
// are brought to the canonical dims, results back to the shapes that the graph had.
#ifndef FOVEA_PASSES_RAISE_CANONICALDIMS_H
#define FOVEA_PASSES_RAISE_CANONICALDIMS_H

#include "passes/raise/AttentionPlan.h"

namespace fovea {

/// An operand as [B, H, L, D], where `rowDim` is the score dim of L, -1 for one row.
mlir::Value toCanonical(mlir::OpBuilder &builder, const LabelledTensor &operand,
                        const AttentionPlan &plan, int64_t rowDim);

/// Results brought back to the shapes of the graph.
mlir::Value restoreOutput(mlir::OpBuilder &builder, const AttentionPlan &plan, mlir::Value output,
                          mlir::ArrayRef<DimLabel> outLabels);
mlir::Value restoreWeights(mlir::OpBuilder &builder, const AttentionPlan &plan,
                           mlir::Value weights);

} // namespace fovea

#endif // FOVEA_PASSES_RAISE_CANONICALDIMS_H
