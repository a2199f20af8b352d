// Lowers the ops that talk to the context of the C interface (attn.launch, attn.weight,
// attn.quantized_weight, attn.workspace, attn.workers) to loads from `fovea_context` and calls. The
// context is the first argument of the enclosing entry. Field numbers are those of
// runtime/Abi.h.
#include "dialect/QuantizedPanels.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/SymbolTable.h"
#include "passes/Passes.h"
#include "passes/entry/Closure.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_CONVERTATTNTOLLVMPASS
#include "passes/Passes.h.inc"

enum ContextField { Weights, Workspace, Workers, ParallelFor, Pool };

namespace {
/// Lowers the ops of one module. `slots` grows by one range a weight name.
class ContextLowering {
public:
  explicit ContextLowering(ModuleOp module)
      : module(module), symbols(module), b(module.getContext()), converter(b.getContext()),
        pointer(LLVM::LLVMPointerType::get(b.getContext())), i64(b.getI64Type()) {}

  LogicalResult run();

private:
  struct Slots {
    int64_t first;
    SmallVector<int64_t> counts;
    SmallVector<int64_t, 0> spans;
    MemRefType type;
    TypeAttr stored; // only if the type is panels of it
    IntegerAttr panelDim;
    attn::WeightFormatAttr format; // of quantised panels
  };

  FailureOr<Value> loadField(Operation *op, ContextField field, Type type);
  Value castToPointer(Location loc, func::FuncOp function);
  template <typename Op>
  FailureOr<Value> loadWeight(Op op, MemRefType type, TypeAttr stored, IntegerAttr panelDim,
                              attn::WeightFormatAttr format);
  template <typename Op>
  FailureOr<Slots> slotsOf(Op op, MemRefType type, TypeAttr stored, IntegerAttr panelDim,
                           attn::WeightFormatAttr format);
  Value slotNumber(Location loc, const Slots &slots, ValueRange indices);
  template <typename Op>
  LogicalResult count(Op op);
  void replaceByView(Value result, Value data);
  LogicalResult lowerWeight(attn::WeightOp op);
  LogicalResult lowerQuantizedWeight(attn::QuantizedWeightOp op);
  LogicalResult lowerWorkspace(attn::WorkspaceOp op);
  LogicalResult lowerWorkers(attn::WorkersOp op);
  LogicalResult lowerLaunch(attn::LaunchOp op);
  FailureOr<func::FuncOp> taskOf(attn::LaunchOp op, const Closure &closure);
  Value fillClosure(attn::LaunchOp op, const Closure &closure);

  DictionaryAttr describe(StringAttr name, const Slots &slots);
  ModuleOp module;
  SymbolTable symbols;
  OpBuilder b;
  LLVMTypeConverter converter;
  Type pointer, i64;
  llvm::MapVector<StringAttr, Slots> weights;
  struct Reach {
    SmallVector<int64_t> counts;
    SmallVector<int64_t, 0> spans;
  };
  DenseMap<StringAttr, Reach> reached; // by all ops of each name
  int64_t nextSlot = 0;
};
} // namespace

/// A field of the context, loaded in front of `op`.
FailureOr<Value> ContextLowering::loadField(Operation *op, ContextField field, Type type) {
  auto function = op->getParentOfType<func::FuncOp>();
  if (!function || !function->hasAttr("attn.body"))
    return op->emitOpError("needs the context, which only the body of an entry function has");
  Type context =
      LLVM::LLVMStructType::getLiteral(b.getContext(), {pointer, pointer, i64, pointer, pointer});
  Value address = LLVM::GEPOp::create(b, op->getLoc(), pointer, context, function.getArgument(0),
                                      ArrayRef<LLVM::GEPArg>{0, int32_t(field)});
  return LLVM::LoadOp::create(b, op->getLoc(), type, address).getResult();
}

Value ContextLowering::castToPointer(Location loc, func::FuncOp function) {
  Value constant = func::ConstantOp::create(b, loc, function.getFunctionType(),
                                            SymbolRefAttr::get(function.getNameAttr()));
  return UnrealizedConversionCastOp::create(b, loc, pointer, constant).getResult(0);
}

