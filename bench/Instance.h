// A problem made ready: its graph read, inputs and weights drawn, room for its results. All that
// solve it work on the same inputs, into the same results, and are checked in the same way.
#ifndef FOVEA_BENCH_INSTANCE_H
#define FOVEA_BENCH_INSTANCE_H

#include "bench/Problem.h"
#include "frontend/WeightSource.h"
#include "runtime/Signature.h"
#include "runtime/tensor/Tensor.h"

namespace fovea::bench {

class Instance {
public:
  static llvm::Expected<std::unique_ptr<Instance>> create(const Problem &problem);

  const Problem &problem;
  Graph graph;
  std::vector<std::pair<std::string, Tensor>> inputs, outputs;
  std::shared_ptr<const WeightSource> weights; // null if the graph has none
  /// What results are checked with: the same, or what quantised weights stand for.
  std::shared_ptr<const WeightSource> checkedWeights;

  const Tensor &input(llvm::StringRef name) const;
  Tensor &output(llvm::StringRef name);

  /// Makes all results NaN, so that none of an earlier run can pass for that of the next.
  void clearOutputs();

  /// Compares samples of the results with the float64 reference executor.
  llvm::Error check() const;

private:
  Instance(const Problem &problem, Graph graph) : problem(problem), graph(std::move(graph)) {}
  /// Replaces an input by what another entry makes of a random tensor.
  llvm::Error makeInput(llvm::StringRef name, const std::string &entry, int64_t seed);
  llvm::Error checkSample(const Sample &sample) const;
};

} // namespace fovea::bench

#endif // FOVEA_BENCH_INSTANCE_H
