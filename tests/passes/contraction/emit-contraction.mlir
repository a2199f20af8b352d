// RUN: fovea-opt %s -attn-emit-contraction -canonicalize -cse -split-input-file -verify-diagnostics \
// RUN:   | FileCheck %s
// RUN: fovea-opt %s -attn-emit-contraction=target=avx512 -canonicalize -cse -split-input-file 2>/dev/null \
// RUN:   | FileCheck %s --check-prefix=AVX512
// RUN: fovea-opt %s -attn-emit-contraction=target=zen4 -canonicalize -cse -split-input-file 2>/dev/null \
// RUN:   | FileCheck %s --check-prefix=ZEN4

// y = x W^T: packed panels and a 6 x 16 tile in registers, 12 of them per step of k.
// CHECK-LABEL: @linear
// CHECK-DAG:     memref.alloc() {alignment = 64 : i64} : memref<66048xf32>
// CHECK-DAG:     memref.alloc() {alignment = 64 : i64} : memref<16384xf32>
// CHECK:         scf.for {{.*}} step %c4 iter_args
// CHECK-COUNT-48:  vector.fma {{.*}} : vector<8xf32>
// CHECK-NEXT:      scf.yield
// CHECK-NOT:     linalg
// AVX512-LABEL: @linear
// AVX512:         scf.for {{.*}} step %c4 iter_args
// AVX512-COUNT-112: vector.fma {{.*}} : vector<16xf32>
// AVX512-NEXT:      scf.yield
func.func @linear(%x: memref<96x64xf32>, %w: memref<48x64xf32>, %y: memref<96x48xf32>) {
  linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
                                 affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : memref<96x64xf32>, memref<48x64xf32>) outs(%y : memref<96x48xf32>)
  return
}

// -----

// Scratch belongs to the body of the parallel loop.
// CHECK-LABEL: @in_parallel_loop
// CHECK:         scf.forall
// CHECK-NEXT:      memref.alloc
func.func @in_parallel_loop(%x: memref<?x?xf32>, %w: memref<?x?xf32>, %y: memref<4x?x?xf32>) {
  scf.forall (%i) in (4) {
    %t = memref.subview %y[%i, 0, 0] [1, 8, 8] [1, 1, 1]
      : memref<4x?x?xf32> to memref<8x8xf32, strided<[?, 1], offset: ?>>
    linalg.matmul ins(%x, %w : memref<?x?xf32>, memref<?x?xf32>)
      outs(%t : memref<8x8xf32, strided<[?, 1], offset: ?>>)
  }
  return
}

// -----

// An unknown number of rows: up to 4 are tested for and not packed. One row meets eight panels of
// columns, two meet four, up to four meet two: eight sums each, four steps of k at a time. AVX-512 has a form
// for 8 packed rows besides that for many. Every form sums up in the same order.
// CHECK-LABEL: @dynamic_rows
// CHECK:         arith.cmpi sle, %[[ROWS:.*]], %c4
// CHECK:         scf.if
// CHECK-NEXT:      arith.cmpi sle, %[[ROWS]], %c1
// CHECK-NOT:       vector.store {{.*}} : memref<66048xf32>
// CHECK-COUNT-32:  vector.fma
// CHECK:           arith.cmpi sle, %[[ROWS]], %c2
// CHECK-COUNT-32:  vector.fma
// CHECK-COUNT-32:  vector.fma
// CHECK:         else
// CHECK:           vector.store {{.*}} : memref<66048xf32>
// CHECK-COUNT-48:  vector.fma
// CHECK-NOT:       vector.fma
// AVX512-LABEL: @dynamic_rows
// AVX512-COUNT-16:  vector.fma
// AVX512-COUNT-32:  vector.fma
// AVX512-COUNT-64:  vector.fma
// AVX512-COUNT-64:  vector.fma
// AVX512-COUNT-112: vector.fma
// AVX512-NOT:       vector.fma
// AVX512-LABEL:     @one_row
func.func @dynamic_rows(%x: memref<?x64xf32>, %w: memref<48x64xf32>, %y: memref<?x48xf32>) {
  linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
                                 affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : memref<?x64xf32>, memref<48x64xf32>) outs(%y : memref<?x48xf32>)
  return
}

// -----

// One row, known: one form, which packs the columns alone.
// CHECK-LABEL: @one_row
// CHECK:         memref.alloc() {alignment = 64 : i64} : memref<16384xf32>
// CHECK-NOT:     memref.alloc
// CHECK-COUNT-32: vector.fma
// CHECK-NOT:     vector.fma
// CHECK:         return
func.func @one_row(%x: memref<1x64xf32>, %w: memref<64x48xf32>, %y: memref<1x48xf32>) {
  linalg.matmul ins(%x, %w : memref<1x64xf32>, memref<64x48xf32>) outs(%y : memref<1x48xf32>)
  return
}

// -----

// Tiles with the same rows share their panels, which a loop in front packs: 6 rows by all of k
// each, k by steps of 256. The right factor is packed by each task, 64 columns wide.
// CHECK-LABEL: @shared_rows
// CHECK:         %[[MANY:.*]] = arith.cmpi sgt, %[[ROWS:.*]], %c4
// CHECK:         %[[ALL:.*]] = arith.ceildivui %[[ROWS]], %c6
// CHECK:         %[[PANELS:.*]] = arith.select %[[MANY]], %[[ALL]], %c0
// CHECK:         %[[SIZE:.*]] = arith.muli %[[PANELS]], %c3600
// CHECK:         %[[PACKED:.*]] = memref.alloc(%[[SIZE]]) {alignment = 64 : i64} : memref<2x?xf32>
// CHECK:         scf.forall (%[[B:.*]], %{{.*}}) in (2, %[[PANELS]])
// CHECK:           vector.load %{{.*}}[%[[B]], {{.*}}] : memref<2x?x600xf32>, vector<4xf32>
// CHECK:           vector.store %{{.*}}, %[[PACKED]][%[[B]], {{.*}}] : memref<2x?xf32>, vector<8xf32>
// CHECK:         attn.kernel_name = "pack"
// CHECK:         scf.forall
// CHECK-NEXT:      memref.alloc() {alignment = 64 : i64} : memref<96xf32>
// CHECK-NEXT:      memref.alloc() {alignment = 64 : i64} : memref<16384xf32>
// CHECK-NOT:       memref.alloc
// CHECK:           memref.prefetch %[[PACKED]]
// CHECK:           memref.load %[[PACKED]]
#rows = affine_map<(d0)[s0] -> (s0 - d0, 516)>
func.func @shared_rows(%x: memref<2x?x600xf32>, %w: memref<128x600xf32>, %y: memref<2x?x128xf32>) {
  %c1 = arith.constant 1 : index
  %l = memref.dim %x, %c1 : memref<2x?x600xf32>
  scf.forall (%b, %m, %n) = (0, 0, 0) to (2, %l, 128) step (1, 516, 64) {
    %r = affine.min #rows(%m)[%l]
    %xs = memref.subview %x[%b, %m, 0] [1, %r, 600] [1, 1, 1]
      : memref<2x?x600xf32> to memref<1x?x600xf32, strided<[?, 600, 1], offset: ?>>
    %ws = memref.subview %w[%n, 0] [64, 600] [1, 1]
      : memref<128x600xf32> to memref<64x600xf32, strided<[600, 1], offset: ?>>
    %ys = memref.subview %y[%b, %m, %n] [1, %r, 64] [1, 1, 1]
      : memref<2x?x128xf32> to memref<1x?x64xf32, strided<[?, 128, 1], offset: ?>>
    linalg.generic {
        indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (n, k)>,
                         affine_map<(b, m, n, k) -> (b, m, n)>],
        iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%xs, %ws : memref<1x?x600xf32, strided<[?, 600, 1], offset: ?>>,
                     memref<64x600xf32, strided<[600, 1], offset: ?>>)
      outs(%ys : memref<1x?x64xf32, strided<[?, 128, 1], offset: ?>>) {
    ^bb0(%p: f32, %q: f32, %s: f32):
      %t = arith.mulf %p, %q : f32
      %u = arith.addf %s, %t : f32
      linalg.yield %u : f32
    }
  }
  return
}

