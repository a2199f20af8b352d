#include "passes/mask/MaskTests.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace fovea;
using Vectors = SmallVector<Value>;

// The queries' part saturates at +-2^30, which changes no test as long as the rest stays below
// 2^29.
static constexpr int64_t largestThreshold = int64_t(1) << 30;
static constexpr int64_t largestOffset = int64_t(1) << 29;

//===----------------------------------------------------------------------===//
// Parts of a form
//===----------------------------------------------------------------------===//

namespace {
struct MixedDivision {
  int64_t coefficient, divisor;
  LinearForm query, key;
};

/// A form as a sum of a part without the key, a part without the query and divisions of both.
struct Parts {
  LinearForm query, key;
  SmallVector<MixedDivision> mixed;
};
} // namespace

static std::optional<Parts> splitParts(const LinearForm &form, Region &region) {
  Value i = region.getArgument(2), j = region.getArgument(3);
  Parts parts{LinearForm(form.getConstant()), {}, {}};
  for (const LinearForm::Term &term : form.getTerms()) {
    LinearForm alone = LinearForm::ofTerm(term, term.coefficient);
    if (!dependsOn(alone, j, region)) {
      parts.query = parts.query + alone;
    } else if (!dependsOn(alone, i, region)) {
      parts.key = parts.key + alone;
    } else {
      auto inner = term.dividend ? splitParts(*term.dividend, region) : std::nullopt;
      if (!inner || !inner->mixed.empty() || term.divisor >= largestThreshold)
        return std::nullopt;
      parts.mixed.push_back({term.coefficient, term.divisor, inner->query, inner->key});
    }
  }
  return parts;
}

/// Whether the form depends on the key through anything but its position.
static bool readsKeyData(const LinearForm &form, Region &region) {
  Value j = region.getArgument(3);
  SmallVector<Value> values;
  form.collectValues(values);
  return llvm::any_of(values, [&](Value v) { return v != j && dependsOn(v, j, region); });
}

/// How far the form, of key positions and of what does not depend on them, moves over `keys` keys.
static double movement(const LinearForm &form, Region &region, int64_t keys) {
  double sum = 0;
  for (const LinearForm::Term &term : form.getTerms()) {
    double factor = term.value == region.getArgument(3) ? static_cast<double>(keys) : 0;
    if (term.dividend)
      factor = movement(*term.dividend, region, keys) / static_cast<double>(term.divisor) + 1;
    sum += std::abs(static_cast<double>(term.coefficient)) * factor;
  }
  return sum;
}

static bool fitsNarrow(const Parts &parts, Region &region, int64_t keys) {
  double sum = movement(parts.key, region, keys);
  for (const MixedDivision &division : parts.mixed)
    sum += std::abs(static_cast<double>(division.coefficient)) *
           (movement(division.key, region, keys) / static_cast<double>(division.divisor) + 2);
  return sum < largestOffset && !readsKeyData(parts.key, region) &&
         llvm::none_of(parts.mixed, [&](const MixedDivision &division) {
           return readsKeyData(division.key, region);
         });
}

bool MaskTests::areCheap(const MaskPredicate &predicate, Region &region, int64_t keysPerBlock) {
  Value i = region.getArgument(2), j = region.getArgument(3);
  switch (predicate.getKind()) {
  case MaskPredicate::Kind::And:
  case MaskPredicate::Kind::Or:
    return llvm::all_of(predicate.getOperands(), [&](const MaskPredicate &operand) {
      return areCheap(operand, region, keysPerBlock);
    });
  case MaskPredicate::Kind::Linear: {
    std::optional<Parts> parts = splitParts(predicate.getForm(), region);
    return parts && (fitsNarrow(*parts, region, keysPerBlock) || parts->mixed.empty());
  }
  case MaskPredicate::Kind::Opaque:
    return !dependsOn(predicate.getValue(), i, region) ||
           !dependsOn(predicate.getValue(), j, region);
  default:
    return false;
  }
}

//===----------------------------------------------------------------------===//
// On lanes
//===----------------------------------------------------------------------===//

Vectors MaskTests::eachVector(function_ref<Value(size_t)> make) {
  return llvm::map_to_vector(llvm::seq<size_t>(positions.size()), make);
}

