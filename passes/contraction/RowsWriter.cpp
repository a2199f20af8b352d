#include "passes/contraction/RowsWriter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/buffers/BufferWrites.h"
#include "passes/contraction/EmitContraction.h"

using namespace mlir;
using namespace fovea;

/// The only op between the two that may write to the matrix, if it is a loop.
static scf::ForallOp findOnlyWriter(Value matrix, Operation *allocation, Operation *reader) {
  Operation *writer = nullptr;
  for (Operation *op = allocation->getNextNode(); op != reader; op = op->getNextNode()) {
    if (!mayWriteTo(op, matrix))
      continue;
    if (writer)
      return {};
    writer = op;
  }
  return dyn_cast_or_null<scf::ForallOp>(writer);
}

/// The one view through which the loop's body knows the matrix, or null.
static memref::SubViewOp findOnlyView(Value matrix, scf::ForallOp loop) {
  SmallVector<Operation *> users;
  loop.getBody()->walk([&](Operation *op) {
    for (Value operand : op->getOperands())
      if (isa<BaseMemRefType>(operand.getType()) && baseOf(operand) == matrix &&
          loop.isDefinedOutsideOfLoop(operand))
        users.push_back(op);
  });
  auto view = users.size() == 1 ? dyn_cast<memref::SubViewOp>(users.front()) : memref::SubViewOp();
  return view && view.getSource() == matrix ? view : memref::SubViewOp();
}

std::optional<RowsWriter> fovea::findRowsWriter(Value matrix, unsigned rowDim, scf::ForallOp reader,
                                                int64_t panelRows, int64_t depth) {
  auto allocation = matrix.getDefiningOp<memref::AllocOp>();
  if (!allocation || allocation.getType().getRank() != 2 ||
      allocation->getBlock() != reader->getBlock())
    return std::nullopt;
  scf::ForallOp loop = findOnlyWriter(matrix, allocation, reader);
  memref::SubViewOp view = loop ? findOnlyView(matrix, loop) : memref::SubViewOp();
  if (!view || view.getType().getRank() != 2 || !view.hasUnitStride())
    return std::nullopt;
  unsigned kDim = 1 - rowDim;
  OpFoldResult row = view.getMixedOffsets()[rowDim], column = view.getMixedOffsets()[kDim];
  std::optional<int64_t> columns = getConstantIntValue(view.getMixedSizes()[kDim]);
  auto index = dyn_cast_or_null<BlockArgument>(dyn_cast<Value>(row));
  bool isWhole = columns == allocation.getType().getDimSize(kDim) && isConstantIntValue(column, 0);
  bool isInBlock = columns && depth % *columns == 0 && isTileOffset(column, *columns);
  if ((!isWhole && !isInBlock) || !index || index.getOwner() != loop.getBody() ||
      !isTileOffset(row, panelRows))
    return std::nullopt;
  std::optional<int64_t> rows = getConstantIntValue(loop.getMixedStep()[index.getArgNumber()]);
  return RowsWriter{loop, row, column, *rows, *columns};
}
