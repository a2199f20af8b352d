#include "passes/raise/WeightSums.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Report.h"
#include "passes/raise/AttentionPlan.h"
#include "passes/raise/SoftmaxMatch.h"
#include "passes/tensors/DimSizes.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace fovea;

namespace {
/// A contraction one of whose operands is a sum of weights: a tree of elementwise ops, each linear
/// in its operands that run along the keys.
class WeightSum {
public:
  WeightSum(const ContractionMatch &contraction, unsigned side)
      : contraction(contraction), side(side), b(contraction.op) {}

  bool match();
  void split();
  size_t numTerms() const { return products.size(); }

private:
  ArrayRef<unsigned> weightLoops() const {
    return side == 0 ? contraction.lhsLoops : contraction.rhsLoops;
  }
  Value weights() { return contraction.op.getDpsInputOperand(side)->get(); }
  bool runsAlongKeys(linalg::LinalgOp sum, OpOperand &operand) const;
  llvm::DenseSet<Value> linearValues(linalg::LinalgOp sum) const;
  bool matchTerm(Value tensor);
  bool becomesAttention(const SoftmaxMatch &softmax);
  bool isWorthIt();
  Value multiply(Value term);
  AffineMap withoutKeys(linalg::LinalgOp sum, AffineMap map);
  Value rebuild(Value tensor);

  ContractionMatch contraction;
  unsigned side;
  OpBuilder b;
  llvm::MapVector<Value, Value> products; // of each term with the values, null at first
  SmallVector<linalg::LinalgOp> sums;     // users before what they use
};
} // namespace

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

static AffineMap resultMap(linalg::LinalgOp op) {
  return op.getMatchingIndexingMap(op.getDpsInitOperand(0));
}

/// An elementwise op on tensors all of whose loops are dims of its result.
static linalg::LinalgOp elementwiseOp(Value tensor) {
  auto op = tensor.getDefiningOp<linalg::LinalgOp>();
  bool fits = op && op.hasPureTensorSemantics() && op.getNumReductionLoops() == 0 &&
              op.getNumDpsInits() == 1 && resultMap(op).isIdentity() &&
              op.getRegionOutputArgs().front().use_empty();
  return fits ? op : linalg::LinalgOp();
}

bool WeightSum::runsAlongKeys(linalg::LinalgOp sum, OpOperand &operand) const {
  unsigned key =
      llvm::find(weightLoops(), contraction.reductionLoops.front()) - weightLoops().begin();
  return sum.getMatchingIndexingMap(&operand).isFunctionOfDim(key);
}

/// What in the body is a sum of the operands that run along the keys, times factors that do not;
/// none if the result is not.
llvm::DenseSet<Value> WeightSum::linearValues(linalg::LinalgOp sum) const {
  llvm::DenseSet<Value> linear;
  for (OpOperand *operand : sum.getDpsInputOperands())
    if (runsAlongKeys(sum, *operand))
      linear.insert(sum.getMatchingBlockArgument(operand));
  for (Operation &op : sum.getBlock()->without_terminator()) {
    auto has = [&](unsigned i) { return linear.contains(op.getOperand(i)); };
    bool isSum = isa<arith::AddFOp, arith::SubFOp>(op);
    if (isa<linalg::IndexOp>(op) || op.getNumRegions() > 0)
      return {};
    if (llvm::none_of(op.getOperands(), [&](Value v) { return linear.contains(v); }))
      continue;
    if (!isa<arith::NegFOp>(op) && !(isSum && has(0) && has(1)) &&
        !(isa<arith::MulFOp>(op) && has(0) != has(1)) && !(isa<arith::DivFOp>(op) && !has(1)))
      return {};
    linear.insert(op.getResult(0));
  }
  if (!linear.contains(sum.getBlock()->getTerminator()->getOperand(0)))
    return {};
  return linear;
}

