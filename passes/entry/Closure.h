// What a launch hands to the tasks of its kernel: a struct in memory with a field for each value
// that they cannot know otherwise. Of a memref that is its pointer and what its type leaves open:
// dynamic sizes, offset and strides. Strides of contiguous memrefs follow from their sizes.
#ifndef FOVEA_PASSES_ENTRY_CLOSURE_H
#define FOVEA_PASSES_ENTRY_CLOSURE_H

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/SmallVector.h"

namespace fovea {

class Closure {
public:
  /// `captured`: the types of the values, memrefs or scalars.
  Closure(const mlir::LLVMTypeConverter &converter, mlir::TypeRange captured);

  mlir::LLVM::LLVMStructType type() const { return structType; }
  /// Stores values of the captured types to `memory`, a pointer to such a struct.
  void store(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange values,
             mlir::Value memory) const;
  /// Values equal to those stored at `memory`.
  llvm::SmallVector<mlir::Value> load(mlir::OpBuilder &b, mlir::Location loc,
                                      mlir::Value memory) const;

private:
  const mlir::LLVMTypeConverter &converter;
  llvm::SmallVector<mlir::Type> captured;
  mlir::LLVM::LLVMStructType structType;
};

} // namespace fovea

#endif // FOVEA_PASSES_ENTRY_CLOSURE_H
