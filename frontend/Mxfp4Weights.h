// Weights in MXFP4 (OCP Microscaling Formats 1.0), as Hugging Face stores those of gpt-oss: a
// tensor NAME is the pair NAME_blocks, u8[..., rows, groups, 16], and NAME_scales, u8[..., rows,
// groups].
#ifndef FOVEA_FRONTEND_MXFP4WEIGHTS_H
#define FOVEA_FRONTEND_MXFP4WEIGHTS_H

#include "frontend/WeightSource.h"

namespace fovea {

/// The source with bf16[..., 32 * groups, rows] called NAME in the place of each such pair; the
/// source itself if it has none. A byte holds two elements, the first in its low half; an element
/// of 1, 2 and 1 bits (sign, exponent, mantissa) is scaled by 2 to the power of (scale - 127),
/// which bf16 holds exactly; beyond its range it is infinite, and a scale of 255 is NaN. A tensor
/// has its place from the start, and memory for the matrices, along its last two dims, that are
/// loaded: all of what `find` gives. An error names
/// a pair whose shapes do not fit, a NAME that is there too, or one for which memory is short.
llvm::Expected<std::shared_ptr<const WeightSource>>
withMxfp4Unpacked(std::shared_ptr<const WeightSource> source);

} // namespace fovea

#endif // FOVEA_FRONTEND_MXFP4WEIGHTS_H
