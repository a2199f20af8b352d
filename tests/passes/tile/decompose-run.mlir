// What the decomposed ops compute, by running them.
// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-decompose{attention=true}), \
// RUN:   one-shot-bufferize{bufferize-function-boundaries}, func.func(convert-linalg-to-loops), \
// RUN:   convert-vector-to-scf, expand-strided-metadata, lower-affine, convert-vector-to-llvm, convert-scf-to-cf, convert-to-llvm, reconcile-unrealized-casts)" \
// RUN:   | mlir-runner -e main -entry-point-result=void -shared-libs=%llvm_lib/libmlir_c_runner_utils.so | FileCheck %s

func.func @print12(%x: tensor<12xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %v = vector.transfer_read %x[%c0], %zero : tensor<12xf32>, vector<12xf32>
  vector.print %v : vector<12xf32>
  return
}

// dropout_s1: known answers of Philox 4x32-10 for counters 0 to 11, checked against a second
// implementation that reproduces the paper's vectors. Seed 0 gives u = 0.3990, 0.9722, 0.0194,
// 0.7874, 0.9345, 0.4503, 0.7136, 0.6590, 0.2491, 0.5895, 0.8417, 0.6288.
func.func @dropout() {
  %ones = arith.constant dense<1.0> : tensor<12xf32>
  %seed0 = arith.constant 0 : i64
  // 0.125 = 1 - 7/8 keeps nothing below 7/8: elements 1 and 4, times 8.
  %e0 = tensor.empty() : tensor<12xf32>
  %0 = attn.dropout ins(%ones : tensor<12xf32>) outs(%e0 : tensor<12xf32>) seed(%seed0) {p = 0.875 : f64} -> tensor<12xf32>
  // CHECK: ( 0, 8, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0 )
  func.call @print12(%0) : (tensor<12xf32>) -> ()
  %e1 = tensor.empty() : tensor<12xf32>
  %1 = attn.dropout ins(%ones : tensor<12xf32>) outs(%e1 : tensor<12xf32>) seed(%seed0) {p = 0.5 : f64} -> tensor<12xf32>
  // CHECK-NEXT: ( 0, 2, 0, 2, 2, 0, 2, 2, 0, 2, 2, 2 )
  func.call @print12(%1) : (tensor<12xf32>) -> ()
  // Both halves of the seed count. u = 0.72, 0.68, 0.97, 0.67, 0.63, 0.34, 0.37, 0.56, 0.87, 0.43, 0.73, 0.43.
  %seed1 = arith.constant 81985529216486895 : i64
  %e2 = tensor.empty() : tensor<12xf32>
  %2 = attn.dropout ins(%ones : tensor<12xf32>) outs(%e2 : tensor<12xf32>) seed(%seed1) {p = 0.5 : f64} -> tensor<12xf32>
  // CHECK-NEXT: ( 2, 2, 2, 2, 2, 0, 0, 2, 2, 0, 2, 0 )
  func.call @print12(%2) : (tensor<12xf32>) -> ()
  return
}

// Two queries at positions 1 and 2 of three keys. Key 2 and its value are NaN and masked for all
// (attention_s6); query 1 sees nothing (attention_s4); query 0 sees keys 0 and 1.
func.func @attention(%unknown: index) {
  %q = arith.constant dense<[[[[1.0, 0.0], [0.0, 1.0]]]]> : tensor<1x1x2x2xf32>
  %k = arith.constant dense<[[[[2.0, 0.0], [2.0, 5.0], [0x7FC00000, 1.0]]]]> : tensor<1x1x3x2xf32>
  %v = arith.constant dense<[[[[1.0, 4.0], [3.0, 8.0], [0x7FC00000, 0x7F800000]]]]> : tensor<1x1x3x2xf32>
  %o = tensor.empty() : tensor<1x1x2x2xf32>
  %w = tensor.empty() : tensor<1x1x2x3xf32>
  %l = tensor.empty() : tensor<1x1x2xf32>
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %r:3 = attn.attention ins(%q, %k, %v : tensor<1x1x2x2xf32>, tensor<1x1x3x2xf32>, tensor<1x1x3x2xf32>)
      outs(%o, %w, %l : tensor<1x1x2x2xf32>, tensor<1x1x2x3xf32>, tensor<1x1x2xf32>) {with_weights, with_lse, scale = 0.5 : f64}
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %seen = arith.cmpi eq, %i, %c1 : index
      %key = arith.cmpi ne, %j, %c2 : index
      %p = arith.andi %seen, %key : i1
      attn.yield %p : i1
    } -> tensor<1x1x2x2xf32>, tensor<1x1x2x3xf32>, tensor<1x1x2xf32>
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %ro = vector.transfer_read %r#0[%c0, %c0, %c0, %c0], %zero : tensor<1x1x2x2xf32>, vector<2x2xf32>
  %rw = vector.transfer_read %r#1[%c0, %c0, %c0, %c0], %zero : tensor<1x1x2x3xf32>, vector<2x3xf32>
  %rl = vector.transfer_read %r#2[%c0, %c0, %c0], %zero : tensor<1x1x2xf32>, vector<2xf32>
  // CHECK-NEXT: ( ( 2, 6 ), ( 0, 0 ) )
  vector.print %ro : vector<2x2xf32>
  // CHECK-NEXT: ( ( 0.5, 0.5, 0 ), ( 0, 0, 0 ) )
  vector.print %rw : vector<2x3xf32>
  // 1 + log 2
  // CHECK-NEXT: ( 1.69315, -inf )
  vector.print %rl : vector<2xf32>
  return
}

