// Result shapes that other ops ask for.
// RUN: fovea-opt %s --resolve-ranked-shaped-type-result-dims --canonicalize | FileCheck %s

// The number of windows follows from the source at run time: (N - 3) / 2 + 1.
// CHECK: #[[WINDOWS:.*]] = affine_map<()[s0] -> ((s0 - 3) floordiv 2 + 1)>
// CHECK-LABEL: func @unfold_shape
func.func @unfold_shape(%x: tensor<?x5xf32>) -> (index, index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %w = attn.unfold %x dim(0) size(3) step(2) : tensor<?x5xf32> -> tensor<?x5x3xf32>
  %0 = tensor.dim %w, %c0 : tensor<?x5x3xf32>
  %1 = tensor.dim %w, %c2 : tensor<?x5x3xf32>
  // CHECK: %[[C3:.*]] = arith.constant 3 : index
  // CHECK: %[[N:.*]] = tensor.dim
  // CHECK: %[[W:.*]] = affine.apply #[[WINDOWS]]()[%[[N]]]
  // CHECK: return %[[W]], %[[C3]]
  return %0, %1 : index, index
}

// A result has the shape of its init.
// CHECK-LABEL: func @destination_shape
// CHECK-SAME: %{{.*}}: tensor<2x8x?x6xf32>, %[[INIT:.*]]: tensor<2x8x?x6xf32>
func.func @destination_shape(%x: tensor<2x8x?x6xf32>, %init: tensor<2x8x?x6xf32>) -> index {
  // CHECK: tensor.dim %[[INIT]]
  %c2 = arith.constant 2 : index
  %s = attn.softmax ins(%x : tensor<2x8x?x6xf32>) outs(%init : tensor<2x8x?x6xf32>) dim(3) -> tensor<2x8x?x6xf32>
  %d = tensor.dim %s, %c2 : tensor<2x8x?x6xf32>
  return %d : index
}
