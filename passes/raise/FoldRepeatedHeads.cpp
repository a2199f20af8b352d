// Grouped heads written by repetition: keys and values whose heads are repeated by a broadcast
// over a new dim, which a reshape joins with the heads, are read from where they come from.
#include "passes/raise/FoldRepeatedHeads.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fovea;

/// The source of `tensor` [B, G * R, L, D] if that is [B, G, L, D] with each head repeated R times.
static Value findUnrepeated(Value tensor) {
  auto collapse = tensor.getDefiningOp<tensor::CollapseShapeOp>();
  SmallVector<ReassociationIndices> joined{{0}, {1, 2}, {3}, {4}};
  if (!collapse || collapse.getReassociationIndices() != joined)
    return Value();
  auto repeat = collapse.getSrc().getDefiningOp<linalg::LinalgOp>();
  if (!repeat || repeat.getNumDpsInputs() != 1 || repeat.getNumDpsInits() != 1 ||
      repeat.getNumParallelLoops() != 5 || repeat.getNumLoops() != 5 ||
      !isa<RankedTensorType>(repeat.getDpsInputOperand(0)->get().getType()))
    return Value();
  // (b, g, r, l, d) -> (b, g, l, d), and the body yields what it reads.
  AffineMap in = repeat.getMatchingIndexingMap(repeat.getDpsInputOperand(0));
  AffineMap out = repeat.getMatchingIndexingMap(repeat.getDpsInitOperand(0));
  AffineMap dropsRepetition =
      AffineMap::getMultiDimIdentityMap(5, tensor.getContext()).dropResult(2);
  Block *body = repeat.getBlock();
  if (in != dropsRepetition || !out.isIdentity() ||
      body->getTerminator()->getOperand(0) != body->getArgument(0))
    return Value();
  return repeat.getDpsInputOperand(0)->get();
}

bool fovea::foldRepeatedHeads(attn::AttentionOp op) {
  if (op.getKeyPerm() || op.getValuePerm())
    return false;
  Value key = findUnrepeated(op.getKey()), value = findUnrepeated(op.getValue());
  if (!key || !value)
    return false;
  auto headsOf = [](Value tensor) {
    return cast<RankedTensorType>(tensor.getType()).getDimSize(1);
  };
  // Both must be shared by the same groups.
  if (headsOf(key) != headsOf(value) || ShapedType::isDynamic(headsOf(key)))
    return false;
  op.getKeyMutable().assign(key);
  op.getValueMutable().assign(value);
  return true;
}
