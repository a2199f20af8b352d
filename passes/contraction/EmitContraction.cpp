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
#include "passes/contraction/SiblingProducts.h"

using namespace mlir;
using namespace fovea;

namespace fovea {
#define GEN_PASS_DEF_EMITCONTRACTIONPASS
#include "passes/Passes.h.inc"
} // namespace fovea

/// One contraction, or two siblings, whose loops and rows are the same.
static void emitContractions(EmitBuilder &b, ArrayRef<Contraction> contractions,
                             const TargetInfo &target, SharedRows &shared) {
  const Contraction &first = contractions.front();
  auto linalgOp = cast<linalg::LinalgOp>(*first.op);
  SmallVector<Value> sizes, ivs(linalgOp.getNumLoops());
  for (Range range : linalgOp.createLoopRanges(b, b.getLoc()))
    sizes.push_back(getValueOrCreateConstantIndexOp(b, b.getLoc(), range.size));
  std::optional<PackedFactor> packed = prepackRows(first, target, shared);
  auto emitInside = [&] {
    SmallVector<ContractionEmitter, 2> emitters;
    for (const Contraction &contraction : contractions)
      emitters.emplace_back(b, contraction, target, sizes, ivs, packed ? &*packed : nullptr);
    first.quantized ? emitQuantizedProducts(emitters) : emitPanelProducts(emitters);
  };
  auto emitFrom = [&](auto &&self, size_t depth) -> void {
    if (depth == first.outer.size())
      return emitInside();
    unsigned dim = first.outer[depth];
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
static std::optional<Contraction> match(IRRewriter &rewriter, linalg::LinalgOp op,
                                        const TargetInfo &target) {
  rewriter.setInsertionPoint(op);
  auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
  if (!generic) {
    FailureOr<linalg::GenericOp> generalized = linalg::generalizeNamedOp(rewriter, op);
    if (failed(generalized))
      return std::nullopt;
    generic = *generalized;
  }
  std::string why;
  auto contraction = matchContraction(generic, why);
  if (contraction && !hasPanelsFor(*contraction, target)) {
    contraction.reset();
    why = "its weight is in panels for another target";
  }
  if (!contraction)
    fovea::remark(generic, "contraction", "left to the vectoriser: " + why);
  return contraction;
}

static void dropNeedlessFill(IRRewriter &rewriter, Contraction &contraction) {
  linalg::FillOp fill = findNeedlessFill(contraction);
  if (!fill)
    return;
  contraction.overwrites = true;
  rewriter.eraseOp(fill);
}

/// Emits siblings where the second one is.
static void emit(IRRewriter &rewriter, MutableArrayRef<Contraction> contractions,
                 const TargetInfo &target, SharedRows &shared) {
  for (Contraction &contraction : contractions)
    dropNeedlessFill(rewriter, contraction);
  linalg::GenericOp last = contractions.back().op;
  EmitBuilder b(last.getLoc(), rewriter);
  b.setInsertionPoint(last);
  emitContractions(b, contractions, target, shared);
  for (Contraction &contraction : contractions)
    rewriter.eraseOp(contraction.op);
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
  auto siblings = findSiblings(ops);
  DenseMap<Operation *, Contraction> waiting; // the first of two siblings, for the second
  for (linalg::LinalgOp op : ops) {
    SmallVector<Contraction, 2> together;
    if (auto first = waiting.find(op); first != waiting.end())
      together.push_back(first->second);
    std::optional<Contraction> contraction = match(rewriter, op, *info);
    Operation *second = siblings.lookup(op);
    if (contraction && second) {
      waiting.try_emplace(second, *contraction);
      continue;
    }
    if (contraction)
      together.push_back(*contraction);
    if (!together.empty())
      emit(rewriter, together, *info, shared);
  }
}
