#include "runtime/inspect/AttentionFacts.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/Entries.h"
#include "passes/attention/AttentionTile.h"
#include "passes/attention/MaskBounds.h"
#include "passes/tensors/DimSizes.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace fovea;
using namespace mlir;
using attn::AttentionOp;

/// More panels are not visited one by one; a map of more blocks serves nobody.
static constexpr int64_t maxPanels = int64_t(1) << 16, maxMapBlocks = int64_t(1) << 20;

namespace {
/// The facts of one op, in a module that may be changed.
class Description {
public:
  Description(AttentionOp op, const SizeFormulas &formulas, const TargetInfo &target)
      : op(op), formulas(formulas), target(target) {}

  AttentionFacts run();

private:
  void describeSizes();
  void describeMask();
  void describeSavings();
  void countBlocks();
  void countPanels(int64_t heads, int64_t repeats);
  KeyBounds boundsAt(const MaskBounds &bounds, const SymbolicDim &batch, const SymbolicDim &head,
                     const SymbolicDim &first, const SymbolicDim &last) const;

  AttentionOp op;
  SizeFormulas formulas;
  const TargetInfo &target;
  AttentionFacts facts;
  // The code that computes the bounds, and what stands for its inputs.
  MaskBounds emitted;
  Value batch, head, first, last, keys;
  std::optional<MaskBoundsEmitter> mask;
  const MaskBlocks *gaps = nullptr; // of a mask whose keys are no one range
};
} // namespace

void Description::describeSizes() {
  OpBuilder b(op);
  auto size = [&](Value tensor, int64_t dim) {
    return formulas.of(getDimSize(b, op.getLoc(), tensor, dim));
  };
  SmallVector<int64_t> q = op.getQueryPermutation(), k = op.getKeyPermutation();
  facts.place = placeOf(op.getLoc());
  facts.entry = op->getParentOfType<func::FuncOp>().getName().str();
  facts.batch = size(op.getQuery(), q[0]);
  facts.heads = size(op.getQuery(), q[1]);
  facts.queries = size(op.getQuery(), q[2]);
  facts.headDim = size(op.getQuery(), q[3]);
  facts.keyHeads = size(op.getKey(), k[1]);
  facts.keys = size(op.getKey(), k[2]);
  facts.valueDim = size(op.getOutputInit(), op.getOutputPermutation()[3]);
  facts.runs = formulas.iterationsAround(op);
  facts.hasScore = op.hasScore();
  facts.givesWeights = op.getWithWeights();
  if (Value offset = op.getQueryOffset())
    facts.firstPosition = formulas.of(offset);
  else if (op.getAlignment() == attn::Alignment::BottomRight)
    facts.firstPosition = formulas.subtract(facts.keys, facts.queries);
}

/// `value` without the outer maxima with 0 and minima and maxima with one of `limits`.
static Value peel(Value value, ArrayRef<Value> limits) {
  while (Operation *op = value.getDefiningOp()) {
    bool isMax = isa<arith::MaxSIOp>(op);
    if (!isMax && !isa<arith::MinSIOp>(op))
      break;
    auto isLimit = [&](Value operand) {
      return llvm::is_contained(limits, operand) ||
             (isMax && getConstantIntValue(operand) == int64_t(0));
    };
    if (isLimit(op->getOperand(1)))
      value = op->getOperand(0);
    else if (isLimit(op->getOperand(0)))
      value = op->getOperand(1);
    else
      break;
  }
  return value;
}

/// The bounds as the mask has them, for people: not cut to the keys there are and to each other.
static MaskBounds withoutLimits(const MaskBounds &bounds, Value keys) {
  Value limits[] = {keys, bounds.anyLo, bounds.allLo, bounds.anyHi};
  return {peel(bounds.anyLo, limits), peel(bounds.allLo, limits), peel(bounds.allHi, limits),
          peel(bounds.anyHi, limits)};
}

