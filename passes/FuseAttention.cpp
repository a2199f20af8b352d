#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_FUSEATTENTIONPASS
#include "passes/Passes.h.inc"

namespace {
struct FuseAttentionPass : impl::FuseAttentionPassBase<FuseAttentionPass> {
  using Base::Base;
  void runOnOperation() override {}
};
} // namespace
} // namespace fovea
