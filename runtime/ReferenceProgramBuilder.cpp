// Compiles region bodies to the instructions of a program.
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "runtime/ReferenceProgram.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fovea::reference;

namespace fovea::reference {

class ProgramBuilder {
public:
  ProgramBuilder(Program &program, Captures captures) : program(program), captures(captures) {}

  llvm::Error compileRoot(Block &block);

private:
  using Kind = Program::Kind;
  using Instruction = Program::Instruction;

  llvm::Error compileBody(Block &block);
  llvm::Error compileOp(Operation &op);
  llvm::Error compileConstant(arith::ConstantOp op);
  llvm::Error compileExtract(tensor::ExtractOp op);
  llvm::Error compileFromElements(tensor::FromElementsOp op);
  llvm::Error compileDim(tensor::DimOp op);
  llvm::Error compileIf(scf::IfOp op);
  llvm::Error compileFor(scf::ForOp op);
  llvm::Error compileCall(func::CallOp op);

  /// The slot that holds `value`, filled from outside if the region does not define it.
  llvm::Expected<uint32_t> slotOf(Value value, Operation *user);
  llvm::Expected<SmallVector<uint32_t>> slotsOf(ValueRange values, Operation *user);
  llvm::Expected<const Array *> arrayOf(Value value, Operation *user);
  uint32_t newSlot() {
    program.slots.push_back(Cell{.i = 0});
    return program.slots.size() - 1;
  }
  uint32_t constantSlot(int64_t value) {
    uint32_t slot = newSlot();
    program.slots[slot].i = value;
    return slot;
  }
  void bind(Value value, uint32_t slot) { slots[value] = slot; }
  Instruction &emit(Kind kind, Operation *op) {
    Instruction instruction{kind};
    instruction.op = op;
    return program.instructions.emplace_back(instruction);
  }
  void emitMove(uint32_t result, uint32_t source, Operation *op);
  void emitMoves(ArrayRef<uint32_t> results, ArrayRef<uint32_t> sources, Operation *op);
  uint32_t emitJump(Kind kind, Operation *op, uint32_t a = 0, uint32_t b = 0);
  void setTarget(uint32_t jump) { program.instructions[jump].immediate = here(); }
  uint32_t here() const { return program.instructions.size(); }

  Program &program;
  Captures captures;
  llvm::DenseMap<Value, uint32_t> slots;
  SmallVector<func::FuncOp> callStack;
};

} // namespace fovea::reference

llvm::Expected<uint32_t> ProgramBuilder::slotOf(Value value, Operation *user) {
  if (auto it = slots.find(value); it != slots.end())
    return it->second;
  const Datum *datum = captures(value);
  const Cell *cell = datum ? std::get_if<Cell>(datum) : nullptr;
  if (!cell)
    return errorAt(user, "expected a scalar computed before this op");
  uint32_t slot = newSlot();
  program.slots[slot] = *cell;
  bind(value, slot);
  return slot;
}

llvm::Expected<SmallVector<uint32_t>> ProgramBuilder::slotsOf(ValueRange values, Operation *user) {
  SmallVector<uint32_t> result;
  for (Value value : values) {
    llvm::Expected<uint32_t> slot = slotOf(value, user);
    if (!slot)
      return slot.takeError();
    result.push_back(*slot);
  }
  return result;
}

llvm::Expected<const Array *> ProgramBuilder::arrayOf(Value value, Operation *user) {
  const Datum *datum = captures(value);
  const Array *array = datum ? std::get_if<Array>(datum) : nullptr;
  if (!array)
    return errorAt(user, "expected a tensor computed outside the region");
  return array;
}

void ProgramBuilder::emitMove(uint32_t result, uint32_t source, Operation *op) {
  Instruction &move = emit(Kind::Move, op);
  move.result = result;
  move.operands[0] = source;
}

/// All sources are read before any result is written: a loop may swap its iter_args.
void ProgramBuilder::emitMoves(ArrayRef<uint32_t> results, ArrayRef<uint32_t> sources,
                               Operation *op) {
  SmallVector<uint32_t> copies;
  for (uint32_t source : sources) {
    copies.push_back(newSlot());
    emitMove(copies.back(), source, op);
  }
  for (auto [result, copy] : llvm::zip_equal(results, copies))
    emitMove(result, copy, op);
}

