#include "passes/raise/AttentionPlan.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/tensors/ConvertElements.h"
#include "passes/tensors/DimSizes.h"

using namespace mlir;
using namespace fovea;

OpFoldResult AttentionPlan::sizeOf(OpBuilder &builder, int64_t scoreDim) const {
  Value weights = match->weights;
  return getDimSize(builder, weights.getLoc(), weights, scoreDim);
}

static bool isUnitDim(const AttentionPlan &plan, int64_t scoreDim) {
  Value weights = plan.match->weights;
  return cast<RankedTensorType>(weights.getType()).getDimSize(scoreDim) == 1;
}

bool fovea::planHeads(AttentionPlan &plan, std::string &why) {
  SmallVector<int64_t> dims;
  for (int64_t dim = 0; dim < plan.match->rank(); ++dim)
    if (dim != plan.rowDim && dim != plan.match->keyDim)
      dims.push_back(dim);
  auto lacks = [&](const LabelledTensor &tensor, int64_t dim) {
    return !tensor.has(dim) && !isUnitDim(plan, dim);
  };
  for (int64_t dim : dims) {
    if (!lacks(plan.query, dim))
      continue;
    if (lacks(plan.key, dim)) { // their products would be computed again and again
      why = "queries and keys are repeated along a dim of the scores";
      return false;
    }
    plan.repeatedDims.push_back(dim);
  }
  size_t owned = dims.size(); // the first `owned` dims are the keys' own, the rest is shared
  while (owned > 0 && lacks(plan.key, dims[owned - 1]) && lacks(plan.value, dims[owned - 1]))
    --owned;
  for (int64_t dim : ArrayRef(dims).take_front(owned))
    if (lacks(plan.key, dim) || lacks(plan.value, dim)) {
      why = "keys and values are not shared along the same trailing batch dims";
      return false;
    }
  // Heads are the last own dim and what shares it; one dim alone is the batch.
  size_t firstHead = owned == dims.size() && dims.size() == 1 ? 1 : owned == 0 ? 0 : owned - 1;
  plan.batchDims.assign(dims.begin(), dims.begin() + firstHead);
  plan.headDims.assign(dims.begin() + firstHead, dims.end());
  return true;
}

static unsigned widthOf(Value tensor) {
  return getElementTypeOrSelf(tensor.getType()).getIntOrFloatBitWidth();
}

/// The op that alone uses `tensor` and rounds each element to `type`.
static Operation *findRounding(Value tensor, Type type) {
  if (!tensor.hasOneUse())
    return nullptr;
  Operation *user = *tensor.getUsers().begin();
  if (user->getNumResults() != 1 || getElementTypeOrSelf(user->getResult(0).getType()) != type)
    return nullptr;
  if (isa<arith::TruncFOp>(user))
    return user;
  auto linalgOp = dyn_cast<linalg::LinalgOp>(user);
  if (!linalgOp || linalgOp.getNumLoops() != linalgOp.getNumParallelLoops() ||
      linalgOp.getNumDpsInputs() != 1 ||
      !llvm::all_of(linalgOp.getIndexingMapsArray(), [](AffineMap m) { return m.isIdentity(); }))
    return nullptr;
  Operation *body = linalgOp.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
  bool rounds = isa_and_nonnull<arith::TruncFOp>(body) &&
                body->getOperand(0) == linalgOp.getBlock()->getArgument(0);
  return rounds ? user : nullptr;
}

Type fovea::unifyElementTypes(OpBuilder &builder, AttentionPlan &plan, ValueContraction &values) {
  LabelledTensor *operands[] = {&plan.query, &plan.key, &plan.value};
  SmallVector<LabelledTensor> narrow;
  for (LabelledTensor *operand : operands)
    narrow.push_back(followOperand(*operand, *plan.match, nullptr, /*throughCasts=*/true));
  Type type = getElementTypeOrSelf(narrow[0].tensor.getType());
  // Scores of f64 are computed so, and need an output of f64.
  bool isDouble = plan.scoreElement.getType().isF64() || plan.match->score.getType().isF64();
  bool agree = (!isDouble || type.isF64()) && llvm::all_of(narrow, [&](LabelledTensor &operand) {
                 return getElementTypeOrSelf(operand.tensor.getType()) == type;
               });
  Type wide = getElementTypeOrSelf(values.outcome.getType());
  Operation *rounding = agree && type != wide ? findRounding(values.outcome, type) : nullptr;
  if (agree && (type == wide || rounding)) {
    for (auto [operand, source] : llvm::zip(operands, narrow))
      *operand = source;
    if (rounding)
      values.outcome = rounding->getResult(0);
    return type;
  }
  if (isDouble)
    wide = builder.getF64Type();
  for (LabelledTensor *operand : operands)
    if (widthOf(operand->tensor) > wide.getIntOrFloatBitWidth())
      wide = getElementTypeOrSelf(operand->tensor.getType());
  for (LabelledTensor *operand : operands)
    operand->tensor = convertElements(builder, operand->tensor, wide);
  return wide;
}

std::optional<AttentionPlan> fovea::planAttention(const SoftmaxMatch &match,
                                                  const ScoreContraction &scores,
                                                  const ValueContraction &values,
                                                  std::string &why) {
  if (!values.value.has(match.keyDim)) {
    why = "the values do not run along the keys";
    return std::nullopt;
  }
  AttentionPlan plan;
  plan.match = &match;
  plan.scoreElement = scores.element;
  plan.rowDim = scores.rowDim;
  plan.query = followOperand(scores.query, match, &plan.scale, /*throughCasts=*/false);
  plan.key = followOperand(scores.key, match, &plan.scale, /*throughCasts=*/false);
  plan.value = followOperand(values.value, match, nullptr, /*throughCasts=*/false);
  if (!planHeads(plan, why))
    return std::nullopt;
  return plan;
}

LogicalResult fovea::findWeightUses(AttentionPlan &plan, ValueContraction &values,
                                    std::string &why) {
  auto usedBeside = [](Value tensor, Operation *user) {
    return llvm::any_of(tensor.getUsers(), [&](Operation *op) { return op != user; });
  };
  auto next = [&](Operation *op) { // the op on the path that uses the result of `op`
    auto it = llvm::find(values.path, op);
    if (it == values.path.end())
      it = values.path.begin();
    else
      ++it;
    return it == values.path.end() ? values.contraction.op.getOperation() : *it;
  };
  plan.dropout = cast_or_null<attn::DropoutOp>(values.dropout);
  Value weights = plan.match->weights;
  plan.withWeights = usedBeside(weights, next(nullptr));
  if (!plan.dropout)
    return success();
  if (plan.withWeights) {
    why = "its weights are used both before and after dropout";
    return failure();
  }
  plan.withWeights = usedBeside(plan.dropout->getResult(0), next(plan.dropout));
  return success();
}
