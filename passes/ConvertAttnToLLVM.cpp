#include "passes/Passes.h"

using namespace mlir;

namespace fovea {
#define GEN_PASS_DEF_CONVERTATTNTOLLVMPASS
#include "passes/Passes.h.inc"

namespace {
struct ConvertAttnToLLVMPass : impl::ConvertAttnToLLVMPassBase<ConvertAttnToLLVMPass> {
  using Base::Base;
  void runOnOperation() override {}
};
} // namespace
} // namespace fovea
