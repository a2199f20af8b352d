#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_EMITCONTRACTIONPASS
#include "passes/Passes.h.inc"

namespace {
struct EmitContractionPass : impl::EmitContractionPassBase<EmitContractionPass> {
  using Base::Base;
  void runOnOperation() override {}
};
} // namespace
} // namespace fovea