Value MaskTests::onLanes(const LinearForm &form, size_t vector) {
  Type type = positions[vector].getType();
  IRMapping mapping;
  mapping.map(region.getArguments(), ValueRange{batch, head, positions[vector], begin});
  Value i = region.getArgument(2);
  LinearForm same(form.getConstant()), varying;
  for (const LinearForm::Term &term : form.getTerms()) {
    LinearForm alone = LinearForm::ofTerm(term, term.coefficient);
    LinearForm &part = dependsOn(alone, i, region) ? varying : same;
    part = part + alone;
  }
  Value sum = b.splat(type, PredicateEmitter(b, b.getLoc(), region, mapping).emit(same));
  for (const LinearForm::Term &term : varying.getTerms()) {
    Value value;
    if (term.dividend)
      value = arith::FloorDivSIOp::create(b, onLanes(*term.dividend, vector),
                                          b.constant(type, term.divisor));
    else
      value = queries[vector].get(term.value);
    if (value.getType() != type)
      value = arith::IndexCastOp::create(b, type, value);
    if (term.coefficient != 1)
      value = arith::MulIOp::create(b, value, b.constant(type, term.coefficient));
    sum = arith::AddIOp::create(b, sum, value);
  }
  return sum;
}

Value MaskTests::testOnLanes(const MaskPredicate &atom, size_t vector) {
  Value test = queries[vector].get(atom.getValue());
  if (!atom.isNegated())
    return test;
  return arith::XOrIOp::create(b, test, b.constant(test.getType(), 1));
}

Value MaskTests::narrow(Value index) {
  auto type = cast<VectorType>(index.getType());
  return arith::IndexCastOp::create(b, type.clone(b.getI32Type()), index);
}

//===----------------------------------------------------------------------===//
// What is the same for all keys of a block
//===----------------------------------------------------------------------===//

MaskTests::MaskTests(EmitBuilder &b, Region &region, const MaskPredicate &predicate, Value batch,
                     Value head, ValueRange positions, Value begin, Value end, int64_t keysPerBlock)
    : b(b), region(region), predicate(predicate), batch(batch), head(head), begin(begin),
      positions(positions), keysPerBlock(keysPerBlock) {
  auto lanes = cast<VectorType>(positions.front().getType()).getNumElements();
  for (Value vector : positions)
    queries.emplace_back(b, region, ValueRange{batch, head, vector, Value()}, lanes);
  addAtoms(predicate);
  if (llvm::any_of(atoms, [&](const Atom &atom) {
        return atom.kind == Atom::Kind::OfKey || readsKeyData(atom.key, region);
      }))
    last = b.sub(end, b.index(1));
}

void MaskTests::addAtoms(const MaskPredicate &part) {
  for (const MaskPredicate &operand : part.getOperands())
    addAtoms(operand);
  if (part.getOperands().empty())
    atoms.push_back(prepare(part));
}

MaskTests::Atom MaskTests::prepare(const MaskPredicate &test) {
  Atom atom{Atom::Kind::OfKey, &test, {}, Value(), {}, {}};
  if (test.getKind() == MaskPredicate::Kind::Opaque) {
    if (dependsOn(test.getValue(), region.getArgument(2), region))
      atom.kind = Atom::Kind::OfQuery;
  } else {
    Parts parts = *splitParts(test.getForm(), region);
    bool isNarrow = fitsNarrow(parts, region, keysPerBlock);
    atom.kind = isNarrow ? Atom::Kind::Narrow : Atom::Kind::Wide;
    atom.key = parts.key;
  }
  if (atom.kind == Atom::Kind::OfQuery)
    atom.query = eachVector([&](size_t v) { return testOnLanes(test, v); });
  if (atom.kind == Atom::Kind::Wide)
    atom.query = eachVector([&](size_t v) { return onLanes(test.getForm() - atom.key, v); });
  if (atom.kind == Atom::Kind::Narrow)
    prepareNarrow(atom);
  return atom;
}

void MaskTests::prepareNarrow(Atom &atom) {
  Parts parts = *splitParts(atom.test->getForm(), region);
  IRMapping mapping;
  mapping.map(region.getArguments(), ValueRange{batch, head, positions.front(), begin});
  PredicateEmitter forms(b, b.getLoc(), region, mapping);
  atom.keyAtBegin = forms.emit(parts.key);
  Value fixed = atom.keyAtBegin;
  for (const MixedDivision &division : parts.mixed) {
    Carry carry{division.coefficient, division.divisor, division.key, {}, Value()};
    carry.quotient = forms.emit(LinearForm::floorDivision(division.key, division.divisor));
    fixed = b.add(fixed, b.mul(carry.quotient, b.index(division.coefficient)));
    atom.carries.push_back(std::move(carry));
  }
  Type type = positions.front().getType();
  atom.query = eachVector([&](size_t v) -> Value {
    Value sum = arith::AddIOp::create(b, onLanes(parts.query, v), b.splat(type, fixed));
    for (auto [division, carry] : llvm::zip_equal(parts.mixed, atom.carries)) {
      Value dividend = onLanes(division.query, v);
      Value divisor = b.constant(type, division.divisor);
      Value quotient = arith::FloorDivSIOp::create(b, dividend, divisor);
      Value whole = arith::MulIOp::create(b, quotient, divisor);
      carry.remainders.push_back(narrow(arith::SubIOp::create(b, dividend, whole)));
      Value scaled = arith::MulIOp::create(b, quotient, b.constant(type, division.coefficient));
      sum = arith::AddIOp::create(b, sum, scaled);
    }
    sum = arith::MinSIOp::create(b, sum, b.constant(type, largestThreshold));
    sum = arith::MaxSIOp::create(b, sum, b.constant(type, -largestThreshold));
    return narrow(sum);
  });
}

