// Names in printed masks.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/mask/DataNames.h"
#include "passes/mask/MaskPredicate.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace fovea;

std::string MaskNamer::nameTensor(Value tensor) {
  std::string name = nameData(tensor);
  if (!name.empty())
    return name;
  auto it = llvm::find(unnamed, tensor);
  if (it == unnamed.end()) {
    unnamed.push_back(tensor);
    it = unnamed.end() - 1;
  }
  return "%" + std::to_string(it - unnamed.begin());
}

std::string MaskNamer::operator()(Value value) {
  static constexpr StringLiteral indexNames[] = {"b", "h", "i", "j"};
  auto arg = dyn_cast<BlockArgument>(value);
  if (arg && arg.getOwner()->getParent() == &region && region.getNumArguments() <= 4)
    return indexNames[4 - region.getNumArguments() + arg.getArgNumber()].str();
  if (auto dim = value.getDefiningOp<ShapedDimOpInterface>())
    if (std::optional<int64_t> index = getConstantIntValue(dim.getDimension())) {
      std::string name = nameDim(dim.getShapedValue(), *index);
      return name.empty() ? "dim" + std::to_string(*index) : name;
    }
  // What the first tile has added to b or h: both together are what the mask means.
  if (arg && isa<scf::ForallOp>(arg.getOwner()->getParentOp()))
    return "";
  if (std::optional<std::string> name = nameLoopIndex(value))
    return *name;
  Operation *read = value.getDefiningOp();
  if (!isa_and_nonnull<tensor::ExtractOp, memref::LoadOp>(read))
    return nameTensor(value);
  SmallVector<std::string> indices;
  for (Value index : llvm::drop_begin(read->getOperands()))
    indices.push_back(nameIndex(index));
  std::string tensor = nameTensor(read->getOperand(0));
  return indices.empty() ? tensor : tensor + "[" + llvm::join(indices, ", ") + "]";
}

/// An index in brackets, which may be clamped to those that there are.
std::string MaskNamer::nameIndex(Value index) {
  if (std::optional<LinearForm> form = analyzeIndex(index, region))
    return form->str([&](Value value) { return (*this)(value); });
  Operation *op = index.getDefiningOp();
  if (isa_and_nonnull<arith::IndexCastOp>(op))
    return nameIndex(op->getOperand(0));
  if (!isa_and_nonnull<arith::MaxSIOp, arith::MinSIOp>(op))
    return "...";
  return (isa<arith::MaxSIOp>(op) ? "max(" : "min(") + nameIndex(op->getOperand(0)) + ", " +
         nameIndex(op->getOperand(1)) + ")";
}

std::string fovea::printMaskRegion(Region &region, const MaskPredicate &predicate) {
  MaskNamer namer(region);
  return predicate.str([&](Value value) { return namer(value); });
}
