// attn ops on tensors become linalg and tensor ops. Attention and sampling stay.
// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-decompose))" -split-input-file | FileCheck %s

// CHECK-DAG: #[[ALL:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[COLUMN:.*]] = affine_map<(d0, d1) -> (d0, 0)>
// CHECK-LABEL: func @masks
// CHECK-SAME: %[[S:[^:]*]]: tensor<?x6xf32>, %[[INIT:[^:]*]]: tensor<?x6xi1>, %[[C:[^:]*]]: tensor<?x1xi1>, %[[O:[^:]*]]: tensor<?x6xf32>
func.func @masks(%s: tensor<?x6xf32>, %init: tensor<?x6xi1>, %column: tensor<?x1xi1>, %o: tensor<?x6xf32>)
    -> (tensor<?x6xi1>, tensor<?x6xf32>) {
  // CHECK: %[[M:.*]] = linalg.generic {indexing_maps = [#[[ALL]]], iterator_types = ["parallel", "parallel"]} outs(%[[INIT]] : tensor<?x6xi1>)
  // CHECK: %[[I:.*]] = linalg.index 0
  // CHECK: %[[J:.*]] = linalg.index 1
  // CHECK: %[[P:.*]] = arith.cmpi sge, %[[I]], %[[J]]
  // CHECK: linalg.yield %[[P]] : i1
  %m = attn.create_mask outs(%init : tensor<?x6xi1>) where {
  ^bb0(%i: index, %j: index):
    %p = arith.cmpi sge, %i, %j : index
    attn.yield %p : i1
  } -> tensor<?x6xi1>
  // A dim of size 1 is read at 0 for every score.
  // CHECK: linalg.generic {indexing_maps = [#[[ALL]], #[[COLUMN]], #[[ALL]]], {{.*}}} ins(%[[S]], %[[C]] : {{.*}}) outs(%[[O]] :
  // CHECK: ^bb0(%[[X:.*]]: f32, %[[ALLOWED:.*]]: i1, %{{.*}}: f32):
  // CHECK: %[[FILL:.*]] = arith.constant -1.000000e+09 : f32
  // CHECK: arith.select %[[ALLOWED]], %[[X]], %[[FILL]] : f32
  %0 = attn.apply_mask ins(%s, %column : tensor<?x6xf32>, tensor<?x1xi1>) outs(%o : tensor<?x6xf32>) fill(-1.0e9) -> tensor<?x6xf32>
  // CHECK: return %[[M]]
  return %m, %0 : tensor<?x6xi1>, tensor<?x6xf32>
}

// -----

// Each step is one op along the rows, so that a tile of rows can take all of them. The middle
// dim is reduced; f16 is computed in f32.
// CHECK-DAG: #[[ALL:.*]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-LABEL: func @softmax
// CHECK-SAME: %[[S:[^:]*]]: tensor<2x?x4xf16>, %[[O:[^:]*]]: tensor<2x?x4xf16>
func.func @softmax(%s: tensor<2x?x4xf16>, %o: tensor<2x?x4xf16>) -> tensor<2x?x4xf16> {
  // CHECK: %[[LOWEST:.*]] = linalg.fill ins(%{{.*}} : f32) outs(%{{.*}} : tensor<2x4xf32>)
  // CHECK: %[[M:.*]] = linalg.generic {indexing_maps = [#[[ALL]], #[[ROW]]], iterator_types = ["parallel", "reduction", "parallel"]} ins(%[[S]] : {{.*}}) outs(%[[LOWEST]] :
  // CHECK: arith.extf
  // CHECK: arith.maxnumf
  // CHECK: %[[E:.*]]:2 = linalg.generic {indexing_maps = [#[[ALL]], #[[ROW]], #[[ALL]], #[[ROW]]], iterator_types = ["parallel", "reduction", "parallel"]} ins(%[[S]], %[[M]] :
  // CHECK: arith.subf
  // CHECK: math.exp %{{.*}} fastmath<afn>
  // CHECK: arith.addf
  // CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[E]]#1 : tensor<2x4xf32>)
  // CHECK: arith.divf
  // CHECK: arith.select
  // CHECK: %[[W:.*]] = linalg.generic {{.*}} ins(%[[E]]#0, %[[R]] : tensor<2x?x4xf32>, tensor<2x4xf32>) outs(%[[O]] :
  // CHECK: arith.mulf
  // CHECK: arith.truncf
  // CHECK: return %[[W]]
  %p = attn.softmax ins(%s : tensor<2x?x4xf16>) outs(%o : tensor<2x?x4xf16>) dim(1) -> tensor<2x?x4xf16>
  return %p : tensor<2x?x4xf16>
}

