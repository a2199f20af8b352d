#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "passes/raise/DimLabels.h"
#include "passes/tensors/DimSizes.h"
#include "passes/tensors/ElementReader.h"

using namespace mlir;
using namespace fovea;

static bool isConstantInput(linalg::LinalgOp op, Value bodyValue) {
  if (matchPattern(bodyValue, m_Constant()))
    return true;
  auto arg = dyn_cast<BlockArgument>(bodyValue);
  if (!arg || arg.getOwner() != op.getBlock())
    return false;
  Value operand = op->getOperand(arg.getArgNumber());
  if (auto fill = operand.getDefiningOp<linalg::FillOp>())
    operand = fill.getInputs().front();
  return matchPattern(operand, m_Constant());
}

/// Whether reading through `op` keeps an element a constant multiple of one element of its
/// source.
static bool movesData(Operation *op, bool throughFactors, bool throughCasts) {
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp, linalg::FillOp,
          arith::ConstantOp, tensor::FromElementsOp, tensor::SplatOp>(op))
    return true;
  if (isa<arith::ExtFOp>(op))
    return throughCasts;
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || linalgOp.getNumReductionLoops() != 0 || linalgOp.getNumDpsInits() != 1)
    return false;
  Value yielded = linalgOp.getBlock()->getTerminator()->getOperand(0);
  if (auto arg = dyn_cast<BlockArgument>(yielded)) // transposition, broadcast, copy
    return arg.getArgNumber() < linalgOp.getNumDpsInputs();
  Operation *body = yielded.getDefiningOp();
  if (!body || !llvm::all_of(body->getOperands(), [&](Value v) {
        return isa<BlockArgument>(v) || isConstantInput(linalgOp, v);
      }))
    return false;
  if (isa<arith::ExtFOp>(body))
    return throughCasts;
  if (isa<arith::MulFOp>(body))
    return throughFactors && (isConstantInput(linalgOp, body->getOperand(0)) ||
                              isConstantInput(linalgOp, body->getOperand(1)));
  return isa<arith::DivFOp>(body) && throughFactors &&
         isConstantInput(linalgOp, body->getOperand(1));
}

/// Strips products with constants and extensions off an element, down to a tensor.extract.
static tensor::ExtractOp stripFactors(Value element, double &factor) {
  while (Operation *op = element.getDefiningOp()) {
    APFloat constant(0.0);
    if (auto extract = dyn_cast<tensor::ExtractOp>(op))
      return extract;
    if (isa<arith::ExtFOp>(op)) {
      element = op->getOperand(0);
    } else if (isa<arith::MulFOp, arith::DivFOp>(op) &&
               matchPattern(op->getOperand(1), m_ConstantFloat(&constant))) {
      double number = constant.convertToDouble();
      factor = isa<arith::MulFOp>(op) ? factor * number : factor / number;
      element = op->getOperand(0);
    } else if (isa<arith::MulFOp>(op) &&
               matchPattern(op->getOperand(0), m_ConstantFloat(&constant))) {
      factor *= constant.convertToDouble();
      element = op->getOperand(1);
    } else {
      return {};
    }
  }
  return {};
}

/// One step of followOperand: through the op that defines the operand.
static std::optional<LabelledTensor> followStep(const LabelledTensor &operand,
                                                const SoftmaxMatch &match, double *factor,
                                                bool throughCasts) {
  Value tensor = operand.tensor;
  Operation *producer = tensor.getDefiningOp();
  if (!producer || !movesData(producer, factor != nullptr, throughCasts))
    return std::nullopt;
  SmallVector<int64_t> sizes = labelSizes(match);
  Location loc = tensor.getLoc();
  Region region;
  Block &block = region.emplaceBlock();
  Type index = IndexType::get(tensor.getContext());
  for (size_t i = 0; i < sizes.size(); ++i)
    block.addArgument(index, loc);
  OpBuilder builder(tensor.getContext());
  builder.setInsertionPointToEnd(&block);
  auto filter = [&](Operation *op) {
    return op == producer || isa<linalg::FillOp, arith::ConstantOp, tensor::FromElementsOp>(op);
  };
  ElementReader reader(builder, loc, filter);

  SmallVector<OpFoldResult> mixed;
  for (int64_t size : sizes)
    mixed.push_back(builder.getIndexAttr(size));
  SmallVector<Value> args(block.args_begin(), block.args_end()), indices;
  for (const DimLabel &label : operand.labels) {
    if (llvm::any_of(llvm::drop_begin(label), [&](int64_t dim) {
          return dim != featureLabel && ShapedType::isDynamic(sizes[dim]);
        }))
      return std::nullopt; // strides that are no numbers
    SmallVector<int64_t> group;
    for (int64_t dim : label)
      group.push_back(dim == featureLabel ? sizes.size() - 1 : dim);
    indices.push_back(linearizeIndex(builder, loc, mixed, group, args));
  }
  double found = 1.0;
  tensor::ExtractOp leaf = stripFactors(reader.read(tensor, indices), found);
  // An op whose elements cannot be read through is its own leaf.
  if (!leaf || leaf.getTensor() == tensor)
    return std::nullopt;
  LabelledTensor source{leaf.getTensor(), {}};
  for (Value sourceIndex : leaf.getIndices()) {
    std::optional<DimLabel> label = readLabel(sourceIndex, region, sizes);
    if (!label)
      return std::nullopt;
    source.labels.push_back(*label);
  }
  if (factor)
    *factor *= found;
  return source;
}

LabelledTensor fovea::followOperand(const LabelledTensor &operand, const SoftmaxMatch &match,
                                    double *factor, bool throughCasts) {
  LabelledTensor at = operand;
  while (std::optional<LabelledTensor> source = followStep(at, match, factor, throughCasts))
    at = *source;
  return at;
}
