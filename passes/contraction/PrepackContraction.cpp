// The rows of a contraction packed once for all tiles, in a parallel loop of its own in front of
// the one that the contraction is in.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "passes/attention/AttentionPacker.h"
#include "passes/contraction/EmitContraction.h"

using namespace mlir;
using namespace fovea;

static scf::ForallOp outermostLoop(Operation *op) {
  scf::ForallOp found;
  for (auto loop = op->getParentOfType<scf::ForallOp>(); loop;
       loop = loop->getParentOfType<scf::ForallOp>())
    found = loop;
  return found;
}

static bool isOutside(scf::ForallOp loop, Value value) {
  return !loop->isAncestor(value.getParentRegion()->getParentOp());
}

static Value baseOf(Value memref) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>())
    memref = view.getViewSource();
  return memref;
}

/// Whether an op in the loop writes to the buffer that `memref` is a part of, or may do so.
static bool isWrittenIn(scf::ForallOp loop, Value memref) {
  Value base = baseOf(memref);
  return loop
      .walk([&](MemoryEffectOpInterface op) {
        SmallVector<MemoryEffects::EffectInstance> effects;
        op.getEffects(effects);
        for (const MemoryEffects::EffectInstance &effect : effects)
          if (isa<MemoryEffects::Write>(effect.getEffect()) &&
              (!effect.getValue() || baseOf(effect.getValue()) == base))
            return WalkResult::interrupt();
        return WalkResult::advance();
      })
      .wasInterrupted();
}

bool fovea::isTileOffset(OpFoldResult offset, int64_t factor) {
  if (auto constant = getConstantIntValue(offset))
    return *constant % factor == 0;
  auto iv = dyn_cast<BlockArgument>(cast<Value>(offset));
  auto loop = iv ? dyn_cast<scf::ForallOp>(iv.getOwner()->getParentOp()) : scf::ForallOp();
  if (!loop || iv.getArgNumber() >= loop.getRank())
    return false;
  auto step = getConstantIntValue(loop.getMixedStep()[iv.getArgNumber()]);
  auto lower = getConstantIntValue(loop.getMixedLowerBound()[iv.getArgNumber()]);
  return step && lower && *step % factor == 0 && *lower % factor == 0;
}

namespace {
class RowPrepacking {
public:
  RowPrepacking(EmitBuilder &b, const Contraction &contraction, const TargetInfo &target)
      : b(b), c(contraction),
        tile(chooseContractionTile(target, c.accumulator.getIntOrFloatBitWidth())) {}

  /// Whether it is possible and other tiles would use the panels.
  bool match(scf::ForallOp loop);
  PackedFactor emit();

private:
  unsigned dimOf(OpOperand &operand, unsigned loop) {
    linalg::GenericOp op = c.op;
    return *op.getMatchingIndexingMap(&operand).getResultPosition(b.getAffineDimExpr(loop));
  }
  bool cutsColumns();
  void packPanel(const PackedFactor &packed, ValueRange indices);

  EmitBuilder &b;
  const Contraction &c;
  ContractionTile tile;
  memref::SubViewOp slice; // of the source, in the loop
  unsigned rowDim = 0, kDim = 0;
  Value k;
};
} // namespace

/// The tiles of the loop differ in their columns of b, and thus share rows of a.
bool RowPrepacking::cutsColumns() {
  auto columns = c.b.operand->get().getDefiningOp<memref::SubViewOp>();
  if (!columns || columns.getType().getRank() != columns.getSourceType().getRank())
    return false;
  unsigned dim = c.b.inPanels ? 0 : dimOf(*c.b.operand, *c.b.row);
  return !getConstantIntValue(columns.getMixedOffsets()[dim]);
}

