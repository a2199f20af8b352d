// What must hold of the sizes of an entry's inputs and is not certain when it is built: that a dim
// has the elements which a slice takes, that a size which is a difference is not negative, that one
// which is divided leaves no remainder. Kept in the attribute `attn.requires` of the function, and
// checked before each run.
#ifndef FOVEA_FRONTEND_SIZECONDITIONS_H
#define FOVEA_FRONTEND_SIZECONDITIONS_H

#include "frontend/SymbolicDim.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace fovea {

struct SizeCondition {
  /// At least 0 where the condition holds.
  SymbolicDim slack;
  /// "0 <= L - 2".
  std::string text;
  /// "model.fov:2:5"; empty if it is not known.
  std::string place;

  /// An error that says what was expected where and of which sizes it does not hold. Symbols
  /// without a size are those of no input, on which nothing is checked.
  llvm::Error
  check(llvm::function_ref<std::optional<int64_t>(llvm::StringRef symbol)> sizeOf) const;
};

/// Makes `slack >= 0` a condition of the function if it is not certain, which messages call `text`.
void requireNotNegative(mlir::func::FuncOp function, mlir::Location loc, const SymbolicDim &slack,
                        const std::string &text);

/// Makes `least <= most` a condition of the function if it is not certain. An error if their
/// difference does not fit 64 bits.
llvm::Error requireAtMost(mlir::func::FuncOp function, mlir::Location loc, const SymbolicDim &least,
                          const SymbolicDim &most);

/// The same of `size` being a multiple of `divisor`.
llvm::Error requireMultiple(mlir::func::FuncOp function, mlir::Location loc,
                            const SymbolicDim &size, const SymbolicDim &divisor);

/// The conditions of a function, or an error if its attribute is not as `requireAtMost` makes it.
llvm::Expected<std::vector<SizeCondition>> readSizeConditions(mlir::func::FuncOp function);

} // namespace fovea

#endif // FOVEA_FRONTEND_SIZECONDITIONS_H
