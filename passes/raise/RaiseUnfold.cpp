// Raises attention over unfolded windows to windowed attention on the keys themselves, which need
// then never be padded or unfolded. Slot w of the window of row i is the key at position
// j = step * i + w - left, so the window is `0 <= j - step * i + left < size`. Slots that fall
// into zero padding hold keys with score 0 and value 0: unless the graph masks them they stay in
// the sum, as a sink whose logit is the logarithm of their number.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "passes/Passes.h"
#include "passes/Report.h"
#include "passes/mask/MaskPredicate.h"
#include "passes/raise/DeferredDivision.h"
#include "passes/raise/RaiseAttention.h"
#include "passes/raise/ScoreConditions.h"
#include "passes/raise/SimplifyScore.h"
#include "passes/tensors/DimSizes.h"
#include <limits>

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_RAISEUNFOLDPASS
#include "passes/Passes.h.inc"
} // namespace fovea

using namespace fovea;

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

namespace {
/// Windows over a dim of a tensor that may be padded on both sides of that dim.
struct Windows {
  LabelledTensor source; ///< before padding; the dim is labelled as the keys
  int64_t rowDim;        ///< the score dim of the windows
  int64_t size, step, left, right;
  bool paddedByZeros;

  bool operator==(const Windows &other) const {
    return rowDim == other.rowDim && size == other.size && step == other.step &&
           left == other.left && right == other.right;
  }
};
} // namespace

/// Reads the padding of the dim `dim` off a tensor.pad of that dim alone.
static bool readPadding(tensor::PadOp pad, int64_t dim, Windows &windows) {
  for (int64_t d = 0; d < pad.getResultType().getRank(); ++d) {
    std::optional<int64_t> low = getConstantIntValue(pad.getMixedLowPad()[d]);
    std::optional<int64_t> high = getConstantIntValue(pad.getMixedHighPad()[d]);
    if (!low || !high || (d != dim && (*low != 0 || *high != 0)))
      return false;
    if (d == dim) {
      windows.left = *low;
      windows.right = *high;
    }
  }
  Value value = pad.getConstantPaddingValue();
  windows.paddedByZeros = value && matchPattern(value, m_AnyZeroFloat());
  return value != nullptr;
}

static std::optional<Windows> matchWindows(const LabelledTensor &operand, const SoftmaxMatch &match,
                                           std::string &why) {
  Value tensor = operand.tensor;
  auto unfold = tensor.getDefiningOp<attn::UnfoldOp>();
  if (!unfold)
    return std::nullopt;
  int64_t dim = unfold.getDim();
  const DimLabel &rows = operand.labels[dim];
  if (rows.size() != 1 || operand.labels.back() != DimLabel{match.keyDim}) {
    why = "its windows do not run along the dim that is normalised";
    return std::nullopt;
  }
  Windows windows{{unfold.getSource(), operand.labels},
                  rows.front(),
                  int64_t(unfold.getSize()),
                  static_cast<int64_t>(unfold.getStep()),
                  0,
                  0,
                  true};
  windows.source.labels.pop_back();
  windows.source.labels[dim] = {match.keyDim};
  if (auto pad = unfold.getSource().getDefiningOp<tensor::PadOp>()) {
    if (!readPadding(pad, dim, windows)) {
      why = "its padding is not by constants along the windows alone";
      return std::nullopt;
    }
    windows.source.tensor = pad.getSource();
  }
  return windows;
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

/// Ands `0 <= j - step * i + left < size` to the mask.
static void addWindow(attn::AttentionOp op, const Windows &windows) {
  Region &mask = op.getMask();
  OpBuilder builder(op.getContext());
  Location loc = op.getLoc();
  if (mask.empty()) {
    Block &block = mask.emplaceBlock();
    for (int i = 0; i < 4; ++i)
      block.addArgument(builder.getIndexType(), loc);
    builder.setInsertionPointToEnd(&block);
    attn::YieldOp::create(builder, loc, arith::ConstantIntOp::create(builder, loc, 1, 1));
  }
  Operation *yield = mask.front().getTerminator();
  builder.setInsertionPoint(yield);
  LinearForm slot = LinearForm::ofValue(mask.getArgument(3)) -
                    LinearForm::ofValue(mask.getArgument(2)) * windows.step +
                    LinearForm(windows.left);
  MaskPredicate window =
      MaskPredicate::conjunction({MaskPredicate::atLeastZero(slot),
                                  MaskPredicate::atLeastZero(LinearForm(windows.size - 1) - slot)});
  IRMapping mapping;
  mapping.map(mask.getArguments(), mask.getArguments());
  Value inside = PredicateEmitter(builder, loc, mask, mapping).emit(window);
  yield->setOperand(0, arith::AndIOp::create(builder, loc, yield->getOperand(0), inside));
}

/// Whether no slot in the padding passes the mask.
static bool excludesPadding(attn::AttentionOp op, const Windows &windows) {
  if (!op.hasMask())
    return false;
  Region &mask = op.getMask();
  OpBuilder builder(op);
  OpFoldResult size = getDimSize(builder, op.getLoc(), op.getKey(), op.getKeyPermutation()[2]);
  LinearForm keys = LinearForm(getConstantIntValue(size).value_or(0));
  if (auto value = dyn_cast<Value>(size))
    keys = analyzeIndex(value, mask).value_or(LinearForm::ofValue(value));
  MaskPredicate allowed = analyzeMaskRegion(mask);
  LinearForm j = LinearForm::ofValue(mask.getArgument(3));
  MaskPredicate before = MaskPredicate::atLeastZero(j * -1 - LinearForm(1));
  MaskPredicate after = MaskPredicate::atLeastZero(j - keys);
  return (windows.left == 0 || MaskPredicate::conjunction({allowed, before}).isFalse()) &&
         (windows.right == 0 || MaskPredicate::conjunction({allowed, after}).isFalse());
}

/// The number of padding slots on one side: `reach` clamped to [0, size].
static Value clampCount(OpBuilder &builder, Location loc, Value reach, const Windows &windows) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value size = arith::ConstantIndexOp::create(builder, loc, windows.size);
  Value atLeastZero = arith::MaxSIOp::create(builder, loc, reach, zero);
  return arith::MinSIOp::create(builder, loc, atLeastZero, size);
}

