// Tensors to buffers, with upstream's one-shot bufferisation. What is ours is where results go:
// entries write into out-parameters, loops carry one buffer per tensor.
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/DimSizes.h"
#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_BUFFERIZEPASS
#include "passes/Passes.h.inc"

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
    bufferization::MaterializeInDestinationOp::create(b, value.getLoc(), /*result=*/Type(), value,
                                                      function.getArgument(position),
                                                      /*restrict=*/true, /*writable=*/true);
  }
  func::ReturnOp::create(b, terminator.getLoc());
  terminator.erase();
  function.setFunctionType(b.getFunctionType(function.getArgumentTypes(), {}));
  function.removeResAttrsAttr();
  function->setAttr("attn.num_results", b.getI64IntegerAttr(numResults));
  return success();
}

/// Makes each tensor that a loop yields end up in the buffer that the iteration started with,
/// so that iterations neither allocate nor swap buffers.
static void keepLoopBuffers(OpBuilder &b, scf::ForOp loop) {
  auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
  b.setInsertionPoint(yield);
  for (auto [i, carried] : llvm::enumerate(loop.getRegionIterArgs())) {
    Value next = yield.getOperand(i);
    if (!isa<RankedTensorType>(carried.getType()) || next == carried)
      continue;
    yield.setOperand(i, bufferization::MaterializeInDestinationOp::create(
                            b, next.getLoc(), carried.getType(), next, carried)
                            .getResult());
  }
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

namespace {
struct BufferizePass : impl::BufferizePassBase<BufferizePass> {
  using Base::Base;
  void runOnOperation() override {
    OpBuilder b(&getContext());
    // While sizes can be followed through tensors: those of buffers must be stated in terms of the
    // arguments' dims.
    for (auto function : getOperation().getOps<func::FuncOp>())
      shareDims(function);
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal() &&
          failed(resultsToOutParameters(b, function)))
        return signalPassFailure();
    getOperation().walk([&](scf::ForOp loop) { keepLoopBuffers(b, loop); });

    // Compute results where they are wanted rather than copy them there.
    IRRewriter rewriter(&getContext());
    if (failed(bufferization::eliminateEmptyTensors(rewriter, getOperation())))
      return signalPassFailure();
    bufferization::BufferizationState state;
    if (failed(bufferization::runOneShotModuleBufferize(getOperation(), bufferizationOptions(),
                                                        state)))
      return signalPassFailure();
  }
};
} // namespace
} // namespace fovea
