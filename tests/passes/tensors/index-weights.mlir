// RUN: fovea-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(attn-fold-widening),attn-index-weights)' | FileCheck %s

// CHECK-LABEL: func.func @one_expert
// CHECK-SAME:    (%[[LAYER:.*]]: index, %[[EXPERT:.*]]: index)
// CHECK-NEXT:    %[[W:.*]] = attn.weight "layers.{}.up"[%[[LAYER]] of 3, %[[EXPERT]] of 8] : tensor<16x32xf16>
// CHECK-NEXT:    return %[[W]]
func.func @one_expert(%layer: index, %expert: index) -> tensor<16x32xf16> {
  %stack = attn.weight "layers.{}.up"[%layer of 3] : tensor<8x16x32xf16>
  %w = tensor.extract_slice %stack[%expert, 0, 0] [1, 16, 32] [1, 1, 1] : tensor<8x16x32xf16> to tensor<16x32xf16>
  return %w : tensor<16x32xf16>
}

// -----

// Several dims before the matrix, and indices that are known.
// CHECK-LABEL: func.func @constant_indices
// CHECK-DAG:     %[[ONE:.*]] = arith.constant 1 : index
// CHECK-DAG:     %[[TWO:.*]] = arith.constant 2 : index
// CHECK:         attn.weight "w"[%[[ONE]] of 2, %[[TWO]] of 3] : tensor<4x5xf32>
// CHECK:         attn.weight "w"[%{{.*}} of 2, %arg0 of 3] : tensor<4x5xf32>
// CHECK-NOT:     tensor.extract_slice
func.func @constant_indices(%i: index) -> (tensor<4x5xf32>, tensor<4x5xf32>) {
  %stack = attn.weight "w" : tensor<2x3x4x5xf32>
  %a = tensor.extract_slice %stack[1, 2, 0, 0] [1, 1, 4, 5] [1, 1, 1, 1] : tensor<2x3x4x5xf32> to tensor<4x5xf32>
  %b = tensor.extract_slice %stack[1, %i, 0, 0] [1, 1, 4, 5] [1, 1, 1, 1] : tensor<2x3x4x5xf32> to tensor<4x5xf32>
  return %a, %b : tensor<4x5xf32>, tensor<4x5xf32>
}

// -----

// Slices of slices, as `w[n][e]` makes.
// CHECK-LABEL: func.func @one_dim_after_the_other
// CHECK-SAME:    (%[[N:.*]]: index, %[[E:.*]]: index)
// CHECK:         attn.weight "w"[%[[N]] of 2, %[[E]] of 3] : tensor<4x5xf32>
// CHECK-NOT:     tensor.extract_slice
func.func @one_dim_after_the_other(%n: index, %e: index) -> tensor<4x5xf32> {
  %stacks = attn.weight "w" : tensor<2x3x4x5xf32>
  %stack = tensor.extract_slice %stacks[%n, 0, 0, 0] [1, 3, 4, 5] [1, 1, 1, 1] : tensor<2x3x4x5xf32> to tensor<3x4x5xf32>
  %w = tensor.extract_slice %stack[%e, 0, 0] [1, 4, 5] [1, 1, 1] : tensor<3x4x5xf32> to tensor<4x5xf32>
  return %w : tensor<4x5xf32>
}

// -----

// Of a stack that is widened, what is read of it is.
// CHECK-LABEL: func.func @widened
// CHECK:         attn.weight "w"[%{{.*}} of 2, %{{.*}} of 3] : tensor<4x5xbf16>
// CHECK-NOT:     tensor<2x3x4x5x
// CHECK:         arith.extf
func.func @widened(%n: index, %e: index) -> tensor<4x5xf32> {
  %stored = attn.weight "w" : tensor<2x3x4x5xbf16>
  %empty = tensor.empty() : tensor<2x3x4x5xf32>
  %stacks = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>],
                            iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%stored : tensor<2x3x4x5xbf16>) outs(%empty : tensor<2x3x4x5xf32>) {
  ^bb0(%x: bf16, %y: f32):
    %wide = arith.extf %x : bf16 to f32
    linalg.yield %wide : f32
  } -> tensor<2x3x4x5xf32>
  %stack = tensor.extract_slice %stacks[%n, 0, 0, 0] [1, 3, 4, 5] [1, 1, 1, 1] : tensor<2x3x4x5xf32> to tensor<3x4x5xf32>
  %w = tensor.extract_slice %stack[%e, 0, 0] [1, 4, 5] [1, 1, 1] : tensor<3x4x5xf32> to tensor<4x5xf32>
  return %w : tensor<4x5xf32>
}

// -----

// The whole stack is read too, in another function.
// CHECK-LABEL: func.func @some
// CHECK:         attn.weight "w" : tensor<8x16x32xf32>
// CHECK:         tensor.extract_slice
func.func @some(%i: index) -> tensor<16x32xf32> {
  %stack = attn.weight "w" : tensor<8x16x32xf32>
  %w = tensor.extract_slice %stack[%i, 0, 0] [1, 16, 32] [1, 1, 1] : tensor<8x16x32xf32> to tensor<16x32xf32>
  return %w : tensor<16x32xf32>
}
func.func @all() -> tensor<8x16x32xf32> {
  %stack = attn.weight "w" : tensor<8x16x32xf32>
  return %stack : tensor<8x16x32xf32>
}

// -----

// Part of a matrix, matrices across the stack, vectors, and two matrices at once.
// CHECK-LABEL: func.func @others
// CHECK-COUNT-4: tensor.extract_slice
func.func @others(%i: index) -> (tensor<16x8xf32>, tensor<8x32xf32>, tensor<32xf32>, tensor<2x16x32xf32>) {
  %a = attn.weight "a" : tensor<8x16x32xf32>
  %part = tensor.extract_slice %a[%i, 0, 8] [1, 16, 8] [1, 1, 1] : tensor<8x16x32xf32> to tensor<16x8xf32>
  %b = attn.weight "b" : tensor<8x16x32xf32>
  %across = tensor.extract_slice %b[0, %i, 0] [8, 1, 32] [1, 1, 1] : tensor<8x16x32xf32> to tensor<8x32xf32>
  %c = attn.weight "c" : tensor<8x32xf32>
  %vector = tensor.extract_slice %c[%i, 0] [1, 32] [1, 1] : tensor<8x32xf32> to tensor<32xf32>
  %d = attn.weight "d" : tensor<8x16x32xf32>
  %two = tensor.extract_slice %d[%i, 0, 0] [2, 16, 32] [1, 1, 1] : tensor<8x16x32xf32> to tensor<2x16x32xf32>
  return %part, %across, %vector, %two : tensor<16x8xf32>, tensor<8x32xf32>, tensor<32xf32>, tensor<2x16x32xf32>
}

// -----

// Of a matrix with a row, its dims stay.
// CHECK-LABEL: func.func @one_row
// CHECK:         attn.weight "w"[%{{.*}} of 8] : tensor<1x32xf32>
func.func @one_row(%i: index) -> tensor<1x32xf32> {
  %stack = attn.weight "w" : tensor<8x1x32xf32>
  %w = tensor.extract_slice %stack[%i, 0, 0] [1, 1, 32] [1, 1, 1] : tensor<8x1x32xf32> to tensor<1x32xf32>
  return %w : tensor<1x32xf32>
}
