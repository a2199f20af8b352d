#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_RAISEUNFOLDPASS
#include "passes/Passes.h.inc"

namespace {
struct RaiseUnfoldPass : impl::RaiseUnfoldPassBase<RaiseUnfoldPass> {
  using Base::Base;
  void runOnOperation() override {}
};
} // namespace
} // namespace fovea
