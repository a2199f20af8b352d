// The shape side of an entry, as a function of its own: the runtime calls it to allocate results
// before the entry runs.
#include "dialect/VerifierUtils.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Entries.h"
#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_INFERRESULTSHAPESPASS
#include "passes/Passes.h.inc"

/// Returns all dims of the results instead of the results.
static void returnDims(OpBuilder &b, func::FuncOp shapes) {
  auto terminator = cast<func::ReturnOp>(shapes.getBody().back().getTerminator());
  b.setInsertionPoint(terminator);
  SmallVector<Value> dims;
  for (Value result : terminator.getOperands())
    for (int64_t dim = 0; dim < cast<RankedTensorType>(result.getType()).getRank(); ++dim)
      dims.push_back(b.createOrFold<tensor::DimOp>(result.getLoc(), result, dim));
  func::ReturnOp::create(b, terminator.getLoc(), dims);
  terminator.erase();
  SmallVector<Type> types(dims.size(), b.getIndexType());
  shapes.setFunctionType(b.getFunctionType(shapes.getArgumentTypes(), types));
  shapes.removeResAttrsAttr();
}

namespace {
/// A tensor that a loop carries keeps its shape: its dims are those of the initial value.
struct DimOfLoopCarried : OpRewritePattern<tensor::DimOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::DimOp dim, PatternRewriter &rewriter) const override {
    Value initial;
    if (auto argument = dyn_cast<BlockArgument>(dim.getSource())) {
      auto loop = dyn_cast<LoopLikeOpInterface>(argument.getOwner()->getParentOp());
      OpOperand *init = loop ? loop.getTiedLoopInit(argument) : nullptr;
      initial = init ? init->get() : Value();
    } else if (auto loop = dim.getSource().getDefiningOp<LoopLikeOpInterface>()) {
      OpOperand *init = loop.getTiedLoopInit(cast<OpResult>(dim.getSource()));
      initial = init ? init->get() : Value();
    }
    if (!initial)
      return rewriter.notifyMatchFailure(dim, "not a tensor carried by a loop");
    rewriter.modifyOpInPlace(dim, [&] { dim.getSourceMutable().assign(initial); });
    return success();
  }
};
} // namespace

/// Expresses dims of results by dims of operands until only dims of arguments are left, and drops
/// the computation that nobody needs any more.
static LogicalResult reduceToArgumentDims(func::FuncOp shapes) {
  MLIRContext *context = shapes.getContext();
  RewritePatternSet patterns(context);
  memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
  memref::populateResolveShapedTypeResultDimsPatterns(patterns);
  patterns.add<DimOfLoopCarried>(context);
  for (Dialect *dialect : context->getLoadedDialects())
    dialect->getCanonicalizationPatterns(patterns);
  for (RegisteredOperationName op : context->getRegisteredOperations())
    op.getCanonicalizationPatterns(patterns, context);
  return applyPatternsGreedily(shapes, std::move(patterns));
}

/// Replaces the tensor arguments by their dims. Fails if a tensor is still read.
static LogicalResult takeDimsAsArguments(OpBuilder &b, func::FuncOp shapes) {
  Block &entry = shapes.getBody().front();
  unsigned numTensors = entry.getNumArguments();
  SmallVector<Type> types;
  for (unsigned i = 0; i < numTensors; ++i) {
    auto type = cast<RankedTensorType>(entry.getArgument(i).getType());
    SmallVector<Value> dims;
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      types.push_back(b.getIndexType());
      dims.push_back(entry.addArgument(b.getIndexType(), shapes.getLoc()));
    }
    for (Operation *user : llvm::make_early_inc_range(entry.getArgument(i).getUsers())) {
      auto dim = dyn_cast<tensor::DimOp>(user);
      if (!dim || !dim.getConstantIndex())
        return user->emitError("the shape of a result depends on the data of argument ")
               << i << ", not on shapes alone";
      dim.replaceAllUsesWith(dims[*dim.getConstantIndex()]);
      dim.erase();
    }
  }
  entry.eraseArguments(0, numTensors);
  shapes.setFunctionType(b.getFunctionType(types, shapes.getResultTypes()));
  shapes.removeArgAttrsAttr();
  return success();
}

static LogicalResult verifyArguments(func::FuncOp function) {
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
    if (!isa<RankedTensorType>(type))
      return function.emitOpError("argument ") << i << ": expected a ranked tensor, got " << type;
  for (auto [i, type] : llvm::enumerate(function.getResultTypes()))
    if (!isa<RankedTensorType>(type))
      return function.emitOpError("result ") << i << ": expected a ranked tensor, got " << type;
  return success();
}

static LogicalResult inferShapes(OpBuilder &b, func::FuncOp function) {
  if (failed(verifyArguments(function)) || failed(attn::checkDimsExist(function)))
    return failure();
  b.setInsertionPointAfter(function);
  auto shapes = cast<func::FuncOp>(b.clone(*function));
  shapes.setName((function.getName() + ".result_shapes").str());
  shapes.setPrivate();
  returnDims(b, shapes);
  if (failed(reduceToArgumentDims(shapes)))
    return function.emitOpError("cannot derive the shapes of its results");
  return takeDimsAsArguments(b, shapes);
}

namespace {
struct InferResultShapesPass : impl::InferResultShapesPassBase<InferResultShapesPass> {
  using Base::Base;
  void runOnOperation() override {
    OpBuilder b(&getContext());
    for (func::FuncOp function : entriesOf(getOperation()))
      if (failed(inferShapes(b, function)))
        return signalPassFailure();
  }
};
} // namespace
} // namespace fovea
