// How the emission of attn.sample goes over the tokens of one row: as vectors, by blocks, and as
// keys, which are integers in the order of the logits.
#ifndef FOVEA_PASSES_SAMPLING_SAMPLINGTOKENS_H
#define FOVEA_PASSES_SAMPLING_SAMPLINGTOKENS_H

#include "dialect/AttnOps.h"
#include "passes/TargetInfo.h"
#include "passes/vector/EmitBuilder.h"

namespace fovea {

/// Whether the temperature is known to ask for the largest logit alone.
bool isGreedy(attn::SampleOp op);
/// Whether top-p may leave out a token: false where it is known to be off.
bool mayLimitTopP(attn::SampleOp op);

/// Memory that all rows of one op use in turn, as far as its mode needs it; null else.
struct SamplingScratch {
  mlir::Value largest; // memref<?xf32 or f64>: the largest logit of each block
  // Unless isGreedy:
  mlir::Value masses; // memref<?xf64>: a sum for each block
  // If mayLimitTopP:
  mlir::Value candidates; // memref<?xf32 or f64>: some logits; room for all
  mlir::Value terms;      // as candidates: exponentials, of all logits or of the candidates

  static SamplingScratch create(EmitBuilder &b, attn::SampleOp op);
};

class SamplingTokens {
public:
  using Term = llvm::function_ref<mlir::Value(mlir::Value first, int64_t lanes)>;
  using Combine = llvm::function_ref<mlir::Value(mlir::Value lhs, mlir::Value rhs)>;
  using Values = llvm::SmallVector<mlir::Value>;
  /// Emits what is done for tokens `[begin, end)`, one block, given carried values; their next
  /// ones.
  using BlockBody =
      llvm::function_ref<Values(mlir::Value begin, mlir::Value end, mlir::ValueRange carried)>;

protected:
  SamplingTokens(EmitBuilder &builder, attn::SampleOp op, mlir::Value row,
                 const SamplingScratch &scratch, const TargetInfo &target);

  /// Tokens `[begin, end)`.
  struct Range {
    mlir::Value begin, end;
  };
  Range blockRange(mlir::Value block);
  mlir::Value numBlocks();

  /// Combines `term` over a range: vectors first, then the lanes, then the tail.
  mlir::Value reduce(Range range, mlir::TypedAttr neutral, Term term, Combine combine);
  /// The sums over a range of several terms at once, counts as i64 and floats as f64; those of one
  /// range are added in their own types.
  Values addUp(Range range, llvm::ArrayRef<mlir::TypedAttr> zeros,
               llvm::function_ref<Values(mlir::Value first, int64_t lanes)> terms);
  /// The same in the terms' own types and lane by lane, for sums over many ranges: of what is left
  /// behind whole vectors, lane 0.
  Values addLanes(Range range, llvm::ArrayRef<mlir::TypedAttr> zeros,
                  llvm::function_ref<Values(mlir::Value first, int64_t lanes)> terms);
  /// The sum of all lanes, as i64 or f64.
  mlir::Value addUpLanes(mlir::Value sums);
  /// The number of tokens for which `test`, a vector of i1, holds; at most 2^31, as i64.
  mlir::Value countIf(Range range, Term test);
  /// The sum of floats, as f64.
  mlir::Value sum(Range range, Term term);
  /// Visits the blocks in order; those whose largest logit is below `bound` are passed over.
  Values forBlocks(mlir::Value bound, mlir::ValueRange inits, BlockBody body);
  /// Notes the largest logit of each block, and returns that of all; -inf if there are no numbers.
  mlir::Value findLargest();
  mlir::Value firstEqualTo(mlir::Value logit);

  mlir::Type onLanes(mlir::Type element, int64_t lanes);
  mlir::Value integer(mlir::Type type, int64_t value);
  mlir::Value load(mlir::Value memref, mlir::ValueRange at, int64_t lanes);
  void store(mlir::Value vector, mlir::Value memref, mlir::Value at);
  mlir::Value logits(mlir::Value first, int64_t lanes);
  mlir::Value tokens(mlir::Value first, int64_t lanes);
  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value values, mlir::Value bound);
  mlir::Value keyOf(mlir::Value logit);
  mlir::Value logitOf(mlir::Value key);
  /// The key of -inf, the smallest there is.
  mlir::Value lowestKey();
  /// exp((logits - subtrahend) * factor) for what is not positive; no factor is 1.
  mlir::Value exponentials(mlir::Value logits, mlir::Value subtrahend, mlir::Value factor = {});
  mlir::Value toDouble(mlir::Value floats);

  EmitBuilder &b;
  attn::SampleOp op;
  mlir::Value row, size;
  const SamplingScratch &scratch;
  mlir::FloatType floatType; // f32 or f64
  mlir::IntegerType keyType; // of the same width
  int64_t lanes;
};

} // namespace fovea

#endif // FOVEA_PASSES_SAMPLING_SAMPLINGTOKENS_H
