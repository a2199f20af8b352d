// How one linalg.generic on buffers is vectorised: which loop runs over lanes, how each operand
// is reached along it, and which results are reductions over it.
#ifndef FOVEA_PASSES_VECTOR_VECTORPLAN_H
#define FOVEA_PASSES_VECTOR_VECTORPLAN_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "passes/TargetInfo.h"
#include "llvm/ADT/DenseSet.h"
#include <string>

namespace fovea {

/// How an operand varies along the vector loop.
enum class Access {
  Uniform,    // not at all: one scalar for all lanes
  Contiguous, // neighbouring lanes are neighbours in memory
  Scattered   // anything else: one address a lane
};

struct VectorPlan {
  unsigned dim;                                   // the loop that runs over lanes
  int64_t lanes;                                  // power of two
  int64_t unroll;                                 // registers that the main loop takes at once
  llvm::SmallVector<Access> operands;             // one per operand, inputs first
  llvm::SmallVector<mlir::Operation *> combiners; // one per init; null where lanes are stored
  /// A sum along the loop all of whose values are used, and the init that holds it; lanes of it add
  /// up what lies before them. Its combiner is null.
  mlir::Operation *running = nullptr;
  int64_t runningInit = -1;
  /// Values of the body that differ between lanes.
  llvm::DenseSet<mlir::Value> varying;

  bool isReduction() const {
    return llvm::any_of(combiners, [](mlir::Operation *op) { return op != nullptr; });
  }
};

/// Chooses the loop whose vectorisation makes the fewest memory accesses an element. Nothing if
/// no loop can run over lanes; `why` then says the reason for the innermost one.
std::optional<VectorPlan> planVectorization(mlir::linalg::GenericOp op, const TargetInfo &target,
                                            std::string &why);

/// How an operand of that type that `map` indexes varies along the loop `dim`.
Access accessAlong(mlir::Type type, mlir::AffineMap map, unsigned dim);

/// By how many elements of a line of memory neighbours along the loop `dim` lie apart, if they lie in
/// one and the distance is known.
std::optional<int64_t> strideAlong(mlir::Type type, mlir::AffineMap map, unsigned dim);

/// The loop along which an operand is contiguous whose lanes are scattered, if there is one and the
/// op reduces nothing and computes no functions for a whole row.
std::optional<unsigned> findLoopAlongLines(mlir::linalg::GenericOp op, const VectorPlan &plan);

/// Whether the body computes functions, which are not just sums and products, of what differs along
/// the loop `dim`.
bool hasFunctions(mlir::linalg::GenericOp op, unsigned dim);

} // namespace fovea

#endif // FOVEA_PASSES_VECTOR_VECTORPLAN_H
