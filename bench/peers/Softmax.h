// The softmax between two matrix products, compiled so that the exponential is a vector function.
#ifndef FOVEA_BENCH_PEERS_SOFTMAX_H
#define FOVEA_BENCH_PEERS_SOFTMAX_H

#include <cstdint>

namespace fovea::bench {

/// Replaces the first `visible` of `count` scores by the softmax of `scale` times them, and the
/// others by 0.
void softmaxInPlace(float *scores, int64_t visible, int64_t count, float scale);

} // namespace fovea::bench

#endif // FOVEA_BENCH_PEERS_SOFTMAX_H
