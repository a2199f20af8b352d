// The rows of a contraction packed once for all tiles, and for all contractions that read them, in
// a parallel loop of its own in front of the one that the first of these is in.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/attention/AttentionPacker.h"
#include "passes/buffers/BufferWrites.h"
#include "passes/contraction/EmitContraction.h"
#include "passes/contraction/QuantizedRows.h"
#include "passes/contraction/RowsWriter.h"
#include "passes/contraction/SharedRows.h"
#include "passes/tile/OutermostLoop.h"

using namespace mlir;
using namespace fovea;

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
      : b(b), c(contraction), target(target),
        tile(chooseContractionTile(target, c.accumulator.getIntOrFloatBitWidth())) {}

  /// Whether it is possible and other tiles would use the panels.
  bool match(scf::ForallOp loop);
  /// Of what was packed for others, or packed here and added to that.
  PackedFactor findOrEmit(SharedRows &shared, scf::ForallOp loop);
  /// The op's rows begin at these places of what is packed.
  ArrayRef<OpFoldResult> getOffsets() const { return offsets; }

private:
  unsigned dimOf(OpOperand &operand, unsigned loop) {
    linalg::GenericOp op = c.op;
    return *op.getMatchingIndexingMap(&operand).getResultPosition(b.getAffineDimExpr(loop));
  }
  bool findSource(scf::ForallOp loop);
  bool cutsColumns();
  FactorView viewAt(const PackedFactor &packed, ValueRange indices) const;
  void packPanel(const PackedFactor &packed, ValueRange indices);
  void packTile(const PackedFactor &packed, const RowsWriter &writer, Value packedRows);
  void packQuantized(const PackedFactor &packed, ValueRange indices);
  SmallVector<OpFoldResult> outerSizes(PackedFactor &packed);
  PackedFactor emitPanels(const std::optional<RowsWriter> &writer);
  PackedFactor emitQuantized();
  void emitLoop(ArrayRef<OpFoldResult> sizes, function_ref<void(ValueRange)> body);
  RowsKey key() const;

  EmitBuilder &b;
  const Contraction &c;
  const TargetInfo &target;
  ContractionTile tile;
  Value source; // what the op's rows are a slice of
  SmallVector<OpFoldResult> offsets, sizes;
  unsigned rowDim = 0, kDim = 0;
  Value k;
};
} // namespace

/// The tiles of the loop differ in their columns of b, and thus share rows of a. Quantised rows are
/// packed whoever shares them.
bool RowPrepacking::cutsColumns() {
  auto columns = c.b.operand->get().getDefiningOp<memref::SubViewOp>();
  if (!columns || columns.getType().getRank() != columns.getSourceType().getRank())
    return false;
  unsigned dim = c.b.inPanels ? 1 : dimOf(*c.b.operand, *c.b.row);
  return !getConstantIntValue(columns.getMixedOffsets()[dim]);
}

/// The buffer from outside that the op's rows are a slice of, or all of.
bool RowPrepacking::findSource(scf::ForallOp loop) {
  Value operand = c.a.operand->get();
  auto slice = operand.getDefiningOp<memref::SubViewOp>();
  if (slice && !loop.isDefinedOutsideOfLoop(operand)) {
    source = slice.getSource();
    offsets = slice.getMixedOffsets();
    sizes = slice.getMixedSizes();
    return slice.hasUnitStride() && slice.getType().getRank() == slice.getSourceType().getRank() &&
           loop.isDefinedOutsideOfLoop(source);
  }
  if (!loop.isDefinedOutsideOfLoop(operand))
    return false;
  source = operand;
  for (int64_t size : cast<MemRefType>(operand.getType()).getShape()) {
    offsets.push_back(b.getIndexAttr(0));
    sizes.push_back(ShapedType::isDynamic(size)
                        ? OpFoldResult(b.dim(operand, static_cast<int64_t>(sizes.size())))
                        : OpFoldResult(b.getIndexAttr(size)));
  }
  return true;
}

bool RowPrepacking::match(scf::ForallOp loop) {
  if (!c.a.row || !findSource(loop) || (!c.quantized && !cutsColumns()))
    return false;
  rowDim = dimOf(*c.a.operand, *c.a.row);
  kDim = dimOf(*c.a.operand, c.k);
  if (auto value = dyn_cast<Value>(sizes[kDim]); value && !loop.isDefinedOutsideOfLoop(value))
    return false;
  return isConstantIntValue(offsets[kDim], 0) && isTileOffset(offsets[rowDim], tile.many.rows) &&
         !mayWriteTo(loop, source);
}

