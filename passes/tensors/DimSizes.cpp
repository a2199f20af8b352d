#include "passes/tensors/DimSizes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

using namespace mlir;
using namespace fovea;

namespace {
/// A dim of a tensor, or its size where that is known.
struct DimSource {
  Value tensor;
  int64_t dim = 0;
  OpFoldResult size;
};
} // namespace

/// Dims that carry one name in `attn.dims` are equal at run time: the first argument that has the
/// name stands for all.
static DimSource unifyNamedDims(DimSource source) {
  auto arg = dyn_cast<BlockArgument>(source.tensor);
  auto func = arg ? dyn_cast<func::FuncOp>(arg.getOwner()->getParentOp()) : func::FuncOp();
  if (!func)
    return source;
  auto nameOf = [&](unsigned number, int64_t dim) -> StringRef {
    auto names = func.getArgAttrOfType<ArrayAttr>(number, "attn.dims");
    if (!names || dim >= static_cast<int64_t>(names.size()) || !isa<StringAttr>(names[dim]))
      return "";
    return cast<StringAttr>(names[dim]).getValue();
  };
  StringRef name = nameOf(arg.getArgNumber(), source.dim);
  for (BlockArgument other : func.getArguments().take_front(arg.getArgNumber() + 1)) {
    auto type = dyn_cast<RankedTensorType>(other.getType());
    for (int64_t dim = 0; type && !name.empty() && dim < type.getRank(); ++dim)
      if (nameOf(other.getArgNumber(), dim) == name)
        return {other, dim, {}};
  }
  return source;
}

/// One step back, or nothing where the trail ends.
static std::optional<DimSource> stepBack(const DimSource &at) {
  Operation *op = at.tensor.getDefiningOp();
  if (!op)
    return std::nullopt;
  if (auto destination = dyn_cast<DestinationStyleOpInterface>(op))
    return DimSource{destination.getTiedOpOperand(cast<OpResult>(at.tensor))->get(), at.dim, {}};
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return DimSource{{}, 0, empty.getMixedSizes()[at.dim]};
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    int64_t kept = -1;
    for (auto [dim, size] : llvm::enumerate(slice.getMixedSizes()))
      if (!dropped[dim] && ++kept == at.dim)
        return DimSource{{}, 0, size};
  }
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return DimSource{cast.getSource(), at.dim, {}};
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    ReassociationIndices group = collapse.getReassociationIndices()[at.dim];
    int64_t dynamic = -1;
    for (int64_t dim : group) {
      if (collapse.getSrcType().getDimSize(dim) == 1)
        continue;
      if (dynamic >= 0)
        return std::nullopt;
      dynamic = dim;
    }
    return DimSource{collapse.getSrc(), dynamic, {}};
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return DimSource{{}, 0, expand.getMixedOutputShape()[at.dim]};
  return std::nullopt;
}

static DimSource traceDim(Value tensor, int64_t dim) {
  DimSource at{tensor, dim, {}};
  while (true) {
    auto sizeValue = dyn_cast_if_present<Value>(at.size);
    if (auto dimOp = sizeValue ? sizeValue.getDefiningOp<tensor::DimOp>() : tensor::DimOp()) {
      std::optional<int64_t> index = dimOp.getConstantIndex();
      if (!index)
        return at;
      at = {dimOp.getSource(), *index, {}};
    }
    if (at.size)
      return at;
    auto type = cast<RankedTensorType>(at.tensor.getType());
    if (!type.isDynamicDim(at.dim)) {
      Builder builder(type.getContext());
      return {{}, 0, builder.getIndexAttr(type.getDimSize(at.dim))};
    }
    std::optional<DimSource> back = stepBack(at);
    if (!back)
      return unifyNamedDims(at);
    at = *back;
  }
}

/// The size of a function's argument: one tensor.dim at the start of the function for all that
/// ask, so that equal sizes are one value.
static Value getArgumentDim(OpBuilder &builder, BlockArgument arg, int64_t dim) {
  Block *entry = arg.getOwner();
  for (Operation *user : arg.getUsers()) {
    auto known = dyn_cast<tensor::DimOp>(user);
    if (!known || known->getBlock() != entry || known.getConstantIndex() != dim)
      continue;
    Operation *index = known.getIndex().getDefiningOp();
    if (index && index->getBlock() == entry) {
      known->moveBefore(&entry->front());
      index->moveBefore(known);
      return known;
    }
  }
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(entry);
  return tensor::DimOp::create(builder, arg.getLoc(), arg, dim);
}

