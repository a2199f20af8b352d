// What an entry function takes and gives, as plain data: names, element types and dims, read from
// a module before it is lowered.
#ifndef FOVEA_RUNTIME_SIGNATURE_H
#define FOVEA_RUNTIME_SIGNATURE_H

#include "dialect/AttnDialect.h"
#include "dialect/WeightSlots.h"
#include "frontend/SizeConditions.h"
#include "mlir/IR/BuiltinOps.h"
#include "runtime/Abi.h"
#include "runtime/tensor/DataType.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace fovea {

/// One dim of a tensor: a number, or unknown until run time. Unknown dims of one symbol are equal;
/// without a symbol they are free.
struct DimSpec {
  std::optional<int64_t> size;
  std::string symbol;
};

struct ArgumentSpec {
  std::string name;
  DataType type;
  llvm::SmallVector<DimSpec, 4> dims;

  /// "f32[B, L, 512]", with "?" for a dim that has neither size nor symbol.
  std::string describe() const;
  bool hasStaticShape() const;
};

struct EntrySignature {
  std::string name;
  std::vector<ArgumentSpec> inputs;
  std::vector<ArgumentSpec> outputs;
  std::vector<SizeCondition> conditions = {}; // of the dims of inputs
};

/// A matrix packed in panels of `lanes` rows along dim `dim` of the tensor, as fovea_pack_panels
/// makes them: of the elements, or quantised.
struct PanelSpec {
  int64_t dim, lanes, streams;
  std::optional<attn::WeightFormat> format = std::nullopt;
};

/// Slots of one type: attn::WeightSlots says which tensors of the files, or parts of such, they
/// are.
struct WeightSpec {
  std::string name;
  llvm::SmallVector<int64_t, 2> counts;
  DataType type;
  llvm::SmallVector<int64_t, 4> sizes; // of a slot, as stored
  std::optional<PanelSpec> panels =
      std::nullopt; // what the code reads, if not the elements as stored
  /// Of the numbers that indices take, if not all.
  llvm::SmallVector<int64_t, 0> spans = {};

  attn::WeightSlots slots() const { return {name, counts, spans}; }
  /// Of the elements of a slot, as stored.
  int64_t storedBytes() const;
  /// Where those of a slot begin in its tensor.
  int64_t storedBegin(int64_t slot) const {
    int64_t place = slot % slots().stackSize();
    return place ? place * storedBytes() : 0;
  }
  /// Bytes of all of them as the code reads them. Resolved weights, whose files hold as much, fit
  /// an int64_t.
  int64_t numBytes() const;
  /// The same for C. `name` must live as long as the result.
  fovea_weight toC(const char *name, int64_t slot = 0) const;
};

/// The DataType of an element type, if there is one.
std::optional<DataType> toDataType(mlir::Type type);

/// The public functions of a module of the phase `input`, in order. An error if there is none, or
/// if one takes or gives something that is no ranked tensor of a DataType.
llvm::Expected<std::vector<EntrySignature>> readSignatures(mlir::ModuleOp module);

/// The weights that a module of the phase `llvm` loads, in the order of their slots.
llvm::Expected<std::vector<WeightSpec>> readWeights(mlir::ModuleOp module);

} // namespace fovea

#endif // FOVEA_RUNTIME_SIGNATURE_H
