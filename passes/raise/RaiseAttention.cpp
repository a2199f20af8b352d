#include "passes/raise/RaiseAttention.h"
#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/mask/MaskPredicate.h"
#include "passes/raise/CanonicalDims.h"
#include "passes/tensors/ConvertElements.h"
#include "passes/tensors/DimSizes.h"
#include "passes/tensors/Reshape.h"

using namespace mlir;
using namespace fovea;

/// Makes float arithmetic of the block that is narrower use `wide`: scores are at least f32
/// whatever type the graph kept them in (attention_s9).
static void computeWide(Block &block, Type wide) {
  auto isNarrow = [&](Value value) {
    auto type = dyn_cast<FloatType>(value.getType());
    return type && type.getWidth() < wide.getIntOrFloatBitWidth();
  };
  auto isWide = [&](Value value) { return value.getType() == wide; };
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (isa<arith::TruncFOp, arith::ExtFOp>(op) && isWide(op.getOperand(0)) &&
        (isNarrow(op.getResult(0)) || isWide(op.getResult(0)))) {
      op.getResult(0).replaceAllUsesWith(op.getOperand(0));
      op.erase();
    } else if (op.getNumResults() == 1 && isNarrow(op.getResult(0))) {
      OpBuilder builder(&op);
      if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
        double number = cast<FloatAttr>(constant.getValue()).getValueAsDouble();
        constant.setValueAttr(builder.getFloatAttr(wide, number));
        constant.getResult().setType(wide);
      } else if (isa<arith::ArithDialect, math::MathDialect>(op.getDialect()) &&
                 !isa<arith::BitcastOp>(op)) {
        op.getResult(0).setType(wide);
      }
    }
    // What arithmetic reads from elsewhere is extended, and what is compared with it.
    bool computesWide = op.getNumResults() == 1 && isWide(op.getResult(0));
    bool comparesWide = isa<arith::CmpFOp>(op) && llvm::any_of(op.getOperands(), isWide);
    if ((computesWide || comparesWide) && !isa<arith::ExtFOp>(op))
      for (OpOperand &operand : op.getOpOperands())
        if (isNarrow(operand.get())) {
          OpBuilder builder(&op);
          operand.set(arith::ExtFOp::create(builder, op.getLoc(), wide, operand.get()));
        }
  }
}

/// Evaluates an expression of the match's region in `block`, at the positions that are its last
/// arguments: b, h, i and, if it has it, j. `scoreElement` is the score there, in the score type.
static void emitExpression(attn::AttentionOp op, const AttentionPlan &plan, Value expression,
                           Block &block, ValueRange positions, Value scoreElement,
                           IndexMap mapIndices) {
  Location loc = op.getLoc();
  OpBuilder builder = OpBuilder::atBlockEnd(&block);
  SmallVector<Value> indices(plan.match->rank());
  auto assign = [&](ArrayRef<int64_t> dims, Value index) {
    SmallVector<OpFoldResult> sizes;
    for (int64_t dim : dims)
      sizes.push_back(plan.sizeOf(builder, dim));
    for (auto [dim, part] : llvm::zip(dims, delinearizeIndex(builder, loc, sizes, index)))
      indices[dim] = part;
  };
  assign(plan.batchDims, positions[0]);
  assign(plan.headDims, positions[1]);
  if (plan.rowDim != -1)
    indices[plan.rowDim] = positions[2];
  indices[plan.match->keyDim] = positions.size() > 3
                                    ? positions[3]
                                    : arith::ConstantIndexOp::create(builder, loc, 0).getResult();
  if (mapIndices && positions.size() > 3)
    mapIndices(builder, positions, indices);

  IRMapping mapping;
  mapping.map(plan.match->indices(), indices);
  Type narrow = plan.scoreElement.getType(), wide = op.getScoreType();
  if (scoreElement && narrow != wide)
    scoreElement = arith::TruncFOp::create(builder, loc, narrow, scoreElement);
  if (scoreElement)
    mapping.map(plan.scoreElement, scoreElement);
  Value result = PredicateEmitter(builder, loc, *plan.match->region, mapping).emit(expression);
  if (result.getType() != wide)
    result = arith::ExtFOp::create(builder, loc, wide, result);
  attn::YieldOp::create(builder, loc, result);
  computeWide(block, wide);
}

/// Emits the score expression into the op's score region, unless it is the scaled score itself.
static void buildScoreRegion(attn::AttentionOp op, const AttentionPlan &plan, IndexMap mapIndices) {
  if (plan.match->score == plan.scoreElement)
    return;
  Block &block = op.getScore().emplaceBlock();
  block.addArgument(op.getScoreType(), op.getLoc());
  for (int i = 0; i < 4; ++i)
    block.addArgument(IndexType::get(op.getContext()), op.getLoc());
  emitExpression(op, plan, plan.match->score, block, block.getArguments().drop_front(),
                 block.getArgument(0), mapIndices);
}

