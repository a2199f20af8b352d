#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_EMITSAMPLINGPASS
#include "passes/Passes.h.inc"

namespace {
struct EmitSamplingPass : impl::EmitSamplingPassBase<EmitSamplingPass> {
  using Base::Base;
  void runOnOperation() override {}
};
} // namespace
} // namespace fovea
