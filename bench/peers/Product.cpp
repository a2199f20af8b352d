#include "bench/peers/Peers.h"

using namespace fovea;
using namespace fovea::bench;

bool bench::isProduct(const Problem &problem) {
  // Of floats: products with narrower weights have names of their own.
  return problem.graph == "contraction.fov" && problem.quantize.empty() &&
         (problem.entry == "matmul" || problem.entry == "projection");
}

Product bench::productOf(Instance &instance) {
  bool transposed = instance.problem.entry == "projection";
  const Tensor &a = instance.input(transposed ? "x" : "a");
  Tensor &y = instance.output("y");
  const float *b = transposed ? static_cast<const float *>(instance.weights->find("w")->data())
                              : instance.input("b").dataAs<float>();
  return {a.size(0), a.size(1), y.size(1), a.dataAs<float>(), b, transposed, y.dataAs<float>()};
}
