#include "passes/raise/ExponentialScores.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/raise/AttentionMatch.h"
#include "passes/raise/NormalizedMatcher.h"

using namespace mlir;
using namespace fovea;

OpOperand *fovea::movedOperand(Operation *op) {
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp, arith::ExtFOp,
          arith::TruncFOp>(op))
    return &op->getOpOperand(0);
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || linalgOp.getNumReductionLoops() != 0 || linalgOp.getNumDpsInputs() != 1 ||
      linalgOp.getNumDpsInits() != 1)
    return nullptr;
  Value yielded = linalgOp.getBlock()->getTerminator()->getOperand(0);
  return stripCasts(yielded) == linalgOp.getBlock()->getArgument(0) ? linalgOp.getDpsInputOperand(0)
                                                                    : nullptr;
}

bool fovea::isUsedOnce(Value tensor) {
  return llvm::count_if(tensor.getUses(), [](OpOperand &use) {
           return use.getOwner()->getBlock()->getParentOp() != nullptr;
         }) == 1;
}

Value fovea::followRoundings(Value tensor, SmallVectorImpl<Operation *> &path) {
  while (Operation *op = tensor.getDefiningOp()) {
    OpOperand *moved = isa<attn::DropoutOp>(op) ? &op->getOpOperand(0) : movedOperand(op);
    auto type = dyn_cast<RankedTensorType>(tensor.getType());
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    bool keepsPlaces = isa<attn::DropoutOp, arith::ExtFOp, arith::TruncFOp>(op) ||
                       (linalgOp && llvm::all_of(linalgOp.getIndexingMapsArray(),
                                                 [](AffineMap map) { return map.isIdentity(); }));
    if (!moved || !keepsPlaces || !isUsedOnce(tensor) || type.getRank() == 0)
      break;
    path.push_back(op);
    tensor = moved->get();
  }
  return tensor;
}

/// Whether an element is computed from results of contractions.
static bool dependsOnScores(Value element) {
  SmallVector<Value> work{element};
  llvm::DenseSet<Value> seen;
  while (!work.empty()) {
    Operation *op = work.pop_back_val().getDefiningOp();
    if (!op)
      continue;
    if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      if (matchContraction(extract.getTensor().getDefiningOp()))
        return true;
      continue;
    }
    for (Value operand : op->getOperands())
      if (seen.insert(operand).second)
        work.push_back(operand);
  }
  return false;
}

bool fovea::isExponentialOfScores(Value element) {
  SmallVector<Value> work{element};
  llvm::DenseSet<Value> seen;
  while (!work.empty()) {
    Value factor = stripCasts(work.pop_back_val());
    double logarithm;
    if (!seen.insert(factor).second)
      continue;
    if (auto select = factor.getDefiningOp<arith::SelectOp>())
      work.append({select.getTrueValue(), select.getFalseValue()});
    else if (auto product = factor.getDefiningOp<arith::MulFOp>())
      work.append({product.getLhs(), product.getRhs()});
    else if (matchPower(factor, logarithm) && dependsOnScores(factor))
      return true;
  }
  return false;
}
