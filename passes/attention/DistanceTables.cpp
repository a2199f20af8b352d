#include "passes/attention/DistanceTables.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/Report.h"
#include "passes/attention/AttentionPacker.h"
#include "passes/mask/DistanceTerms.h"
#include "passes/mask/MaskPredicate.h"
#include "passes/vector/LaneLoads.h"
#include "passes/vector/RegionVectorizer.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::attn;

/// Distances that one iteration of the parallel loop computes.
static constexpr int64_t distancesPerTask = 1024;

//===----------------------------------------------------------------------===//
// Which terms
//===----------------------------------------------------------------------===//

void DistanceTables::report(const Twine &message) {
  fovea::remark(op, "attention", "terms of j - i in the score " + message);
}

DistanceTables::DistanceTables(AttentionOp op, std::optional<int64_t> rows, int64_t fewRows)
    : op(op), fewRows(fewRows), preheader(op) {
  if (!op.hasScore())
    return;
  DistanceTerms terms(op.getScore());
  auto isCostly = [&](Value term) { return terms.isCostly(term); };
  if (llvm::none_of(terms.get(), isCostly)) {
    // Indices are parts of reads that depend on more.
    if (llvm::any_of(terms.get(), [](Value term) { return isa<FloatType>(term.getType()); }))
      report("are computed where they are used: to read them would not take less");
    return;
  }
  if (rows && *rows <= fewRows) {
    report("are computed where they are used: a table for at most " + Twine(fewRows) +
           " queries would take as long");
    return;
  }
  for (Value term : llvm::make_filter_range(terms.get(), isCostly)) {
    if (std::optional<SetVector<Value>> variables = preheader.findVariables(term))
      tables.push_back({term, std::move(*variables), {}, Value(), {}, {}});
    else
      report("are computed where they are used: one depends on what is known only in the loop "
             "around the attention");
  }
}

/// Whether a tile's first row is at the position of row 0 and as many more as rows are before it.
static bool countsRows(AttentionOp op, scf::ForallOp loop) {
  Value query = op.getQuery(), offset = op.getQueryOffset();
  if (!loop || loop.isDefinedOutsideOfLoop(query))
    return !offset || !loop || loop.isDefinedOutsideOfLoop(offset);
  auto slice = query.getDefiningOp<memref::SubViewOp>();
  if (!slice || !offset)
    return false;
  OpFoldResult row = slice.getMixedOffsets()[op.getQueryPermutation()[2]];
  std::optional<LinearForm> position = analyzeIndex(offset, op.getScore());
  std::optional<LinearForm> before = LinearForm();
  if (auto value = dyn_cast<Value>(row))
    before = analyzeIndex(value, op.getScore());
  else
    before = LinearForm(*getConstantIntValue(row));
  if (!position || !before)
    return false;
  SmallVector<Value> values;
  LinearForm first = *position - *before;
  first.collectValues(values);
  return first.isValid() &&
         llvm::all_of(values, [&](Value value) { return loop.isDefinedOutsideOfLoop(value); });
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

void DistanceTables::emit(int64_t widthOfPanels, int64_t lanesOfVectors) {
  if (tables.empty())
    return;
  width = widthOfPanels;
  lanes = lanesOfVectors;
  EmitBuilder b = preheader.builder();
  std::optional<Preheader::Positions> found;
  if (countsRows(op, preheader.getLoop()))
    found = preheader.findPositions(b);
  if (!found) {
    tables.clear();
    return report("are computed where they are used: positions are not known in front of the loop "
                  "around the attention");
  }
  positions = *found;
  toPlace = b.sub(b.sub(positions.keys, b.index(1)), positions.first);
  Value isWanted =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sgt, positions.queries, b.index(fewRows));
  for (Table &table : tables)
    fill(b, table, isWanted);
  report(Twine("are read from ") + (tables.size() == 1 ? "a table" : "tables") +
         " of all distances" +
         (getConstantIntValue(isWanted) ? "" : "; few queries compute them where they are used"));
}

