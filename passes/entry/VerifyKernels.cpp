// What must hold of kernels before they become machine code, and what no earlier verifier
// checks: a pass that silently did nothing would otherwise show as a slow or crashing program.
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "passes/Passes.h"
#include "passes/TargetInfo.h"

using namespace mlir;
using namespace fovea;

namespace fovea {
#define GEN_PASS_DEF_VERIFYKERNELSPASS
#include "passes/Passes.h.inc"
} // namespace fovea

/// Indices are 64 bits wide, booleans a byte at least.
static int64_t bitsOf(VectorType type) {
  Type element = type.getElementType();
  int64_t bits = element.isIntOrFloat() ? element.getIntOrFloatBitWidth() : 64;
  return std::max<int64_t>(bits, 8) * type.getNumElements();
}

static LogicalResult verifyVectors(Operation *op, const TargetInfo &target) {
  int64_t available = target.vectorBits * target.vectorRegisters;
  for (Type type : op->getResultTypes()) {
    auto vector = dyn_cast<VectorType>(type);
    if (vector && bitsOf(vector) > available)
      return op->emitOpError() << "gives a " << vector << " of " << bitsOf(vector) / 8
                               << " bytes; expected at most the " << available / 8
                               << " bytes of all vector registers of target '" << target.name
                               << "'";
  }
  return success();
}

static LogicalResult verifyMemory(Operation *op) {
  if (isa<memref::AllocOp>(op))
    return op->emitOpError("is left in a kernel; expected all memory to be planned by now");
  if (isa<memref::AllocaOp>(op) && op->getParentOfType<LoopLikeOpInterface>())
    return op->emitOpError("grows the stack in every iteration of a loop");
  return success();
}

static LogicalResult verifyLowered(Operation *op) {
  bool isLinalg = isa<linalg::LinalgDialect>(op->getDialect());
  bool isGraph = isa<attn::AttnDialect>(op->getDialect()) &&
                 isa<DestinationStyleOpInterface, attn::UnfoldOp>(op);
  if (isLinalg || isGraph || isa<tensor::TensorDialect>(op->getDialect()))
    return op->emitOpError("has no lowering to loops and vectors here");
  if (llvm::any_of(op->getResultTypes(), llvm::IsaPred<TensorType>))
    return op->emitOpError("still gives a tensor");
  return success();
}

namespace {
struct VerifyKernelsPass : fovea::impl::VerifyKernelsPassBase<VerifyKernelsPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void VerifyKernelsPass::runOnOperation() {
  const TargetInfo *info = requireTarget(getOperation(), target);
  if (!info)
    return signalPassFailure();
  bool isValid = true;
  getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
    // Bodies of what is not lowered would only repeat the error.
    if (op->getDialect() && failed(verifyLowered(op))) {
      isValid = false;
      return WalkResult::skip();
    }
    bool hasLegalVectors = succeeded(verifyVectors(op, *info));
    bool hasLegalMemory = succeeded(verifyMemory(op));
    isValid = isValid && hasLegalVectors && hasLegalMemory;
    return WalkResult::advance();
  });
  if (!isValid)
    signalPassFailure();
}
