// Sorts the constants at the start of each function by type and value. Folding leaves them in the
// order in which it met them; sorted, programs that became equal also print, and so hash, equal.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_ORDERCONSTANTSPASS
#include "passes/Passes.h.inc"
} // namespace fovea

static std::string printed(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream os(text);
  attribute.print(os);
  return text;
}

namespace {
struct OrderConstantsPass : fovea::impl::OrderConstantsPassBase<OrderConstantsPass> {
  using Base::Base;
  void runOnOperation() override {
    if (getOperation().isDeclaration())
      return;
    Block &entry = getOperation().front();
    using Entry = std::tuple<std::string, size_t, arith::ConstantOp>; // equal ones stay in order
    SmallVector<Entry> scalars;
    for (auto op : entry.getOps<arith::ConstantOp>())
      if (!isa<ShapedType>(op.getType())) // printing large tensors costs more than it is worth
        scalars.emplace_back(printed(op.getValue()), scalars.size(), op);
    llvm::sort(scalars, [](const Entry &a, const Entry &b) {
      return std::tie(std::get<0>(a), std::get<1>(a)) < std::tie(std::get<0>(b), std::get<1>(b));
    });
    for (auto &[text, position, op] : llvm::reverse(scalars))
      op->moveBefore(&entry, entry.begin());
  }
};
} // namespace
