// Fovea through its public interface: compiled once, run into memory that is there.
#include "bench/Solver.h"
#include "runtime/Compile.h"
#include "runtime/QuantizedWeights.h"

using namespace fovea;
using namespace fovea::bench;

static llvm::Expected<Run> prepare(Instance &instance, unsigned threads, const std::string &cpu) {
  CompileOptions options;
  options.cpu = cpu;
  options.threads = threads;
  options.weights = instance.weights;
  options.quantize = instance.problem.quantize;
  llvm::Expected<Executable> compiled = compile(instance.graph, options);
  if (!compiled)
    return compiled.takeError();
  std::vector<NamedView> inputs(instance.inputs.begin(), instance.inputs.end());
  std::vector<NamedMutableView> outputs;
  for (auto &[name, tensor] : instance.outputs)
    outputs.emplace_back(name, tensor.mutableView());
  if (!options.quantize.empty())
    if (llvm::Error error = withQuantizedWeights(instance.weights, compiled->weights())
                                .moveInto(instance.checkedWeights))
      return std::move(error);
  auto executable = std::make_shared<Executable>(std::move(*compiled));
  return Run([=] { return executable->runInto(inputs, outputs); });
}

Solver bench::foveaSolver(const std::string &cpu) {
  return {"fovea", [](const Problem &) { return true; },
          [=](Instance &instance, unsigned threads) { return prepare(instance, threads, cpu); }};
}
