// attn.quantize_rows to linalg ops on groups of elements, and quantised rows back to floats for the
// reference route. The formulas are those of quantized_s5.
#include "dialect/CacheRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/tile/Decompose.h"

using namespace mlir;
using namespace fovea;

static constexpr int64_t group = attn::quantizedGroup;

/// `value` for the dim `dim`, `others` for the other ones.
static SmallVector<OpFoldResult> along(OpBuilder &b, int64_t rank, int64_t dim, int64_t value,
                                       int64_t others) {
  SmallVector<OpFoldResult> all(rank, b.getIndexAttr(others));
  all[dim] = b.getIndexAttr(value);
  return all;
}

namespace {
/// `count` elements of dim `dim` of a tensor from `offset` on, `stride` apart.
struct Part {
  int64_t dim, offset, count, stride;

  Value extract(OpBuilder &b, Location loc, Value from) const {
    int64_t rank = cast<RankedTensorType>(from.getType()).getRank();
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, from);
    sizes[dim] = b.getIndexAttr(count);
    return tensor::ExtractSliceOp::create(b, loc, from, along(b, rank, dim, offset, 0), sizes,
                                          along(b, rank, dim, stride, 1));
  }
  Value insert(OpBuilder &b, Location loc, Value part, Value into) const {
    int64_t rank = cast<RankedTensorType>(into.getType()).getRank();
    return tensor::InsertSliceOp::create(b, loc, part, into, along(b, rank, dim, offset, 0),
                                         tensor::getMixedSizes(b, loc, part),
                                         along(b, rank, dim, stride, 1));
  }
};

/// The three parts of rows of `columns` elements along `dim`: a byte for each element, and the low
/// and the high bytes of the scales.
struct RowParts {
  RowParts(int64_t dim, int64_t columns)
      : groups(llvm::divideCeilSigned(columns, group)), elements{dim, 0, columns, 1},
        low{dim, columns, groups, attn::quantizedScaleBytes}, high{dim, columns + 1, groups,
                                                                   attn::quantizedScaleBytes} {}
  int64_t groups;
  Part elements, low, high;
};
} // namespace

static Value integer(OpBuilder &b, Location loc, Type type, int64_t value) {
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
}

//===----------------------------------------------------------------------===//
// To quantised rows
//===----------------------------------------------------------------------===//

/// The smallest bf16 that is at least largest / 127, in f32; NaN stays what it is.
static Value createScale(OpBuilder &b, Location loc, Value largest) {
  Type single = b.getF32Type(), bits = b.getI32Type();
  Value quotient =
      arith::DivFOp::create(b, loc, largest, createFloatConstant(b, loc, single, 127.0));
  Value raised = arith::AddIOp::create(b, loc, arith::BitcastOp::create(b, loc, bits, quotient),
                                       integer(b, loc, bits, 0xFFFF));
  Value cut = arith::AndIOp::create(b, loc, raised, integer(b, loc, bits, -0x10000));
  Value scale = arith::BitcastOp::create(b, loc, single, cut);
  Value isNan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, quotient, quotient);
  Value nan = createFloatConstant(b, loc, single, std::numeric_limits<double>::quiet_NaN());
  return arith::SelectOp::create(b, loc, isNan, nan, scale);
}

/// The multiple of the scale nearest to an element, halves to even, as a byte: the sum with
/// 1.5 * 2^23 ends in that integer, from -127 to 127. 0 if the scale is.
static Value createMultiple(OpBuilder &b, Location loc, Value element, Value scale) {
  Type single = b.getF32Type();
  Value quotient = arith::DivFOp::create(b, loc, element, scale);
  Value sum =
      arith::AddFOp::create(b, loc, quotient, createFloatConstant(b, loc, single, 0x1.8p23));
  Value bits = arith::BitcastOp::create(b, loc, b.getI32Type(), sum);
  Value isZero = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, scale,
                                       createFloatConstant(b, loc, single, 0.0));
  Value multiple =
      arith::SelectOp::create(b, loc, isZero, integer(b, loc, b.getI32Type(), 0), bits);
  return arith::TruncIOp::create(b, loc, b.getI8Type(), multiple);
}

/// Byte 2 (low) or 3 (high) of an f32 that is a bf16.
static Value createScaleByte(OpBuilder &b, Location loc, Value scale, bool high) {
  Value bits = arith::BitcastOp::create(b, loc, b.getI32Type(), scale);
  Value shifted =
      arith::ShRUIOp::create(b, loc, bits, integer(b, loc, b.getI32Type(), high ? 24 : 16));
  return arith::TruncIOp::create(b, loc, b.getI8Type(), shifted);
}

namespace {
struct DecomposeQuantizeRows : OpRewritePattern<attn::QuantizeRowsOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(attn::QuantizeRowsOp op, PatternRewriter &b) const override {
    if (op.getNumResults() != 1)
      return b.notifyMatchFailure(op, "on buffers");
    Location loc = op.getLoc();
    int64_t rank = cast<RankedTensorType>(op.getSource().getType()).getRank();
    RowParts parts(rank - 1, cast<RankedTensorType>(op.getSource().getType()).getShape().back());
    AffineMap all = b.getMultiDimIdentityMap(rank + 1), ofGroup = all.dropResult(rank);
    AffineMap groups = b.getMultiDimIdentityMap(rank);
    Value grouped = splitGroups(b, op.getSource(), parts);
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, grouped);
    auto perGroup = ArrayRef(sizes).drop_back();

