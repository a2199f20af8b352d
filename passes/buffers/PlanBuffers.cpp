// Places the allocations of an entry in one workspace. Each allocation gets a slot, which is as
// large as the largest of them; two share a slot if they are never alive together. Sizes are
// symbolic in the input shapes, so the plan holds for every shape; which share a slot is decided by
// their sizes for typical shapes, the largest first.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "passes/Passes.h"
#include "passes/buffers/BufferLiveness.h"
#include "passes/buffers/BufferSizes.h"
#include "passes/buffers/TypicalSize.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_PLANBUFFERSPASS
#include "passes/Passes.h.inc"

/// Moves the computation of `value` to the start of the entry, before everything that is not
/// itself such a computation. Fails if it depends on data rather than on shapes.
static LogicalResult hoistToEntry(Value value, Block &entry, Operation *&last) {
  Operation *def = value.getDefiningOp();
  if (!def)
    return success(value.getParentBlock() == &entry);
  if (def->getBlock() == &entry && last && (def == last || def->isBeforeInBlock(last)))
    return success();
  if (!isPure(def) || def->getNumRegions())
    return failure();
  for (Value operand : def->getOperands())
    if (failed(hoistToEntry(operand, entry, last)))
      return failure();
  if (last)
    def->moveAfter(last);
  else
    def->moveBefore(&entry, entry.begin());
  last = def;
  return success();
}

namespace {
struct Slot {
  Value bytes;
  SmallVector<BufferInterval> taken;

  bool isFree(BufferInterval interval) const {
    return llvm::none_of(taken, [&](BufferInterval other) {
      return other.begin <= interval.end && interval.begin <= other.end;
    });
  }
};

/// The plan of one entry function.
class BufferPlan {
public:
  explicit BufferPlan(func::FuncOp function)
      : function(function), entry(function.getBody().front()), b(function.getContext()) {}

  LogicalResult run();

private:
  FailureOr<Value> bytesOf(memref::AllocOp alloc);
  Value larger(Value a, Value b);
  unsigned slotFor(Value bytes, BufferInterval interval);
  void placeViews();
  void createSizeFunction();
  Value resultDim(func::FuncOp companion, BlockArgument result, int64_t dim);
  Value constant(int64_t value);
  Value append(function_ref<Value(OpBuilder &)> build);

  func::FuncOp function;
  Block &entry;
  OpBuilder b;
  Operation *last = nullptr; // end of the hoisted size computations
  DenseMap<int64_t, Value> constants;
  llvm::MapVector<std::pair<int64_t, SmallVector<Value>>, Value> sizes;
  SmallVector<memref::AllocOp> allocs;
  SmallVector<unsigned> slotOf;
  SmallVector<Slot> slots;
  SmallVector<Value> offsets;
  Value total;
};
} // namespace

/// Builds one op at the end of the hoisted computations.
Value BufferPlan::append(function_ref<Value(OpBuilder &)> build) {
  if (last)
    b.setInsertionPointAfter(last);
  else
    b.setInsertionPointToStart(&entry);
  Value value = build(b);
  last = value.getDefiningOp();
  return value;
}

Value BufferPlan::constant(int64_t value) {
  Value &known = constants[value];
  if (!known)
    known = append(
        [&](OpBuilder &b) { return arith::ConstantIndexOp::create(b, function.getLoc(), value); });
  return known;
}

/// Bytes of the allocation, a multiple of the alignment; one value for equal sizes.
FailureOr<Value> BufferPlan::bytesOf(memref::AllocOp alloc) {
  std::optional<int64_t> staticBytes = getStaticBytes(alloc.getType());
  if (!staticBytes)
    return alloc.emitOpError("takes more than 2^62 bytes");
  int64_t fixed = *staticBytes;
  SmallVector<Value> dynamic(alloc.getDynamicSizes());
  if (dynamic.empty())
    return constant(llvm::alignTo(fixed, bufferAlignment));
  for (Value size : dynamic)
    if (failed(hoistToEntry(size, entry, last)))
      return alloc.emitOpError("has a size that depends on data, not on the input shapes alone");
  auto it = llvm::find_if(sizes, [&](auto &known) {
    return known.first.first == fixed && known.first.second == dynamic;
  });
  if (it != sizes.end())
    return it->second;
  Location loc = alloc.getLoc();
  Value bytes = constant(fixed);
  for (Value size : dynamic)
    bytes = append([&](OpBuilder &b) { return arith::MulIOp::create(b, loc, bytes, size); });
  Value unit = constant(bufferAlignment);
  bytes = append([&](OpBuilder &b) { return arith::CeilDivSIOp::create(b, loc, bytes, unit); });
  bytes = append([&](OpBuilder &b) { return arith::MulIOp::create(b, loc, bytes, unit); });
  sizes.insert({{fixed, dynamic}, bytes});
  return bytes;
}

