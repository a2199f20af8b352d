// bf16 becomes integers: conversions are done on bits, and values are held as bits. LLVM leaves
// rounding to bf16 to a function that is in no library of Debian 12, and it rounds even what only
// moves: on CPUs without bf16 it holds a value that lives across blocks as f32. Assumes that
// arithmetic on bf16 has gone, so that the rest does not care; the verifier refuses what does.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/vector/FloatMath.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_EXPANDBF16PASS
#include "passes/Passes.h.inc"

/// A double as f32, towards zero and with the last bit set if that is inexact. Rounded once more,
/// to 22 bits or fewer, it gives what rounding the double gives.
static Value truncateToOdd(OpBuilder &b, Location loc, Value x) {
  Type type = x.getType(), f32 = withElement(type, b.getF32Type());
  Type i32 = withElement(type, b.getI32Type());
  Value nearest = arith::TruncFOp::create(b, loc, f32, x);
  Value back = arith::ExtFOp::create(b, loc, type, nearest);
  Value inexact = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, back, x);
  Value larger =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, math::AbsFOp::create(b, loc, back),
                            math::AbsFOp::create(b, loc, x));
  Value bits = arith::BitcastOp::create(b, loc, i32, nearest);
  Value towardsZero =
      arith::SubIOp::create(b, loc, bits, arith::ExtUIOp::create(b, loc, i32, larger));
  Value one = arith::ConstantOp::create(b, loc, b.getOneAttr(i32));
  Value odd = arith::OrIOp::create(b, loc, towardsZero, one);
  Value result = arith::SelectOp::create(b, loc, inexact, odd, bits);
  return arith::BitcastOp::create(b, loc, f32, result);
}

/// f64 to bf16 through f32.
static LogicalResult splitTruncation(arith::TruncFOp op, PatternRewriter &rewriter) {
  if (!getElementTypeOrSelf(op.getType()).isBF16() ||
      !getElementTypeOrSelf(op.getIn().getType()).isF64())
    return rewriter.notifyMatchFailure(op, "not from f64 to bf16");
  Value odd = truncateToOdd(rewriter, op.getLoc(), op.getIn());
  rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), odd);
  return success();
}

/// bf16 to f64 through f32.
static LogicalResult splitExtension(arith::ExtFOp op, PatternRewriter &rewriter) {
  if (!getElementTypeOrSelf(op.getType()).isF64() ||
      !getElementTypeOrSelf(op.getIn().getType()).isBF16())
    return rewriter.notifyMatchFailure(op, "not from bf16 to f64");
  Type f32 = withElement(op.getType(), rewriter.getF32Type());
  Value wide = arith::ExtFOp::create(rewriter, op.getLoc(), f32, op.getIn());
  rewriter.replaceOpWithNewOp<arith::ExtFOp>(op, op.getType(), wide);
  return success();
}

static std::optional<Attribute> bitsOf(DenseElementsAttr constant) {
  if (!constant.getElementType().isBF16())
    return std::nullopt;
  return constant.bitcast(IntegerType::get(constant.getContext(), 16));
}

static std::optional<Attribute> bitsOf(FloatAttr constant) {
  if (!constant.getType().isBF16())
    return std::nullopt;
  return IntegerAttr::get(IntegerType::get(constant.getContext(), 16),
                          constant.getValue().bitcastToAPInt());
}

static void holdAsBits(ModuleOp module) {
  AttrTypeReplacer replacer;
  replacer.addReplacement(
      [](BFloat16Type type) -> Type { return IntegerType::get(type.getContext(), 16); });
  replacer.addReplacement([](DenseElementsAttr constant) { return bitsOf(constant); });
  replacer.addReplacement([](FloatAttr constant) { return bitsOf(constant); });
  // Not the module itself, whose attributes say what the weights are.
  for (Operation &op : *module.getBody())
    replacer.recursivelyReplaceElementsIn(&op, /*replaceAttrs=*/true, /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
}

static bool holdsBf16(Type type) { return getElementTypeOrSelf(type).isBF16(); }

/// Most modules hold none, and looking costs far less than the patterns.
static bool usesBf16(ModuleOp module) {
  WalkResult found = module.walk([](Operation *op) {
    bool uses = llvm::any_of(op->getResultTypes(), holdsBf16) ||
                llvm::any_of(op->getOperandTypes(), holdsBf16);
    if (auto function = dyn_cast<FunctionOpInterface>(op))
      uses |= llvm::any_of(function.getArgumentTypes(), holdsBf16) ||
              llvm::any_of(function.getResultTypes(), holdsBf16);
    if (auto global = dyn_cast<memref::GlobalOp>(op))
      uses |= holdsBf16(global.getType());
    return uses ? WalkResult::interrupt() : WalkResult::advance();
  });
  return found.wasInterrupted();
}

namespace {
struct ExpandBf16Pass : impl::ExpandBf16PassBase<ExpandBf16Pass> {
  using Base::Base;
  void runOnOperation() override {
    if (!usesBf16(getOperation()))
      return;
    RewritePatternSet patterns(&getContext());
    patterns.add(splitTruncation);
    patterns.add(splitExtension);
    arith::populateExpandBFloat16Patterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    holdAsBits(getOperation());
  }
};
} // namespace
} // namespace fovea
