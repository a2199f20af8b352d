#include "runtime/inspect/MemoryPlan.h"
#include "dialect/QuantizedPanels.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/buffers/BufferLiveness.h"
#include "passes/buffers/BufferSizes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"

using namespace fovea;
using namespace mlir;

namespace {
class Planner {
public:
  Planner(func::FuncOp entry, const SymbolSizes &sizes)
      : entry(entry), formulas(sizes), liveness(entry) {
    formulas.bindEntry(entry);
    plan.entry = entry.getName().str();
  }

  MemoryPlan run();

private:
  void addArguments();
  void addWeights();
  void addSteps();
  void addBuffer(memref::ViewOp view);
  void addTotals();
  std::string typeText(Value shaped);
  std::string kernelOf(attn::LaunchOp launch) const;
  std::string contentsOf(memref::ViewOp view);
  SymbolicDim larger(const SymbolicDim &a, const SymbolicDim &b);

  func::FuncOp entry;
  SizeFormulas formulas;
  BufferLiveness liveness;
  MemoryPlan plan;
  llvm::SmallVector<Operation *> stepOps;
  llvm::DenseMap<Value, unsigned> slotAt; // by offset
};
} // namespace

static std::string elementText(Type element) {
  std::string text;
  llvm::raw_string_ostream(text) << element;
  return text == "i1" ? "bool" : text;
}

std::string Planner::typeText(Value shaped) {
  auto type = cast<ShapedType>(shaped.getType());
  SymbolicShape shape;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    shape.push_back(formulas.dim(shaped, dim));
  return elementText(type.getElementType()) + formatShape(shape);
}

void Planner::addArguments() {
  auto numResults = entry->getAttrOfType<IntegerAttr>("attn.num_results").getInt();
  unsigned numInputs = entry.getNumArguments() - numResults;
  for (BlockArgument argument : entry.getArguments()) {
    unsigned number = argument.getArgNumber();
    auto name = entry.getArgAttrOfType<StringAttr>(number, "attn.name");
    TensorMemory memory{name ? name.str() : "", typeText(argument), formulas.bytes(argument)};
    (number < numInputs ? plan.inputs : plan.results).push_back(std::move(memory));
  }
}

/// The type of a weight in the files, whatever panels it is packed in.
static std::string textOf(ShapedType type) {
  SymbolicShape shape(type.getShape().begin(), type.getShape().end());
  return elementText(type.getElementType()) + formatShape(shape);
}

void Planner::addWeights() {
  llvm::SetVector<StringRef> seen;
  auto add = [&](auto weight, const std::string &format, const SymbolicDim &bytes) {
    if (!seen.insert(weight.getName()))
      return;
    attn::WeightSlots slots = weight.getSlots();
    int64_t count = slots.reachedSize() / slots.stackSize();
    std::string prefix = count == 1 ? "" : std::to_string(count) + " x ";
    plan.weights.push_back({weight.getName().str(),
                            prefix + textOf(weight.getStoredType()) + format,
                            formulas.multiply(bytes, slots.reachedSize())});
  };
  entry.walk([&](Operation *op) {
    if (auto weight = dyn_cast<attn::WeightOp>(op))
      add(weight, "", formulas.bytes(weight.getResult()));
    if (auto weight = dyn_cast<attn::QuantizedWeightOp>(op))
      add(weight, " as " + attn::stringifyWeightFormat(weight.getFormat()).str(),
          weight.getPanels().numBytes());
  });
}

/// "contraction_2" of "@main.contraction_2".
std::string Planner::kernelOf(attn::LaunchOp launch) const {
  StringRef name = launch.getKernel();
  name.consume_front(plan.entry + ".");
  return name.str();
}

/// Launches, and loops and conditions that hold none.
void Planner::addSteps() {
  entry.walk<WalkOrder::PreOrder>([&](Operation *op) {
    std::string name;
    if (auto launch = dyn_cast<attn::LaunchOp>(op))
      name = kernelOf(launch);
    else if (isa<scf::ForOp, scf::IfOp>(op) &&
             !op->walk([](attn::LaunchOp) { return WalkResult::interrupt(); }).wasInterrupted())
      name = "serial code";
    else
      return WalkResult::advance();
    plan.steps.push_back({name, placeOf(op->getLoc()), formulas.iterationsAround(op)});
    stepOps.push_back(op);
    return WalkResult::skip();
  });
}