void Description::describeMask() {
  EmitBuilder b(op.getLoc(), op.getOperation());
  SmallVector<Type> types(5, b.getIndexType());
  auto inputs = UnrealizedConversionCastOp::create(b, TypeRange(types), ValueRange());
  batch = inputs.getResult(0), head = inputs.getResult(1), first = inputs.getResult(2);
  last = inputs.getResult(3), keys = inputs.getResult(4);
  formulas.bind(keys, facts.keys);
  if (!op.hasMask()) {
    emitted = unmaskedBounds(b, keys);
    return;
  }
  MaskBoundsEmitter &bounds = mask.emplace(op.getMask());
  if (bounds.getBlocks().hasGaps())
    gaps = &bounds.getBlocks();
  facts.mask = printMaskRegion(op.getMask(), bounds.getPredicate());
  if (MaskBlocks withData(op.getMask()); withData.hasGaps())
    facts.blockTest = withData.testStr();
  emitted = bounds.emit(b, batch, head, first, last, keys);
  if (bounds.boundsKeys())
    facts.bounds =
        boundsAt(withoutLimits(emitted, keys), SymbolicDim::symbol("b"), SymbolicDim::symbol("h"),
                 SymbolicDim::symbol("first"), SymbolicDim::symbol("last"));
}

KeyBounds Description::boundsAt(const MaskBounds &bounds, const SymbolicDim &batchAt,
                                const SymbolicDim &headAt, const SymbolicDim &firstAt,
                                const SymbolicDim &lastAt) const {
  SizeFormulas here = formulas;
  here.bind(batch, batchAt);
  here.bind(head, headAt);
  here.bind(first, firstAt);
  here.bind(last, lastAt);
  return {here.of(bounds.anyLo), here.of(bounds.allLo), here.of(bounds.allHi),
          here.of(bounds.anyHi)};
}

void Description::describeSavings() {
  auto product = [&](std::initializer_list<SymbolicDim> factors) {
    SymbolicDim result = 1;
    for (const SymbolicDim &factor : factors)
      result = formulas.multiply(result, factor);
    return result;
  };
  int64_t scoreBytes = op.getScoreType().getWidth() / 8;
  int64_t elementBytes =
      llvm::divideCeil(getElementTypeOrSelf(op.getKey()).getIntOrFloatBitWidth(), 8);
  SymbolicDim weights = product({facts.batch, facts.heads, facts.queries, facts.keys});
  SymbolicDim columns = formulas.add(facts.headDim, facts.valueDim);
  SymbolicDim bytes = formulas.multiply(weights, 2 * scoreBytes);
  if (op.hasMask())
    bytes = formulas.add(bytes, formulas.multiply(facts.queries, facts.keys));
  if (!(facts.heads == facts.keyHeads))
    bytes =
        formulas.add(bytes, product({facts.batch, facts.heads, facts.keys, columns, elementBytes}));
  facts.unfusedBytes = bytes;
  facts.unfusedOperations = product({weights, columns, 2});
}

/// Counts the panels of one head, `repeats` times. The map is that of the first head.
void Description::countPanels(int64_t headNumber, int64_t repeats) {
  int64_t rows = *facts.queries.constant(), numKeys = *facts.keys.constant();
  int64_t heads = *facts.heads.constant(), start = *facts.firstPosition.constant();
  int64_t keyBlocks = llvm::divideCeil(numKeys, facts.keysPerBlock);
  bool wantsMap = headNumber == 0 && facts.map;
  for (int64_t row = 0; row < rows; row += facts.queriesPerBlock) {
    int64_t count = std::min(facts.queriesPerBlock, rows - row);
    auto bounds = boundsAt(emitted, headNumber / heads, headNumber % heads, start + row,
                           start + row + count - 1);
    auto anyLo = bounds.anyLo.constant(), anyHi = bounds.anyHi.constant();
    auto allLo = bounds.allLo.constant(), allHi = bounds.allHi.constant();
    if (!anyLo || !anyHi || !allLo || !allHi) {
      facts.counts.reset();
      facts.whyNoCounts = "they depend on data";
      return;
    }
    for (int64_t block = 0; block < keyBlocks; ++block) {
      int64_t begin = block * facts.keysPerBlock;
      int64_t end = std::min(begin + facts.keysPerBlock, numKeys);
      bool isSkipped = std::max(begin, *anyLo) >= std::min(end, *anyHi);
      bool isFull = *allLo <= begin && end <= *allHi;
      if (gaps && !isSkipped && !isFull) {
        PositionBlock place{headNumber / heads,
                            headNumber % heads,
                            start + row,
                            start + row + count - 1,
                            begin,
                            end - 1};
        BlockClass found =
            gaps->classify(place, [&](Value value) { return formulas.of(value).constant(); });
        isSkipped = found == BlockClass::Empty;
        isFull = found == BlockClass::Full;
      }
      if (!isSkipped)
        facts.counts->pairs += repeats * count * (std::min(end, *anyHi) - std::max(begin, *anyLo));
      BlockKind kind = isSkipped ? BlockKind::Skipped
                       : isFull  ? BlockKind::Full
                                 : BlockKind::Partial;
      (isSkipped ? facts.counts->skipped
       : isFull  ? facts.counts->full
                 : facts.counts->partial) += repeats;
      if (wantsMap)
        facts.map->kinds.push_back(static_cast<char>(kind));
    }
  }
}

