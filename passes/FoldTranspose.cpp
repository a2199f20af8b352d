#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_FOLDTRANSPOSEPASS
#include "passes/Passes.h.inc"

namespace {
struct FoldTransposePass : impl::FoldTransposePassBase<FoldTransposePass> {
  using Base::Base;
  void runOnOperation() override {}
};
} // namespace
} // namespace fovea
