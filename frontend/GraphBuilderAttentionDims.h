// What the sources that build attention share; not for the users of GraphBuilder.
#ifndef FOVEA_FRONTEND_GRAPHBUILDERATTENTIONDIMS_H
#define FOVEA_FRONTEND_GRAPHBUILDERATTENTIONDIMS_H

#include "frontend/GraphBuilderDetail.h"

namespace fovea {

/// The dims of an attention as its user sees them.
struct GraphBuilder::AttentionDims {
  SymbolicShape batch;
  bool hasHeads; // Without, the op gets a head dim of 1 that the results lose again.
  SymbolicDim batchSize, heads = 1, keyHeads = 1, queries, keys, headDim, valueDim;
  SymbolicDim keyRow, valueRow; // the dims in memory: bytes of quantised rows, else as above

  /// batch..., heads if there are any, then `trailing`.
  SymbolicShape visible(llvm::ArrayRef<SymbolicDim> trailing) const {
    SymbolicShape shape = batch;
    if (hasHeads)
      shape.push_back(heads);
    shape.append(trailing.begin(), trailing.end());
    return shape;
  }
};

} // namespace fovea

#endif // FOVEA_FRONTEND_GRAPHBUILDERATTENTIONDIMS_H
