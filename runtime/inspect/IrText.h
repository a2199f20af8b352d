// The IR of a phase as numbered lines, each with the line of the description that it comes from.
#ifndef FOVEA_RUNTIME_INSPECT_IRTEXT_H
#define FOVEA_RUNTIME_INSPECT_IRTEXT_H

#include "mlir/IR/BuiltinOps.h"
#include "runtime/Finding.h"

namespace fovea {

struct IrText {
  /// More lines than that, and more characters of one line, are left out.
  static constexpr size_t maxLines = 3000, maxColumns = 300;

  std::vector<std::string> lines;
  std::vector<SourcePlace> places; // of each line; unknown for most that only close a region
  size_t numLines = 0;             // with those left out
};

IrText describeIr(mlir::ModuleOp module);

} // namespace fovea

#endif // FOVEA_RUNTIME_INSPECT_IRTEXT_H
