// One row of attn.sample as vector loops over the vocabulary, without a sort: what the limits
// keep is "logits above a threshold, and the first few of those equal to it". Thresholds are
// found by bisection over the bits of a float, which are ordered as integers.
//
// A first pass notes the largest logit of each block of tokens. Every later one visits only blocks
// that hold what it looks for, which with few tokens kept are few.
#ifndef FOVEA_PASSES_SAMPLING_EMITSAMPLING_H
#define FOVEA_PASSES_SAMPLING_EMITSAMPLING_H

#include "dialect/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/sampling/SamplingTokens.h"

namespace fovea {

class SamplingRow : SamplingTokens {
public:
  /// Floats narrower than f32 are compared as f32.
  SamplingRow(EmitBuilder &builder, attn::SampleOp op, mlir::Value row,
              const SamplingScratch &scratch, const TargetInfo &target)
      : SamplingTokens(builder, op, row, scratch, target) {}

  /// The token that is drawn, as an index.
  mlir::Value emit();

private:
  /// Keeps keys above `key`, and of those equal to it the first `ties`.
  struct Threshold {
    mlir::Value key, ties;
  };
  /// A key at which a test holds, below one where it fails.
  struct Bracket {
    mlir::Value holds, fails;
  };
  using Test = llvm::function_ref<mlir::Value(mlir::Value key)>;

  mlir::Value bisect(Bracket bracket, Test test);
  Threshold all();
  Threshold simplify(const Threshold &kept, mlir::Value equal);
  Threshold keepTopK();
  Threshold keepTopP(const Threshold &kept);
  Threshold findTopP(const Threshold &kept);
  Threshold keepMinP(const Threshold &kept);
  Values massesFrom(mlir::Value low, mlir::Value high);
  mlir::Value mayHoldMany(mlir::Value low, mlir::ValueRange sums);
  mlir::Value lowestLikely(mlir::Value total);
  mlir::Value keyAfter(mlir::Value key) {
    return mlir::arith::AddIOp::create(b, key, integer(keyType, 1));
  }
  mlir::Value keyBefore(mlir::Value key) {
    return mlir::arith::SubIOp::create(b, key, integer(keyType, 1));
  }
  mlir::Value keyInside(Bracket bracket, mlir::Value logit);
  Bracket guessByMoments(Bracket bracket, mlir::ValueRange sums);
  Bracket guessAround(Bracket bracket, mlir::Value floor, mlir::ValueRange sums,
                      mlir::Value wanted);
  mlir::Value narrowTopP(Bracket &bracket, mlir::Value wanted, mlir::Value total, Bracket guess);
  Threshold emitIf(mlir::Value condition, llvm::function_ref<Threshold()> then,
                   const Threshold &otherwise);

  mlir::Value count(mlir::Value bound);
  Values addBlocks(mlir::Value limit, int64_t number,
                   llvm::function_ref<Values(mlir::Value first, int64_t lanes)> terms);
  Values computeTerms(mlir::Value bound);
  mlir::Value termsFrom(mlir::Value limit, mlir::Value values, mlir::Value terms);
  mlir::Value candidateMass(Range range, mlir::Value bound);
  mlir::Value collect(Bracket bracket);
  mlir::Value weightOf(mlir::Value key);
  mlir::Value lastTie(const Threshold &kept);
  mlir::Value lanesUpTo(mlir::Value last, mlir::Value first, int64_t lanes);
  mlir::Value weights(mlir::Value first, int64_t lanes, const Threshold &kept, mlir::Value lastTie);
  mlir::Value weighBlocks(const Threshold &kept, mlir::Value lastTie);
  mlir::Value drawFrom(mlir::Value block, mlir::Value before, mlir::Value wanted,
                       const Threshold &kept, mlir::Value lastTie);
  mlir::Value draw(const Threshold &kept);

  mlir::Value maxKey, maxLogit, scale;
};

/// The uniform number in [0, 1) of element `index` under `seed`, as f64: Philox 4x32-10 as
/// dialect/Philox.h fixes it. Both are i64.
mlir::Value emitUniform(EmitBuilder &builder, mlir::Value seed, mlir::Value index);

} // namespace fovea

#endif // FOVEA_PASSES_SAMPLING_EMITSAMPLING_H
