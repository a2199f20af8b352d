// Tensors to buffers, with upstream's one-shot bufferisation. What is ours is where results go:
// entries write into out-parameters, loops carry one buffer per tensor, and a result that updates
// the argument of its name may have the argument's memory.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Entries.h"
#include "passes/Passes.h"
#include "passes/tensors/DimSizes.h"
#include "passes/tensors/UpdateChain.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_BUFFERIZEPASS
#include "passes/Passes.h.inc"

/// The memory of a result whose dims `collapse` merges last, with these dims: null unless each that
/// is not known is merged with dims of one element alone, so that the memory has its size.
static Value splitMemory(OpBuilder &b, Location loc, Value memory,
                         tensor::CollapseShapeOp collapse) {
  ArrayRef<int64_t> shape = collapse.getSrcType().getShape();
  SmallVector<OpFoldResult> sizes;
  if (collapse.getType().getRank() == 0) // dims of one element each are merged into none
    sizes.assign(shape.size(), b.getIndexAttr(1));
  for (auto [merged, dims] : llvm::enumerate(collapse.getReassociationIndices())) {
    int64_t others = llvm::count_if(dims, [&](int64_t dim) { return shape[dim] != 1; }) - 1;
    for (int64_t dim : dims) {
      if (!ShapedType::isDynamic(shape[dim]))
        sizes.push_back(b.getIndexAttr(shape[dim]));
      else if (others == 0)
        sizes.push_back(memref::DimOp::create(b, loc, memory, merged).getResult());
      else
        return Value();
    }
  }
  return memref::ExpandShapeOp::create(b, loc, shape, memory, collapse.getReassociationIndices(),
                                       sizes);
}

/// Copies a result to its memory. What a reshape splits or merges last is merged or split in the
/// memory instead: what was computed of other dims is then computed there.
static void storeResult(OpBuilder &b, Value value, BlockArgument out) {
  OpBuilder::InsertionGuard guard(b);
  Location loc = value.getLoc();
  Value memory = out;
  // In front of all that may write there.
  b.setInsertionPointToStart(out.getOwner());
  if (auto expand = value.getDefiningOp<tensor::ExpandShapeOp>()) {
    memory = memref::CollapseShapeOp::create(b, loc, out, expand.getReassociationIndices());
    value = expand.getSrc();
  } else if (auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>()) {
    if (Value split = splitMemory(b, loc, out, collapse)) {
      memory = split;
      value = collapse.getSrc();
    }
  }
  b.setInsertionPoint(out.getOwner()->getTerminator());
  bufferization::MaterializeInDestinationOp::create(b, loc, /*result=*/Type(), value, memory,
                                                    /*restrict=*/true, /*writable=*/true);
}

/// Replaces the results of an entry by writable memref arguments that they are copied to.
static LogicalResult resultsToOutParameters(OpBuilder &b, func::FuncOp function) {
  auto terminator = cast<func::ReturnOp>(function.getBody().back().getTerminator());
  unsigned numResults = terminator.getNumOperands();
  // Inputs belong to the caller.
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    function.setArgAttr(i, bufferization::BufferizationDialect::kWritableAttrName,
                        b.getBoolAttr(false));
  b.setInsertionPoint(terminator);
  for (auto [i, value] : llvm::enumerate(terminator.getOperands())) {
    auto tensor = dyn_cast<RankedTensorType>(value.getType());
    if (!tensor)
      return function.emitOpError("result ")
             << i << ": expected a ranked tensor, got " << value.getType();
    auto type = MemRefType::get(tensor.getShape(), tensor.getElementType());
    unsigned position = function.getNumArguments();
    if (failed(
            function.insertArgument(position, type, function.getResultAttrDict(i), value.getLoc())))
      return failure();
    storeResult(b, value, function.getArgument(position));
  }
  func::ReturnOp::create(b, terminator.getLoc());
  terminator.erase();
  function.setFunctionType(b.getFunctionType(function.getArgumentTypes(), {}));
  function.removeResAttrsAttr();
  function->setAttr("attn.num_results", b.getI64IntegerAttr(numResults));
  return success();
}

/// The argument that a result updates: one of its name and type, from which it is made by inserting
/// parts, in loops or not.
static BlockArgument findState(func::FuncOp function, Value result, BlockArgument out) {
  auto state = dyn_cast<BlockArgument>(originOf(result));
  if (!state || state.getOwner() != out.getOwner() || state.getType() != result.getType())
    return {};
  Attribute name = function.getArgAttr(out.getArgNumber(), "attn.name");
  return name && name == function.getArgAttr(state.getArgNumber(), "attn.name") ? state
                                                                                : BlockArgument();
}

