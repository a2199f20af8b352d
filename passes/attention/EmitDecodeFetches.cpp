// What is fetched ahead of its use. Reading gains speed anew wherever it goes on elsewhere, so at
// the end of all keys values are fetched, and at the end of these the keys of the next group.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/attention/EmitDecodeKernel.h"
#include "passes/attention/StoredRows.h"

using namespace mlir;
using namespace fovea;

/// What is read as far after a row as is fetched ahead: `next` follows the group's last row that is
/// read. Rows are read in parts of `rowsAtOnce`.
DecodeKernel::Place DecodeKernel::placeAhead(const Place &place, int64_t rowsAtOnce,
                                             const Place &next) {
  Value row = b.add(place.row, b.index(packer.rowsAhead(place.view)));
  if (place.view.getType() != next.view.getType())
    return {place.view, row};
  Value end = b.roundUp(reading.end, rowsAtOnce);
  Value isPast = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sge, row, end);
  Value nextRow = b.add(next.row, b.sub(row, end));
  return {b.createOrFold<arith::SelectOp>(isPast, next.view, place.view),
          b.createOrFold<arith::SelectOp>(isPast, nextRow, row)};
}

DecodeKernel::Place DecodeKernel::afterKeys(Value key) {
  return placeAhead({keyView, key}, keyVectors() * tile.lanes, {valueView, reading.firstValue});
}

DecodeKernel::Place DecodeKernel::afterValues(Value key) {
  return placeAhead({valueView, key}, keysPerChunk, {keyView, reading.nextKey});
}

/// While columns of so many keys are at work, as much of what is ahead of them, row after row.
void DecodeKernel::fetchKeys(const Place &ahead, Value column, int64_t keys) {
  packer.prefetch(ahead.view, ahead.row, b.mul(column, b.index(keys)), keys * keyColumns(),
                  /*locality=*/3);
}

/// While the rows of a query turn scores into probabilities, in as many steps the values of the
/// block's first chunk: memory would have nothing to do. The rows of other queries ask again.
void DecodeKernel::fetchFirstValues(const Row &row, const Block &block, Value key) {
  int64_t elements = keysPerChunk * rowElements(op.getValue(), op.getValuePermutation()[3]);
  int64_t count = llvm::divideCeil(elements * tile.lanes, group * tile.keysPerBlock);
  Value head = b.sub(row.head, firstHead);
  Value step =
      b.add(b.mul(head, b.index(tile.keysPerBlock / tile.lanes)), b.divide(key, tile.lanes));
  packer.prefetch(valueView, block.begin, b.mul(step, b.index(count)), count, /*locality=*/3);
}

/// While the tiles of columns of a chunk are at work, in as many steps what is ahead of it, row
/// after row.
void DecodeKernel::fetchValues(const Chunk &chunk, Value key, Value column, int64_t count) {
  Value step = b.sub(key, chunk.begin);
  Value done = b.add(b.mul(column, b.index(keysPerChunk)), b.mul(step, b.index(count)));
  packer.prefetch(chunk.ahead.view, chunk.ahead.row, done, count, /*locality=*/3);
}