// -----

// CHECK-DAG: #[[WINDOW:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1 * 2 + d3, d2)>
// CHECK-DAG: #[[COUNT:.*]] = affine_map<()[s0] -> ((s0 - 3) floordiv 2 + 1)>
// CHECK-LABEL: func @unfold
func.func @unfold(%x: tensor<4x?x5xf32>) -> (tensor<4x?x5x3xf32>, tensor<4x7x5x3xf32>) {
  // CHECK: %[[N:.*]] = affine.apply #[[COUNT]]
  // CHECK: %[[E:.*]] = tensor.empty(%[[N]]) : tensor<4x?x5x3xf32>
  // CHECK: linalg.generic {indexing_maps = [#[[WINDOW]], #{{.*}}], {{.*}}} ins(%{{.*}} : tensor<4x?x5xf32>) outs(%[[E]] :
  %0 = attn.unfold %x dim(1) size(3) step(2) : tensor<4x?x5xf32> -> tensor<4x?x5x3xf32>
  // A result type may know the number of windows.
  // CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<4x7x5x3xf32>)
  %1 = attn.unfold %x dim(1) size(3) step(2) : tensor<4x?x5xf32> -> tensor<4x7x5x3xf32>
  return %0, %1 : tensor<4x?x5x3xf32>, tensor<4x7x5x3xf32>
}

// -----

// The halves of a head are two slices, and what is not rotated is copied.
// CHECK-DAG: #[[ALL:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[ANGLE:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
// CHECK-LABEL: func @rotary_half_split
// CHECK-SAME: %[[X:[^:]*]]: tensor<1x8x?x64xf32>, %[[C:[^:]*]]: tensor<?x16xf32>, %[[S:[^:]*]]: tensor<?x16xf32>, %[[O:[^:]*]]: tensor<1x8x?x64xf32>
func.func @rotary_half_split(%x: tensor<1x8x?x64xf32>, %c: tensor<?x16xf32>, %s: tensor<?x16xf32>, %o: tensor<1x8x?x64xf32>) -> tensor<1x8x?x64xf32> {
  // CHECK: %[[X1:.*]] = tensor.extract_slice %[[X]][0, 0, 0, 0] [1, 8, %{{.*}}, 16] [1, 1, 1, 1]
  // CHECK: %[[X2:.*]] = tensor.extract_slice %[[X]][0, 0, 0, 16] [1, 8, %{{.*}}, 16] [1, 1, 1, 1]
  // CHECK: %[[O1:.*]] = tensor.extract_slice %[[O]][0, 0, 0, 0]
  // CHECK: %[[Y1:.*]] = linalg.generic {indexing_maps = [#[[ALL]], #[[ALL]], #[[ANGLE]], #[[ANGLE]], #[[ALL]]], {{.*}}} ins(%[[X1]], %[[X2]], %[[C]], %[[S]] : {{.*}}) outs(%[[O1]] :
  // CHECK: arith.subf
  // CHECK: %[[R1:.*]] = tensor.insert_slice %[[Y1]] into %[[O]][0, 0, 0, 0]
  // CHECK: linalg.generic {{.*}} ins(%[[X2]], %[[X1]], %[[C]], %[[S]] :
  // CHECK-NOT: linalg.index
  // CHECK: arith.addf
  // CHECK: %[[R2:.*]] = tensor.insert_slice %{{.*}} into %[[R1]][0, 0, 0, 16]
  // CHECK: %[[TAIL:.*]] = tensor.extract_slice %[[X]][0, 0, 0, 32] [1, 8, %{{.*}}, 32]
  // CHECK: linalg.copy ins(%[[TAIL]]
  // CHECK: tensor.insert_slice %{{.*}} into %[[R2]][0, 0, 0, 32]
  %r = attn.rotary ins(%x, %c, %s : tensor<1x8x?x64xf32>, tensor<?x16xf32>, tensor<?x16xf32>) outs(%o : tensor<1x8x?x64xf32>) -> tensor<1x8x?x64xf32>
  return %r : tensor<1x8x?x64xf32>
}