// -----

// Rows that two products read are packed for the first, and the second finds them.
// CHECK-LABEL: @same_rows
// CHECK:         attn.kernel_name = "pack"
// CHECK-NOT:     attn.kernel_name = "pack"
// CHECK:         return
#rows = affine_map<(d0) -> (-d0 + 300, 258)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @same_rows(%x: memref<300x64xf32>, %w: memref<128x64xf32>, %y: memref<300x128xf32>,
                     %z: memref<300x128xf32>) {
  scf.forall (%m, %n) = (0, 0) to (300, 128) step (258, 64) {
    %r = affine.min #rows(%m)
    %xs = memref.subview %x[%m, 0] [%r, 64] [1, 1] : memref<300x64xf32> to memref<?x64xf32, strided<[64, 1], offset: ?>>
    %ws = memref.subview %w[%n, 0] [64, 64] [1, 1] : memref<128x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
    %ys = memref.subview %y[%m, %n] [%r, 64] [1, 1] : memref<300x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%xs, %ws : memref<?x64xf32, strided<[64, 1], offset: ?>>, memref<64x64xf32, strided<[64, 1], offset: ?>>)
      outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>)
  }
  scf.forall (%m, %n) = (0, 0) to (300, 128) step (258, 64) {
    %r = affine.min #rows(%m)
    %xs = memref.subview %x[%m, 0] [%r, 64] [1, 1] : memref<300x64xf32> to memref<?x64xf32, strided<[64, 1], offset: ?>>
    %ws = memref.subview %w[%n, 0] [64, 64] [1, 1] : memref<128x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
    %ys = memref.subview %z[%m, %n] [%r, 64] [1, 1] : memref<300x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%xs, %ws : memref<?x64xf32, strided<[64, 1], offset: ?>>, memref<64x64xf32, strided<[64, 1], offset: ?>>)
      outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>)
  }
  return
}

// -----

// So few rows that no tile cuts them: all tiles have them whole, and share them as well.
// CHECK-LABEL: @uncut_rows
// CHECK:         scf.forall (%{{.*}}) in (6) {
// CHECK:         attn.kernel_name = "pack"
// CHECK:         scf.forall (%{{.*}}) = (0) to (256) step (64)
func.func @uncut_rows(%x: memref<32x64xf32>, %w: memref<64x256xf32>, %y: memref<32x256xf32>) {
  scf.forall (%n) = (0) to (256) step (64) {
    %ws = memref.subview %w[0, %n] [64, 64] [1, 1]
      : memref<64x256xf32> to memref<64x64xf32, strided<[256, 1], offset: ?>>
    %ys = memref.subview %y[0, %n] [32, 64] [1, 1]
      : memref<32x256xf32> to memref<32x64xf32, strided<[256, 1], offset: ?>>
    linalg.matmul ins(%x, %ws : memref<32x64xf32>, memref<64x64xf32, strided<[256, 1], offset: ?>>)
      outs(%ys : memref<32x64xf32, strided<[256, 1], offset: ?>>)
  }
  return
}

// -----

// What is written in between, into a part of the rows, has them packed anew.
// CHECK-LABEL: @negative_rows_written
// CHECK-COUNT-2: attn.kernel_name = "pack"
#rows = affine_map<(d0) -> (-d0 + 300, 258)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @negative_rows_written(%x: memref<300x64xf32>, %w: memref<128x64xf32>,
                                 %y: memref<300x128xf32>, %z: memref<300x128xf32>) {
  scf.forall (%m, %n) = (0, 0) to (300, 128) step (258, 64) {
    %r = affine.min #rows(%m)
    %xs = memref.subview %x[%m, 0] [%r, 64] [1, 1] : memref<300x64xf32> to memref<?x64xf32, strided<[64, 1], offset: ?>>
    %ws = memref.subview %w[%n, 0] [64, 64] [1, 1] : memref<128x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
    %ys = memref.subview %y[%m, %n] [%r, 64] [1, 1] : memref<300x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%xs, %ws : memref<?x64xf32, strided<[64, 1], offset: ?>>, memref<64x64xf32, strided<[64, 1], offset: ?>>)
      outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>)
  }
  %zero = arith.constant 0.0 : f32
  %part = memref.subview %x[0, 0] [8, 64] [1, 1] : memref<300x64xf32> to memref<8x64xf32, strided<[64, 1]>>
  linalg.fill ins(%zero : f32) outs(%part : memref<8x64xf32, strided<[64, 1]>>)
  scf.forall (%m, %n) = (0, 0) to (300, 128) step (258, 64) {
    %r = affine.min #rows(%m)
    %xs = memref.subview %x[%m, 0] [%r, 64] [1, 1] : memref<300x64xf32> to memref<?x64xf32, strided<[64, 1], offset: ?>>
    %ws = memref.subview %w[%n, 0] [64, 64] [1, 1] : memref<128x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
    %ys = memref.subview %z[%m, %n] [%r, 64] [1, 1] : memref<300x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%xs, %ws : memref<?x64xf32, strided<[64, 1], offset: ?>>, memref<64x64xf32, strided<[64, 1], offset: ?>>)
      outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>)
  }
  return
}

