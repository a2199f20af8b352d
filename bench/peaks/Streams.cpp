// Loops that do one thing only: multiply-adds in registers, and reads.
#include "bench/peaks/Streams.h"
#include <atomic>
#include <benchmark/benchmark.h>

using namespace fovea::bench;

#if defined(__AVX512F__)
static constexpr int vectorBytes = 64;
#elif defined(__AVX__)
static constexpr int vectorBytes = 32;
#else
static constexpr int vectorBytes = 16;
#endif

template <int bytes>
using VectorOf = float __attribute__((vector_size(bytes)));
using Vector = VectorOf<vectorBytes>;
static constexpr int lanes = vectorBytes / sizeof(float);

#if defined(__aarch64__) || defined(__AVX512F__)
static constexpr bool hasManyRegisters = true;
#else
static constexpr bool hasManyRegisters = false;
#endif

// Two units of four cycles' latency keep 8 chains busy; cores with 32 registers may have four.
static constexpr int chains = hasManyRegisters ? 24 : 12;

template <int bytes>
static int64_t runChains(int64_t steps) {
  VectorOf<bytes> sums[chains];
  for (int c = 0; c < chains; ++c)
    sums[c] = VectorOf<bytes>{} + static_cast<float>(1 + c);
  // Unknown to the compiler. Each chain converges to 1.
  float contraction = 0.5f;
  benchmark::DoNotOptimize(contraction);
  VectorOf<bytes> factor = VectorOf<bytes>{} + contraction, addend = 1 - factor;
  for (int64_t step = 0; step < steps; ++step)
    for (int c = 0; c < chains; ++c)
      sums[c] = __builtin_elementwise_fma(sums[c], factor, addend);
  for (int c = 1; c < chains; ++c)
    sums[0] += sums[c];
  benchmark::DoNotOptimize(sums[0]);
  return steps * chains * static_cast<int64_t>(bytes / sizeof(float)) * 2;
}

int64_t fovea::bench::runFmaChains(int64_t steps, int64_t vectorBits) {
#if defined(__AVX512F__)
  if (vectorBits == 256)
    return runChains<32>(steps);
#endif
#if defined(__AVX__)
  if (vectorBits == 128)
    return runChains<16>(steps);
#endif
  return runChains<vectorBytes>(steps);
}

float fovea::bench::readFloats(const float *data, int64_t count) {
  // One core fetches ahead in several places at once: with 4 it reads a third more than with 1.
  constexpr int streams = 4, accumulators = 2;
  static_assert(streamGranule % (streams * accumulators * lanes) == 0);
  Vector sums[streams][accumulators] = {};
  int64_t part = count / streams;
  for (int64_t i = 0; i < part; i += accumulators * lanes)
    for (int s = 0; s < streams; ++s)
      for (int a = 0; a < accumulators; ++a)
        sums[s][a] += *reinterpret_cast<const Vector *>(data + s * part + i + a * lanes);
  Vector all = {};
  for (auto &stream : sums)
    for (Vector sum : stream)
      all += sum;
  float sum = 0;
  for (int lane = 0; lane < lanes; ++lane)
    sum += all[lane];
  return sum;
}

void fovea::bench::copyFloats(float *to, const float *from, int64_t count) {
  static_assert(streamGranule % lanes == 0);
  for (int64_t i = 0; i < count; i += lanes)
    __builtin_nontemporal_store(*reinterpret_cast<const Vector *>(from + i),
                                reinterpret_cast<Vector *>(to + i));
  // Such stores are not ordered with others.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
