// RUN: fovea-opt %s -attn-pack-weights=target=avx512 -canonicalize -split-input-file -verify-diagnostics | FileCheck %s

// y = x W^T in tiles: the weight is asked for in panels of 16 rows, of which a tile takes four, one of each
// stream.
// CHECK-DAG:   #[[PANELS:.*]] = affine_map<(d0, d1, d2) -> ((d1 floordiv 16) mod 4, d1 floordiv 64, d2, d1 mod 16)>
// CHECK-DAG:   #[[PANEL:.*]] = affine_map<(d0) -> (d0 floordiv 64)>
// CHECK-LABEL: @linear
// CHECK:         %[[W:.*]] = attn.weight "l.{}.w"[%{{.*}} of 4] panels(tensor<128x64xf16> along 0) : memref<4x2x64x16xf16>
// CHECK:         scf.forall (%[[N:.*]]) =
// CHECK:           %[[FIRST:.*]] = affine.apply #[[PANEL]](%[[N]])
// CHECK:           %[[SLICE:.*]] = memref.subview %[[W]][0, %[[FIRST]], 0, 0] [4, 1, 64, 16] [1, 1, 1, 1]
// CHECK:           linalg.generic {indexing_maps = [#{{[a-z0-9]+}}, #[[PANELS]], #{{[a-z0-9]+}}]
// CHECK-SAME:        ins(%{{.*}}, %[[SLICE]]
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

// y = x W, stored as [k, n]: panels along its second dim, the last one not full. Named ops too.
// CHECK-LABEL: @conv1d
// CHECK:         attn.weight "w" panels(tensor<64x20xf32> along 1) : memref<4x1x64x16xf32>
func.func @conv1d(%x: memref<8x64xf32>, %y: memref<8x20xf32>) {
  %w = attn.weight "w" : memref<64x20xf32>
  linalg.matmul ins(%x, %w : memref<8x64xf32>, memref<64x20xf32>) outs(%y : memref<8x20xf32>)
  return
}

// -----

// A table that is read element by element as well, in another function: one packed copy serves both.
// CHECK-LABEL: @head
// CHECK:         attn.weight "table" panels(tensor<100x64xf32> along 0) : memref<4x2x64x16xf32>
func.func @head(%x: memref<8x64xf32>, %y: memref<8x100xf32>) {
  %w = attn.weight "table" : memref<100x64xf32>
  linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
                                 affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : memref<8x64xf32>, memref<100x64xf32>) outs(%y : memref<8x100xf32>)
  return
}
// CHECK-LABEL: @embed
// CHECK-SAME:    %[[I:.*]]: index, %[[J:.*]]: index
// CHECK-DAG:     %[[C16:.*]] = arith.constant 16
// CHECK-DAG:     %[[C4:.*]] = arith.constant 4
// CHECK-DAG:     %[[T:.*]] = attn.weight "table" panels(tensor<100x64xf32> along 0) : memref<4x2x64x16xf32>
// CHECK-DAG:     %[[PANEL:.*]] = arith.divui %[[I]], %[[C16]]
// CHECK-DAG:     %[[LANE:.*]] = arith.remui %[[I]], %[[C16]]
// CHECK-DAG:     %[[STREAM:.*]] = arith.remui %[[PANEL]], %[[C4]]
// CHECK-DAG:     %[[PLACE:.*]] = arith.divui %[[PANEL]], %[[C4]]
// CHECK:         memref.load %[[T]][%[[STREAM]], %[[PLACE]], %[[J]], %[[LANE]]]
func.func @embed(%i: index, %j: index) -> f32 {
  %w = attn.weight "table" : memref<100x64xf32>
  %v = memref.load %w[%i, %j] : memref<100x64xf32>
  return %v : f32
}

// -----

// negative: no contraction reads it; nothing to say.
// CHECK-LABEL: @gathered
// CHECK:         attn.weight "t" : memref<100x64xf32>
func.func @gathered(%i: index, %j: index) -> f32 {
  %w = attn.weight "t" : memref<100x64xf32>
  %v = memref.load %w[%i, %j] : memref<100x64xf32>
  return %v : f32
}

