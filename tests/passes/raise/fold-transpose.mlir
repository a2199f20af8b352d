// Transpositions around attention become its permutations.
// RUN: fovea-opt %s --split-input-file --attn-fold-transpose --canonicalize | FileCheck %s

// CHECK-LABEL: func @all_four
// CHECK-SAME: (%[[Q:.*]]: tensor<2x?x8x64xf32>, %[[K:.*]]: tensor<2x64x8x?xf32>, %[[V:.*]]: tensor<2x?x8x32xf32>, %[[N:.*]]: index)
// CHECK-NOT: linalg.transpose
// CHECK: %[[INIT:.*]] = tensor.empty(%[[N]]) : tensor<2x?x8x32xf32>
// CHECK: attn.attention ins(%[[Q]], %[[K]], %[[V]]
// CHECK-SAME: outs(%[[INIT]] : tensor<2x?x8x32xf32>)
// CHECK-SAME: key_perm = array<i64: 0, 2, 3, 1>, output_perm = array<i64: 0, 2, 1, 3>, query_perm = array<i64: 0, 2, 1, 3>, value_perm = array<i64: 0, 2, 1, 3>
// CHECK-NOT: linalg.transpose
func.func @all_four(%q: tensor<2x?x8x64xf32>, %k: tensor<2x64x8x?xf32>, %v: tensor<2x?x8x32xf32>, %n: index) -> tensor<2x?x8x32xf32> {
  %eq = tensor.empty(%n) : tensor<2x8x?x64xf32>
  %qt = linalg.transpose ins(%q : tensor<2x?x8x64xf32>) outs(%eq : tensor<2x8x?x64xf32>) permutation = [0, 2, 1, 3]
  %kt = linalg.transpose ins(%k : tensor<2x64x8x?xf32>) outs(%eq : tensor<2x8x?x64xf32>) permutation = [0, 2, 3, 1]
  %ev = tensor.empty(%n) : tensor<2x8x?x32xf32>
  %vt = linalg.transpose ins(%v : tensor<2x?x8x32xf32>) outs(%ev : tensor<2x8x?x32xf32>) permutation = [0, 2, 1, 3]
  %o = attn.attention ins(%qt, %kt, %vt : tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<2x8x?x32xf32>) outs(%ev : tensor<2x8x?x32xf32>) -> tensor<2x8x?x32xf32>
  %eo = tensor.empty(%n) : tensor<2x?x8x32xf32>
  %ot = linalg.transpose ins(%o : tensor<2x8x?x32xf32>) outs(%eo : tensor<2x?x8x32xf32>) permutation = [0, 2, 1, 3]
  return %ot : tensor<2x?x8x32xf32>
}

// -----

// A transposition of an operand that is read in another order already composes with that order.
// CHECK-LABEL: func @composed
// CHECK-SAME: (%[[Q:.*]]: tensor<64x2x8x4xf32>
// CHECK: attn.attention ins(%[[Q]],
// CHECK-SAME: query_perm = array<i64: 1, 2, 3, 0>
func.func @composed(%q: tensor<64x2x8x4xf32>, %k: tensor<2x8x4x64xf32>, %v: tensor<2x8x4x64xf32>) -> tensor<2x8x4x64xf32> {
  %eq = tensor.empty() : tensor<2x4x8x64xf32>
  %qt = linalg.transpose ins(%q : tensor<64x2x8x4xf32>) outs(%eq : tensor<2x4x8x64xf32>) permutation = [1, 3, 2, 0]
  %e = tensor.empty() : tensor<2x8x4x64xf32>
  %o = attn.attention ins(%qt, %k, %v : tensor<2x4x8x64xf32>, tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>) outs(%e : tensor<2x8x4x64xf32>) {query_perm = array<i64: 0, 2, 1, 3>} -> tensor<2x8x4x64xf32>
  return %o : tensor<2x8x4x64xf32>
}

// -----