// -----

// Packed in a branch that the second product is not in.
// CHECK-LABEL: @negative_other_block
// CHECK-COUNT-2: attn.kernel_name = "pack"
#rows = affine_map<(d0) -> (-d0 + 300, 258)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @negative_other_block(%x: memref<300x64xf32>, %w: memref<128x64xf32>,
                                %y: memref<300x128xf32>, %z: memref<300x128xf32>, %p: i1) {
  scf.if %p {
    scf.forall (%m, %n) = (0, 0) to (300, 128) step (258, 64) {
      %r = affine.min #rows(%m)
      %xs = memref.subview %x[%m, 0] [%r, 64] [1, 1] : memref<300x64xf32> to memref<?x64xf32, strided<[64, 1], offset: ?>>
      %ws = memref.subview %w[%n, 0] [64, 64] [1, 1] : memref<128x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
      %ys = memref.subview %y[%m, %n] [%r, 64] [1, 1] : memref<300x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
      linalg.matmul indexing_maps = [#a, #b, #c]
        ins(%xs, %ws : memref<?x64xf32, strided<[64, 1], offset: ?>>, memref<64x64xf32, strided<[64, 1], offset: ?>>)
        outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>)
    }
  }
  scf.forall (%m, %n) = (0, 0) to (300, 128) step (258, 64) {
    %r = affine.min #rows(%m)
    %xs = memref.subview %x[%m, 0] [%r, 64] [1, 1] : memref<300x64xf32> to memref<?x64xf32, strided<[64, 1], offset: ?>>
    %ws = memref.subview %w[%n, 0] [64, 64] [1, 1] : memref<128x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
    %ys = memref.subview %z[%m, %n] [%r, 64] [1, 1] : memref<300x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%xs, %ws : memref<?x64xf32, strided<[64, 1], offset: ?>>, memref<64x64xf32, strided<[64, 1], offset: ?>>)
      outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>)
  }
  return
}

// -----

// Rows are packed where they are computed, at the end of each tile: 43 panels of 6 rows, a part of a
// block of k. The last block has 64 steps.
// CHECK-LABEL: @packed_where_written
// CHECK:         %[[X:.*]] = memref.alloc() : memref<300x320xf32>
// CHECK:         %[[PACKED:.*]] = memref.alloc() {alignment = 64 : i64} : memref<96000xf32>
// CHECK:         scf.forall (%[[M:.*]], %[[N:.*]]) = (0, 0) to (300, 320) step (258, 64)
// CHECK:           linalg.fill
// CHECK:           scf.for %{{.*}} = %[[M]] to %{{.*}} step %c6
// CHECK:             vector.load %[[X]]
// CHECK:             vector.store %{{.*}}, %[[PACKED]]
// CHECK:         scf.forall
// CHECK-NOT:       attn.kernel_name = "pack"
// CHECK:           memref.load %[[PACKED]]
// CHECK-NOT:     attn.kernel_name = "pack"
// CHECK:         return
#rows = affine_map<(d0) -> (-d0 + 300, 258)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @packed_where_written(%w: memref<128x320xf32>, %y: memref<300x128xf32>) {
  %one = arith.constant 1.0 : f32
  %x = memref.alloc() : memref<300x320xf32>
  scf.forall (%m, %n) = (0, 0) to (300, 320) step (258, 64) {
    %r = affine.min #rows(%m)
    %ps = memref.subview %x[%m, %n] [%r, 64] [1, 1] : memref<300x320xf32> to memref<?x64xf32, strided<[320, 1], offset: ?>>
    linalg.fill ins(%one : f32) outs(%ps : memref<?x64xf32, strided<[320, 1], offset: ?>>)
  }
  scf.forall (%m, %n) = (0, 0) to (300, 128) step (258, 64) {
    %r = affine.min #rows(%m)
    %xs = memref.subview %x[%m, 0] [%r, 320] [1, 1] : memref<300x320xf32> to memref<?x320xf32, strided<[320, 1], offset: ?>>
    %ws = memref.subview %w[%n, 0] [64, 320] [1, 1] : memref<128x320xf32> to memref<64x320xf32, strided<[320, 1], offset: ?>>
    %ys = memref.subview %y[%m, %n] [%r, 64] [1, 1] : memref<300x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%xs, %ws : memref<?x320xf32, strided<[320, 1], offset: ?>>, memref<64x320xf32, strided<[320, 1], offset: ?>>)
      outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>)
  }
  return
}

// -----

// Tiles of whole rows, as of a norm: by blocks of k.
// CHECK-LABEL: @packed_whole_rows
// CHECK:         scf.forall (%[[M:.*]]) = (0) to (300) step (6)
// CHECK:           scf.for %{{.*}} = %[[M]] to %{{.*}} step %c6
// CHECK:             scf.for %{{.*}} = %c0 to %c320 step %c256
// CHECK-NOT:     attn.kernel_name = "pack"
// CHECK:         return
#rows = affine_map<(d0) -> (-d0 + 300, 258)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @packed_whole_rows(%w: memref<128x320xf32>, %y: memref<300x128xf32>) {
  %one = arith.constant 1.0 : f32
  %x = memref.alloc() : memref<300x320xf32>
  scf.forall (%m) = (0) to (300) step (6) {
    %ps = memref.subview %x[%m, 0] [6, 320] [1, 1] : memref<300x320xf32> to memref<6x320xf32, strided<[320, 1], offset: ?>>
    linalg.fill ins(%one : f32) outs(%ps : memref<6x320xf32, strided<[320, 1], offset: ?>>)
  }
  scf.forall (%m, %n) = (0, 0) to (300, 128) step (258, 64) {
    %r = affine.min #rows(%m)
    %xs = memref.subview %x[%m, 0] [%r, 320] [1, 1] : memref<300x320xf32> to memref<?x320xf32, strided<[320, 1], offset: ?>>
    %ws = memref.subview %w[%n, 0] [64, 320] [1, 1] : memref<128x320xf32> to memref<64x320xf32, strided<[320, 1], offset: ?>>
    %ys = memref.subview %y[%m, %n] [%r, 64] [1, 1] : memref<300x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%xs, %ws : memref<?x320xf32, strided<[320, 1], offset: ?>>, memref<64x320xf32, strided<[320, 1], offset: ?>>)
      outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>)
  }
  return
}

// -----

