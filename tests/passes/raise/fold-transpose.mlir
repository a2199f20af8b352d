// Transpositions around attention become its permutations, those around contractions their maps.
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

// -----

// Contractions read factors through their maps, in any order.
#x = affine_map<(l, n, k) -> (l, k)>
#w = affine_map<(l, n, k) -> (k, n)>
#y = affine_map<(l, n, k) -> (l, n)>
// CHECK-DAG: #[[XT:.*]] = affine_map<(d0, d1, d2) -> (d2, d0)>
// CHECK-DAG: #[[WT:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-LABEL: func @factors
// CHECK-SAME: (%[[X:.*]]: tensor<64x?xf32>, %[[W:.*]]: tensor<32x64xf32>
// CHECK-NOT: linalg.transpose
// CHECK: linalg.generic {indexing_maps = [#[[XT]], #[[WT]], #{{.*}}]
// CHECK-SAME: ins(%[[X]], %[[W]] : tensor<64x?xf32>, tensor<32x64xf32>)
func.func @factors(%x: tensor<64x?xf32>, %w: tensor<32x64xf32>, %l: index) -> tensor<?x32xf32> {
  %zero = arith.constant 0.0 : f32
  %ex = tensor.empty(%l) : tensor<?x64xf32>
  %xt = linalg.transpose ins(%x : tensor<64x?xf32>) outs(%ex : tensor<?x64xf32>) permutation = [1, 0]
  %ew = tensor.empty() : tensor<64x32xf32>
  %wt = linalg.transpose ins(%w : tensor<32x64xf32>) outs(%ew : tensor<64x32xf32>) permutation = [1, 0]
  %e = tensor.empty(%l) : tensor<?x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%xt, %wt : tensor<?x64xf32>, tensor<64x32xf32>) outs(%f : tensor<?x32xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x32xf32>
  return %r : tensor<?x32xf32>
}

// -----

// A cycle of three dims is not its own inverse: the map must be the source's.
#a = affine_map<(b, m, n, k) -> (b, m, k)>
#b = affine_map<(b, m, n, k) -> (b, k, n)>
#c = affine_map<(b, m, n, k) -> (b, m, n)>
// CHECK-DAG: #[[A:.*]] = affine_map<(d0, d1, d2, d3) -> (d3, d0, d1)>
// CHECK-LABEL: func @cycle
// CHECK-SAME: (%[[X:.*]]: tensor<8x2x4xf32>
// CHECK: linalg.generic {indexing_maps = [#[[A]],
// CHECK-SAME: ins(%[[X]],
func.func @cycle(%x: tensor<8x2x4xf32>, %w: tensor<2x8x16xf32>) -> tensor<2x4x16xf32> {
  %zero = arith.constant 0.0 : f32
  %ex = tensor.empty() : tensor<2x4x8xf32>
  %xt = linalg.transpose ins(%x : tensor<8x2x4xf32>) outs(%ex : tensor<2x4x8xf32>) permutation = [1, 2, 0]
  %e = tensor.empty() : tensor<2x4x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4x16xf32>) -> tensor<2x4x16xf32>
  %r = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%xt, %w : tensor<2x4x8xf32>, tensor<2x8x16xf32>) outs(%f : tensor<2x4x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x4x16xf32>
  return %r : tensor<2x4x16xf32>
}

// -----

// A factor is widened behind its transposition: the conversion reads it transposed, for
// -attn-fold-widening to find.
#id = affine_map<(k, n) -> (k, n)>
// CHECK: #[[T:.*]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: func @widened
// CHECK-NOT: linalg.transpose
// CHECK: linalg.generic {indexing_maps = [#[[T]], #{{.*}}]
func.func @widened(%w: tensor<32x64xf16>) -> tensor<64x32xf32> {
  %ew = tensor.empty() : tensor<64x32xf16>
  %wt = linalg.transpose ins(%w : tensor<32x64xf16>) outs(%ew : tensor<64x32xf16>) permutation = [1, 0]
  %e = tensor.empty() : tensor<64x32xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%wt : tensor<64x32xf16>) outs(%e : tensor<64x32xf32>) {
  ^bb0(%a: f16, %c: f32):
    %x = arith.extf %a : f16 to f32
    linalg.yield %x : f32
  } -> tensor<64x32xf32>
  return %r : tensor<64x32xf32>
}

// -----

