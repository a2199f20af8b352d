#include "passes/vector/VectorTranspose.h"

using namespace mlir;
using namespace fovea;

namespace {
/// Two vectors made of two others.
using Pair = std::pair<Value, Value>;
} // namespace

static int64_t lanesOf(Value vector) { return cast<VectorType>(vector.getType()).getNumElements(); }

/// The lower halves of each `chunk` lanes of both, in turns, and the upper halves: in chunks of a
/// 128-bit lane of x86 one instruction each, and the cheapest of all shuffles.
static Pair interleave(EmitBuilder &b, Value x, Value y, int64_t chunk) {
  int64_t lanes = lanesOf(x);
  SmallVector<int64_t> lower, upper;
  for (int64_t begin = 0; begin < lanes; begin += chunk)
    for (int64_t i = 0; i < chunk / 2; ++i) {
      lower.append({begin + i, lanes + begin + i});
      upper.append({begin + chunk / 2 + i, lanes + begin + chunk / 2 + i});
    }
  return {vector::ShuffleOp::create(b, x, y, lower), vector::ShuffleOp::create(b, x, y, upper)};
}

/// Chunks 0, 2, ... of x and then of y, and chunks 1, 3, ...
static Pair deal(EmitBuilder &b, Value x, Value y, int64_t chunk) {
  int64_t lanes = lanesOf(x);
  SmallVector<int64_t> even, odd;
  for (int64_t begin = 0; begin < 2 * lanes; begin += 2 * chunk)
    for (int64_t i = 0; i < chunk; ++i) {
      even.push_back(begin + i);
      odd.push_back(begin + chunk + i);
    }
  return {vector::ShuffleOp::create(b, x, y, even), vector::ShuffleOp::create(b, x, y, odd)};
}

/// Transposes the squares of as many lanes as there are rows: element j of chunk c of row i comes
/// to element i of chunk c of row j.
static SmallVector<Value> transposeChunks(EmitBuilder &b, SmallVector<Value> rows) {
  int64_t chunk = rows.size();
  for (int64_t round = 1; round < chunk; round *= 2) {
    SmallVector<Value> next;
    for (int64_t i = 0; i < chunk / 2; ++i) {
      auto [lower, upper] = interleave(b, rows[i], rows[i + chunk / 2], chunk);
      next.append({lower, upper});
    }
    rows = next;
  }
  return rows;
}

/// As many rows as they have chunks: chunk j of row i comes to chunk i of row j.
static SmallVector<Value> exchangeChunks(EmitBuilder &b, ArrayRef<Value> rows, int64_t chunk) {
  if (rows.size() == 1)
    return SmallVector<Value>(rows);
  SmallVector<Value> even, odd, result;
  for (size_t i = 0; i < rows.size(); i += 2) {
    auto [evenChunks, oddChunks] = deal(b, rows[i], rows[i + 1], chunk);
    even.push_back(evenChunks);
    odd.push_back(oddChunks);
  }
  even = exchangeChunks(b, even, chunk);
  odd = exchangeChunks(b, odd, chunk);
  for (auto [fromEven, fromOdd] : llvm::zip(even, odd))
    result.append({fromEven, fromOdd});
  return result;
}

int64_t fovea::narrowColumns(Type element, int64_t lanes) {
  return std::clamp<int64_t>(128 / element.getIntOrFloatBitWidth(), 1, lanes);
}

SmallVector<Value> fovea::transposeSquare(EmitBuilder &b, ValueRange rows) {
  int64_t lanes = rows.size();
  // Within 128 bits first, where shuffles are cheap; then whole chunks of them.
  int64_t chunk = narrowColumns(getElementTypeOrSelf(rows[0].getType()), lanes);
  int64_t chunks = lanes / chunk;
  SmallVector<Value> inChunks;
  for (int64_t first = 0; first < lanes; first += chunk)
    llvm::append_range(inChunks, transposeChunks(b, llvm::to_vector(rows.slice(first, chunk))));
  SmallVector<Value> result(lanes);
  for (int64_t column = 0; column < chunk; ++column) {
    SmallVector<Value> parts;
    for (int64_t part = 0; part < chunks; ++part)
      parts.push_back(inChunks[part * chunk + column]);
    for (auto [part, row] : llvm::enumerate(exchangeChunks(b, parts, chunk)))
      result[part * chunk + column] = row;
  }
  return result;
}

static int64_t chunkOf(VectorType type) { return 128 / type.getElementTypeBitWidth(); }

