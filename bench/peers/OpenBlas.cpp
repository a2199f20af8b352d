// OpenBLAS: sgemm, and attention as one writes it with a BLAS. Each thread takes a key head, whose
// query heads are the rows of one matrix, and sgemm runs on one thread: for several heads that is
// faster than sgemm on all threads.
#include "bench/peers/Peers.h"
#include "bench/peers/Softmax.h"
#include "runtime/ThreadPool.h"
#include <cblas.h>
#include <cmath>

using namespace fovea;
using namespace fovea::bench;

static void multiply(const Product &p) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, p.transposed ? CblasTrans : CblasNoTrans, p.rows,
              p.columns, p.inner, 1, p.a, p.inner, p.b, p.transposed ? p.inner : p.columns, 0, p.y,
              p.columns);
}

namespace {
/// Attention of one batch, head by head.
class Attention {
public:
  Attention(Instance &instance, unsigned threads);
  void run() { pool.parallelFor(keyHeads, runHeads, this); }

private:
  static void runHeads(void *self, int64_t begin, int64_t end, int64_t worker);
  void runHead(int64_t head, float *scores) const;

  const float *query, *key, *value;
  float *output;
  int64_t queries, keys, dim, keyHeads;
  int64_t rows; // of all query heads of one key head
  bool causal;
  ThreadPool pool;
  std::vector<std::vector<float>> scores; // of each worker
};
} // namespace

Attention::Attention(Instance &instance, unsigned threads)
    : query(instance.input("q").dataAs<float>()), key(instance.input("k").dataAs<float>()),
      value(instance.input("v").dataAs<float>()), output(instance.output("y").dataAs<float>()),
      causal(instance.problem.entry != "full"), pool(threads) {
  const Tensor &q = instance.input("q"), &k = instance.input("k");
  queries = q.size(2);
  dim = q.size(3);
  keyHeads = k.size(1);
  keys = k.size(2);
  rows = q.size(1) / keyHeads * queries;
  scores.assign(pool.size(), std::vector<float>(rows * keys));
}

void Attention::runHeads(void *self, int64_t begin, int64_t end, int64_t worker) {
  auto *attention = static_cast<Attention *>(self);
  for (int64_t head = begin; head < end; ++head)
    attention->runHead(head, attention->scores[worker].data());
}

void Attention::runHead(int64_t head, float *scores) const {
  const float *q = query + head * rows * dim;
  const float *k = key + head * keys * dim, *v = value + head * keys * dim;
  multiply({rows, dim, keys, q, k, true, scores});
  float scale = 1 / std::sqrt(static_cast<float>(dim));
  for (int64_t row = 0; row < rows; ++row) {
    // The last query sits at the last key.
    int64_t visible = causal ? keys - queries + row % queries + 1 : keys;
    softmaxInPlace(scores + row * keys, visible, keys, scale);
  }
  multiply({rows, keys, dim, scores, v, false, output + head * rows * dim});
}

static bool isAttention(const Problem &problem) {
  llvm::StringRef name = problem.name;
  return problem.graph == "attention.fov" && !name.ends_with("f16") &&
         (problem.entry == "full" || problem.entry == "causal" || problem.entry == "decode");
}

static llvm::Expected<Run> prepare(Instance &instance, unsigned threads) {
  if (isProduct(instance.problem)) {
    Product product = productOf(instance);
    return Run([=] {
      openblas_set_num_threads(threads);
      multiply(product);
      return llvm::Error::success();
    });
  }
  auto attention = std::make_shared<Attention>(instance, threads);
  return Run([=] {
    openblas_set_num_threads(1);
    attention->run();
    return llvm::Error::success();
  });
}

Solver bench::openBlasSolver() {
  auto solves = [](const Problem &problem) { return isProduct(problem) || isAttention(problem); };
  return {"openblas", solves, prepare};
}
