// Brings attention's masks to one normal form. Masks and biases that the graph builds from indices
// move into the regions first, then what the score region masks moves to the mask region, then
// the mask is read, simplified by the ranges of positions, and written anew.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Passes.h"
#include "passes/Report.h"
#include "passes/mask/MaskPredicate.h"
#include "passes/raise/SimplifyScore.h"
#include "passes/tensors/DimSizes.h"
#include "passes/tensors/ElementReader.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_NORMALIZEMASKPASS
#include "passes/Passes.h.inc"
} // namespace fovea

using namespace fovea;

//===----------------------------------------------------------------------===//
// Captured tensors
//===----------------------------------------------------------------------===//

/// Whether an element of the op's result costs next to nothing to compute from elements of its
/// operands: no transcendental function, no reduction.
static bool isCheap(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp)
    return !isa_and_nonnull<math::MathDialect>(op->getDialect());
  return linalgOp.getNumReductionLoops() == 0 &&
         llvm::all_of(*linalgOp.getBlock(), [](Operation &in) {
           return !isa_and_nonnull<math::MathDialect>(in.getDialect());
         });
}

static bool holdsIndicesOrConstants(Operation *op) {
  return isa<attn::CreateMaskOp, linalg::FillOp, tensor::EmptyOp, tensor::GenerateOp>(op) ||
         op->hasTrait<OpTrait::ConstantLike>();
}

static bool isReadable(Operation *op) {
  return isa<linalg::LinalgOp, attn::ApplyMaskOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp,
             tensor::CastOp, tensor::ExtractSliceOp, tensor::SplatOp, tensor::FromElementsOp>(op) ||
         OpTrait::hasElementwiseMappableTraits(op);
}

/// Whether the tensor is computed from indices and constants alone.
static bool isComputedFromIndices(Value tensor) {
  SetVector<Value> reached;
  reached.insert(tensor);
  for (size_t i = 0; i < reached.size(); ++i) {
    Operation *op = reached[i].getDefiningOp();
    if (!op || !isCheap(op))
      return false;
    if (holdsIndicesOrConstants(op))
      continue;
    if (!isReadable(op))
      return false;
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        reached.insert(operand);
  }
  return true;
}

/// Replaces reads of tensors that the graph computes by the computation of the element, where
/// that saves storing the tensor: it is made of indices, or nothing else uses it.
static void inlineCaptures(Region &region) {
  SmallVector<tensor::ExtractOp> reads;
  region.walk([&](tensor::ExtractOp op) { reads.push_back(op); });
  for (tensor::ExtractOp read : reads) {
    auto filter = [](Operation *op) {
      return isCheap(op) && (op->hasOneUse() || isComputedFromIndices(op->getResult(0)));
    };
    Operation *producer = read.getTensor().getDefiningOp();
    if (!producer || !filter(producer))
      continue;
    OpBuilder builder(read);
    ElementReader reader(builder, read.getLoc(), filter);
    Value element = reader.read(read.getTensor(), llvm::to_vector(ValueRange(read.getIndices())));
    read.getResult().replaceAllUsesWith(element);
    read.erase();
  }
}

//===----------------------------------------------------------------------===//
// Ranges
//===----------------------------------------------------------------------===//

namespace {
/// What is known of the arguments of an attention's mask region.
struct PositionRanges {
  SmallVector<IndexRange> ranges;
  SmallVector<Value> positive;
};
} // namespace

static LinearForm sizeForm(OpBuilder &builder, Value tensor, int64_t dim, Region &region) {
  OpFoldResult size = getDimSize(builder, tensor.getLoc(), tensor, dim);
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return LinearForm(*constant);
  Value value = cast<Value>(size);
  return analyzeIndex(value, region).value_or(LinearForm::ofValue(value));
}

