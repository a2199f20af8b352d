// From keys to scores, a row of scores with its keys along lanes. Where arithmetic is the bound,
// keys are transposed while others are multiplied: shuffles are other units' work.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/attention/EmitDecodeKernel.h"
#include "passes/attention/StoredRows.h"

using namespace mlir;
using namespace fovea;

Value DecodeKernel::isOneQuery() {
  return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, queries, b.index(1));
}

void DecodeKernel::emitScores(const Block &block) {
  if (!multipliesFromRegisters())
    return emitPackedScores(block);
  b.branch(
      isOneQuery(), [&] { emitScoresOfOne(block); }, [&] { emitPackedScores(block); });
}

/// The products of a column of vectors of keys with the packed queries.
DecodeKernel::Vectors DecodeKernel::multiplyColumn(Value column, ValueRange keyVectors,
                                                   int64_t firstVector, Vectors carried) {
  // A copy for those that are together: of one, LLVM would keep all that is broadcast in registers.
  int64_t copy = firstVector / vectorsTogether();
  assert((copy == 0 || copy < queryCopies()) && "no such copy of the queries is packed");
  for (int64_t r = 0; r < rowsPerTile; ++r) {
    Value at[] = {b.index(copy), column, b.index(r)};
    Value splat = b.splat(vectorType, memref::LoadOp::create(b, packedQueries, at));
    for (auto [v, keys] : llvm::enumerate(keyVectors)) {
      Value &sum = carried[(firstVector + v) * rowsPerTile + r];
      sum = multiplyAdd(splat, keys, sum);
    }
  }
  return carried;
}

/// The products of columns that are transposed: what transposeKeys() returned of `column`.
DecodeKernel::Vectors DecodeKernel::multiplyTransposed(ArrayRef<Vectors> transposed,
                                                       ValueRange scales, Value column,
                                                       int64_t firstVector, Vectors carried) {
  int64_t next = 0;
  for (const Vectors &held : transposed)
    forEachColumn(held, scales, [&](ValueRange vectors) {
      carried = multiplyColumn(b.add(column, b.index(next++)), vectors, firstVector, carried);
    });
  return carried;
}

/// Columns [0, whole) of the keys in rows `rows` of `source`, added to `sums`.
DecodeKernel::Vectors DecodeKernel::multiplyColumns(Value source, ValueRange rows, Value whole,
                                                    const Place &ahead, Vectors sums) {
  int64_t vectors = rows.size() / tile.lanes, together = std::min(vectors, vectorsTogether());
  return b.loop(b.index(0), whole, keyColumns(), sums, [&](Value column, ValueRange carried) {
    fetchKeys(ahead, column, rows.size());
    Vectors next(carried);
    for (int64_t v = 0; v < vectors; v += together) {
      ValueRange part = rows.slice(v * tile.lanes, together * tile.lanes);
      Vectors scales = scalesOfWords(source, part, column);
      next = multiplyTransposed(transposeKeys(source, part, column), scales, column, v, next);
    }
    return next;
  });
}

/// The same where keys are transposed ahead: a loop carries the sums and what is multiplied next.
/// Past the last columns these are transposed again, in the time of multiplications.
DecodeKernel::Vectors DecodeKernel::multiplyColumnsAhead(Value source, ValueRange rows, Value whole,
                                                         const Place &ahead, Vectors sums) {
  int64_t vectors = rows.size() / tile.lanes, count = sums.size();
  Value last = b.sub(whole, b.index(keyColumns()));
  Vectors inits = sums;
  for (const Vectors &held : transposeKeys(source, rows, b.index(0)))
    llvm::append_range(inits, held);
  Vectors ended = b.loop(b.index(0), whole, keyColumns(), inits, [&](Value column, ValueRange in) {
    SmallVector<Vectors> held, following;
    for (int64_t r = 0; r < keyRegisters(); ++r)
      held.push_back(llvm::to_vector(in.slice(count + r * vectors, vectors)));
    int64_t first = registersMultipliedFirst(vectors);
    Vectors scales = scalesOfWords(source, rows, column);
    Vectors next = multiplyTransposed(ArrayRef(held).take_front(first), scales, column, 0,
                                      llvm::to_vector(in.take_front(count)));
    Value rest = b.add(column, b.index(first * columnsPerWord()));
    Value then = b.min(b.add(column, b.index(keyColumns())), last);
    b.interleave(
        [&] { next = multiplyTransposed(ArrayRef(held).drop_front(first), scales, rest, 0, next); },
        [&] {
          fetchKeys(ahead, column, rows.size());
          following = transposeKeys(source, rows, then);
        });
    for (const Vectors &transposed : following)
      llvm::append_range(next, transposed);
    return next;
  });
  ended.resize(count);
  return ended;
}

/// The same where columns go through memory.
DecodeKernel::Vectors DecodeKernel::multiplyColumnsStaged(Value source, ValueRange rows,
                                                          Value whole, const Place &ahead,
                                                          Vectors sums) {
  Value last = b.sub(whole, b.index(keyColumns()));
  stageKeys(source, rows, b.index(0), b.index(0));
  return b.loop(b.index(0), whole, keyColumns(), sums, [&](Value column, ValueRange carried) {
    Value number = b.divide(column, keyColumns());
    Value slot = b.createOrFold<arith::RemUIOp>(number, b.index(2));
    Value then = b.min(b.add(column, b.index(keyColumns())), last);
    Vectors next(carried);
    auto multiply = [&] {
      for (int64_t c = 0; c < keyColumns(); ++c) {
        Vectors staged;
        for (int64_t v = 0; v < keyVectors(); ++v)
          staged.push_back(loadVector(stagedKeys, {slot, b.index(c), b.index(v * tile.lanes)}));
        next = multiplyColumn(b.add(column, b.index(c)), staged, 0, next);
      }
    };
    b.interleave(multiply, [&] {
      fetchKeys(ahead, column, rows.size());
      stageKeys(source, rows, then, b.sub(b.index(1), slot));
    });
    return next;
  });
}

