// Functions, control flow and scalar ops of the reference executor; other ops are handed to the
// tables of their dialects.
#include "runtime/Reference.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "runtime/ReferenceFrame.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::reference;

/// Deeper calls are taken for endless recursion.
static constexpr unsigned maxCallDepth = 200;

static llvm::Error runOp(Operation *op, Frame &frame);

int64_t Frame::integer(OpFoldResult value) const {
  if (auto attribute = dyn_cast<Attribute>(value))
    return cast<IntegerAttr>(attribute).getInt();
  return integer(cast<Value>(value));
}

DimVector Frame::integers(llvm::ArrayRef<OpFoldResult> mixed) const {
  return DimVector(llvm::map_range(mixed, [&](OpFoldResult value) { return integer(value); }));
}

//===----------------------------------------------------------------------===//
// Blocks and control flow
//===----------------------------------------------------------------------===//

static SmallVector<Datum> valuesOf(ValueRange values, const Frame &frame) {
  return llvm::map_to_vector(values, [&](Value value) { return frame[value]; });
}

static void assign(ValueRange targets, ArrayRef<Datum> values, Frame &frame) {
  for (auto [target, value] : llvm::zip_equal(targets, values))
    frame.set(target, value);
}

/// Runs the ops of a block; the operands of its terminator are its results.
static llvm::Expected<SmallVector<Datum>> runBlock(Block &block, Frame &frame) {
  for (Operation &op : block.without_terminator())
    if (llvm::Error error = runOp(&op, frame))
      return std::move(error);
  return valuesOf(block.getTerminator()->getOperands(), frame);
}

static llvm::Error runIf(Operation *op, Frame &frame) {
  auto branch = cast<scf::IfOp>(op);
  Region &region =
      frame.integer(branch.getCondition()) ? branch.getThenRegion() : branch.getElseRegion();
  if (region.empty())
    return llvm::Error::success();
  llvm::Expected<SmallVector<Datum>> yielded = runBlock(region.front(), frame);
  if (!yielded)
    return yielded.takeError();
  assign(branch.getResults(), *yielded, frame);
  return llvm::Error::success();
}

static llvm::Error runFor(Operation *op, Frame &frame) {
  auto loop = cast<scf::ForOp>(op);
  int64_t upper = frame.integer(loop.getUpperBound()), step = frame.integer(loop.getStep());
  if (step <= 0)
    return errorAt(op, "expected a step of at least 1, got " + Twine(step));
  SmallVector<Datum> carried = valuesOf(loop.getInitArgs(), frame);
  int64_t i = frame.integer(loop.getLowerBound());
  while (i < upper) {
    frame.set(loop.getInductionVar(), Cell{.i = i});
    assign(loop.getRegionIterArgs(), carried, frame);
    llvm::Expected<SmallVector<Datum>> yielded = runBlock(*loop.getBody(), frame);
    if (!yielded)
      return yielded.takeError();
    carried = std::move(*yielded);
    if (llvm::AddOverflow(i, step, i))
      break;
  }
  assign(loop.getResults(), carried, frame);
  return llvm::Error::success();
}

static llvm::Expected<SmallVector<Datum>> callFunction(func::FuncOp function,
                                                       ArrayRef<Datum> arguments,
                                                       const WeightSource *weights,
                                                       double &scoreRounding, unsigned depth) {
  if (!llvm::hasSingleElement(function.getBody()))
    return errorAt(function, "expected @" + function.getName() + " to have a body of one block");
  if (depth > maxCallDepth)
    return errorAt(function, "calls nest deeper than " + Twine(maxCallDepth) + ": is @" +
                                 function.getName() + " recursive?");
  Frame frame(weights, scoreRounding, depth);
  assign(function.getArguments(), arguments, frame);
  return runBlock(function.getBody().front(), frame);
}

static llvm::Error runCall(Operation *op, Frame &frame) {
  auto call = cast<func::CallOp>(op);
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, call.getCalleeAttr());
  if (!callee)
    return errorAt(op, "there is no function @" + call.getCallee());
  llvm::Expected<SmallVector<Datum>> results =
      callFunction(callee, valuesOf(call.getOperands(), frame), frame.weights, frame.scoreRounding,
                   frame.depth + 1);
  if (!results)
    return results.takeError();
  assign(call.getResults(), *results, frame);
  return llvm::Error::success();
}

static llvm::Error runAssert(Operation *op, Frame &frame) {
  auto assertion = cast<cf::AssertOp>(op);
  if (frame.integer(assertion.getArg()))
    return llvm::Error::success();
  return errorAt(op, assertion.getMsg());
}

//===----------------------------------------------------------------------===//
// Scalars and constants
//===----------------------------------------------------------------------===//

