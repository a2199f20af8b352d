// Heads of keys and values that a graph repeats are shared by groups of query heads instead.
// RUN: fovea-opt %s --split-input-file --attn-fold-transpose --canonicalize | FileCheck %s

// CHECK-LABEL: func @repeated
// CHECK-SAME: (%[[Q:.*]]: tensor<1x6x4x8xf32>, %[[K:.*]]: tensor<1x2x4x8xf32>, %[[V:.*]]: tensor<1x2x4x8xf32>)
// CHECK-NOT: linalg.broadcast
// CHECK: attn.attention ins(%[[Q]], %[[K]], %[[V]]
func.func @repeated(%q: tensor<1x6x4x8xf32>, %k: tensor<1x2x4x8xf32>, %v: tensor<1x2x4x8xf32>) -> tensor<1x6x4x8xf32> {
  %e5 = tensor.empty() : tensor<1x2x3x4x8xf32>
  %kb = linalg.broadcast ins(%k : tensor<1x2x4x8xf32>) outs(%e5 : tensor<1x2x3x4x8xf32>) dimensions = [2]
  %kr = tensor.collapse_shape %kb [[0], [1, 2], [3], [4]] : tensor<1x2x3x4x8xf32> into tensor<1x6x4x8xf32>
  %vb = linalg.broadcast ins(%v : tensor<1x2x4x8xf32>) outs(%e5 : tensor<1x2x3x4x8xf32>) dimensions = [2]
  %vr = tensor.collapse_shape %vb [[0], [1, 2], [3], [4]] : tensor<1x2x3x4x8xf32> into tensor<1x6x4x8xf32>
  %e = tensor.empty() : tensor<1x6x4x8xf32>
  %o = attn.attention ins(%q, %kr, %vr : tensor<1x6x4x8xf32>, tensor<1x6x4x8xf32>, tensor<1x6x4x8xf32>) outs(%e : tensor<1x6x4x8xf32>) -> tensor<1x6x4x8xf32>
  return %o : tensor<1x6x4x8xf32>
}

// -----

// Heads repeated as a whole (0 1 0 1 0 1) are not the groups of attention (0 0 0 1 1 1).
// CHECK-LABEL: func @negative_tiled_heads
// CHECK-COUNT-2: linalg.broadcast
func.func @negative_tiled_heads(%q: tensor<1x6x4x8xf32>, %k: tensor<1x2x4x8xf32>, %v: tensor<1x2x4x8xf32>) -> tensor<1x6x4x8xf32> {
  %e5 = tensor.empty() : tensor<1x3x2x4x8xf32>
  %kb = linalg.broadcast ins(%k : tensor<1x2x4x8xf32>) outs(%e5 : tensor<1x3x2x4x8xf32>) dimensions = [1]
  %kr = tensor.collapse_shape %kb [[0], [1, 2], [3], [4]] : tensor<1x3x2x4x8xf32> into tensor<1x6x4x8xf32>
  %vb = linalg.broadcast ins(%v : tensor<1x2x4x8xf32>) outs(%e5 : tensor<1x3x2x4x8xf32>) dimensions = [1]
  %vr = tensor.collapse_shape %vb [[0], [1, 2], [3], [4]] : tensor<1x3x2x4x8xf32> into tensor<1x6x4x8xf32>
  %e = tensor.empty() : tensor<1x6x4x8xf32>
  %o = attn.attention ins(%q, %kr, %vr : tensor<1x6x4x8xf32>, tensor<1x6x4x8xf32>, tensor<1x6x4x8xf32>) outs(%e : tensor<1x6x4x8xf32>) -> tensor<1x6x4x8xf32>
  return %o : tensor<1x6x4x8xf32>
}

// -----

// Only the keys are repeated.
// CHECK-LABEL: func @negative_keys_alone
// CHECK: linalg.broadcast
func.func @negative_keys_alone(%q: tensor<1x6x4x8xf32>, %k: tensor<1x2x4x8xf32>, %v: tensor<1x6x4x8xf32>) -> tensor<1x6x4x8xf32> {
  %e5 = tensor.empty() : tensor<1x2x3x4x8xf32>
  %kb = linalg.broadcast ins(%k : tensor<1x2x4x8xf32>) outs(%e5 : tensor<1x2x3x4x8xf32>) dimensions = [2]
  %kr = tensor.collapse_shape %kb [[0], [1, 2], [3], [4]] : tensor<1x2x3x4x8xf32> into tensor<1x6x4x8xf32>
  %e = tensor.empty() : tensor<1x6x4x8xf32>
  %o = attn.attention ins(%q, %kr, %v : tensor<1x6x4x8xf32>, tensor<1x6x4x8xf32>, tensor<1x6x4x8xf32>) outs(%e : tensor<1x6x4x8xf32>) -> tensor<1x6x4x8xf32>
  return %o : tensor<1x6x4x8xf32>
}

// -----

// Groups of different sizes.
// CHECK-LABEL: func @negative_other_groups
// CHECK-COUNT-2: linalg.broadcast
func.func @negative_other_groups(%q: tensor<1x6x4x8xf32>, %k: tensor<1x2x4x8xf32>, %v: tensor<1x3x4x8xf32>) -> tensor<1x6x4x8xf32> {
  %e5 = tensor.empty() : tensor<1x2x3x4x8xf32>
  %f5 = tensor.empty() : tensor<1x3x2x4x8xf32>
  %kb = linalg.broadcast ins(%k : tensor<1x2x4x8xf32>) outs(%e5 : tensor<1x2x3x4x8xf32>) dimensions = [2]
  %kr = tensor.collapse_shape %kb [[0], [1, 2], [3], [4]] : tensor<1x2x3x4x8xf32> into tensor<1x6x4x8xf32>
  %vb = linalg.broadcast ins(%v : tensor<1x3x4x8xf32>) outs(%f5 : tensor<1x3x2x4x8xf32>) dimensions = [2]
  %vr = tensor.collapse_shape %vb [[0], [1, 2], [3], [4]] : tensor<1x3x2x4x8xf32> into tensor<1x6x4x8xf32>
  %e = tensor.empty() : tensor<1x6x4x8xf32>
  %o = attn.attention ins(%q, %kr, %vr : tensor<1x6x4x8xf32>, tensor<1x6x4x8xf32>, tensor<1x6x4x8xf32>) outs(%e : tensor<1x6x4x8xf32>) -> tensor<1x6x4x8xf32>
  return %o : tensor<1x6x4x8xf32>
}
