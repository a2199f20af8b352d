// Terms of a score function that depend on positions through their difference alone: each is
// computed once for all distances, in front of the loops of the attention, and kernels for many
// queries load it, a vector of queries at a time. Few queries compute it in place, with the same
// bits: of one query a table would hold as much as its scores.
#ifndef FOVEA_PASSES_ATTENTION_DISTANCETABLES_H
#define FOVEA_PASSES_ATTENTION_DISTANCETABLES_H

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/attention/Preheader.h"

namespace fovea {

class DistanceTables {
public:
  /// A term's elements at the distances i - j: `memref[place..., i - j + toPlace]`. Some follow the
  /// last one, so that vectors of queries that end past the last query may be loaded.
  struct Table {
    mlir::Value term; // of the score function
    llvm::SetVector<mlir::Value> variables;
    std::vector<Preheader::Axis> axes; // of the variables
    mlir::Value memref;
    llvm::SmallVector<mlir::Value> place; // arguments of the score function, or from outside of it
    mlir::memref::LoadOp load;            // what reads it there
  };

  /// Finds what is read from tables where there are more than `fewRows` queries. `rows` is their
  /// number, if it is known.
  DistanceTables(attn::AttentionOp op, std::optional<int64_t> rows, int64_t fewRows);

  /// Emits the tables and the loops that fill them in front of the op's outermost parallel loop,
  /// for panels of `width` queries and vectors of `lanes`, and says so. They are empty where there
  /// are few queries.
  void emit(int64_t width, int64_t lanes);

  /// Lets the score function read them, from now on, in a kernel that is emitted at the insertion
  /// point.
  void replaceTerms(EmitBuilder &b);

  llvm::ArrayRef<Table> get() const { return tables; }
  mlir::Value getToPlace() const { return toPlace; }

private:
  void fill(EmitBuilder &b, Table &table, mlir::Value isWanted);
  mlir::Value emitTerm(EmitBuilder &b, const Table &table, mlir::ValueRange place,
                       mlir::Value distances);
  void replaceTerm(EmitBuilder &b, Table &table);
  void report(const llvm::Twine &message);

  attn::AttentionOp op;
  const int64_t fewRows;
  Preheader preheader;
  std::vector<Table> tables;
  Preheader::Positions positions;
  mlir::Value toPlace;
  int64_t width = 0, lanes = 0;
};

} // namespace fovea

#endif // FOVEA_PASSES_ATTENTION_DISTANCETABLES_H