// -----

// negative: of a size that is not known there is no number of panels.
// CHECK-LABEL: @sizes_not_known
// CHECK:         attn.weight "w" : memref<64x?xf32>
func.func @sizes_not_known(%x: memref<8x64xf32>, %y: memref<8x?xf32>) {
  // expected-remark @below {{[weights] 'w' is packed in every run: its sizes are not known}}
  %w = attn.weight "w" : memref<64x?xf32>
  linalg.matmul ins(%x, %w : memref<8x64xf32>, memref<64x?xf32>) outs(%y : memref<8x?xf32>)
  return
}

// -----

// negative: something reads it as it is stored.
// CHECK-LABEL: @copied
// CHECK:         attn.weight "w" : memref<64x20xf32>
func.func @copied(%x: memref<8x64xf32>, %y: memref<8x20xf32>, %z: memref<64x20xf32>) {
  // expected-remark @below {{[weights] 'w' is packed in every run: 'memref.copy' reads it as it is stored}}
  %w = attn.weight "w" : memref<64x20xf32>
  linalg.matmul ins(%x, %w : memref<8x64xf32>, memref<64x20xf32>) outs(%y : memref<8x20xf32>)
  memref.copy %w, %z : memref<64x20xf32> to memref<64x20xf32>
  return
}

// -----

// negative: two layouts.
// CHECK-LABEL: @two_layouts
// CHECK-COUNT-1: attn.weight "w" : memref<64x64xf32>
func.func @two_layouts(%x: memref<8x64xf32>, %y: memref<8x64xf32>) {
  // expected-remark @below {{[weights] 'w' is packed in every run: contractions read it in different layouts}}
  %w = attn.weight "w" : memref<64x64xf32>
  linalg.matmul ins(%x, %w : memref<8x64xf32>, memref<64x64xf32>) outs(%y : memref<8x64xf32>)
  linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
                                 affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : memref<8x64xf32>, memref<64x64xf32>) outs(%y : memref<8x64xf32>)
  return
}

// -----

// negative: a slice that begins with a panel, but not of the first stream.
// CHECK-LABEL: @unaligned
// CHECK:         attn.weight "w" : memref<64x64xf32>
func.func @unaligned(%x: memref<8x64xf32>, %y: memref<8x8xf32>) {
  // expected-remark @below {{[weights] 'w' is packed in every run: a contraction reads a part of it that does not begin with a panel of the first stream}}
  %w = attn.weight "w" : memref<64x64xf32>
  %s = memref.subview %w[0, 16] [64, 8] [1, 1] : memref<64x64xf32> to memref<64x8xf32, strided<[64, 1], offset: 16>>
  linalg.matmul ins(%x, %s : memref<8x64xf32>, memref<64x8xf32, strided<[64, 1], offset: 16>>) outs(%y : memref<8x8xf32>)
  return
}

// -----

// negative: half of the depth.
// CHECK-LABEL: @part_of_depth
// CHECK:         attn.weight "w" : memref<64x64xf32>
func.func @part_of_depth(%x: memref<8x32xf32>, %y: memref<8x64xf32>) {
  // expected-remark @below {{[weights] 'w' is packed in every run: a contraction reads a part of it that does not begin with a panel of the first stream}}
  %w = attn.weight "w" : memref<64x64xf32>
  %s = memref.subview %w[0, 0] [32, 64] [1, 1] : memref<64x64xf32> to memref<32x64xf32, strided<[64, 1]>>
  linalg.matmul ins(%x, %s : memref<8x32xf32>, memref<32x64xf32, strided<[64, 1]>>) outs(%y : memref<8x64xf32>)
  return
}

// -----

// negative: it is what the rows come from.
// CHECK-LABEL: @rows
// CHECK:         attn.weight "w" : memref<8x64xf32>
func.func @rows(%x: memref<64x16xf32>, %y: memref<8x16xf32>) {
  // expected-remark @below {{[weights] 'w' is packed in every run: it is the first factor of a contraction}}
  %w = attn.weight "w" : memref<8x64xf32>
  linalg.matmul ins(%w, %x : memref<8x64xf32>, memref<64x16xf32>) outs(%y : memref<8x16xf32>)
  return
}

