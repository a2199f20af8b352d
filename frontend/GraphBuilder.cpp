// Functions, weights and regions; the ops are in GraphBuilder<Subject>.cpp.
#include "frontend/GraphBuilder.h"
#include "dialect/AttnOps.h"
#include "frontend/GraphBuilderDetail.h"
#include "frontend/SizeConditions.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Iterators.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

Type SymbolicTensor::elementType() const {
  return cast<RankedTensorType>(value.getType()).getElementType();
}

std::string SymbolicTensor::str() const { return formatType(elementType()) + formatShape(shape); }

GraphBuilder::GraphBuilder(ModuleOp module)
    : moduleOp(module), ir(module.getContext()), currentLoc(UnknownLoc::get(module.getContext())) {}

// ---- Functions ---------------------------------------------------------------------------------

static llvm::Error checkInputs(StringRef function, ArrayRef<InputSpec> inputs) {
  llvm::StringSet<> names;
  for (const InputSpec &input : inputs) {
    std::string what = (function + ": input '" + input.name + "'").str();
    if (input.name.empty())
      return makeError(function + ": expected every input to have a name");
    if (!names.insert(input.name).second)
      return makeError(what + " is given twice");
    if (llvm::Error error = checkShape(what, input.shape))
      return error;
    for (const SymbolicDim &dim : input.shape)
      if (!dim.isConstant() && !dim.symbolName())
        return makeError(what + ": expected each dim to be a number or a name, got " + dim.str());
  }
  return llvm::Error::success();
}

static ArrayAttr dimNames(Builder builder, ArrayRef<SymbolicDim> shape) {
  return builder.getStrArrayAttr(llvm::map_to_vector(
      shape, [](const SymbolicDim &dim) { return dim.symbolName().value_or(""); }));
}

Expected<GraphBuilder::Tensors> GraphBuilder::beginFunction(StringRef name,
                                                            ArrayRef<InputSpec> inputs) {
  if (currentFunction)
    return makeError("function '" + name + "': '" + currentFunction.getName() +
                     "' is not ended yet");
  if (name.empty() || moduleOp.lookupSymbol(name))
    return makeError("function '" + name + "': expected a name that is not taken");
  if (llvm::Error error = checkInputs(name, inputs))
    return error;
  SmallVector<Type> types;
  for (const InputSpec &input : inputs)
    types.push_back(tensorType(input.shape, input.elementType));
  ir.setInsertionPointToEnd(moduleOp.getBody());
  currentFunction = func::FuncOp::create(ir, currentLoc, name, ir.getFunctionType(types, {}));
  ir.setInsertionPointToStart(currentFunction.addEntryBlock());
  Tensors arguments;
  SmallVector<DictionaryAttr> attributes;
  for (auto [index, input] : llvm::enumerate(inputs)) {
    attributes.push_back(
        ir.getDictionaryAttr({ir.getNamedAttr("attn.name", ir.getStringAttr(input.name)),
                              ir.getNamedAttr("attn.dims", dimNames(ir, input.shape))}));
    arguments.push_back({currentFunction.getArgument(index), input.shape});
    bindSymbols(arguments.back().value, input.shape);
  }
  currentFunction.setAllArgAttrs(attributes);
  return arguments;
}

/// Removes what errors and unused sizes left behind.
static void eraseDeadOps(func::FuncOp function) {
  function.walk<WalkOrder::PostOrder, ReverseIterator>([&](Operation *op) {
    if (op != function && isOpTriviallyDead(op))
      op->erase();
  });
}

llvm::Error GraphBuilder::endFunction(ArrayRef<NamedTensor> results) {
  if (llvm::Error error = checkInFunction())
    return error;
  if (results.empty())
    return makeError("function '" + currentFunction.getName() + "': expected at least one result");
  llvm::StringSet<> names;
  for (const NamedTensor &result : results)
    if (result.name.empty() || !names.insert(result.name).second)
      return makeError("function '" + currentFunction.getName() +
                       "': expected a name of its own for each result, got '" + result.name + "'");
  SmallVector<Value> values;
  SmallVector<DictionaryAttr> attributes;
  for (const NamedTensor &result : results) {
    values.push_back(result.tensor.value);
    attributes.push_back(
        ir.getDictionaryAttr(ir.getNamedAttr("attn.name", ir.getStringAttr(result.name))));
  }
  func::ReturnOp::create(ir, currentLoc, values);
  currentFunction.setFunctionType(
      ir.getFunctionType(currentFunction.getArgumentTypes(), ValueRange(values).getTypes()));
  currentFunction.setAllResultAttrs(attributes);
  eraseDeadOps(currentFunction);
  std::string messages;
  ScopedDiagnosticHandler handler(context(), [&](Diagnostic &diagnostic) {
    llvm::raw_string_ostream(messages) << diagnostic << "; ";
    return success();
  });
  if (failed(verify(currentFunction))) {
    std::string name = currentFunction.getName().str();
    abandonFunction();
    return makeError("function '" + name + "' does not verify: " + messages);
  }
  currentFunction = {};
  symbolSizes.clear();
  sharedTables.clear();
  storedWeights.clear();
  loopCounts.clear();
  return llvm::Error::success();
}

