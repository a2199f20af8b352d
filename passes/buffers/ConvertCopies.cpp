// memref.copy would become a call into a runtime library; as linalg.copy it becomes a loop, and one
// that threads share if it is not in such a loop already.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/Passes.h"
#include "passes/vector/EmitBuilder.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_CONVERTCOPIESPASS
#include "passes/Passes.h.inc"

/// Elements that a task copies at least: fewer are copied sooner than a thread wakes up.
static constexpr int64_t elementsPerTask = 4096;

/// The outermost dim that is not known to be 1, if there is another after it.
static std::optional<int64_t> dimToCut(MemRefType type) {
  for (int64_t dim = 0; dim + 1 < type.getRank(); ++dim)
    if (type.getDimSize(dim) != 1)
      return dim;
  return std::nullopt;
}

/// How many of the dim a task copies.
static Value stepOf(EmitBuilder &b, Value memref, int64_t dim) {
  Value each = b.index(1);
  for (int64_t inner = dim + 1; inner < cast<MemRefType>(memref.getType()).getRank(); ++inner)
    each = b.mul(each, b.dim(memref, inner));
  each = b.createOrFold<arith::MaxSIOp>(each, b.index(1));
  return b.createOrFold<arith::CeilDivUIOp>(b.index(elementsPerTask), each);
}

static void copyInParallel(EmitBuilder &b, memref::CopyOp copy, int64_t dim) {
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, b.getLoc(), copy.getSource());
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  Value step = stepOf(b, copy.getSource(), dim), size = b.dim(copy.getSource(), dim);
  auto loop = scf::ForallOp::create(b, b.getLoc(), ArrayRef<OpFoldResult>{b.getIndexAttr(0)},
                                    getAsOpFoldResult(size), getAsOpFoldResult(step), ValueRange(),
                                    std::nullopt);
  loop->setAttr("attn.kernel_name", b.getStringAttr("copy"));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value first = loop.getInductionVar(0);
  offsets[dim] = first;
  sizes[dim] = getAsOpFoldResult(b.min(step, b.sub(size, first)));
  auto part = [&](Value whole) -> Value {
    return memref::SubViewOp::create(b, whole, offsets, sizes, strides);
  };
  linalg::CopyOp::create(b, part(copy.getSource()), part(copy.getTarget()));
}

static void convert(memref::CopyOp copy) {
  EmitBuilder b(copy.getLoc(), copy);
  std::optional<int64_t> dim = dimToCut(cast<MemRefType>(copy.getSource().getType()));
  if (dim && !copy->getParentOfType<scf::ForallOp>())
    copyInParallel(b, copy, *dim);
  else
    linalg::CopyOp::create(b, copy.getSource(), copy.getTarget());
}

namespace {
struct ConvertCopiesPass : impl::ConvertCopiesPassBase<ConvertCopiesPass> {
  using Base::Base;
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, linalg::LinalgDialect, memref::MemRefDialect,
                    scf::SCFDialect>();
  }
  void runOnOperation() override {
    getOperation().walk([](memref::CopyOp copy) {
      // A result computed in place is "copied" onto itself.
      if (copy.getSource() != copy.getTarget())
        convert(copy);
      copy.erase();
    });
  }
};
} // namespace
} // namespace fovea
