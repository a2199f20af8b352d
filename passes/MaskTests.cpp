#include "passes/MaskTests.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace fovea;

// Thresholds saturate at +-2^30, which changes no test as long as |b * key| stays below 2^29.
static constexpr int64_t largestThreshold = int64_t(1) << 30;
static constexpr int64_t largestOffset = int64_t(1) << 29;

static std::optional<PositionForm> positionsOf(const MaskPredicate &atom, Region &region) {
  Block &block = region.front();
  return splitPositions(atom.getForm(), block.getArgument(2), block.getArgument(3), region);
}

bool MaskTests::canTest(const MaskPredicate &predicate, Region &region, int64_t keysPerBlock) {
  switch (predicate.getKind()) {
  case MaskPredicate::Kind::And:
  case MaskPredicate::Kind::Or:
    return llvm::all_of(predicate.getOperands(), [&](const MaskPredicate &operand) {
      return canTest(operand, region, keysPerBlock);
    });
  case MaskPredicate::Kind::Linear: {
    auto form = positionsOf(predicate, region);
    return form && std::abs(form->jCoefficient) < largestOffset / keysPerBlock;
  }
  default:
    return false;
  }
}

MaskTests::MaskTests(EmitBuilder &b, Region &region, const MaskPredicate &predicate, Value batch,
                     Value head, ValueRange positions, Value begin)
    : b(b), region(region), predicate(predicate), vectors(positions.size()) {
  IRMapping mapping;
  mapping.map(region.front().getArgument(0), batch);
  mapping.map(region.front().getArgument(1), head);
  PredicateEmitter forms(b, b.getLoc(), region, mapping);
  lanesType = cast<VectorType>(positions.front().getType()).clone(b.getI32Type());
  addAtoms(predicate, forms, positions, begin);
}

void MaskTests::addAtoms(const MaskPredicate &part, PredicateEmitter &forms, ValueRange positions,
                         Value begin) {
  for (const MaskPredicate &operand : part.getOperands())
    addAtoms(operand, forms, positions, begin);
  if (part.getKind() != MaskPredicate::Kind::Linear)
    return;
  PositionForm form = *positionsOf(part, region);
  Value rest = forms.emit(form.rest);
  Atom atom{form.jCoefficient, {}};
  for (Value vector : positions)
    atom.thresholds.push_back(threshold(form, rest, vector, begin));
  atoms.push_back(std::move(atom));
}

Value MaskTests::threshold(const PositionForm &form, Value rest, Value positions, Value begin) {
  Type type = positions.getType();
  Value fixed = b.add(rest, b.mul(begin, b.index(form.jCoefficient)));
  Value moving = arith::MulIOp::create(b, positions, b.constant(type, form.iCoefficient));
  Value sum = arith::AddIOp::create(b, moving, b.splat(type, fixed));
  sum = arith::MinSIOp::create(b, sum, b.constant(type, largestThreshold));
  sum = arith::MaxSIOp::create(b, sum, b.constant(type, -largestThreshold));
  return arith::IndexCastOp::create(b, lanesType, sum);
}

Value MaskTests::combine(const MaskPredicate &part, ArrayRef<Value> tests, size_t &next) {
  if (part.getKind() == MaskPredicate::Kind::Linear)
    return tests[next++];
  Value result;
  for (const MaskPredicate &operand : part.getOperands()) {
    Value test = combine(operand, tests, next);
    if (!result)
      result = test;
    else if (part.getKind() == MaskPredicate::Kind::And)
      result = arith::AndIOp::create(b, result, test);
    else
      result = arith::OrIOp::create(b, result, test);
  }
  return result;
}

SmallVector<Value> MaskTests::emit(Value key) {
  Value offset = arith::IndexCastOp::create(b, b.getI32Type(), key);
  SmallVector<Value> bounds; // -b * key, which a threshold must reach
  for (const Atom &atom : atoms) {
    Value factor = b.constant(b.getI32Type(), -atom.jCoefficient);
    bounds.push_back(b.splat(lanesType, b.createOrFold<arith::MulIOp>(offset, factor)));
  }
  SmallVector<Value> allowed;
  for (size_t v = 0; v < vectors; ++v) {
    SmallVector<Value> tests;
    for (auto [atom, bound] : llvm::zip_equal(atoms, bounds))
      tests.push_back(
          arith::CmpIOp::create(b, arith::CmpIPredicate::sge, atom.thresholds[v], bound));
    size_t next = 0;
    allowed.push_back(combine(predicate, tests, next));
  }
  return allowed;
}
