#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_EMITATTENTIONPASS
#include "passes/Passes.h.inc"

namespace {
struct EmitAttentionPass : impl::EmitAttentionPassBase<EmitAttentionPass> {
  using Base::Base;
  void runOnOperation() override {}
};
} // namespace
} // namespace fovea
