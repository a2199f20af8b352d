#include "passes/sampling/SamplingTokens.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "passes/buffers/BufferSizes.h"
#include "passes/vector/LaneLoads.h"

using namespace mlir;
using namespace fovea;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

/// Tokens of a block: 16 vectors of 16, so that a visit costs little beside 600 looks at blocks.
static constexpr int64_t blockTokens = 256;

static FloatType floatTypeOf(attn::SampleOp op) {
  OpBuilder b(op.getContext());
  return getElementTypeOrSelf(op.getLogits()).isF64() ? FloatType(b.getF64Type())
                                                      : FloatType(b.getF32Type());
}

bool fovea::isGreedy(attn::SampleOp op) {
  APFloat known(0.0);
  return matchPattern(op.getTemperature(), m_ConstantFloat(&known)) &&
         (known.isZero() || known.isNegative());
}

bool fovea::mayLimitTopP(attn::SampleOp op) {
  APFloat known(0.0);
  return !matchPattern(op.getTopP(), m_ConstantFloat(&known)) || known < APFloat(1.0f);
}

SamplingScratch SamplingScratch::create(EmitBuilder &b, attn::SampleOp op) {
  auto allocate = [&](Type element, Value size) -> Value {
    auto type = MemRefType::get({ShapedType::kDynamic}, element);
    return memref::AllocOp::create(b, type, ValueRange{size}, b.getI64IntegerAttr(bufferAlignment));
  };
  Value size = b.dim(op.getLogits(), 1);
  Value blocks = b.divide(b.add(size, b.index(blockTokens - 1)), blockTokens);
  SamplingScratch scratch;
  scratch.largest = allocate(floatTypeOf(op), blocks);
  if (isGreedy(op))
    return scratch;
  scratch.masses = allocate(b.getF64Type(), blocks);
  if (!mayLimitTopP(op))
    return scratch;
  scratch.candidates = allocate(floatTypeOf(op), size);
  scratch.terms = allocate(floatTypeOf(op), size);
  return scratch;
}

SamplingTokens::SamplingTokens(EmitBuilder &builder, attn::SampleOp op, Value row,
                               const SamplingScratch &scratch, const TargetInfo &target)
    : b(builder), op(op), row(row), size(b.dim(op.getLogits(), 1)), scratch(scratch),
      floatType(floatTypeOf(op)), keyType(b.getIntegerType(floatType.getWidth())),
      lanes(cast<MemRefType>(op.getLogits().getType()).isLastDimUnitStride()
                ? target.lanes(floatType.getWidth())
                : 1) {}

//===------------------------------------------------------------------------------------------===//
// Ranges and blocks
//===------------------------------------------------------------------------------------------===//

Value SamplingTokens::numBlocks() {
  return b.divide(b.add(size, b.index(blockTokens - 1)), blockTokens);
}

SamplingTokens::Range SamplingTokens::blockRange(Value block) {
  Value begin = b.mul(block, b.index(blockTokens));
  return {begin, b.min(b.add(begin, b.index(blockTokens)), size)};
}

Value SamplingTokens::reduce(Range range, TypedAttr neutral, Term term, Combine combine) {
  auto type = cast<VectorType>(onLanes(neutral.getType(), lanes));
  Value start = arith::ConstantOp::create(b, DenseElementsAttr::get(type, Attribute(neutral)));
  Value whole = b.add(range.begin, b.roundDown(b.sub(range.end, range.begin), lanes));
  Values total = b.loop(range.begin, whole, lanes, start, [&](Value first, ValueRange carried) {
    return Values{combine(carried[0], term(first, lanes))};
  });
  total = {b.reduceLanes(total[0], combine)};
  total = b.loop(whole, range.end, 1, total, [&](Value first, ValueRange carried) {
    return Values{combine(carried[0], term(first, 1))};
  });
  return vector::ExtractOp::create(b, total[0], 0);
}

static Value add(EmitBuilder &b, Value x, Value y) {
  if (isa<FloatType>(getElementTypeOrSelf(x.getType())))
    return arith::AddFOp::create(b, x, y);
  return arith::AddIOp::create(b, x, y);
}

SamplingTokens::Values SamplingTokens::addLanes(Range range, ArrayRef<TypedAttr> zeros,
                                                function_ref<Values(Value, int64_t)> terms) {
  Values sums = llvm::map_to_vector(zeros, [&](TypedAttr zero) -> Value {
    return b.constant(onLanes(zero.getType(), lanes), 0);
  });
  Value whole = b.add(range.begin, b.roundDown(b.sub(range.end, range.begin), lanes));
  sums = b.loop(range.begin, whole, lanes, sums, [&](Value first, ValueRange carried) {
    Values next = terms(first, lanes);
    for (auto [value, sum] : llvm::zip_equal(next, carried))
      value = add(b, sum, value);
    return next;
  });
  return b.loop(whole, range.end, 1, sums, [&](Value first, ValueRange carried) {
    Values next = terms(first, 1);
    for (auto [value, sum] : llvm::zip_equal(next, carried)) {
      Value lane =
          add(b, vector::ExtractOp::create(b, sum, 0), vector::ExtractOp::create(b, value, 0));
      value = vector::InsertOp::create(b, lane, sum, 0);
    }
    return next;
  });
}

