// Greedy rewriting in one sweep. A sweep already returns to whatever a rewrite touches; the
// driver's defaults add a search for dead and equal blocks, and start all over until a sweep
// changes nothing. On kernels, which have no blocks but those of loops and branches, that costs as
// much again and finds nothing.
#ifndef FOVEA_PASSES_SWEEPPASSES_H
#define FOVEA_PASSES_SWEEPPASSES_H

#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

namespace fovea {

/// `canonicalize` in one sweep.
std::unique_ptr<mlir::Pass> createCanonicalizeSweep();

/// `canonicalize` of indices and of what decides by them, for kernels that are clean but for views
/// and affine operations that were expanded into such.
std::unique_ptr<mlir::Pass> createCanonicalizeIndicesSweep();

/// `expand-strided-metadata` of the operations it is about, which folds nothing else.
std::unique_ptr<mlir::Pass> createExpandStridedMetadataSweep();

/// `resolve-shaped-type-result-dims` of dims alone, of merged ones of buffers too.
std::unique_ptr<mlir::Pass> createResolveResultDimsSweep();

/// `lower-affine` of affine operations alone: as a dialect conversion it looks at all.
std::unique_ptr<mlir::Pass> createLowerAffineSweep();

} // namespace fovea

#endif // FOVEA_PASSES_SWEEPPASSES_H
