// Everything mlir-opt does, with the attn dialect and Fovea's passes and pipelines.
#include "dialect/AttnDialect.h"
#include "dialect/BufferizeImpl.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "passes/Pipelines.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllPasses();
  registry.insert<fovea::attn::AttnDialect>();
  fovea::attn::registerAttnExternalModels(registry);
  fovea::registerFoveaPassesAndPipelines();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Fovea optimiser driver\n", registry));
}
