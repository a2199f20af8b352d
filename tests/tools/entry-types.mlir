// What an entry may be off follows from the types that it computes in, and those of the functions that it calls.
// RUN: fovea run %S/Inputs/entry-types.fov --entry narrow --set L=3 --verify | FileCheck %s --check-prefix=NARROW
// RUN: fovea run %S/Inputs/entry-types.fov --entry wide --set L=3 --verify | FileCheck %s --check-prefix=WIDE
// RUN: fovea run %s --entry caller --verify | FileCheck %s --check-prefix=NARROW
// RUN: fovea run %s --entry other --verify | FileCheck %s --check-prefix=WIDE
// NARROW: (bound 0.002): pass
// WIDE: (bound 1e-05): pass
func.func private @round(%x: tensor<4xf32>) -> tensor<4xf32> {
  %n = arith.truncf %x : tensor<4xf32> to tensor<4xf16>
  %w = arith.extf %n : tensor<4xf16> to tensor<4xf32>
  return %w : tensor<4xf32>
}
func.func @caller(%x: tensor<4xf32> {attn.name = "x", attn.dims = [""]}) -> (tensor<4xf32> {attn.name = "y"}) {
  %y = func.call @round(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
func.func @other(%x: tensor<4xf32> {attn.name = "x", attn.dims = [""]}) -> (tensor<4xf32> {attn.name = "y"}) {
  %y = arith.addf %x, %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
