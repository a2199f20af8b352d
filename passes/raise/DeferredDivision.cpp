#include "passes/raise/DeferredDivision.h"
#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "passes/Report.h"
#include "passes/mask/MaskPredicate.h"
#include "passes/raise/AttentionMatch.h"
#include "passes/raise/ExponentialScores.h"
#include "passes/raise/NormalizedMatcher.h"
#include "passes/raise/SoftmaxMatch.h"
#include "passes/tensors/DimSizes.h"
#include "passes/tensors/ElementReader.h"

using namespace mlir;
using namespace fovea;

namespace {
/// `sum_k e_k v_k / z`, an elementwise op of a contraction's result.
struct DeferredDivision {
  Operation *quotient = nullptr; // the op that divides
  OpOperand *products = nullptr; // its operand that holds the products, moved or widened
  OpOperand *weights = nullptr;  // the operand of the contraction that the e_k become
  SmallVector<Operation *> path; // from the e_k to `weights`, last op first: roundings and dropout
  Value exponentials;            // the tensor of the e_k
  SmallVector<Value> indices;    // of e_k, in the matcher's region
  Value divisor;                 // z, in the matcher's region
};
} // namespace

namespace {
/// Reads elements of one quotient, at one index argument a dim and one for the keys.
class DivisionMatcher {
public:
  explicit DivisionMatcher(Operation *quotient)
      : block(region.emplaceBlock()), builder(quotient->getContext()),
        reader(builder, quotient->getLoc()) {
    found.quotient = quotient;
    builder.setInsertionPointToEnd(&block);
  }

  /// Matches, or says why not where the products are those of exponentials of scores.
  bool match(std::string &why);
  void divideFirst();

private:
  Value addIndex() { return block.addArgument(builder.getIndexType(), found.quotient->getLoc()); }
  std::pair<Value, Value> readQuotient();
  Value readWeight(tensor::ExtractOp products);
  bool isSoftmax(Value weight);
  bool findProducts(Operation *contraction);
  Value emitWeights(OpBuilder &b);

  DeferredDivision found;
  Region region;
  Block &block;
  OpBuilder builder;
  ElementReader reader;
};
} // namespace

/// Dividend and divisor of `a / z` or `a * (1 / z)`.
std::pair<Value, Value> DivisionMatcher::readQuotient() {
  Value quotient = found.quotient->getResult(0);
  Value root = reader.read(quotient, reader.addIndices(block, quotient));
  auto isProduct = [](Value element) {
    auto extract = stripCasts(element).getDefiningOp<tensor::ExtractOp>();
    return extract && matchContraction(extract.getTensor().getDefiningOp());
  };
  if (auto div = root.getDefiningOp<arith::DivFOp>())
    return {div.getLhs(), div.getRhs()};
  if (auto mul = root.getDefiningOp<arith::MulFOp>())
    for (unsigned i : {0, 1})
      if (auto inverse = stripCasts(mul->getOperand(i)).getDefiningOp<arith::DivFOp>();
          inverse && matchPattern(inverse.getLhs(), m_OneFloat()) &&
          isProduct(mul->getOperand(1 - i)))
        return {mul->getOperand(1 - i), inverse.getRhs()};
  return {};
}

/// Finds the operand of the contraction that is made of exponentials of scores: the element that
/// weighs one key, null if there is none.
Value DivisionMatcher::readWeight(tensor::ExtractOp products) {
  std::optional<ContractionMatch> contraction =
      matchContraction(products.getTensor().getDefiningOp());
  if (!contraction || contraction->reductionLoops.size() != 1)
    return Value();
  SmallVector<Value> loops(contraction->op.getNumLoops());
  for (auto [loop, index] : llvm::zip(contraction->outLoops, products.getIndices()))
    loops[loop] = index;
  loops[contraction->reductionLoops.front()] = addIndex();
  for (unsigned side : {0, 1}) {
    found.weights = contraction->op.getDpsInputOperand(side);
    found.path.clear();
    found.exponentials = followRoundings(found.weights->get(), found.path);
    found.indices.clear();
    for (unsigned loop : side == 0 ? contraction->lhsLoops : contraction->rhsLoops)
      found.indices.push_back(loops[loop]);
    Value weight = reader.read(found.exponentials, found.indices);
    if (isExponentialOfScores(weight))
      return weight;
  }
  return Value();
}