// Products are written transposed.
#x = affine_map<(n, l, k) -> (n, k)>
#w = affine_map<(n, l, k) -> (k, l)>
#y = affine_map<(n, l, k) -> (n, l)>
// CHECK-DAG: #[[Y:.*]] = affine_map<(d0, d1, d2) -> (d1, d0)>
// CHECK-LABEL: func @product
// CHECK: %[[E:.*]] = tensor.empty(%{{.*}}) : tensor<?x32xf32>
// CHECK: %[[F:.*]] = linalg.fill {{.*}} outs(%[[E]]
// CHECK: %[[R:.*]] = linalg.generic {indexing_maps = [#{{.*}}, #{{.*}}, #[[Y]]]
// CHECK-SAME: outs(%[[F]] : tensor<?x32xf32>)
// CHECK: return %[[R]]
func.func @product(%w: tensor<32x64xf32>, %x: tensor<64x?xf32>, %l: index) -> tensor<?x32xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%l) : tensor<32x?xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<32x?xf32>) -> tensor<32x?xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%w, %x : tensor<32x64xf32>, tensor<64x?xf32>) outs(%f : tensor<32x?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<32x?xf32>
  %et = tensor.empty(%l) : tensor<?x32xf32>
  %t = linalg.transpose ins(%r : tensor<32x?xf32>) outs(%et : tensor<?x32xf32>) permutation = [1, 0]
  return %t : tensor<?x32xf32>
}

// -----

// The product is read as it is, too; or it is added to what a tensor holds.
#x = affine_map<(n, l, k) -> (n, k)>
#w = affine_map<(n, l, k) -> (k, l)>
#y = affine_map<(n, l, k) -> (n, l)>
// CHECK-LABEL: func @negative_products
// CHECK-COUNT-2: linalg.transpose
func.func @negative_products(%w: tensor<32x64xf32>, %x: tensor<64x16xf32>, %init: tensor<32x16xf32>) -> (tensor<32x16xf32>, tensor<16x32xf32>, tensor<16x32xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<32x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<32x16xf32>) -> tensor<32x16xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%w, %x : tensor<32x64xf32>, tensor<64x16xf32>) outs(%f : tensor<32x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<32x16xf32>
  %q = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%w, %x : tensor<32x64xf32>, tensor<64x16xf32>) outs(%init : tensor<32x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<32x16xf32>
  %et = tensor.empty() : tensor<16x32xf32>
  %t = linalg.transpose ins(%r : tensor<32x16xf32>) outs(%et : tensor<16x32xf32>) permutation = [1, 0]
  %u = linalg.transpose ins(%q : tensor<32x16xf32>) outs(%et : tensor<16x32xf32>) permutation = [1, 0]
  return %r, %t, %u : tensor<32x16xf32>, tensor<16x32xf32>, tensor<16x32xf32>
}

// -----

// What is not a contraction keeps whole rows: a sum over the rows of a transposed tensor.
#in = affine_map<(i, j) -> (i, j)>
#out = affine_map<(i, j) -> (i)>
// CHECK-LABEL: func @negative_row_sum
// CHECK: linalg.transpose
func.func @negative_row_sum(%x: tensor<32x64xf32>, %init: tensor<64xf32>) -> tensor<64xf32> {
  %e = tensor.empty() : tensor<64x32xf32>
  %t = linalg.transpose ins(%x : tensor<32x64xf32>) outs(%e : tensor<64x32xf32>) permutation = [1, 0]
  %r = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]}
    ins(%t : tensor<64x32xf32>) outs(%init : tensor<64xf32>) {
  ^bb0(%a: f32, %c: f32):
    %s = arith.addf %c, %a : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  return %r : tensor<64xf32>
}

// -----

// Along the batch neither rows nor sums are vectors: transposed, each is read once.
#a = affine_map<(b, m, n, k) -> (b, m, k)>
#b = affine_map<(b, m, n, k) -> (b, k, n)>
#c = affine_map<(b, m, n, k) -> (b, m, n)>
// CHECK-LABEL: func @negative_batch_innermost
// CHECK-COUNT-2: linalg.transpose
func.func @negative_batch_innermost(%x: tensor<4x8x2xf32>, %w: tensor<2x8x16xf32>) -> tensor<4x16x2xf32> {
  %zero = arith.constant 0.0 : f32
  %ex = tensor.empty() : tensor<2x4x8xf32>
  %xt = linalg.transpose ins(%x : tensor<4x8x2xf32>) outs(%ex : tensor<2x4x8xf32>) permutation = [2, 0, 1]
  %e = tensor.empty() : tensor<2x4x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4x16xf32>) -> tensor<2x4x16xf32>
  %r = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%xt, %w : tensor<2x4x8xf32>, tensor<2x8x16xf32>) outs(%f : tensor<2x4x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x4x16xf32>
  %et = tensor.empty() : tensor<4x16x2xf32>
  %t = linalg.transpose ins(%r : tensor<2x4x16xf32>) outs(%et : tensor<4x16x2xf32>) permutation = [1, 2, 0]
  return %t : tensor<4x16x2xf32>
}
