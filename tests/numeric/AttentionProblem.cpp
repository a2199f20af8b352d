#include "tests/numeric/AttentionProblem.h"
#include "dialect/CacheRows.h"
#include "dialect/RegisterAll.h"
#include "mlir/Parser/Parser.h"
#include "runtime/Reference.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace fovea;
using namespace fovea::testing;

static constexpr int64_t dynamic = -1;

DimVector AttentionProblem::inMemory(llvm::ArrayRef<int64_t> canonical) const {
  DimVector sizes(canonical.size());
  for (auto [dim, size] : llvm::zip(order, canonical))
    sizes[dim] = size;
  return sizes;
}

static std::string tensorType(llvm::ArrayRef<int64_t> sizes, llvm::StringRef element) {
  std::string text = "tensor<";
  for (int64_t size : sizes)
    text += (size == dynamic ? "?" : std::to_string(size)) + "x";
  return text + element.str() + ">";
}

/// A parameter whose dynamic dims have these names.
static std::string parameter(llvm::StringRef name, llvm::StringRef type,
                             llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<std::string> dimNames) {
  std::vector<std::string> quoted;
  for (auto [size, dimName] : llvm::zip(sizes, dimNames))
    quoted.push_back("\"" + (size == dynamic ? dimName : "") + "\"");
  std::string dims = llvm::join(quoted, ", ");
  return llvm::formatv("%{0}: {1} {{attn.name = \"{0}\", attn.dims = [{2}]}", name, type, dims);
}

/// `tensor.empty` of a type, its dynamic dims taken from the canonical dims of q, k and v.
static std::string emptyTensor(llvm::StringRef name, llvm::StringRef type,
                               llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<std::string> values) {
  std::vector<std::string> operands;
  for (auto [size, value] : llvm::zip(sizes, values))
    if (size == dynamic)
      operands.push_back(value);
  return llvm::formatv("  %{0} = tensor.empty({1}) : {2}\n", name, llvm::join(operands, ", "),
                       type);
}

/// Makes quantised rows of the operand `name` of type `type`: returns their type.
static std::string addQuantizedRows(std::string &body, llvm::StringRef name, llvm::StringRef type,
                                    DimVector sizes, llvm::ArrayRef<std::string> values) {
  sizes.back() = attn::quantizedRowBytes(sizes.back());
  std::string rows = tensorType(sizes, "i8");
  body += emptyTensor((name + ".init").str(), rows, sizes, values);
  body += llvm::formatv("  %{0}.rows = attn.quantize_rows ins(%{0} : {1}) outs(%{0}.init : {2}) "
                        "-> {2}\n",
                        name, type, rows);
  return rows;
}

