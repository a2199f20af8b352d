// One row of attn.sample as vector loops over the vocabulary, without a sort: what the limits
// keep is "logits above a threshold, and the first few of those equal to it". Thresholds are
// found by bisection over the bits of a float, which are ordered as integers.
#ifndef FOVEA_PASSES_EMITSAMPLING_H
#define FOVEA_PASSES_EMITSAMPLING_H

#include "dialect/AttnOps.h"
#include "passes/EmitBuilder.h"
#include "passes/TargetInfo.h"

namespace fovea {

class SamplingRow {
public:
  /// Floats narrower than f32 are compared as f32.
  SamplingRow(EmitBuilder &builder, attn::SampleOp op, mlir::Value row, const TargetInfo &target);

  /// The token that is drawn, as an index.
  mlir::Value emit();

private:
  /// Keeps keys above `key`, and of those equal to it the first `ties`.
  struct Threshold {
    mlir::Value key, ties;
  };
  using Term = llvm::function_ref<mlir::Value(mlir::Value first, int64_t lanes)>;
  using Combine = llvm::function_ref<mlir::Value(mlir::Value lhs, mlir::Value rhs)>;

  mlir::Value reduce(mlir::TypedAttr neutral, Term term, Combine combine);
  mlir::Value sum(mlir::Type element, Term term);
  mlir::Value largestKey();
  mlir::Value firstWithKey(mlir::Value key);

  mlir::Type onLanes(mlir::Type element, int64_t lanes);
  mlir::Value integer(mlir::Type type, int64_t value);
  mlir::Value logits(mlir::Value first, int64_t lanes);
  mlir::Value keys(mlir::Value logits);
  mlir::Value logitOf(mlir::Value key);
  mlir::Value exponentials(mlir::Value logits, mlir::Value divisor);
  mlir::Value toDouble(mlir::Value floats);

  mlir::Value count(mlir::Value atLeast);
  mlir::Value mass(mlir::Value atLeast, const Threshold &kept);
  mlir::Value bisect(mlir::Value holds, mlir::Value fails,
                     llvm::function_ref<mlir::Value(mlir::Value key)> test);
  Threshold all();
  Threshold keepTopK();
  Threshold keepTopP(const Threshold &kept);
  mlir::Value lastTie(const Threshold &kept);
  mlir::Value weights(mlir::Value first, int64_t lanes, const Threshold &kept, mlir::Value lastTie);
  llvm::SmallVector<mlir::Value>
  walk(const Threshold &kept, mlir::Value lastTie, mlir::ValueRange inits,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value token, mlir::Value weight,
                                                         mlir::ValueRange carried)>
           step);
  mlir::Value draw(const Threshold &kept);
  Threshold emitIf(mlir::Value condition, llvm::function_ref<Threshold()> then,
                   const Threshold &otherwise);

  EmitBuilder &b;
  attn::SampleOp op;
  mlir::Value row, size;
  mlir::FloatType floatType; // f32 or f64
  mlir::IntegerType keyType; // of the same width
  int64_t lanes;
  mlir::Value maxKey, maxLogit;
};

/// The uniform number in [0, 1) of element `index` under `seed`, as f64: Philox 4x32-10 as
/// dialect/Philox.h fixes it. Both are i64.
mlir::Value emitUniform(EmitBuilder &builder, mlir::Value seed, mlir::Value index);

} // namespace fovea

#endif // FOVEA_PASSES_EMITSAMPLING_H