/// The slots of the op's name. Every use of a name agrees on the type.
template <typename Op>
FailureOr<ContextLowering::Slots> ContextLowering::slotsOf(Op op, MemRefType type, TypeAttr stored,
                                                           IntegerAttr panelDim,
                                                           attn::WeightFormatAttr format) {
  const auto &[counts, spans] = reached[op.getNameAttr()];
  auto [it, isNew] = weights.try_emplace(
      op.getNameAttr(), Slots{nextSlot, counts, spans, type, stored, panelDim, format});
  if (isNew)
    nextSlot += llvm::product_of(counts);
  const Slots &slots = it->second;
  if (slots.type.getShape() != type.getShape() ||
      slots.type.getElementType() != type.getElementType() || slots.stored != stored ||
      slots.panelDim != panelDim || slots.format != format)
    return op.emitOpError("weight '")
           << op.getName() << "' is used elsewhere as " << slots.type << ", here as " << type;
  return slots;
}

/// The first, or that which indices choose, row by row.
Value ContextLowering::slotNumber(Location loc, const Slots &slots, ValueRange indices) {
  Value number = arith::ConstantIntOp::create(b, loc, slots.first, 64);
  int64_t stride = llvm::product_of(slots.counts);
  for (auto [index, count] : llvm::zip_equal(indices, slots.counts)) {
    stride /= count;
    Value step = arith::IndexCastOp::create(b, loc, i64, index);
    if (stride > 1)
      step = arith::MulIOp::create(b, loc, step, arith::ConstantIntOp::create(b, loc, stride, 64));
    number = arith::AddIOp::create(b, loc, number, step);
  }
  return number;
}

/// The pointer in the op's slot.
template <typename Op>
FailureOr<Value> ContextLowering::loadWeight(Op op, MemRefType type, TypeAttr stored,
                                             IntegerAttr panelDim, attn::WeightFormatAttr format) {
  Location loc = op.getLoc();
  FailureOr<Slots> slots = slotsOf(op, type, stored, panelDim, format);
  FailureOr<Value> table = loadField(op, Weights, pointer);
  if (failed(slots) || failed(table))
    return failure();
  Value index = slotNumber(loc, *slots, op.getIndices());
  Value address = LLVM::GEPOp::create(b, loc, pointer, pointer, *table,
                                      ArrayRef<LLVM::GEPArg>{LLVM::GEPArg(index)});
  return LLVM::LoadOp::create(b, loc, pointer, address).getResult();
}

/// Replaces a memref of static layout by one at `data`.
void ContextLowering::replaceByView(Value result, Value data) {
  Location loc = result.getLoc();
  auto type = cast<MemRefType>(result.getType());
  Value descriptor = MemRefDescriptor::fromStaticShape(b, loc, converter, type, data);
  result.replaceAllUsesWith(
      UnrealizedConversionCastOp::create(b, loc, type, descriptor).getResult(0));
}

LogicalResult ContextLowering::lowerWeight(attn::WeightOp op) {
  auto type = cast<MemRefType>(op.getType());
  if (!type.hasStaticShape() || !type.getLayout().isIdentity())
    return op.emitOpError("\"")
           << op.getName() << "\" must be contiguous and of sizes known when it is compiled, got "
           << type;
  FailureOr<Value> data =
      loadWeight(op, type, op.getSourceAttr(), op.getPanelDimAttr(), attn::WeightFormatAttr());
  if (failed(data))
    return failure();
  replaceByView(op.getResult(), *data);
  return success();
}

LogicalResult ContextLowering::lowerQuantizedWeight(attn::QuantizedWeightOp op) {
  // What fovea::readWeights asks for: streams first, lanes last.
  attn::QuantizedPanels panels = op.getPanels();
  auto type = MemRefType::get({panels.streams, panels.places(), panels.groups(), panels.lanes},
                              b.getI8Type());
  FailureOr<Value> data =
      loadWeight(op, type, op.getSourceAttr(), op.getPanelDimAttr(), op.getFormatAttr());
  if (failed(data))
    return failure();
  replaceByView(op.getValues(), *data);
  replaceByView(op.getScales(), *data);
  return success();
}