Value SamplingTokens::addUpLanes(Value sums) {
  Value wide = sums;
  if (isa<FloatType>(getElementTypeOrSelf(sums.getType())))
    wide = toDouble(sums);
  else if (!getElementTypeOrSelf(sums.getType()).isInteger(64))
    wide = arith::ExtUIOp::create(b, onLanes(b.getI64Type(), lanes), sums);
  Value sum = b.reduceLanes(wide, [&](Value x, Value y) { return add(b, x, y); });
  return vector::ExtractOp::create(b, sum, 0);
}

SamplingTokens::Values SamplingTokens::addUp(Range range, ArrayRef<TypedAttr> zeros,
                                             function_ref<Values(Value, int64_t)> terms) {
  Values sums = addLanes(range, zeros, terms);
  for (Value &sum : sums)
    sum = addUpLanes(sum);
  return sums;
}

Value SamplingTokens::countIf(Range range, Term test) {
  return addUp(range, {b.getIntegerAttr(keyType, 0)}, [&](Value first, int64_t count) -> Values {
    return {arith::ExtUIOp::create(b, onLanes(keyType, count), test(first, count))};
  })[0];
}

Value SamplingTokens::sum(Range range, Term term) {
  return addUp(range, {b.getFloatAttr(floatType, 0)},
               [&](Value first, int64_t count) -> Values { return {term(first, count)}; })[0];
}

SamplingTokens::Values SamplingTokens::forBlocks(Value bound, ValueRange inits, BlockBody body) {
  return b.loop(b.index(0), numBlocks(), 1, inits, [&](Value block, ValueRange carried) -> Values {
    Value largest = memref::LoadOp::create(b, scratch.largest, block);
    Value holdsSome = arith::CmpFOp::create(b, CmpFPredicate::OGE, largest, bound);
    auto branch = scf::IfOp::create(b, carried.getTypes(), holdsSome, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, carried);
    b.setInsertionPointToStart(branch.thenBlock());
    Range range = blockRange(block);
    scf::YieldOp::create(b, body(range.begin, range.end, carried));
    return branch.getResults();
  });
}

/// The larger one; `x` if `y` is no number.
static Value largerNumber(EmitBuilder &b, Value x, Value y) {
  Value isAbove = arith::CmpFOp::create(b, CmpFPredicate::OGT, y, x);
  return arith::SelectOp::create(b, isAbove, y, x);
}

Value SamplingTokens::findLargest() {
  auto lowest = b.getFloatAttr(floatType, -std::numeric_limits<double>::infinity());
  Value start = arith::ConstantOp::create(b, lowest);
  return b.loop(b.index(0), numBlocks(), 1, start, [&](Value block, ValueRange carried) -> Values {
    Value largest = reduce(
        blockRange(block), lowest, [&](Value first, int64_t count) { return logits(first, count); },
        [&](Value x, Value y) { return largerNumber(b, x, y); });
    memref::StoreOp::create(b, largest, scratch.largest, block);
    return {largerNumber(b, carried[0], largest)};
  })[0];
}

/// The first token, in the first block that holds it; 0 if there is none.
Value SamplingTokens::firstEqualTo(Value logit) {
  Values first =
      b.loop(b.index(0), numBlocks(), 1, {b.index(0), b.constant(b.getI1Type(), 0)},
             [&](Value block, ValueRange carried) -> Values {
               Value largest = memref::LoadOp::create(b, scratch.largest, block);
               Value isHere = arith::CmpFOp::create(b, CmpFPredicate::OEQ, largest, logit);
               Value isFirst = arith::AndIOp::create(
                   b, isHere, arith::XOrIOp::create(b, carried[1], b.constant(b.getI1Type(), 1)));
               return {arith::SelectOp::create(b, isFirst, block, carried[0]),
                       arith::OrIOp::create(b, carried[1], isHere)};
             });
  auto term = [&](Value begin, int64_t count) -> Value {
    Value found = compare(CmpFPredicate::OEQ, logits(begin, count), logit);
    Value numbers = tokens(begin, count);
    return arith::SelectOp::create(b, found, numbers, b.splat(numbers.getType(), size));
  };
  // A block without numbers seems to hold -inf.
  Value isLowest =
      arith::CmpFOp::create(b, CmpFPredicate::OEQ, logit,
                            b.constant(floatType, -std::numeric_limits<double>::infinity()));
  Range range = blockRange(first[0]);
  range = {arith::SelectOp::create(b, isLowest, b.index(0), range.begin),
           arith::SelectOp::create(b, isLowest, size, range.end)};
  Value token = reduce(range, b.getIndexAttr(std::numeric_limits<int64_t>::max()), term,
                       [&](Value x, Value y) { return arith::MinSIOp::create(b, x, y); });
  Value exists = arith::CmpIOp::create(b, CmpIPredicate::slt, token, size);
  return arith::SelectOp::create(b, exists, token, b.index(0));
}

