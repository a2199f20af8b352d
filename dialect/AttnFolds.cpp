// Folds and canonicalisations.
#include "dialect/AttnOps.h"

using namespace mlir;
using namespace fovea::attn;

OpFoldResult UnfoldOp::fold(FoldAdaptor) { return {}; }