static llvm::Expected<Array> arrayOf(Operation *op, DenseElementsAttr elements) {
  ShapedType type = elements.getType();
  Type elementType = type.getElementType();
  if (!isa<FloatType>(elementType) && (widthOf(elementType) == 0 || widthOf(elementType) > 64))
    return errorAt(op, "expected a constant of floats or integers of at most 64 bits");
  llvm::Expected<Array> array = Array::create(elementType, type.getShape());
  if (!array)
    return errorAt(op, array.takeError());
  Cell *next = array->cells.get();
  if (isa<FloatType>(elementType))
    for (APFloat value : elements.getValues<APFloat>())
      (next++)->f = FloatAttr::get(elementType, value).getValueAsDouble();
  else
    for (APInt value : elements.getValues<APInt>())
      (next++)->i = value.getBitWidth() == 1 ? value.getZExtValue() : value.getSExtValue();
  return array;
}

/// Large constants are kept as blobs of raw elements.
static llvm::Expected<Array> arrayOf(Operation *op, DenseResourceElementsAttr resource) {
  ShapedType type = resource.getType();
  AsmResourceBlob *blob = resource.getRawHandle().getBlob();
  bool isSplat;
  if (!blob || !DenseElementsAttr::isValidRawBuffer(type, blob->getData(), isSplat))
    return errorAt(op, "expected the data of resource '" + resource.getRawHandle().getKey() + "'");
  return arrayOf(op, DenseElementsAttr::getFromRawBuffer(type, blob->getData()));
}

static llvm::Error runConstant(Operation *op, Frame &frame) {
  Attribute value = cast<arith::ConstantOp>(op).getValue();
  if (std::optional<Cell> cell = cellOf(value)) {
    frame.set(op->getResult(0), *cell);
    return llvm::Error::success();
  }
  llvm::Expected<Array> array =
      TypeSwitch<Attribute, llvm::Expected<Array>>(value)
          .Case<DenseElementsAttr, DenseResourceElementsAttr>(
              [&](auto elements) { return arrayOf(op, elements); })
          .Default([&](Attribute) {
            return errorAt(op, "expected a constant of floats or integers of at most 64 bits");
          });
  if (!array)
    return array.takeError();
  frame.set(op->getResult(0), std::move(*array));
  return llvm::Error::success();
}

/// A scalar op on tensors applies to each element; operands that are scalars (the condition of a
/// select) go to all.
static llvm::Error runElementwise(Operation *op, const ScalarOp &scalar, Frame &frame) {
  SmallVector<const Array *> arrays;
  std::array<Cell, 3> cells = {};
  for (auto [number, operand] : llvm::enumerate(op->getOperands())) {
    arrays.push_back(std::get_if<Array>(&frame[operand]));
    if (!arrays.back())
      cells[number] = frame.scalar(operand);
  }
  const Array *shape = *llvm::find_if(llvm::reverse(arrays), [](const Array *a) { return a; });
  for (const Array *array : arrays)
    if (array)
      if (llvm::Error error = expectSizes(op, "operand", array->sizes, shape->sizes))
        return error;
  llvm::Expected<Array> result =
      Array::create(getElementTypeOrSelf(op->getResult(0)), shape->sizes);
  if (!result)
    return errorAt(op, result.takeError());
  for (int64_t offset = 0; offset < result->count; ++offset) {
    for (auto [number, array] : llvm::enumerate(arrays))
      if (array)
        cells[number] = (*array)[offset];
    if (!scalar.function((*result)[offset], cells[0], cells[1], cells[2], scalar.width))
      return errorAt(op, "the result is undefined for these operands");
  }
  frame.set(op->getResult(0), std::move(*result));
  return llvm::Error::success();
}

static llvm::Error runScalar(Operation *op, const ScalarOp &scalar, Frame &frame) {
  if (isa<ShapedType>(op->getResult(0).getType()))
    return runElementwise(op, scalar, frame);
  std::array<Cell, 3> cells = {};
  for (auto [number, operand] : llvm::enumerate(op->getOperands()))
    cells[number] = frame.scalar(operand);
  Cell result;
  if (!scalar.function(result, cells[0], cells[1], cells[2], scalar.width))
    return errorAt(op, "the result is undefined for these operands");
  frame.set(op->getResult(0), result);
  return llvm::Error::success();
}