//===------------------------------------------------------------------------------------------===//
// Values
//===------------------------------------------------------------------------------------------===//

Type SamplingTokens::onLanes(Type element, int64_t lanes) {
  return VectorType::get({lanes}, element);
}

Value SamplingTokens::integer(Type type, int64_t value) {
  return arith::ConstantOp::create(b, b.getIntegerAttr(type, value));
}

Value SamplingTokens::load(Value memref, ValueRange at, int64_t count) {
  Type type = onLanes(getElementTypeOrSelf(memref), count);
  if (count > 1)
    return vector::LoadOp::create(b, cast<VectorType>(type), memref, at);
  return vector::BroadcastOp::create(b, type, memref::LoadOp::create(b, memref, at));
}

void SamplingTokens::store(Value vector, Value memref, Value at) {
  if (cast<VectorType>(vector.getType()).getNumElements() > 1)
    vector::StoreOp::create(b, vector, memref, at);
  else
    memref::StoreOp::create(b, vector::ExtractOp::create(b, vector, 0).getResult(), memref, at);
}

Value SamplingTokens::logits(Value first, int64_t count) {
  return b.convertFloat(load(op.getLogits(), {row, first}, count), floatType);
}

Value SamplingTokens::tokens(Value first, int64_t count) {
  auto type = cast<VectorType>(onLanes(b.getIndexType(), count));
  return arith::AddIOp::create(b, vector::BroadcastOp::create(b, type, first), emitSteps(b, type));
}

Value SamplingTokens::compare(CmpFPredicate predicate, Value values, Value bound) {
  return arith::CmpFOp::create(b, predicate, values, b.splat(values.getType(), bound));
}

/// A magnitude of bits with a sign, all ones or zeros, as a number, and back.
static Value applySign(EmitBuilder &b, Value bits, Value sign) {
  return arith::SubIOp::create(b, arith::XOrIOp::create(b, bits, sign), sign);
}

/// All ones for a negative number, else zeros.
static Value signOf(EmitBuilder &b, Value number) {
  auto type = cast<IntegerType>(number.getType());
  Value shift = arith::ConstantOp::create(b, b.getIntegerAttr(type, type.getWidth() - 1));
  return arith::ShRSIOp::create(b, number, shift);
}

/// The bits of a magnitude, negated where the float is negative: in the order of floats, with one
/// key for both zeros, so that the key before that of 0 is one of a smaller logit.
Value SamplingTokens::keyOf(Value logit) {
  Value bits = arith::BitcastOp::create(b, keyType, logit);
  APInt most = APInt::getSignedMaxValue(floatType.getWidth());
  Value magnitude = arith::AndIOp::create(
      b, bits, arith::ConstantOp::create(b, b.getIntegerAttr(keyType, most)));
  return applySign(b, magnitude, signOf(b, bits));
}

Value SamplingTokens::logitOf(Value key) {
  Value sign = signOf(b, key);
  APInt signBit = APInt::getSignMask(floatType.getWidth());
  Value top = arith::AndIOp::create(
      b, sign, arith::ConstantOp::create(b, b.getIntegerAttr(keyType, signBit)));
  Value bits = arith::OrIOp::create(b, applySign(b, key, sign), top);
  return arith::BitcastOp::create(b, floatType, bits);
}

Value SamplingTokens::lowestKey() {
  return keyOf(b.constant(floatType, -std::numeric_limits<double>::infinity()));
}

Value SamplingTokens::exponentials(Value logits, Value subtrahend, Value factor) {
  Type type = logits.getType();
  Value shifted = arith::SubFOp::create(b, logits, b.splat(type, subtrahend));
  if (factor)
    shifted = arith::MulFOp::create(b, shifted, b.splat(type, factor));
  // Beside the largest, which is 1, what is below the normal numbers does not show.
  return math::ExpOp::create(b, shifted, arith::FastMathFlags::afn);
}

Value SamplingTokens::toDouble(Value floats) { return b.convertFloat(floats, b.getF64Type()); }