/// scores[rows][key...] of the keys in rows `rows` of `source`.
void DecodeKernel::multiplyKeys(Value key, Value source, ValueRange rows, const Place &ahead) {
  int64_t vectors = rows.size() / tile.lanes;
  Vectors zeros(vectors * rowsPerTile, b.constant(vectorType, 0.0));
  Value columns = emitRowElements(b, source, 1);
  bool dense = cast<MemRefType>(source.getType()).isLastDimUnitStride();
  Value whole = dense ? b.roundDown(columns, keyColumns()) : b.index(0);
  bool isKnown = getConstantIntValue(whole).value_or(0) > 0;
  Vectors sum = isKnown && stagesKeys() && vectors == keyVectors()
                    ? multiplyColumnsStaged(source, rows, whole, ahead, zeros)
                : isKnown && transposesAhead(vectors)
                    ? multiplyColumnsAhead(source, rows, whole, ahead, zeros)
                    : multiplyColumns(source, rows, whole, ahead, zeros);
  sum = b.loop(whole, columns, 1, sum, [&](Value column, ValueRange carried) {
    return multiplyColumn(column, gatherColumn(source, rows, column), 0, Vectors(carried));
  });
  for (int64_t v = 0; v < vectors; ++v)
    for (int64_t r = 0; r < rowsPerTile; ++r) {
      Value at[] = {b.index(r), b.add(key, b.index(v * tile.lanes))};
      vector::StoreOp::create(b, sum[v * rowsPerTile + r], scores, at);
    }
}

void DecodeKernel::emitScoresOfOne(const Block &block) {
  Value last = b.sub(keys, b.index(1));
  int64_t keysAtOnce = keyVectors() * tile.lanes;
  b.loop(b.index(0), block.count, keysAtOnce, [&](Value key) {
    Value first = b.add(block.begin, key), end = b.add(first, b.index(keysAtOnce));
    auto multiplyFollowing = [&] {
      // Rows of a view are constants, so that all need one pointer: registers hold but a few.
      OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
      OpFoldResult offsets[] = {first, zero}, strides[] = {one, one};
      OpFoldResult sizes[] = {b.getIndexAttr(keysAtOnce),
                              memref::getMixedSize(b, b.getLoc(), keyView, 1)};
      Value view = memref::SubViewOp::create(b, keyView, offsets, sizes, strides);
      auto rows = llvm::map_to_vector(llvm::seq(keysAtOnce), [&](int64_t t) { return b.index(t); });
      multiplyKeys(key, view, rows, afterKeys(first));
    };
    // At the end of the keys one vector at a time: each row has a pointer of its own.
    auto multiplyLast = [&] {
      b.loop(b.index(0), b.index(keysAtOnce), tile.lanes, [&](Value offset) {
        Value begin = b.min(b.add(first, offset), last);
        multiplyKeys(b.add(key, offset), keyView, packer.rowsUpTo(begin, last, tile.lanes),
                     afterKeys(begin));
      });
    };
    b.branch(b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, end, keys), multiplyFollowing,
             multiplyLast);
  });
}

void DecodeKernel::emitPackedScores(const Block &block) {
  Value last = b.sub(keys, b.index(1));
  b.loop(b.index(0), block.count, vectorsPerTile * tile.lanes, [&](Value key) {
    b.loop(b.index(0), b.index(vectorsPerTile), 1, [&](Value v) {
      Value first = b.add(b.add(block.begin, key), b.mul(v, b.index(tile.lanes)));
      packer.packPanel(keyView, b.min(first, last), last, tile.lanes, Value(), packedKeys, v);
    });
    forEachRowTile([&](const RowTile &rowTile) { multiplyTile(key, rowTile.number); });
  });
}

/// scores[rows of the tile][keys of the tile], in registers over the head dim.
void DecodeKernel::multiplyTile(Value key, Value number) {
  Value place = b.divide(number, rowsPerTile);
  Vectors zeros(rowsPerTile * vectorsPerTile, b.constant(vectorType, 0.0));
  Vectors sum = b.loop(b.index(0), headDim, 1, zeros, [&](Value d, ValueRange carried) {
    Vectors keyVectors, next;
    for (int64_t v = 0; v < vectorsPerTile; ++v)
      keyVectors.push_back(loadVector(packedKeys, {b.index(v), d, b.index(0)}));
    for (int64_t r = 0; r < rowsPerTile; ++r) {
      Value element = memref::LoadOp::create(b, packedQueries, ValueRange{place, d, b.index(r)});
      Value splat = b.splat(vectorType, element);
      for (Value vector : keyVectors)
        next.push_back(multiplyAdd(splat, vector, carried[next.size()]));
    }
    return next;
  });
  for (int64_t r = 0; r < rowsPerTile; ++r)
    for (int64_t v = 0; v < vectorsPerTile; ++v) {
      Value at[] = {b.add(number, b.index(r)), b.add(key, b.index(v * tile.lanes))};
      vector::StoreOp::create(b, sum[r * vectorsPerTile + v], scores, at);
    }
}
