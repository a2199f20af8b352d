// Functions, weights, loops and sizes; the ops are in GraphBuilder<Subject>.cpp.
#include "frontend/GraphBuilder.h"
#include "dialect/AttnOps.h"
#include "frontend/GraphBuilderDetail.h"
#include "frontend/SizeConditions.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
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

// ---- Sizes -------------------------------------------------------------------------------------

Value GraphBuilder::constantIndex(int64_t value) {
  return arith::ConstantIndexOp::create(ir, currentLoc, value);
}

void GraphBuilder::bindSymbols(Value value, ArrayRef<SymbolicDim> shape) {
  for (auto [index, dim] : llvm::enumerate(shape)) {
    std::optional<StringRef> name = dim.symbolName();
    if (!name || symbolSizes.contains(*name))
      continue;
    symbolSizes[*name] = tensor::DimOp::create(ir, currentLoc, value, static_cast<int64_t>(index));
  }
}

Expected<Value> GraphBuilder::dimValue(const SymbolicDim &dim) {
  if (llvm::Error error = checkInFunction())
    return error;
  if (std::optional<int64_t> constant = dim.constant())
    return constantIndex(*constant);
  Value sum;
  for (const auto &[monomial, coefficient] : dim.terms()) {
    Value product;
    auto multiply = [&](Value factor) {
      product = product ? buildBinary(ir, currentLoc, BinaryKind::Mul, product, factor) : factor;
    };
    for (const SymbolicDim::FactorPtr &factor : monomial) {
      Expected<Value> size = factorValue(*factor);
      if (!size)
        return size.takeError();
      multiply(*size);
    }
    if (coefficient != 1 || !product)
      multiply(constantIndex(coefficient));
    sum = sum ? buildBinary(ir, currentLoc, BinaryKind::Add, sum, product) : product;
  }
  return sum;
}

static bool hasNegativeTerm(const SymbolicDim &dim) {
  return llvm::any_of(dim.terms(), [](const auto &term) { return term.second < 0; });
}

Expected<Value> GraphBuilder::factorValue(const SymbolicDim::Factor &factor) {
  if (!factor.dividend) {
    Value size = symbolSizes.lookup(factor.text);
    if (!size)
      return makeError("dim '" + Twine(factor.text) + "' is the dim of no input or weight");
    return size;
  }
  Expected<Value> dividend = dimValue(*factor.dividend);
  Expected<Value> divisor = dividend ? dimValue(*factor.divisor) : dividend.takeError();
  if (!divisor)
    return divisor.takeError();
  // Sizes without negative terms are not negative: no rounding towards minus infinity is needed.
  if (!hasNegativeTerm(*factor.dividend) && !hasNegativeTerm(*factor.divisor))
    return arith::DivUIOp::create(ir, currentLoc, *dividend, *divisor).getResult();
  return buildBinary(ir, currentLoc, BinaryKind::FloorDiv, *dividend, *divisor);
}

Expected<SmallVector<OpFoldResult>> GraphBuilder::mixedSizes(ArrayRef<SymbolicDim> shape) {
  SmallVector<OpFoldResult> sizes;
  for (const SymbolicDim &dim : shape) {
    if (std::optional<int64_t> constant = dim.constant()) {
      sizes.push_back(ir.getIndexAttr(*constant));
      continue;
    }
    Expected<Value> size = dimValue(dim);
    if (!size)
      return size.takeError();
    if (llvm::Error error = requireAtMost(currentFunction, currentLoc, 0, dim))
      return std::move(error);
    sizes.push_back(*size);
  }
  return sizes;
}

Expected<Value> GraphBuilder::emptyTensor(ArrayRef<SymbolicDim> shape, Type type) {
  if (llvm::Error error = checkInFunction())
    return error;
  if (llvm::Error error = checkShape("result", shape))
    return error;
  Expected<SmallVector<OpFoldResult>> sizes = mixedSizes(shape);
  if (!sizes)
    return sizes.takeError();
  return tensor::EmptyOp::create(ir, currentLoc, *sizes, type).getResult();
}

Expected<Value> GraphBuilder::filledTensor(ArrayRef<SymbolicDim> shape, TypedAttr value) {
  Expected<Value> empty = emptyTensor(shape, value.getType());
  if (!empty)
    return empty.takeError();
  Value scalar = arith::ConstantOp::create(ir, currentLoc, value);
  return linalg::FillOp::create(ir, currentLoc, scalar, *empty).getResult(0);
}

// ---- Weights and loops -------------------------------------------------------------------------

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
  auto op =
      attn::WeightOp::create(ir, currentLoc, tensorType(shape, elementType), name, values, counts);
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

static llvm::Error checkCarried(ArrayRef<SymbolicTensor> init, ArrayRef<SymbolicTensor> next) {
  if (init.size() != next.size())
    return makeError("for: expected " + Twine(init.size()) + " carried tensors, got " +
                     Twine(next.size()));
  for (auto [index, pair] : llvm::enumerate(llvm::zip_equal(init, next))) {
    const auto &[before, after] = pair;
    if (before.elementType() != after.elementType() || before.shape != after.shape)
      return makeError("for: carried tensor " + Twine(index) + " starts as " + before.str() +
                       " but becomes " + after.str());
  }
  return llvm::Error::success();
}

Expected<GraphBuilder::Tensors>
GraphBuilder::forLoop(const SymbolicDim &count, ArrayRef<SymbolicTensor> init, LoopBody body) {
  Expected<Value> upper = dimValue(count);
  if (!upper)
    return upper.takeError();
  return loopTo(*upper, init, [&](Value index, ArrayRef<SymbolicTensor> carried) {
    loopCounts.insert({index, count});
    return body(index, carried);
  });
}

Expected<GraphBuilder::Tensors>
GraphBuilder::ifTrue(Value condition, ArrayRef<SymbolicTensor> init,
                     llvm::function_ref<Expected<Tensors>(ArrayRef<SymbolicTensor>)> body) {
  Value steps = arith::ExtUIOp::create(ir, currentLoc, ir.getI64Type(), condition);
  Value upper = arith::IndexCastOp::create(ir, currentLoc, ir.getIndexType(), steps);
  return loopTo(upper, init,
                [&](Value, ArrayRef<SymbolicTensor> carried) { return body(carried); });
}

Expected<GraphBuilder::Tensors> GraphBuilder::loopTo(Value upper, ArrayRef<SymbolicTensor> init,
                                                     LoopBody body) {
  if (init.empty())
    return makeError("for: expected at least one carried tensor, got none");
  auto values = llvm::map_to_vector(init, [](const SymbolicTensor &x) { return x.value; });
  auto loop = scf::ForOp::create(ir, currentLoc, constantIndex(0), upper, constantIndex(1), values);
  OpBuilder::InsertionGuard guard(ir);
  ir.setInsertionPointToStart(loop.getBody());
  Tensors carried;
  for (auto [argument, tensor] : llvm::zip_equal(loop.getRegionIterArgs(), init))
    carried.push_back({argument, tensor.shape});
  Expected<Tensors> next = body(loop.getInductionVar(), carried);
  llvm::Error error = next ? checkCarried(init, *next) : next.takeError();
  if (error) {
    sharedTables.clear(); // They may be inside the loop.
    loop.erase();
    return error;
  }
  auto results = llvm::map_to_vector(*next, [](const SymbolicTensor &x) { return x.value; });
  scf::YieldOp::create(ir, currentLoc, results);
  for (auto [result, tensor] : llvm::zip_equal(loop.getResults(), carried))
    tensor.value = result;
  return carried;
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
