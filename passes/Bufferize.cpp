#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_BUFFERIZEPASS
#include "passes/Passes.h.inc"

namespace {
struct BufferizePass : impl::BufferizePassBase<BufferizePass> {
  using Base::Base;
  void runOnOperation() override {}
};
} // namespace
} // namespace fovea