/// Whether the bounds differ from head to head.
static bool dependsOnHead(const std::optional<KeyBounds> &bounds) {
  bool depends = false;
  if (bounds)
    for (const SymbolicDim *bound :
         {&bounds->anyLo, &bounds->allLo, &bounds->allHi, &bounds->anyHi})
      // A bound may be an opaque choice or minimum, whose text names what it is made of.
      bound->walkSymbols([&](StringRef symbol) {
        StringRef rest = symbol;
        while (!rest.empty()) {
          StringRef word = rest.take_while([](char c) { return llvm::isAlnum(c); });
          depends |= word == "b" || word == "h";
          rest = rest.drop_front(std::max<size_t>(word.size(), 1));
        }
      });
  return depends;
}

void Description::countBlocks() {
  std::optional<int64_t> rows = facts.queries.constant();
  AttentionTile tile =
      chooseAttentionTile(target, op.getScoreType().getWidth(), rows, facts.headDim.constant(),
                          facts.valueDim.constant(), isWindowed(op));
  facts.queriesPerBlock = tile.width();
  facts.keysPerBlock = tile.keysPerBlock;
  SymbolicDim heads = formulas.multiply(facts.batch, facts.heads);
  SymbolicDim panels = formulas.ceilDivide(facts.queries, facts.queriesPerBlock);
  SymbolicDim keyBlocks = formulas.ceilDivide(facts.keys, facts.keysPerBlock);
  facts.totalBlocks = formulas.multiply(formulas.multiply(heads, panels), keyBlocks);
  if (!facts.totalBlocks.constant() || !facts.firstPosition.constant()) {
    facts.whyNoCounts = facts.totalBlocks.constant()
                            ? "the position of the first query is known at run time"
                            : "sizes are known at run time";
    return;
  }
  // Without heads there is none to show.
  int64_t distinct =
      dependsOnHead(facts.bounds) ? *heads.constant() : std::min<int64_t>(*heads.constant(), 1);
  if (distinct * *panels.constant() > maxPanels ||
      *facts.totalBlocks.constant() / std::max<int64_t>(*heads.constant(), 1) > maxMapBlocks) {
    facts.whyNoCounts = "they are too many to be counted one by one";
    return;
  }
  facts.counts.emplace();
  if (distinct > 0)
    facts.map = BlockMap{*panels.constant(), *keyBlocks.constant(), ""};
  int64_t repeats = distinct == 1 ? *heads.constant() : 1;
  for (int64_t headNumber = 0; headNumber < distinct && facts.counts; ++headNumber)
    countPanels(headNumber, repeats);
  if (!facts.counts)
    return facts.map.reset();
  SymbolicDim columns = formulas.add(facts.headDim, facts.valueDim);
  if (std::optional<int64_t> count = columns.constant())
    facts.operations = 2 * *count * facts.counts->pairs;
}

AttentionFacts Description::run() {
  describeSizes();
  describeMask();
  describeSavings();
  countBlocks();
  return std::move(facts);
}

std::vector<AttentionFacts> fovea::describeAttentions(ModuleOp fused, const TargetInfo &target,
                                                      const SymbolSizes &sizes) {
  OwningOpRef<ModuleOp> module(fused.clone());
  std::vector<AttentionFacts> all;
  // Calls are inlined.
  for (func::FuncOp function : entriesOf(*module)) {
    SizeFormulas formulas(sizes);
    formulas.bindEntry(function);
    function.walk([&](AttentionOp op) { all.push_back(Description(op, formulas, target).run()); });
  }
  return all;
}
