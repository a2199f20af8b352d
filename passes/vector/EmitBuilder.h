// A builder for the kernels that are emitted directly as loops and vectors: index arithmetic
// that folds constants as it goes, counted loops and lane-wise helpers.
#ifndef FOVEA_PASSES_VECTOR_EMITBUILDER_H
#define FOVEA_PASSES_VECTOR_EMITBUILDER_H

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace fovea {

class EmitBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  mlir::Value index(int64_t value);
  mlir::Value add(mlir::Value lhs, mlir::Value rhs);
  mlir::Value sub(mlir::Value lhs, mlir::Value rhs);
  mlir::Value mul(mlir::Value lhs, mlir::Value rhs);
  mlir::Value min(mlir::Value lhs, mlir::Value rhs);
  /// The largest multiple of `factor` that is at most `value`, which is not negative.
  mlir::Value roundDown(mlir::Value value, int64_t factor);
  mlir::Value roundUp(mlir::Value value, int64_t factor);
  /// `value / divisor`, which is not negative, rounded down.
  mlir::Value divide(mlir::Value value, int64_t divisor);
  /// The size of a dim; that of a collapsed one as a product, so that it is stated in terms of the
  /// source.
  mlir::Value dim(mlir::Value memref, int64_t dim);

  /// A float or vector of floats with elements of another width.
  mlir::Value convertFloat(mlir::Value value, mlir::Type element);

  /// A constant of a scalar or vector type, all elements the same; integers take
  /// `value` as it is, floats the nearest to it.
  mlir::Value constant(mlir::Type type, double value);

  /// `scalar` in every lane; itself if `type` is no vector.
  mlir::Value splat(mlir::Type type, mlir::Value scalar);

  using LoopBody =
      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value iv, mlir::ValueRange carried)>;

  /// `for (iv = lower; iv < upper; iv += step)` with carried values; the body returns their
  /// next values. Emits nothing if the bounds are constants with no iteration between.
  llvm::SmallVector<mlir::Value> loop(mlir::Value lower, mlir::Value upper, int64_t step,
                                      mlir::ValueRange inits, LoopBody body);
  void loop(mlir::Value lower, mlir::Value upper, int64_t step,
            llvm::function_ref<void(mlir::Value iv)> body);

  /// Emits one of two bodies; only one, and null, if the condition is a constant.
  mlir::scf::IfOp branch(mlir::Value condition, llvm::function_ref<void()> then,
                         llvm::function_ref<void()> otherwise);

  /// Emits two bodies and then the ops of the second between those of the first, evenly: a CPU has
  /// work for all of its units only where instructions for different ones lie side by side. Neither
  /// body needs what the other computes or writes what it reads, and both leave the insertion
  /// point.
  void interleave(llvm::function_ref<void()> first, llvm::function_ref<void()> second);

  /// Halves `vector` with `combine` until `left` lanes are left, in a fixed order, and returns
  /// them as a vector. Both numbers of lanes are powers of two.
  mlir::Value reduceLanes(mlir::Value vector,
                          llvm::function_ref<mlir::Value(mlir::Value lhs, mlir::Value rhs)> combine,
                          int64_t left = 1);

  /// Lanes `[begin, begin + count)` of a vector.
  mlir::Value slice(mlir::Value vector, int64_t begin, int64_t count);
};

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_EMITBUILDER_H
