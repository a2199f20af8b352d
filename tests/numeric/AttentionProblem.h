// Attention problems for tests: a module made from a few words, inputs made from a seed, and a
// comparison of compiled code with the float64 reference.
#ifndef FOVEA_TESTS_NUMERIC_ATTENTIONPROBLEM_H
#define FOVEA_TESTS_NUMERIC_ATTENTIONPROBLEM_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "runtime/Compile.h"
#include <map>

namespace fovea::testing {

/// Sizes of one run.
struct AttentionSizes {
  int64_t batches = 1, heads = 1, keyHeads = 1, queries = 1, keys = 1;
};

/// What is compiled. Batch, heads and lengths are dynamic unless `fixed` gives them.
struct AttentionProblem {
  int64_t headDim = 16;
  int64_t valueDim = 16;
  std::string type = "f32";
  std::string attributes = "";                 // of the op, such as "scale = 1.0 : f64"
  std::string regions = "";                    // score, mask and sink regions
  std::string operands = "";                   // offset(...), seed(...)
  std::string constants = "";                  // ops in front, for the regions' use
  std::array<int64_t, 4> order = {0, 1, 2, 3}; // of the dims of all operands in memory
  bool withWeights = false, withLse = false;
  bool dynamicHeadDim = false; // of queries and keys, which still have headDim columns
  bool quantizedRows = false;  // keys and values by way of attn.quantize_rows; D is the last dim
  int64_t columnChunk = 0;     // rows a chunk of column sums; none if 0
  int64_t buckets = 0;         // of the bucket region among `regions`; none if 0
  std::optional<AttentionSizes> fixed;

  /// The text of a module with the entry `main`(q, k, v, bias) -> (o[, w][, lse][, columns][,
  /// buckets]), where bias is a [queries, keys] tensor of f32 that regions may read.
  std::string str() const;
  /// The sizes of the operand with these canonical sizes.
  DimVector inMemory(llvm::ArrayRef<int64_t> canonical) const;
};

/// Inputs by name.
using Inputs = std::map<std::string, Tensor>;

/// Uniform in [-2, 2], from a fixed seed.
Inputs makeInputs(const AttentionProblem &problem, const AttentionSizes &sizes);

Inputs copyOf(const Inputs &inputs);

/// A compiled problem beside its reference.
class CompiledAttention {
public:
  explicit CompiledAttention(const AttentionProblem &problem, unsigned threads = 1,
                             std::string target = "");

  /// Results of the compiled code and of the reference, in the order of the module's results.
  std::vector<Tensor> run(const Inputs &inputs) const;
  std::vector<Tensor> runReference(const Inputs &inputs) const;

  /// Runs both and expects them to differ by at most `tolerance` times the largest value, and to
  /// agree on what is infinite or NaN.
  void expectClose(const Inputs &inputs, double tolerance) const;
  void expectClose(const AttentionSizes &sizes, double tolerance) const {
    expectClose(makeInputs(problem, sizes), tolerance);
  }

private:
  AttentionProblem problem;
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::optional<Executable> executable;
};

/// Expects equal bytes.
void expectSameBits(const Tensor &actual, const Tensor &expected);

} // namespace fovea::testing

#endif // FOVEA_TESTS_NUMERIC_ATTENTIONPROBLEM_H
