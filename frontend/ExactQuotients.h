// Quotients of sizes that leave no remainder: `L//4` where [L] is viewed as [L//4, 4]. That L is a
// multiple of 4 is then a condition on the sizes of each run (SizeConditions.h).
#ifndef FOVEA_FRONTEND_EXACTQUOTIENTS_H
#define FOVEA_FRONTEND_EXACTQUOTIENTS_H

#include "frontend/SymbolicDim.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace fovea {

/// What a factor of a size is by itself.
llvm::Expected<SymbolicDim> sizeOfFactor(const SymbolicDim::FactorPtr &factor);

class ExactQuotients {
public:
  /// The fewest quotients among the factors of `candidates` for which `holds` is true if they are
  /// exact; none if there are no such.
  static std::optional<ExactQuotients> find(llvm::ArrayRef<SymbolicDim> candidates,
                                            llvm::function_ref<bool(const ExactQuotients &)> holds);

  /// The same size, with symbols of its own for the quotients: equal ones compare equal.
  SymbolicDim apply(const SymbolicDim &dim) const;
  SymbolicShape apply(llvm::ArrayRef<SymbolicDim> shape) const;
  /// What such a size is in terms of the sizes that were given.
  SymbolicDim revert(const SymbolicDim &dim) const;

  /// Makes it a condition of the function that none leaves a remainder.
  llvm::Error require(mlir::func::FuncOp function, mlir::Location loc) const;

private:
  bool add(const SymbolicDim::FactorPtr &quotient);

  struct Replacement {
    SymbolicDim::Monomial product; // One symbol of the dividend, or all.
    SymbolicDim dim;               // What it is in terms of the quotient's symbol.
    std::string symbol;
    SymbolicDim::FactorPtr quotient;
    int64_t scale; // The quotient is this many times its symbol.
  };
  static SymbolicDim applyOne(const SymbolicDim &dim, const Replacement &replacement);
  std::vector<Replacement> replacements; // In the order in which they were found.
};

} // namespace fovea

#endif // FOVEA_FRONTEND_EXACTQUOTIENTS_H