// A tile that ends within a panel.
// CHECK-LABEL: @negative_part_of_panel
// CHECK: attn.kernel_name = "pack"
#rows = affine_map<(d0) -> (-d0 + 300, 258)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
#few = affine_map<(d0) -> (-d0 + 300, 64)>
func.func @negative_part_of_panel(%w: memref<128x320xf32>, %y: memref<300x128xf32>) {
  %one = arith.constant 1.0 : f32
  %x = memref.alloc() : memref<300x320xf32>
  scf.forall (%m, %n) = (0, 0) to (300, 320) step (64, 64) {
    %r = affine.min #few(%m)
    %ps = memref.subview %x[%m, %n] [%r, 64] [1, 1] : memref<300x320xf32> to memref<?x64xf32, strided<[320, 1], offset: ?>>
    linalg.fill ins(%one : f32) outs(%ps : memref<?x64xf32, strided<[320, 1], offset: ?>>)
  }
  scf.forall (%m, %n) = (0, 0) to (300, 128) step (258, 64) {
    %r = affine.min #rows(%m)
    %xs = memref.subview %x[%m, 0] [%r, 320] [1, 1] : memref<300x320xf32> to memref<?x320xf32, strided<[320, 1], offset: ?>>
    %ws = memref.subview %w[%n, 0] [64, 320] [1, 1] : memref<128x320xf32> to memref<64x320xf32, strided<[320, 1], offset: ?>>
    %ys = memref.subview %y[%m, %n] [%r, 64] [1, 1] : memref<300x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%xs, %ws : memref<?x320xf32, strided<[320, 1], offset: ?>>, memref<64x320xf32, strided<[320, 1], offset: ?>>)
      outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>)
  }
  return
}

// -----

// A tile across blocks of k.
// CHECK-LABEL: @negative_across_blocks
// CHECK: attn.kernel_name = "pack"
#rows = affine_map<(d0) -> (-d0 + 300, 258)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @negative_across_blocks(%w: memref<128x320xf32>, %y: memref<300x128xf32>) {
  %one = arith.constant 1.0 : f32
  %x = memref.alloc() : memref<300x320xf32>
  scf.forall (%m, %n) = (0, 0) to (300, 320) step (258, 160) {
    %r = affine.min #rows(%m)
    %ps = memref.subview %x[%m, %n] [%r, 160] [1, 1] : memref<300x320xf32> to memref<?x160xf32, strided<[320, 1], offset: ?>>
    linalg.fill ins(%one : f32) outs(%ps : memref<?x160xf32, strided<[320, 1], offset: ?>>)
  }
  scf.forall (%m, %n) = (0, 0) to (300, 128) step (258, 64) {
    %r = affine.min #rows(%m)
    %xs = memref.subview %x[%m, 0] [%r, 320] [1, 1] : memref<300x320xf32> to memref<?x320xf32, strided<[320, 1], offset: ?>>
    %ws = memref.subview %w[%n, 0] [64, 320] [1, 1] : memref<128x320xf32> to memref<64x320xf32, strided<[320, 1], offset: ?>>
    %ys = memref.subview %y[%m, %n] [%r, 64] [1, 1] : memref<300x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%xs, %ws : memref<?x320xf32, strided<[320, 1], offset: ?>>, memref<64x320xf32, strided<[320, 1], offset: ?>>)
      outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>)
  }
  return
}

// -----

// Two loops write the rows.
// CHECK-LABEL: @negative_two_writers
// CHECK: attn.kernel_name = "pack"
#rows = affine_map<(d0) -> (-d0 + 300, 258)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @negative_two_writers(%w: memref<128x320xf32>, %y: memref<300x128xf32>) {
  %one = arith.constant 1.0 : f32
  %x = memref.alloc() : memref<300x320xf32>
  scf.forall (%m, %n) = (0, 0) to (300, 320) step (258, 64) {
    %r = affine.min #rows(%m)
    %ps = memref.subview %x[%m, %n] [%r, 64] [1, 1] : memref<300x320xf32> to memref<?x64xf32, strided<[320, 1], offset: ?>>
    linalg.fill ins(%one : f32) outs(%ps : memref<?x64xf32, strided<[320, 1], offset: ?>>)
  }
  scf.forall (%m, %n) = (0, 0) to (300, 320) step (258, 64) {
    %r = affine.min #rows(%m)
    %ps = memref.subview %x[%m, %n] [%r, 64] [1, 1] : memref<300x320xf32> to memref<?x64xf32, strided<[320, 1], offset: ?>>
    linalg.fill ins(%one : f32) outs(%ps : memref<?x64xf32, strided<[320, 1], offset: ?>>)
  }
  scf.forall (%m, %n) = (0, 0) to (300, 128) step (258, 64) {
    %r = affine.min #rows(%m)
    %xs = memref.subview %x[%m, 0] [%r, 320] [1, 1] : memref<300x320xf32> to memref<?x320xf32, strided<[320, 1], offset: ?>>
    %ws = memref.subview %w[%n, 0] [64, 320] [1, 1] : memref<128x320xf32> to memref<64x320xf32, strided<[320, 1], offset: ?>>
    %ys = memref.subview %y[%m, %n] [%r, 64] [1, 1] : memref<300x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%xs, %ws : memref<?x320xf32, strided<[320, 1], offset: ?>>, memref<64x320xf32, strided<[320, 1], offset: ?>>)
      outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>)
  }
  return
}

// -----

// The loop writes more than its tile.
// CHECK-LABEL: @negative_second_view
// CHECK: attn.kernel_name = "pack"
#rows = affine_map<(d0) -> (-d0 + 300, 258)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @negative_second_view(%w: memref<128x320xf32>, %y: memref<300x128xf32>) {
  %one = arith.constant 1.0 : f32
  %x = memref.alloc() : memref<300x320xf32>
  scf.forall (%m, %n) = (0, 0) to (300, 320) step (258, 64) {
    %r = affine.min #rows(%m)
    %ps = memref.subview %x[%m, %n] [%r, 64] [1, 1] : memref<300x320xf32> to memref<?x64xf32, strided<[320, 1], offset: ?>>
    linalg.fill ins(%one : f32) outs(%ps : memref<?x64xf32, strided<[320, 1], offset: ?>>)
    %c0 = arith.constant 0 : index
    memref.store %one, %x[%c0, %c0] : memref<300x320xf32>
  }
  scf.forall (%m, %n) = (0, 0) to (300, 128) step (258, 64) {
    %r = affine.min #rows(%m)
    %xs = memref.subview %x[%m, 0] [%r, 320] [1, 1] : memref<300x320xf32> to memref<?x320xf32, strided<[320, 1], offset: ?>>
    %ws = memref.subview %w[%n, 0] [64, 320] [1, 1] : memref<128x320xf32> to memref<64x320xf32, strided<[320, 1], offset: ?>>
    %ys = memref.subview %y[%m, %n] [%r, 64] [1, 1] : memref<300x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%xs, %ws : memref<?x320xf32, strided<[320, 1], offset: ?>>, memref<64x320xf32, strided<[320, 1], offset: ?>>)
      outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>)
  }
  return
}

