#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_VECTORIZELINALGPASS
#include "passes/Passes.h.inc"

namespace {
struct VectorizeLinalgPass : impl::VectorizeLinalgPassBase<VectorizeLinalgPass> {
  using Base::Base;
  void runOnOperation() override {}
};
} // namespace
} // namespace fovea
