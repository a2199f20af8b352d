#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_PLANBUFFERSPASS
#include "passes/Passes.h.inc"

namespace {
struct PlanBuffersPass : impl::PlanBuffersPassBase<PlanBuffersPass> {
  using Base::Base;
  void runOnOperation() override {}
};
} // namespace
} // namespace fovea