// -----

// Alternating elements are slices of stride 2; here all of the head is rotated.
// CHECK-DAG: #[[ANGLE:.*]] = affine_map<(d0, d1, d2, d3) -> (d1, d3)>
// CHECK-LABEL: func @rotary_interleaved
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 0] [1, 6, 8, 32] [1, 1, 1, 2]
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 1] [1, 6, 8, 32] [1, 1, 1, 2]
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #{{.*}}, #[[ANGLE]], #[[ANGLE]], #{{.*}}]
// CHECK: tensor.insert_slice %{{.*}}[0, 0, 0, 0] [1, 6, 8, 32] [1, 1, 1, 2]
// CHECK: tensor.insert_slice %{{.*}}[0, 0, 0, 1] [1, 6, 8, 32] [1, 1, 1, 2]
// CHECK-NOT: linalg.copy
func.func @rotary_interleaved(%x: tensor<1x6x8x64xf32>, %c: tensor<6x32xf32>, %o: tensor<1x6x8x64xf32>) -> tensor<1x6x8x64xf32> {
  %r = attn.rotary ins(%x, %c, %c : tensor<1x6x8x64xf32>, tensor<6x32xf32>, tensor<6x32xf32>) outs(%o : tensor<1x6x8x64xf32>)
    {pairing = #attn<rotary_pairing interleaved>, sequence_dim = 1 : i64} -> tensor<1x6x8x64xf32>
  return %r : tensor<1x6x8x64xf32>
}

// -----

// CHECK-LABEL: func @cache_append
// CHECK-SAME: %[[X:[^:]*]]: tensor<1x2x?x4xf32>, %[[CACHE:[^:]*]]: tensor<1x2x8x4xf32>, %[[P:.*]]: index
// CHECK: %[[N:.*]] = affine.min
// CHECK: %[[FITTING:.*]] = tensor.extract_slice %[[X]][0, 0, 0, 0] [1, 2, %[[N]], 4] [1, 1, 1, 1]
// CHECK: %[[MOST:.*]] = arith.minsi %[[P]], %{{.*}} : index
// CHECK: %[[AT:.*]] = arith.maxsi %[[MOST]], %{{.*}} : index
// CHECK: %[[R:.*]] = tensor.insert_slice %[[FITTING]] into %[[CACHE]][0, 0, %[[AT]], 0] [1, 2, %[[N]], 4] [1, 1, 1, 1]
// CHECK-NEXT: return %[[R]]
func.func @cache_append(%x: tensor<1x2x?x4xf32>, %cache: tensor<1x2x8x4xf32>, %p: index) -> tensor<1x2x8x4xf32> {
  %r = attn.cache_append ins(%x : tensor<1x2x?x4xf32>) outs(%cache : tensor<1x2x8x4xf32>) at(%p) -> tensor<1x2x8x4xf32>
  return %r : tensor<1x2x8x4xf32>
}

// -----

// One row never wraps.
// CHECK-LABEL: func @cache_append_ring_one
// CHECK: %[[ROW:.*]] = arith.remui %{{.*}}, %{{.*}} : index
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0, 0, %[[ROW]], 0] [1, 2, 1, 4]
// CHECK-NOT: tensor.insert_slice
func.func @cache_append_ring_one(%x: tensor<1x2x1x4xf32>, %cache: tensor<1x2x8x4xf32>, %p: index) -> tensor<1x2x8x4xf32> {
  %r = attn.cache_append ins(%x : tensor<1x2x1x4xf32>) outs(%cache : tensor<1x2x8x4xf32>) at(%p) {ring} -> tensor<1x2x8x4xf32>
  return %r : tensor<1x2x8x4xf32>
}

// -----

