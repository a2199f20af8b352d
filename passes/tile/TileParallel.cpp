// Outer loops. Ops are grouped from the last one backwards: an op joins the group of its users if
// they are all in one group and no tile would compute it twice. Each group becomes one scf.forall
// over tiles of its last op, the root.
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "passes/Passes.h"
#include "passes/TargetInfo.h"
#include "passes/attention/AttentionTile.h"
#include "passes/attention/MaskBounds.h"
#include "passes/contraction/ContractionTile.h"
#include "passes/contraction/PanelProduct.h"
#include "passes/tile/TileGroups.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_TILEPARALLELPASS
#include "passes/Passes.h.inc"

/// Elements of a tile of an elementwise op: a loop of fewer is done before another thread has
/// begun.
static constexpr int64_t vectorTile = 4096;

/// Elements of a cache line, of 32 bits.
static constexpr int64_t lineElements = 16;

/// Bytes that a task reads of each line that it only reads across, if that leaves so many tasks:
/// memory gives neighbouring lines faster than others.
static constexpr int64_t acrossBytes = 1024, acrossTasks = 16;

/// The same of short rows that the root has in another order, and from how many on they are short.
static constexpr int64_t runBytes = 512, shortRowBytes = 256;

/// Results of a task that reduces columns: whole lines and vectors, few enough that columns of some
/// thousand elements stay in the second-level cache.
static constexpr int64_t reducedColumns = 64;

/// Rows of a task's attention, few enough that tasks of triangles balance; of windows, in panels.
static constexpr int64_t attentionRows = 192, windowedPanels = 16;

/// The query heads that share a key head stay together, so that what one reads the others find in
/// cache. Rows of queries share one pass over the keys, in panels; keys that each
/// task packs for itself want more rows to share them.
static SmallVector<int64_t> attentionSizes(attn::AttentionOp op, const TargetInfo &target) {
  int64_t group = op.getGroupSize();
  if (ShapedType::isDynamic(group))
    group = 1;
  if (std::optional<int64_t> chunk = op.getColumnChunk()) // tiles hold whole chunks
    return {1, group, *chunk};
  bool windowed = isWindowed(op);
  int64_t width = attentionPanelWidth(target, 32, windowed);
  int64_t panels = windowed ? windowedPanels / group : attentionRows / (group * width);
  return {1, group, std::max<int64_t>(panels, 1) * width};
}

/// Of a contraction with so few tiles of columns, tasks have fewer rows, so that there are more.
static constexpr int64_t fewColumnTiles = 4, narrowRows = 192;

/// Whether the loop is known to have at most `count` iterations.
static bool isLoopAtMost(Operation *op, unsigned loop, int64_t count) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp)
    return false;
  int64_t size = linalgOp.getStaticLoopRanges()[loop];
  return !ShapedType::isDynamic(size) && size <= count;
}

/// Of what is reduced along other loops than the innermost one. Of few columns a task has a line,
/// so that there are more tasks.
static int64_t columnsOfTask(Operation *root, unsigned loop) {
  constexpr int64_t fewTasks = 8;
  return isLoopAtMost(root, loop, fewTasks * reducedColumns) ? lineElements : reducedColumns;
}

/// Whether a weight is a factor of each product in the group: the runtime packs it, so that rows of
/// a task need not be many to make up for packing columns.
static bool readsWeights(const TileGroup &group) {
  return llvm::all_of(group.members, [](Operation *op) {
    return !isPanelProduct(op) ||
           llvm::any_of(cast<linalg::LinalgOp>(op).getDpsInputs(), [](Value factor) {
             return static_cast<bool>(factor.getDefiningOp<attn::WeightOp>());
           });
  });
}

/// Of the elements that an op makes, as they lie in memory.
static int64_t elementBits(Operation *op) {
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  return element.isIntOrFloat() ? std::max<int64_t>(element.getIntOrFloatBitWidth(), 8) : 64;
}