// -----

// negative: one matrix a head.
// CHECK-LABEL: @batch
// CHECK:         attn.weight "w" : memref<2x64x20xf32>
func.func @batch(%x: memref<2x8x64xf32>, %y: memref<2x8x20xf32>) {
  // expected-remark @below {{[weights] 'w' is packed in every run: it is no matrix}}
  %w = attn.weight "w" : memref<2x64x20xf32>
  linalg.batch_matmul ins(%x, %w : memref<2x8x64xf32>, memref<2x64x20xf32>) outs(%y : memref<2x8x20xf32>)
  return
}

// -----

// negative: a product reads the dims of a kernel as one.
// CHECK-LABEL: @negative_reshaped
func.func @negative_reshaped(%x: memref<8x240xf32>, %y: memref<8x512xf32>) {
  // expected-remark @below {{[weights] 'w' is packed in every run: it is no matrix}}
  %w = attn.weight "w" : memref<80x3x512xf32>
  %m = memref.collapse_shape %w [[0, 1], [2]] : memref<80x3x512xf32> into memref<240x512xf32>
  %part = memref.subview %m[0, 0] [240, 256] [1, 1] : memref<240x512xf32> to memref<240x256xf32, strided<[512, 1]>>
  %some = memref.subview %y[0, 0] [8, 256] [1, 1] : memref<8x512xf32> to memref<8x256xf32, strided<[512, 1]>>
  linalg.matmul ins(%x, %part : memref<8x240xf32>, memref<240x256xf32, strided<[512, 1]>>) outs(%some : memref<8x256xf32, strided<[512, 1]>>)
  return
}

// -----

// negative: integers are no contraction that is emitted.
// CHECK-LABEL: @integers
// CHECK:         attn.weight "w" : memref<8x8xi32>
func.func @integers(%x: memref<8x8xi32>, %y: memref<8x8xi32>) {
  // expected-remark @below {{[weights] 'w' is packed in every run: its body is not a sum of products of floats}}
  %w = attn.weight "w" : memref<8x8xi32>
  linalg.matmul ins(%x, %w : memref<8x8xi32>, memref<8x8xi32>) outs(%y : memref<8x8xi32>)
  return
}

// -----

// Two products of the same rows are computed at once, so each weight lies in half as many streams.
// CHECK-LABEL: @siblings
// CHECK-DAG:     attn.weight "gate" panels(tensor<128x64xf32> along 0) : memref<2x4x64x16xf32>
// CHECK-DAG:     attn.weight "up" panels(tensor<128x64xf32> along 0) : memref<2x4x64x16xf32>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @siblings(%x: memref<?x64xf32>, %y: memref<?x128xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = memref.dim %x, %c0 : memref<?x64xf32>
  %gate = attn.weight "gate" : memref<128x64xf32>
  %up = attn.weight "up" : memref<128x64xf32>
  scf.forall (%n) = (0) to (128) step (64) {
    %us = memref.subview %up[%n, 0] [64, 64] [1, 1]
      : memref<128x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
    %t = memref.alloc(%m) : memref<?x64xf32>
    linalg.fill ins(%zero : f32) outs(%t : memref<?x64xf32>)
    linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %us : memref<?x64xf32>, memref<64x64xf32, strided<[64, 1], offset: ?>>) outs(%t : memref<?x64xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    %gs = memref.subview %gate[%n, 0] [64, 64] [1, 1]
      : memref<128x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
    %ys = memref.subview %y[0, %n] [%m, 64] [1, 1]
      : memref<?x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.fill ins(%zero : f32) outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>)
    linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %gs : memref<?x64xf32>, memref<64x64xf32, strided<[64, 1], offset: ?>>) outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
  }
  return
}

// -----

