// Names in printed masks.
#include "dialect/AttnOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "passes/mask/MaskPredicate.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace fovea;

/// The name that the description gives a tensor; empty if it gives none.
static std::string describedName(Value tensor) {
  if (auto weight = tensor.getDefiningOp<attn::WeightOp>())
    return weight.getName().str();
  auto arg = dyn_cast<BlockArgument>(tensor);
  auto function =
      arg ? dyn_cast<FunctionOpInterface>(arg.getOwner()->getParentOp()) : FunctionOpInterface();
  if (!function)
    return "";
  auto name = function.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "attn.name");
  return name ? name.str() : "";
}

std::string MaskNamer::nameTensor(Value tensor) {
  std::string name = describedName(tensor);
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
  if (auto dim = value.getDefiningOp<tensor::DimOp>())
    if (std::optional<int64_t> index = dim.getConstantIndex())
      return "dim" + std::to_string(*index);
  Operation *read = value.getDefiningOp();
  if (!isa_and_nonnull<tensor::ExtractOp, memref::LoadOp>(read))
    return nameTensor(value);
  SmallVector<std::string> indices;
  for (Value index : llvm::drop_begin(read->getOperands())) {
    std::optional<LinearForm> form = analyzeIndex(index, region);
    indices.push_back(form ? form->str([&](Value v) { return (*this)(v); }) : "?");
  }
  std::string tensor = nameTensor(read->getOperand(0));
  return indices.empty() ? tensor : tensor + "[" + llvm::join(indices, ", ") + "]";
}

std::string fovea::printMaskRegion(Region &region, const MaskPredicate &predicate) {
  MaskNamer namer(region);
  return predicate.str([&](Value value) { return namer(value); });
}