uint32_t ProgramBuilder::emitJump(Kind kind, Operation *op, uint32_t a, uint32_t b) {
  Instruction &jump = emit(kind, op);
  jump.operands = {a, b, 0};
  return here() - 1;
}

llvm::Error ProgramBuilder::compileConstant(arith::ConstantOp op) {
  std::optional<Cell> cell = cellOf(op.getValue());
  if (!cell)
    return errorAt(op, "expected a scalar constant of at most 64 bits");
  uint32_t slot = newSlot();
  program.slots[slot] = *cell;
  bind(op.getResult(), slot);
  return llvm::Error::success();
}

/// A scalar as a tensor of rank 0, whose slot is the scalar's.
llvm::Error ProgramBuilder::compileFromElements(tensor::FromElementsOp op) {
  if (op.getType().getRank() != 0)
    return errorAt(op, "expected a tensor of rank 0 inside a region");
  auto slot = slotOf(op.getElements().front(), op);
  if (!slot)
    return slot.takeError();
  bind(op.getResult(), *slot);
  return llvm::Error::success();
}

llvm::Error ProgramBuilder::compileExtract(tensor::ExtractOp op) {
  if (auto it = slots.find(op.getTensor()); it != slots.end()) {
    bind(op.getResult(), it->second);
    return llvm::Error::success();
  }
  llvm::Expected<const Array *> array = arrayOf(op.getTensor(), op);
  if (!array)
    return array.takeError();
  auto indices = slotsOf(op.getIndices(), op);
  if (!indices)
    return indices.takeError();
  Instruction &instruction = emit(Kind::Extract, op);
  instruction.immediate = program.extracts.size();
  program.extracts.push_back({**array, (*array)->strides(), {}});
  program.extracts.back().indices.assign(indices->begin(), indices->end());
  uint32_t slot = newSlot();
  program.instructions.back().result = slot;
  bind(op.getResult(), slot);
  return llvm::Error::success();
}

llvm::Error ProgramBuilder::compileDim(tensor::DimOp op) {
  llvm::Expected<const Array *> array = arrayOf(op.getSource(), op);
  if (!array)
    return array.takeError();
  std::optional<int64_t> dim = op.getConstantIndex();
  if (!dim || *dim < 0 || *dim >= (*array)->rank())
    return errorAt(op, "expected a constant dim within the rank");
  bind(op.getResult(), constantSlot((*array)->sizes[*dim]));
  return llvm::Error::success();
}

llvm::Error ProgramBuilder::compileIf(scf::IfOp op) {
  auto condition = slotOf(op.getCondition(), op);
  if (!condition)
    return condition.takeError();
  SmallVector<uint32_t> results;
  for (Value result : op.getResults()) {
    results.push_back(newSlot());
    bind(result, results.back());
  }
  uint32_t toElse = emitJump(Kind::JumpIfZero, op, *condition);
  std::optional<uint32_t> toEnd;
  for (Region *region : op.getRegions()) {
    if (region->empty())
      continue;
    if (region == &op.getElseRegion()) {
      toEnd = emitJump(Kind::Jump, op);
      setTarget(toElse);
    }
    if (llvm::Error error = compileBody(region->front()))
      return error;
    auto yielded = slotsOf(region->front().getTerminator()->getOperands(), op);
    if (!yielded)
      return yielded.takeError();
    emitMoves(results, *yielded, op);
  }
  setTarget(toEnd ? *toEnd : toElse);
  return llvm::Error::success();
}

llvm::Error ProgramBuilder::compileFor(scf::ForOp op) {
  auto bounds = slotsOf({op.getLowerBound(), op.getUpperBound(), op.getStep()}, op);
  if (!bounds)
    return bounds.takeError();
  auto inits = slotsOf(op.getInitArgs(), op);
  if (!inits)
    return inits.takeError();
  uint32_t counter = newSlot();
  bind(op.getInductionVar(), counter);
  emitMove(counter, (*bounds)[0], op);
  SmallVector<uint32_t> carried;
  for (auto [argument, result] : llvm::zip_equal(op.getRegionIterArgs(), op.getResults())) {
    carried.push_back(newSlot());
    bind(argument, carried.back());
    bind(result, carried.back());
  }
  emitMoves(carried, *inits, op);
  uint32_t head = emitJump(Kind::JumpUnlessLess, op, counter, (*bounds)[1]);
  if (llvm::Error error = compileBody(*op.getBody()))
    return error;
  auto yielded = slotsOf(op.getBody()->getTerminator()->getOperands(), op);
  if (!yielded)
    return yielded.takeError();
  emitMoves(carried, *yielded, op);
  Instruction &step = emit(Kind::Apply, op);
  // A step of zero or less would never end.
  step.function = [](Cell &result, Cell a, Cell b, Cell, unsigned) {
    return b.i > 0 && !__builtin_add_overflow(a.i, b.i, &result.i);
  };
  step.result = counter;
  step.operands = {counter, (*bounds)[2], 0};
  uint32_t back = emitJump(Kind::Jump, op);
  program.instructions[back].immediate = head;
  setTarget(head);
  return llvm::Error::success();
}

