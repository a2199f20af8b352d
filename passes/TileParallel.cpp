#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_TILEPARALLELPASS
#include "passes/Passes.h.inc"

namespace {
struct TileParallelPass : impl::TileParallelPassBase<TileParallelPass> {
  using Base::Base;
  void runOnOperation() override {}
};
} // namespace
} // namespace fovea
