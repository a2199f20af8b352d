// What a mask region says: a boolean expression over linear inequalities of positions. A region
// is read into a normal form in which predicates that are written differently but mean the same
// window, causal or block condition come out equal. The normal form serves to compare and to
// regenerate regions, to tell the user what was understood, and, on tensors as on buffers, to
// derive which keys a block of queries can see.
#ifndef FOVEA_PASSES_MASK_MASKPREDICATE_H
#define FOVEA_PASSES_MASK_MASKPREDICATE_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Region.h"
#include "passes/mask/LinearBounds.h"
#include <vector>

namespace fovea {

/// A predicate in normal form: negations only at opaque atoms; operands of `And` and `Or`
/// sorted, flat, without repetition, without one that the others imply.
class MaskPredicate {
public:
  enum class Kind {
    True,
    False,
    Linear, ///< getForm() >= 0
    Opaque, ///< getValue(), or its negation if isNegated(); an i1 that depends on data
    And,
    Or
  };

  static MaskPredicate constant(bool value);
  static MaskPredicate atLeastZero(const LinearForm &form);
  static MaskPredicate opaque(mlir::Value value, bool negated = false);
  static MaskPredicate conjunction(std::vector<MaskPredicate> operands);
  static MaskPredicate disjunction(std::vector<MaskPredicate> operands);
  MaskPredicate negation() const;

  Kind getKind() const { return kind; }
  bool isTrue() const { return kind == Kind::True; }
  bool isFalse() const { return kind == Kind::False; }
  const LinearForm &getForm() const { return form; }
  mlir::Value getValue() const { return value; }
  bool isNegated() const { return negated; }
  const std::vector<MaskPredicate> &getOperands() const { return operands; }

  /// This predicate where every value in `ranges` stays in its range and every value in
  /// `positive` is at least 1: atoms that are then always or never true are gone.
  MaskPredicate simplified(llvm::ArrayRef<IndexRange> ranges,
                           llvm::ArrayRef<mlir::Value> positive) const;

  /// True or false at one point; none where `lookup` has no number for a value that matters.
  /// Opaque atoms count as true if their number is not 0.
  std::optional<bool>
  evaluate(llvm::function_ref<std::optional<int64_t>(mlir::Value)> lookup) const;

  static int compare(const MaskPredicate &a, const MaskPredicate &b);
  bool operator==(const MaskPredicate &other) const;

  /// "j - i >= -64 and j - i <= 64".
  std::string str(ValueNamer name) const;

private:
  static MaskPredicate combine(Kind kind, std::vector<MaskPredicate> operands);
  /// Simplifies operands[at] where `fact`, an atom, holds. False if that says nothing of it.
  static bool simplifyBy(std::vector<MaskPredicate> &operands, size_t at,
                         const MaskPredicate &fact);
  /// This predicate where atoms are true or false as far as `known`; none if no atom is.
  std::optional<MaskPredicate>
  decideAtoms(llvm::function_ref<std::optional<bool>(const MaskPredicate &)> known) const;

  Kind kind = Kind::True;
  bool negated = false;
  LinearForm form;
  mlir::Value value;
  std::vector<MaskPredicate> operands;
};

/// The predicate that the i1 `value` computes. Values defined outside `region` and block
/// arguments are what it is expressed in; results inside that are not understood stay opaque.
MaskPredicate analyzePredicate(mlir::Value value, mlir::Region &region);

/// The predicate that a mask region (one block, ended by attn.yield of an i1) yields.
MaskPredicate analyzeMaskRegion(mlir::Region &region);

/// The linear form of an index or integer value; none if it is a minimum, maximum or choice.
std::optional<LinearForm> analyzeIndex(mlir::Value value, mlir::Region &region);

/// Names the values that a mask is expressed in: the region's arguments b, h, i, j (the last of
/// these if it has fewer), sizes by their names or dim<n>, elements of tensors as "doc[b, j]",
/// values and tensors without a name by where they are computed, else %0, %1, ... as they come.
class MaskNamer {
public:
  explicit MaskNamer(mlir::Region &region) : region(region) {}
  std::string operator()(mlir::Value value);

private:
  std::string nameTensor(mlir::Value tensor);
  std::string nameIndex(mlir::Value index);
  mlir::Region &region;
  llvm::SmallVector<mlir::Value> unnamed;
};

/// The predicate with the names of a MaskNamer.
std::string printMaskRegion(mlir::Region &region, const MaskPredicate &predicate);

/// True if `value`, computed inside `region`, depends on one of `indices`. Values from outside
/// depend on none.
bool dependsOn(mlir::Value value, llvm::ArrayRef<mlir::Value> indices, mlir::Region &region);

/// True if `form` has such a value.
bool dependsOn(const LinearForm &form, llvm::ArrayRef<mlir::Value> indices, mlir::Region &region);

/// A linear atom seen as `i * iCoefficient + j * jCoefficient + rest >= 0`, where `rest` does
/// not depend on i or j.
struct PositionForm {
  int64_t iCoefficient, jCoefficient;
  LinearForm rest;
};
/// None if the form depends on i or j in another way (inside a floor division, through data).
std::optional<PositionForm> splitPositions(const LinearForm &form, mlir::Value i, mlir::Value j,
                                           mlir::Region &region);

/// Emits forms and predicates at the builder's insertion point. Values in `mapping` (a region's
/// arguments, as a rule) are replaced; other values computed inside `region` are recomputed by
/// cloning; values from outside are used as they are.
class PredicateEmitter {
public:
  PredicateEmitter(mlir::OpBuilder &builder, mlir::Location loc, mlir::Region &region,
                   mlir::IRMapping &mapping)
      : builder(builder), loc(loc), region(region), mapping(mapping) {}
  /// An index value.
  mlir::Value emit(const LinearForm &form);
  /// An i1 value.
  mlir::Value emit(const MaskPredicate &predicate);
  /// `value` itself, recomputed if it belongs to the region.
  mlir::Value emit(mlir::Value value);

private:
  mlir::Value emitTerm(const LinearForm::Term &term);
  mlir::Value emitAtom(const LinearForm &form);
  mlir::Value emitConstant(int64_t value);
  mlir::OpBuilder &builder;
  mlir::Location loc;
  mlir::Region &region;
  mlir::IRMapping &mapping;
  llvm::SmallVector<std::pair<LinearForm, mlir::Value>> emitted;
};

} // namespace fovea

#endif // FOVEA_PASSES_MASK_MASKPREDICATE_H
