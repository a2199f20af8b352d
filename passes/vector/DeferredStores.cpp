#include "passes/vector/DeferredStores.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace fovea;

/// The result of a task's last row is stored by itself. With rows no longer than this, what is
/// larger than the caches still makes many tasks.
static constexpr int64_t rowsPerTask = 32, mostRowBytes = 32768;

namespace {
/// A parallel loop over rows whose results are stored late.
struct DeferredRows {
  scf::ForallOp forall;
  linalg::GenericOp functions; // writes the row `scratch`
  linalg::GenericOp storer;    // reads it and numbers computed since, and writes the result
  memref::AllocOp scratch;

  void rewrite(const TargetInfo &target, StreamDecisions &decisions);

private:
  void createTasks(EmitBuilder &b, Value isWorthwhile);
  linalg::GenericOp splitFunctions(EmitBuilder &b);
  linalg::GenericOp createMerged(EmitBuilder &b, Value result);
  void moveStorer(EmitBuilder &b);
  Value resultOf(EmitBuilder &b, Value row);

  Value result; // the storer's row
  scf::ForOp loop;
  RowLoop rows; // which `loop` runs over
  /// The numbers that the storer reads, and where they are kept for the next row.
  SmallVector<Value> numbers, kept;
};
} // namespace

static bool isRow(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  return type.hasStaticShape() && !isShortRow(memref) &&
         type.getNumElements() * type.getElementTypeBitWidth() <= 8 * mostRowBytes;
}

/// Computes on buffers or computes views of them: nothing else that a loop's order matters to.
static bool isUnderstood(Operation &op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (linalgOp)
    return linalgOp.hasPureBufferSemantics();
  auto alloc = dyn_cast<memref::AllocOp>(op);
  return alloc ? alloc.getType().hasStaticShape() : isPure(&op) && !op.getNumRegions();
}

/// The last op if it makes a row of a matrix that nothing else in the loop touches.
static linalg::GenericOp findStorer(scf::ForallOp forall) {
  linalg::GenericOp storer;
  for (auto op : forall.getBody()->getOps<linalg::LinalgOp>())
    storer = dyn_cast<linalg::GenericOp>(*op);
  if (!storer || storer.getNumDpsInits() != 1 || storer.getNumReductionLoops() ||
      storer.hasIndexSemantics() || storer.payloadUsesValueFromOperand(storer.getDpsInitOperand(0)))
    return nullptr;
  Value result = storer.getDpsInits()[0], matrix = rootOf(result);
  bool isOnlyUse = llvm::all_of(matrix.getUsers(), [&](Operation *user) {
    return !forall->isProperAncestor(user) || user == result.getDefiningOp();
  });
  return forall.isDefinedOutsideOfLoop(matrix) && isOnlyUse && result.hasOneUse() &&
                 isRow(result) && beginsRow(result)
             ? storer
             : nullptr;
}

/// The other op that uses the scratch row, if it computes functions and overwrites the row in the
/// order in which the storer reads it.
static linalg::GenericOp findFunctions(linalg::GenericOp storer, OpOperand *read) {
  linalg::GenericOp functions;
  for (OpOperand &use : read->get().getUses()) {
    if (&use == read)
      continue;
    functions = dyn_cast<linalg::GenericOp>(use.getOwner());
    if (!functions || functions->getBlock() != storer->getBlock() || functions == storer ||
        !hasRowFunctions(functions) || functions.hasIndexSemantics() ||
        functions.isDpsInput(&use) || functions.payloadUsesValueFromOperand(&use) ||
        functions.getNumLoops() != storer.getNumLoops() ||
        functions.getMatchingIndexingMap(&use) != storer.getMatchingIndexingMap(read))
      return nullptr;
  }
  return functions;
}

