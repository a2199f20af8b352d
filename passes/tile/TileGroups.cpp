#include "passes/tile/TileGroups.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "passes/contraction/PanelProduct.h"

using namespace mlir;
using namespace fovea;

/// For each loop of an op the loop of the root that runs in step with it, or none.
using LoopMap = SmallVector<std::optional<unsigned>>;

static bool isTileable(Operation *op) {
  return isa<TilingInterface>(op) && op->getNumResults() > 0 &&
         llvm::all_of(op->getResultTypes(), [](Type t) { return isa<RankedTensorType>(t); });
}

/// The loops of `producer` in terms of the root's, if `consumer` (whose loops are given) reads it
/// through `operand`.
static std::optional<LoopMap> producerLoops(linalg::LinalgOp producer, OpOperand &operand,
                                            const LoopMap &consumerLoops) {
  auto consumer = dyn_cast<linalg::LinalgOp>(operand.getOwner());
  if (!consumer)
    return std::nullopt;
  AffineMap read = consumer.getMatchingIndexingMap(&operand);
  auto result = cast<OpResult>(operand.get());
  AffineMap write = producer.getIndexingMapMatchingResult(result);
  LoopMap loops(producer.getNumLoops());
  SmallVector<utils::IteratorType> iterators = producer.getIteratorTypesArray();
  for (auto [readExpr, writeExpr] : llvm::zip_equal(read.getResults(), write.getResults())) {
    auto readDim = dyn_cast<AffineDimExpr>(readExpr);
    auto writeDim = dyn_cast<AffineDimExpr>(writeExpr);
    if (!readDim || !writeDim)
      return std::nullopt;
    // Running sums: each needs all before it.
    if (linalg::isReductionIterator(iterators[writeDim.getPosition()]))
      continue;
    loops[writeDim.getPosition()] = consumerLoops[readDim.getPosition()];
  }
  return loops;
}

/// Whether a result has elements along a loop that is reduced, as running sums have.
static bool hasRunningResult(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp)
    return false;
  SmallVector<utils::IteratorType> iterators = linalgOp.getIteratorTypesArray();
  return llvm::any_of(linalgOp.getDpsInitsMutable(), [&](OpOperand &init) {
    AffineMap map = linalgOp.getMatchingIndexingMap(&init);
    return llvm::any_of(llvm::seq(linalgOp.getNumLoops()), [&](unsigned loop) {
      return map.isFunctionOfDim(loop) && linalg::isReductionIterator(iterators[loop]);
    });
  });
}

/// The root's loops that the tiles of an op with these loops depend on.
static llvm::BitVector rootLoops(const LoopMap &loops, unsigned numRootLoops) {
  llvm::BitVector set(numRootLoops);
  for (std::optional<unsigned> loop : loops)
    if (loop)
      set.set(*loop);
  return set;
}

namespace {
/// Grows one group from its root.
class GroupBuilder {
public:
  GroupBuilder(Operation *root, const llvm::SmallPtrSetImpl<Operation *> &taken) : taken(taken) {
    group.root = root;
    group.members.insert(root);
    group.hasContraction = isPanelProduct(root);
    group.makesFactor = llvm::any_of(root->getUsers(), isPanelProduct);
    auto iterators = cast<TilingInterface>(root).getLoopIteratorTypes();
    group.tiledLoops.resize(iterators.size());
    group.acrossLines.resize(iterators.size());
    group.acrossRows.resize(iterators.size());
    LoopMap identity;
    for (auto [i, iterator] : llvm::enumerate(iterators)) {
      identity.push_back(i);
      if (iterator == utils::IteratorType::parallel)
        group.tiledLoops.set(i);
    }
    loopsOf[root] = identity;
    group.keepsRows = hasRunningResult(root);
    findLines(root);
  }

