// From keys to probabilities, a row of scores with its keys along lanes.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/attention/EmitDecodeKernel.h"
#include "passes/attention/SoftmaxConstants.h"
#include "passes/vector/Exp2Polynomial.h"
#include "passes/vector/RegionVectorizer.h"

using namespace mlir;
using namespace fovea;

/// A single tile of rows needs each transposed square once, and takes it from registers; more tiles
/// share packed keys.
void DecodeKernel::emitScores(const Block &block) {
  if (rowsPerTile != group || !keepsSquares())
    return emitPackedScores(block);
  Value isOne = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, queries, b.index(1));
  b.branch(
      isOne, [&] { emitScoresOfOne(block); }, [&] { emitPackedScores(block); });
}

/// Whether the registers hold a square of keys, the accumulators of its products and a broadcast
/// element; with fewer accumulators than four, each would wait for itself.
bool DecodeKernel::keepsSquares() {
  return rowsPerTile >= 4 && tile.lanes + rowsPerTile + 1 <= tile.registers;
}

void DecodeKernel::emitScoresOfOne(const Block &block) {
  Value last = b.sub(keys, b.index(1));
  Vectors zeros(rowsPerTile, b.constant(vectorType, 0.0));
  auto multiply = [&](Value d, Value keyVector, ValueRange carried) {
    return llvm::map_to_vector(llvm::seq<int64_t>(rowsPerTile), [&](int64_t r) -> Value {
      Value at[] = {b.index(0), d, b.index(r)};
      Value element = memref::LoadOp::create(b, packedQueries, at);
      return multiplyAdd(b.splat(vectorType, element), keyVector, carried[r]);
    });
  };
  auto emitTile = [&](Value key, ValueRange rows) {
    Vectors sum = packer.forEachTransposed(
        keyView, rows, zeros, [&](Value d, Value keyVector, ValueRange carried) -> Vectors {
          return Vectors(multiply(d, keyVector, carried));
        });
    for (int64_t r = 0; r < rowsPerTile; ++r)
      vector::StoreOp::create(b, sum[r], scores, ValueRange{b.index(r), key});
  };
  b.loop(b.index(0), block.count, tile.lanes, [&](Value key) {
    // Rows that follow each other need one pointer, of which there are as few as registers.
    Value first = b.add(block.begin, key), end = b.add(first, b.index(tile.lanes));
    SmallVector<Value> following = llvm::map_to_vector(
        llvm::seq(tile.lanes), [&](int64_t t) { return b.add(first, b.index(t)); });
    b.branch(
        b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, end, keys),
        [&] { emitTile(key, following); },
        [&] { emitTile(key, packer.rowsUpTo(first, last, tile.lanes)); });
  });
}

