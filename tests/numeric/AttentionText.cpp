// The text of the module of an attention problem.
#include "dialect/CacheRows.h"
#include "tests/numeric/AttentionProblem.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace fovea;
using namespace fovea::testing;

static constexpr int64_t dynamic = -1;

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

namespace {
/// An operand of the op, as the function takes it and as the op reads it.
struct Operand {
  std::string name, type;
  DimVector sizes; // in memory
  std::string readName = name, readType = type;
};

class AttentionText {
public:
  explicit AttentionText(const AttentionProblem &problem);
  std::string str();

private:
  using Strings = std::vector<std::string>;
  Operand operand(std::string name, int64_t heads, int64_t rows, int64_t columns) const;
  Strings inMemory(const Strings &canonical) const;
  void addDim(llvm::StringRef name, const Operand &of, int64_t dim);
  void addInit(const std::string &name, const std::string &type, llvm::ArrayRef<int64_t> sizes,
               const Strings &values);
  void addResult(const std::string &name, llvm::ArrayRef<int64_t> sizes,
                 const char *thirdSize = "%queries");
  void addFlag(const std::string &flag) { flags += (flags.empty() ? "" : ", ") + flag; }
  void addSizes();
  void addOutput();
  void readQuantizedRows();
  void addOptionalResults();
  void addPermutations();
  std::string signature() const;
  std::string op() const;

  const AttentionProblem &problem;
  AttentionSizes n;
  Operand q, k, v;
  std::string body, flags;
  Strings names, types; // of the results
};
} // namespace

static int64_t headDim(const AttentionProblem &problem) {
  return problem.dynamicHeadDim ? dynamic : problem.headDim;
}

AttentionText::AttentionText(const AttentionProblem &problem)
    : problem(problem),
      n(problem.fixed.value_or(AttentionSizes{dynamic, dynamic, dynamic, dynamic, dynamic})),
      q(operand("q", n.heads, n.queries, headDim(problem))),
      k(operand("k", n.keyHeads, n.keys, headDim(problem))),
      v(operand("v", n.keyHeads, n.keys, problem.valueDim)), body(problem.constants),
      flags(problem.attributes) {}

Operand AttentionText::operand(std::string name, int64_t heads, int64_t rows,
                               int64_t columns) const {
  DimVector sizes = problem.inMemory({n.batches, heads, rows, columns});
  return {std::move(name), tensorType(sizes, problem.type), sizes};
}

/// What belongs to the canonical dims, in the order of the dims in memory.
AttentionText::Strings AttentionText::inMemory(const Strings &canonical) const {
  Strings permuted(4);
  for (auto [dim, text] : llvm::zip(problem.order, canonical))
    permuted[dim] = text;
  return permuted;
}

void AttentionText::addDim(llvm::StringRef name, const Operand &of, int64_t dim) {
  body += llvm::formatv("  %{0} = tensor.dim %{1}, %c{2} : {3}\n", name, of.name,
                        problem.order[dim], of.type);
}

void AttentionText::addSizes() {
  for (int dim = 0; dim < 4; ++dim)
    body += llvm::formatv("  %c{0} = arith.constant {0} : index\n", dim);
  addDim("batches", q, 0);
  addDim("heads", q, 1);
  addDim("queries", q, 2);
  addDim("keys", k, 2);
}

void AttentionText::addInit(const std::string &name, const std::string &type,
                            llvm::ArrayRef<int64_t> sizes, const Strings &values) {
  body += emptyTensor(name + ".init", type, sizes, values);
  names.push_back(name);
  types.push_back(type);
}

void AttentionText::addOutput() {
  DimVector sizes = problem.inMemory({n.batches, n.heads, n.queries, problem.valueDim});
  addInit("o", tensorType(sizes, problem.type), sizes,
          inMemory({"%batches", "%heads", "%queries", ""}));
}

/// A further result, which is always in canonical order.
void AttentionText::addResult(const std::string &name, llvm::ArrayRef<int64_t> sizes,
                              const char *thirdSize) {
  std::string type = tensorType(sizes, problem.type == "f64" ? "f64" : "f32");
  addInit(name, type, sizes, {"%batches", "%heads", thirdSize, "%keys"});
}

