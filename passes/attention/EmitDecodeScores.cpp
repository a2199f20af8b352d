// From scores to probabilities, a row of scores with its keys along lanes.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/attention/EmitDecodeKernel.h"
#include "passes/attention/SoftmaxMath.h"
#include "passes/vector/Exp2Polynomial.h"
#include "passes/vector/LaneLoads.h"
#include "passes/vector/RegionVectorizer.h"

using namespace mlir;
using namespace fovea;

/// Score function and mask of a vector of keys. Past the block's last key, positions that memory is
/// read by are those of the last, and scores are hidden.
void DecodeKernel::rescore(const Row &row, const Block &block, Value key, bool masked,
                           bool pastEnd) {
  auto indices = VectorType::get({tile.lanes}, b.getIndexType());
  Value at[] = {row.number, key};
  Value score = loadVector(scores, at), allowed;
  Value positions =
      arith::AddIOp::create(b, emitSteps(b, indices), b.splat(indices, b.add(block.begin, key)));
  if (pastEnd) {
    Value pastLast = b.add(block.begin, block.count);
    Value end = b.splat(indices, pastLast), last = b.splat(indices, b.sub(pastLast, b.index(1)));
    allowed = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, positions, end);
    positions = arith::MinSIOp::create(b, positions, last);
  }
  if (op.hasScore()) {
    score = cloneOnLanes(b, op.getScore(), {score, batch, row.head, row.position, positions},
                         tile.lanes);
    score = emitExponent(b, op, score);
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

/// Applies score function and mask, and hides what lies past the last key.
void DecodeKernel::hideKeys(const Row &row, const Block &block) {
  Value inside = b.roundDown(block.count, tile.lanes);
  auto rescoreAll = [&](bool masked) {
    auto forKeys = [&](Value lo, Value hi, bool pastEnd) {
      b.loop(lo, hi, tile.lanes, [&](Value key) { rescore(row, block, key, masked, pastEnd); });
    };
    if (masked || op.hasScore())
      forKeys(b.index(0), inside, /*pastEnd=*/false);
    forKeys(inside, b.index(tile.keysPerBlock), /*pastEnd=*/true);
  };
  if (!mask)
    return rescoreAll(/*masked=*/false);
  b.branch(
      block.isFull, [&] { rescoreAll(/*masked=*/false); }, [&] { rescoreAll(/*masked=*/true); });
}

void DecodeKernel::emitProbabilities(const Row &row, const Block &block) {
  Value before = memref::LoadOp::create(b, state.maxima, row.number);
  Vectors none = {b.constant(vectorType, -softmax::infinity)};
  auto forEachVector = [&](Vectors inits, EmitBuilder::LoopBody body) {
    return b.loop(b.index(0), b.index(tile.keysPerBlock), tile.lanes, inits, body);
  };
  Value lanes = forEachVector(none, [&](Value key, ValueRange carried) {
    return Vectors{emitLarger(b, carried[0], loadVector(scores, {row.number, key}))};
  })[0];
  lanes = b.reduceLanes(lanes, [&](Value x, Value y) { return emitLarger(b, x, y); });
  Value after = emitLarger(b, before, vector::ExtractOp::create(b, lanes, 0));
  Value finite = emitFiniteMaximum(b, after);
  rescale(row, before, after, finite);
  Value splat = b.splat(vectorType, finite);
  forEachVector({}, [&](Value key, ValueRange) {
    fetchFirstValues(row, block, key);
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
      eachRow([&](int64_t r) -> Value { return memref::LoadOp::create(b, state.sums, rowOf(r)); });
  Vectors after = b.loop(b.index(0), block.count, 1, before, [&](Value key, ValueRange carried) {
    return eachRow([&](int64_t r) -> Value {
      Value p = memref::LoadOp::create(b, scores, ValueRange{rowOf(r), key});
      return arith::AddFOp::create(b, carried[r], p);
    });
  });
  for (int64_t r = 0; r < rowsPerTile; ++r)
    memref::StoreOp::create(b, after[r], state.sums, rowOf(r));
}

/// Brings the row's sum and output to a new maximum, if it has grown.
void DecodeKernel::rescale(const Row &row, Value before, Value after, Value finite) {
  Value grew = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, after, before);
  auto branch = scf::IfOp::create(b, grew);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  memref::StoreOp::create(b, after, state.maxima, row.number);
  Value factor = states->exponential(before, finite);
  Value sum = memref::LoadOp::create(b, state.sums, row.number);
  Value scaled = arith::MulFOp::create(b, sum, factor);
  memref::StoreOp::create(b, scaled, state.sums, row.number);
  Value factors = b.splat(vectorType, factor);
  b.loop(b.index(0), valueDim, tile.lanes, [&](Value column) {
    Value at[] = {row.number, column};
    Value output = emitRescaled(b, op, loadVector(state.outputs, at), factors);
    vector::StoreOp::create(b, output, state.outputs, at);
  });
}