// -----

// The product reads some of the columns only.
// CHECK-LABEL: @negative_some_columns
// CHECK: attn.kernel_name = "pack"
#rows = affine_map<(d0) -> (-d0 + 300, 258)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @negative_some_columns(%w: memref<128x320xf32>, %y: memref<300x128xf32>) {
  %one = arith.constant 1.0 : f32
  %x = memref.alloc() : memref<300x320xf32>
  scf.forall (%m, %n) = (0, 0) to (300, 320) step (258, 64) {
    %r = affine.min #rows(%m)
    %ps = memref.subview %x[%m, %n] [%r, 64] [1, 1] : memref<300x320xf32> to memref<?x64xf32, strided<[320, 1], offset: ?>>
    linalg.fill ins(%one : f32) outs(%ps : memref<?x64xf32, strided<[320, 1], offset: ?>>)
  }
  scf.forall (%m, %n) = (0, 0) to (300, 128) step (258, 64) {
    %r = affine.min #rows(%m)
    %xs = memref.subview %x[%m, 0] [%r, 128] [1, 1] : memref<300x320xf32> to memref<?x128xf32, strided<[320, 1], offset: ?>>
    %ws = memref.subview %w[%n, 0] [64, 128] [1, 1] : memref<128x320xf32> to memref<64x128xf32, strided<[320, 1], offset: ?>>
    %ys = memref.subview %y[%m, %n] [%r, 64] [1, 1] : memref<300x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%xs, %ws : memref<?x128xf32, strided<[320, 1], offset: ?>>, memref<64x128xf32, strided<[320, 1], offset: ?>>)
      outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>)
  }
  return
}

// -----

// What the caller's memory holds elsewhere is not known.
// CHECK-LABEL: @negative_argument
// CHECK: attn.kernel_name = "pack"
#rows = affine_map<(d0) -> (-d0 + 300, 258)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @negative_argument(%x: memref<300x320xf32>, %w: memref<128x320xf32>, %y: memref<300x128xf32>) {
  %one = arith.constant 1.0 : f32
  scf.forall (%m, %n) = (0, 0) to (300, 320) step (258, 64) {
    %r = affine.min #rows(%m)
    %ps = memref.subview %x[%m, %n] [%r, 64] [1, 1] : memref<300x320xf32> to memref<?x64xf32, strided<[320, 1], offset: ?>>
    linalg.fill ins(%one : f32) outs(%ps : memref<?x64xf32, strided<[320, 1], offset: ?>>)
  }
  scf.forall (%m, %n) = (0, 0) to (300, 128) step (258, 64) {
    %r = affine.min #rows(%m)
    %xs = memref.subview %x[%m, 0] [%r, 320] [1, 1] : memref<300x320xf32> to memref<?x320xf32, strided<[320, 1], offset: ?>>
    %ws = memref.subview %w[%n, 0] [64, 320] [1, 1] : memref<128x320xf32> to memref<64x320xf32, strided<[320, 1], offset: ?>>
    %ys = memref.subview %y[%m, %n] [%r, 64] [1, 1] : memref<300x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%xs, %ws : memref<?x320xf32, strided<[320, 1], offset: ?>>, memref<64x320xf32, strided<[320, 1], offset: ?>>)
      outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>)
  }
  return
}

// -----

// A weight in panels: nothing is packed but rows, and that in front. Half precision is widened by
// the tiles of few rows and, block by block, for many.
// CHECK-LABEL: @weights
// CHECK:         arith.cmpi sle, %{{.*}}, %c4
// CHECK-NOT:     vector.store {{.*}} : memref<16384xf32>
// CHECK:         %[[BLOCK:.*]] = memref.subview %[[W:.*]][0, 0, 0, 0] [1, 1, 64, 8] [1, 1, 1, 1] : memref<8x1x64x8xf16>
// CHECK:         %[[STEPS:.*]] = memref.subview %[[BLOCK]][%{{.*}}, 0] [4, 8] [1, 1]
// CHECK:         vector.load %[[STEPS]][%c0, %c0] : {{.*}}, vector<8xf16>
// CHECK:         arith.extf %{{.*}} : vector<8xf16> to vector<8xf32>
// CHECK-COUNT-96:  vector.fma
// CHECK:         else
// CHECK:         vector.load %[[W]]
// CHECK:         vector.store {{.*}} : memref<16384xf32>
// CHECK-COUNT-48:  vector.fma
func.func @weights(%x: memref<?x64xf32>, %y: memref<?x48xf32>) {
  %w = attn.weight "w" panels(tensor<48x64xf16> along 0) : memref<8x1x64x8xf16>
  linalg.generic {
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
                       affine_map<(m, n, k) -> ((n floordiv 8) mod 8, n floordiv 64, k, n mod 8)>,
                       affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : memref<?x64xf32>, memref<8x1x64x8xf16>) outs(%y : memref<?x48xf32>) {
  ^bb0(%p: f32, %q: f16, %s: f32):
    %e = arith.extf %q : f16 to f32
    %t = arith.mulf %p, %e : f32
    %u = arith.addf %s, %t : f32
    linalg.yield %u : f32
  }
  return
}

// -----