std::string AttentionProblem::str() const {
  AttentionSizes n = fixed.value_or(AttentionSizes{dynamic, dynamic, dynamic, dynamic, dynamic});
  DimVector output = inMemory({n.batches, n.heads, n.queries, valueDim});
  DimVector qSizes = inMemory({n.batches, n.heads, n.queries, headDim});
  DimVector kSizes = inMemory({n.batches, n.keyHeads, n.keys, headDim});
  DimVector vSizes = inMemory({n.batches, n.keyHeads, n.keys, valueDim});
  std::string q = tensorType(qSizes, type), k = tensorType(kSizes, type);
  std::string v = tensorType(vSizes, type);
  std::string bias = tensorType({n.queries, n.keys}, "f32");
  std::vector<std::string> names = {"o"}, types = {tensorType(output, type)};
  std::string scoreType = type == "f64" ? "f64" : "f32";

  std::string body = constants;
  for (int dim = 0; dim < 4; ++dim)
    body += llvm::formatv("  %c{0} = arith.constant {0} : index\n", dim);
  auto dimOf = [&](llvm::StringRef name, llvm::StringRef of, llvm::StringRef ofType, int64_t dim) {
    body += llvm::formatv("  %{0} = tensor.dim %{1}, %c{2} : {3}\n", name, of, order[dim], ofType);
  };
  dimOf("batches", "q", q, 0);
  dimOf("heads", "q", q, 1);
  dimOf("queries", "q", q, 2);
  dimOf("keys", "k", k, 2);
  std::vector<std::string> values(4);
  const char *sizeNames[] = {"%batches", "%heads", "%queries", ""};
  for (auto [dim, name] : llvm::zip(order, sizeNames))
    values[dim] = name;
  body += emptyTensor("o.init", types[0], output, values);
  auto addResult = [&](std::string name, llvm::ArrayRef<int64_t> sizes,
                       const char *thirdSize = "%queries") {
    std::string resultType = tensorType(sizes, scoreType);
    body +=
        emptyTensor(name + ".init", resultType, sizes, {"%batches", "%heads", thirdSize, "%keys"});
    names.push_back(name);
    types.push_back(resultType);
  };
  std::string keyName = "k", valueName = "v", kRead = k, vRead = v;
  if (quantizedRows) {
    dimOf("groups", "k", k, 1);
    std::vector<std::string> keyDims(4);
    const char *keySizeNames[] = {"%batches", "%groups", "%keys", ""};
    for (auto [dim, name] : llvm::zip(order, keySizeNames))
      keyDims[dim] = name;
    kRead = addQuantizedRows(body, "k", k, kSizes, keyDims);
    vRead = addQuantizedRows(body, "v", v, vSizes, keyDims);
    keyName = "k.rows", valueName = "v.rows";
  }
  std::string flags = attributes;
  auto addFlag = [&](std::string flag) { flags += (flags.empty() ? "" : ", ") + flag; };
  if (withWeights) {
    addResult("w", {n.batches, n.heads, n.queries, n.keys});
    addFlag("with_weights");
  }
  if (withLse) {
    addResult("lse", {n.batches, n.heads, n.queries});
    addFlag("with_lse");
  }
  if (columnChunk != 0) {
    body += llvm::formatv("  %chunk = arith.constant {0} : index\n"
                          "  %chunks = arith.ceildivui %queries, %chunk : index\n",
                          columnChunk);
    int64_t chunks = n.queries == dynamic ? dynamic : llvm::divideCeil(n.queries, columnChunk);
    addResult("columns", {n.batches, n.heads, chunks, n.keys}, "%chunks");
    addFlag(llvm::formatv("column_chunk = {0}", columnChunk));
  }
  if (buckets != 0)
    addResult("buckets", {n.batches, n.heads, n.queries, buckets});
  if (order != std::array<int64_t, 4>{0, 1, 2, 3})
    for (const char *operand : {"query", "key", "value", "output"})
      addFlag(llvm::formatv(
          "{0}_perm = array<i64: {1}>", operand,
          llvm::join(llvm::map_range(order, [](int64_t d) { return std::to_string(d); }), ", ")));
  auto list = [&](llvm::StringRef prefix, llvm::StringRef suffix) {
    return llvm::join(
        llvm::map_range(names,
                        [&](const std::string &name) { return (prefix + name + suffix).str(); }),
        ", ");
  };
  std::string resultTypes = llvm::join(types, ", ");
  std::string named;
  for (auto [name, resultType] : llvm::zip(names, types))
    named +=
        llvm::formatv("{0}{1} {{attn.name = \"{2}\"}", named.empty() ? "" : ", ", resultType, name);
  std::string bound = names.size() == 1 ? "%r" : llvm::formatv("%r:{0}", names.size()).str();
  std::string results = "%r";
  if (names.size() > 1) {
    results = "%r#0";
    for (size_t i = 1; i < names.size(); ++i)
      results += llvm::formatv(", %r#{0}", i);
  }
  auto named4 = [&](std::vector<std::string> canonical) {
    std::vector<std::string> permuted(4);
    for (auto [dim, name] : llvm::zip(order, canonical))
      permuted[dim] = name;
    return permuted;
  };
  return llvm::formatv("func.func @main({0}, {1}, {2}, {3}, %seed: tensor<i64> "
                       "{{attn.name = \"seed\", attn.dims = []})\n    -> ({4}) {{\n{5}",
                       parameter("q", q, qSizes, named4({"B", "H", "Lq", ""})),
                       parameter("k", k, kSizes, named4({"B", "G", "Lk", ""})),
                       parameter("v", v, vSizes, named4({"B", "G", "Lk", ""})),
                       parameter("bias", bias, {n.queries, n.keys}, {"Lq", "Lk"}), named, body)
             .str() +
         llvm::formatv("  {0} = attn.attention ins(%q, %{10}, %{11} : {1}, {2}, {3}) "
                       "outs({4} : {5}) {6} {{{7}} {8} -> {5}\n  return {9} : {5}\n}\n",
                       bound, q, kRead, vRead, list("%", ".init"), resultTypes, operands, flags,
                       regions, results, keyName, valueName)
             .str();
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