bool RowPrepacking::match(scf::ForallOp loop) {
  slice = c.a.operand->get().getDefiningOp<memref::SubViewOp>();
  if (!c.a.row || !slice || !isOutside(loop, slice.getSource()) || !slice.hasUnitStride() ||
      slice.getType().getRank() != slice.getSourceType().getRank() || !cutsColumns())
    return false;
  rowDim = dimOf(*c.a.operand, *c.a.row);
  kDim = dimOf(*c.a.operand, c.k);
  OpFoldResult size = slice.getMixedSizes()[kDim];
  if (auto value = dyn_cast<Value>(size); value && !isOutside(loop, value))
    return false;
  if (!isConstantIntValue(slice.getMixedOffsets()[kDim], 0) ||
      !isTileOffset(slice.getMixedOffsets()[rowDim], tile.many.rows) ||
      isWrittenIn(loop, slice.getSource()))
    return false;
  return true;
}

void RowPrepacking::packPanel(const PackedFactor &packed, ValueRange indices) {
  FactorView view{slice.getSource(),      {},           rowDim, kDim, c.a.contiguousAlongK,
                  c.a.contiguousAlongRow, c.accumulator};
  view.at.resize(slice.getSourceType().getRank());
  for (auto [dim, index] : llvm::zip(packed.dims, indices))
    view.at[dim] = index;
  PanelPacker packer(b, tile, view);
  Value row = b.mul(indices.back(), b.index(tile.many.rows));
  b.loop(b.index(0), k, tile.depth, [&](Value k0) {
    Value depth = b.min(b.sub(k, k0), b.index(tile.depth));
    Value offset = b.add(b.mul(k0, packed.paddedRows), b.mul(row, depth));
    packer.pack(row, packed.rows, k0, depth,
                {packed.memref, indices.drop_back(), offset, tile.many.rows});
  });
}

PackedFactor RowPrepacking::emit() {
  Value source = slice.getSource();
  PackedFactor packed;
  packed.rowDim = rowDim;
  packed.rows = b.dim(source, rowDim);
  k = getValueOrCreateConstantIndexOp(b, b.getLoc(), slice.getMixedSizes()[kDim]);
  Value many =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sgt, packed.rows, b.index(maxFewRows));
  Value panels = b.createOrFold<arith::CeilDivUIOp>(packed.rows, b.index(tile.many.rows));
  panels = b.createOrFold<arith::SelectOp>(many, panels, b.index(0));
  packed.paddedRows = b.mul(panels, b.index(tile.many.rows));
  SmallVector<OpFoldResult> shape;
  for (unsigned dim = 0; dim < slice.getSourceType().getRank(); ++dim)
    if (dim != rowDim && dim != kDim) {
      packed.dims.push_back(dim);
      shape.push_back(getAsOpFoldResult(b.dim(source, dim)));
    }
  SmallVector<OpFoldResult> loops = shape;
  loops.push_back(getAsOpFoldResult(panels));
  shape.push_back(getAsOpFoldResult(b.mul(packed.paddedRows, k)));
  packed.memref = allocateAligned(b, shape, c.accumulator);
  auto loop = scf::ForallOp::create(b, loops, ValueRange(), std::nullopt);
  loop->setAttr("attn.kernel_name", b.getStringAttr("pack"));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  packPanel(packed, loop.getInductionVars());
  return packed;
}

std::optional<PackedFactor> fovea::prepackRows(const Contraction &contraction,
                                               const TargetInfo &target) {
  linalg::GenericOp op = contraction.op;
  scf::ForallOp loop = outermostLoop(op);
  if (!loop)
    return std::nullopt;
  EmitBuilder b(op.getLoc(), loop);
  RowPrepacking prepacking(b, contraction, target);
  if (!prepacking.match(loop))
    return std::nullopt;
  PackedFactor packed = prepacking.emit();
  auto slice = contraction.a.operand->get().getDefiningOp<memref::SubViewOp>();
  b.setInsertionPoint(op);
  for (OpFoldResult offset : slice.getMixedOffsets())
    packed.offsets.push_back(getValueOrCreateConstantIndexOp(b, op.getLoc(), offset));
  return packed;
}