/// Makes tiles of an elementwise op, so far of one element, as long as they should be. Rows stay
/// whole, since the innermost loop is the vector loop. First come dims of known size, such as
/// heads: what a decoded token computes is a single tile then, for which no other thread is woken.
static void widenTiles(const TileGroup &group, ArrayRef<unsigned> tiled,
                       MutableArrayRef<int64_t> sizes) {
  Operation *root = group.root;
  if (tiled.size() == 1) {
    sizes[tiled.back()] = vectorTile;
    return;
  }
  SmallVector<int64_t> ranges(sizes.size(), ShapedType::kDynamic);
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(root))
    ranges = linalgOp.getStaticLoopRanges();
  sizes[tiled.back()] = 0;
  int64_t elements = ranges[tiled.back()];
  if (ShapedType::isDynamic(elements))
    return;
  int64_t rowBytes = std::max<int64_t>(elements * elementBits(root) / 8, 1);
  for (unsigned loop : tiled.drop_back())
    if (group.acrossRows.test(loop) && rowBytes < shortRowBytes) {
      sizes[loop] = llvm::divideCeil(runBytes, rowBytes);
      if (!ShapedType::isDynamic(ranges[loop]))
        sizes[loop] = std::clamp<int64_t>(ranges[loop], 1, sizes[loop]);
      elements *= sizes[loop];
    }
  for (bool known : {true, false})
    for (unsigned loop : llvm::reverse(tiled.drop_back())) {
      if (ShapedType::isDynamic(ranges[loop]) == known || sizes[loop] > 1)
        continue;
      int64_t size = std::max<int64_t>(vectorTile / std::max<int64_t>(elements, 1), 1);
      sizes[loop] = known ? std::min(size, std::max<int64_t>(ranges[loop], 1)) : size;
      elements *= sizes[loop];
    }
}

/// Iterations of a loop of a task that reads across the lines along it. What is computed on the way
/// would need as much scratch memory.
static int64_t acrossSize(const TileGroup &group, unsigned loop) {
  auto root = dyn_cast<linalg::LinalgOp>(group.root);
  if (!root || group.members.size() > 1)
    return lineElements;
  int64_t most = acrossBytes * 8 / elementBits(root), iterations = 1;
  SmallVector<int64_t> ranges = root.getStaticLoopRanges();
  for (unsigned tiled = 0; tiled + 1 < ranges.size(); ++tiled)
    if (group.tiledLoops.test(tiled)) {
      if (ShapedType::isDynamic(ranges[tiled]))
        return most;
      iterations *= ranges[tiled];
    }
  return std::clamp<int64_t>(llvm::bit_floor<uint64_t>(iterations / acrossTasks), lineElements, most);
}

/// One tile size per loop of the root; 0 leaves a loop whole.
static SmallVector<int64_t> chooseTileSizes(const TileGroup &group, const TargetInfo &target) {
  SmallVector<int64_t> sizes(group.tiledLoops.size(), 0);
  if (auto attention = dyn_cast<attn::AttentionOp>(group.root))
    return attentionSizes(attention, target);
  SmallVector<unsigned> tiled;
  for (unsigned loop = 0; loop < sizes.size(); ++loop)
    if (group.tiledLoops.test(loop))
      tiled.push_back(loop);
  for (unsigned loop : tiled)
    sizes[loop] = 1;
  if (tiled.empty())
    return sizes;
  if (group.hasContraction) {
    ContractionTile tile = chooseContractionTile(target, 32);
    bool isNarrow = isLoopAtMost(group.root, tiled.back(), fewColumnTiles * tile.taskColumns);
    int64_t rows = readsWeights(group) ? tile.blockRows : tile.taskRows;
    sizes[tiled.back()] = tile.taskColumns;
    if (tiled.size() > 1)
      sizes[tiled[tiled.size() - 2]] = isNarrow ? llvm::alignTo(narrowRows, tile.many.rows) : rows;
    return sizes;
  }
  if (!group.keepsRows)
    widenTiles(group, tiled, sizes);
  else if (tiled.back() + 1 == sizes.size())
    sizes[tiled.back()] = columnsOfTask(group.root, tiled.back());
  else if (group.makesFactor) // whole panels, which can be packed as soon as they are computed
    sizes[tiled.back()] = chooseContractionTile(target, 32).many.rows;
  // What is read across lines is read from whole ones. A loop of size 0 stays whole.
  for (unsigned loop : tiled)
    if (sizes[loop] != 0 && group.acrossLines.test(loop))
      sizes[loop] = llvm::alignTo(acrossSize(group, loop), sizes[loop]);
  return sizes;
}