void DecodeKernel::emitPackedScores(const Block &block) {
  Value last = b.sub(keys, b.index(1));
  b.loop(b.index(0), block.count, vectorsPerTile * tile.lanes, [&](Value key) {
    b.loop(b.index(0), b.index(vectorsPerTile), 1, [&](Value v) {
      Value first = b.add(b.add(block.begin, key), b.mul(v, b.index(tile.lanes)));
      SmallVector<Value> rows = packer.rowsUpTo(b.min(first, last), last, tile.lanes);
      packer.packTransposed(keyView, rows, Value(), packedKeys, v, b.index(0));
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

/// Score function and mask of a vector of keys. Past the last key, positions that memory is read
/// by are those of the last, and scores are hidden.
void DecodeKernel::rescore(const Row &row, const Block &block, Value key, bool masked,
                           bool pastEnd) {
  auto indices = VectorType::get({tile.lanes}, b.getIndexType());
  Value at[] = {row.number, key};
  Value score = loadVector(scores, at), allowed;
  Value positions = arith::AddIOp::create(b, vector::StepOp::create(b, indices).getResult(),
                                          b.splat(indices, b.add(block.begin, key)));
  if (pastEnd) {
    Value end = b.splat(indices, keys), last = b.splat(indices, b.sub(keys, b.index(1)));
    allowed = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, positions, end);
    positions = arith::MinSIOp::create(b, positions, last);
  }
  if (op.hasScore()) {
    score = cloneOnLanes(b, op.getScore(), {score, batch, row.head, row.position, positions},
                         tile.lanes);
    score = arith::MulFOp::create(b, score, b.constant(vectorType, softmax::log2e));
  }
  if (masked) {
    Value seen =
        cloneOnLanes(b, op.getMask(), {batch, row.head, row.position, positions}, tile.lanes);
    if (op.getFill())
      score = arith::SelectOp::create(b, seen, score, b.constant(vectorType, maskedExponent(op)));
    else
      allowed = allowed ? arith::AndIOp::create(b, allowed, seen).getResult() : seen;
  }
  if (allowed)
    score = arith::SelectOp::create(b, allowed, score, b.constant(vectorType, -softmax::infinity));
  vector::StoreOp::create(b, score, scores, at);
}

/// Applies score function and mask, and hides what lies past the last key. Leaves a full block
/// alone if there is no score function.
void DecodeKernel::hideKeys(const Row &row, const Block &block) {
  Value whole = b.index(tile.keysPerBlock);
  auto forKeys = [&](Value lo, Value hi, bool masked, bool pastEnd) {
    b.loop(lo, hi, tile.lanes, [&](Value key) { rescore(row, block, key, masked, pastEnd); });
  };
  b.branch(
      block.isFull,
      [&] {
        if (op.hasScore())
          forKeys(b.index(0), whole, /*masked=*/false, /*pastEnd=*/false);
      },
      [&] {
        Value inside = b.roundDown(block.count, tile.lanes);
        if (mask || op.hasScore())
          forKeys(b.index(0), inside, mask.has_value(), /*pastEnd=*/false);
        forKeys(inside, whole, mask.has_value(), /*pastEnd=*/true);
      });
}

Value DecodeKernel::larger(Value known, Value candidate) {
  Value wins = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, candidate, known);
  return arith::SelectOp::create(b, wins, candidate, known);
}

/// `maximum`, or 0 for a row without keys so far, so that -inf minus it stays -inf.
Value DecodeKernel::finiteMaximum(Value maximum) {
  Value noKeys = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, maximum,
                                       b.constant(scoreType, -softmax::infinity));
  return arith::SelectOp::create(b, noKeys, b.constant(scoreType, 0.0), maximum);
}

void DecodeKernel::emitProbabilities(const Row &row) {
  Value before = memref::LoadOp::create(b, maxima, row.number);
  Vectors none = {b.constant(vectorType, -softmax::infinity)};
  auto forEachVector = [&](Vectors inits, EmitBuilder::LoopBody body) {
    return b.loop(b.index(0), b.index(tile.keysPerBlock), tile.lanes, inits, body);
  };
  Value lanes = forEachVector(none, [&](Value key, ValueRange carried) {
    return Vectors{larger(carried[0], loadVector(scores, {row.number, key}))};
  })[0];
  lanes = b.reduceLanes(lanes, [&](Value x, Value y) { return larger(x, y); });
  Value after = larger(before, vector::ExtractOp::create(b, lanes, 0));
  Value finite = finiteMaximum(after);
  rescale(row, before, after, finite);
  Value splat = b.splat(vectorType, finite);
  forEachVector({}, [&](Value key, ValueRange) {
    Value at[] = {row.number, key};
    Value exponent = arith::SubFOp::create(b, loadVector(scores, at), splat);
    vector::StoreOp::create(b, emitExp2(b, exponent, tile.fusedMultiplyAdd), scores, at);
    return Vectors();
  });
}

/// Adds the probabilities key after key, as other kernels do: the rows of a tile together, as one
/// would wait for each addition.
void DecodeKernel::addToSums(Value number, const Block &block) {
  auto rowOf = [&](int64_t r) { return b.add(number, b.index(r)); };
  auto eachRow = [&](function_ref<Value(int64_t)> make) -> Vectors {
    return llvm::map_to_vector(llvm::seq<int64_t>(rowsPerTile), make);
  };
  Vectors before =
      eachRow([&](int64_t r) -> Value { return memref::LoadOp::create(b, sums, rowOf(r)); });
  Vectors after = b.loop(b.index(0), block.count, 1, before, [&](Value key, ValueRange carried) {
    return eachRow([&](int64_t r) -> Value {
      Value p = memref::LoadOp::create(b, scores, ValueRange{rowOf(r), key});
      return arith::AddFOp::create(b, carried[r], p);
    });
  });
  for (int64_t r = 0; r < rowsPerTile; ++r)
    memref::StoreOp::create(b, after[r], sums, rowOf(r));
}

/// Brings the row's sum and output to a new maximum, if it has grown.
void DecodeKernel::rescale(const Row &row, Value before, Value after, Value finite) {
  Value grew = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, after, before);
  auto branch = scf::IfOp::create(b, grew);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  memref::StoreOp::create(b, after, maxima, row.number);
  Value exponent = arith::SubFOp::create(b, before, finite);
  Value factor = emitExp2(b, exponent, tile.fusedMultiplyAdd);
  Value sum = memref::LoadOp::create(b, sums, row.number);
  memref::StoreOp::create(b, arith::MulFOp::create(b, sum, factor).getResult(), sums, row.number);
  Value forgets =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, factor, b.constant(scoreType, 0.0));
  b.loop(b.index(0), valueDim, tile.lanes, [&](Value column) {
    Value at[] = {row.number, column};
    Value output = loadVector(outputs, at);
    output = arith::MulFOp::create(b, output, b.splat(vectorType, factor));
    if (op.getFill()) // a value that weighed something until a larger score came
      output = arith::SelectOp::create(b, forgets, b.constant(vectorType, 0.0), output);
    vector::StoreOp::create(b, output, outputs, at);
  });
}
