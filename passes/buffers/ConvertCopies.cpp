// memref.copy would become a call into a runtime library; as linalg.copy it becomes a loop.
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_CONVERTCOPIESPASS
#include "passes/Passes.h.inc"

namespace {
struct ConvertCopiesPass : impl::ConvertCopiesPassBase<ConvertCopiesPass> {
  using Base::Base;
  void runOnOperation() override {
    getOperation().walk([](memref::CopyOp copy) {
      OpBuilder b(copy);
      // A result computed in place is "copied" onto itself.
      if (copy.getSource() != copy.getTarget())
        linalg::CopyOp::create(b, copy.getLoc(), copy.getSource(), copy.getTarget());
      copy.erase();
    });
  }
};
} // namespace
} // namespace fovea
