#include "passes/mask/DataNames.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace fovea;

/// An attribute of the function argument that `value` is.
template <typename Attr>
static Attr argumentAttr(Value value, StringRef name) {
  auto arg = dyn_cast<BlockArgument>(value);
  auto function =
      arg ? dyn_cast<FunctionOpInterface>(arg.getOwner()->getParentOp()) : FunctionOpInterface();
  return function ? function.getArgAttrOfType<Attr>(arg.getArgNumber(), name) : Attr();
}

std::string fovea::nameData(Value value) {
  if (auto weight = value.getDefiningOp<attn::WeightOp>())
    return weight.getName().str();
  if (auto name = argumentAttr<StringAttr>(value, "attn.name"))
    return name.str();
  if (auto arg = dyn_cast<BlockArgument>(value);
      arg && isa<FunctionOpInterface>(arg.getOwner()->getParentOp()))
    return "arg" + std::to_string(arg.getArgNumber());
  std::string place;
  value.getLoc()->walk([&](Location loc) { // of calls that were inlined the callee comes first
    auto line = dyn_cast<FileLineColLoc>(loc);
    if (!line)
      return WalkResult::advance();
    place = std::to_string(line.getLine()) + ":" + std::to_string(line.getColumn());
    return WalkResult::interrupt();
  });
  return place.empty() ? place : "data@" + place;
}

std::string fovea::nameDim(Value shaped, int64_t dim) {
  // What a loop carries keeps its sizes.
  if (auto arg = dyn_cast<BlockArgument>(shaped))
    if (auto loop = dyn_cast<LoopLikeOpInterface>(arg.getOwner()->getParentOp()))
      if (OpOperand *init = loop.getTiedLoopInit(arg))
        return nameDim(init->get(), dim);
  auto dims = argumentAttr<ArrayAttr>(shaped, "attn.dims");
  if (dims && dim >= 0 && dim < static_cast<int64_t>(dims.size()))
    if (auto name = dyn_cast<StringAttr>(dims[dim]);
        name && !name.getValue().empty() && !name.getValue().starts_with("?"))
      return name.str();
  auto name = argumentAttr<StringAttr>(shaped, "attn.name");
  return name ? name.str() + "." + std::to_string(dim) : "";
}

std::optional<std::string> fovea::nameLoopIndex(Value value) {
  auto arg = dyn_cast<BlockArgument>(value);
  auto loop = arg ? dyn_cast<scf::ForOp>(arg.getOwner()->getParentOp()) : scf::ForOp();
  if (!loop || loop.getInductionVar() != value)
    return std::nullopt;
  auto name = loop->getAttrOfType<StringAttr>("attn.name");
  return name ? name.str() : "step";
}
