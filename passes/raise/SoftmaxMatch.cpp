#include "passes/raise/SoftmaxMatch.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "passes/tensors/ElementReader.h"
#include <limits>

using namespace mlir;
using namespace fovea;

namespace {
/// The score under a softmax and the dim it is normalised along.
struct Normalized {
  Value score;
  int64_t keyDim;
};

/// Matches scalar expressions of one element, at the indices `args`.
class NormalizedMatcher {
public:
  /// Dims of size 1 are read at 0: some ops broadcast along them and some do not, and both must
  /// give one expression.
  NormalizedMatcher(OpBuilder &builder, Location loc, Region &region, ArrayRef<int64_t> sizes)
      : builder(builder), loc(loc), reader(builder, loc) {
    for (auto [arg, size] : llvm::zip(region.getArguments(), sizes))
      args.push_back(size == 1 ? reader.constant(0) : arg);
  }

  Value read(Value tensor) { return reader.read(tensor, args); }
  std::optional<Normalized> matchQuotient(Value root);

private:
  std::optional<Normalized> matchSoftmaxOpElement(Value element);
  std::optional<Normalized> matchRenormalized(Value product, int64_t keyDim);
  Value readReductionOver(Value reduced, int64_t &keyDim, Operation *&combiner, Value &init);
  Value matchExponent(Value exponent, int64_t keyDim);
  std::pair<Value, Value> matchKeptWhere(Value product, bool &keepsWhereTrue);

  OpBuilder &builder;
  Location loc;
  SmallVector<Value> args;
  ElementReader reader;
};
} // namespace

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

static bool isSumOf(Operation *combiner, Attribute init) {
  auto start = dyn_cast_or_null<FloatAttr>(init);
  return isa<arith::AddFOp>(combiner) && start && start.getValue().isZero();
}

/// The maximum may start at -inf or at the lowest finite number.
static bool isMaxOf(Operation *combiner, Attribute init) {
  auto start = dyn_cast_or_null<FloatAttr>(init);
  if (!start || !isa<arith::MaximumFOp, arith::MaxNumFOp>(combiner))
    return false;
  APFloat lowest = APFloat::getLargest(start.getValue().getSemantics(), /*Negative=*/true);
  return start.getValue().isNegative() &&
         (start.getValue().isInfinity() || start.getValue() == lowest);
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
  for (auto [position, index] : llvm::enumerate(extract.getIndices()))
    loops[map.getDimPosition(position)] = index;
  for (int64_t dim = 0; dim < static_cast<int64_t>(args.size()); ++dim)
    if (isa<BlockArgument>(args[dim]) && !llvm::is_contained(extract.getIndices(), args[dim]) &&
        (keyDim < 0 || keyDim == dim)) {
      keyDim = dim;
      loops[reduction.front()] = args[dim];
    }
  // Every index must be used, and once: the reduction is over whole rows at this row.
  if (!loops[reduction.front()] ||
      !llvm::all_of(args, [&](Value arg) { return llvm::is_contained(loops, arg); }))
    return Value();
  init = op.getDpsInitOperand(0)->get();
  return reader.readReduced(op, loops, combiner);
}

/// x of exp(x - max x) or exp(x), null if `exponent` is neither.
Value NormalizedMatcher::matchExponent(Value exponent, int64_t keyDim) {
  auto exp = exponent.getDefiningOp<math::ExpOp>();
  if (!exp)
    return Value();
  auto difference = exp.getOperand().getDefiningOp<arith::SubFOp>();
  if (!difference)
    return exp.getOperand();
  Operation *combiner = nullptr;
  Value init;
  Value operand = readReductionOver(difference.getRhs(), keyDim, combiner, init);
  if (operand && isMaxOf(combiner, getFilledValue(init)) &&
      computedAlike(operand, difference.getLhs()))
    return operand;
  return exp.getOperand();
}

/// Reads p where the number is 1 or 0 as a predicate holds: uitofp(p) or select(p, 1, 0).
static Value matchZeroOrOne(Value factor, bool &oneWhereTrue) {
  oneWhereTrue = true;
  if (auto cast = factor.getDefiningOp<arith::UIToFPOp>())
    return cast.getIn().getType().isInteger(1) ? cast.getIn() : Value();
  auto select = factor.getDefiningOp<arith::SelectOp>();
  if (!select)
    return Value();
  oneWhereTrue = matchPattern(select.getTrueValue(), m_OneFloat());
  if (oneWhereTrue ? matchPattern(select.getFalseValue(), m_AnyZeroFloat())
                   : matchPattern(select.getTrueValue(), m_AnyZeroFloat()) &&
                         matchPattern(select.getFalseValue(), m_OneFloat()))
    return select.getCondition();
  return Value();
}