/// The term at a vector of distances, at a place on the axes: that of a query at each distance and
/// of the key at 0.
Value DistanceTables::emitTerm(EmitBuilder &b, const Table &table, ValueRange place,
                               Value distances) {
  Region region;
  Block &block = region.emplaceBlock();
  SmallVector<Value> arguments;
  IRMapping mapping;
  auto map = [&](Value from, Value to) {
    mapping.map(from, block.addArgument(b.getIndexType(), b.getLoc()));
    arguments.push_back(to);
  };
  // Batch and head without an axis take one value.
  Value zero = b.index(0);
  for (Value argument : op.getScore().getArguments().drop_front())
    if (!table.variables.contains(argument))
      map(argument, argument == op.getScore().getArgument(3) ? distances : zero);
  for (auto [axis, number] : llvm::zip_equal(table.axes, place))
    map(axis.variable, preheader.valueAt(b, axis, number));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(&block);
    YieldOp::create(b, preheader.clone(b, table.term, mapping));
  }
  return cloneOnLanes(b, region, arguments, lanes);
}

/// Buffers hold no indices.
static Type storedType(Type type) {
  return type.isIndex() ? IntegerType::get(type.getContext(), 64) : type;
}

/// A value, or vector of values, between a term's type and the one that it is stored as.
static Value castIndex(EmitBuilder &b, Value value, Type element) {
  if (getElementTypeOrSelf(value) == element)
    return value;
  Type type = element;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(element);
  return arith::IndexCastOp::create(b, type, value);
}

void DistanceTables::fill(EmitBuilder &b, Table &table, Value isWanted) {
  SmallVector<OpFoldResult> sizes;
  for (Value variable : table.variables) {
    table.axes.push_back(preheader.axisOf(b, variable));
    sizes.push_back(table.axes.back().count);
  }
  auto ifWanted = [&](Value size) {
    return b.createOrFold<arith::SelectOp>(isWanted, size, b.index(0));
  };
  // A panel may begin with the last query.
  Value count = b.add(b.add(ifWanted(positions.queries), ifWanted(positions.keys)), b.index(width));
  SmallVector<OpFoldResult> shape(sizes);
  shape.push_back(getAsOpFoldResult(b.add(count, b.index(lanes))));
  table.memref = allocateAligned(b, shape, storedType(table.term.getType()));

  Value tasks = ifWanted(b.createOrFold<arith::CeilDivUIOp>(count, b.index(distancesPerTask)));
  Value hasKeys =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sgt, positions.keys, b.index(0));
  tasks = b.createOrFold<arith::SelectOp>(hasKeys, tasks, b.index(0));
  sizes.push_back(getAsOpFoldResult(tasks));
  auto loop = scf::ForallOp::create(b, sizes, ValueRange(), std::nullopt);
  loop->setAttr("attn.kernel_name", b.getStringAttr("tabulate"));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> place(loop.getInductionVars());
  Value begin = b.mul(place.pop_back_val(), b.index(distancesPerTask));
  auto type = VectorType::get({lanes}, b.getIndexType());
  // Only distances that occur: of others the term may read past the end of its tables.
  Value last = b.splat(type, b.sub(b.add(positions.queries, positions.keys), b.index(2)));
  Value shift = b.splat(type, toPlace);
  Value end = b.min(b.add(begin, b.index(distancesPerTask)), count);
  b.loop(begin, end, lanes, [&](Value first) {
    Value elements = arith::AddIOp::create(b, emitSteps(b, type), b.splat(type, first));
    elements = arith::MinSIOp::create(b, elements, last);
    Value distances = arith::SubIOp::create(b, elements, shift);
    SmallVector<Value> at(place);
    at.push_back(first);
    Value term = emitTerm(b, table, place, distances);
    term = castIndex(b, term, storedType(table.term.getType()));
    vector::StoreOp::create(b, term, table.memref, at);
  });
}

//===----------------------------------------------------------------------===//
// Reads
//===----------------------------------------------------------------------===//

void DistanceTables::replaceTerm(EmitBuilder &b, Table &table) {
  for (Preheader::Axis axis : table.axes) {
    bool isOfRegion = axis.variable.getParentRegion() == &op.getScore();
    table.place.push_back(isOfRegion ? axis.variable : preheader.placeOf(b, axis, axis.variable));
  }
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfterValue(table.term);
  Value distance = b.sub(op.getScore().getArgument(3), op.getScore().getArgument(4));
  SmallVector<Value> at(table.place);
  at.push_back(b.add(distance, toPlace));
  table.load = memref::LoadOp::create(b, table.memref, at);
  table.term.replaceAllUsesWith(castIndex(b, table.load, table.term.getType()));
}

void DistanceTables::replaceTerms(EmitBuilder &b) {
  if (tables.empty())
    return;
  for (Table &table : tables)
    replaceTerm(b, table);
  for (Operation &inner : llvm::make_early_inc_range(llvm::reverse(op.getScore().front())))
    if (isOpTriviallyDead(&inner))
      inner.erase();
}