// The dropout of a tile is that of the whole: counters 4 and 5 of seed 0 are 0.93 and 0.45.
func.func @attention_dropout() {
  %x = arith.constant dense<0.0> : tensor<1x1x1x2xf32>
  %k = arith.constant dense<0.0> : tensor<1x1x2x2xf32>
  %seed = arith.constant 0 : i64
  %c4 = arith.constant 4 : index
  %o = tensor.empty() : tensor<1x1x1x2xf32>
  %w = tensor.empty() : tensor<1x1x1x2xf32>
  %r:2 = attn.attention ins(%x, %k, %k : tensor<1x1x1x2xf32>, tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>)
      outs(%o, %w : tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>) seed(%seed) counter(%c4, %c4, %c4) {dropout = 0.5 : f64, with_weights}
      -> tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %rw = vector.transfer_read %r#1[%c0, %c0, %c0, %c0], %zero : tensor<1x1x1x2xf32>, vector<2xf32>
  // CHECK-NEXT: ( 1, 0 )
  vector.print %rw : vector<2xf32>
  return
}

// A row of -inf gives zeros; large scores do not overflow.
func.func @softmax() {
  %s = arith.constant dense<[[0xFF800000, 0xFF800000], [1000.0, 1000.0], [0xFF800000, -1000.0]]> : tensor<3x2xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %p = attn.softmax ins(%s : tensor<3x2xf32>) outs(%e : tensor<3x2xf32>) dim(1) -> tensor<3x2xf32>
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %v = vector.transfer_read %p[%c0, %c0], %zero : tensor<3x2xf32>, vector<3x2xf32>
  // CHECK-NEXT: ( ( 0, 0 ), ( 0.5, 0.5 ), ( 0, 1 ) )
  vector.print %v : vector<3x2xf32>
  return
}

// Pairs (1, 2) and (3, 4) or (1, 3) and (2, 4), by a quarter and by half a turn; 5 stays.
func.func @rotary() {
  %x = arith.constant dense<[[[[1.0, 2.0, 3.0, 4.0, 5.0]]]]> : tensor<1x1x1x5xf32>
  %cos = arith.constant dense<[[0.0, -1.0]]> : tensor<1x2xf32>
  %sin = arith.constant dense<[[1.0, 0.0]]> : tensor<1x2xf32>
  %e0 = tensor.empty() : tensor<1x1x1x5xf32>
  %e1 = tensor.empty() : tensor<1x1x1x5xf32>
  %half = attn.rotary ins(%x, %cos, %sin : tensor<1x1x1x5xf32>, tensor<1x2xf32>, tensor<1x2xf32>) outs(%e0 : tensor<1x1x1x5xf32>) -> tensor<1x1x1x5xf32>
  %inter = attn.rotary ins(%x, %cos, %sin : tensor<1x1x1x5xf32>, tensor<1x2xf32>, tensor<1x2xf32>) outs(%e1 : tensor<1x1x1x5xf32>)
    {pairing = #attn<rotary_pairing interleaved>} -> tensor<1x1x1x5xf32>
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %v0 = vector.transfer_read %half[%c0, %c0, %c0, %c0], %zero : tensor<1x1x1x5xf32>, vector<5xf32>
  %v1 = vector.transfer_read %inter[%c0, %c0, %c0, %c0], %zero : tensor<1x1x1x5xf32>, vector<5xf32>
  // CHECK-NEXT: ( -3, -2, 1, -4, 5 )
  vector.print %v0 : vector<5xf32>
  // CHECK-NEXT: ( -2, 1, -3, -4, 5 )
  vector.print %v1 : vector<5xf32>
  return
}

// Three rows into a ring of four from row 7 mod 4 = 3 on.
func.func @cache_append() {
  %x = arith.constant dense<[[[[1.0], [2.0], [3.0]]]]> : tensor<1x1x3x1xf32>
  %old = arith.constant dense<[[[[-1.0], [-2.0], [-3.0], [-4.0]]]]> : tensor<1x1x4x1xf32>
  %c7 = arith.constant 7 : index
  %r = attn.cache_append ins(%x : tensor<1x1x3x1xf32>) outs(%old : tensor<1x1x4x1xf32>) at(%c7) {ring} -> tensor<1x1x4x1xf32>
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %v = vector.transfer_read %r[%c0, %c0, %c0, %c0], %zero {permutation_map = affine_map<(d0, d1, d2, d3) -> (d2)>} : tensor<1x1x4x1xf32>, vector<4xf32>
  // CHECK-NEXT: ( 2, 3, -3, 1 )
  vector.print %v : vector<4xf32>
  return
}

func.func @main() {
  %c0 = arith.constant 0 : index
  call @dropout() : () -> ()
  call @attention(%c0) : (index) -> ()
  call @attention_dropout() : () -> ()
  call @softmax() : () -> ()
  call @rotary() : () -> ()
  call @cache_append() : () -> ()
  return
}
