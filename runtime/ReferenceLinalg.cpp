// Structured ops in the reference executor. Named ops have indexing maps and a body just as
// linalg.generic has, so one loop nest runs them all.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/AffineExpr.h"
#include "runtime/ReferenceFrame.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::reference;

//===----------------------------------------------------------------------===//
// Linear index expressions
//===----------------------------------------------------------------------===//

namespace {
/// constant + sum of coefficients[d] * loop index d.
struct LinearForm {
  DimVector coefficients;
  int64_t constant = 0;

  explicit LinearForm(unsigned loops) : coefficients(loops, 0) {}
  void addScaled(const LinearForm &other, int64_t factor) {
    constant += other.constant * factor;
    for (auto [mine, theirs] : llvm::zip_equal(coefficients, other.coefficients))
      mine += theirs * factor;
  }
};
} // namespace

/// None for mod, floordiv and ceildiv.
static std::optional<LinearForm> linearFormOf(AffineExpr expr, unsigned loops) {
  LinearForm form(loops);
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    form.constant = constant.getValue();
    return form;
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    form.coefficients[dim.getPosition()] = 1;
    return form;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return std::nullopt;
  std::optional<LinearForm> left = linearFormOf(binary.getLHS(), loops);
  std::optional<LinearForm> right = linearFormOf(binary.getRHS(), loops);
  if (!left || !right)
    return std::nullopt;
  if (binary.getKind() == AffineExprKind::Add) {
    left->addScaled(*right, 1);
    return left;
  }
  // The canonical form of a product has its constant on the right.
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (binary.getKind() != AffineExprKind::Mul || !factor)
    return std::nullopt;
  form.addScaled(*left, factor.getValue());
  return form;
}

//===----------------------------------------------------------------------===//
// Loop nests
//===----------------------------------------------------------------------===//

namespace {
/// One operand of a structured op: the element it reads or writes at each point of the loops.
struct Operand {
  Array array;
  LinearForm offset;

  /// The element at those indices of the outer loops and index 0 of the others.
  Cell *at(ArrayRef<int64_t> outer) const {
    int64_t element = offset.constant;
    for (auto [i, coefficient] : llvm::zip(outer, offset.coefficients))
      element += i * coefficient;
    return &array[element];
  }
};

/// A structured op ready to run.
struct LoopNest {
  DimVector extents;
  SmallVector<Operand> inputs, outputs;

  llvm::Error run(Program &program);

  /// The same for a body that adds the product of two inputs to the output. Contractions are
  /// where the time goes; this is ten times as fast.
  void runProducts();

private:
  void loadArguments(Program &program, ArrayRef<int64_t> offsets);
};
} // namespace

