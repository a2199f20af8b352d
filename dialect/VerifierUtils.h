// Checks that the verifiers of several ops share. Each takes the label of the constraint in
// docs/dialect.md, which opens the message.
#ifndef FOVEA_DIALECT_VERIFIERUTILS_H
#define FOVEA_DIALECT_VERIFIERUTILS_H

#include "dialect/AttnOps.h"
#include "llvm/ADT/StringMap.h"

namespace fovea::attn {

/// The sizes that the letters of an op's formula stand for, collected operand by operand.
class NamedSizes {
public:
  NamedSizes(mlir::Operation *op, llvm::StringRef label) : op(op), label(label) {}

  /// Checks `shape` against what earlier operands said; a dynamic size agrees with all.
  llvm::LogicalResult unify(llvm::StringRef operand, llvm::ArrayRef<llvm::StringRef> letters,
                            llvm::ArrayRef<int64_t> shape);

private:
  struct Known {
    int64_t size;
    llvm::StringRef operand;
  };
  mlir::Operation *op;
  llvm::StringRef label;
  llvm::StringMap<Known> known;
};

llvm::LogicalResult checkRank(mlir::Operation *op, llvm::StringRef label, llvm::StringRef operand,
                              mlir::Value value, int64_t rank);

llvm::LogicalResult checkElementType(mlir::Operation *op, llvm::StringRef label,
                                     llvm::StringRef operand, mlir::Value value,
                                     mlir::Type expected);

/// destination_c1 and destination_c2: all operands are tensors or all are memrefs, and there are
/// `numInits` inits.
llvm::LogicalResult checkDestination(mlir::DestinationStyleOpInterface op, size_t numInits);

/// The init has the shape and the element type of the source.
llvm::LogicalResult checkSameAsSource(mlir::Operation *op, llvm::StringRef label,
                                      mlir::Value source, mlir::Value init);

/// The region takes `arguments`, yields a `yielded` and writes no memory. An empty region passes.
llvm::LogicalResult checkRegion(mlir::Operation *op, llvm::StringRef label, llvm::StringRef name,
                                mlir::Region &region, mlir::TypeRange arguments,
                                mlir::Type yielded);

/// Fails where a tensor.dim asks for a dim that its tensor has not: to MLIR that is undefined
/// behaviour, so that it folds to anything. The error is at the op, without a label.
llvm::LogicalResult checkDimsExist(mlir::Operation *root);

} // namespace fovea::attn

#endif // FOVEA_DIALECT_VERIFIERUTILS_H