// Two transpositions that undo each other leave no permutation.
// CHECK-LABEL: func @identity
// CHECK-NOT: query_perm
// CHECK: return
func.func @identity(%q: tensor<2x8x4x64xf32>, %k: tensor<2x8x4x64xf32>, %v: tensor<2x8x4x64xf32>) -> tensor<2x8x4x64xf32> {
  %eq = tensor.empty() : tensor<2x4x8x64xf32>
  %qt = linalg.transpose ins(%q : tensor<2x8x4x64xf32>) outs(%eq : tensor<2x4x8x64xf32>) permutation = [0, 2, 1, 3]
  %e = tensor.empty() : tensor<2x8x4x64xf32>
  %o = attn.attention ins(%qt, %k, %v : tensor<2x4x8x64xf32>, tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>) outs(%e : tensor<2x8x4x64xf32>) {query_perm = array<i64: 0, 2, 1, 3>} -> tensor<2x8x4x64xf32>
  return %o : tensor<2x8x4x64xf32>
}

// -----

// The output is used as it is, too.
// CHECK-LABEL: func @negative_output_used_twice
// CHECK-NOT: output_perm
// CHECK: linalg.transpose
func.func @negative_output_used_twice(%q: tensor<2x8x4x64xf32>) -> (tensor<2x8x4x64xf32>, tensor<2x4x8x64xf32>) {
  %e = tensor.empty() : tensor<2x8x4x64xf32>
  %o = attn.attention ins(%q, %q, %q : tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>) outs(%e : tensor<2x8x4x64xf32>) -> tensor<2x8x4x64xf32>
  %eo = tensor.empty() : tensor<2x4x8x64xf32>
  %ot = linalg.transpose ins(%o : tensor<2x8x4x64xf32>) outs(%eo : tensor<2x4x8x64xf32>) permutation = [0, 2, 1, 3]
  return %o, %ot : tensor<2x8x4x64xf32>, tensor<2x4x8x64xf32>
}

// -----

// The output goes into a tensor that the caller chose; its shape stays.
// CHECK-LABEL: func @negative_given_init
// CHECK-NOT: output_perm
// CHECK: linalg.transpose
func.func @negative_given_init(%q: tensor<2x8x4x64xf32>, %init: tensor<2x8x4x64xf32>) -> tensor<2x4x8x64xf32> {
  %o = attn.attention ins(%q, %q, %q : tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>) outs(%init : tensor<2x8x4x64xf32>) -> tensor<2x8x4x64xf32>
  %eo = tensor.empty() : tensor<2x4x8x64xf32>
  %ot = linalg.transpose ins(%o : tensor<2x8x4x64xf32>) outs(%eo : tensor<2x4x8x64xf32>) permutation = [0, 2, 1, 3]
  return %ot : tensor<2x4x8x64xf32>
}

// -----

// Weights have no permutation of their own.
// CHECK-LABEL: func @negative_weights_transposed
// CHECK-NOT: output_perm
// CHECK: linalg.transpose
func.func @negative_weights_transposed(%q: tensor<2x8x4x64xf32>) -> (tensor<2x8x4x64xf32>, tensor<2x4x8x4xf32>) {
  %e = tensor.empty() : tensor<2x8x4x64xf32>
  %ew = tensor.empty() : tensor<2x8x4x4xf32>
  %o:2 = attn.attention ins(%q, %q, %q : tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>, tensor<2x8x4x64xf32>) outs(%e, %ew : tensor<2x8x4x64xf32>, tensor<2x8x4x4xf32>) {with_weights} -> tensor<2x8x4x64xf32>, tensor<2x8x4x4xf32>
  %eo = tensor.empty() : tensor<2x4x8x4xf32>
  %ot = linalg.transpose ins(%o#1 : tensor<2x8x4x4xf32>) outs(%eo : tensor<2x4x8x4xf32>) permutation = [0, 2, 1, 3]
  return %o#0, %ot : tensor<2x8x4x64xf32>, tensor<2x4x8x4xf32>
}