static StringRef kernelName(const TileGroup &group) {
  if (isa<attn::AttentionOp>(group.root))
    return "attention";
  if (group.hasContraction)
    return "contraction";
  return group.keepsRows ? "rows" : "elementwise";
}

static LogicalResult tileGroup(RewriterBase &rewriter, const TileGroup &group,
                               const TargetInfo &target) {
  SmallVector<int64_t> sizes = chooseTileSizes(group, target);
  if (llvm::all_of(sizes, [](int64_t size) { return size == 0; }))
    return success(); // a single element or one indivisible row: no outer loop
  scf::SCFTilingOptions tiling;
  tiling.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
  tiling.setTileSizes(getAsIndexOpFoldResult(rewriter.getContext(), sizes));
  scf::SCFTileAndFuseOptions options;
  options.setTilingOptions(tiling);
  options.setFusionControlFn([&](tensor::ExtractSliceOp, OpResult producer, bool)
                                 -> std::optional<scf::SCFTileAndFuseOptions::ControlFnResult> {
    if (!group.members.contains(producer.getOwner()) && !isa<linalg::FillOp>(producer.getOwner()))
      return std::nullopt;
    return scf::SCFTileAndFuseOptions::ControlFnResult{};
  });
  rewriter.setInsertionPoint(group.root);
  FailureOr<scf::SCFTileAndFuseResult> tiled = scf::tileConsumerAndFuseProducersUsingSCF(
      rewriter, cast<TilingInterface>(group.root), options);
  if (failed(tiled))
    return group.root->emitError("cannot be tiled");
  for (OpResult result : group.root->getResults())
    if (Value replacement = tiled->replacements.lookup(result))
      rewriter.replaceAllUsesWith(result, replacement);
  if (!tiled->loops.empty())
    tiled->loops.front()->setAttr("attn.kernel_name", rewriter.getStringAttr(kernelName(group)));
  return success();
}

/// Erases the ops that tiling replaced; members are ordered users first.
static void eraseDead(RewriterBase &rewriter, const TileGroup &group) {
  for (Operation *op : group.members)
    if (isOpTriviallyDead(op))
      rewriter.eraseOp(op);
}

static LogicalResult tileBlock(RewriterBase &rewriter, Block &block, const TargetInfo &target) {
  for (TileGroup &group : findTileGroups(block)) {
    if (failed(tileGroup(rewriter, group, target)))
      return failure();
    eraseDead(rewriter, group);
  }
  return success();
}

/// The body of a function and of its loops over tensors. Loops inside of ops that are tiled compute
/// single elements and go away with the op.
static SmallVector<Block *> blocksOfTensors(func::FuncOp function) {
  SmallVector<Block *> blocks{&function.getBody().front()};
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<TilingInterface>(op))
      return WalkResult::skip();
    if (auto loop = dyn_cast<scf::ForOp>(op))
      blocks.push_back(loop.getBody());
    return WalkResult::advance();
  });
  return blocks;
}

namespace {
struct TileParallelPass : impl::TileParallelPassBase<TileParallelPass> {
  using Base::Base;
  void runOnOperation() override {
    const TargetInfo *info = requireTarget(getOperation(), target);
    if (!info)
      return signalPassFailure();
    IRRewriter rewriter(&getContext());
    for (Block *block : blocksOfTensors(getOperation()))
      if (failed(tileBlock(rewriter, *block, *info)))
        return signalPassFailure();
  }
};
} // namespace
} // namespace fovea
