#include "bench/Instance.h"
#include "runtime/Compile.h"
#include "runtime/Reference.h"
#include "tools/fovea/RandomTensors.h"
#include "tools/fovea/Verify.h"
#include "llvm/ADT/Twine.h"
#include <cstring>

using namespace fovea;
using namespace fovea::bench;
using llvm::StringRef;

static llvm::Expected<Graph> readGraph(const Problem &problem, const std::string &entry) {
  return Graph::fromFile(FOVEA_SOURCE_DIR "/bench/graphs/" + problem.graph, problem.fixed, "",
                         entry);
}

template <typename Tensors>
static auto &find(Tensors &tensors, StringRef name) {
  return llvm::find_if(tensors, [&](auto &named) { return named.first == name; })->second;
}

llvm::Error Instance::makeInput(StringRef name, const std::string &entry, int64_t seed) {
  auto graph = readGraph(problem, entry);
  if (!graph)
    return graph.takeError();
  auto executable = compile(*graph, {});
  if (!executable)
    return executable.takeError();
  auto signatures = readSignatures(graph->module());
  if (!signatures)
    return signatures.takeError();
  auto random = tool::makeRandomInputs(signatures->front(), problem.sizes, seed);
  if (!random)
    return random.takeError();
  std::vector<NamedView> views(random->begin(), random->end());
  auto made = executable->run(views);
  if (!made)
    return made.takeError();
  find(inputs, name) = std::move(made->begin()->second);
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<Instance>> Instance::create(const Problem &problem) {
  auto graph = readGraph(problem, problem.entry);
  if (!graph)
    return graph.takeError();
  std::unique_ptr<Instance> instance(new Instance(problem, std::move(*graph)));
  mlir::ModuleOp module = instance->graph.module();
  auto signatures = readSignatures(module);
  if (!signatures)
    return signatures.takeError();
  const EntrySignature &signature = signatures->front();
  auto inputs = tool::makeRandomInputs(signature, problem.sizes, /*seed=*/0);
  if (!inputs)
    return inputs.takeError();
  instance->inputs = std::move(*inputs);
  for (int64_t seed = 1; const auto &[name, entry] : problem.made)
    if (llvm::Error error = instance->makeInput(name, entry, seed++))
      return std::move(error);
  if (tool::hasWeights(module)) {
    auto weights = tool::makeRandomWeights(module, /*seed=*/0);
    if (!weights)
      return weights.takeError();
    instance->weights = instance->checkedWeights = std::move(*weights);
  }
  for (const auto &[output, sizes] : llvm::zip_equal(signature.outputs, problem.results)) {
    llvm::Expected<Tensor> tensor = Tensor::createUninitialized(output.type, sizes);
    if (!tensor)
      return tensor.takeError();
    instance->outputs.emplace_back(output.name, std::move(*tensor));
  }
  return instance;
}

const Tensor &Instance::input(StringRef name) const { return find(inputs, name); }
Tensor &Instance::output(StringRef name) { return find(outputs, name); }

void Instance::clearOutputs() {
  for (auto &[name, tensor] : outputs)
    std::memset(tensor.data(), 0xFF, tensor.view().numBytes());
}

//===----------------------------------------------------------------------===//
// Checking
//===----------------------------------------------------------------------===//

static TensorView slice(const TensorView &view, const Range &range) {
  DimVector sizes(view.sizes());
  sizes[range.dim] = range.size;
  const char *data = static_cast<const char *>(view.data()) +
                     range.begin * view.strides()[range.dim] * sizeOf(view.dataType());
  return TensorView(data, view.dataType(), sizes, view.strides());
}

llvm::Error Instance::checkSample(const Sample &sample) const {
  std::vector<TensorView> views;
  for (const auto &[name, tensor] : inputs) {
    auto range = sample.inputs.find(name);
    views.push_back(range == sample.inputs.end() ? tensor.view() : slice(tensor, range->second));
  }
  double scoreRounding = 0;
  auto references =
      runReference(graph.module(), problem.entry, views, checkedWeights.get(), &scoreRounding);
  if (!references)
    return references.takeError();
  for (const auto &[output, reference] : llvm::zip_equal(outputs, *references)) {
    TensorView result = output.second, expected = reference;
    if (sample.result.size) {
      result = slice(result, sample.result);
      expected = slice(expected, {sample.result.dim, sample.referenceBegin, sample.result.size});
    }
    double rounding = tool::roundingBound(graph.module(), !problem.quantize.empty(), scoreRounding);
    auto comparison = tool::compare(result, expected, rounding);
    if (!comparison)
      return comparison.takeError();
    if (!comparison->passes())
      return llvm::createStringError(
          llvm::inconvertibleErrorCode(),
          "wrong result '%s': the largest error is %.3g of the largest magnitude (bound %.0g)",
          output.first.c_str(), comparison->relativeError(), comparison->bound);
  }
  return llvm::Error::success();
}

llvm::Error Instance::check() const {
  static constexpr Range whole{0, 0, 0};
  if (problem.samples.empty())
    return checkSample({{}, whole});
  for (const Sample &sample : problem.samples)
    if (llvm::Error error = checkSample(sample))
      return error;
  return llvm::Error::success();
}
