#include "passes/raise/NormalizedMatcher.h"
#include "dialect/AttnOps.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "passes/raise/SoftmaxMatch.h"
#include "passes/tensors/DimSizes.h"

using namespace mlir;
using namespace fovea;

/// The value that an init tensor is filled with.
static Attribute getFilledValue(Value tensor) {
  Attribute value;
  if (auto fill = tensor.getDefiningOp<linalg::FillOp>())
    matchPattern(fill.getInputs().front(), m_Constant(&value));
  else if (matchPattern(tensor, m_Constant(&value)))
    value = isa<SplatElementsAttr>(value)
                ? cast<SplatElementsAttr>(value).getSplatValue<Attribute>()
                : Attribute();
  return value;
}

bool fovea::isSumOnto(Operation *combiner, Value init) {
  auto start = dyn_cast_or_null<FloatAttr>(getFilledValue(init));
  return isa<arith::AddFOp>(combiner) && start && start.getValue().isZero();
}

/// Whether the loop of an op runs over as many elements as the tensor's dim has.
static bool hasSizeOf(linalg::LinalgOp op, unsigned loop, Value tensor, int64_t dim) {
  AffineExpr index = getAffineDimExpr(loop, op.getContext());
  return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *operand) {
    std::optional<unsigned> at = op.getMatchingIndexingMap(operand).getResultPosition(index);
    return at && haveEqualSizes(operand->get(), *at, tensor, dim);
  });
}

/// If `reduced` is an element of a tensor that was reduced over one dim: what is combined, read
/// at `args`. With `keyDim` -1 any dim will do, and it is returned; else that dim must be it.
Value NormalizedMatcher::readReductionOver(Value reduced, int64_t &keyDim, Operation *&combiner,
                                           Value &init) {
  auto extract = reduced.getDefiningOp<tensor::ExtractOp>();
  auto op = extract ? extract.getTensor().getDefiningOp<linalg::LinalgOp>() : linalg::LinalgOp();
  if (!op || op.getNumReductionLoops() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumLoops() != args.size())
    return Value();
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<unsigned> reduction;
  op.getReductionDims(reduction);
  if (!map.isProjectedPermutation())
    return Value();
  SmallVector<Value> loops(op.getNumLoops());
  for (auto [position, index] : llvm::enumerate(extract.getIndices())) {
    std::optional<int64_t> number = getConstantIntValue(index);
    loops[map.getDimPosition(position)] = number ? reader.constant(*number) : index;
  }
  for (int64_t dim = 0; dim < static_cast<int64_t>(args.size()); ++dim)
    if (isa<BlockArgument>(args[dim]) && !llvm::is_contained(extract.getIndices(), args[dim]) &&
        (keyDim < 0 || keyDim == dim)) {
      keyDim = dim;
      loops[reduction.front()] = args[dim];
    }
  // Every index must be used, and once: the reduction is over whole rows at this row, and no more.
  if (!loops[reduction.front()] || !hasSizeOf(op, reduction.front(), weights, keyDim) ||
      !llvm::all_of(args, [&](Value arg) { return llvm::is_contained(loops, arg); }))
    return Value();
  init = op.getDpsInitOperand(0)->get();
  return reader.readReduced(op, loops, combiner);
}

bool NormalizedMatcher::isSameForAllKeys(Value element, int64_t keyDim) {
  SmallVector<Value> work{element};
  llvm::DenseSet<Value> seen;
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (value == args[keyDim])
      return false;
    if (Operation *op = value.getDefiningOp(); op && op->getBlock() == builder.getBlock())
      for (Value operand : op->getOperands())
        if (seen.insert(operand).second)
          work.push_back(operand);
  }
  return true;
}

/// Whether an element is one of a tensor reduced to its maxima.
static bool isReducedMaximum(Value element) {
  auto extract = element.getDefiningOp<tensor::ExtractOp>();
  auto op = extract ? extract.getTensor().getDefiningOp<linalg::LinalgOp>() : linalg::LinalgOp();
  SmallVector<Operation *> combiners;
  return op && op.getNumReductionLoops() > 0 &&
         matchReduction(op.getRegionOutputArgs(), 0, combiners) && combiners.size() == 1 &&
         isa<arith::MaximumFOp, arith::MaxNumFOp>(combiners.front());
}

/// Whether an element is the largest of some of a tensor, or at least that.
static bool isMaximum(Value element) {
  SmallVector<Value> work{element};
  llvm::DenseSet<Value> seen;
  while (!work.empty()) {
    Value value = stripCasts(work.pop_back_val());
    if (!seen.insert(value).second)
      continue;
    if (isReducedMaximum(value))
      return true;
    if (auto larger = value.getDefiningOp<arith::MaximumFOp>())
      work.append({larger.getLhs(), larger.getRhs()});
  }
  return false;
}

/// Scores without the maximum that is subtracted from all of a row, which changes no softmax.
/// Other numbers may be infinite, and hide the row.
Value NormalizedMatcher::stripShift(Value score, int64_t keyDim) {
  auto difference = score.getDefiningOp<arith::SubFOp>();
  return difference && isSameForAllKeys(difference.getRhs(), keyDim) &&
                 isMaximum(difference.getRhs())
             ? difference.getLhs()
             : score;
}

Normalized NormalizedMatcher::matchSource(Value scores, int64_t keyDim) {
  return {stripShift(read(scores), keyDim), keyDim};
}