  TileGroup build() {
    // Going back through the block, every user of an op is seen before the op.
    for (Operation *op = group.root->getPrevNode(); op; op = op->getPrevNode())
      tryToAdd(op);
    return std::move(group);
  }

private:
  /// The op's loops if all its uses are reads by members. A loop that they do not agree on runs in
  /// step with none of the root's: a row that is both summed and read element by element.
  std::optional<LoopMap> agreedLoops(linalg::LinalgOp op) {
    std::optional<LoopMap> agreed;
    for (OpOperand &use : op->getUses()) {
      Operation *user = use.getOwner();
      // The operands of a contraction are packed by its kernel, whole.
      bool isFactor = isPanelProduct(user) && !cast<linalg::LinalgOp>(user).isDpsInit(&use);
      if (!group.members.contains(user) || isFactor)
        return std::nullopt;
      std::optional<LoopMap> loops = producerLoops(op, use, loopsOf[user]);
      if (!loops)
        return std::nullopt;
      if (agreed)
        for (auto [mine, other] : llvm::zip_equal(*agreed, *loops))
          mine = mine == other ? mine : std::nullopt;
      else
        agreed = loops;
    }
    return agreed;
  }

  void tryToAdd(Operation *op) {
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    if (!linalgOp || taken.contains(op) || op->use_empty() || isa<linalg::FillOp>(op))
      return;
    std::optional<LoopMap> loops = agreedLoops(linalgOp);
    if (!loops)
      return;
    // Loops of the root that do not cut this op would compute it again for each tile: leave
    // them whole if that still leaves tiles.
    llvm::BitVector common = group.tiledLoops;
    common &= rootLoops(*loops, group.tiledLoops.size());
    bool isNewContraction = isPanelProduct(op);
    if (common.none() || ((isNewContraction || group.hasContraction) && common != group.tiledLoops))
      return;
    group.keepsRows |= common != group.tiledLoops;
    group.tiledLoops = common;
    group.hasContraction |= isNewContraction;
    group.members.insert(op);
    loopsOf[op] = *loops;
    findLines(op);
  }

  /// Loops that run in step with none of the root's are whole in each tile, as rows are.
  void findLines(Operation *member) {
    auto op = dyn_cast<linalg::LinalgOp>(member);
    if (!op)
      return;
    const LoopMap &loops = loopsOf[member];
    unsigned innermost = group.tiledLoops.size() - 1;
    for (OpOperand *input : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(input);
      auto line = map.getNumResults() ? dyn_cast<AffineDimExpr>(map.getResults().back()) : nullptr;
      std::optional<unsigned> loop = line ? loops[line.getPosition()] : std::nullopt;
      auto isReadAcross = [&](unsigned dim) {
        return map.isFunctionOfDim(dim) && loops[dim].value_or(innermost) == innermost;
      };
      if (loop && loop != innermost && llvm::any_of(llvm::seq(op.getNumLoops()), isReadAcross))
        group.acrossLines.set(*loop);
      else if (loop == innermost)
        findRows(map, loops);
    }
  }

  /// Where an input has the root's innermost loop innermost too, but another one around it.
  void findRows(AffineMap map, const LoopMap &loops) {
    if (map.getNumResults() < 2)
      return;
    auto next = dyn_cast<AffineDimExpr>(map.getResult(map.getNumResults() - 2));
    std::optional<unsigned> loop = next ? loops[next.getPosition()] : std::nullopt;
    if (loop && *loop + 2 != group.tiledLoops.size())
      group.acrossRows.set(*loop);
  }

  const llvm::SmallPtrSetImpl<Operation *> &taken;
  TileGroup group;
  DenseMap<Operation *, LoopMap> loopsOf;
};
} // namespace

std::vector<TileGroup> fovea::findTileGroups(Block &block) {
  std::vector<TileGroup> groups;
  llvm::SmallPtrSet<Operation *, 16> taken;
  for (Operation &op : llvm::reverse(block)) {
    // A fill is computed with whatever writes over it.
    if (!isTileable(&op) || taken.contains(&op) || isa<linalg::FillOp>(op))
      continue;
    groups.push_back(GroupBuilder(&op, taken).build());
    taken.insert_range(groups.back().members);
  }
  return groups;
}
