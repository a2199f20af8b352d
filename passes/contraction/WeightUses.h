// What reads a weight, wherever in the module: whether it may be packed once, and in which panels.
#ifndef FOVEA_PASSES_CONTRACTION_WEIGHTUSES_H
#define FOVEA_PASSES_CONTRACTION_WEIGHTUSES_H

#include "dialect/AttnOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/TargetInfo.h"
#include "passes/contraction/PanelPlace.h"

namespace fovea {

/// All ops of one name, and what reads them.
class WeightUses {
public:
  /// A contraction that reads a slice of the weight, or all of it.
  struct Product {
    mlir::linalg::GenericOp op;
    mlir::OpOperand *operand;
    mlir::memref::SubViewOp slice; // or null
    unsigned row, k;               // loops
    mlir::FloatType accumulator;

    /// What is read, whole.
    mlir::Value weight() const { return slice ? slice->getOperand(0) : operand->get(); }
  };

  /// `siblings` are the ops that are computed together with others.
  WeightUses(const TargetInfo &target, std::optional<attn::WeightFormat> wanted,
             const llvm::DenseSet<mlir::Operation *> &siblings)
      : target(target), wanted(wanted), siblings(siblings) {}

  void add(attn::WeightOp op);

  /// Why the weight stays as it is, if it does and a contraction reads it.
  std::optional<std::string> obstacle() const;
  bool isPacked() const { return !products.empty() && !obstacle(); }
  /// Of a weight that is packed: how its elements are held, nothing for as they are stored.
  std::optional<attn::WeightFormat> format() const;
  /// The dim that panels divide; the other one is their depth.
  int64_t panelDim() const { return dividedDim; }
  PanelShape panelShape() const;
  /// What is said of the weight if others are quantised.
  void reportFormat() const;

  attn::WeightOp first() const { return ops.front(); }
  llvm::ArrayRef<attn::WeightOp> all() const { return ops; }
  llvm::ArrayRef<Product> readingProducts() const { return products; }
  llvm::ArrayRef<mlir::memref::LoadOp> readingLoads() const { return loads; }
  llvm::ArrayRef<mlir::memref::DimOp> askingSizes() const { return dims; }

private:
  void addUse(mlir::OpOperand &use, mlir::memref::SubViewOp slice);
  void addProduct(mlir::OpOperand &use, mlir::memref::SubViewOp slice);
  void fail(const llvm::Twine &reason) { reasons.push_back(reason.str()); }
  std::optional<std::string> obstacleToFewBits() const;

  const TargetInfo &target;
  std::optional<attn::WeightFormat> wanted;
  const llvm::DenseSet<mlir::Operation *> &siblings;
  llvm::SmallVector<attn::WeightOp> ops;
  llvm::SmallVector<Product> products;
  llvm::SmallVector<mlir::memref::LoadOp> loads;
  llvm::SmallVector<mlir::memref::DimOp> dims;
  llvm::SmallVector<std::string> reasons;
  bool isFactor = false; // of some contraction
  int64_t dividedDim = 0;
  PanelShape shape = {0, 0};
};

} // namespace fovea

#endif // FOVEA_PASSES_CONTRACTION_WEIGHTUSES_H