// Rows up to the ring's end, then the rest from its start.
// CHECK-DAG: #[[UPTO:.*]] = affine_map<()[s0] -> (3, -s0 + 8)>
// CHECK-DAG: #[[REST:.*]] = affine_map<()[s0] -> (-s0 + 3)>
// CHECK-LABEL: func @cache_append_ring
// CHECK-SAME: %[[X:[^:]*]]: tensor<1x2x3x4xf32>, %[[CACHE:[^:]*]]: tensor<1x2x8x4xf32>
// CHECK: %[[ROW:.*]] = arith.remui
// CHECK: %[[UP:.*]] = affine.min #[[UPTO]]()[%[[ROW]]]
// CHECK: %[[RE:.*]] = affine.apply #[[REST]]()[%[[UP]]]
// CHECK: %[[A:.*]] = tensor.extract_slice %[[X]][0, 0, 0, 0] [1, 2, %[[UP]], 4]
// CHECK: %[[C:.*]] = tensor.extract_slice %[[X]][0, 0, %[[UP]], 0] [1, 2, %[[RE]], 4]
// CHECK: %[[B:.*]] = tensor.insert_slice %[[A]] into %[[CACHE]][0, 0, %[[ROW]], 0]
// CHECK: tensor.insert_slice %[[C]] into %[[B]][0, 0, 0, 0]
func.func @cache_append_ring(%x: tensor<1x2x3x4xf32>, %cache: tensor<1x2x8x4xf32>, %p: index) -> tensor<1x2x8x4xf32> {
  %r = attn.cache_append ins(%x : tensor<1x2x3x4xf32>) outs(%cache : tensor<1x2x8x4xf32>) at(%p) {ring} -> tensor<1x2x8x4xf32>
  return %r : tensor<1x2x8x4xf32>
}

// -----

// A scale for each 32 elements, rounded up to bf16; a byte for each element; then the two bytes of each
// scale.
// CHECK-LABEL: func @quantize_rows
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x?x64xf32>, %[[O:[^:]*]]: tensor<2x?x68xi8>
// CHECK: %[[G:.*]] = tensor.expand_shape %[[X]] {{\[}}[0], [1], [2, 3]] {{.*}} : tensor<2x?x64xf32> into tensor<2x?x2x32xf32>
// CHECK: %[[LARGEST:.*]] = linalg.generic {{.*}} ins(%[[G]] : tensor<2x?x2x32xf32>)
// CHECK: math.absf
// CHECK: arith.maximumf
// CHECK: %[[SCALE:.*]] = linalg.generic {{.*}} ins(%[[LARGEST]] : tensor<2x?x2xf32>)
// CHECK: arith.divf %{{.*}}, %cst{{.*}} : f32
// CHECK: arith.addi %{{.*}}, %c65535{{.*}} : i32
// CHECK: arith.andi %{{.*}}, %c-65536{{.*}} : i32
// CHECK: %[[Q:.*]] = linalg.generic {{.*}} ins(%[[G]], %[[SCALE]] :
// CHECK: arith.divf
// CHECK: %[[ROWS:.*]] = tensor.collapse_shape %[[Q]] {{.*}} : tensor<2x?x2x32xi8> into tensor<2x?x64xi8>
// CHECK: tensor.insert_slice %[[ROWS]] into %[[O]][0, 0, 0] [2, %{{.*}}, 64] [1, 1, 1]
// CHECK: arith.shrui %{{.*}}, %c16{{.*}} : i32
// CHECK: tensor.insert_slice %{{.*}}[0, 0, 64] [2, %{{.*}}, 2] [1, 1, 2]
// CHECK: arith.shrui %{{.*}}, %c24{{.*}} : i32
// CHECK: tensor.insert_slice %{{.*}}[0, 0, 65] [2, %{{.*}}, 2] [1, 1, 2]
func.func @quantize_rows(%x: tensor<2x?x64xf32>, %o: tensor<2x?x68xi8>) -> tensor<2x?x68xi8> {
  %r = attn.quantize_rows ins(%x : tensor<2x?x64xf32>) outs(%o : tensor<2x?x68xi8>) -> tensor<2x?x68xi8>
  return %r : tensor<2x?x68xi8>
}

// -----