/// Emits the sink log(n(i)), n(i) being the number of padding slots in the window of row i:
/// left - step * i of them before the first key, step * i - left + size - Lk after the last.
static void addSink(attn::AttentionOp op, const Windows &windows) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  OpFoldResult size = getDimSize(builder, loc, op.getKey(), op.getKeyPermutation()[2]);
  Block &block = op.getSink().emplaceBlock();
  for (int i = 0; i < 3; ++i)
    block.addArgument(builder.getIndexType(), loc);
  builder.setInsertionPointToEnd(&block);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  Value start = block.getArgument(2);
  if (windows.step != 1)
    start = arith::MulIOp::create(builder, loc, start, constant(windows.step));
  Value keys = getValueOrCreateConstantIndexOp(builder, loc, size);
  Value before = arith::SubIOp::create(builder, loc, constant(windows.left), start);
  Value end = arith::AddIOp::create(builder, loc, start, constant(windows.size - windows.left));
  Value after = arith::SubIOp::create(builder, loc, end, keys);
  Value count = arith::AddIOp::create(builder, loc, clampCount(builder, loc, before, windows),
                                      clampCount(builder, loc, after, windows));
  Value one = constant(1);
  Value none = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, count, one);
  Value number = arith::MaxSIOp::create(builder, loc, count, one);
  Type type = op.getScoreType();
  number = arith::IndexCastOp::create(builder, loc, builder.getI64Type(), number);
  Value logarithm =
      math::LogOp::create(builder, loc, arith::SIToFPOp::create(builder, loc, type, number));
  Value nothing = arith::ConstantOp::create(
      builder, loc, builder.getFloatAttr(type, -std::numeric_limits<double>::infinity()));
  attn::YieldOp::create(builder, loc,
                        arith::SelectOp::create(builder, loc, none, nothing, logarithm));
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// Whether the value is a finite number other than 0 that is made of sizes and constants.
static bool isFactorOfSizes(Value value) {
  if (std::optional<double> number = getConstantFloat(value))
    return std::isfinite(*number) && *number != 0;
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (isa<arith::SIToFPOp, arith::UIToFPOp>(op)) {
    Value size = op->getOperand(0);
    while (isa_and_nonnull<arith::IndexCastOp, arith::IndexCastUIOp>(size.getDefiningOp()))
      size = size.getDefiningOp()->getOperand(0);
    return isa_and_nonnull<tensor::DimOp>(size.getDefiningOp());
  }
  if (auto power = dyn_cast<math::PowFOp>(op))
    return isFactorOfSizes(power.getLhs()) && getConstantFloat(power.getRhs());
  return isa<math::SqrtOp, math::RsqrtOp, arith::MulFOp, arith::DivFOp, arith::ExtFOp,
             arith::TruncFOp>(op) &&
         llvm::all_of(op->getOperands(), isFactorOfSizes);
}