std::optional<Normalized> NormalizedMatcher::matchResult(Operation *op) {
  if (auto softmax = dyn_cast_or_null<attn::SoftmaxOp>(op))
    return matchSource(softmax.getSource(), softmax.getDim());
  if (auto softmax = dyn_cast_or_null<linalg::SoftmaxOp>(op))
    return matchSource(softmax.getInput(), softmax.getDimension());
  if (!op)
    return std::nullopt;
  Value root = read(op->getResult(0));
  if (std::optional<Normalized> quotient = matchQuotient(root))
    return quotient;
  std::optional<Normalized> masked = matchMaskedWeights(root);
  return masked ? masked : matchLogarithm(root);
}

std::optional<Normalized> NormalizedMatcher::matchSoftmaxOpElement(Value element) {
  auto extract = element.getDefiningOp<tensor::ExtractOp>();
  if (!extract || !llvm::equal(extract.getIndices(), args))
    return matchQuotient(element);
  Operation *op = extract.getTensor().getDefiningOp();
  return isa_and_nonnull<attn::SoftmaxOp, linalg::SoftmaxOp>(op) ? matchResult(op) : std::nullopt;
}

/// The product of a softmax and a mask m of 0 and 1, which a division by its sum follows:
/// (e^s / Z) m / sum((e^s / Z) m) = e^s m / sum(e^s m), Z being the same all along the row.
std::optional<Normalized> NormalizedMatcher::matchRenormalized(Value product, int64_t keyDim) {
  bool keepsWhereTrue = true;
  auto [weight, allowed] = matchKeptWhere(product, keepsWhereTrue);
  if (!weight)
    return std::nullopt;
  std::optional<Normalized> inner = matchSoftmaxOpElement(weight);
  if (!inner || inner->keyDim != keyDim)
    return std::nullopt;
  return Normalized{emitMasked(inner->score, allowed, keepsWhereTrue), keyDim};
}

/// What a divisor sums up along one dim; null if it is no sum. Where a sum is 0, so are the
/// weights: any number but 0 may divide them then.
Value NormalizedMatcher::readSum(Value divisor, int64_t &keyDim) {
  if (auto select = divisor.getDefiningOp<arith::SelectOp>()) {
    auto comparison = select.getCondition().getDefiningOp<arith::CmpFOp>();
    bool isNone = comparison && comparison.getPredicate() == arith::CmpFPredicate::OEQ &&
                  matchPattern(comparison.getRhs(), m_AnyZeroFloat()) &&
                  computedAlike(comparison.getLhs(), select.getFalseValue());
    APFloat instead(0.0);
    if (!isNone || !matchPattern(select.getTrueValue(), m_ConstantFloat(&instead)) ||
        !instead.isFiniteNonZero())
      return Value();
    divisor = select.getFalseValue();
  }
  Operation *combiner = nullptr;
  Value init;
  Value summand = readReductionOver(divisor, keyDim, combiner, init);
  return summand && isSumOnto(combiner, init) ? summand : Value();
}

std::optional<Normalized> NormalizedMatcher::matchQuotient(Value root) {
  Value numerator, denominator;
  if (auto div = root.getDefiningOp<arith::DivFOp>()) {
    numerator = div.getLhs();
    denominator = div.getRhs();
  } else if (auto mul = root.getDefiningOp<arith::MulFOp>()) {
    for (unsigned i : {0, 1}) // e * (1 / z)
      if (auto inverse = mul->getOperand(i).getDefiningOp<arith::DivFOp>();
          inverse && matchPattern(inverse.getLhs(), m_OneFloat())) {
        numerator = mul->getOperand(1 - i);
        denominator = inverse.getRhs();
      }
  }
  if (!numerator)
    return std::nullopt;
  int64_t keyDim = -1;
  Value addend, summand = readSum(denominator, keyDim);
  if (auto sum = denominator.getDefiningOp<arith::AddFOp>(); sum && !summand)
    for (unsigned i : {0, 1})
      if (!summand && (summand = readSum(sum->getOperand(i), keyDim)))
        addend = sum->getOperand(1 - i);
  if (!summand || !computedAlike(summand, numerator))
    return std::nullopt;
  if (std::optional<Exponential> weight = matchExponential(numerator, keyDim)) {
    Value sink = addend ? matchSink(addend, weight->shift, keyDim) : Value();
    if (addend && !sink)
      return std::nullopt;
    return Normalized{weight->score, keyDim, sink};
  }
  return addend ? std::nullopt : matchRenormalized(numerator, keyDim);
}

/// exp(x - log z) is exp(x) / z, and exp(x - (m + log z)) is exp(x - m) / z.
std::optional<Normalized> NormalizedMatcher::matchLogarithm(Value root) {
  auto exp = root.getDefiningOp<math::ExpOp>();
  auto difference = exp ? exp.getOperand().getDefiningOp<arith::SubFOp>() : arith::SubFOp();
  if (!difference)
    return std::nullopt;
  Value exponent = difference.getLhs();
  auto logarithm = difference.getRhs().getDefiningOp<math::LogOp>();
  if (auto sum = difference.getRhs().getDefiningOp<arith::AddFOp>())
    for (unsigned i : {0, 1})
      if (auto addend = sum->getOperand(i).getDefiningOp<math::LogOp>(); addend && !logarithm) {
        logarithm = addend;
        exponent = arith::SubFOp::create(builder, loc, exponent, sum->getOperand(1 - i));
      }
  if (!logarithm)
    return std::nullopt;
  Value numerator = math::ExpOp::create(builder, loc, exponent);
  return matchQuotient(
      arith::DivFOp::create(builder, loc, numerator, logarithm.getOperand()).getResult());
}
