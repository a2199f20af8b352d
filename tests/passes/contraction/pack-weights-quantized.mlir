// RUN: fovea-opt %s -attn-pack-weights="target=avx512 quantize=q8" -canonicalize -split-input-file -verify-diagnostics | FileCheck %s
// RUN: fovea-opt %s -attn-pack-weights="target=avx512 quantize=q4" -canonicalize -split-input-file 2>/dev/null | FileCheck %s --check-prefix=Q4
// RUN: not fovea-opt %s -attn-pack-weights="quantize=q5" -split-input-file 2>&1 | FileCheck %s --check-prefix=FORMAT
// FORMAT: error: expected weights to be quantised as q8 or q4, got 'q5'

// y = x W^T in tiles: both results of the weight are cut at panels, and the body dequantises.
// CHECK-DAG:   #[[VALUES:.*]] = affine_map<(d0, d1, d2) -> ((d1 floordiv 16) mod 4, d1 floordiv 64, d2 floordiv 32, (d2 mod 32) floordiv 2, (d1 mod 16) * 2 + d2 mod 2)>
// CHECK-DAG:   #[[SCALES:.*]] = affine_map<(d0, d1, d2) -> ((d1 floordiv 16) mod 4, d1 floordiv 64, d2 floordiv 32, d1 mod 16)>
// CHECK-DAG:   #[[PANEL:.*]] = affine_map<(d0) -> (d0 floordiv 64)>
// CHECK-LABEL: @linear
// CHECK:         %[[W:.*]], %[[D:.*]] = attn.quantized_weight "l.{}.w"[%{{.*}} of 4] panels(tensor<128x64xf16> along 0 as q8)
// CHECK:         scf.forall (%[[N:.*]]) =
// CHECK:           %[[FIRST:.*]] = affine.apply #[[PANEL]](%[[N]])
// CHECK:           %[[VS:.*]] = memref.subview %[[W]][0, %[[FIRST]], 0, 0, 0] [4, 1, 2, 16, 32] [1, 1, 1, 1, 1]
// CHECK:           %[[DS:.*]] = memref.subview %[[D]][0, %[[FIRST]], 0, 0] [4, 1, 2, 16] [1, 1, 1, 1]
// CHECK:           linalg.generic {indexing_maps = [#{{[a-z0-9]+}}, #[[VALUES]], #[[SCALES]], #{{[a-z0-9]+}}]
// CHECK-SAME:        ins(%{{.*}}, %[[VS]], %[[DS]]
// CHECK:           %[[K:.*]] = linalg.index 2
// CHECK:           attn.dequantize %{{.*}} scale(%{{.*}}) at(%[[K]]) as q8
// Q4-DAG:      affine_map<(d0, d1, d2) -> ((d1 floordiv 16) mod 4, d1 floordiv 64, d2 floordiv 32, (d2 mod 16) floordiv 2, (d1 mod 16) * 2 + d2 mod 2)>
// Q4-LABEL:    @linear
// Q4:            attn.quantized_weight "l.{}.w"[%{{.*}} of 4] panels(tensor<128x64xf16> along 0 as q4)
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%layer: index, %x: memref<?x64xf32>, %y: memref<?x128xf32>) {
  %c0 = arith.constant 0 : index
  %m = memref.dim %x, %c0 : memref<?x64xf32>
  %w = attn.weight "l.{}.w"[%layer of 4] : memref<128x64xf16>
  scf.forall (%n) = (0) to (128) step (64) {
    %ws = memref.subview %w[%n, 0] [64, 64] [1, 1]
      : memref<128x64xf16> to memref<64x64xf16, strided<[64, 1], offset: ?>>
    %ys = memref.subview %y[0, %n] [%m, 64] [1, 1]
      : memref<?x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %ws : memref<?x64xf32>, memref<64x64xf16, strided<[64, 1], offset: ?>>)
      outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>) {
    ^bb0(%a: f32, %b: f16, %c: f32):
      %e = arith.extf %b : f16 to f32
      %p = arith.mulf %a, %e : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
  }
  return
}

// -----