// The last group is filled up with zeros.
// CHECK-LABEL: func @quantize_rows_of_other_sizes
// CHECK-SAME: %[[X:[^:]*]]: tensor<3x40xf32>
// CHECK: %[[ZEROS:.*]] = linalg.fill {{.*}} -> tensor<3x64xf32>
// CHECK: tensor.insert_slice %[[X]] into %[[ZEROS]][0, 0] [3, 40] [1, 1]
// CHECK: tensor.collapse_shape {{.*}} : tensor<3x2x32xi8> into tensor<3x64xi8>
// CHECK: tensor.extract_slice %{{.*}}[0, 0] [3, 40] [1, 1] : tensor<3x64xi8> to tensor<3x40xi8>
func.func @quantize_rows_of_other_sizes(%x: tensor<3x40xf32>, %o: tensor<3x44xi8>) -> tensor<3x44xi8> {
  %r = attn.quantize_rows ins(%x : tensor<3x40xf32>) outs(%o : tensor<3x44xi8>) -> tensor<3x44xi8>
  return %r : tensor<3x44xi8>
}

// -----

// Ten rounds of two products each, and a comparison of integers: 0.3 * 2^24 rounded up.
// CHECK-LABEL: func @dropout
func.func @dropout(%x: tensor<?x6xf32>, %o: tensor<?x6xf32>, %seed: i64) -> tensor<?x6xf32> {
  // CHECK: linalg.generic
  // CHECK-COUNT-20: arith.mului_extended {{.*}} : i32
  // CHECK-NOT: arith.mului_extended
  // CHECK: %[[SCALE:.*]] = arith.constant 1.42857146 : f32
  // CHECK: %[[Y:.*]] = arith.mulf %{{.*}}, %[[SCALE]]
  // CHECK: %[[T:.*]] = arith.constant 5033165 : i32
  // CHECK: %[[KEPT:.*]] = arith.cmpi uge, %{{.*}}, %[[T]] : i32
  // CHECK: arith.select %[[KEPT]], %[[Y]], %{{.*}}
  %0 = attn.dropout ins(%x : tensor<?x6xf32>) outs(%o : tensor<?x6xf32>) seed(%seed) {p = 0.3 : f64} -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

// Attention is decomposed only on request, sampling never.
// CHECK-LABEL: func @negative_attention_and_sample
// CHECK: attn.attention
// CHECK: attn.sample
func.func @negative_attention_and_sample(%q: tensor<1x2x4x8xf32>, %logits: tensor<2x512xf32>, %init: tensor<2xi64>, %t: f32, %k: i64)
    -> (tensor<1x2x4x8xf32>, tensor<2xi64>) {
  %r = attn.attention ins(%q, %q, %q : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) outs(%q : tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32>
  %id = attn.sample ins(%logits : tensor<2x512xf32>) outs(%init : tensor<2xi64>)
      temperature(%t) top_k(%k) top_p(%t) min_p(%t) seed(%k) -> tensor<2xi64>
  return %r, %id : tensor<1x2x4x8xf32>, tensor<2xi64>
}

// -----

// Ops on buffers are not for this pass.
// CHECK-LABEL: func @negative_buffers
// CHECK: attn.create_mask
// CHECK: attn.apply_mask
// CHECK: attn.softmax
// CHECK: attn.dropout
// CHECK: attn.rotary
// CHECK: attn.cache_append
func.func @negative_buffers(%x: memref<1x2x4x4xf32>, %m: memref<4x4xi1>, %c: memref<4x2xf32>, %seed: i64, %p: index) {
  attn.create_mask outs(%m : memref<4x4xi1>) where {
  ^bb0(%i: index, %j: index):
    %a = arith.cmpi sge, %i, %j : index
    attn.yield %a : i1
  }
  attn.apply_mask ins(%x, %m : memref<1x2x4x4xf32>, memref<4x4xi1>) outs(%x : memref<1x2x4x4xf32>) fill(-1.0)
  attn.softmax ins(%x : memref<1x2x4x4xf32>) outs(%x : memref<1x2x4x4xf32>) dim(3)
  attn.dropout ins(%x : memref<1x2x4x4xf32>) outs(%x : memref<1x2x4x4xf32>) seed(%seed) {p = 0.5 : f64}
  attn.rotary ins(%x, %c, %c : memref<1x2x4x4xf32>, memref<4x2xf32>, memref<4x2xf32>) outs(%x : memref<1x2x4x4xf32>)
  attn.cache_append ins(%x : memref<1x2x4x4xf32>) outs(%x : memref<1x2x4x4xf32>) at(%p)
  return
}