static std::optional<DeferredRows> match(scf::ForallOp forall) {
  if (!isOverRows(forall) || forall->getParentOfType<scf::ForallOp>() ||
      !llvm::all_of(forall.getBody()->without_terminator(), isUnderstood))
    return std::nullopt;
  linalg::GenericOp storer = findStorer(forall);
  if (!storer)
    return std::nullopt;
  DeferredRows rows;
  rows.forall = forall;
  rows.storer = storer;
  for (OpOperand *input : storer.getDpsInputOperands()) {
    auto alloc = input->get().getDefiningOp<memref::AllocOp>();
    if (!alloc || alloc->getBlock() != forall.getBody())
      return std::nullopt;
    if (isOneNumber(alloc))
      continue;
    if (rows.scratch || !isRow(alloc))
      return std::nullopt;
    rows.scratch = alloc;
    rows.functions = findFunctions(storer, input);
  }
  return rows.functions ? std::optional(rows) : std::nullopt;
}

/// Puts the old loop's body into a loop over the rows of a task; of a single row if deferring is
/// not worthwhile.
void DeferredRows::createTasks(EmitBuilder &b, Value isWorthwhile) {
  OpFoldResult bound = forall.getMixedUpperBound().back();
  Value step = b.createOrFold<arith::SelectOp>(isWorthwhile, b.index(rowsPerTask), b.index(1));
  SmallVector<OpFoldResult> steps = forall.getMixedStep();
  steps.back() = getAsOpFoldResult(step);
  auto tasks = scf::ForallOp::create(b, forall.getMixedLowerBound(), forall.getMixedUpperBound(),
                                     steps, ValueRange(), forall.getMapping());
  tasks->setDiscardableAttrs(forall->getDiscardableAttrDictionary());
  b.setInsertionPointToStart(tasks.getBody());
  scratch->moveBefore(tasks.getBody(), b.getInsertionPoint());
  for (Value number : numbers)
    kept.push_back(memref::AllocOp::create(b, cast<MemRefType>(number.getType())));
  SmallVector<Value> indices(tasks.getInductionVars());
  Value end =
      b.min(b.add(indices.back(), step), getValueOrCreateConstantIndexOp(b, b.getLoc(), bound));
  loop = scf::ForOp::create(b, indices.back(), end, b.index(1));
  rows = {loop.getBody(), loop.getInductionVar(), bound};
  indices.back() = rows.row;
  IRRewriter rewriter(b);
  rewriter.eraseOp(forall.getTerminator());
  rewriter.inlineBlockBefore(forall.getBody(), loop.getBody()->getTerminator(), indices);
  rewriter.eraseOp(forall);
}

/// The view of a row's result, at the builder's place.
Value DeferredRows::resultOf(EmitBuilder &b, Value row) {
  IRMapping map;
  map.map(rows.row, row);
  return recompute(b, rows, result, map);
}

/// Leaves the functions to the first row, and returns what the others compute.
linalg::GenericOp DeferredRows::splitFunctions(EmitBuilder &b) {
  b.setInsertionPoint(functions);
  Value isFirst =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, rows.row, loop.getLowerBound());
  auto choice = scf::IfOp::create(b, isFirst, /*withElseRegion=*/true);
  b.setInsertionPointToStart(choice.elseBlock());
  linalg::GenericOp merged = createMerged(b, resultOf(b, b.sub(rows.row, b.index(1))));
  functions->moveBefore(choice.thenBlock()->getTerminator());
  return merged;
}

/// Keeps each row's numbers, and stores the last row behind the loop.
void DeferredRows::moveStorer(EmitBuilder &b) {
  b.setInsertionPoint(storer);
  for (auto [number, copy] : llvm::zip_equal(numbers, kept))
    memref::CopyOp::create(b, number, copy);
  storer->moveAfter(loop);
  b.setInsertionPoint(storer);
  Value last = b.sub(loop.getUpperBound(), b.index(1));
  storer->replaceUsesOfWith(result, resultOf(b, last));
  for (auto [number, copy] : llvm::zip_equal(numbers, kept))
    storer->replaceUsesOfWith(number, copy);
}

