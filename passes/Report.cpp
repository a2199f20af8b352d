#include "passes/Report.h"
#include "mlir/IR/Diagnostics.h"

void fovea::remark(mlir::Operation *op, llvm::StringRef topic, const llvm::Twine &message) {
  mlir::emitRemark(op->getLoc()) << "[" << topic << "] " << message.str();
}