LogicalResult ContextLowering::lowerWorkspace(attn::WorkspaceOp op) {
  Location loc = op.getLoc();
  FailureOr<Value> data = loadField(op, Workspace, pointer);
  if (failed(data))
    return failure();
  auto type = op.getMemory().getType();
  auto descriptor = MemRefDescriptor::poison(b, loc, converter.convertType(type));
  descriptor.setAllocatedPtr(b, loc, *data);
  descriptor.setAlignedPtr(b, loc, *data);
  descriptor.setConstantOffset(b, loc, 0);
  // The caller knows the size; views of the workspace are placed within it by construction.
  descriptor.setConstantSize(b, loc, 0, std::numeric_limits<int64_t>::max());
  descriptor.setConstantStride(b, loc, 0, 1);
  op.replaceAllUsesWith(
      UnrealizedConversionCastOp::create(b, loc, type, Value(descriptor)).getResult(0));
  return success();
}

LogicalResult ContextLowering::lowerWorkers(attn::WorkersOp op) {
  FailureOr<Value> count = loadField(op, Workers, i64);
  if (failed(count))
    return failure();
  Value index = arith::IndexCastOp::create(b, op.getLoc(), b.getIndexType(), *count);
  op.replaceAllUsesWith(index);
  return success();
}

/// `void task(void *closure, int64_t begin, int64_t end, int64_t worker)`: the kernel, which reads
/// from the closure what it was given as arguments. All launches of a kernel share it.
FailureOr<func::FuncOp> ContextLowering::taskOf(attn::LaunchOp op, const Closure &closure) {
  std::string name = (op.getKernel() + ".task").str();
  if (auto task = symbols.lookup<func::FuncOp>(name))
    return task;
  auto kernel = symbols.lookup<func::FuncOp>(op.getKernel());
  if (!kernel.getBody().hasOneBlock())
    return kernel.emitOpError("is launched, so it must have one block, got ")
           << kernel.getBody().getBlocks().size();
  OpBuilder::InsertionGuard guard(b);
  Location loc = op.getLoc();
  b.setInsertionPointAfter(kernel);
  auto task = func::FuncOp::create(b, loc, name, b.getFunctionType({pointer, i64, i64, i64}, {}));
  task.setPrivate();
  symbols.insert(task);
  Block *entry = task.addEntryBlock();
  b.setInsertionPointToStart(entry);
  SmallVector<Value> arguments;
  for (Value bound : task.getArguments().drop_front())
    arguments.push_back(arith::IndexCastOp::create(b, loc, b.getIndexType(), bound));
  llvm::append_range(arguments, closure.load(b, loc, task.getArgument(0)));
  Block &body = kernel.getBody().front();
  for (auto [argument, value] : llvm::zip_equal(body.getArguments(), arguments))
    argument.replaceAllUsesWith(value);
  entry->getOperations().splice(entry->end(), body.getOperations());
  symbols.erase(kernel);
  return task;
}

/// Stores the captured values into a struct on the stack of the entry body.
Value ContextLowering::fillClosure(attn::LaunchOp op, const Closure &closure) {
  Location loc = op.getLoc();
  Value memory;
  {
    // In the entry block: a launch may stand in the loop over layers.
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&op->getParentOfType<func::FuncOp>().getBody().front());
    Value one = LLVM::ConstantOp::create(b, loc, i64, b.getI64IntegerAttr(1));
    memory = LLVM::AllocaOp::create(b, loc, pointer, closure.type(), one);
  }
  closure.store(b, loc, op.getArguments(), memory);
  return memory;
}

/// One thread calls the task itself; more go through the context's parallel_for.
LogicalResult ContextLowering::lowerLaunch(attn::LaunchOp op) {
  Location loc = op.getLoc();
  Closure closure(converter, op.getArguments().getTypes());
  FailureOr<Value> parallelFor = loadField(op, ParallelFor, pointer);
  FailureOr<Value> pool = loadField(op, Pool, pointer);
  FailureOr<func::FuncOp> task = taskOf(op, closure);
  if (failed(parallelFor) || failed(pool) || failed(task))
    return failure();
  Value memory = fillClosure(op, closure);
  Value count = arith::IndexCastOp::create(b, loc, i64, op.getCount());
  Value zero = arith::ConstantIntOp::create(b, loc, 0, 64);
  Value null = LLVM::ZeroOp::create(b, loc, pointer);
  Value isSerial = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq, *parallelFor, null);
  auto branch = scf::IfOp::create(b, loc, isSerial, /*withElseRegion=*/true);
  b.setInsertionPointToStart(branch.thenBlock());
  func::CallOp::create(b, loc, *task, ValueRange{memory, zero, count, zero});
  b.setInsertionPointToStart(branch.elseBlock());
  Value taskPointer = castToPointer(loc, *task);
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                          {pointer, i64, pointer, pointer});
  LLVM::CallOp::create(b, loc, type, ValueRange{*parallelFor, *pool, count, taskPointer, memory});
  return success();
}

