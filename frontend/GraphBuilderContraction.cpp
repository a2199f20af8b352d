// Matrix products of every form: one linalg.generic over batch, row, column and reduction loops.
#include "frontend/EinsumEllipsis.h"
#include "frontend/GraphBuilderDetail.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

static Value multiplyAdd(OpBuilder &builder, Location loc, Value a, Value b, Value sum) {
  Value product =
      buildBinary(builder, loc, BinaryKind::Mul, buildCast(builder, loc, a, sum.getType()),
                  buildCast(builder, loc, b, sum.getType()));
  return buildBinary(builder, loc, BinaryKind::Add, sum, product);
}

GraphBuilder::TensorOrError
GraphBuilder::contract(const SymbolicTensor &a, ArrayRef<int64_t> aLoops, const SymbolicTensor &b,
                       ArrayRef<int64_t> bLoops, ArrayRef<int64_t> resultLoops,
                       ArrayRef<SymbolicDim> loopSizes) {
  Type type = a.elementType();
  auto body = [&](OpBuilder &builder, ValueRange elements) {
    return multiplyAdd(builder, currentLoc, elements[0], elements[1], elements[2]);
  };
  TensorOrError sum = reduceWith({a, b}, {IndexList(aLoops), IndexList(bLoops)}, loopSizes,
                                 resultLoops, constantAttr(0, accumulatorType(type)), body);
  return sum ? cast(*sum, type) : sum.takeError();
}

static llvm::Error checkOperands(StringRef operation, const SymbolicTensor &a,
                                 const SymbolicTensor &b) {
  if (llvm::Error error = checkSameElementType(operation, a, b))
    return error;
  if (a.elementType().isInteger(1))
    return makeError(operation + ": expected float or integer elements, got " + a.str());
  return llvm::Error::success();
}

static llvm::Error innerDimsDiffer(StringRef operation, const SymbolicDim &expected, StringRef from,
                                   const SymbolicTensor &tensor, const SymbolicDim &got) {
  return makeError(operation + ": inner dims differ: expected " + expected.str() + " (from " +
                   from + ": " + formatShape(tensor.shape) + "), got " + got.str());
}

// Loops are the broadcast batch dims, then m, n, k; a rank-1 operand has no m or n.
GraphBuilder::TensorOrError GraphBuilder::matmul(const SymbolicTensor &a, const SymbolicTensor &b) {
  if (llvm::Error error = checkOperands("matmul", a, b))
    return error;
  if (a.rank() == 0 || b.rank() == 0)
    return makeError("matmul: expected tensors of rank 1 or more, got " + a.str() + " and " +
                     b.str());
  bool hasRows = a.rank() > 1, hasColumns = b.rank() > 1;
  const SymbolicDim &inner = a.shape.back();
  const SymbolicDim &bInner = b.shape[hasColumns ? b.rank() - 2 : 0];
  if (!(inner == bInner))
    return innerDimsDiffer("matmul", inner, "a", a, bInner);
  SymbolicShape aBatch(ArrayRef(a.shape).drop_back(hasRows ? 2 : 1));
  SymbolicShape bBatch(ArrayRef(b.shape).drop_back(hasColumns ? 2 : 1));
  Expected<SymbolicShape> sizes = broadcastShapes("matmul", {aBatch, bBatch});
  if (!sizes)
    return sizes.takeError();
  auto batch = static_cast<int64_t>(sizes->size());
  auto loopsOf = [&](size_t batchRank) {
    return llvm::to_vector<6>(llvm::seq<int64_t>(batch - static_cast<int64_t>(batchRank), batch));
  };
  IndexList aLoops = loopsOf(aBatch.size()), bLoops = loopsOf(bBatch.size());
  if (hasRows) {
    aLoops.push_back(static_cast<int64_t>(sizes->size()));
    sizes->push_back(a.dim(a.rank() - 2));
  }
  std::optional<int64_t> columns;
  if (hasColumns) {
    columns = static_cast<int64_t>(sizes->size());
    sizes->push_back(b.shape.back());
  }
  auto reduction = static_cast<int64_t>(sizes->size());
  sizes->push_back(inner);
  aLoops.push_back(reduction);
  bLoops.push_back(reduction);
  if (columns)
    bLoops.push_back(*columns);
  return contract(a, aLoops, b, bLoops, identityLoops(reduction), *sizes);
}

