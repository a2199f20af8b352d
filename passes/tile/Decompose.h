// Patterns that express attn ops on tensors by linalg and tensor ops, one set an op, and what
// they share. Ops on buffers are left alone.
#ifndef FOVEA_PASSES_TILE_DECOMPOSE_H
#define FOVEA_PASSES_TILE_DECOMPOSE_H

#include "dialect/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"

namespace fovea {

/// attn.attention -> scores, score function and mask, row maximum, exponentials, sum, weights and
/// the product with the values, each one linalg op over whole tensors. Needs head counts whose
/// quotient is known.
void populateDecomposeAttentionPatterns(mlir::RewritePatternSet &patterns);
/// attn.softmax -> row maximum, exponentials, sum, quotient.
void populateDecomposeSoftmaxPatterns(mlir::RewritePatternSet &patterns);
/// attn.create_mask -> linalg.generic over indices; attn.apply_mask -> linalg.generic that selects.
void populateDecomposeMaskPatterns(mlir::RewritePatternSet &patterns);
/// attn.unfold -> linalg.generic that copies the windows.
void populateDecomposeUnfoldPatterns(mlir::RewritePatternSet &patterns);
/// Contractions of windows with another factor -> products of matrices, of copies that are in the
/// order that these want.
llvm::LogicalResult flattenWindows(mlir::func::FuncOp function);
/// Reductions of short windows -> elementwise ops that read what windows are cut from, tap by tap.
void unrollWindows(mlir::func::FuncOp function);
/// attn.rotary -> one elementwise linalg.generic for each half of the pairs.
void populateDecomposeRotaryPatterns(mlir::RewritePatternSet &patterns);
/// attn.cache_append -> tensor.insert_slice, two of them where a ring may wrap.
void populateDecomposeCacheAppendPatterns(mlir::RewritePatternSet &patterns);
/// attn.quantize_rows -> largest magnitudes of groups, scales, multiples of them.
void populateDecomposeQuantizeRowsPatterns(mlir::RewritePatternSet &patterns);
/// attn.dropout -> linalg.generic with the generator's integer arithmetic.
void populateDecomposeDropoutPatterns(mlir::RewritePatternSet &patterns);

/// What quantised rows along `dim` stand for, in f32; other tensors are returned as they are.
mlir::Value createDequantizedRows(mlir::OpBuilder &b, mlir::Location loc, mlir::Value rows,
                                  int64_t dim);

/// f64 for f64 elements, else f32: what sums and exponentials are computed in (attention_s9).
mlir::FloatType getComputeType(mlir::Value tensor);

/// `value` extended or truncated to `type`.
mlir::Value convertFloat(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value,
                         mlir::Type type);

mlir::Value createFloatConstant(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type,
                                double value);

/// A tensor of `sizes` with `value` everywhere.
mlir::Value createFilled(mlir::OpBuilder &b, mlir::Location loc,
                         llvm::ArrayRef<mlir::OpFoldResult> sizes, mlir::Type element,
                         double value);

/// Whether `value` is -inf.
mlir::Value createIsMinusInfinity(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value);

/// exp(score - maximum), 0 also where both are -inf (attention_s4).
mlir::Value createShiftedExp(mlir::OpBuilder &b, mlir::Location loc, mlir::Value score,
                             mlir::Value maximum);

/// numerator / sum, 0 where the sum is 0 (attention_s4).
mlir::Value createSafeQuotient(mlir::OpBuilder &b, mlir::Location loc, mlir::Value numerator,
                               mlir::Value sum);

/// Copies the body of a region of an attn op to the insertion point; gives the yielded value.
mlir::Value inlineRegion(mlir::OpBuilder &b, mlir::Region &region, mlir::ValueRange arguments);

using BodyBuilder =
    llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;

/// A linalg.generic of one result, whose body yields what `body` returns. `maps` are those of the
/// inputs and then of the init; a loop dim that is no result of the init's map is a reduction.
mlir::Value createGeneric(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange inputs,
                          mlir::Value init, llvm::ArrayRef<mlir::AffineMap> maps, BodyBuilder body);

} // namespace fovea

#endif // FOVEA_PASSES_TILE_DECOMPOSE_H