// negative: the rows differ.
// CHECK-LABEL: @other_rows
// CHECK-DAG:     attn.weight "gate" panels(tensor<128x64xf32> along 0) : memref<4x2x64x16xf32>
// CHECK-DAG:     attn.weight "up" panels(tensor<128x64xf32> along 0) : memref<4x2x64x16xf32>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @other_rows(%x: memref<?x64xf32>, %z: memref<?x64xf32>, %y: memref<?x128xf32>) {
  %c0 = arith.constant 0 : index
  %m = memref.dim %x, %c0 : memref<?x64xf32>
  %gate = attn.weight "gate" : memref<128x64xf32>
  %up = attn.weight "up" : memref<128x64xf32>
  scf.forall (%n) = (0) to (128) step (64) {
    %us = memref.subview %up[%n, 0] [64, 64] [1, 1]
      : memref<128x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
    %t = memref.alloc(%m) : memref<?x64xf32>
    linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %us : memref<?x64xf32>, memref<64x64xf32, strided<[64, 1], offset: ?>>) outs(%t : memref<?x64xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    %gs = memref.subview %gate[%n, 0] [64, 64] [1, 1]
      : memref<128x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
    %ys = memref.subview %y[0, %n] [%m, 64] [1, 1]
      : memref<?x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%z, %gs : memref<?x64xf32>, memref<64x64xf32, strided<[64, 1], offset: ?>>) outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
  }
  return
}

// -----

// negative: the first result is read before the second product.
// CHECK-LABEL: @read_between
// CHECK-DAG:     attn.weight "gate" panels(tensor<128x64xf32> along 0) : memref<4x2x64x16xf32>
// CHECK-DAG:     attn.weight "up" panels(tensor<128x64xf32> along 0) : memref<4x2x64x16xf32>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @read_between(%x: memref<?x64xf32>, %y: memref<?x128xf32>) {
  %c0 = arith.constant 0 : index
  %m = memref.dim %x, %c0 : memref<?x64xf32>
  %gate = attn.weight "gate" : memref<128x64xf32>
  %up = attn.weight "up" : memref<128x64xf32>
  scf.forall (%n) = (0) to (128) step (64) {
    %us = memref.subview %up[%n, 0] [64, 64] [1, 1]
      : memref<128x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
    %t = memref.alloc(%m) : memref<?x64xf32>
    linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %us : memref<?x64xf32>, memref<64x64xf32, strided<[64, 1], offset: ?>>) outs(%t : memref<?x64xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    %gs = memref.subview %gate[%n, 0] [64, 64] [1, 1]
      : memref<128x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
    %ys = memref.subview %y[0, %n] [%m, 64] [1, 1]
      : memref<?x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    memref.copy %t, %ys : memref<?x64xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %gs : memref<?x64xf32>, memref<64x64xf32, strided<[64, 1], offset: ?>>) outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
  }
  return
}

// -----

// negative: both add to the same results.
// CHECK-LABEL: @same_results
// CHECK-DAG:     attn.weight "gate" panels(tensor<128x64xf32> along 0) : memref<4x2x64x16xf32>
// CHECK-DAG:     attn.weight "up" panels(tensor<128x64xf32> along 0) : memref<4x2x64x16xf32>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @same_results(%x: memref<?x64xf32>, %y: memref<?x128xf32>) {
  %c0 = arith.constant 0 : index
  %m = memref.dim %x, %c0 : memref<?x64xf32>
  %gate = attn.weight "gate" : memref<128x64xf32>
  %up = attn.weight "up" : memref<128x64xf32>
  scf.forall (%n) = (0) to (128) step (64) {
    %us = memref.subview %up[%n, 0] [64, 64] [1, 1]
      : memref<128x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
    %gs = memref.subview %gate[%n, 0] [64, 64] [1, 1]
      : memref<128x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
    %ys = memref.subview %y[0, %n] [%m, 64] [1, 1]
      : memref<?x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %us : memref<?x64xf32>, memref<64x64xf32, strided<[64, 1], offset: ?>>) outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %gs : memref<?x64xf32>, memref<64x64xf32, strided<[64, 1], offset: ?>>) outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
  }
  return
}