// Full precision is read where it is, also for many rows. Each tile of 14 of these fetches, once in
// 16 of the 256 steps, a row of its results and two lines of the 27 steps of one panel's next block that
// are its share. The last rows, if at most 8, have a smaller tile.
// AVX512-LABEL: @wide_weights
// AVX512-SAME:      %[[X:.*]]: memref<?x600xf32>, %[[Y:.*]]: memref<?x64xf32>
// AVX512-NOT:     vector.store {{.*}} : memref<16384xf32>
// AVX512-COUNT-64:  vector.fma
// Rows are packed a line at a time, and the last step of a panel stored in parts.
// AVX512:         scf.for %{{.*}} = %c0 to %{{.*}} step %c16
// AVX512-COUNT-14:  memref.prefetch %[[X]]{{.*}}, read, locality<2>
// AVX512-COUNT-14:  vector.load %[[X]]{{.*}} : memref<?x600xf32>, vector<16xf32>
// AVX512-COUNT-15:  vector.store {{.*}}, vector<16xf32>
// AVX512-NOT:       vector.store {{.*}}, vector<16xf32>
// AVX512:           vector.store {{.*}}, vector<8xf32>
// AVX512:           vector.store {{.*}}, vector<4xf32>
// AVX512:           vector.store {{.*}}, vector<2xf32>
// AVX512:         arith.cmpi sle, %{{.*}}, %c8
// AVX512:         scf.for %[[K:.*]] = %c0 to %{{.*}} step %c4 iter_args
// AVX512:           arith.remui %[[K]], %c16
// AVX512:           scf.if
// AVX512:             %[[ROW:.*]] = memref.subview %[[Y]][%{{.*}}, %{{.*}}] [1, 32] [1, 1]
// AVX512:             memref.prefetch %[[ROW]][%c0], read, locality<3>
// AVX512:             memref.prefetch %[[ROW]][%c16], read, locality<3>
// AVX512:             arith.muli %{{.*}}, %c27
// AVX512-COUNT-2:     memref.prefetch %{{.*}}, read, locality<2>, data : memref<4x1x600x16xf32>
// AVX512:           vector.load %{{.*}} : memref<4x16xf32
// AVX512-COUNT-112: vector.fma
// AVX512:         scf.if
// AVX512:           scf.for %{{.*}} = %c0 to %{{.*}} step %c4 iter_args
// AVX512-NOT:         scf.if
// AVX512-COUNT-64:    vector.fma
// AVX512:         return
func.func @wide_weights(%x: memref<?x600xf32>, %y: memref<?x64xf32>) {
  %w = attn.weight "w" panels(tensor<64x600xf32> along 0) : memref<4x1x600x16xf32>
  // expected-remark @below {{[contraction] left to the vectoriser: its weight is in panels for another target}}
  linalg.generic {
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
                       affine_map<(m, n, k) -> ((n floordiv 16) mod 4, n floordiv 64, k, n mod 16)>,
                       affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : memref<?x600xf32>, memref<4x1x600x16xf32>) outs(%y : memref<?x64xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %t = arith.mulf %p, %q : f32
    %u = arith.addf %s, %t : f32
    linalg.yield %u : f32
  }
  return
}

// -----

// Narrow ones too where widening them takes nothing from multiply-adds, two steps at once; elsewhere
// many rows share a copy, which up to 8 rows in all do without.
// AVX512-LABEL: @narrow_weights
// AVX512-COUNT-64:  vector.fma
// AVX512:         arith.cmpi sle, %{{.*}}, %c8
// AVX512-COUNT-64:  vector.fma
// AVX512:         arith.extf
// AVX512:         vector.store {{.*}} : memref<16384xf32>
// AVX512:         scf.for %{{.*}} = %c0 to %{{.*}} step %c4 iter_args
// AVX512:           vector.load %{{.*}} : memref<16384xf32>
// AVX512-COUNT-112: vector.fma
// ZEN4-LABEL: @narrow_weights
// ZEN4-NOT:       memref<16384xf32>
// ZEN4:           scf.for %{{.*}} = %c0 to %{{.*}} step %c2 iter_args
// ZEN4:             scf.if
// ZEN4-COUNT-4:     memref.prefetch %{{.*}}, read, locality<3>, data
// ZEN4:             vector.load %{{.*}} : memref<2x16xf16
// ZEN4-NEXT:        arith.extf
// ZEN4-COUNT-56:    vector.fma
// ZEN4:             scf.yield
// ZEN4:           scf.for %{{.*}} = %c0 to %{{.*}} step %c4 iter_args
// ZEN4:             vector.load %{{.*}} : memref<4x16xf16
// ZEN4-COUNT-64:    vector.fma
// ZEN4-NOT:       memref<16384xf32>
// ZEN4:           return
func.func @narrow_weights(%x: memref<?x600xf32>, %y: memref<?x64xf32>) {
  %w = attn.weight "w" panels(tensor<64x600xf16> along 0) : memref<4x1x600x16xf16>
  // expected-remark @below {{[contraction] left to the vectoriser: its weight is in panels for another target}}
  linalg.generic {
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
                       affine_map<(m, n, k) -> ((n floordiv 16) mod 4, n floordiv 64, k, n mod 16)>,
                       affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : memref<?x600xf32>, memref<4x1x600x16xf16>) outs(%y : memref<?x64xf32>) {
  ^bb0(%p: f32, %q: f16, %s: f32):
    %e = arith.extf %q : f16 to f32
    %t = arith.mulf %p, %e : f32
    %u = arith.addf %s, %t : f32
    linalg.yield %u : f32
  }
  return
}

// -----

// Results that were cleared are put there by the first block of k, and added to by those that follow.
// CHECK-LABEL: @cleared
// CHECK-NOT:     linalg.fill
// CHECK:         %[[FIRST:.*]] = arith.cmpi eq, %{{.*}}, %c0
// CHECK-COUNT-48:  vector.fma
// CHECK:           scf.if %[[FIRST]]
// CHECK-NOT:         vector.load
// CHECK-COUNT-12:    vector.store {{.*}} : memref<96x48xf32>
// CHECK:           else
// CHECK:             vector.load {{.*}} : memref<96x48xf32>
// CHECK:             arith.addf
// CHECK:         arith.select %[[FIRST]]
func.func @cleared(%x: memref<96x600xf32>, %w: memref<600x48xf32>, %y: memref<96x48xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<96x48xf32>)
  linalg.matmul ins(%x, %w : memref<96x600xf32>, memref<600x48xf32>) outs(%y : memref<96x48xf32>)
  return
}

// -----

// negative: there may be no first block.
// CHECK-LABEL: @negative_unknown_depth
// CHECK:         linalg.fill
func.func @negative_unknown_depth(%x: memref<96x?xf32>, %w: memref<?x48xf32>, %y: memref<96x48xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<96x48xf32>)
  linalg.matmul ins(%x, %w : memref<96x?xf32>, memref<?x48xf32>) outs(%y : memref<96x48xf32>)
  return
}

// -----

// negative: filled with something else.
// CHECK-LABEL: @negative_not_cleared
// CHECK:         linalg.fill
func.func @negative_not_cleared(%x: memref<96x64xf32>, %w: memref<64x48xf32>, %y: memref<96x48xf32>) {
  %one = arith.constant 1.0 : f32
  linalg.fill ins(%one : f32) outs(%y : memref<96x48xf32>)
  linalg.matmul ins(%x, %w : memref<96x64xf32>, memref<64x48xf32>) outs(%y : memref<96x48xf32>)
  return
}

// -----