/// One op as part of another: values of its body, whose arguments are mapped already.
static SmallVector<Value> cloneBody(OpBuilder &b, linalg::GenericOp op, IRMapping &map) {
  for (Operation &inner : op.getBody()->without_terminator())
    b.clone(inner, map);
  return llvm::map_to_vector(op.getBody()->getTerminator()->getOperands(),
                             [&](Value value) { return map.lookupOrDefault(value); });
}

/// The functions of a row, and before they take its place what the row before left, made a result.
linalg::GenericOp DeferredRows::createMerged(EmitBuilder &b, Value before) {
  SmallVector<Value> inputs(functions.getDpsInputs()), inits(functions.getDpsInits());
  SmallVector<AffineMap> maps = functions.getIndexingMapsArray();
  int64_t own = inputs.size();
  SmallVector<AffineMap> numberMaps;
  for (OpOperand *input : storer.getDpsInputOperands())
    if (input->get() != scratch)
      numberMaps.push_back(storer.getMatchingIndexingMap(input));
  llvm::append_range(inputs, kept);
  maps.insert(maps.begin() + own, numberMaps.begin(), numberMaps.end());
  inits.push_back(before);
  maps.push_back(storer.getMatchingIndexingMap(storer.getDpsInitOperand(0)));

  auto fill = [&](OpBuilder &builder, Location loc, ValueRange arguments) {
    ValueRange given = arguments.slice(own, kept.size());
    ValueRange olds = arguments.drop_front(own + kept.size());
    IRMapping ofRow, ofRowBefore;
    ofRow.map(functions.getRegionInputArgs(), arguments.take_front(own));
    ofRow.map(functions.getRegionOutputArgs(), olds.drop_back());
    for (OpOperand *input : storer.getDpsInputOperands()) {
      bool isScratch = input->get() == scratch;
      int64_t place = llvm::find(inits, scratch.getResult()) - inits.begin();
      ofRowBefore.map(storer.getMatchingBlockArgument(input),
                      isScratch ? olds[place] : given.front());
      if (!isScratch)
        given = given.drop_front();
    }
    SmallVector<Value> yielded = cloneBody(builder, functions, ofRow);
    llvm::append_range(yielded, cloneBody(builder, storer, ofRowBefore));
    linalg::YieldOp::create(builder, loc, yielded);
  };
  return linalg::GenericOp::create(b, TypeRange(), inputs, inits, maps,
                                   functions.getIteratorTypesArray(), fill);
}

void DeferredRows::rewrite(const TargetInfo &target, StreamDecisions &decisions) {
  EmitBuilder b(forall.getLoc(), forall);
  result = storer.getDpsInits()[0];
  Value matrix = rootOf(result);
  Value isWorthwhile = b.createOrFold<arith::AndIOp>(
      isLargerThanCaches(b, matrix, target), areRowsAligned(b, matrix, target.vectorBits / 8));
  if (isConstantIntValue(isWorthwhile, 0))
    return;
  for (Value input : storer.getDpsInputs())
    if (input != scratch)
      numbers.push_back(input);
  createTasks(b, isWorthwhile);
  linalg::GenericOp merged = splitFunctions(b);
  moveStorer(b);
  decisions[functions] = {rows, result, /*fetches=*/true, /*bypasses=*/false};
  decisions[merged] = {rows, merged.getDpsInits().back(), /*fetches=*/true, /*bypasses=*/true};
  decisions[storer] = {{}, storer.getDpsInits()[0], /*fetches=*/false, /*bypasses=*/true};
}

StreamDecisions fovea::deferStores(Operation *root, const TargetInfo &target) {
  SmallVector<DeferredRows> found;
  root->walk([&](scf::ForallOp forall) {
    if (auto rows = match(forall))
      found.push_back(*rows);
  });
  StreamDecisions decisions;
  for (DeferredRows &rows : found)
    rows.rewrite(target, decisions);
  return decisions;
}