/// A row of the table of weights: the stored type, and the panels that the code expects.
DictionaryAttr ContextLowering::describe(StringAttr name, const Slots &slots) {
  auto type =
      TypeAttr::get(RankedTensorType::get(slots.type.getShape(), slots.type.getElementType()));
  SmallVector<NamedAttribute> row = {b.getNamedAttr("name", name),
                                     b.getNamedAttr("counts", b.getDenseI64ArrayAttr(slots.counts)),
                                     b.getNamedAttr("type", slots.stored ? slots.stored : type)};
  if (!slots.spans.empty())
    row.push_back(b.getNamedAttr("spans", b.getDenseI64ArrayAttr(slots.spans)));
  if (slots.stored)
    row.append({b.getNamedAttr("panels", type), b.getNamedAttr("panel_dim", slots.panelDim)});
  if (slots.format)
    row.push_back(b.getNamedAttr(
        "format", b.getStringAttr(attn::stringifyWeightFormat(slots.format.getValue()))));
  return b.getDictionaryAttr(row);
}

/// Loops over some of the layers share the slots of the loop that goes furthest, and what one of
/// them reaches must exist.
template <typename Op>
LogicalResult ContextLowering::count(Op op) {
  auto [it, isNew] =
      reached.try_emplace(op.getNameAttr(), Reach{SmallVector<int64_t>(op.getCounts()),
                                                  SmallVector<int64_t, 0>(op.getSpans())});
  auto &[counts, spans] = it->second;
  if (counts.size() != op.getCounts().size())
    return op.emitOpError("weight '")
           << op.getName() << "' is used elsewhere with " << counts.size() << " indices, here with "
           << op.getCounts().size();
  spans = attn::WeightSlots{op.getName(), counts, spans}.spansWith(op.getSlots());
  for (auto [largest, count] : llvm::zip(counts, op.getCounts()))
    largest = std::max(largest, count);
  if (!attn::WeightSlots::checkedSize(counts))
    return op.emitOpError("weight '") << op.getName() << "' has more than 2^31 slots";
  return success();
}

LogicalResult ContextLowering::run() {
  SmallVector<Operation *> ops;
  WalkResult counted = module.walk([&](Operation *op) -> WalkResult {
    if (isa<attn::WeightOp, attn::QuantizedWeightOp, attn::WorkspaceOp, attn::WorkersOp,
            attn::LaunchOp>(op))
      ops.push_back(op);
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case<attn::WeightOp, attn::QuantizedWeightOp>([&](auto weight) { return count(weight); })
        .Default(success());
  });
  if (counted.wasInterrupted())
    return failure();
  for (Operation *op : ops) {
    b.setInsertionPoint(op);
    LogicalResult lowered =
        llvm::TypeSwitch<Operation *, LogicalResult>(op)
            .Case([&](attn::WeightOp weight) { return lowerWeight(weight); })
            .Case([&](attn::QuantizedWeightOp weight) { return lowerQuantizedWeight(weight); })
            .Case([&](attn::WorkspaceOp workspace) { return lowerWorkspace(workspace); })
            .Case([&](attn::WorkersOp workers) { return lowerWorkers(workers); })
            .Default([&](Operation *launch) { return lowerLaunch(cast<attn::LaunchOp>(launch)); });
    if (failed(lowered))
      return failure();
    op->erase();
  }
  SmallVector<Attribute> table;
  for (auto &[name, slots] : weights)
    table.push_back(describe(name, slots));
  module->setAttr("attn.weights", b.getArrayAttr(table));
  return success();
}

namespace {
struct ConvertAttnToLLVMPass : impl::ConvertAttnToLLVMPassBase<ConvertAttnToLLVMPass> {
  using Base::Base;
  void runOnOperation() override {
    if (failed(ContextLowering(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace
} // namespace fovea
