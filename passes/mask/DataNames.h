// What people call the values of the IR: the names of the description, or where a value is
// computed.
#ifndef FOVEA_PASSES_MASK_DATANAMES_H
#define FOVEA_PASSES_MASK_DATANAMES_H

#include "mlir/IR/Value.h"
#include <optional>
#include <string>

namespace fovea {

/// The name that the description gives a tensor, or "arg0" for an argument without; "data@7:14" for
/// one that is computed in line 7, column 14; empty if nothing is known of it.
std::string nameData(mlir::Value value);

/// The symbolic name of a dim of an entry's argument, "x.1" for one without; empty for what is no
/// such dim.
std::string nameDim(mlir::Value shaped, int64_t dim);

/// The name of the index of a sequential loop, "step" if the description's is not known; none for
/// what is no such index.
std::optional<std::string> nameLoopIndex(mlir::Value value);

} // namespace fovea

#endif // FOVEA_PASSES_MASK_DATANAMES_H
