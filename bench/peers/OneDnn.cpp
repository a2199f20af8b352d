// oneDNN: the matmul primitive, weights reordered beforehand into the layout that it prefers.
#include "bench/peers/Peers.h"
#include "llvm/ADT/Twine.h"
#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.hpp>

using namespace fovea;
using namespace fovea::bench;
using dnnl::memory;

/// Of the OpenMP runtime that the library was built with, whichever that is.
static llvm::Error setThreads(unsigned threads) {
  auto *set = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
  if (!set)
    return llvm::createStringError("oneDNN is not built with OpenMP: cannot set its threads");
  set(static_cast<int>(threads));
  return llvm::Error::success();
}

namespace {
struct Matmul {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::matmul primitive;
  memory a, b, y;

  explicit Matmul(const Product &product);
  void run();
};
} // namespace

static memory::desc describe(int64_t rows, int64_t columns, memory::format_tag layout) {
  return memory::desc({rows, columns}, memory::data_type::f32, layout);
}

Matmul::Matmul(const Product &p) {
  using tag = memory::format_tag;
  memory::desc given = describe(p.inner, p.columns, p.transposed ? tag::ba : tag::ab);
  memory::desc left = describe(p.rows, p.inner, tag::ab);
  memory::desc result = describe(p.rows, p.columns, tag::ab);
  // Only weights are there beforehand.
  memory::desc wanted = p.transposed ? describe(p.inner, p.columns, tag::any) : given;
  dnnl::matmul::desc operation(left, wanted, result);
  dnnl::matmul::primitive_desc chosen(operation, engine);
  primitive = dnnl::matmul(chosen);
  a = memory(left, engine, const_cast<float *>(p.a));
  y = memory(result, engine, p.y);
  b = memory(given, engine, const_cast<float *>(p.b));
  if (chosen.weights_desc() == given)
    return;
  memory reordered(chosen.weights_desc(), engine);
  dnnl::reorder(b, reordered).execute(stream, b, reordered);
  stream.wait();
  b = reordered;
}

void Matmul::run() {
  primitive.execute(stream, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, y}});
  stream.wait();
}

/// Calls `action` on that many threads; oneDNN reports errors as exceptions.
template <typename Action>
static llvm::Error call(unsigned threads, Action action) {
  if (llvm::Error error = setThreads(threads))
    return error;
  try {
    action();
  } catch (const dnnl::error &error) {
    return llvm::createStringError(llvm::Twine("oneDNN: ") + error.what());
  }
  return llvm::Error::success();
}

static llvm::Expected<Run> prepare(Instance &instance, unsigned threads) {
  // The primitive is chosen for the number of threads.
  std::shared_ptr<Matmul> matmul;
  if (llvm::Error error =
          call(threads, [&] { matmul = std::make_shared<Matmul>(productOf(instance)); }))
    return std::move(error);
  return Run([=] { return call(threads, [&] { matmul->run(); }); });
}

Solver bench::oneDnnSolver() { return {"onednn", isProduct, prepare}; }