/// Whether the weight divided by the divisor is one of a softmax along the keys.
bool DivisionMatcher::isSoftmax(Value weight) {
  if (weight.getType() != found.divisor.getType())
    return false;
  Value key = block.getArguments().back();
  Value quotient = arith::DivFOp::create(builder, weight.getLoc(), weight, found.divisor);
  NormalizedMatcher matcher(builder, weight.getLoc(), reader, found.exponentials, found.indices);
  std::optional<Normalized> normalized = matcher.matchQuotient(quotient);
  return normalized && found.indices[normalized->keyDim] == key;
}

/// Finds the operand of the quotient that only moves the contraction's result.
bool DivisionMatcher::findProducts(Operation *contraction) {
  for (OpOperand &operand : found.quotient->getOpOperands()) {
    Value tensor = operand.get();
    while (tensor.getDefiningOp() && tensor.getDefiningOp() != contraction && isUsedOnce(tensor)) {
      OpOperand *moved = movedOperand(tensor.getDefiningOp());
      if (!moved)
        break;
      tensor = moved->get();
    }
    if (tensor.getDefiningOp() == contraction && isUsedOnce(tensor)) {
      found.products = &operand;
      return true;
    }
  }
  return false;
}

bool DivisionMatcher::match(std::string &why) {
  auto [dividend, divisor] = readQuotient();
  auto products =
      dividend ? stripCasts(dividend).getDefiningOp<tensor::ExtractOp>() : tensor::ExtractOp();
  Value weight = products ? readWeight(products) : Value();
  if (!weight)
    return false;
  found.divisor = stripCasts(divisor);
  if (!isSoftmax(weight)) {
    why = "what divides the product is not the sum of the exponentials along the keys";
    return false;
  }
  Operation *contraction = products.getTensor().getDefiningOp();
  if (contraction->getBlock() != found.quotient->getBlock() || !findProducts(contraction)) {
    why = "the product is used before it is divided";
    return false;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

/// `e / z` for all e.
Value DivisionMatcher::emitWeights(OpBuilder &b) {
  Location loc = found.quotient->getLoc();
  auto type = cast<RankedTensorType>(found.exponentials.getType());
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  Value init = tensor::EmptyOp::create(b, loc, getDimSizes(b, loc, found.exponentials),
                                       type.getElementType());
  SmallVector<utils::IteratorType> loops(type.getRank(), utils::IteratorType::parallel);
  auto body = [&](OpBuilder &b, Location loc, ValueRange args) {
    IRMapping mapping;
    for (auto [dim, index] : llvm::enumerate(found.indices))
      if (isa<BlockArgument>(index))
        mapping.map(index, linalg::IndexOp::create(b, loc, dim).getResult());
    Value divisor = PredicateEmitter(b, loc, region, mapping).emit(found.divisor);
    linalg::YieldOp::create(b, loc, arith::DivFOp::create(b, loc, args[0], divisor).getResult());
  };
  return linalg::GenericOp::create(b, loc, init.getType(), found.exponentials, init,
                                   ArrayRef<AffineMap>{identity, identity}, loops, body)
      .getResult(0);
}

/// What the quotient is once its products are those of quotients.
static Value emitUndivided(OpBuilder &builder, const DeferredDivision &found) {
  Value products = found.products->get();
  Type type = found.quotient->getResult(0).getType();
  auto op = dyn_cast<linalg::LinalgOp>(found.quotient);
  if (!op)
    return products;
  OpOperand *init = op.getDpsInitOperand(0);
  AffineMap in = op.getMatchingIndexingMap(found.products), out = op.getMatchingIndexingMap(init);
  if (in == out && products.getType() == type)
    return products;
  auto body = [&](OpBuilder &b, Location loc, ValueRange args) {
    Value element = args[0];
    Type wanted = args[1].getType();
    if (element.getType() != wanted)
      element = element.getType().getIntOrFloatBitWidth() < wanted.getIntOrFloatBitWidth()
                    ? arith::ExtFOp::create(b, loc, wanted, element).getResult()
                    : arith::TruncFOp::create(b, loc, wanted, element).getResult();
    linalg::YieldOp::create(b, loc, element);
  };
  return linalg::GenericOp::create(builder, op.getLoc(), type, products, init->get(),
                                   ArrayRef<AffineMap>{in, out}, op.getIteratorTypesArray(), body)
      .getResult(0);
}

void DivisionMatcher::divideFirst() {
  OpBuilder b(found.weights->getOwner());
  Value weights = emitWeights(b);
  for (Operation *op : llvm::reverse(found.path)) {
    IRMapping mapping;
    mapping.map(op->getOperand(0), weights);
    weights = b.clone(*op, mapping)->getResult(0);
  }
  found.weights->set(weights);
  b.setInsertionPoint(found.quotient);
  found.quotient->getResult(0).replaceAllUsesWith(emitUndivided(b, found));
}

//===----------------------------------------------------------------------===//
// Finding
//===----------------------------------------------------------------------===//

/// Whether an operand is the result of a contraction, moved or widened. Only such ops are read
/// back, which costs time.
static bool mayDivideProducts(Operation *op) {
  return mayEndSoftmax(op) && llvm::any_of(op->getOperands(), [](Value tensor) {
           while (Operation *producer = tensor.getDefiningOp()) {
             if (matchContraction(producer))
               return true;
             OpOperand *moved = movedOperand(producer);
             if (!moved)
               return false;
             tensor = moved->get();
           }
           return false;
         });
}

static SmallVector<Operation *> findQuotients(Operation *function) {
  SmallVector<Operation *> quotients;
  function->walk([&](Operation *op) {
    if (mayDivideProducts(op))
      quotients.push_back(op);
  });
  return quotients;
}

void fovea::divideWeightsFirst(Operation *function) {
  SmallVector<Operation *> divided;
  for (Operation *op : findQuotients(function)) {
    std::string why;
    DivisionMatcher matcher(op);
    if (matcher.match(why)) {
      matcher.divideFirst();
      divided.push_back(op);
    }
  }
  for (Operation *op : divided) {
    Block *block = op->getBlock();
    op->erase();
    sortTopologically(block); // the sums may come behind the products
  }
}

/// The op that divides exponentials of scores before they weigh values, if an operand of a
/// contraction is such a quotient and no softmax, of which other remarks tell.
static Operation *findOtherWeights(Value operand) {
  SmallVector<Operation *> path;
  Operation *op = followRoundings(operand, path).getDefiningOp();
  if (!op || !mayEndSoftmax(op) || matchSoftmax(op))
    return nullptr;
  Region region;
  OpBuilder builder(op->getContext());
  Block &block = region.emplaceBlock();
  builder.setInsertionPointToEnd(&block);
  ElementReader reader(builder, op->getLoc());
  Value root = reader.read(op->getResult(0), reader.addIndices(block, op->getResult(0)));
  if (auto quotient = root.getDefiningOp<arith::DivFOp>())
    return isExponentialOfScores(quotient.getLhs()) ? op : nullptr;
  auto product = root.getDefiningOp<arith::MulFOp>();
  bool divides = product && llvm::any_of(product->getOperands(), [](Value factor) {
                   auto inverse = stripCasts(factor).getDefiningOp<arith::DivFOp>();
                   return inverse && matchPattern(inverse.getLhs(), m_OneFloat());
                 });
  return divides && isExponentialOfScores(product) ? op : nullptr;
}

void fovea::remarkOtherDivisions(Operation *function) {
  auto stays = [](Operation *op, const Twine &why) {
    fovea::remark(op, "attention", "exponentials of scores that weigh values stay: " + why.str(),
                  Shortfall::NotFused);
  };
  for (Operation *op : findQuotients(function)) {
    std::string why;
    if (!DivisionMatcher(op).match(why) && !why.empty())
      stays(op, why);
  }
  function->walk([&](linalg::LinalgOp op) {
    if (!matchContraction(op))
      return;
    for (OpOperand *operand : op.getDpsInputOperands())
      if (Operation *weights = findOtherWeights(operand->get()))
        stays(weights, "what divides them is not their sum along the keys");
  });
}