/// Lets results that update an argument start as a copy of it, so that all updates are made in
/// the result's memory. Where the caller gave the same memory for both there is nothing to copy
/// (skipCopiesToSelf).
static void updateStates(OpBuilder &b, func::FuncOp function) {
  Block &body = function.getBody().front();
  for (auto store :
       llvm::make_early_inc_range(body.getOps<bufferization::MaterializeInDestinationOp>())) {
    auto out = dyn_cast<BlockArgument>(store.getDest());
    BlockArgument state = out ? findState(function, store.getSource(), out) : BlockArgument();
    if (!state || state == store.getSource())
      continue;
    b.setInsertionPointToStart(&body);
    auto copy = bufferization::MaterializeInDestinationOp::create(
        b, out.getLoc(), /*result=*/Type(), state, out, /*restrict=*/true, /*writable=*/true);
    Value updated = bufferization::ToTensorOp::create(b, out.getLoc(), state.getType(), out,
                                                      /*restrict=*/true, /*writable=*/true);
    state.replaceAllUsesExcept(updated, copy);
  }
}

/// Guards each copy of an argument to the result that updates it by a comparison of addresses.
static void skipCopiesToSelf(OpBuilder &b, func::FuncOp function) {
  for (auto copy :
       llvm::make_early_inc_range(function.getBody().front().getOps<memref::CopyOp>())) {
    auto from = dyn_cast<BlockArgument>(copy.getSource());
    auto to = dyn_cast<BlockArgument>(copy.getTarget());
    auto nameOf = [&](BlockArgument argument) {
      return function.getArgAttr(argument.getArgNumber(), "attn.name");
    };
    if (!from || !to || from == to || !nameOf(from) || nameOf(from) != nameOf(to))
      continue;
    b.setInsertionPoint(copy);
    Location loc = copy.getLoc();
    Value differ =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne,
                              memref::ExtractAlignedPointerAsIndexOp::create(b, loc, from),
                              memref::ExtractAlignedPointerAsIndexOp::create(b, loc, to));
    auto choice = scf::IfOp::create(b, loc, differ);
    copy->moveBefore(choice.thenYield());
  }
}

/// True if inner loops alone, which keep their buffers, are between the two.
static bool isKept(Value next, Value carried) {
  while (auto loop = next.getDefiningOp<scf::ForOp>())
    next = loop.getTiedLoopInit(cast<OpResult>(next))->get();
  return next == carried;
}

/// Makes each tensor that a loop yields end up in the buffer that the iteration started with,
/// so that iterations neither allocate nor swap buffers.
static void keepLoopBuffers(OpBuilder &b, scf::ForOp loop) {
  auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
  b.setInsertionPoint(yield);
  for (auto [i, carried] : llvm::enumerate(loop.getRegionIterArgs())) {
    Value next = yield.getOperand(i);
    if (!isa<RankedTensorType>(carried.getType()) || isKept(next, carried))
      continue;
    yield.setOperand(i, bufferization::MaterializeInDestinationOp::create(
                            b, next.getLoc(), carried.getType(), next, carried)
                            .getResult());
  }
}

/// Whether the operand is a tensor that its op, or the body of its loop, writes over.
static bool isWrittenOver(OpOperand &operand) {
  if (auto loop = dyn_cast<LoopLikeOpInterface>(operand.getOwner()))
    return static_cast<bool>(loop.getTiedLoopRegionIterArg(&operand));
  auto destination = dyn_cast<DestinationStyleOpInterface>(operand.getOwner());
  return destination && destination.isDpsInit(&operand);
}

/// Gives each op that writes over a fill or an empty tensor one of its own. Where one result is
/// computed in memory that the caller wants it in, a shared one would take others there too.
static void unshareInits(OpBuilder &b, func::FuncOp function) {
  auto unshare = [&](Operation *op) {
    SmallVector<OpOperand *> inits;
    for (OpOperand &use : op->getUses())
      if (isWrittenOver(use))
        inits.push_back(&use);
    b.setInsertionPointAfter(op);
    for (OpOperand *init : inits)
      if (!op->getResult(0).hasOneUse())
        init->set(b.clone(*op)->getResult(0));
  };
  SmallVector<Operation *> fills, empties;
  function.walk([&](linalg::FillOp fill) {
    if (fill.hasPureTensorSemantics())
      fills.push_back(fill);
  });
  llvm::for_each(fills, unshare);
  function.walk([&](tensor::EmptyOp empty) { empties.push_back(empty); });
  llvm::for_each(empties, unshare);
}