static PositionRanges getPositionRanges(attn::AttentionOp op) {
  Region &mask = op.getMask();
  OpBuilder builder(op);
  SmallVector<int64_t> q = op.getQueryPermutation(), k = op.getKeyPermutation();
  LinearForm one(1), lq = sizeForm(builder, op.getQuery(), q[2], mask);
  LinearForm lk = sizeForm(builder, op.getKey(), k[2], mask), first;
  if (Value offset = op.getQueryOffset())
    first = analyzeIndex(offset, mask).value_or(LinearForm::ofValue(offset));
  else if (op.getAlignment() == attn::Alignment::BottomRight)
    first = lk - lq;
  PositionRanges known;
  for (int arg : {0, 1})
    known.ranges.push_back({mask.getArgument(arg), LinearForm(0),
                            sizeForm(builder, op.getQuery(), q[arg], mask) - one});
  known.ranges.push_back({mask.getArgument(2), first, first + lq - one});
  known.ranges.push_back({mask.getArgument(3), LinearForm(0), lk - one});
  // The mask is asked only where there are rows and keys.
  for (const LinearForm &size : {lq, lk})
    if (size.getTerms().size() == 1 && size == LinearForm::ofValue(size.getTerms().front().value))
      known.positive.push_back(size.getTerms().front().value);
  return known;
}

/// With as many rows as keys both alignments put row r at position r; bottom_right, the default,
/// is the normal form.
static void normalizeAlignment(attn::AttentionOp op) {
  if (!op.getQueryOffset() && haveEqualSizes(op.getQuery(), op.getQueryPermutation()[2],
                                             op.getKey(), op.getKeyPermutation()[2]))
    op.setAlignment(attn::Alignment::BottomRight);
}

/// A scale that is written out but is the default, to the precision of f32, is left out.
static void normalizeScale(attn::AttentionOp op) {
  std::optional<APFloat> written = op.getScale();
  if (!written)
    return;
  double scale = written->convertToDouble();
  op.removeScaleAttr();
  std::optional<double> standard = op.getStaticScale();
  if (!standard || static_cast<float>(*standard) != static_cast<float>(scale))
    op.setScale(*written);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

static void eraseRegion(Region &region) {
  region.dropAllReferences();
  region.getBlocks().clear();
}

/// Replaces the region by one that computes `predicate`.
static void regenerate(Region &region, const MaskPredicate &predicate, Location loc) {
  Region fresh;
  Block &block = fresh.emplaceBlock();
  OpBuilder builder(region.getContext());
  builder.setInsertionPointToEnd(&block);
  IRMapping mapping;
  for (BlockArgument arg : region.getArguments())
    mapping.map(arg, block.addArgument(arg.getType(), loc));
  Value allowed = PredicateEmitter(builder, loc, region, mapping).emit(predicate);
  attn::YieldOp::create(builder, loc, allowed);
  eraseRegion(region);
  region.takeBody(fresh);
}

static void normalize(attn::AttentionOp op) {
  for (Region *region : {&op.getScore(), &op.getMask(), &op.getSink()})
    inlineCaptures(*region);
  simplifyScore(op);
  maskByFill(op);
  normalizeAlignment(op);
  normalizeScale(op);
  if (!op.hasMask())
    return;
  PositionRanges known = getPositionRanges(op);
  MaskPredicate predicate =
      analyzeMaskRegion(op.getMask()).simplified(known.ranges, known.positive);
  if (predicate.isTrue()) {
    fovea::remark(op, "mask", "always true here, dropped");
    op.removeFillAttr();
    return eraseRegion(op.getMask());
  }
  std::string said = "keys where " + printMaskRegion(op.getMask(), predicate);
  if (op.getFill())
    said += llvm::formatv("; others score {0:e}", op.getMaskedScore()).str();
  fovea::remark(op, "mask", said);
  regenerate(op.getMask(), predicate, op.getLoc());
}

namespace {
struct NormalizeMaskPass : fovea::impl::NormalizeMaskPassBase<NormalizeMaskPass> {
  using Base::Base;
  void runOnOperation() override {
    shareDims(getOperation());
    getOperation().walk([](attn::AttentionOp op) { normalize(op); });
  }
};
} // namespace