FactorView RowPrepacking::viewAt(const PackedFactor &packed, ValueRange indices) const {
  FactorView view{source,       {}, rowDim, kDim, c.a.contiguousAlongK, c.a.contiguousAlongRow,
                  c.accumulator};
  view.at.resize(cast<MemRefType>(source.getType()).getRank());
  for (auto [dim, index] : llvm::zip(packed.dims, indices))
    view.at[dim] = index;
  return view;
}

void RowPrepacking::packPanel(const PackedFactor &packed, ValueRange indices) {
  FactorView view = viewAt(packed, indices);
  PanelPacker packer(b, tile, view);
  Value row = b.mul(indices.back(), b.index(tile.many.rows));
  b.loop(b.index(0), k, tile.depth, [&](Value k0) {
    Value depth = b.min(b.sub(k, k0), b.index(tile.depth));
    Value offset = b.add(b.mul(k0, packed.paddedRows), b.mul(row, depth));
    packer.pack(row, packed.rows, k0, depth,
                {packed.memref, indices.drop_back(), offset, tile.many.rows});
  });
}

/// Packs what an iteration of the loop has computed, if it is of the first `packedRows` rows.
void RowPrepacking::packTile(const PackedFactor &packed, const RowsWriter &writer,
                             Value packedRows) {
  OpBuilder::InsertionGuard guard(b);
  scf::ForallOp loop = writer.loop;
  b.setInsertionPoint(loop.getBody()->getTerminator());
  FactorView view = viewAt(packed, {});
  PanelPacker packer(b, tile, view);
  auto packPart = [&](Value row, Value column, Value columns) {
    Value k0 = b.roundDown(column, tile.depth);
    Value depth = b.min(b.sub(k, k0), b.index(tile.depth));
    Value panel = b.add(b.mul(k0, packed.paddedRows), b.mul(row, depth));
    Value offset = b.add(panel, b.mul(b.sub(column, k0), b.index(tile.many.rows)));
    packer.pack(row, packed.rows, column, columns, {packed.memref, {}, offset, tile.many.rows});
  };
  Value first = getValueOrCreateConstantIndexOp(b, b.getLoc(), writer.row);
  Value column = getValueOrCreateConstantIndexOp(b, b.getLoc(), writer.column);
  Value end = b.min(b.add(first, b.index(writer.rows)), packedRows);
  b.loop(first, end, tile.many.rows, [&](Value row) {
    if (writer.columns <= tile.depth)
      return packPart(row, column, b.index(writer.columns));
    b.loop(b.index(0), k, tile.depth,
           [&](Value k0) { packPart(row, k0, b.min(b.sub(k, k0), b.index(tile.depth))); });
  });
}

/// Sizes of the dims of the source other than rows and k, which it lists.
SmallVector<OpFoldResult> RowPrepacking::outerSizes(PackedFactor &packed) {
  SmallVector<OpFoldResult> shape;
  for (unsigned dim = 0; dim < cast<MemRefType>(source.getType()).getRank(); ++dim)
    if (dim != rowDim && dim != kDim) {
      packed.dims.push_back(dim);
      shape.push_back(getAsOpFoldResult(b.dim(source, dim)));
    }
  return shape;
}

void RowPrepacking::emitLoop(ArrayRef<OpFoldResult> sizes, function_ref<void(ValueRange)> body) {
  auto loop = scf::ForallOp::create(b, sizes, ValueRange(), std::nullopt);
  loop->setAttr("attn.kernel_name", b.getStringAttr("pack"));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVars());
}

PackedFactor RowPrepacking::emitPanels(const std::optional<RowsWriter> &writer) {
  PackedFactor packed;
  packed.rowDim = rowDim;
  packed.rows = b.dim(source, rowDim);
  Value many =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sgt, packed.rows, b.index(maxFewRows));
  Value panels = b.createOrFold<arith::CeilDivUIOp>(packed.rows, b.index(tile.many.rows));
  panels = b.createOrFold<arith::SelectOp>(many, panels, b.index(0));
  packed.paddedRows = b.mul(panels, b.index(tile.many.rows));
  SmallVector<OpFoldResult> shape = outerSizes(packed), loops = shape;
  loops.push_back(getAsOpFoldResult(panels));
  shape.push_back(getAsOpFoldResult(b.mul(packed.paddedRows, k)));
  packed.memref = allocateAligned(b, shape, c.accumulator);
  if (writer)
    packTile(packed, *writer, b.createOrFold<arith::SelectOp>(many, packed.rows, b.index(0)));
  else
    emitLoop(loops, [&](ValueRange indices) { packPanel(packed, indices); });
  return packed;
}

