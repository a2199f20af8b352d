#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_INFERRESULTSHAPESPASS
#include "passes/Passes.h.inc"

namespace {
struct InferResultShapesPass : impl::InferResultShapesPassBase<InferResultShapesPass> {
  using Base::Base;
  void runOnOperation() override {}
};
} // namespace
} // namespace fovea