//===----------------------------------------------------------------------===//
// The test of a key
//===----------------------------------------------------------------------===//

Vectors MaskTests::emitNarrow(const Atom &atom, Value key, PredicateEmitter &keyForms) {
  Type i32 = b.getI32Type();
  Type lanesType = atom.query.front().getType();
  // How far the key's part has fallen since the block's first key.
  Value fallen;
  int64_t step = atom.key.getCoefficient(region.getArgument(3));
  if (atom.key == LinearForm::ofValue(region.getArgument(3)) * step)
    fallen = b.mul(key, b.index(-step));
  else
    fallen = b.sub(atom.keyAtBegin, keyForms.emit(atom.key));
  Vectors sums = atom.query;
  for (const Carry &carry : atom.carries) {
    Value quotient = keyForms.emit(LinearForm::floorDivision(carry.key, carry.divisor));
    Value passed = b.sub(carry.quotient, quotient);
    fallen = b.add(fallen, b.mul(passed, b.index(carry.coefficient)));
    Value whole = b.mul(quotient, b.index(carry.divisor));
    Value remainder = b.sub(keyForms.emit(carry.key), whole);
    // The remainders reach the divisor if the query's is at least what the key's lacks.
    Value lacking = arith::IndexCastOp::create(b, i32, b.sub(b.index(carry.divisor), remainder));
    Value lackingOnLanes = b.splat(lanesType, lacking);
    for (auto [sum, ofQuery] : llvm::zip_equal(sums, carry.remainders)) {
      Value carries = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, ofQuery, lackingOnLanes);
      Value more = arith::AddIOp::create(b, sum, b.constant(lanesType, carry.coefficient));
      sum = arith::SelectOp::create(b, carries, more, sum);
    }
  }
  Value bound = arith::IndexCastOp::create(b, i32, fallen);
  Value boundOnLanes = b.splat(lanesType, bound);
  return eachVector([&](size_t v) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::sge, sums[v], boundOnLanes);
  });
}

Vectors MaskTests::emitAtom(const Atom &atom, Value key, PredicateEmitter &keyForms) {
  switch (atom.kind) {
  case Atom::Kind::Narrow:
    return emitNarrow(atom, key, keyForms);
  case Atom::Kind::Wide: {
    Type type = positions.front().getType();
    Value bound = b.splat(type, b.sub(b.index(0), keyForms.emit(atom.key)));
    return eachVector([&](size_t v) -> Value {
      return arith::CmpIOp::create(b, arith::CmpIPredicate::sge, atom.query[v], bound);
    });
  }
  case Atom::Kind::OfQuery:
    return atom.query;
  case Atom::Kind::OfKey:
    break;
  }
  auto type = cast<VectorType>(positions.front().getType()).clone(b.getI1Type());
  return Vectors(positions.size(), b.splat(type, keyForms.emit(*atom.test)));
}

Value MaskTests::combine(const MaskPredicate &part, ArrayRef<Value> tests, size_t &next) {
  if (part.getOperands().empty())
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
  Value position = b.add(begin, key);
  if (last)
    position = b.min(position, last);
  IRMapping mapping;
  mapping.map(region.getArguments(), ValueRange{batch, head, positions.front(), position});
  PredicateEmitter keyForms(b, b.getLoc(), region, mapping);
  SmallVector<Vectors> tests;
  for (const Atom &atom : atoms)
    tests.push_back(emitAtom(atom, key, keyForms));
  return eachVector([&](size_t v) {
    SmallVector<Value> ofVector;
    for (const Vectors &test : tests)
      ofVector.push_back(test[v]);
    size_t next = 0;
    return combine(predicate, ofVector, next);
  });
}
