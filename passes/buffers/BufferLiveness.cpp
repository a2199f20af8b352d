#include "passes/buffers/BufferLiveness.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace fovea;

static void numberBlock(Block &block, int64_t &next, DenseMap<Operation *, int64_t> &begin,
                        DenseMap<Operation *, int64_t> &end) {
  for (Operation &op : block) {
    begin[&op] = next++;
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        numberBlock(inner, next, begin, end);
    end[&op] = next++;
  }
}

BufferLiveness::BufferLiveness(func::FuncOp function) {
  int64_t next = 0;
  for (Block &block : function.getBody())
    numberBlock(block, next, begin, end);
}

/// Every value that may be the buffer or a part of it: memref results of ops that use it, and
/// what loops and branches pass on.
static llvm::SetVector<Value> aliasesOf(Value buffer) {
  llvm::SetVector<Value> aliases;
  aliases.insert(buffer);
  auto addMemRefs = [&](ValueRange values) {
    for (Value value : values)
      if (isa<BaseMemRefType>(value.getType()))
        aliases.insert(value);
  };
  for (unsigned i = 0; i < aliases.size(); ++i)
    for (Operation *user : aliases[i].getUsers()) {
      addMemRefs(user->getResults());
      if (auto loop = dyn_cast<LoopLikeOpInterface>(user))
        addMemRefs(ValueRange(loop.getRegionIterArgs()));
      if (user->hasTrait<OpTrait::IsTerminator>())
        addMemRefs(user->getParentOp()->getResults());
    }
  return aliases;
}

BufferInterval BufferLiveness::interval(Operation *allocation) const {
  BufferInterval interval{begin.lookup(allocation), end.lookup(allocation)};
  for (Value alias : aliasesOf(allocation->getResult(0)))
    for (Operation *user : alias.getUsers()) {
      // The outermost op around the use that does not also surround the allocation.
      Operation *scope = user;
      while (scope->getParentRegion() != allocation->getParentRegion() &&
             !scope->getParentOp()->isAncestor(allocation))
        scope = scope->getParentOp();
      interval.end = std::max(interval.end, end.lookup(scope));
    }
  return interval;
}
