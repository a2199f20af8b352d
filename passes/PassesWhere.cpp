#include "passes/PassesWhere.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace fovea;

namespace {
class PassWhere : public PassWrapper<PassWhere, OperationPass<>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PassWhere)

  PassWhere(bool (*isNeeded)(Operation *), std::unique_ptr<Pass> pass)
      : isNeeded(isNeeded), name((pass->getName() + " where needed").str()) {
    passes.addPass(std::move(pass));
  }

  StringRef getName() const override { return name; }
  void getDependentDialects(DialectRegistry &registry) const override {
    passes.getDependentDialects(registry);
  }
  void runOnOperation() override {
    WalkResult found = getOperation()->walk([&](Operation *op) {
      return isNeeded(op) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (found.wasInterrupted() && failed(runPipeline(passes, getOperation())))
      signalPassFailure();
  }

private:
  bool (*isNeeded)(Operation *);
  std::string name;
  OpPassManager passes;
};
} // namespace

std::unique_ptr<Pass> fovea::runWhere(bool (*isNeeded)(Operation *), std::unique_ptr<Pass> pass) {
  return std::make_unique<PassWhere>(isNeeded, std::move(pass));
}

/// Not a vector, or one of one dim.
static bool isSimple(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return !vector || (vector.getRank() == 1 && !vector.isScalable());
}

bool fovea::isRareVectorOp(Operation *op) {
  if (!isa_and_nonnull<vector::VectorDialect>(op->getDialect()))
    return false;
  if (!llvm::all_of(op->getOperandTypes(), isSimple) ||
      !llvm::all_of(op->getResultTypes(), isSimple))
    return true;
  if (auto broadcast = dyn_cast<vector::BroadcastOp>(op))
    return isa<VectorType>(broadcast.getSourceType());
  return !isa<vector::LoadOp, vector::StoreOp, vector::FMAOp, vector::ShuffleOp, vector::ExtractOp,
              vector::InsertOp, vector::ReductionOp>(op);
}

static bool isNarrowFloat(Type type) {
  auto element = dyn_cast<FloatType>(getElementTypeOrSelf(type));
  return element && element.getWidth() < 32;
}

bool fovea::isNarrowFloatOp(Operation *op) {
  bool computes = isa_and_nonnull<arith::ArithDialect, math::MathDialect, vector::VectorDialect>(
      op->getDialect());
  return computes && (llvm::any_of(op->getOperandTypes(), isNarrowFloat) ||
                      llvm::any_of(op->getResultTypes(), isNarrowFloat));
}

bool fovea::isNarrowMathOp(Operation *op) {
  return isa_and_nonnull<math::MathDialect>(op->getDialect()) && isNarrowFloatOp(op);
}

bool fovea::isExpandedArithOp(Operation *op) {
  return isa<arith::CeilDivSIOp, arith::CeilDivUIOp, arith::FloorDivSIOp, arith::MaximumFOp,
             arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp>(op);
}

bool fovea::isRareMathOp(Operation *op) {
  return isa_and_nonnull<math::MathDialect>(op->getDialect()) &&
         !isa<math::FmaOp, math::SqrtOp, math::AbsFOp, math::FloorOp, math::CeilOp, math::SinOp,
              math::CosOp, math::ExpOp, math::Exp2Op, math::LogOp, math::Log2Op, math::PowFOp,
              math::RsqrtOp, math::CopySignOp, math::RoundEvenOp, math::TruncOp>(op);
}

bool fovea::isPlannedOp(Operation *op) {
  if (auto function = dyn_cast<func::FuncOp>(op))
    return function.getName().ends_with(".workspace_size");
  return isa<attn::LaunchOp, attn::WorkspaceOp>(op);
}
