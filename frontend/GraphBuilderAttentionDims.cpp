#include "frontend/GraphBuilderAttentionDims.h"
#include "dialect/CacheRows.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

static bool isQuantizedRows(const SymbolicTensor &x) { return x.elementType().isInteger(8); }

static llvm::Error checkAttentionOperand(StringRef name, const SymbolicTensor &x,
                                         const SymbolicTensor &query) {
  bool isQuantized = isQuantizedRows(x) && query.elementType().isF32();
  if (!isQuantized)
    if (llvm::Error error = checkFloat("attention", name, x))
      return error;
  if (x.rank() < 2 || x.rank() != query.rank())
    return makeError("attention: expected query, key and value of one rank of at least 2, got " +
                     query.str() + " and " + name + " " + x.str());
  return isQuantized ? llvm::Error::success() : checkSameElementType("attention", query, x);
}

/// The elements that the last dim of keys or values holds.
static Expected<SymbolicDim> columnsOf(StringRef name, const SymbolicTensor &x) {
  SymbolicDim size = x.dim(x.rank() - 1);
  if (!isQuantizedRows(x))
    return size;
  std::optional<int64_t> bytes = size.constant();
  std::optional<int64_t> columns = bytes ? attn::quantizedRowColumns(*bytes) : std::nullopt;
  if (!columns)
    return makeError("attention: expected " + name +
                     " of i8 to be rows of quantize_rows, of a known size, got " + x.str());
  return SymbolicDim(*columns);
}

static llvm::Error dimsDiffer(StringRef name, const SymbolicTensor &x, StringRef what,
                              const SymbolicDim &expected, const SymbolicDim &got) {
  return makeError("attention: " + name + " " + x.str() + ": expected " + what + " " +
                   expected.str() + ", got " + got.str());
}

Expected<GraphBuilder::AttentionDims> GraphBuilder::attentionDims(const SymbolicTensor &query,
                                                                  const SymbolicTensor &key,
                                                                  const SymbolicTensor &value) {
  for (auto [name, x] : {std::pair("the query", &query), {"the key", &key}, {"the value", &value}})
    if (llvm::Error error = checkAttentionOperand(name, *x, query))
      return error;
  AttentionDims dims;
  int64_t rank = query.rank();
  dims.hasHeads = rank >= 4;
  int64_t batchRank = rank - (dims.hasHeads ? 3 : 2);
  dims.batch.assign(query.shape.begin(), query.shape.begin() + batchRank);
  dims.queries = query.dim(rank - 2);
  dims.headDim = query.dim(rank - 1);
  dims.keys = key.dim(rank - 2);
  dims.keyRow = key.dim(rank - 1);
  dims.valueRow = value.dim(rank - 1);
  if (isQuantizedRows(key) != isQuantizedRows(value))
    return checkSameElementType("attention", key, value);
  Expected<SymbolicDim> keyDim = columnsOf("the key", key);
  Expected<SymbolicDim> valueDim = keyDim ? columnsOf("the value", value) : keyDim.takeError();
  if (!valueDim)
    return valueDim.takeError();
  dims.valueDim = *valueDim;
  if (dims.hasHeads) {
    dims.heads = query.dim(rank - 3);
    dims.keyHeads = key.dim(rank - 3);
  }
  for (int64_t dim = 0; dim < batchRank; ++dim)
    for (auto [name, x] : {std::pair("the key", &key), {"the value", &value}})
      if (!(x->dim(dim) == dims.batch[dim]))
        return dimsDiffer(name, *x, "batch dim", dims.batch[dim], x->dim(dim));
  if (!(*keyDim == dims.headDim))
    return dimsDiffer("the key", key, "head dim", dims.headDim, *keyDim);
  if (!(value.dim(rank - 2) == dims.keys))
    return dimsDiffer("the value", value, "keys", dims.keys, value.dim(rank - 2));
  if (dims.hasHeads && !(value.dim(rank - 3) == dims.keyHeads))
    return dimsDiffer("the value", value, "heads", dims.keyHeads, value.dim(rank - 3));
  if (!dims.heads.exactQuotient(dims.keyHeads))
    return makeError("attention: expected the " + dims.heads.str() +
                     " query heads to be a multiple of the key heads, got " + dims.keyHeads.str());
  Expected<SymbolicDim> batchSize = numElements(dims.batch);
  if (!batchSize)
    return batchSize.takeError();
  dims.batchSize = *batchSize;
  return dims;
}
