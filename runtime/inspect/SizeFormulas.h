// The sizes that a lowered module computes with, read back as formulas in the symbolic dims of its
// entry: from index arithmetic in the IR to what `--explain-memory` prints.
#ifndef FOVEA_RUNTIME_INSPECT_SIZEFORMULAS_H
#define FOVEA_RUNTIME_INSPECT_SIZEFORMULAS_H

#include "frontend/SymbolicDim.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include <map>
#include <string>

namespace fovea {

/// Sizes of symbolic dims by name.
using SymbolSizes = std::map<std::string, int64_t>;

class SizeFormulas {
public:
  /// Symbols that `known` has stand for their sizes; with all of them every formula is a number.
  explicit SizeFormulas(SymbolSizes known = {}) : known(std::move(known)) {}

  /// Gives the arguments of an entry the dims of `attn.dims`, and those that are buffers for
  /// results what `NAME.result_shapes` computes. A dim without a name is called "x.1", after its
  /// argument.
  void bindEntry(mlir::func::FuncOp entry);
  /// What a value stands for from now on.
  void bind(mlir::Value value, SymbolicDim formula) { formulas[value] = std::move(formula); }

  /// The formula of an index, in which elements of tensors are symbols such as "lens[b]". What has
  /// no formula (it is computed from data, or a coefficient leaves 64 bits) is a symbol of its own,
  /// "?1", "?2", ...
  SymbolicDim of(mlir::Value index);
  SymbolicDim of(mlir::OpFoldResult index);
  /// The size of a dim of a tensor or buffer.
  SymbolicDim dim(mlir::Value shaped, int64_t dim);
  /// Bytes of a tensor or buffer.
  SymbolicDim bytes(mlir::Value shaped);
  /// How often the body of the loops around `op` runs.
  SymbolicDim iterationsAround(mlir::Operation *op);

  SymbolicDim symbol(llvm::StringRef name) const;
  SymbolicDim unknown();

  // Arithmetic whose overflow is an unknown.
  SymbolicDim add(const SymbolicDim &lhs, const SymbolicDim &rhs);
  SymbolicDim subtract(const SymbolicDim &lhs, const SymbolicDim &rhs);
  SymbolicDim multiply(const SymbolicDim &lhs, const SymbolicDim &rhs);
  SymbolicDim floorDivide(const SymbolicDim &lhs, const SymbolicDim &rhs);
  SymbolicDim ceilDivide(const SymbolicDim &lhs, const SymbolicDim &rhs);
  SymbolicDim minimum(const SymbolicDim &lhs, const SymbolicDim &rhs);
  SymbolicDim maximum(const SymbolicDim &lhs, const SymbolicDim &rhs);

private:
  SymbolicDim compute(mlir::Value index);
  SymbolicDim element(mlir::Value tensor, mlir::ValueRange indices);
  SymbolicDim computeAffine(mlir::Operation *op);
  SymbolicDim ofAffine(mlir::AffineExpr expr, llvm::ArrayRef<SymbolicDim> operands,
                       unsigned numDims);
  SymbolicDim choose(mlir::Value condition, const SymbolicDim &yes, const SymbolicDim &no);
  SymbolicDim argumentDim(mlir::BlockArgument argument, int64_t dim);
  SymbolicDim take(llvm::Expected<SymbolicDim> result);

  SymbolSizes known;
  llvm::DenseMap<mlir::Value, SymbolicDim> formulas;
  llvm::DenseMap<mlir::Value, SymbolicShape> shapes; // of arguments
  unsigned numUnknown = 0;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_INSPECT_SIZEFORMULAS_H