// A table that is gathered too: its elements come out of the panels, without rounding to f16 in
// between. With q4 it has 8 bits.
// CHECK-LABEL: @head
// CHECK:         attn.quantized_weight "table" panels(tensor<100x64xf16> along 0 as q8)
// Q4-LABEL:    @head
// Q4:            attn.quantized_weight "table" panels(tensor<100x64xf16> along 0 as q8)
func.func @head(%x: memref<8x64xf16>, %y: memref<8x100xf16>) {
  %w = attn.weight "table" : memref<100x64xf16>
  linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
                                 affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : memref<8x64xf16>, memref<100x64xf16>) outs(%y : memref<8x100xf16>)
  return
}
// CHECK-LABEL: @embed
// CHECK-SAME:    %[[I:.*]]: index, %[[J:.*]]: index
// CHECK-DAG:     %[[W:.*]], %[[D:.*]] = attn.quantized_weight "table"
// CHECK-DAG:     %[[PANEL:.*]] = arith.divui %[[I]], %c16
// CHECK-DAG:     %[[LANE:.*]] = arith.remui %[[I]], %c16
// CHECK-DAG:     %[[STREAM:.*]] = arith.remui %[[PANEL]], %c4
// CHECK-DAG:     %[[PLACE:.*]] = arith.divui %[[PANEL]], %c4
// CHECK-DAG:     %[[GROUP:.*]] = arith.divui %[[J]], %c32
// CHECK:         %[[Q:.*]] = memref.load %[[W]][%[[STREAM]], %[[PLACE]], %[[GROUP]],
// CHECK:         %[[S:.*]] = memref.load %[[D]][%[[STREAM]], %[[PLACE]], %[[GROUP]], %[[LANE]]]
// CHECK:         %[[V:.*]] = attn.dequantize %[[Q]] scale(%[[S]]) at(%[[J]]) as q8
// CHECK-NEXT:    return %[[V]]
func.func @embed(%i: index, %j: index) -> f32 {
  %w = attn.weight "table" : memref<100x64xf16>
  %v = memref.load %w[%i, %j] : memref<100x64xf16>
  %e = arith.extf %v : f16 to f32
  return %e : f32
}

// -----

// negative: a table that is only gathered.
// CHECK-LABEL: @gathered
// CHECK:         attn.weight "t" : memref<100x64xf32>
func.func @gathered(%i: index, %j: index) -> f32 {
  // expected-remark @below {{[weights] 't' is not quantised: no contraction reads it}}
  %w = attn.weight "t" : memref<100x64xf32>
  %v = memref.load %w[%i, %j] : memref<100x64xf32>
  return %v : f32
}

// -----

// negative: doubles are packed as they are.
// CHECK-LABEL: @doubles
// CHECK:         attn.weight "w" panels(tensor<64x20xf64> along 1) : memref<8x1x64x8xf64>
func.func @doubles(%x: memref<8x64xf64>, %y: memref<8x20xf64>) {
  // expected-remark @below {{[weights] 'w' is not quantised: its elements are no floats of at most 32 bits}}
  %w = attn.weight "w" : memref<64x20xf64>
  linalg.matmul ins(%x, %w : memref<8x64xf64>, memref<64x20xf64>) outs(%y : memref<8x20xf64>)
  return
}

// -----

// negative: what cannot be packed.
// CHECK-LABEL: @copied
// CHECK:         attn.weight "w" : memref<64x20xf32>
func.func @copied(%x: memref<8x64xf32>, %y: memref<8x20xf32>, %z: memref<64x20xf32>) {
  // expected-remark @below {{[weights] 'w' is packed in every run: 'memref.copy' reads it as it is stored}}
  // expected-remark @below {{[weights] 'w' is not quantised: 'memref.copy' reads it as it is stored}}
  %w = attn.weight "w" : memref<64x20xf32>
  linalg.matmul ins(%x, %w : memref<8x64xf32>, memref<64x20xf32>) outs(%y : memref<8x20xf32>)
  memref.copy %w, %z : memref<64x20xf32> to memref<64x20xf32>
  return
}

// -----

// negative: sums of more than 32 bits.
// CHECK-LABEL: @wide_sums
// CHECK:         attn.weight "w" panels(tensor<64x20xf32> along 1) : memref<8x1x64x8xf32>
func.func @wide_sums(%x: memref<8x64xf64>, %y: memref<8x20xf64>) {
  // expected-remark @below {{[weights] 'w' is not quantised: a contraction sums up its products in more than 32 bits}}
  %w = attn.weight "w" : memref<64x20xf32>
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : memref<8x64xf64>, memref<64x20xf32>) outs(%y : memref<8x20xf64>) {
  ^bb0(%a: f64, %b: f32, %c: f64):
    %e = arith.extf %b : f32 to f64
    %p = arith.mulf %a, %e : f64
    %s = arith.addf %c, %p : f64
    linalg.yield %s : f64
  }
  return
}