/// The softmax whose weights a term is, dropped perhaps.
static std::optional<SoftmaxMatch> findSoftmax(Value term) {
  while (Operation *op = term.getDefiningOp()) {
    if (std::optional<SoftmaxMatch> match = matchSoftmax(op))
      return match;
    if (!isa<attn::DropoutOp>(op))
      break;
    term = op->getOperand(0);
  }
  return std::nullopt;
}

/// Collects the terms of the sum, or the one that `tensor` is.
bool WeightSum::matchTerm(Value tensor) {
  linalg::LinalgOp sum = elementwiseOp(tensor);
  if (!sum || !tensor.hasOneUse() || linearValues(sum).empty() || matchSoftmax(sum)) {
    products.insert({tensor, Value()});
    return tensor.getType() == weights().getType();
  }
  sums.push_back(sum);
  return llvm::all_of(sum.getDpsInputOperands(), [&](OpOperand *operand) {
    return !runsAlongKeys(sum, *operand) ||
           (sum.getMatchingIndexingMap(operand).isIdentity() && matchTerm(operand->get()));
  });
}

/// Whether the product of the softmax's weights alone with the values is an attention.
bool WeightSum::becomesAttention(const SoftmaxMatch &softmax) {
  OpOperand *use = contraction.op.getDpsInputOperand(side);
  std::string why;
  std::optional<ScoreContraction> scores = findScoreContraction(softmax, why);
  std::optional<ValueContraction> values =
      scores ? matchValueUse(*use, softmax, why) : std::nullopt;
  return values && Value(softmax.weights).getParentBlock() == contraction.op->getBlock() &&
         planAttention(softmax, *scores, *values, why) &&
         !dependsOn(values->value.tensor, softmax.weights);
}

/// What weights save, some passes over queries by keys, pays for more products with up to some 128
/// columns each.
bool WeightSum::isWorthIt() {
  constexpr int64_t columnsATerm = 128;
  Value values = contraction.op.getDpsInputOperand(1 - side)->get();
  ArrayRef<unsigned> loops = side == 0 ? contraction.rhsLoops : contraction.lhsLoops;
  auto type = cast<RankedTensorType>(values.getType());
  auto terms = static_cast<int64_t>(products.size());
  for (auto [loop, size] : llvm::zip(loops, type.getShape()))
    if (!llvm::is_contained(weightLoops(), loop) && !ShapedType::isDynamic(size))
      return (terms - 1) * size <= columnsATerm * terms;
  return true;
}