/// Whether a score of 0 stays 0, as it does times factors and under odd functions.
static bool keepsZero(Region &score) {
  std::function<bool(Value)> isZero = [&](Value value) {
    if (value == score.getArgument(0))
      return true;
    Operation *op = value.getDefiningOp();
    if (isa_and_nonnull<arith::ExtFOp, arith::TruncFOp, arith::NegFOp, math::TanhOp>(op))
      return isZero(op->getOperand(0));
    if (isa_and_nonnull<arith::MulFOp>(op) && isFactorOfSizes(op->getOperand(0)))
      return isZero(op->getOperand(1));
    return isa_and_nonnull<arith::MulFOp, arith::DivFOp>(op) && isZero(op->getOperand(0)) &&
           isFactorOfSizes(op->getOperand(1));
  };
  return isZero(score.front().getTerminator()->getOperand(0));
}

/// What attention makes of padding slots: nothing if masked, a sink if they are plain zeros.
static bool accountForPadding(attn::AttentionOp op, const Windows &keys, const Windows &values,
                              std::string &why) {
  if ((keys.left == 0 && keys.right == 0) || excludesPadding(op, keys))
    return true;
  if (op.hasSink())
    why = "it has a sink beside its padding";
  else if (op.hasMask())
    why = "its mask neither keeps nor removes all of the padding";
  else if (op.hasScore() && !keepsZero(op.getScore()))
    why = "its score function gives keys in the padding a score other than 0";
  else if (!keys.paddedByZeros || !values.paddedByZeros)
    why = "its keys or values are not padded by zeros, and the padding is not masked";
  else {
    addSink(op, keys);
    return true;
  }
  return false;
}

/// Builds the windowed attention, or says why not; `why` stays empty where there are no windows.
static attn::AttentionOp raise(SoftmaxMatch &match, llvm::DenseSet<Operation *> &erased,
                               std::string &why) {
  std::string notAttention;
  std::optional<ScoreContraction> scores = findScoreContraction(match, notAttention);
  if (!scores)
    return {};
  AttentionPlan plan;
  plan.match = &match;
  plan.scoreElement = scores->element;
  plan.query = followOperand(scores->query, match, &plan.scale, /*throughCasts=*/false);
  LabelledTensor key = followOperand(scores->key, match, &plan.scale, /*throughCasts=*/false);
  std::optional<Windows> keys = matchWindows(key, match, why);
  if (!keys)
    return {};
  std::optional<ValueContraction> found = findValueContraction(match, why);
  if (!found)
    return {};
  LabelledTensor value = followOperand(found->value, match, nullptr, /*throughCasts=*/false);
  why = "its values are not windows of the same form as its keys";
  std::optional<Windows> values = matchWindows(value, match, why);
  if (!values || !(*keys == *values))
    return {};
  plan.key = keys->source;
  plan.value = values->source;
  plan.rowDim = keys->rowDim;
  if (plan.query.find(plan.rowDim) < 0) {
    why = "its queries do not run along the windows";
    return {};
  }
  if (!planHeads(plan, why) || failed(findWeightUses(plan, *found, why)))
    return {};
  if (plan.withWeights || plan.dropout) {
    why = "its weights, which are stored by window, are used by other ops";
    return {};
  }
  auto mapIndices = [&](OpBuilder &builder, ValueRange bhij, MutableArrayRef<Value> indices) {
    // w = j - step * i + left
    AffineExpr i = builder.getAffineDimExpr(0), j = builder.getAffineDimExpr(1);
    indices[match.keyDim] = affine::AffineApplyOp::create(
        builder, match.weights.getLoc(), AffineMap::get(2, 0, j - i * keys->step + keys->left),
        ValueRange{bhij[2], bhij[3]});
  };
  Operation *contraction = found->contraction.op;
  OpBuilder builder(contraction);
  Type element = unifyElementTypes(builder, plan, *found);
  attn::AttentionOp op =
      createAttention(builder, match.weights.getLoc(), plan, element, mapIndices);
  simplifyScore(op);
  if (!accountForPadding(op, *keys, *values, why)) {
    op.erase();
    return {};
  }
  addWindow(op, *keys);
  match.region.reset(); // it uses what is now to be erased
  replaceWithAttention(plan, *found, op, erased);
  return op;
}

namespace {
struct RaiseUnfoldPass : fovea::impl::RaiseUnfoldPassBase<RaiseUnfoldPass> {
  using Base::Base;
  void runOnOperation() override {
    shareDims(getOperation());
    divideWeightsFirst(getOperation());
    forEachSoftmax(getOperation(), [](SoftmaxMatch &match, llvm::DenseSet<Operation *> &erased) {
      Operation *softmax = match.weights.getDefiningOp();
      std::string why;
      bool hasOwnSink = match.sink != nullptr;
      if (attn::AttentionOp attention = raise(match, erased, why))
        fovea::remark(attention, "unfold",
                      attention.hasSink() && !hasOwnSink
                          ? "raised windows to attention; their padding stays as a sink"
                          : "raised windows to attention");
      else if (!why.empty())
        fovea::remark(softmax, "unfold", "the windows stay: " + why, Shortfall::NotFused);
    });
  }
};
} // namespace
