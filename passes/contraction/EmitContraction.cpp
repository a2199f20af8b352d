// Contractions of floats on buffers to vector loops: products of panels.
#include "passes/contraction/EmitContraction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/Passes.h"
#include "passes/Report.h"
#include "passes/contraction/EmitQuantizedProduct.h"
#include "passes/contraction/SharedRows.h"

using namespace mlir;
using namespace fovea;

namespace fovea {
#define GEN_PASS_DEF_EMITCONTRACTIONPASS
#include "passes/Passes.h.inc"
} // namespace fovea

static void emitContraction(EmitBuilder &b, const Contraction &contraction,
                            const TargetInfo &target, SharedRows &shared) {
  auto linalgOp = cast<linalg::LinalgOp>(*contraction.op);
  SmallVector<Value> sizes, ivs(linalgOp.getNumLoops());
  for (Range range : linalgOp.createLoopRanges(b, b.getLoc()))
    sizes.push_back(getValueOrCreateConstantIndexOp(b, b.getLoc(), range.size));
  std::optional<PackedFactor> packed = prepackRows(contraction, target, shared);
  auto emitFrom = [&](auto &&self, size_t depth) -> void {
    if (depth == contraction.outer.size()) {
      ContractionEmitter emitter(b, contraction, target, sizes, ivs, packed ? &*packed : nullptr);
      return contraction.quantized ? emitQuantizedProduct(emitter) : emitter.emit();
    }
    unsigned dim = contraction.outer[depth];
    b.loop(b.index(0), sizes[dim], 1, [&](Value iv) {
      ivs[dim] = iv;
      self(self, depth + 1);
    });
  };
  emitFrom(emitFrom, 0);
}

Value fovea::allocateScratch(EmitBuilder &builder, Operation *op, ArrayRef<int64_t> shape,
                             Type element) {
  OpBuilder::InsertionGuard guard(builder);
  if (auto forall = op->getParentOfType<scf::ForallOp>())
    builder.setInsertionPointToStart(forall.getBody());
  else
    builder.setInsertionPointToStart(&op->getParentOfType<func::FuncOp>().getBody().front());
  return memref::AllocOp::create(builder, MemRefType::get(shape, element),
                                 builder.getI64IntegerAttr(64));
}

namespace {
struct EmitContractionPass : fovea::impl::EmitContractionPassBase<EmitContractionPass> {
  using Base::Base;
  void runOnOperation() override;
  void emit(IRRewriter &rewriter, linalg::LinalgOp op, const TargetInfo &target,
            SharedRows &shared);
};
} // namespace

/// Panels of b, if there are such, are as wide as the target's vectors.
static bool hasPanelsFor(const Contraction &contraction, const TargetInfo &target) {
  if (contraction.quantized)
    return contraction.quantized->shape().lanes == target.lanes(32);
  auto type = cast<MemRefType>(contraction.b.operand->get().getType());
  return !contraction.b.inPanels ||
         type.getShape().back() == target.lanes(contraction.accumulator.getIntOrFloatBitWidth());
}

/// Only what is a contraction is rewritten to linalg.generic; the rest stays as it is.
void EmitContractionPass::emit(IRRewriter &rewriter, linalg::LinalgOp op, const TargetInfo &target,
                               SharedRows &shared) {
  rewriter.setInsertionPoint(op);
  auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
  if (!generic) {
    FailureOr<linalg::GenericOp> generalized = linalg::generalizeNamedOp(rewriter, op);
    if (failed(generalized))
      return;
    generic = *generalized;
  }
  std::string why;
  auto contraction = matchContraction(generic, why);
  if (contraction && !hasPanelsFor(*contraction, target)) {
    contraction.reset();
    why = "its weight is in panels for another target";
  }
  if (!contraction)
    return fovea::remark(generic, "contraction", "left to the vectoriser: " + why);
  if (linalg::FillOp fill = findNeedlessFill(*contraction)) {
    contraction->overwrites = true;
    rewriter.eraseOp(fill);
  }
  EmitBuilder b(generic.getLoc(), rewriter);
  b.setInsertionPoint(generic);
  emitContraction(b, *contraction, target, shared);
  rewriter.eraseOp(generic);
}

void EmitContractionPass::runOnOperation() {
  const TargetInfo *info = requireTarget(getOperation(), target);
  if (!info)
    return signalPassFailure();
  SmallVector<linalg::LinalgOp> ops;
  getOperation().walk([&](linalg::LinalgOp op) {
    if (op.hasPureBufferSemantics() && (linalg::isaContractionOpInterface(op) || readsPanels(op)))
      ops.push_back(op);
  });
  IRRewriter rewriter(&getContext());
  SharedRows shared;
  for (linalg::LinalgOp op : ops)
    emit(rewriter, op, *info, shared);
}