/// A call is its body, copied.
llvm::Error ProgramBuilder::compileCall(func::CallOp op) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, op.getCalleeAttr());
  if (!callee || !llvm::hasSingleElement(callee.getBody()))
    return errorAt(op, "expected a function with a body of one block, got @" + op.getCallee());
  if (llvm::is_contained(callStack, callee))
    return errorAt(op, "@" + op.getCallee() + " calls itself");
  auto arguments = slotsOf(op.getOperands(), op);
  if (!arguments)
    return arguments.takeError();
  callStack.push_back(callee);
  llvm::scope_exit leave([&] { callStack.pop_back(); });
  Block &body = callee.getBody().front();
  for (auto [argument, slot] : llvm::zip_equal(body.getArguments(), *arguments))
    bind(argument, slot);
  if (llvm::Error error = compileBody(body))
    return error;
  auto returned = slotsOf(body.getTerminator()->getOperands(), op);
  if (!returned)
    return returned.takeError();
  // The same callee may be compiled again: its values get new slots, so these stay as they are.
  for (auto [result, slot] : llvm::zip_equal(op.getResults(), *returned))
    bind(result, slot);
  return llvm::Error::success();
}

llvm::Error ProgramBuilder::compileOp(Operation &op) {
  // Calls are copied, so a short chain of functions can stand for any amount of code.
  constexpr size_t maxInstructions = 1 << 20;
  if (program.instructions.size() > maxInstructions)
    return errorAt(&op, "the region has more than 2^20 instructions");
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return compileConstant(constant);
  if (auto extract = dyn_cast<tensor::ExtractOp>(op))
    return compileExtract(extract);
  if (auto elements = dyn_cast<tensor::FromElementsOp>(op))
    return compileFromElements(elements);
  if (auto dim = dyn_cast<tensor::DimOp>(op))
    return compileDim(dim);
  if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    uint32_t slot = newSlot();
    Instruction &instruction = emit(Kind::Index, &op);
    instruction.result = slot;
    instruction.immediate = index.getDim();
    bind(index.getResult(), slot);
    return llvm::Error::success();
  }
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return compileIf(branch);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return compileFor(loop);
  if (auto call = dyn_cast<func::CallOp>(op))
    return compileCall(call);
  std::optional<ScalarOp> scalar = lookupScalarOp(&op);
  if (!scalar || isa<ShapedType>(op.getResult(0).getType()))
    return errorAt(&op, "the reference executor does not know this op inside a region");
  auto operands = slotsOf(op.getOperands(), &op);
  if (!operands)
    return operands.takeError();
  uint32_t slot = newSlot();
  Instruction &instruction = emit(Kind::Apply, &op);
  instruction.function = scalar->function;
  instruction.width = scalar->width;
  instruction.result = slot;
  llvm::copy(*operands, instruction.operands.begin());
  bind(op.getResult(0), slot);
  return llvm::Error::success();
}

llvm::Error ProgramBuilder::compileBody(Block &block) {
  for (Operation &op : block.without_terminator())
    if (llvm::Error error = compileOp(op))
      return error;
  return llvm::Error::success();
}

llvm::Error ProgramBuilder::compileRoot(Block &block) {
  for (BlockArgument argument : block.getArguments())
    bind(argument, newSlot());
  if (llvm::Error error = compileBody(block))
    return error;
  auto results = slotsOf(block.getTerminator()->getOperands(), block.getTerminator());
  if (!results)
    return results.takeError();
  program.results.assign(results->begin(), results->end());
  return llvm::Error::success();
}

llvm::Expected<Program> Program::compile(Block &block, Captures captures) {
  Program program;
  if (llvm::Error error = ProgramBuilder(program, captures).compileRoot(block))
    return std::move(error);
  return program;
}
