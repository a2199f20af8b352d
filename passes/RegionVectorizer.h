// Emits a scalar region for several lanes at once.
#ifndef FOVEA_PASSES_REGIONVECTORIZER_H
#define FOVEA_PASSES_REGIONVECTORIZER_H

#include "passes/EmitBuilder.h"

namespace fovea {

/// Clones the ops of `region`, which has one block and no side effects, at the builder's
/// insertion point, with `arguments` in place of the block's arguments. An argument is either
/// of the block argument's type, the same for all lanes, or a vector of `lanes` of them. What
/// depends on no vector stays scalar; elementwise ops become vector ops; any other op is cloned
/// once a lane. Returns the value that the region yields, as a vector of `lanes`.
mlir::Value cloneOnLanes(EmitBuilder &b, mlir::Region &region, mlir::ValueRange arguments,
                         int64_t lanes);

} // namespace fovea

#endif // FOVEA_PASSES_REGIONVECTORIZER_H