bool fovea::canTransposeHalves(VectorType row) {
  int64_t chunk = chunkOf(row), lanes = row.getNumElements();
  return lanes == chunk || lanes == 2 * chunk;
}

Value fovea::concatenate(EmitBuilder &b, SmallVector<Value> vectors) {
  while (vectors.size() > 1) {
    SmallVector<int64_t> both = llvm::to_vector(llvm::seq(2 * lanesOf(vectors[0])));
    SmallVector<Value> next;
    for (size_t i = 0; i < vectors.size(); i += 2)
      next.push_back(vector::ShuffleOp::create(b, vectors[i], vectors[i + 1], both));
    vectors = next;
  }
  return vectors[0];
}

SmallVector<Value> fovea::transposeNarrow(EmitBuilder &b, ValueRange rows) {
  int64_t chunk = lanesOf(rows[0]), count = rows.size();
  // Chunk c of register r holds row c * chunk + r.
  SmallVector<Value> registers;
  for (int64_t r = 0; r < chunk; ++r) {
    SmallVector<Value> chunks;
    for (int64_t row = r; row < count; row += chunk)
      chunks.push_back(rows[row]);
    registers.push_back(concatenate(b, chunks));
  }
  return transposeChunks(b, registers);
}

SmallVector<Value> fovea::transposeToNarrow(EmitBuilder &b, ValueRange rows) {
  int64_t chunk = rows.size();
  SmallVector<Value> registers = transposeChunks(b, llvm::to_vector(rows)), columns;
  for (int64_t first = 0; first < lanesOf(rows[0]); first += chunk)
    for (Value chunks : registers)
      columns.push_back(b.slice(chunks, first, chunk));
  return columns;
}

SmallVector<Value> fovea::transposeTall(EmitBuilder &b, VectorType rowType,
                                        function_ref<Value(int64_t)> rowAt) {
  int64_t half = rowType.getNumElements(), chunk = chunkOf(rowType);
  SmallVector<int64_t> both = llvm::to_vector(llvm::seq(2 * half));
  // A register holds a row of each of two chunks of rows; `chunk` registers are a group.
  SmallVector<SmallVector<Value>> groups;
  for (int64_t first = 0; first < 2 * half; first += 2 * chunk) {
    SmallVector<Value> group;
    for (int64_t r = first; r < first + chunk; ++r) {
      Value lower = rowAt(r), upper = rowAt(r + chunk);
      group.push_back(vector::ShuffleOp::create(b, lower, upper, both));
    }
    groups.push_back(transposeChunks(b, group));
  }
  if (groups.size() == 1)
    return groups[0];
  SmallVector<Value> lower, upper;
  for (auto [x, y] : llvm::zip_equal(groups[0], groups[1])) {
    auto [even, odd] = deal(b, x, y, chunk);
    lower.push_back(even);
    upper.push_back(odd);
  }
  llvm::append_range(lower, upper);
  return lower;
}

SmallVector<Value> fovea::transposeWide(EmitBuilder &b, ValueRange rows) {
  int64_t count = rows.size(), chunk = chunkOf(cast<VectorType>(rows[0].getType()));
  // Vector c of a group of rows holds columns c, c + chunk, ... of these, a chunk each.
  SmallVector<Value> groups;
  for (int64_t first = 0; first < count; first += chunk)
    llvm::append_range(groups, transposeChunks(b, llvm::to_vector(rows.slice(first, chunk))));
  SmallVector<Value> result(count);
  for (int64_t column = 0; column < chunk; column += 2) {
    SmallVector<Value> parts;
    for (int64_t c : {column, column + 1})
      for (int64_t group = c; group < count; group += chunk)
        parts.push_back(groups[group]);
    for (auto [q, both] : llvm::enumerate(exchangeChunks(b, parts, chunk)))
      result[(q * chunk + column) / 2] = both;
  }
  return result;
}

SmallVector<Value> fovea::transposeRows(EmitBuilder &b, VectorType rowType, int64_t count,
                                        function_ref<Value(int64_t)> rowAt) {
  int64_t lanes = rowType.getNumElements();
  if (count == 2 * lanes && canTransposeHalves(rowType))
    return transposeTall(b, rowType, rowAt);
  SmallVector<Value> rows = llvm::map_to_vector(llvm::seq(count), rowAt);
  return count == lanes ? transposeSquare(b, rows) : transposeNarrow(b, rows);
}