/// What is in a buffer, by its type and the first kernel that is given it.
std::string Planner::contentsOf(memref::ViewOp view) {
  for (const auto &[op, step] : llvm::zip_equal(stepOps, plan.steps)) {
    auto launch = dyn_cast<attn::LaunchOp>(op);
    if (!launch || !llvm::is_contained(launch.getArguments(), view.getResult()))
      continue;
    // Bytes for all workers: see attn-privatize-scratch.
    bool isBytes = view.getType().getElementType().isInteger(8) && view.getType().getRank() == 1;
    return isBytes ? "scratch of " + step.name : typeText(view) + " of " + step.name;
  }
  return typeText(view);
}

/// Whether `a` is at least `b` because no size is negative.
static bool isAtLeast(SizeFormulas &formulas, const SymbolicDim &a, const SymbolicDim &b) {
  SymbolicDim difference = formulas.subtract(a, b);
  return llvm::all_of(difference.terms(), [](const auto &term) { return term.second >= 0; });
}

SymbolicDim Planner::larger(const SymbolicDim &a, const SymbolicDim &b) {
  if (isAtLeast(formulas, a, b))
    return a;
  return isAtLeast(formulas, b, a) ? b : formulas.maximum(a, b);
}

void Planner::addBuffer(memref::ViewOp view) {
  BufferMemory buffer;
  buffer.holds = contentsOf(view);
  buffer.place = placeOf(view.getLoc());
  buffer.bytes = formulas.multiply(formulas.ceilDivide(formulas.bytes(view), bufferAlignment),
                                   bufferAlignment);
  auto [slot, isNew] = slotAt.try_emplace(view.getByteShift(), plan.slots.size());
  if (isNew)
    plan.slots.push_back(0);
  buffer.slot = slot->second;
  SymbolicDim &size = plan.slots[buffer.slot];
  size = larger(size, buffer.bytes);
  BufferInterval interval = liveness.interval(view);
  buffer.firstStep = plan.steps.size();
  for (auto [i, op] : llvm::enumerate(stepOps)) {
    int64_t position = liveness.position(op);
    if (position < interval.begin || position > interval.end)
      continue;
    buffer.firstStep = std::min<unsigned>(buffer.firstStep, i);
    buffer.lastStep = i;
  }
  if (buffer.firstStep == plan.steps.size())
    buffer.firstStep = buffer.lastStep = 0;
  plan.buffers.push_back(std::move(buffer));
}

void Planner::addTotals() {
  for (const SymbolicDim &slot : plan.slots)
    plan.workspace = formulas.add(plan.workspace, slot);
  plan.peak = plan.workspace;
  for (auto *tensors : {&plan.inputs, &plan.results, &plan.weights})
    for (const TensorMemory &tensor : *tensors)
      plan.peak = formulas.add(plan.peak, tensor.bytes);
  if (!plan.workspace.constant())
    return;
  plan.busiest = 0;
  for (unsigned step = 0; step < plan.steps.size(); ++step) {
    int64_t alive = 0;
    for (const BufferMemory &buffer : plan.buffers)
      if (buffer.firstStep <= step && step <= buffer.lastStep)
        alive += *buffer.bytes.constant();
    plan.busiest = std::max(*plan.busiest, alive);
  }
}

MemoryPlan Planner::run() {
  addArguments();
  addWeights();
  addSteps();
  entry.walk<WalkOrder::PreOrder>([&](memref::ViewOp view) {
    if (view.getSource().getDefiningOp<attn::WorkspaceOp>())
      addBuffer(view);
  });
  addTotals();
  return std::move(plan);
}

std::vector<MemoryPlan> fovea::describeMemory(ModuleOp planned, const SymbolSizes &sizes) {
  std::vector<MemoryPlan> plans;
  for (auto function : planned.getOps<func::FuncOp>())
    if (function->hasAttr("attn.num_results"))
      plans.push_back(Planner(function, sizes).run());
  return plans;
}