static QuantizedRowLayout layoutOf(const QuantizedFactor &factor) {
  return {cast<MemRefType>(factor.values.getType()).getDimSize(2), factor.format};
}

void RowPrepacking::packQuantized(const PackedFactor &packed, ValueRange indices) {
  FactorView view = viewAt(packed, indices);
  Value buffer = memref::AllocOp::create(b, MemRefType::get({attn::quantizedGroup}, c.accumulator),
                                         b.getI64IntegerAttr(64));
  RowQuantizer quantizer(b, target, view, k, layoutOf(*c.quantized), buffer, tile.many.rows);
  QuantizedRows rows{packed.memref, indices.drop_back()};
  Value first = b.mul(indices.back(), packed.panelRows);
  Value end = b.min(b.add(first, packed.panelRows), packed.rows);
  quantizer.pack(first, end, rows, first, packed.panelRows);
}

PackedFactor RowPrepacking::emitQuantized() {
  PackedFactor packed;
  packed.rowDim = rowDim;
  packed.rows = b.dim(source, rowDim);
  SmallVector<QuantizedTile, 5> tiles = chooseQuantizedTiles(target, c.quantized->format);
  packed.panelRows = b.index(tiles.back().rows);
  packed.paddedRows = b.roundUp(packed.rows, tiles.back().rows);
  for (const QuantizedTile &few : llvm::reverse(ArrayRef(tiles).drop_back())) {
    Value rows = b.index(few.rows);
    Value fits = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, packed.rows, rows);
    packed.panelRows = b.createOrFold<arith::SelectOp>(fits, rows, packed.panelRows);
    packed.paddedRows = b.createOrFold<arith::SelectOp>(fits, rows, packed.paddedRows);
  }
  SmallVector<OpFoldResult> shape = outerSizes(packed), loops = shape;
  // A panel a task, so that no two threads write to a line.
  loops.push_back(
      getAsOpFoldResult(b.createOrFold<arith::CeilDivUIOp>(packed.rows, packed.panelRows)));
  shape.push_back(
      getAsOpFoldResult(b.mul(packed.paddedRows, b.index(layoutOf(*c.quantized).rowWords()))));
  packed.memref = allocateAligned(b, shape, b.getI32Type());
  emitLoop(loops, [&](ValueRange indices) { packQuantized(packed, indices); });
  return packed;
}

RowsKey RowPrepacking::key() const {
  RowsKey key{source, rowDim, kDim, sizes[kDim], c.accumulator};
  if (c.quantized) {
    key.quantizedGroups = layoutOf(*c.quantized).groups;
    key.format = c.quantized->format;
  }
  return key;
}

PackedFactor RowPrepacking::findOrEmit(SharedRows &shared, scf::ForallOp loop) {
  if (const PackedFactor *packed = shared.find(key(), loop))
    return *packed;
  std::optional<RowsWriter> writer;
  int64_t columns = cast<MemRefType>(source.getType()).getDimSize(kDim);
  if (!c.quantized && getConstantIntValue(sizes[kDim]) == columns)
    writer = findRowsWriter(source, rowDim, loop, tile.many.rows, tile.depth);
  if (writer)
    b.setInsertionPoint(writer->loop);
  k = getValueOrCreateConstantIndexOp(b, b.getLoc(), sizes[kDim]);
  PackedFactor packed = c.quantized ? emitQuantized() : emitPanels(writer);
  shared.add(key(), writer ? writer->loop : loop->getPrevNode(), packed);
  return packed;
}

std::optional<PackedFactor> fovea::prepackRows(const Contraction &contraction,
                                               const TargetInfo &target, SharedRows &shared) {
  linalg::GenericOp op = contraction.op;
  scf::ForallOp loop = outermostLoop(op);
  if (!loop)
    return std::nullopt;
  EmitBuilder b(op.getLoc(), loop);
  RowPrepacking prepacking(b, contraction, target);
  if (!prepacking.match(loop))
    return std::nullopt;
  PackedFactor packed = prepacking.findOrEmit(shared, loop);
  b.setInsertionPoint(op);
  for (OpFoldResult offset : prepacking.getOffsets())
    packed.offsets.push_back(getValueOrCreateConstantIndexOp(b, op.getLoc(), offset));
  return packed;
}
