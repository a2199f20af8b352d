// The ops of the attn dialect; what each means is in AttnOps.td and docs/dialect.md.
#ifndef FOVEA_DIALECT_ATTNOPS_H
#define FOVEA_DIALECT_ATTNOPS_H

#include "dialect/AttnDialect.h"
#include "dialect/WeightSlots.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/TilingInterface.h"

namespace fovea::attn {

/// The outputs of attention, in the order of its inits.
enum class AttentionOutput { Output, Weights, Lse, ColumnSums, BucketSums };

struct QuantizedPanels; // dialect/QuantizedPanels.h

} // namespace fovea::attn

#define GET_OP_CLASSES
#include "dialect/AttnOps.h.inc"

#endif // FOVEA_DIALECT_ATTNOPS_H
