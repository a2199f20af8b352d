#include "passes/contraction/SiblingProducts.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/buffers/BufferWrites.h"

using namespace mlir;
using namespace fovea;

/// What is known of the sizes of a memref without looking at it; null elsewhere.
static SmallVector<OpFoldResult> knownSizes(Value memref) {
  if (auto view = memref.getDefiningOp<memref::SubViewOp>();
      view && view.getType().getRank() == view.getSourceType().getRank())
    return view.getMixedSizes();
  if (auto alloc = memref.getDefiningOp<memref::AllocOp>())
    return alloc.getMixedSizes();
  return llvm::map_to_vector(cast<MemRefType>(memref.getType()).getShape(), [&](int64_t size) {
    return ShapedType::isDynamic(size)
               ? OpFoldResult()
               : OpFoldResult(Builder(memref.getContext()).getIndexAttr(size));
  });
}

static bool haveEqualSizes(Value x, Value y) {
  SmallVector<OpFoldResult> sizes = knownSizes(x);
  return llvm::all_of(sizes, [](OpFoldResult size) { return bool(size); }) &&
         isEqualConstantIntOrValueArray(sizes, knownSizes(y));
}

static bool isWeight(const Factor &factor) {
  Operation *op = baseOf(factor.operand->get()).getDefiningOp();
  return isa_and_present<attn::WeightOp, attn::QuantizedWeightOp>(op);
}

/// Loops and types alike, and the same rows.
static bool multiplySameRows(const Contraction &first, const Contraction &second) {
  linalg::GenericOp x = first.op, y = second.op;
  Type columns = first.b.operand->get().getType();
  return isWeight(first.b) && isWeight(second.b) &&
         x.getIndexingMapsArray() == y.getIndexingMapsArray() &&
         x.getIteratorTypesArray() == y.getIteratorTypesArray() &&
         first.a.operand->get() == second.a.operand->get() &&
         first.a.operand->getOperandNumber() == second.a.operand->getOperandNumber() &&
         first.a.row == second.a.row && first.b.row == second.b.row && first.k == second.k &&
         getElementTypeOrSelf(columns) == getElementTypeOrSelf(second.b.operand->get()) &&
         first.b.inPanels == second.b.inPanels && haveEqualSizes(first.c->get(), second.c->get());
}

/// Different memory, one of them allocated here.
static bool areApart(Value x, Value y) {
  Value first = baseOf(x), second = baseOf(y);
  auto isOwn = [](Value buffer) { return buffer.getDefiningOp<memref::AllocOp>() != nullptr; };
  return first != second && (isOwn(first) || isOwn(second));
}

/// The op behind `first` that multiplies the same rows by as many columns of another weight, if
/// `first` can be computed there as well: nothing in between touches memory but the clearing of
/// what that op adds to. Null if there is none.
static linalg::GenericOp findSibling(const Contraction &first) {
  Operation *op = first.op;
  Value cleared;
  for (op = op->getNextNode(); op; op = op->getNextNode()) {
    if (auto fill = dyn_cast<linalg::FillOp>(op); fill && !cleared) {
      cleared = fill.getOutputs()[0];
      continue;
    }
    auto generic = dyn_cast<linalg::GenericOp>(op);
    std::string why;
    if (auto second = generic ? matchContraction(generic, why) : std::nullopt) {
      Value result = second->c->get();
      bool isSibling = multiplySameRows(first, *second) && (!cleared || cleared == result) &&
                       areApart(first.c->get(), result);
      return isSibling ? generic : linalg::GenericOp();
    }
    if (!leavesMemoryAlone(op))
      return nullptr;
  }
  return nullptr;
}

llvm::MapVector<Operation *, Operation *> fovea::findSiblings(ArrayRef<linalg::LinalgOp> ops) {
  llvm::MapVector<Operation *, Operation *> siblings;
  DenseSet<Operation *> taken;
  for (linalg::LinalgOp op : ops) {
    auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
    std::string why;
    if (!generic || taken.contains(op))
      continue;
    if (auto contraction = matchContraction(generic, why))
      if (Operation *second = findSibling(*contraction)) {
        siblings[op] = second;
        taken.insert(second);
      }
  }
  return siblings;
}
