#include "passes/raise/RaiseAttention.h"
#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/mask/MaskPredicate.h"
#include "passes/tensors/DimSizes.h"
#include "passes/tensors/Reshape.h"

using namespace mlir;
using namespace fovea;

using Segments = std::array<SmallVector<int64_t>, 4>; // score dims of b, h, l, d

OpFoldResult AttentionPlan::sizeOf(OpBuilder &builder, int64_t scoreDim) const {
  Value weights = match->weights;
  return getDimSize(builder, weights.getLoc(), weights, scoreDim);
}

static bool isUnitDim(const AttentionPlan &plan, int64_t scoreDim) {
  Value weights = plan.match->weights;
  return cast<RankedTensorType>(weights.getType()).getDimSize(scoreDim) == 1;
}

//===----------------------------------------------------------------------===//
// Planning
//===----------------------------------------------------------------------===//

bool fovea::planHeads(AttentionPlan &plan, std::string &why) {
  SmallVector<int64_t> dims;
  for (int64_t dim = 0; dim < plan.match->rank(); ++dim)
    if (dim != plan.rowDim && dim != plan.match->keyDim)
      dims.push_back(dim);
  auto lacks = [&](const LabelledTensor &tensor, int64_t dim) {
    return !tensor.has(dim) && !isUnitDim(plan, dim);
  };
  for (int64_t dim : dims)
    if (lacks(plan.query, dim)) {
      why = "the queries are repeated along a dim of the scores";
      return false;
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

/// Converts each element to another float type.
static Value convertElements(OpBuilder &builder, Value tensor, Type type) {
  auto from = cast<RankedTensorType>(tensor.getType());
  Location loc = tensor.getLoc();
  if (from.getElementType() == type)
    return tensor;
  Value init = tensor::EmptyOp::create(builder, loc, getDimSizes(builder, loc, tensor), type);
  AffineMap identity = builder.getMultiDimIdentityMap(from.getRank());
  SmallVector<utils::IteratorType> loops(from.getRank(), utils::IteratorType::parallel);
  bool widens = widthOf(tensor) < type.getIntOrFloatBitWidth();
  auto body = [&](OpBuilder &b, Location loc, ValueRange args) {
    Value element = widens ? arith::ExtFOp::create(b, loc, type, args[0]).getResult()
                           : arith::TruncFOp::create(b, loc, type, args[0]).getResult();
    linalg::YieldOp::create(b, loc, element);
  };
  return linalg::GenericOp::create(builder, loc, init.getType(), tensor, init,
                                   ArrayRef<AffineMap>{identity, identity}, loops, body)
      .getResult(0);
}

Type fovea::unifyElementTypes(OpBuilder &builder, AttentionPlan &plan, ValueContraction &values) {
  LabelledTensor *operands[] = {&plan.query, &plan.key, &plan.value};
  SmallVector<LabelledTensor> narrow;
  for (LabelledTensor *operand : operands)
    narrow.push_back(followOperand(*operand, *plan.match, nullptr, /*throughCasts=*/true));
  Type type = getElementTypeOrSelf(narrow[0].tensor.getType());
  bool agree = llvm::all_of(narrow, [&](LabelledTensor &operand) {
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
  for (LabelledTensor *operand : operands)
    if (widthOf(operand->tensor) > wide.getIntOrFloatBitWidth())
      wide = getElementTypeOrSelf(operand->tensor.getType());
  for (LabelledTensor *operand : operands)
    operand->tensor = convertElements(builder, operand->tensor, wide);
  return wide;
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

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static SmallVector<SmallVector<OpFoldResult>>
sizesOf(OpBuilder &builder, Value tensor, const AttentionPlan &plan, ArrayRef<DimLabel> labels) {
  SmallVector<SmallVector<OpFoldResult>> parts;
  for (auto [dim, label] : llvm::enumerate(labels)) {
    parts.emplace_back();
    if (label.size() <= 1)
      parts.back().push_back(getDimSize(builder, tensor.getLoc(), tensor, dim));
    else
      for (int64_t scoreDim : label)
        parts.back().push_back(plan.sizeOf(builder, scoreDim));
  }
  return parts;
}

/// The order in which the segments appear in a tensor of the given score dims, if the dims of each
/// segment lie together and in order.
static std::optional<SmallVector<int64_t>> findRuns(ArrayRef<int64_t> dims,
                                                    const Segments &segments) {
  SmallVector<int64_t> runs;
  SmallVector<int64_t> expected;
  for (int64_t scoreDim : dims) {
    const auto *segment = llvm::find_if(
        segments, [&](auto &candidate) { return llvm::is_contained(candidate, scoreDim); });
    int64_t number = segment - segments.begin();
    if (runs.empty() || runs.back() != number) {
      if (llvm::is_contained(runs, number))
        return std::nullopt;
      runs.push_back(number);
      for (int64_t dim : *segment)
        if (llvm::is_contained(dims, dim))
          expected.push_back(dim);
    }
  }
  if (!llvm::equal(expected, dims))
    return std::nullopt;
  return runs;
}

/// For a tensor whose segments appear as `runs`: the segments it lacks, then the runs. Reshapes
/// at this granularity leave one transposition of four dims, which attention takes in.
static SmallVector<int64_t> withMissingFirst(ArrayRef<int64_t> runs) {
  SmallVector<int64_t> order;
  for (int64_t segment = 0; segment < 4; ++segment)
    if (!llvm::is_contained(runs, segment))
      order.push_back(segment);
  llvm::append_range(order, runs);
  return order;
}

/// How many of `dims` belong to each of `runs`.
static SmallVector<int64_t> countRuns(ArrayRef<int64_t> dims, ArrayRef<int64_t> runs,
                                      const Segments &segments) {
  return llvm::map_to_vector(runs, [&](int64_t segment) -> int64_t {
    return llvm::count_if(dims,
                          [&](int64_t d) { return llvm::is_contained(segments[segment], d); });
  });
}

/// Brings an operand to the dims b, h, l, d that `segments` lists the score dims of.
static Value toCanonical(OpBuilder &builder, const LabelledTensor &operand,
                         const AttentionPlan &plan, const Segments &segments) {
  Value tensor =
      splitDims(builder, operand.tensor, sizesOf(builder, operand.tensor, plan, operand.labels));
  SmallVector<bool> isUnit;
  SmallVector<int64_t> dims;
  for (const DimLabel &label : operand.labels) {
    llvm::append_range(dims, label);
    isUnit.append(std::max<size_t>(label.size(), 1), label.empty());
  }
  tensor = dropUnitDims(builder, tensor, isUnit);
  auto runs = findRuns(dims, segments);
  if (runs && !llvm::is_sorted(*runs)) {
    SmallVector<int64_t> order = withMissingFirst(*runs);
    tensor = joinDims(builder, tensor, countRuns(dims, *runs, segments));
    SmallVector<bool> isAdded(4, false);
    std::fill_n(isAdded.begin(), 4 - runs->size(), true);
    return transposeTo(builder, insertUnitDims(builder, tensor, isAdded),
                       invertPermutationVector(order));
  }
  SmallVector<int64_t> permutation, counts;
  SmallVector<bool> isMissing;
  for (const SmallVector<int64_t> &segment : segments) {
    size_t before = permutation.size();
    for (int64_t scoreDim : segment)
      if (auto it = llvm::find(dims, scoreDim); it != dims.end())
        permutation.push_back(it - dims.begin());
    isMissing.push_back(permutation.size() == before);
    if (!isMissing.back())
      counts.push_back(permutation.size() - before);
  }
  tensor = transposeTo(builder, tensor, permutation);
  return insertUnitDims(builder, joinDims(builder, tensor, counts), isMissing);
}

/// The inverse: from [b, h, l, d] to dims labelled `labels`.
static Value fromCanonical(OpBuilder &builder, Value tensor, const AttentionPlan &plan,
                           const Segments &segments, ArrayRef<DimLabel> labels) {
  SmallVector<int64_t> wanted, counts;
  SmallVector<bool> isUnit;
  for (const DimLabel &label : labels) {
    llvm::append_range(wanted, label);
    isUnit.push_back(label.empty());
    if (!label.empty())
      counts.push_back(label.size());
  }
  SmallVector<DimLabel> present;
  auto runs = findRuns(wanted, segments);
  if (runs && !llvm::is_sorted(*runs)) {
    tensor = transposeTo(builder, tensor, withMissingFirst(*runs));
    SmallVector<bool> isAdded(4, false);
    std::fill_n(isAdded.begin(), 4 - runs->size(), true);
    tensor = dropUnitDims(builder, tensor, isAdded);
    ArrayRef<int64_t> rest = wanted;
    for (int64_t count : countRuns(wanted, *runs, segments)) {
      present.emplace_back(rest.take_front(count));
      rest = rest.drop_front(count);
    }
    tensor = splitDims(builder, tensor, sizesOf(builder, tensor, plan, present));
    return insertUnitDims(builder, joinDims(builder, tensor, counts), isUnit);
  }
  SmallVector<bool> isMissing;
  SmallVector<int64_t> dims;
  for (const SmallVector<int64_t> &segment : segments) {
    DimLabel kept;
    for (int64_t scoreDim : segment)
      if (llvm::is_contained(wanted, scoreDim))
        kept.push_back(scoreDim);
    llvm::append_range(dims, kept);
    isMissing.push_back(kept.empty());
    if (!kept.empty())
      present.push_back(kept);
  }
  tensor = dropUnitDims(builder, tensor, isMissing);
  tensor = splitDims(builder, tensor, sizesOf(builder, tensor, plan, present));
  SmallVector<int64_t> permutation;
  for (int64_t scoreDim : wanted)
    permutation.push_back(llvm::find(dims, scoreDim) - dims.begin());
  tensor = joinDims(builder, transposeTo(builder, tensor, permutation), counts);
  return insertUnitDims(builder, tensor, isUnit);
}

static Segments segmentsOf(const AttentionPlan &plan, int64_t third, int64_t fourth) {
  Segments segments{plan.batchDims, plan.headDims, {}, {fourth}};
  if (third != -1)
    segments[2].push_back(third);
  return segments;
}

Value fovea::restoreOutput(OpBuilder &builder, const AttentionPlan &plan, Value output,
                           ArrayRef<DimLabel> outLabels) {
  return fromCanonical(builder, output, plan, segmentsOf(plan, plan.rowDim, featureLabel),
                       outLabels);
}

Value fovea::restoreWeights(OpBuilder &builder, const AttentionPlan &plan, Value weights) {
  SmallVector<DimLabel> identity;
  for (int64_t dim = 0; dim < plan.match->rank(); ++dim)
    identity.push_back({dim});
  Segments segments = segmentsOf(plan, plan.rowDim, plan.match->keyDim);
  return fromCanonical(builder, weights, plan, segments, identity);
}

//===----------------------------------------------------------------------===//
// The op
//===----------------------------------------------------------------------===//

/// Makes all float arithmetic of the block use `wide`: scores are at least f32 whatever type the
/// graph kept them in (attention_s9).
static void computeWide(Block &block, Type wide) {
  auto isNarrow = [&](Value value) {
    return isa<FloatType>(value.getType()) && value.getType() != wide;
  };
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (isa<arith::TruncFOp, arith::ExtFOp>(op) && op.getOperand(0).getType() == wide) {
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
    // What arithmetic reads from elsewhere is extended.
    if (op.getNumResults() == 1 && op.getResult(0).getType() == wide && !isa<arith::ExtFOp>(op))
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

attn::AttentionOp fovea::createAttention(OpBuilder &builder, Location loc,
                                         const AttentionPlan &plan, Type outputElement,
                                         IndexMap mapIndices) {
  int64_t keyDim = plan.match->keyDim;
  Value q = toCanonical(builder, plan.query, plan, segmentsOf(plan, plan.rowDim, featureLabel));
  Value k = toCanonical(builder, plan.key, plan, segmentsOf(plan, keyDim, featureLabel));
  Value v = toCanonical(builder, plan.value, plan, segmentsOf(plan, keyDim, featureLabel));
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
