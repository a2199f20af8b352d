// BufferizableOpInterface of the attn ops. A destination-style op becomes itself on buffers and
// writes into the buffers of its inits, a weight is memory that nobody may write, and an unfold
// is a view of its source. Tensors that regions read are bufferized by the ops that read them.
#include "dialect/BufferizeImpl.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace fovea::attn;

/// Puts `op` on the buffers of its operands. Regions are moved: their ops may be bufferized
/// before or after this.
static LogicalResult bufferizeDestinationOp(RewriterBase &rewriter, DestinationStyleOpInterface op,
                                            const BufferizationOptions &options,
                                            BufferizationState &state) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  SmallVector<Value> operands, inits;
  for (OpOperand &operand : op->getOpOperands()) {
    Value value = operand.get();
    if (isa<TensorType>(value.getType())) {
      FailureOr<Value> buffer = getBuffer(rewriter, value, options, state);
      if (failed(buffer))
        return failure();
      value = *buffer;
    }
    operands.push_back(value);
    if (op.isDpsInit(&operand))
      inits.push_back(value);
  }
  Operation *onBuffers = mlir::cloneWithoutRegions(rewriter, op, TypeRange(), operands);
  for (auto [from, to] : llvm::zip_equal(op->getRegions(), onBuffers->getRegions()))
    if (!from.empty())
      rewriter.inlineRegionBefore(from, to, to.begin());
  replaceOpWithBufferizedValues(rewriter, op, inits);
  return success();
}

namespace {
template <typename OpTy>
struct DestinationModel : DstBufferizableOpInterfaceExternalModel<DestinationModel<OpTy>, OpTy> {
  /// All ops overwrite their inits, except that a cache keeps the rows that are not written.
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand, const AnalysisState &) const {
    return cast<DestinationStyleOpInterface>(op).isDpsInput(&operand) || isa<CacheAppendOp>(op);
  }

  /// An element of the result depends on that element of the source alone, so one buffer may be
  /// both. A mask that is broadcast is no such source.
  bool bufferizesToElementwiseAccess(Operation *op, const AnalysisState &,
                                     ArrayRef<OpOperand *> operands) const {
    if (auto mask = dyn_cast<ApplyMaskOp>(op))
      return !llvm::is_contained(operands, &mask.getMaskMutable());
    return isa<DropoutOp>(op);
  }

  /// A region runs once an element.
  bool isRepetitiveRegion(Operation *, unsigned) const { return true; }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options, BufferizationState &state) const {
    return bufferizeDestinationOp(rewriter, cast<DestinationStyleOpInterface>(op), options, state);
  }
};

struct WeightModel : BufferizableOpInterface::ExternalModel<WeightModel, WeightOp> {
  bool isWritable(Operation *, Value, const AnalysisState &) const { return false; }

  FailureOr<BufferLikeType> getBufferType(Operation *, Value value, const BufferizationOptions &,
                                          const BufferizationState &, SmallVector<Value> &) const {
    auto type = cast<RankedTensorType>(value.getType());
    return cast<BufferLikeType>(MemRefType::get(type.getShape(), type.getElementType()));
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter, const BufferizationOptions &,
                          BufferizationState &) const {
    auto weight = cast<WeightOp>(op);
    auto type = cast<RankedTensorType>(weight.getType());
    replaceOpWithNewBufferizedOp<WeightOp>(
        rewriter, op, MemRefType::get(type.getShape(), type.getElementType()), weight.getNameAttr(),
        weight.getIndices(), weight.getCountsAttr(), weight.getSpansAttr(), weight.getSourceAttr(),
        weight.getPanelDimAttr());
    return success();
  }
};

struct UnfoldModel : BufferizableOpInterface::ExternalModel<UnfoldModel, UnfoldOp> {
  bool bufferizesToMemoryRead(Operation *, OpOperand &, const AnalysisState &) const {
    return false;
  }
  bool bufferizesToMemoryWrite(Operation *, OpOperand &, const AnalysisState &) const {
    return false;
  }
  AliasingValueList getAliasingValues(Operation *op, OpOperand &, const AnalysisState &) const {
    return {{op->getResult(0), BufferRelation::Unknown}};
  }
  /// Windows overlap: writing one would write another.
  bool isWritable(Operation *, Value, const AnalysisState &) const { return false; }

  /// Strides of the source, that of `dim` times the step, and that of `dim` for the new last dim.
  static FailureOr<MemRefType> getViewType(UnfoldOp op, MemRefType source) {
    SmallVector<int64_t> strides;
    int64_t offset;
    if (failed(source.getStridesAndOffset(strides, offset)))
      return failure();
    int64_t &stride = strides[op.getDim()];
    int64_t elementStride = stride;
    if (ShapedType::isStatic(stride))
      stride *= op.getStep();
    strides.push_back(elementStride);
    return MemRefType::get(op.getType().getShape(), source.getElementType(),
                           StridedLayoutAttr::get(op.getContext(), offset, strides),
                           source.getMemorySpace());
  }

  FailureOr<BufferLikeType> getBufferType(Operation *op, Value, const BufferizationOptions &options,
                                          const BufferizationState &state,
                                          SmallVector<Value> &invocationStack) const {
    auto unfold = cast<UnfoldOp>(op);
    FailureOr<BufferLikeType> source =
        bufferization::getBufferType(unfold.getSource(), options, state, invocationStack);
    if (failed(source))
      return failure();
    FailureOr<MemRefType> view = getViewType(unfold, cast<MemRefType>(*source));
    if (failed(view))
      return failure();
    return cast<BufferLikeType>(*view);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options, BufferizationState &state) const {
    auto unfold = cast<UnfoldOp>(op);
    Location loc = op->getLoc();
    ReifiedRankedShapedTypeDims sizes;
    FailureOr<Value> source = getBuffer(rewriter, unfold.getSource(), options, state);
    if (failed(source) || failed(unfold.reifyResultShapes(rewriter, sizes)))
      return failure();
    FailureOr<MemRefType> view = getViewType(unfold, cast<MemRefType>(source->getType()));
    if (failed(view))
      return op->emitOpError("expected a source with strides, got ") << source->getType();

    auto metadata = memref::ExtractStridedMetadataOp::create(rewriter, loc, *source);
    SmallVector<OpFoldResult> strides = metadata.getConstifiedMixedStrides();
    OpFoldResult elementStride = strides[unfold.getDim()];
    strides[unfold.getDim()] = affine::makeComposedFoldedAffineApply(
        rewriter, loc, rewriter.getAffineSymbolExpr(0) * unfold.getStep(), {elementStride});
    strides.push_back(elementStride);
    replaceOpWithNewBufferizedOp<memref::ReinterpretCastOp>(
        rewriter, op, *view, metadata.getBaseBuffer(), metadata.getConstifiedMixedOffset(),
        sizes[0], strides);
    return success();
  }
};
} // namespace

template <typename... Ops>
static void attachDestinationModels(MLIRContext &context) {
  (Ops::template attachInterface<DestinationModel<Ops>>(context), ...);
}

void fovea::attn::registerAttnExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, AttnDialect *) {
    attachDestinationModels<AttentionOp, CreateMaskOp, ApplyMaskOp, SoftmaxOp, RotaryOp,
                            CacheAppendOp, QuantizeRowsOp, DropoutOp, SampleOp>(*context);
    WeightOp::attachInterface<WeightModel>(*context);
    UnfoldOp::attachInterface<UnfoldModel>(*context);
    context->loadDialect<BufferizationDialect>();
  });
}