void AttentionText::readQuantizedRows() {
  addDim("groups", k, 1);
  for (Operand *rows : {&k, &v}) {
    rows->readType = addQuantizedRows(body, rows->name, rows->type, rows->sizes,
                                      inMemory({"%batches", "%groups", "%keys", ""}));
    rows->readName = rows->name + ".rows";
  }
}

void AttentionText::addOptionalResults() {
  if (problem.withWeights) {
    addResult("w", {n.batches, n.heads, n.queries, n.keys});
    addFlag("with_weights");
  }
  if (problem.withLse) {
    addResult("lse", {n.batches, n.heads, n.queries});
    addFlag("with_lse");
  }
  if (int64_t chunk = problem.columnChunk) {
    body += llvm::formatv("  %chunk = arith.constant {0} : index\n"
                          "  %chunks = arith.ceildivui %queries, %chunk : index\n",
                          chunk);
    int64_t chunks = n.queries == dynamic ? dynamic : llvm::divideCeil(n.queries, chunk);
    addResult("columns", {n.batches, n.heads, chunks, n.keys}, "%chunks");
    addFlag(llvm::formatv("column_chunk = {0}", chunk));
  }
  if (problem.buckets != 0)
    addResult("buckets", {n.batches, n.heads, n.queries, problem.buckets});
}

void AttentionText::addPermutations() {
  if (problem.order == std::array<int64_t, 4>{0, 1, 2, 3})
    return;
  auto numbers = llvm::map_range(problem.order, [](int64_t dim) { return std::to_string(dim); });
  for (const char *operand : {"query", "key", "value", "output"})
    addFlag(llvm::formatv("{0}_perm = array<i64: {1}>", operand, llvm::join(numbers, ", ")));
}

std::string AttentionText::signature() const {
  std::string results;
  for (auto [name, type] : llvm::zip(names, types))
    results +=
        llvm::formatv("{0}{1} {{attn.name = \"{2}\"}", results.empty() ? "" : ", ", type, name);
  DimVector biasSizes = {n.queries, n.keys};
  return llvm::formatv("func.func @main({0}, {1}, {2}, {3}, %seed: tensor<i64> "
                       "{{attn.name = \"seed\", attn.dims = []})\n    -> ({4}) {{\n",
                       parameter("q", q.type, q.sizes, inMemory({"B", "H", "Lq", ""})),
                       parameter("k", k.type, k.sizes, inMemory({"B", "G", "Lk", ""})),
                       parameter("v", v.type, v.sizes, inMemory({"B", "G", "Lk", ""})),
                       parameter("bias", tensorType(biasSizes, "f32"), biasSizes, {"Lq", "Lk"}),
                       results);
}

/// The op and the return.
std::string AttentionText::op() const {
  bool isOne = names.size() == 1;
  std::string inits, results = isOne ? "%r" : "%r#0";
  for (auto [number, name] : llvm::enumerate(names)) {
    inits += (number ? ", %" : "%") + name + ".init";
    if (number)
      results += llvm::formatv(", %r#{0}", number);
  }
  return llvm::formatv("  {0} = attn.attention ins(%{1}, %{2}, %{3} : {4}, {5}, {6}) "
                       "outs({7} : {8}) {9} {{{10}} {11} -> {8}\n  return {12} : {8}\n}\n",
                       isOne ? "%r" : llvm::formatv("%r:{0}", names.size()).str(), q.readName,
                       k.readName, v.readName, q.readType, k.readType, v.readType, inits,
                       llvm::join(types, ", "), problem.operands, flags, problem.regions, results);
}

std::string AttentionText::str() {
  addSizes();
  addOutput();
  if (problem.quantizedRows)
    readQuantizedRows();
  addOptionalResults();
  addPermutations();
  return signature() + body + op();
}

std::string AttentionProblem::str() const { return AttentionText(*this).str(); }
