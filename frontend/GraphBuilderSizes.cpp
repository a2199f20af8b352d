// Sizes as values, and tensors of them.
#include "frontend/GraphBuilder.h"
#include "frontend/GraphBuilderDetail.h"
#include "frontend/SizeConditions.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

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