static void buildSinkRegion(attn::AttentionOp op, const AttentionPlan &plan) {
  if (!plan.match->sink)
    return;
  Block &block = op.getSink().emplaceBlock();
  for (int i = 0; i < 3; ++i)
    block.addArgument(IndexType::get(op.getContext()), op.getLoc());
  emitExpression(op, plan, plan.match->sink, block, block.getArguments(), Value(), nullptr);
}

/// Queries that all of a batch or all heads share, such as latents that are learned, once for each.
static LabelledTensor repeatQueries(OpBuilder &builder, const AttentionPlan &plan) {
  LabelledTensor query = plan.query;
  if (plan.repeatedDims.empty())
    return query;
  Location loc = query.tensor.getLoc();
  SmallVector<OpFoldResult> sizes;
  SmallVector<DimLabel> labels;
  for (int64_t dim : plan.repeatedDims) {
    sizes.push_back(plan.sizeOf(builder, dim));
    labels.push_back({dim});
  }
  auto added = llvm::to_vector(llvm::seq<int64_t>(0, sizes.size()));
  llvm::append_range(sizes, getDimSizes(builder, loc, query.tensor));
  llvm::append_range(labels, query.labels);
  Value init =
      tensor::EmptyOp::create(builder, loc, sizes, getElementTypeOrSelf(query.tensor.getType()));
  Value repeated =
      linalg::BroadcastOp::create(builder, loc, query.tensor, init, added)->getResult(0);
  return {repeated, labels};
}

attn::AttentionOp fovea::createAttention(OpBuilder &builder, Location loc,
                                         const AttentionPlan &plan, Type outputElement,
                                         IndexMap mapIndices) {
  int64_t keyDim = plan.match->keyDim;
  Value q = toCanonical(builder, repeatQueries(builder, plan), plan, plan.rowDim);
  Value k = toCanonical(builder, plan.key, plan, keyDim);
  Value v = toCanonical(builder, plan.value, plan, keyDim);
  SmallVector<OpFoldResult> sizes = getDimSizes(builder, loc, q);
  sizes[3] = getDimSize(builder, loc, v, 3);
  SmallVector<Value> inits{tensor::EmptyOp::create(builder, loc, sizes, outputElement)};
  Type scoreType = outputElement.isF64() ? outputElement : builder.getF32Type();
  if (plan.withWeights) {
    sizes[3] = getDimSize(builder, loc, k, 2);
    inits.push_back(tensor::EmptyOp::create(builder, loc, sizes, scoreType));
  }
  attn::DropoutOp dropout = plan.dropout;
  auto op = attn::AttentionOp::create(
      builder, loc, ValueRange(inits).getTypes(), q, k, v, inits, /*query_offset=*/Value(),
      dropout ? dropout.getSeed() : Value(), /*dropout_counter=*/ValueRange(),
      builder.getF64FloatAttr(plan.scale), attn::Alignment::TopLeft, nullptr, nullptr, nullptr,
      nullptr, dropout ? dropout.getPAttr() : FloatAttr(), /*fill=*/FloatAttr(), plan.withWeights,
      /*with_lse=*/false,
      /*column_chunk=*/IntegerAttr());
  buildScoreRegion(op, plan, mapIndices);
  buildSinkRegion(op, plan);
  return op;
}

static void eraseIfUnused(Operation *op, llvm::DenseSet<Operation *> &erased) {
  if (!isOpTriviallyDead(op))
    return;
  SmallVector<Operation *> producers;
  op->walk([&](Operation *nested) {
    for (Value operand : nested->getOperands())
      if (Operation *producer = operand.getDefiningOp(); producer && !op->isAncestor(producer))
        producers.push_back(producer);
    erased.insert(nested);
  });
  op->erase();
  for (Operation *producer : producers)
    if (!erased.contains(producer))
      eraseIfUnused(producer, erased);
}

void fovea::replaceWithAttention(const AttentionPlan &plan, ValueContraction &values,
                                 attn::AttentionOp attention, llvm::DenseSet<Operation *> &erased) {
  OpBuilder builder(attention->getContext());
  builder.setInsertionPointAfter(attention);
  Operation *contraction = values.contraction.op;
  Operation *used = values.path.empty() ? contraction : values.path.front();
  Value weights = plan.match->weights;
  if (attn::DropoutOp dropout = plan.dropout) {
    weights = dropout->getResult(0);
    auto it = std::next(llvm::find(values.path, dropout.getOperation()));
    used = it == values.path.end() ? contraction : *it;
  }
  Value output = restoreOutput(builder, plan, attention->getResult(0), values.outLabels);
  output = convertElements(builder, output, getElementTypeOrSelf(values.outcome.getType()));
  values.outcome.replaceAllUsesWith(output);
  if (plan.withWeights) {
    Value restored = restoreWeights(builder, plan, attention->getResult(1));
    restored = convertElements(builder, restored, getElementTypeOrSelf(weights.getType()));
    weights.replaceUsesWithIf(restored, [&](OpOperand &use) { return use.getOwner() != used; });
    // Ops that use the weights may come before the contraction with the values.
    sortTopologically(attention->getBlock());
  }
  eraseIfUnused(values.outcome.getDefiningOp(), erased);
}