bool WeightSum::match() {
  Type type = getElementTypeOrSelf(weights().getType());
  Type resultType = getElementTypeOrSelf(contraction.op->getResult(0).getType());
  if (contraction.reductionLoops.size() != 1 || !elementwiseOp(weights()) ||
      !llvm::is_contained(weightLoops(), contraction.reductionLoops.front()) ||
      type.getIntOrFloatBitWidth() > resultType.getIntOrFloatBitWidth())
    return false;
  if (!matchTerm(weights()) || sums.empty())
    return false;
  SmallVector<Value> others, softmaxes;
  for (auto &[term, product] : products) {
    std::optional<SoftmaxMatch> softmax = findSoftmax(term);
    if (!softmax)
      others.push_back(term);
    else if (becomesAttention(*softmax))
      softmaxes.push_back(softmax->weights);
    else
      return false;
  }
  bool needsWeights = llvm::any_of(others, [&](Value other) {
    return llvm::any_of(softmaxes, [&](Value softmax) { return dependsOn(other, softmax); });
  });
  return !softmaxes.empty() && others.size() <= 1 && !needsWeights && isWorthIt();
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

Value WeightSum::multiply(Value term) {
  Operation *product = b.clone(*contraction.op);
  product->setOperand(contraction.op.getDpsInputOperand(side)->getOperandNumber(), term);
  return product->getResult(0);
}

/// The map of an operand of `sum`, from the dims of the contraction's result.
AffineMap WeightSum::withoutKeys(linalg::LinalgOp sum, AffineMap map) {
  SmallVector<AffineExpr> dims;
  for (unsigned loop : weightLoops()) {
    const unsigned *at = llvm::find(contraction.outLoops, loop);
    bool isKey = at == contraction.outLoops.end(); // which no such map depends on
    dims.push_back(isKey ? b.getAffineConstantExpr(0)
                         : b.getAffineDimExpr(at - contraction.outLoops.begin()));
  }
  return map.replaceDimsAndSymbols(dims, {}, contraction.outLoops.size(), 0);
}

static Value widen(OpBuilder &b, Value element, Type type) {
  return element.getType() == type
             ? element
             : arith::ExtFOp::create(b, element.getLoc(), type, element).getResult();
}

/// The body of a sum, with what is linear in its terms in the type of those, `args`.
static void cloneWider(OpBuilder &b, linalg::LinalgOp sum, const llvm::DenseSet<Value> &linear,
                       ValueRange args) {
  Type type = args.back().getType();
  IRMapping mapping;
  mapping.map(sum.getBlock()->getArguments(), args);
  for (Operation &op : *sum.getBlock()) {
    Operation *clone = b.clone(op, mapping);
    if (llvm::none_of(op.getOperands(), [&](Value v) { return linear.contains(v); }))
      continue;
    b.setInsertionPoint(clone);
    for (OpOperand &operand : clone->getOpOperands())
      operand.set(widen(b, operand.get(), type));
    b.setInsertionPointAfter(clone);
    for (Value result : clone->getResults())
      result.setType(type);
  }
}

/// What the tensor of weights, a sum or a term, makes of the values.
Value WeightSum::rebuild(Value tensor) {
  if (auto term = products.find(tensor); term != products.end()) {
    if (!term->second)
      term->second = multiply(tensor);
    return term->second;
  }
  auto sum = tensor.getDefiningOp<linalg::LinalgOp>();
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  AffineMap identity = b.getMultiDimIdentityMap(contraction.outLoops.size());
  for (OpOperand *operand : sum.getDpsInputOperands()) {
    bool isTerm = runsAlongKeys(sum, *operand);
    inputs.push_back(isTerm ? rebuild(operand->get()) : operand->get());
    maps.push_back(isTerm ? identity : withoutKeys(sum, sum.getMatchingIndexingMap(operand)));
  }
  maps.push_back(identity);
  Value result = contraction.op->getResult(0);
  Value init = tensor::EmptyOp::create(b, sum.getLoc(), getDimSizes(b, sum.getLoc(), result),
                                       getElementTypeOrSelf(result.getType()));
  SmallVector<utils::IteratorType> loops(identity.getNumDims(), utils::IteratorType::parallel);
  auto body = [&](OpBuilder &inner, Location, ValueRange args) {
    cloneWider(inner, sum, linearValues(sum), args);
  };
  return linalg::GenericOp::create(b, sum.getLoc(), init.getType(), inputs, init, maps, loops, body)
      .getResult(0);
}

void WeightSum::split() {
  Operation *product = contraction.op;
  product->getResult(0).replaceAllUsesWith(rebuild(weights()));
  product->erase();
  for (linalg::LinalgOp sum : sums)
    sum->erase();
}

void fovea::splitWeightSums(Operation *function) {
  SmallVector<Operation *> contractions;
  function->walk([&](linalg::LinalgOp op) {
    if (matchContraction(op))
      contractions.push_back(op);
  });
  for (Operation *op : contractions)
    for (unsigned side : {0, 1}) {
      WeightSum sum(*matchContraction(op), side);
      if (!sum.match())
        continue;
      fovea::remark(op, "attention",
                    sum.numTerms() == 1
                        ? "values weighed by weights times factors: these come after the values"
                        : "values weighed by a sum of weights: each of its " +
                              Twine(sum.numTerms()) + " terms weighs them by itself");
      sum.split();
      break;
    }
}
