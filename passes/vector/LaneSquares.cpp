// Lanes that lie across lines of memory, read as whole vectors along the lines and transposed in
// registers.
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/vector/LaneEmitter.h"
#include "passes/vector/LaneLoads.h"
#include "passes/vector/VectorTranspose.h"

using namespace mlir;
using namespace fovea;

/// Vectors of all that is read at once fill no more registers than the smallest target has.
static constexpr int64_t mostColumns = 16;

/// Whether neighbours along `line` are neighbours in memory, and lanes are not.
bool LaneEmitter::isAcross(OpOperand &operand, unsigned line) {
  return plan.operands[operand.getOperandNumber()] == Access::Scattered &&
         !op.getMatchingBlockArgument(&operand).use_empty() &&
         getElementTypeOrSelf(operand.get()).isIntOrFloat() &&
         accessAlong(operand.get().getType(), op.getMatchingIndexingMap(&operand), line) ==
             Access::Contiguous;
}

bool LaneEmitter::readsSquares(unsigned line) {
  static constexpr int64_t mostOperations = 256;
  auto operations = static_cast<int64_t>(op.getBody()->getOperations().size());
  return plan.lanes > 1 && operations * squareColumns() <= mostOperations &&
         llvm::any_of(op.getDpsInputOperands(),
                      [&](OpOperand *operand) { return isAcross(*operand, line); });
}

int64_t LaneEmitter::squareColumns() const { return std::min(plan.lanes, mostColumns); }

/// As many vectors of lanes from `iv` on as a square has columns, one an iteration of `line`.
SmallVector<Value> LaneEmitter::loadSquare(OpOperand &operand, Value iv) {
  Value memref = viewAsMemoryElements(b, operand.get());
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  auto rowType = VectorType::get({squareColumns()}, element);
  SmallVector<Value> columns = transposeRows(b, rowType, plan.lanes, [&](int64_t i) -> Value {
    return vector::LoadOp::create(b, rowType, memref, indicesAt(operand, b.add(iv, b.index(i))));
  });
  return llvm::map_to_vector(columns, [&](Value column) {
    return fromMemory(b, column, getElementTypeOrSelf(operand.get()));
  });
}

int64_t LaneEmitter::lineElements(unsigned line) {
  int64_t most = 1;
  for (OpOperand *operand : op.getDpsInputOperands())
    if (isAcross(*operand, line)) {
      int64_t bits = memoryElement(getElementTypeOrSelf(operand->get())).getIntOrFloatBitWidth();
      most = std::max(most, cacheLine * 8 / bits);
    }
  return most;
}

void LaneEmitter::prefetchSquares(ArrayRef<Value> outerIvs, unsigned line, Value iv) {
  static constexpr int64_t nearby = 2;
  ivs.assign(outerIvs.begin(), outerIvs.end());
  for (OpOperand *operand : op.getDpsInputOperands())
    for (int64_t i = 0; isAcross(*operand, line) && i < plan.lanes; ++i)
      memref::PrefetchOp::create(b, operand->get(), indicesAt(*operand, b.add(iv, b.index(i))),
                                 /*isWrite=*/false, nearby, /*isDataCache=*/true);
}

void LaneEmitter::emitSquare(SmallVector<Value> outerIvs, unsigned line, Value iv) {
  ivs = outerIvs;
  SmallVector<std::pair<OpOperand *, SmallVector<Value>>> squares;
  for (OpOperand *operand : op.getDpsInputOperands())
    if (isAcross(*operand, line))
      squares.emplace_back(operand, loadSquare(*operand, iv));
  Value first = outerIvs[line];
  for (int64_t i = 0; i < squareColumns(); ++i) {
    for (auto &[operand, vectors] : squares)
      loaded[operand] = vectors[i];
    outerIvs[line] = b.add(first, b.index(i));
    emitUniform(outerIvs);
    emitLanes(iv, plan.lanes, {});
  }
  loaded.clear();
}
