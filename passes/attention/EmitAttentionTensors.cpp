// Tensors that mask and score functions read by query and key, as masks, biases and relative terms
// are. Queries lie along lanes, so a key would take an element of as many rows, from lines of cache
// that a long row evicts before the next key. Each block is transposed first, square by square.
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/attention/EmitAttentionKernel.h"
#include "passes/mask/MaskPredicate.h"
#include "passes/vector/LaneLoads.h"
#include "passes/vector/VectorTranspose.h"

using namespace mlir;
using namespace fovea;

/// The key is the index of the last dim and of no other, and some other depends on the query.
static bool isReadByQueryAndKey(memref::LoadOp load, Region &region) {
  unsigned count = region.getNumArguments();
  Value query = region.getArgument(count - 2), key = region.getArgument(count - 1);
  auto type = load.getMemRefType();
  if (type.getRank() == 0 || !type.isLastDimUnitStride() || load.getIndices().back() != key)
    return false;
  auto depends = [&](Value on) {
    return llvm::any_of(load.getIndices().drop_back(),
                        [&](Value index) { return dependsOn(index, on, region); });
  };
  return depends(query) && !depends(key) && (count == 4 || !depends(region.getArgument(0)));
}

SmallVector<AttentionKernel::TensorRead> AttentionKernel::readsOf(Region &region) {
  return llvm::filter_to_vector(
      tensorReads, [&](TensorRead read) { return read.load->getParentRegion() == &region; });
}

void AttentionKernel::allocateTransposed(Region &region) {
  if (region.empty())
    return;
  for (auto load : region.getOps<memref::LoadOp>()) {
    if (!isReadByQueryAndKey(load, region))
      continue;
    Type element = memoryElement(load.getMemRefType().getElementType());
    OpFoldResult shape[] = {b.getIndexAttr(tile.keysPerBlock), b.getIndexAttr(tile.width())};
    tensorReads.push_back({load, allocateAligned(b, shape, element)});
  }
}

/// The indices of the read at a position of the key, each a vector where it depends on the query.
SmallVector<Value> AttentionKernel::indicesAt(TensorRead read, LaneRegion &lanes, Value position) {
  SmallVector<Value> indices;
  for (Value index : read.load.getIndices().drop_back())
    indices.push_back(lanes.get(index));
  indices.push_back(position);
  return indices;
}

/// A square: as many keys from `key` as there are lanes.
void AttentionKernel::transposeKeys(TensorRead read, LaneRegion &lanes, int64_t vector,
                                    const KeyBlock &block, Value key) {
  Value memory = viewAsMemoryElements(b, read.load.getMemref());
  auto type = VectorType::get({tile.lanes}, cast<MemRefType>(memory.getType()).getElementType());
  SmallVector<Value> indices = indicesAt(read, lanes, b.add(block.begin, key));
  Vectors rows = llvm::map_to_vector(llvm::seq(tile.lanes), [&](int64_t lane) -> Value {
    SmallVector<Value> at(indices);
    for (Value &index : MutableArrayRef(at).drop_back())
      index = vector::ExtractOp::create(b, index, lane);
    return vector::LoadOp::create(b, type, memory, at);
  });
  for (auto [t, column] : llvm::enumerate(transposeSquare(b, rows))) {
    Value at[] = {b.add(key, b.index(t)), b.index(vector * tile.lanes)};
    vector::StoreOp::create(b, column, read.transposed, at);
  }
}

void AttentionKernel::transposeReads(Region &region, LaneRegions regions, const KeyBlock &block,
                                     Value lo, Value hi) {
  Value whole = b.add(lo, b.roundDown(b.sub(hi, lo), tile.lanes));
  for (TensorRead read : readsOf(region))
    for (auto [v, lanes] : llvm::enumerate(*regions)) {
      b.loop(lo, whole, tile.lanes, [&](Value key) { transposeKeys(read, lanes, v, block, key); });
      // A square past the last key would read past the end of rows.
      Value memory = viewAsMemoryElements(b, read.load.getMemref());
      b.loop(whole, hi, 1, [&](Value key) {
        SmallVector<Value> indices = indicesAt(read, lanes, b.add(block.begin, key));
        Value at[] = {key, b.index(v * tile.lanes)};
        vector::StoreOp::create(b, loadLanes(b, memory, indices, tile.lanes), read.transposed, at);
      });
    }
}

SmallVector<Value> AttentionKernel::transposedAt(Region &region, int64_t v, Value key) {
  return llvm::map_to_vector(readsOf(region), [&](TensorRead read) -> Value {
    auto memory = cast<MemRefType>(read.transposed.getType());
    Value at[] = {key, b.index(v * tile.lanes)};
    Value loaded = vector::LoadOp::create(b, VectorType::get({tile.lanes}, memory.getElementType()),
                                          read.transposed, at);
    return fromMemory(b, loaded, read.load.getMemRefType().getElementType());
  });
}

// Elements of neighbouring queries lie side by side. Past the last query others follow, of rows
// that are not stored.
SmallVector<Value> AttentionKernel::byDistance(Value first, int64_t v, Value position) {
  Region &score = op.getScore();
  return llvm::map_to_vector(distanceTables, [&](DistanceTables::Table table) -> Value {
    SmallVector<Value> at = llvm::map_to_vector(table.place, [&](Value place) {
      return place == score.getArgument(1)   ? head.batch
             : place == score.getArgument(2) ? head.head
                                             : place;
    });
    Value query = b.add(first, b.index(v * tile.lanes));
    at.push_back(b.add(b.sub(query, position), distanceToPlace));
    auto type = VectorType::get({tile.lanes}, table.load.getMemRefType().getElementType());
    return vector::LoadOp::create(b, type, table.memref, at);
  });
}
