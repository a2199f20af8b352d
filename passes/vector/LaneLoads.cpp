#include "passes/vector/LaneLoads.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace fovea;

Type fovea::memoryElement(Type element) {
  if (element.isInteger(1))
    return IntegerType::get(element.getContext(), 8);
  if (element.isBF16())
    return IntegerType::get(element.getContext(), 16);
  return element;
}

/// The same memory with elements of another name. Both types become the same descriptor in the
/// LLVM dialect, where the cast folds away.
static Value viewAs(EmitBuilder &b, Value memref, Type element) {
  auto type = cast<MemRefType>(memref.getType());
  if (type.getElementType() == element)
    return memref;
  MemRefType as = MemRefType::Builder(type).setElementType(element);
  return UnrealizedConversionCastOp::create(b, as, memref).getResult(0);
}

Value fovea::fromMemory(EmitBuilder &b, Value vector, Type element) {
  auto type = cast<VectorType>(vector.getType());
  if (type.getElementType() == element)
    return vector;
  if (element.isInteger(1))
    return arith::TruncIOp::create(b, type.clone(element), vector);
  return arith::BitcastOp::create(b, type.clone(element), vector);
}

Value fovea::viewAsMemoryElements(EmitBuilder &b, Value memref) {
  return viewAs(b, memref, memoryElement(cast<MemRefType>(memref.getType()).getElementType()));
}

Value fovea::emitSteps(EmitBuilder &b, VectorType type) {
  Type element = type.getElementType();
  unsigned bits =
      element.isIndex() ? IndexType::kInternalStorageBitWidth : element.getIntOrFloatBitWidth();
  SmallVector<APInt> steps;
  for (int64_t lane = 0; lane < type.getNumElements(); ++lane)
    steps.emplace_back(bits, lane);
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, steps));
}

/// Whether `vector` is what emitSteps makes.
static bool isSteps(Value vector) {
  DenseIntElementsAttr elements;
  return matchPattern(vector, m_Constant(&elements)) &&
         llvm::equal(elements.getValues<int64_t>(), llvm::seq(elements.getNumElements()));
}

/// The index of lane 0, if `index` is made by adding 0, 1, 2, ... to one value.
static Value firstOfConsecutive(EmitBuilder &b, Value index) {
  auto sum = index.getDefiningOp<arith::AddIOp>();
  if (!sum)
    return Value();
  Value lhs = sum.getLhs(), rhs = sum.getRhs();
  auto scalarOf = [](Value vector) -> Value {
    auto splat = vector.getDefiningOp<vector::BroadcastOp>();
    return splat && !isa<VectorType>(splat.getSource().getType()) ? splat.getSource() : Value();
  };
  for (auto [steps, base] : {std::pair(lhs, rhs), {rhs, lhs}}) {
    Value first = scalarOf(base);
    if (!first)
      continue;
    if (isSteps(steps))
      return first;
    if (Value inner = firstOfConsecutive(b, steps))
      return b.add(inner, first);
  }
  return Value();
}

static Value loadNeighbours(EmitBuilder &b, Value memref, ArrayRef<Value> indices, int64_t lanes) {
  auto type = cast<MemRefType>(memref.getType());
  bool othersVary = llvm::any_of(indices.drop_back(),
                                 [](Value index) { return isa<VectorType>(index.getType()); });
  if (othersVary || !type.isLastDimUnitStride())
    return Value();
  Value first = firstOfConsecutive(b, indices.back());
  if (!first)
    return Value();
  SmallVector<Value> at(indices);
  at.back() = first;
  return vector::LoadOp::create(b, VectorType::get({lanes}, type.getElementType()), memref, at);
}

namespace {
/// Memory seen as one row, and the distance between neighbours along each dim.
struct Row {
  Value memref; // [n]
  SmallVector<Value> strides;
  bool isShort; // no index needs more than 32 bits
};
} // namespace

static Row viewAsRow(EmitBuilder &b, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  int64_t rank = type.getRank();
  Row row;
  row.isShort = type.hasStaticShape() && type.getNumElements() < (int64_t(1) << 31);
  if (type.getLayout().isIdentity()) {
    row.strides.assign(rank, b.index(1));
    for (int64_t dim = rank - 1; dim > 0; --dim)
      row.strides[dim - 1] = b.mul(row.strides[dim], b.dim(memref, dim));
    ReassociationIndices all = llvm::to_vector<2>(llvm::seq<int64_t>(0, rank));
    row.memref = rank == 1 ? memref : memref::CollapseShapeOp::create(b, memref, all).getResult();
    return row;
  }
  // Of a view with gaps the elements are counted with the gaps.
  auto metadata = memref::ExtractStridedMetadataOp::create(b, memref);
  row.strides.assign(metadata.getStrides().begin(), metadata.getStrides().end());
  row.isShort = false;
  Value size = b.index(1);
  for (auto [extent, stride] : llvm::zip_equal(metadata.getSizes(), row.strides))
    size = b.add(size, b.mul(extent, stride));
  auto layout = StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, {1});
  auto rowType =
      MemRefType::get({ShapedType::kDynamic}, type.getElementType(), layout, type.getMemorySpace());
  row.memref = memref::ReinterpretCastOp::create(
      b, rowType, metadata.getBaseBuffer(), OpFoldResult(metadata.getOffset()),
      ArrayRef<OpFoldResult>{size}, ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
  return row;
}

static Value gather(EmitBuilder &b, Value memref, ArrayRef<Value> indices, int64_t lanes) {
  Row row = viewAsRow(b, memref);
  auto indexType = VectorType::get({lanes}, b.getIndexType());
  Value base = b.index(0), offsets;
  for (auto [index, stride] : llvm::zip_equal(indices, row.strides)) {
    if (!isa<VectorType>(index.getType())) {
      base = b.add(base, b.mul(index, stride));
      continue;
    }
    Value scaled = b.createOrFold<arith::MulIOp>(index, b.splat(indexType, stride));
    offsets = offsets ? arith::AddIOp::create(b, offsets, scaled).getResult() : scaled;
  }
  if (row.isShort)
    offsets = arith::IndexCastOp::create(b, indexType.clone(b.getI32Type()), offsets);
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  auto type = VectorType::get({lanes}, memoryElement(element));
  auto bits = VectorType::get({lanes}, b.getI1Type());
  Value all = arith::ConstantOp::create(b, DenseElementsAttr::get(bits, true));
  Value none = arith::ConstantOp::create(b, type, b.getZeroAttr(type));
  Value gathered = vector::GatherOp::create(b, type, viewAs(b, row.memref, type.getElementType()),
                                            base, offsets, all, none);
  return fromMemory(b, gathered, element);
}

Value fovea::loadLanes(EmitBuilder &b, Value memref, ArrayRef<Value> indices, int64_t lanes) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  if (Value loaded = loadNeighbours(b, viewAsMemoryElements(b, memref), indices, lanes))
    return fromMemory(b, loaded, element);
  return gather(b, memref, indices, lanes);
}
