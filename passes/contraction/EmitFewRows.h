// Few rows times weights in panels: bound by reading these.
#ifndef FOVEA_PASSES_CONTRACTION_EMITFEWROWS_H
#define FOVEA_PASSES_CONTRACTION_EMITFEWROWS_H

#include "passes/contraction/EmitContractionTile.h"

namespace fovea {

/// A product and the memory that its results take on their way.
struct FewRowsProduct {
  ContractionEmitter &e;
  mlir::Value edge, wide; // as of TileResults
};

/// Whether two siblings share the panels of a tile.
bool canShareTile(RegisterTile tile);

/// Emits a product, or two siblings at once, which `tile` must allow, with up to maxFewRows rows of
/// a as they lie, and panels of weights where these are, each stream from begin to end.
void emitFewRows(llvm::ArrayRef<FewRowsProduct> products, RegisterTile tile);

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_EMITFEWROWS_H
