// Sums of products that no panel would serve are left to the vectoriser; see PanelProduct.h.
// RUN: fovea-opt %s -attn-emit-contraction -canonicalize -cse -split-input-file -verify-diagnostics | FileCheck %s

// Neighbours are of different elements of the batch in both factors and the result.
// CHECK-LABEL: func.func @weighted_sum
// CHECK-NEXT:    linalg.generic
#x = affine_map<(k, m, n) -> (k, m, n)>
#w = affine_map<(k, m, n) -> (k, n)>
#y = affine_map<(k, m, n) -> (m, n)>
func.func @weighted_sum(%x: memref<4x?x1024xf32>, %w: memref<4x1024xf32>, %y: memref<?x1024xf32>) {
  // expected-remark @below {{[contraction] left to the vectoriser: no panel of one factor is read twice, and the other one lies along the batch}}
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["reduction", "parallel", "parallel"]}
    ins(%x, %w : memref<4x?x1024xf32>, memref<4x1024xf32>) outs(%y : memref<?x1024xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %c : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// The smaller factor first; the sums are shorter than a vector, and their results lie along the batch.
// CHECK-LABEL: func.func @short_sums
// CHECK-NEXT:    linalg.generic
#x = affine_map<(m, n, k) -> (m, n, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @short_sums(%x: memref<?x1024x4xf32>, %w: memref<1024x4xf32>, %y: memref<?x1024xf32>) {
  // expected-remark @below {{[contraction] left to the vectoriser: no panel of one factor is read twice}}
  linalg.generic {indexing_maps = [#w, #x, #y], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%w, %x : memref<1024x4xf32>, memref<?x1024x4xf32>) outs(%y : memref<?x1024xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %c : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// negative: sums of many products, one for each row of the larger factor's matrix.
// CHECK-LABEL: func.func @negative_long_sums
// CHECK:         vector.fma
// CHECK-NOT:     linalg
#x = affine_map<(m, n, k) -> (m, n, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @negative_long_sums(%x: memref<?x16x64xf32>, %w: memref<16x64xf32>, %y: memref<?x16xf32>) {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : memref<?x16x64xf32>, memref<16x64xf32>) outs(%y : memref<?x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %c : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// negative: a vector times a matrix for each element of the batch, as one decoded token's values.
// CHECK-LABEL: func.func @negative_values
// CHECK:         vector.fma
// CHECK-NOT:     linalg
#p = affine_map<(h, d, s) -> (h, s)>
#v = affine_map<(h, d, s) -> (h, s, d)>
#o = affine_map<(h, d, s) -> (h, d)>
func.func @negative_values(%p: memref<8x?xf32>, %v: memref<8x?x64xf32>, %o: memref<8x64xf32>) {
  linalg.generic {indexing_maps = [#p, #v, #o], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%p, %v : memref<8x?xf32>, memref<8x?x64xf32>) outs(%o : memref<8x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %q = arith.mulf %a, %b : f32
    %s = arith.addf %q, %c : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// negative: a vector times a matrix for each element of the batch, whose sums are short.
// CHECK-LABEL: func.func @negative_short_scores
// CHECK:         vector.fma
// CHECK-NOT:     linalg
#q = affine_map<(h, s, d) -> (h, d)>
#k = affine_map<(h, s, d) -> (h, s, d)>
#o = affine_map<(h, s, d) -> (h, s)>
func.func @negative_short_scores(%q: memref<8x16xf32>, %k: memref<8x?x16xf32>, %o: memref<8x?xf32>) {
  linalg.generic {indexing_maps = [#q, #k, #o], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%q, %k : memref<8x16xf32>, memref<8x?x16xf32>) outs(%o : memref<8x?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %c : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// negative: sums in wider floats than the result's, which only panels hold.
// CHECK-LABEL: func.func @negative_narrow
// CHECK:         vector.fma {{.*}}f32>
// CHECK-NOT:     linalg
#x = affine_map<(k, m, n) -> (k, m, n)>
#w = affine_map<(k, m, n) -> (k, n)>
#y = affine_map<(k, m, n) -> (m, n)>
func.func @negative_narrow(%x: memref<4x32x64xbf16>, %w: memref<4x64xbf16>, %y: memref<32x64xbf16>) {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["reduction", "parallel", "parallel"]}
    ins(%x, %w : memref<4x32x64xbf16>, memref<4x64xbf16>) outs(%y : memref<32x64xbf16>) {
  ^bb0(%a: bf16, %b: bf16, %c: bf16):
    %p = arith.mulf %a, %b : bf16
    %s = arith.addf %p, %c : bf16
    linalg.yield %s : bf16
  }
  return
}