/// `{value, p}` of a product that is `value` where p holds (or, by the flag, does not) and else 0.
std::pair<Value, Value> NormalizedMatcher::matchKeptWhere(Value product, bool &keepsWhereTrue) {
  if (auto select = product.getDefiningOp<arith::SelectOp>()) {
    keepsWhereTrue = matchPattern(select.getFalseValue(), m_AnyZeroFloat());
    if (keepsWhereTrue)
      return {select.getTrueValue(), select.getCondition()};
    if (matchPattern(select.getTrueValue(), m_AnyZeroFloat()))
      return {select.getFalseValue(), select.getCondition()};
  }
  if (auto mul = product.getDefiningOp<arith::MulFOp>())
    for (unsigned i : {0, 1})
      if (Value p = matchZeroOrOne(mul->getOperand(i), keepsWhereTrue))
        return {mul->getOperand(1 - i), p};
  return {};
}

std::optional<Normalized> NormalizedMatcher::matchSoftmaxOpElement(Value element) {
  auto extract = element.getDefiningOp<tensor::ExtractOp>();
  if (!extract || !llvm::equal(extract.getIndices(), args))
    return matchQuotient(element);
  Operation *op = extract.getTensor().getDefiningOp();
  if (auto softmax = dyn_cast_or_null<attn::SoftmaxOp>(op))
    return Normalized{read(softmax.getSource()), static_cast<int64_t>(softmax.getDim())};
  if (auto softmax = dyn_cast_or_null<linalg::SoftmaxOp>(op))
    return Normalized{read(softmax.getInput()), static_cast<int64_t>(softmax.getDimension())};
  return std::nullopt;
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
  auto type = cast<FloatType>(inner->score.getType());
  Value fill = arith::ConstantOp::create(
      builder, loc,
      FloatAttr::get(type, APFloat::getInf(type.getFloatSemantics(), /*Negative=*/true)));
  Value score = arith::SelectOp::create(builder, loc, allowed, keepsWhereTrue ? inner->score : fill,
                                        keepsWhereTrue ? fill : inner->score);
  return Normalized{score, keyDim};
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
  Operation *combiner = nullptr;
  Value init;
  Value summand = readReductionOver(denominator, keyDim, combiner, init);
  if (!summand || !isSumOf(combiner, getFilledValue(init)) || !computedAlike(summand, numerator))
    return std::nullopt;
  if (Value score = matchExponent(numerator, keyDim))
    return Normalized{score, keyDim};
  return matchRenormalized(numerator, keyDim);
}

/// Whether the op is elementwise and ends in a division or a product, as a softmax that is
/// spelled out does. Only such ops are read back, which costs time.
static bool mayEndSoftmax(Operation *op) {
  if (op->getNumResults() != 1 || !isa<RankedTensorType>(op->getResult(0).getType()))
    return false;
  if (isa<arith::DivFOp, arith::MulFOp>(op))
    return true;
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || linalgOp.getNumReductionLoops() != 0 || linalgOp.getNumDpsInits() != 1)
    return false;
  Value yielded = linalgOp.getBlock()->getTerminator()->getOperand(0);
  return isa_and_nonnull<arith::DivFOp, arith::MulFOp>(yielded.getDefiningOp());
}

std::optional<SoftmaxMatch> fovea::matchSoftmax(Operation *op) {
  Value source;
  SoftmaxMatch match;
  if (auto softmax = dyn_cast<attn::SoftmaxOp>(op)) {
    source = softmax.getSource();
    match.keyDim = softmax.getDim();
  } else if (auto softmax = dyn_cast<linalg::SoftmaxOp>(op)) {
    source = softmax.getInput();
    match.keyDim = softmax.getDimension();
  } else if (!mayEndSoftmax(op)) {
    return std::nullopt;
  }
  if (op->getNumResults() != 1) // on buffers
    return std::nullopt;
  match.weights = op->getResult(0);
  match.region = std::make_unique<Region>();
  Block &block = match.region->emplaceBlock();
  auto type = cast<RankedTensorType>(match.weights.getType());
  for (int64_t i = 0; i < type.getRank(); ++i)
    block.addArgument(IndexType::get(op->getContext()), op->getLoc());
  OpBuilder builder(op->getContext());
  builder.setInsertionPointToEnd(&block);
  NormalizedMatcher matcher(builder, op->getLoc(), *match.region, type.getShape());
  if (source) {
    match.score = matcher.read(source);
    return match;
  }
  std::optional<Normalized> normalized = matcher.matchQuotient(matcher.read(match.weights));
  if (!normalized)
    return std::nullopt;
  match.keyDim = normalized->keyDim;
  match.score = normalized->score;
  return match;
}

void fovea::forEachSoftmax(
    Operation *function,
    llvm::function_ref<void(SoftmaxMatch &, llvm::DenseSet<Operation *> &)> raise) {
  SmallVector<Operation *> candidates;
  function->walk([&](Operation *op) { candidates.push_back(op); });
  llvm::DenseSet<Operation *> erased;
  for (Operation *op : llvm::reverse(candidates)) {
    if (erased.contains(op))
      continue;
    if (std::optional<SoftmaxMatch> match = matchSoftmax(op))
      raise(*match, erased);
  }
}