Value BufferPlan::larger(Value a, Value b) {
  std::optional<int64_t> left = getConstantIntValue(a), right = getConstantIntValue(b);
  if (a == b || (left && right))
    return a == b || *left >= *right ? a : b;
  return append([&](OpBuilder &b_) { return arith::MaxSIOp::create(b_, function.getLoc(), a, b); });
}

/// The last slot that is free, which is the smallest as they come in order, else a new one: sharing
/// a slot takes no more memory than one more, whatever the shapes.
unsigned BufferPlan::slotFor(Value bytes, BufferInterval interval) {
  auto free =
      llvm::find_if(llvm::reverse(slots), [&](const Slot &slot) { return slot.isFree(interval); });
  if (free == slots.rend()) {
    slots.push_back({bytes, {interval}});
    return slots.size() - 1;
  }
  free->bytes = larger(free->bytes, bytes);
  free->taken.push_back(interval);
  return &*free - slots.begin();
}

void BufferPlan::placeViews() {
  total = constant(0);
  for (const Slot &slot : slots) {
    offsets.push_back(total);
    total = append([&](OpBuilder &b) {
      return arith::AddIOp::create(b, function.getLoc(), total, slot.bytes);
    });
  }
  auto bytesType = MemRefType::get({ShapedType::kDynamic}, b.getI8Type());
  b.setInsertionPointAfter(last);
  Value workspace = attn::WorkspaceOp::create(b, function.getLoc(), bytesType);
  for (auto [alloc, slot] : llvm::zip_equal(allocs, slotOf)) {
    b.setInsertionPoint(alloc);
    Value view = memref::ViewOp::create(b, alloc.getLoc(), alloc.getType(), workspace,
                                        offsets[slot], alloc.getDynamicSizes());
    alloc.replaceAllUsesWith(view);
    alloc.erase();
  }
}

/// A dim of the result that the out-parameter `result` takes, from `NAME.result_shapes`.
Value BufferPlan::resultDim(func::FuncOp companion, BlockArgument result, int64_t dim) {
  auto shapes = function->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(
      (function.getName() + ".result_shapes").str());
  int64_t numResults = function->getAttrOfType<IntegerAttr>("attn.num_results").getInt();
  int64_t position = dim;
  for (Type earlier : function.getArgumentTypes()
                          .take_front(result.getArgNumber())
                          .drop_front(function.getNumArguments() - numResults))
    position += cast<ShapedType>(earlier).getRank();
  auto call =
      func::CallOp::create(b, function.getLoc(), shapes, companion.getArguments().drop_back());
  return call.getResult(position);
}

namespace {
/// Follows a computation of sizes in f64, where nothing overflows.
class SizeEstimate {
public:
  explicit SizeEstimate(OpBuilder &b) : b(b) {}

  /// Notes what `op` computes, in front of the insertion point.
  void add(Operation *op) {
    if (auto mul = dyn_cast<arith::MulIOp>(op))
      estimates[mul] = arith::MulFOp::create(b, op->getLoc(), of(mul.getLhs()), of(mul.getRhs()));
    else if (auto sum = dyn_cast<arith::AddIOp>(op))
      estimates[sum] = arith::AddFOp::create(b, op->getLoc(), of(sum.getLhs()), of(sum.getRhs()));
    else if (auto div = dyn_cast<arith::CeilDivSIOp>(op))
      estimates[div] = arith::DivFOp::create(b, op->getLoc(), of(div.getLhs()), of(div.getRhs()));
    else if (auto max = dyn_cast<arith::MaxSIOp>(op))
      estimates[max] =
          arith::MaximumFOp::create(b, op->getLoc(), of(max.getLhs()), of(max.getRhs()));
  }

