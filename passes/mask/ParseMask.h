// Reads predicates and index expressions of one region from SSA. ParseIndex.cpp reads integers,
// ParseMask.cpp booleans; what neither understands stays opaque.
#ifndef FOVEA_PASSES_MASK_PARSEMASK_H
#define FOVEA_PASSES_MASK_PARSEMASK_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/mask/IndexExpr.h"

namespace fovea {

class MaskParser {
public:
  explicit MaskParser(mlir::Region &region) : region(region) {}
  MaskPredicate parsePredicate(mlir::Value value);
  IndexExpr parseIndex(mlir::Value value);

private:
  std::optional<MaskPredicate> parseBooleanOp(mlir::Operation *op);
  std::optional<MaskPredicate> parseComparison(mlir::arith::CmpIOp op);
  std::optional<MaskPredicate> parseFloatComparison(mlir::arith::CmpFOp op);

  std::optional<IndexExpr> parseIndexOp(mlir::Operation *op);
  std::optional<IndexExpr> parseDivision(mlir::Operation *op);
  std::optional<IndexExpr> parseAffine(mlir::AffineExpr expr, mlir::ValueRange operands,
                                       unsigned numDims);
  std::optional<IndexExpr> parseAffineMap(mlir::AffineMap map, mlir::ValueRange operands,
                                          IndexExpr::Kind kind);
  bool isNeverNegative(const IndexExpr &expr);
  bool isNeverNegative(const LinearForm &form);

  /// How far back through the definitions of sizes outside the region a form is followed.
  static constexpr int maxDepth = 64;
  mlir::Region &region;
  int depth = 0;
  // What a value was read as: expressions are graphs, reading each path would be exponential.
  llvm::DenseMap<mlir::Value, IndexExpr> knownIndices;
  llvm::DenseMap<mlir::Value, MaskPredicate> knownPredicates;
};

} // namespace fovea

#endif // FOVEA_PASSES_MASK_PARSEMASK_H
