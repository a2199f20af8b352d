#include "passes/VectorTranspose.h"

using namespace mlir;
using namespace fovea;

/// Swaps the off-diagonal blocks of size `distance` between two rows that are `distance` apart.
static std::pair<Value, Value> exchangeBlocks(EmitBuilder &b, Value upper, Value lower,
                                              int64_t distance, int64_t lanes) {
  SmallVector<int64_t> first, second;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    bool right = lane & distance;
    first.push_back(right ? lanes + lane - distance : lane);
    second.push_back(right ? lanes + lane : lane + distance);
  }
  return {vector::ShuffleOp::create(b, upper, lower, first),
          vector::ShuffleOp::create(b, upper, lower, second)};
}

SmallVector<Value> fovea::transposeSquare(EmitBuilder &b, ValueRange rows) {
  SmallVector<Value> result(rows);
  int64_t lanes = result.size();
  for (int64_t distance = lanes / 2; distance > 0; distance /= 2)
    for (int64_t row = 0; row < lanes; ++row)
      if (!(row & distance))
        std::tie(result[row], result[row + distance]) =
            exchangeBlocks(b, result[row], result[row + distance], distance, lanes);
  return result;
}