GraphBuilder::TensorOrError GraphBuilder::linear(const SymbolicTensor &x, const SymbolicTensor &w,
                                                 const std::optional<SymbolicTensor> &bias) {
  if (llvm::Error error = checkOperands("linear", x, w))
    return error;
  if (llvm::Error error = checkRank("linear", "the weight [out, in]", w, 2))
    return error;
  if (x.rank() == 0)
    return makeError("linear: expected an input of rank 1 or more, got " + x.str());
  if (!(x.shape.back() == w.dim(1)))
    return innerDimsDiffer("linear", w.dim(1), "the weight", w, x.shape.back());
  int64_t out = x.rank() - 1, reduction = x.rank();
  SymbolicShape sizes(ArrayRef(x.shape).drop_back());
  sizes.append({w.dim(0), w.dim(1)});
  IndexList xLoops = identityLoops(out);
  xLoops.push_back(reduction);
  TensorOrError product = contract(x, xLoops, w, {out, reduction}, identityLoops(reduction), sizes);
  if (!product || !bias)
    return product;
  if (bias->shape != SymbolicShape{w.dim(0)})
    return makeError("linear: expected a bias of shape [" + w.dim(0).str() + "], got " +
                     bias->str());
  return add(*product, *bias);
}

namespace {
/// The loops of an einsum: one a letter, those of the result first.
struct EinsumLoops {
  std::string letters;
  SymbolicShape sizes;

  std::optional<int64_t> find(char letter) const {
    size_t position = letters.find(letter);
    return position == std::string::npos ? std::nullopt
                                         : std::optional(static_cast<int64_t>(position));
  }
  SmallVector<int64_t, 6> operator()(StringRef subscript) const {
    return llvm::map_to_vector<6>(subscript, [&](char letter) { return *find(letter); });
  }
};
} // namespace

static llvm::Error checkSubscript(StringRef equation, StringRef subscript) {
  for (auto [index, letter] : llvm::enumerate(subscript)) {
    if (!llvm::isAlpha(letter))
      return makeError("einsum '" + equation + "': expected letters, got '" + Twine(letter) + "'");
    if (subscript.drop_front(index + 1).contains(letter))
      return makeError("einsum '" + equation + "': expected '" + Twine(letter) +
                       "' once in an operand or the result");
  }
  return llvm::Error::success();
}

/// Gives each letter of an operand the size of its dim.
static llvm::Error addLetters(StringRef equation, StringRef subscript, const SymbolicTensor &x,
                              EinsumLoops &loops, SmallVectorImpl<bool> &isSized) {
  if (x.rank() != static_cast<int64_t>(subscript.size()))
    return makeError("einsum '" + equation + "': '" + subscript + "' names " +
                     Twine(subscript.size()) + " dims, got " + x.str());
  for (auto [letter, dim] : llvm::zip_equal(subscript, x.shape)) {
    std::optional<int64_t> loop = loops.find(letter);
    if (!loop) {
      loop = static_cast<int64_t>(loops.letters.size());
      loops.letters.push_back(letter);
      loops.sizes.push_back(dim);
      isSized.push_back(true);
    }
    if (!isSized[*loop])
      loops.sizes[*loop] = dim;
    isSized[*loop] = true;
    if (!(loops.sizes[*loop] == dim))
      return makeError("einsum '" + equation + "': dim '" + Twine(letter) + "' is " +
                       loops.sizes[*loop].str() + " and " + dim.str());
  }
  return llvm::Error::success();
}

GraphBuilder::TensorOrError GraphBuilder::einsum(StringRef equation, const SymbolicTensor &a,
                                                 const SymbolicTensor &b) {
  if (llvm::Error error = checkOperands("einsum", a, b))
    return error;
  std::string compact;
  llvm::copy_if(equation, std::back_inserter(compact), [](char c) { return c != ' '; });
  auto [operands, result] = StringRef(compact).split("->");
  auto [aSubscript, bSubscript] = operands.split(',');
  if (!StringRef(compact).contains("->") || operands.count(',') != 1)
    return makeError("einsum '" + equation + "': expected the form 'ab,bc->ac'");
  if (equation.contains("...")) {
    SymbolicTensor first = a, second = b;
    Expected<std::string> expanded = expandEllipsis(*this, compact, first, second);
    return expanded ? einsum(*expanded, first, second) : expanded.takeError();
  }
  for (StringRef subscript : {aSubscript, bSubscript, result})
    if (llvm::Error error = checkSubscript(equation, subscript))
      return error;
  EinsumLoops loops{result.str(), SymbolicShape(result.size())};
  SmallVector<bool> isSized(result.size(), false);
  if (llvm::Error error = addLetters(equation, aSubscript, a, loops, isSized))
    return error;
  if (llvm::Error error = addLetters(equation, bSubscript, b, loops, isSized))
    return error;
  for (auto [letter, sized] : llvm::zip(result, isSized))
    if (!sized)
      return makeError("einsum '" + equation + "': '" + Twine(letter) + "' is in no operand");
  return contract(a, loops(aSubscript), b, loops(bSubscript),
                  identityLoops(static_cast<int64_t>(result.size())), loops.sizes);
}