/// affine.apply, affine.min and affine.max on index values.
static llvm::Error runAffine(Operation *op, Frame &frame) {
  AffineMap map = TypeSwitch<Operation *, AffineMap>(op)
                      .Case<affine::AffineApplyOp, affine::AffineMinOp, affine::AffineMaxOp>(
                          [](auto affine) { return affine.getAffineMap(); });
  SmallVector<Attribute> operands;
  for (Value operand : op->getOperands())
    operands.push_back(IntegerAttr::get(IndexType::get(op->getContext()), frame.integer(operand)));
  SmallVector<Attribute> folded;
  if (failed(map.constantFold(operands, folded)))
    return errorAt(op, "the result is undefined for these operands");
  auto values = llvm::map_range(folded, [](Attribute a) { return cast<IntegerAttr>(a).getInt(); });
  int64_t result =
      isa<affine::AffineMaxOp>(op) ? *llvm::max_element(values) : *llvm::min_element(values);
  frame.set(op->getResult(0), Cell{.i = result});
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Dispatch
//===----------------------------------------------------------------------===//

static Handler lookupHandler(Operation *op) {
  Handler handler = TypeSwitch<Operation *, Handler>(op)
                        .Case([](arith::ConstantOp) { return runConstant; })
                        .Case([](scf::IfOp) { return runIf; })
                        .Case([](scf::ForOp) { return runFor; })
                        .Case([](func::CallOp) { return runCall; })
                        .Case([](cf::AssertOp) { return runAssert; })
                        .Case<affine::AffineApplyOp, affine::AffineMinOp, affine::AffineMaxOp>(
                            [](auto) { return runAffine; })
                        .Default(Handler(nullptr));
  for (auto lookup : {lookupTensorHandler, lookupLinalgHandler, lookupAttnHandler})
    if (!handler)
      handler = lookup(op);
  return handler;
}

static llvm::Error runOp(Operation *op, Frame &frame) {
  if (Handler handler = lookupHandler(op))
    return handler(op, frame);
  if (std::optional<ScalarOp> scalar = lookupScalarOp(op))
    return runScalar(op, *scalar, frame);
  return errorAt(op, "the reference executor does not know this op");
}

llvm::Error reference::expectSizes(Operation *op, StringRef what, ArrayRef<int64_t> got,
                                   ArrayRef<int64_t> expected) {
  if (got == expected)
    return llvm::Error::success();
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "expected " << what << " of sizes [";
  llvm::interleaveComma(expected, os);
  os << "], got [";
  llvm::interleaveComma(got, os);
  os << "]";
  return errorAt(op, text);
}

//===----------------------------------------------------------------------===//
// Entry
//===----------------------------------------------------------------------===//

/// The argument as the function's type wants it, its static sizes checked.
static llvm::Expected<Datum> toDatum(func::FuncOp function, unsigned number,
                                     const TensorView &input) {
  auto fail = [&](llvm::Error error) {
    return errorAt(function, "argument " + Twine(number) + ": " + llvm::toString(std::move(error)));
  };
  auto type = dyn_cast<RankedTensorType>(function.getArgument(number).getType());
  if (!type)
    return fail(llvm::createStringError("expected a ranked tensor in the function's type"));
  if (llvm::Error error = input.validate())
    return fail(std::move(error));
  if (failed(verifyCompatibleShape(type.getShape(), input.sizes()))) {
    std::string expected;
    llvm::raw_string_ostream(expected) << type;
    return fail(
        llvm::createStringError("expected %s, got %s", expected.c_str(), input.describe().c_str()));
  }
  llvm::Expected<Array> array = toArray(input, type.getElementType());
  if (!array)
    return fail(array.takeError());
  return Datum(std::move(*array));
}

llvm::Expected<std::vector<Tensor>> fovea::runReference(ModuleOp module, StringRef entry,
                                                        ArrayRef<TensorView> inputs,
                                                        const WeightSource *weights,
                                                        double *scoreRounding) {
  auto function = module.lookupSymbol<func::FuncOp>(entry);
  if (!function)
    return llvm::createStringError("there is no function '%s'", entry.str().c_str());
  if (inputs.size() != function.getNumArguments())
    return errorAt(function, "expected " + Twine(function.getNumArguments()) + " inputs, got " +
                                 Twine(inputs.size()));
  SmallVector<Datum> arguments;
  for (auto [number, input] : llvm::enumerate(inputs)) {
    llvm::Expected<Datum> argument = toDatum(function, number, input);
    if (!argument)
      return argument.takeError();
    arguments.push_back(std::move(*argument));
  }
  double rounding = 0;
  llvm::Expected<SmallVector<Datum>> results =
      callFunction(function, arguments, weights, rounding, 0);
  if (!results)
    return results.takeError();
  if (scoreRounding)
    *scoreRounding = rounding;
  std::vector<Tensor> tensors;
  for (const Datum &result : *results) {
    const Array *array = std::get_if<Array>(&result);
    llvm::Expected<Tensor> tensor =
        array ? toTensor(*array)
              : llvm::Expected<Tensor>(errorAt(function, "expected all results to be tensors"));
    if (!tensor)
      return tensor.takeError();
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}
