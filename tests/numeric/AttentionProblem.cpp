#include "tests/numeric/AttentionProblem.h"
#include "dialect/RegisterAll.h"
#include "mlir/Parser/Parser.h"
#include "runtime/Reference.h"
#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace fovea;
using namespace fovea::testing;

DimVector AttentionProblem::inMemory(llvm::ArrayRef<int64_t> canonical) const {
  DimVector sizes(canonical.size());
  for (auto [dim, size] : llvm::zip(order, canonical))
    sizes[dim] = size;
  return sizes;
}

Inputs fovea::testing::makeInputs(const AttentionProblem &problem, const AttentionSizes &n) {
  std::mt19937 engine(7);
  std::uniform_real_distribution<double> uniform(-2, 2);
  Inputs inputs;
  auto add = [&](std::string name, DataType type, llvm::ArrayRef<int64_t> sizes) {
    int64_t count = 1;
    for (int64_t size : sizes)
      count *= size;
    std::vector<double> values(count);
    for (double &value : values)
      value = uniform(engine);
    inputs.emplace(name, llvm::cantFail(Tensor::fromDoubles(type, sizes, values)));
  };
  DataType type = *parseDataType(problem.type);
  add("q", type, problem.inMemory({n.batches, n.heads, n.queries, problem.headDim}));
  add("k", type, problem.inMemory({n.batches, n.keyHeads, n.keys, problem.headDim}));
  add("v", type, problem.inMemory({n.batches, n.keyHeads, n.keys, problem.valueDim}));
  add("bias", DataType::F32, {n.queries, n.keys});
  inputs.emplace("seed", llvm::cantFail(Tensor::fromDoubles(DataType::I64, {}, {1234567.0})));
  return inputs;
}

Inputs fovea::testing::copyOf(const Inputs &inputs) {
  Inputs copy;
  for (const auto &[name, tensor] : inputs)
    copy.emplace(name, llvm::cantFail(tensor.clone()));
  return copy;
}

CompiledAttention::CompiledAttention(const AttentionProblem &problem, unsigned threads,
                                     std::string target)
    : problem(problem), context(makeContext()) {
  std::string text = problem.str();
  module = mlir::parseSourceString<mlir::ModuleOp>(text, context.get(), "problem.mlir");
  EXPECT_TRUE(module) << text;
  if (!module)
    return;
  CompileOptions options;
  options.threads = threads;
  options.target = target;
  llvm::Expected<Executable> compiled = compile(*module, options);
  if (!compiled) {
    ADD_FAILURE() << llvm::toString(compiled.takeError()) << text;
    return;
  }
  executable.emplace(std::move(*compiled));
}

std::vector<Tensor> CompiledAttention::run(const Inputs &inputs) const {
  if (!executable)
    return {};
  std::vector<NamedView> views;
  for (auto &[name, tensor] : inputs)
    views.emplace_back(name, tensor.view());
  auto outputs = executable->run(views);
  if (!outputs) {
    ADD_FAILURE() << llvm::toString(outputs.takeError());
    return {};
  }
  std::vector<Tensor> results;
  for (const char *name : {"o", "w", "lse", "columns", "buckets"})
    if (auto it = outputs->find(name); it != outputs->end())
      results.push_back(std::move(it->second));
  return results;
}

std::vector<Tensor> CompiledAttention::runReference(const Inputs &inputs) const {
  std::vector<TensorView> views;
  for (const char *name : {"q", "k", "v", "bias", "seed"})
    views.push_back(inputs.at(name));
  auto results = fovea::runReference(*module, "main", views);
  if (!results) {
    ADD_FAILURE() << llvm::toString(results.takeError());
    return {};
  }
  return std::move(*results);
}

static void expectClose(const Tensor &actual, const Tensor &expected, double tolerance) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  std::vector<double> a = toDoubles(actual), e = toDoubles(expected);
  double largest = 0;
  for (double value : e)
    if (std::isfinite(value))
      largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < e.size(); ++i) {
    if (std::isnan(e[i]) && std::isnan(a[i]))
      continue;
    if (std::isinf(e[i]) && a[i] == e[i])
      continue;
    ASSERT_LE(std::abs(a[i] - e[i]), tolerance * largest)
        << "element " << i << " of " << actual.describe() << ": " << a[i] << " and not " << e[i];
  }
}

void CompiledAttention::expectClose(const Inputs &inputs, double tolerance) const {
  ASSERT_TRUE(executable);
  std::vector<Tensor> actual = run(inputs), expected = runReference(inputs);
  ASSERT_EQ(actual.size(), expected.size());
  for (auto [a, e] : llvm::zip(actual, expected))
    ::expectClose(a, e, tolerance);
}

void fovea::testing::expectSameBits(const Tensor &actual, const Tensor &expected) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  EXPECT_EQ(std::memcmp(actual.data(), expected.data(), expected.numBytes()), 0);
}