// negative: results were written since.
// CHECK-LABEL: @negative_written_since
// CHECK:         linalg.fill
// CHECK:         memref.store
func.func @negative_written_since(%x: memref<96x64xf32>, %w: memref<64x48xf32>, %y: memref<96x48xf32>) {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %c0 = arith.constant 0 : index
  linalg.fill ins(%zero : f32) outs(%y : memref<96x48xf32>)
  memref.store %one, %y[%c0, %c0] : memref<96x48xf32>
  linalg.matmul ins(%x, %w : memref<96x64xf32>, memref<64x48xf32>) outs(%y : memref<96x48xf32>)
  return
}

// -----

// negative: narrow results are summed up elsewhere.
// CHECK-LABEL: @negative_narrow
// CHECK:         linalg.fill
func.func @negative_narrow(%x: memref<96x64xf16>, %w: memref<64x48xf16>, %y: memref<96x48xf16>) {
  %zero = arith.constant 0.0 : f16
  linalg.fill ins(%zero : f16) outs(%y : memref<96x48xf16>)
  linalg.matmul ins(%x, %w : memref<96x64xf16>, memref<64x48xf16>) outs(%y : memref<96x48xf16>)
  return
}

// -----

// negative: the outer sum meets each result several times.
// CHECK-LABEL: @negative_two_sums
// CHECK:         linalg.fill
func.func @negative_two_sums(%x: memref<96x3x64xf32>, %w: memref<3x64x48xf32>, %y: memref<96x48xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<96x48xf32>)
  linalg.generic {
      indexing_maps = [affine_map<(m, n, j, k) -> (m, j, k)>, affine_map<(m, n, j, k) -> (j, k, n)>,
                       affine_map<(m, n, j, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%x, %w : memref<96x3x64xf32>, memref<3x64x48xf32>) outs(%y : memref<96x48xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %t = arith.mulf %p, %q : f32
    %u = arith.addf %s, %t : f32
    linalg.yield %u : f32
  }
  return
}

// -----

// Eight rows on AVX-512 take so long for a load that weights are fetched ahead: four lines of each of
// two panels an iteration.
// AVX512-LABEL: @eight_rows
// AVX512:         scf.for {{.*}} step %c4 iter_args
// AVX512-COUNT-8:   memref.prefetch %{{.*}}[%c{{6[4-7]}}, %c0], read, locality<3>, data : memref<4x16xf32,
// AVX512-COUNT-64:  vector.fma
// AVX512-NEXT:      scf.yield
// negative: panels of 16 are none of AVX2's.
// CHECK-LABEL: @eight_rows
// CHECK:         linalg.generic
func.func @eight_rows(%x: memref<8x64xf32>, %y: memref<8x48xf32>) {
  %w = attn.weight "w" panels(tensor<48x64xf32> along 0) : memref<4x1x64x16xf32>
  // expected-remark @below {{[contraction] left to the vectoriser: its weight is in panels for another target}}
  linalg.generic {
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
                       affine_map<(m, n, k) -> ((n floordiv 16) mod 4, n floordiv 64, k, n mod 16)>,
                       affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : memref<8x64xf32>, memref<4x1x64x16xf32>) outs(%y : memref<8x48xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %t = arith.mulf %p, %q : f32
    %u = arith.addf %s, %t : f32
    linalg.yield %u : f32
  }
  return
}

// -----

// negative: one tile of columns, so that no other task would use the panels.
// CHECK-LABEL: @negative_one_column_tile
// CHECK-NOT:     attn.kernel_name = "pack"
// CHECK:         memref.alloc() {alignment = 64 : i64} : memref<66048xf32>
func.func @negative_one_column_tile(%x: memref<600x64xf32>, %w: memref<64x64xf32>, %y: memref<600x64xf32>) {
  scf.forall (%m) = (0) to (600) step (120) {
    %xs = memref.subview %x[%m, 0] [120, 64] [1, 1]
      : memref<600x64xf32> to memref<120x64xf32, strided<[64, 1], offset: ?>>
    %ys = memref.subview %y[%m, 0] [120, 64] [1, 1]
      : memref<600x64xf32> to memref<120x64xf32, strided<[64, 1], offset: ?>>
    linalg.matmul ins(%xs, %w : memref<120x64xf32, strided<[64, 1], offset: ?>>, memref<64x64xf32>)
      outs(%ys : memref<120x64xf32, strided<[64, 1], offset: ?>>)
  }
  return
}

// -----

// negative: tiles do not begin at panels.
// CHECK-LABEL: @negative_unaligned
// CHECK-NOT:     attn.kernel_name = "pack"
// CHECK:         return
func.func @negative_unaligned(%x: memref<600x64xf32>, %w: memref<64x128xf32>, %y: memref<600x128xf32>) {
  scf.forall (%m, %n) = (0, 0) to (600, 128) step (100, 64) {
    %xs = memref.subview %x[%m, 0] [100, 64] [1, 1]
      : memref<600x64xf32> to memref<100x64xf32, strided<[64, 1], offset: ?>>
    %ws = memref.subview %w[0, %n] [64, 64] [1, 1]
      : memref<64x128xf32> to memref<64x64xf32, strided<[128, 1], offset: ?>>
    %ys = memref.subview %y[%m, %n] [100, 64] [1, 1]
      : memref<600x128xf32> to memref<100x64xf32, strided<[128, 1], offset: ?>>
    linalg.matmul ins(%xs, %ws : memref<100x64xf32, strided<[64, 1], offset: ?>>,
                                 memref<64x64xf32, strided<[128, 1], offset: ?>>)
      outs(%ys : memref<100x64xf32, strided<[128, 1], offset: ?>>)
  }
  return
}

// -----

// negative: the loop writes to the rows.
// CHECK-LABEL: @negative_written
// CHECK-NOT:     attn.kernel_name = "pack"
// CHECK:         return
func.func @negative_written(%x: memref<600x64xf32>, %w: memref<64x128xf32>, %y: memref<600x128xf32>) {
  %zero = arith.constant 0.0 : f32
  scf.forall (%m, %n) = (0, 0) to (600, 128) step (120, 64) {
    %xs = memref.subview %x[%m, 0] [120, 64] [1, 1]
      : memref<600x64xf32> to memref<120x64xf32, strided<[64, 1], offset: ?>>
    %ws = memref.subview %w[0, %n] [64, 64] [1, 1]
      : memref<64x128xf32> to memref<64x64xf32, strided<[128, 1], offset: ?>>
    %ys = memref.subview %y[%m, %n] [120, 64] [1, 1]
      : memref<600x128xf32> to memref<120x64xf32, strided<[128, 1], offset: ?>>
    linalg.fill ins(%zero : f32) outs(%xs : memref<120x64xf32, strided<[64, 1], offset: ?>>)
    linalg.matmul ins(%xs, %ws : memref<120x64xf32, strided<[64, 1], offset: ?>>,
                                 memref<64x64xf32, strided<[128, 1], offset: ?>>)
      outs(%ys : memref<120x64xf32, strided<[128, 1], offset: ?>>)
  }
  return
}

// -----

// negative: integers are left to the vectoriser.
// CHECK-LABEL: @integers
// CHECK:         linalg.generic
func.func @integers(%x: memref<8x8xi32>, %y: memref<8x8xi32>) {
  // expected-remark @below {{[contraction] left to the vectoriser: its body is not a sum of products of floats}}
  linalg.matmul ins(%x, %x : memref<8x8xi32>, memref<8x8xi32>) outs(%y : memref<8x8xi32>)
  return
}

// -----

// A scalar times the sum over a dim of the other factor: no loop of the sum belongs to both.
// CHECK-LABEL: @scaled_sum
// CHECK:         linalg.generic
func.func @scaled_sum(%s: memref<f32>, %x: memref<?x?x?xf32>, %y: memref<?x?xf32>) {
  // expected-remark @below {{[contraction] left to the vectoriser: no loop of the result belongs to one factor alone, or none of the sum to both}}
  linalg.generic {indexing_maps = [affine_map<(k, i, j) -> ()>, affine_map<(k, i, j) -> (k, i, j)>,
                                   affine_map<(k, i, j) -> (i, j)>],
                  iterator_types = ["reduction", "parallel", "parallel"]}
      ins(%s, %x : memref<f32>, memref<?x?x?xf32>) outs(%y : memref<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %n = arith.addf %m, %acc : f32
    linalg.yield %n : f32
  }
  return
}

// -----

// negative: a dot product has no loop but the summed one.
// CHECK-LABEL: @dot
// CHECK:         linalg.generic
func.func @dot(%x: memref<8xf32>, %y: memref<f32>) {
  // expected-remark @below {{[contraction] left to the vectoriser: no loop of the result belongs to one factor alone}}
  linalg.dot ins(%x, %x : memref<8xf32>, memref<8xf32>) outs(%y : memref<f32>)
  return
}

// -----

// negative: not a contraction at all, so not even generalised.
// CHECK-LABEL: @elementwise
// CHECK:         linalg.exp
func.func @elementwise(%x: memref<8xf32>) {
  linalg.exp ins(%x : memref<8xf32>) outs(%x : memref<8xf32>)
  return
}

// -----

// negative: tensors are left alone.
// CHECK-LABEL: @tensors
// CHECK:         linalg.matmul
func.func @tensors(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %y = linalg.matmul ins(%x, %x : tensor<8x8xf32>, tensor<8x8xf32>) outs(%x : tensor<8x8xf32>)
    -> tensor<8x8xf32>
  return %y : tensor<8x8xf32>
}

// -----

// A gate and what it lets through: both products are computed where the second one is, four panels of each
// weight side by side in one loop.
// CHECK-LABEL: @siblings
// CHECK:         %[[GATE:.*]] = attn.weight "gate"
// CHECK:         %[[UP:.*]] = attn.weight "up"
// CHECK:         scf.for %{{.*}} = %c0 to %c64 step %c32
// CHECK-COUNT-4:   memref.subview %[[UP]][
// CHECK-COUNT-4:   memref.subview %[[GATE]][
// CHECK:           scf.for {{.*}} step %c4 iter_args
// CHECK-COUNT-32:    vector.fma
// CHECK-NEXT:        scf.yield
// CHECK-COUNT-4:   vector.store {{.*}} : memref<1x64xf32>,
// CHECK-COUNT-4:   vector.store {{.*}} : memref<1x64xf32, strided<[128, 1]>>,
// CHECK-NOT:     vector.fma
// CHECK:         return
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> ((n floordiv 8) mod 4, n floordiv 32, k, n mod 8)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @siblings(%x: memref<1x64xf32>, %t: memref<1x128xf32>) {
  %zero = arith.constant 0.0 : f32
  %gate = attn.weight "gate" panels(tensor<64x64xf32> along 0) : memref<4x2x64x8xf32>
  %up = attn.weight "up" panels(tensor<64x64xf32> along 0) : memref<4x2x64x8xf32>
  %own = memref.alloc() : memref<1x64xf32>
  linalg.fill ins(%zero : f32) outs(%own : memref<1x64xf32>)
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %up : memref<1x64xf32>, memref<4x2x64x8xf32>) outs(%own : memref<1x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  %y = memref.subview %t[0, 0] [1, 64] [1, 1] : memref<1x128xf32> to memref<1x64xf32, strided<[128, 1]>>
  linalg.fill ins(%zero : f32) outs(%y : memref<1x64xf32, strided<[128, 1]>>)
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %gate : memref<1x64xf32>, memref<4x2x64x8xf32>)
    outs(%y : memref<1x64xf32, strided<[128, 1]>>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  memref.copy %own, %y : memref<1x64xf32> to memref<1x64xf32, strided<[128, 1]>>
  return
}

// -----

// Weights that are in no panels, as those of three dims: both products of few rows are computed too.
// CHECK-LABEL: @siblings_without_panels
// CHECK:         %[[GATE:.*]] = attn.weight "gate"
// CHECK:         %[[UP:.*]] = attn.weight "up"
// CHECK:         vector.load %[[UP]][
// CHECK:         vector.fma
// CHECK:         vector.load %[[GATE]][
// CHECK:         vector.fma
// CHECK:         return
#rows = affine_map<(m, e, n, k) -> (m, k)>
#weights = affine_map<(m, e, n, k) -> (e, n, k)>
#results = affine_map<(m, e, n, k) -> (m, e, n)>
func.func @siblings_without_panels(%x: memref<1x16xf32>, %y: memref<1x4x32xf32>) {
  %zero = arith.constant 0.0 : f32
  %gate = attn.weight "gate" : memref<4x32x16xf32>
  %up = attn.weight "up" : memref<4x32x16xf32>
  %own = memref.alloc() : memref<1x4x32xf32>
  linalg.fill ins(%zero : f32) outs(%own : memref<1x4x32xf32>)
  linalg.generic {indexing_maps = [#rows, #weights, #results], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%x, %up : memref<1x16xf32>, memref<4x32x16xf32>) outs(%own : memref<1x4x32xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  linalg.fill ins(%zero : f32) outs(%y : memref<1x4x32xf32>)
  linalg.generic {indexing_maps = [#rows, #weights, #results], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%x, %gate : memref<1x16xf32>, memref<4x32x16xf32>) outs(%y : memref<1x4x32xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  memref.copy %own, %y : memref<1x4x32xf32> to memref<1x4x32xf32>
  return
}