  Value of(Value size) {
    Value &estimate = estimates[size];
    if (!estimate) {
      Value integer = arith::IndexCastOp::create(b, size.getLoc(), b.getI64Type(), size);
      estimate = arith::SIToFPOp::create(b, size.getLoc(), b.getF64Type(), integer);
    }
    return estimate;
  }

private:
  OpBuilder &b;
  DenseMap<Value, Value> estimates;
};
} // namespace

/// `size`, or -1 if it came about by overflow.
static Value rejectOverflow(OpBuilder &b, Location loc, Value size, Value estimate) {
  Value limit =
      arith::ConstantOp::create(b, loc, b.getF64FloatAttr(static_cast<double>(maxBufferBytes)));
  Value fits = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, estimate, limit);
  Value tooLarge = arith::ConstantIndexOp::create(b, loc, -1);
  return arith::SelectOp::create(b, loc, fits, size, tooLarge);
}

/// `NAME.workspace_size(all dims of all inputs, workers) -> bytes`: the hoisted computations;
/// -1 if the size has no int64_t.
void BufferPlan::createSizeFunction() {
  Location loc = function.getLoc();
  unsigned numInputs = function.getNumArguments() -
                       function->getAttrOfType<IntegerAttr>("attn.num_results").getInt();
  SmallVector<unsigned> firstDim; // number of the first dim of each input
  unsigned numDims = 0;
  for (Type type : function.getArgumentTypes().take_front(numInputs)) {
    firstDim.push_back(numDims);
    numDims += cast<ShapedType>(type).getRank();
  }
  SmallVector<Type> types(numDims + 1, b.getIndexType());
  b.setInsertionPointAfter(function);
  auto companion = func::FuncOp::create(b, loc, (function.getName() + ".workspace_size").str(),
                                        b.getFunctionType(types, {b.getIndexType()}));
  companion.setPrivate();
  b.setInsertionPointToStart(companion.addEntryBlock());
  IRMapping map;
  SizeEstimate estimate(b);
  for (Operation &op : entry) {
    auto dim = dyn_cast<memref::DimOp>(op);
    auto argument = dim ? dyn_cast<BlockArgument>(dim.getSource()) : BlockArgument();
    if (argument && argument.getArgNumber() < numInputs && dim.getConstantIndex())
      map.map(dim.getResult(),
              companion.getArgument(firstDim[argument.getArgNumber()] + *dim.getConstantIndex()));
    else if (argument && dim.getConstantIndex())
      map.map(dim.getResult(), resultDim(companion, argument, *dim.getConstantIndex()));
    else if (isa<attn::WorkersOp>(op))
      map.map(op.getResult(0), companion.getArgument(numDims));
    else
      estimate.add(b.clone(op, map));
    if (&op == last)
      break;
  }
  Value size = map.lookup(total);
  func::ReturnOp::create(b, loc, rejectOverflow(b, loc, size, estimate.of(size)));
}

LogicalResult BufferPlan::run() {
  function.walk<WalkOrder::PreOrder>([&](memref::AllocOp alloc) { allocs.push_back(alloc); });
  if (allocs.empty())
    return success();
  SmallVector<Value> bytes;
  for (memref::AllocOp alloc : allocs) {
    FailureOr<Value> size = bytesOf(alloc);
    if (failed(size))
      return failure();
    bytes.push_back(*size);
  }
  TypicalSize typical;
  // Largest first, and of equals the one that comes first.
  auto order = llvm::to_vector(llvm::seq<size_t>(allocs.size()));
  llvm::sort(order, [&](size_t a, size_t b) {
    return std::pair(-typical.of(bytes[a]), a) < std::pair(-typical.of(bytes[b]), b);
  });
  BufferLiveness liveness(function);
  slotOf.resize(allocs.size());
  for (size_t i : order)
    slotOf[i] = slotFor(bytes[i], liveness.interval(allocs[i]));
  placeViews();
  createSizeFunction();
  return success();
}

namespace {
struct PlanBuffersPass : impl::PlanBuffersPassBase<PlanBuffersPass> {
  using Base::Base;
  void runOnOperation() override {
    SmallVector<func::FuncOp> entries;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr("attn.num_results"))
        entries.push_back(function);
    for (func::FuncOp function : entries)
      if (failed(BufferPlan(function).run()))
        return signalPassFailure();
  }
};
} // namespace
} // namespace fovea