    Value none = createFilled(b, loc, perGroup, b.getF32Type(), 0.0);
    Value largest = createGeneric(b, loc, grouped, none, {all, ofGroup},
                                  [](OpBuilder &b, Location loc, ValueRange x) -> Value {
                                    return arith::MaximumFOp::create(
                                        b, loc, x[1], math::AbsFOp::create(b, loc, x[0]));
                                  });
    Value scale =
        createGeneric(b, loc, largest, tensor::EmptyOp::create(b, loc, perGroup, b.getF32Type()),
                      {groups, groups}, [](OpBuilder &b, Location loc, ValueRange x) {
                        return createScale(b, loc, x[0]);
                      });
    Value multiples = createGeneric(
        b, loc, {grouped, scale}, tensor::EmptyOp::create(b, loc, sizes, b.getI8Type()),
        {all, ofGroup, all}, [](OpBuilder &b, Location loc, ValueRange x) {
          return createMultiple(b, loc, x[0], x[1]);
        });
    Value rows = parts.elements.insert(b, loc, joinGroups(b, multiples, parts), op.getInits()[0]);
    for (bool high : {false, true}) {
      Value bytes =
          createGeneric(b, loc, scale, tensor::EmptyOp::create(b, loc, perGroup, b.getI8Type()),
                        {groups, groups}, [&](OpBuilder &b, Location loc, ValueRange x) {
                          return createScaleByte(b, loc, x[0], high);
                        });
      rows = (high ? parts.high : parts.low).insert(b, loc, bytes, rows);
    }
    b.replaceOp(op, rows);
    return success();
  }

  static SmallVector<ReassociationIndices> lastTwo(int64_t rank) {
    SmallVector<ReassociationIndices> dims;
    for (int64_t dim = 0; dim < rank; ++dim)
      dims.push_back({dim});
    dims.back().push_back(rank);
    return dims;
  }

  /// [..., columns] to [..., groups, 32], the last group filled up with zeros.
  static Value splitGroups(OpBuilder &b, Value source, const RowParts &parts) {
    Location loc = source.getLoc();
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, source);
    int64_t rank = sizes.size();
    if (parts.elements.count % group != 0) {
      sizes.back() = b.getIndexAttr(parts.groups * group);
      Value zeros = createFilled(b, loc, sizes, b.getF32Type(), 0.0);
      source = parts.elements.insert(b, loc, source, zeros);
    }
    sizes.back() = b.getIndexAttr(parts.groups);
    sizes.push_back(b.getIndexAttr(group));
    SmallVector<int64_t> shape(cast<RankedTensorType>(source.getType()).getShape());
    shape.back() = parts.groups;
    shape.push_back(group);
    return tensor::ExpandShapeOp::create(b, loc, RankedTensorType::get(shape, b.getF32Type()),
                                         source, lastTwo(rank), sizes);
  }

  static Value joinGroups(OpBuilder &b, Value grouped, const RowParts &parts) {
    int64_t rank = cast<RankedTensorType>(grouped.getType()).getRank() - 1;
    Value joined = tensor::CollapseShapeOp::create(b, grouped.getLoc(), grouped, lastTwo(rank));
    return parts.elements.count % group == 0 ? joined
                                             : parts.elements.extract(b, grouped.getLoc(), joined);
  }
};
} // namespace

void fovea::populateDecomposeQuantizeRowsPatterns(RewritePatternSet &patterns) {
  patterns.add<DecomposeQuantizeRows>(patterns.getContext());
}

//===----------------------------------------------------------------------===//
// From quantised rows
//===----------------------------------------------------------------------===//

Value fovea::createDequantizedRows(OpBuilder &b, Location loc, Value rows, int64_t dim) {
  auto type = cast<RankedTensorType>(rows.getType());
  if (!type.getElementType().isInteger(8))
    return rows;
  RowParts parts(dim, *attn::quantizedRowColumns(type.getDimSize(dim)));
  AffineMap all = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<AffineExpr> results(all.getResults());
  results[dim] = results[dim].floorDiv(group);
  AffineMap ofGroup = AffineMap::get(type.getRank(), 0, results, b.getContext());
  Value multiples = parts.elements.extract(b, loc, rows);
  Value low = parts.low.extract(b, loc, rows), high = parts.high.extract(b, loc, rows);
  Value init =
      tensor::EmptyOp::create(b, loc, tensor::getMixedSizes(b, loc, multiples), b.getF32Type());
  return createGeneric(
      b, loc, {multiples, low, high}, init, {all, ofGroup, ofGroup, all},
      [](OpBuilder &b, Location loc, ValueRange x) -> Value {
        Type bits = b.getI32Type(), single = b.getF32Type();
        auto shifted = [&](Value byte, int64_t by) -> Value {
          return arith::ShLIOp::create(b, loc, arith::ExtUIOp::create(b, loc, bits, byte),
                                       integer(b, loc, bits, by));
        };
        Value scale = arith::OrIOp::create(b, loc, shifted(x[1], 16), shifted(x[2], 24));
        return arith::MulFOp::create(b, loc, arith::SIToFPOp::create(b, loc, single, x[0]),
                                     arith::BitcastOp::create(b, loc, single, scale));
      });
}
