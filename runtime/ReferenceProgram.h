// Region bodies compiled once into a flat list of instructions over numbered slots, so that
// running one per element costs a few nanoseconds an instruction and no look-up.
#ifndef FOVEA_RUNTIME_REFERENCEPROGRAM_H
#define FOVEA_RUNTIME_REFERENCEPROGRAM_H

#include "mlir/IR/Block.h"
#include "runtime/ReferenceScalar.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace fovea::reference {

/// What a region may use from outside: the value it stands for, null if there is none.
using Captures = llvm::function_ref<const Datum *(mlir::Value)>;

class Program {
public:
  /// Compiles a block of scalar ops, tensor.extract, tensor.dim, linalg.index, scf.if, scf.for
  /// and calls of functions made of those. An error for any other op, and for recursion.
  static llvm::Expected<Program> compile(mlir::Block &block, Captures captures);

  /// Slot of the block's argument `number`; they come first.
  Cell &argument(unsigned number) { return slots[number]; }
  /// What linalg.index of `dim` reads. The vector outlives the runs.
  void setIndices(const int64_t *values) { indices = values; }

  /// Runs the program on what the arguments hold. An error for an index out of range, a division
  /// by zero and other results that are undefined.
  llvm::Error run();

  /// Operand `number` of the block's terminator, after a run.
  Cell result(unsigned number) const { return slots[results[number]]; }

private:
  friend class ProgramBuilder;

  enum class Kind : uint8_t { Apply, Move, Extract, Index, Jump, JumpIfZero, JumpUnlessLess };

  struct Instruction {
    Kind kind;
    ScalarFn function = nullptr;
    unsigned width = 64;
    uint32_t result = 0;
    std::array<uint32_t, 3> operands = {0, 0, 0};
    /// Jump target, index of `extracts`, or loop dim.
    uint32_t immediate = 0;
    mlir::Operation *op = nullptr;
  };

  struct Extract {
    Array array;
    DimVector strides;
    llvm::SmallVector<uint32_t, 4> indices;
  };

  llvm::Error extract(const Instruction &instruction);

  std::vector<Instruction> instructions;
  std::vector<Extract> extracts;
  std::vector<Cell> slots;
  llvm::SmallVector<uint32_t, 2> results;
  const int64_t *indices = nullptr;
};

} // namespace fovea::reference

#endif // FOVEA_RUNTIME_REFERENCEPROGRAM_H
