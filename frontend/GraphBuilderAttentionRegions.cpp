// Mask, score, sink and bucket regions. Tensors given as masks become reads in them, so that
// nothing is broadcast in memory.
#include "dialect/AttnOps.h"
#include "frontend/GraphBuilderAttentionDims.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

/// The index of each batch dim in `flat`, the row-major index over all of them.
Expected<Value> GraphBuilder::batchIndex(Value flat, const AttentionDims &dims, size_t dim) {
  if (dims.batch.size() == 1)
    return flat;
  Expected<SymbolicDim> inner = numElements(ArrayRef(dims.batch).drop_front(dim + 1));
  Expected<Value> stride = inner ? dimValue(*inner) : inner.takeError();
  Expected<Value> size = stride ? dimValue(dims.batch[dim]) : stride.takeError();
  if (!size)
    return size.takeError();
  Value quotient = arith::DivUIOp::create(ir, currentLoc, flat, *stride);
  return dim == 0 ? quotient : arith::RemUIOp::create(ir, currentLoc, quotient, *size);
}

// Masks are indexed by query row; the regions get the position, which is the row past the first.
Expected<Value> GraphBuilder::maskElement(const SymbolicTensor &mask, const AttentionDims &dims,
                                          Value firstPosition, ValueRange indices) {
  size_t rank = dims.batch.size() + (dims.hasHeads ? 3 : 2);
  SmallVector<Value> position;
  for (size_t dim = rank - mask.shape.size(); dim < rank; ++dim) {
    Expected<Value> index = constantIndex(0);
    if (mask.shape[dim + mask.shape.size() - rank] == SymbolicDim(1)) {
      position.push_back(*index);
      continue;
    }
    if (dim + 1 == rank)
      index = indices[3];
    else if (dim + 2 == rank)
      index = firstPosition
                  ? buildBinary(ir, currentLoc, BinaryKind::Sub, indices[2], firstPosition)
                  : indices[2];
    else if (dim == dims.batch.size())
      index = indices[1];
    else
      index = batchIndex(indices[0], dims, dim);
    if (!index)
      return index.takeError();
    position.push_back(*index);
  }
  return tensor::ExtractOp::create(ir, currentLoc, mask.value, position).getResult();
}

/// The position of query row 0 as a value, null if it is 0.
Expected<Value> GraphBuilder::firstPosition(const AttentionDims &dims,
                                            const AttentionOptions &options) {
  if (options.queryOffset)
    return toIndex(*options.queryOffset);
  if (options.alignment == attn::Alignment::TopLeft || dims.queries == dims.keys)
    return Value();
  Expected<SymbolicDim> offset = dims.keys.minus(dims.queries);
  return offset ? dimValue(*offset) : offset.takeError();
}

llvm::Error GraphBuilder::checkMaskTensor(const SymbolicTensor &mask, const AttentionDims &dims) {
  if (!mask.elementType().isInteger(1) && !isa<FloatType>(mask.elementType()))
    return makeError("attention: expected a mask of bool or float, got " + mask.str());
  SymbolicShape scores = dims.visible({dims.queries, dims.keys});
  Expected<SymbolicShape> common = broadcastShapes("attention mask", {scores, mask.shape});
  if (!common)
    return common.takeError();
  if (*common != scores)
    return makeError("attention: expected a mask that broadcasts to " + formatShape(scores) +
                     ", got " + mask.str());
  return llvm::Error::success();
}

/// The user's mask function and a boolean mask tensor, either or both.
llvm::Error GraphBuilder::buildMaskRegion(Region &region, const AttentionDims &dims,
                                          const AttentionOptions &options, Value first) {
  const std::optional<SymbolicTensor> &tensor = options.maskTensor;
  bool hasTensor = tensor && tensor->elementType().isInteger(1);
  if (!options.mask && !hasTensor)
    return llvm::Error::success();
  auto body = [&](OpBuilder &builder, Location loc, ValueRange indices) -> Expected<Value> {
    Expected<Value> allowed =
        hasTensor ? maskElement(*tensor, dims, first, indices) : Expected<Value>(Value());
    if (!allowed || !options.mask)
      return allowed;
    Expected<Value> predicate = options.mask(builder, loc, indices);
    if (!predicate || !*allowed || !(*predicate).getType().isInteger(1))
      return predicate;
    return arith::AndIOp::create(builder, loc, *predicate, *allowed).getResult();
  };
  SmallVector<Type> types(4, ir.getIndexType());
  return buildRegion(body, addBlock(region, types, currentLoc), ir.getI1Type(), "attention mask");
}

static Value buildSoftcap(OpBuilder &builder, Location loc, Value score, double cap) {
  Value limit = buildConstant(builder, loc, cap, score.getType());
  Value quotient = buildBinary(builder, loc, BinaryKind::Div, score, limit);
  Value tanh = buildUnary(builder, loc, UnaryKind::Tanh, quotient);
  return buildBinary(builder, loc, BinaryKind::Mul, tanh, limit);
}

/// The softcap, the user's score function, then an additive mask tensor.
llvm::Error GraphBuilder::buildScoreRegion(Region &region, const AttentionDims &dims,
                                           const AttentionOptions &options, Value first,
                                           Type type) {
  const std::optional<SymbolicTensor> &tensor = options.maskTensor;
  bool hasTensor = tensor && !tensor->elementType().isInteger(1);
  if (!options.score && !hasTensor && !options.softcap)
    return llvm::Error::success();
  auto body = [&](OpBuilder &builder, Location loc, ValueRange given) -> Expected<Value> {
    SmallVector<Value> arguments(given);
    if (options.softcap)
      arguments[0] = buildSoftcap(builder, loc, arguments[0], *options.softcap);
    Expected<Value> score =
        options.score ? options.score(builder, loc, arguments) : Expected<Value>(arguments[0]);
    if (!score || !hasTensor || (*score).getType() != type)
      return score;
    Expected<Value> bias = maskElement(*tensor, dims, first, ArrayRef(arguments).drop_front());
    if (!bias)
      return bias.takeError();
    return buildBinary(builder, loc, BinaryKind::Add, *score, buildCast(builder, loc, *bias, type));
  };
  SmallVector<Type> types(5, ir.getIndexType());
  types.front() = type;
  return buildRegion(body, addBlock(region, types, currentLoc), type, "attention score");
}

llvm::Error GraphBuilder::buildAttentionRegions(attn::AttentionOp op, const AttentionDims &dims,
                                                const AttentionOptions &options, Value first) {
  Type type = op.getScoreType();
  if (llvm::Error error = buildMaskRegion(op.getMask(), dims, options, first))
    return error;
  if (llvm::Error error = buildScoreRegion(op.getScore(), dims, options, first, type))
    return error;
  SmallVector<Type> types(3, ir.getIndexType());
  if (options.sink)
    if (llvm::Error error = buildRegion(options.sink, addBlock(op.getSink(), types, currentLoc),
                                        type, "attention sink"))
      return error;
  if (!options.bucket)
    return llvm::Error::success();
  types.push_back(ir.getIndexType());
  return buildRegion(options.bucket, addBlock(op.getBucket(), types, currentLoc), ir.getIndexType(),
                     "attention bucket");
}
