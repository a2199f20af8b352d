#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_NORMALIZEMASKPASS
#include "passes/Passes.h.inc"

namespace {
struct NormalizeMaskPass : impl::NormalizeMaskPassBase<NormalizeMaskPass> {
  using Base::Base;
  void runOnOperation() override {}
};
} // namespace
} // namespace fovea