void GraphBuilder::abandonFunction() {
  if (currentFunction)
    currentFunction.erase();
  currentFunction = {};
  symbolSizes.clear();
  sharedTables.clear();
  storedWeights.clear();
  loopCounts.clear();
}

llvm::Error GraphBuilder::checkInFunction() {
  return currentFunction ? llvm::Error::success() : makeError("no function is begun");
}

llvm::Error GraphBuilder::require(const SymbolicDim &slack, StringRef text) {
  if (llvm::Error error = checkInFunction())
    return error;
  requireNotNegative(currentFunction, currentLoc, slack, text.str());
  return llvm::Error::success();
}

// ---- Weights -----------------------------------------------------------------------------------

static llvm::Error checkWeightName(StringRef name, ArrayRef<LoopIndex> indices) {
  if (name.empty())
    return makeError("weight: expected a name");
  if (size_t places = name.count("{}"); places != indices.size())
    return makeError("weight '" + name + "': expected " + Twine(indices.size()) +
                     " {} in the name, one for each index, got " + Twine(places));
  for (const LoopIndex &index : indices)
    if (index.count < 1)
      return makeError("weight '" + name +
                       "': expected each index to have at least one value, got one with " +
                       Twine(index.count));
  return llvm::Error::success();
}

/// As attn.weight has them: the position of an index, begin, end.
static SmallVector<int64_t> spansOf(ArrayRef<LoopIndex> indices) {
  SmallVector<int64_t> spans;
  for (auto [position, index] : llvm::enumerate(indices))
    for (ArrayRef<int64_t> rest = index.spans; rest.size() > 1; rest = rest.drop_front(2))
      spans.append({static_cast<int64_t>(position), rest[0], rest[1]});
  return spans;
}

GraphBuilder::TensorOrError GraphBuilder::weight(StringRef name, Type elementType,
                                                 ArrayRef<SymbolicDim> shape,
                                                 ArrayRef<LoopIndex> indices) {
  if (llvm::Error error = checkInFunction())
    return error;
  if (llvm::Error error = checkWeightName(name, indices))
    return error;
  if (llvm::Error error = checkShape(("weight '" + name + "'").str(), shape))
    return error;
  SmallVector<Value> values = llvm::map_to_vector(indices, std::mem_fn(&LoopIndex::value));
  SmallVector<int64_t> counts = llvm::map_to_vector(indices, std::mem_fn(&LoopIndex::count));
  if (!attn::WeightSlots::checkedSize(counts))
    return makeError("weight '" + name + "': expected at most 2^31 tensors of one name");
  SmallVector<int64_t> spans = spansOf(indices);
  if (!attn::WeightSlots::areSpans(spans, counts))
    return makeError(
        "weight '" + name +
        "': expected spans of numbers below the count of each index, apart and in order");
  auto op = attn::WeightOp::create(ir, currentLoc, tensorType(shape, elementType), name, values,
                                   counts, spans);
  bool isAtTop = ir.getInsertionBlock() == &currentFunction.front();
  if (isAtTop)
    bindSymbols(op.getResult(), shape);
  return SymbolicTensor{op.getResult(), SymbolicShape(shape)};
}

GraphBuilder::TensorOrError GraphBuilder::storedWeight(StringRef name, Type storedType, Type type,
                                                       ArrayRef<SymbolicDim> shape,
                                                       ArrayRef<LoopIndex> indices) {
  TensorOrError stored = weight(name, storedType, shape, indices);
  if (!stored || storedType == type)
    return stored;
  TensorOrError widened = cast(*stored, type);
  if (widened)
    storedWeights[widened->value] = stored->value;
  return widened;
}

// ---- Regions -----------------------------------------------------------------------------------

llvm::Error GraphBuilder::buildRegion(const RegionBuilder &body, Block &block, Type expected,
                                      StringRef what) {
  OpBuilder::InsertionGuard guard(ir);
  ir.setInsertionPointToEnd(&block);
  Expected<Value> value = body(ir, currentLoc, block.getArguments());
  if (!value)
    return value.takeError();
  if (value->getType() != expected)
    return makeError(what + ": expected " + formatType(expected) + ", got " +
                     formatType(value->getType()));
  attn::YieldOp::create(ir, currentLoc, *value);
  return llvm::Error::success();
}
