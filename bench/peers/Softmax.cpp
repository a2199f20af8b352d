#include "bench/peers/Softmax.h"
#include <algorithm>
#include <cmath>

void fovea::bench::softmaxInPlace(float *scores, int64_t visible, int64_t count, float scale) {
  float maximum = scores[0];
  for (int64_t i = 1; i < visible; ++i)
    maximum = std::max(maximum, scores[i]);
  float sum = 0;
  for (int64_t i = 0; i < visible; ++i) {
    scores[i] = std::exp(scale * (scores[i] - maximum));
    sum += scores[i];
  }
  float factor = 1 / sum;
  for (int64_t i = 0; i < visible; ++i)
    scores[i] *= factor;
  std::fill(scores + visible, scores + count, 0.0f);
}