/// The size of a collapsed dim: the product of those it is made of.
static OpFoldResult getCollapsedSize(OpBuilder &builder, Location loc,
                                     tensor::CollapseShapeOp collapse, int64_t dim) {
  Value product;
  SmallVector<ReassociationIndices> groups = collapse.getReassociationIndices();
  for (int64_t part : groups[dim]) {
    OpFoldResult mixed = getDimSize(builder, loc, collapse.getSrc(), part);
    Value size = getValueOrCreateConstantIndexOp(builder, loc, mixed);
    product = product ? builder.createOrFold<arith::MulIOp>(loc, product, size) : size;
  }
  return product;
}

OpFoldResult fovea::getDimSize(OpBuilder &builder, Location loc, Value tensor, int64_t dim) {
  DimSource source = traceDim(tensor, dim);
  if (source.size)
    return source.size;
  if (auto arg = dyn_cast<BlockArgument>(source.tensor);
      arg && isa<func::FuncOp>(arg.getOwner()->getParentOp()) && arg.getOwner()->isEntryBlock())
    return getArgumentDim(builder, arg, source.dim);
  if (auto collapse = source.tensor.getDefiningOp<tensor::CollapseShapeOp>())
    return getCollapsedSize(builder, loc, collapse, source.dim);
  return tensor::DimOp::create(builder, loc, source.tensor, source.dim).getResult();
}

SmallVector<OpFoldResult> fovea::getDimSizes(OpBuilder &builder, Location loc, Value tensor) {
  SmallVector<OpFoldResult> sizes;
  for (int64_t dim = 0; dim < cast<RankedTensorType>(tensor.getType()).getRank(); ++dim)
    sizes.push_back(getDimSize(builder, loc, tensor, dim));
  return sizes;
}

void fovea::shareDims(func::FuncOp func) {
  SmallVector<tensor::DimOp> dims;
  func.walk([&](tensor::DimOp op) { dims.push_back(op); });
  OpBuilder builder(func.getContext());
  for (tensor::DimOp op : dims) {
    std::optional<int64_t> index = op.getConstantIndex();
    if (!index || !isa<RankedTensorType>(op.getSource().getType()))
      continue;
    builder.setInsertionPoint(op);
    OpFoldResult size = getDimSize(builder, op.getLoc(), op.getSource(), *index);
    Value value = getValueOrCreateConstantIndexOp(builder, op.getLoc(), size);
    if (value == op.getResult())
      continue;
    op.getResult().replaceAllUsesWith(value);
    op.erase();
  }
}

bool fovea::haveEqualSizes(Value a, int64_t dimA, Value b, int64_t dimB) {
  DimSource x = traceDim(a, dimA), y = traceDim(b, dimB);
  if (x.size || y.size)
    return x.size && y.size && isEqualConstantIntOrValue(x.size, y.size);
  return x.tensor == y.tensor && x.dim == y.dim;
}

Value fovea::linearizeIndex(OpBuilder &builder, Location loc, ArrayRef<OpFoldResult> sizes,
                            ArrayRef<int64_t> group, ArrayRef<Value> indices) {
  Value linear;
  for (int64_t dim : group) {
    if (isConstantIntValue(sizes[dim], 1))
      continue;
    if (!linear) {
      linear = indices[dim];
      continue;
    }
    Value size = getValueOrCreateConstantIndexOp(builder, loc, sizes[dim]);
    linear = arith::MulIOp::create(builder, loc, linear, size);
    linear = arith::AddIOp::create(builder, loc, linear, indices[dim]);
  }
  return linear ? linear : arith::ConstantIndexOp::create(builder, loc, 0).getResult();
}

SmallVector<Value> fovea::delinearizeIndex(OpBuilder &builder, Location loc,
                                           ArrayRef<OpFoldResult> sizes, Value index) {
  SmallVector<Value> indices(sizes.size());
  size_t first = 0; // the outermost dim that is not 1 takes what is left
  while (first < sizes.size() && isConstantIntValue(sizes[first], 1))
    ++first;
  for (size_t dim = sizes.size(); dim-- > 0;) {
    if (isConstantIntValue(sizes[dim], 1)) {
      indices[dim] = arith::ConstantIndexOp::create(builder, loc, 0);
    } else if (dim == first) {
      indices[dim] = index;
    } else {
      Value size = getValueOrCreateConstantIndexOp(builder, loc, sizes[dim]);
      indices[dim] = arith::RemUIOp::create(builder, loc, index, size);
      index = arith::DivUIOp::create(builder, loc, index, size);
    }
  }
  return indices;
}

void fovea::delinearizeIndex(OpBuilder &builder, Location loc, Value tensor,
                             ArrayRef<int64_t> group, Value index,
                             SmallVectorImpl<Value> &indices) {
  SmallVector<OpFoldResult> sizes;
  for (int64_t dim : group)
    sizes.push_back(getDimSize(builder, loc, tensor, dim));
  for (auto [dim, part] : llvm::zip(group, delinearizeIndex(builder, loc, sizes, index)))
    indices[dim] = part;
}