static bufferization::OneShotBufferizationOptions bufferizationOptions() {
  bufferization::OneShotBufferizationOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.bufferAlignment = 64;
  options.setFunctionBoundaryTypeConversion(bufferization::LayoutMapOption::IdentityLayoutMap);
  // Memory from elsewhere (an unknown op, a weight) is contiguous too.
  options.unknownTypeConverterFn = [](TensorType type, Attribute memorySpace,
                                      const bufferization::BufferizationOptions &) {
    return bufferization::getMemRefTypeWithStaticIdentityLayout(type, memorySpace);
  };
  return options;
}

/// The out-parameter behind a reshape of it.
static Value memoryOf(Value memref) {
  while (isa_and_nonnull<memref::CollapseShapeOp, memref::ExpandShapeOp>(memref.getDefiningOp()))
    memref = memref.getDefiningOp()->getOperand(0);
  return memref;
}

/// Copies results that lie in the memory of another result as soon as they are there: the store of
/// the other may write over them, which the analysis does not see, as it takes that memory for the
/// other's alone.
static void copySharedResults(OpBuilder &b, func::FuncOp function) {
  bufferization::OneShotBufferizationOptions options = bufferizationOptions();
  bufferization::AnalysisState analysis(options);
  bufferization::TraversalConfig matchesOnly;
  matchesOnly.alwaysIncludeLeaves = false;
  llvm::DenseMap<Value, Value> storedIn; // by result memory
  SmallVector<bufferization::MaterializeInDestinationOp> stores;
  for (auto store : function.getBody().front().getOps<bufferization::MaterializeInDestinationOp>())
    if (isa<MemRefType>(store.getDest().getType()) &&
        !isa<BlockArgument>(store.getSource())) // else a state's first copy, or an argument itself
      stores.push_back(store);
  for (auto store : stores)
    storedIn[memoryOf(store.getDest())] = store.getSource();
  for (auto store : stores) {
    auto isOfAnother = [&](Value value) {
      auto tensor = value.getDefiningOp<bufferization::ToTensorOp>();
      Value memory = tensor ? memoryOf(tensor.getBuffer()) : Value();
      auto other = storedIn.find(memory);
      return other != storedIn.end() && memory != memoryOf(store.getDest()) &&
             other->second != store.getSource();
    };
    if (analysis.findValueInReverseUseDefChain(&store.getSourceMutable(), isOfAnother, matchesOnly)
            .empty())
      continue;
    b.setInsertionPointAfterValue(store.getSource());
    store.getSourceMutable().assign(bufferization::AllocTensorOp::create(
        b, store.getLoc(), cast<RankedTensorType>(store.getSource().getType()), ValueRange(),
        /*copy=*/store.getSource()));
  }
}

namespace {
struct BufferizePass : impl::BufferizePassBase<BufferizePass> {
  using Base::Base;
  void runOnOperation() override {
    OpBuilder b(&getContext());
    // While sizes can be followed through tensors: those of buffers must be stated in terms of the
    // arguments' dims.
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      shareDims(function);
      unshareInits(b, function);
    }
    for (func::FuncOp function : entriesOf(getOperation())) {
      if (failed(resultsToOutParameters(b, function)))
        return signalPassFailure();
      updateStates(b, function);
    }
    getOperation().walk([&](scf::ForOp loop) { keepLoopBuffers(b, loop); });

    // Compute results where they are wanted rather than copy them there.
    IRRewriter rewriter(&getContext());
    if (failed(bufferization::eliminateEmptyTensors(rewriter, getOperation())))
      return signalPassFailure();
    for (func::FuncOp function : entriesOf(getOperation()))
      copySharedResults(b, function);
    bufferization::BufferizationState state;
    if (failed(bufferization::runOneShotModuleBufferize(getOperation(), bufferizationOptions(),
                                                        state)))
      return signalPassFailure();
    for (auto function : llvm::make_filter_range(getOperation().getOps<func::FuncOp>(), isEntry))
      skipCopiesToSelf(b, function);
  }
};
} // namespace
} // namespace fovea
