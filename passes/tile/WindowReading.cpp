#include "passes/tile/WindowReading.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace fovea;

/// The same elements before the op that made the source, if that only moves elements.
static bool stepBack(WindowReading &reading) {
  Operation *op = reading.source.getDefiningOp();
  SmallVector<AffineExpr> at = reading.at;
  if (auto unfold = dyn_cast_or_null<attn::UnfoldOp>(op)) {
    AffineExpr tap = at.pop_back_val();
    at[unfold.getDim()] = at[unfold.getDim()] * unfold.getStep() + tap;
    reading.source = unfold.getSource();
  } else if (auto transpose = dyn_cast_or_null<linalg::TransposeOp>(op)) {
    for (auto [expr, dim] : llvm::zip(reading.at, transpose.getPermutation()))
      at[dim] = expr;
    reading.source = transpose.getInput();
  } else {
    // Every second tap, of a dilated convolution.
    auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op);
    if (!slice || slice.getType().getRank() != slice.getSourceType().getRank() ||
        llvm::any_of(slice.getStaticOffsets(), ShapedType::isDynamic) ||
        llvm::any_of(slice.getStaticStrides(), ShapedType::isDynamic))
      return false;
    for (auto [expr, offset, stride] :
         llvm::zip(at, slice.getStaticOffsets(), slice.getStaticStrides()))
      expr = expr * stride + offset;
    reading.source = slice.getSource();
  }
  reading.at = at;
  return true;
}

static int64_t rankOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getRank(); }

std::optional<WindowReading> fovea::findWindows(Value value) {
  WindowReading reading{value, value, {}};
  for (int64_t dim = 0; dim < rankOf(value); ++dim)
    reading.at.push_back(getAffineDimExpr(dim, value.getContext()));
  // What lies before the first of several unfolds stays.
  std::optional<WindowReading> windows;
  while (true) {
    bool isUnfold = reading.source.getDefiningOp<attn::UnfoldOp>() != nullptr;
    if (!stepBack(reading))
      return windows;
    if (isUnfold)
      windows = reading;
  }
}

int64_t WindowReading::stepAlong(unsigned dim) const {
  MLIRContext *context = windows.getContext();
  SmallVector<AffineExpr> dims(rankOf(windows), getAffineConstantExpr(0, context));
  auto valueAt = [&](int64_t index) {
    dims[dim] = getAffineConstantExpr(index, context);
    return cast<AffineConstantExpr>(at.back().replaceDims(dims)).getValue();
  };
  return valueAt(1) - valueAt(0);
}

bool WindowReading::isAdded(unsigned dim) const {
  return llvm::any_of(
      at, [&](AffineExpr expr) { return !isa<AffineDimExpr>(expr) && expr.isFunctionOfDim(dim); });
}