/// The extent of each loop, read from the operands that have a dim which is that loop alone.
static llvm::Expected<DimVector> extentsOf(linalg::LinalgOp op, const Frame &frame) {
  DimVector extents(op.getNumLoops(), -1);
  for (OpOperand &operand : op->getOpOperands()) {
    const Array *array = std::get_if<Array>(&frame[operand.get()]);
    if (!array)
      continue;
    for (auto [dim, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      if (!loop)
        continue;
      int64_t &extent = extents[loop.getPosition()];
      if (extent >= 0 && extent != array->sizes[dim])
        return errorAt(op, "expected dim " + Twine(dim) + " of operand " +
                               Twine(operand.getOperandNumber()) + " to be of size " +
                               Twine(extent) + ", got " + Twine(array->sizes[dim]));
      extent = array->sizes[dim];
    }
  }
  if (llvm::is_contained(extents, -1))
    return errorAt(op, "expected an operand that gives the extent of each loop");
  return extents;
}

/// Adds dim `dim` of `array`, indexed by `form`, to the operand's offset, after checking that the
/// index stays within the dim for all loop indices.
static llvm::Error addDim(linalg::LinalgOp op, Operand &operand, unsigned dim,
                          const LinearForm &form, ArrayRef<int64_t> extents) {
  int64_t lowest = form.constant, highest = form.constant;
  for (auto [coefficient, extent] : llvm::zip_equal(form.coefficients, extents))
    (coefficient < 0 ? lowest : highest) += coefficient * (extent - 1);
  bool empty = llvm::is_contained(extents, 0);
  if (!empty && (lowest < 0 || highest >= operand.array.sizes[dim]))
    return errorAt(op, "indices " + Twine(lowest) + " to " + Twine(highest) +
                           " are out of range for dim " + Twine(dim) + " of size " +
                           Twine(operand.array.sizes[dim]));
  operand.offset.addScaled(form, operand.array.strides()[dim]);
  return llvm::Error::success();
}

static llvm::Expected<Operand> operandOf(linalg::LinalgOp op, OpOperand &value,
                                         ArrayRef<int64_t> extents, const Frame &frame) {
  Operand operand = {{}, LinearForm(extents.size())};
  const Datum &datum = frame[value.get()];
  if (const Cell *cell = std::get_if<Cell>(&datum)) {
    llvm::Expected<Array> scalar = Array::create(value.get().getType(), {});
    if (!scalar)
      return errorAt(op, scalar.takeError());
    (*scalar)[0] = *cell;
    operand.array = std::move(*scalar);
    return operand;
  }
  operand.array = std::get<Array>(datum);
  for (auto [dim, expr] : llvm::enumerate(op.getMatchingIndexingMap(&value).getResults())) {
    std::optional<LinearForm> form = linearFormOf(expr, extents.size());
    if (!form)
      return errorAt(op, "expected indexing maps without mod, floordiv and ceildiv");
    if (llvm::Error error = addDim(op, operand, dim, *form, extents))
      return std::move(error);
  }
  return operand;
}

static llvm::Expected<LoopNest> loopNestOf(linalg::LinalgOp op, const Frame &frame) {
  llvm::Expected<DimVector> extents = extentsOf(op, frame);
  if (!extents)
    return extents.takeError();
  LoopNest nest;
  nest.extents = *extents;
  for (OpOperand &value : op->getOpOperands()) {
    llvm::Expected<Operand> operand = operandOf(op, value, *extents, frame);
    if (!operand)
      return operand.takeError();
    if (!op.isDpsInit(&value)) {
      nest.inputs.push_back(std::move(*operand));
      continue;
    }
    // The init's elements are where the result starts from; the result is written in place.
    llvm::Expected<Array> result = operand->array.clone();
    if (!result)
      return errorAt(op, result.takeError());
    operand->array = std::move(*result);
    nest.outputs.push_back(std::move(*operand));
  }
  return nest;
}

void LoopNest::loadArguments(Program &program, ArrayRef<int64_t> offsets) {
  unsigned number = 0;
  for (const Operand &input : inputs) {
    program.argument(number) = input.array[offsets[number]];
    ++number;
  }
  for (const Operand &output : outputs) {
    program.argument(number) = output.array[offsets[number]];
    ++number;
  }
}

llvm::Error LoopNest::run(Program &program) {
  if (llvm::is_contained(extents, 0))
    return llvm::Error::success();
  DimVector index(extents.size(), 0), offsets;
  SmallVector<const LinearForm *> forms;
  for (const SmallVector<Operand> *operands : {&inputs, &outputs})
    for (const Operand &operand : *operands) {
      forms.push_back(&operand.offset);
      offsets.push_back(operand.offset.constant);
    }
  program.setIndices(index.data());
  while (true) {
    loadArguments(program, offsets);
    if (llvm::Error error = program.run())
      return error;
    for (auto [number, output] : llvm::enumerate(outputs))
      output.array[offsets[inputs.size() + number]] = program.result(number);
    // Step the innermost loop that has an iteration left; restart those inside it.
    int64_t loop = extents.size() - 1;
    for (; loop >= 0 && ++index[loop] == extents[loop]; --loop) {
      index[loop] = 0;
      for (auto [offset, form] : llvm::zip_equal(offsets, forms))
        offset -= form->coefficients[loop] * (extents[loop] - 1);
    }
    if (loop < 0)
      return llvm::Error::success();
    for (auto [offset, form] : llvm::zip_equal(offsets, forms))
      offset += form->coefficients[loop];
  }
}

void LoopNest::runProducts() {
  if (llvm::is_contained(extents, 0))
    return;
  const Operand &a = inputs[0], &b = inputs[1], &c = outputs[0];
  int64_t inner = extents.size() - 1, count = extents[inner];
  DimVector outer(llvm::ArrayRef(extents).drop_back()), index(outer.size(), 0);
  do {
    Cell *x = a.at(index), *y = b.at(index), *z = c.at(index);
    int64_t dx = a.offset.coefficients[inner], dy = b.offset.coefficients[inner];
    int64_t dz = c.offset.coefficients[inner];
    for (int64_t i = 0; i < count; ++i)
      z[i * dz].f += x[i * dx].f * y[i * dy].f;
  } while (nextIndex(index, outer));
}

/// True for the body `yield out + a * b` of float operands.
static bool isProduct(Block &body) {
  if (body.getNumArguments() != 3 || body.getOperations().size() != 3)
    return false;
  auto multiply = dyn_cast<arith::MulFOp>(body.front());
  auto add = dyn_cast<arith::AddFOp>(*std::next(body.begin()));
  if (!multiply || !add || body.getTerminator()->getOperand(0) != add.getResult())
    return false;
  auto hasOperands = [](Operation *op, Value a, Value b) {
    return (op->getOperand(0) == a && op->getOperand(1) == b) ||
           (op->getOperand(0) == b && op->getOperand(1) == a);
  };
  return hasOperands(multiply, body.getArgument(0), body.getArgument(1)) &&
         hasOperands(add, body.getArgument(2), multiply);
}

static llvm::Error runStructured(Operation *op, Frame &frame) {
  auto structured = cast<linalg::LinalgOp>(op);
  llvm::Expected<LoopNest> nest = loopNestOf(structured, frame);
  if (!nest)
    return nest.takeError();
  Block &body = *structured.getBlock();
  unsigned operands = nest->inputs.size() + nest->outputs.size();
  llvm::Expected<Program> program = frame.compile(body);
  if (!program)
    return program.takeError();
  if (body.getNumArguments() != operands)
    return errorAt(op, "expected a body of " + Twine(operands) + " arguments, got " +
                           Twine(body.getNumArguments()));
  if (isProduct(body) && nest->inputs.size() == 2 && !nest->extents.empty())
    nest->runProducts();
  else if (llvm::Error error = nest->run(*program))
    return error;
  for (auto [result, output] : llvm::zip_equal(op->getResults(), nest->outputs))
    frame.set(result, output.array);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

void reference::softmaxRow(const Cell *source, Cell *target, int64_t count, int64_t stride) {
  double maximum = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < count; ++i)
    if (double x = source[i * stride].f; std::isnan(x) || x > maximum)
      maximum = x; // a NaN stays, so that the row becomes NaN
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += std::exp(source[i * stride].f - maximum);
  bool masked = std::isinf(maximum) && maximum < 0;
  for (int64_t i = 0; i < count; ++i)
    target[i * stride].f = masked ? 0 : std::exp(source[i * stride].f - maximum) / sum;
}

// Scores that are off by d_j put the weight w_j off by w_j (d_j - sum_k w_k d_k), in all by at most
// 2 sum_j w_j (1 - w_j) |d_j|.
double reference::scoreRoundingOf(ArrayRef<double> weights, ArrayRef<double> scores, Type type) {
  std::optional<double> first;
  bool differ = false;
  double sum = 0;
  for (auto [w, s] : llvm::zip_equal(weights, scores)) {
    if (!(w > 0) || !std::isfinite(s))
      continue;
    differ |= first && s != *first;
    first = s;
    sum += w * (1 - w) * std::fabs(s);
  }
  if (!differ || !std::isfinite(sum))
    return 0;
  return 2 * sum * std::ldexp(1.0, -static_cast<int>(cast<FloatType>(type).getFPMantissaWidth()));
}

llvm::Error reference::runSoftmax(Operation *op, Frame &frame, const Array &source, int64_t dim) {
  if (dim < 0 || dim >= source.rank())
    return errorAt(op,
                   "expected a dim below the rank " + Twine(source.rank()) + ", got " + Twine(dim));
  auto destination = cast<DestinationStyleOpInterface>(op);
  const Array &init = frame.array(destination.getDpsInitOperand(0)->get());
  if (llvm::Error error = expectSizes(op, "an init", init.sizes, source.sizes))
    return error;
  llvm::Expected<Array> result = Array::create(init.elementType, source.sizes);
  if (!result)
    return errorAt(op, result.takeError());
  int64_t count = source.sizes[dim], stride = source.strides()[dim];
  int64_t rows = count == 0 ? 0 : source.count / count;
  std::vector<double> scores(count), weights(count);
  for (int64_t row = 0; row < rows; ++row) {
    int64_t start = row / stride * stride * count + row % stride;
    softmaxRow(&source[start], &(*result)[start], count, stride);
    for (int64_t i = 0; i < count; ++i) {
      scores[i] = source[start + i * stride].f;
      weights[i] = (*result)[start + i * stride].f;
    }
    frame.scoreRounding =
        std::max(frame.scoreRounding, scoreRoundingOf(weights, scores, source.elementType));
  }
  frame.set(op->getResult(0), std::move(*result));
  return llvm::Error::success();
}

static llvm::Error runLinalgSoftmax(Operation *op, Frame &frame) {
  auto softmax = cast<linalg::SoftmaxOp>(op);
  return runSoftmax(op, frame, frame.array(softmax.getInput()), softmax.getDimension());
}

Handler reference::lookupLinalgHandler(Operation *op) {
  if (isa<linalg::SoftmaxOp>(op))
    return runLinalgSoftmax;
  return isa<linalg::LinalgOp>(op) ? runStructured : Handler(nullptr);
}
