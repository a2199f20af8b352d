// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention,canonicalize,cse))" -split-input-file | FileCheck %s

// Keys of few queries are split over threads by segments of 512, and a second loop brings the
// segments together. Where a segment is all there is, its task writes the output itself.

// CHECK-LABEL: func @segments
// CHECK-SAME: %{{.*}}: memref<1x8x1x128xf32>, %[[K:[a-z0-9]+]]: memref<1x2x?x128xf32>
// CHECK: %[[KEYS:.*]] = memref.dim %[[K]], %c2
// CHECK: %[[WHOLE:.*]] = arith.ceildivui %[[KEYS]], %c512
// CHECK: %[[SEGMENTS:.*]] = arith.maxsi %[[WHOLE]], %c1
// One more state than segments: that before all keys.
// CHECK: %[[STATES:.*]] = arith.addi %[[SEGMENTS]], %c1
// CHECK: memref.alloc(%[[STATES]]) {alignment = 64 : i64} : memref<2x?x4x128xf32>
// A task's maxima and sums have cache lines of their own.
// CHECK: memref.alloc(%[[STATES]]) {alignment = 64 : i64} : memref<2x?x16xf32>
// CHECK: scf.forall (%[[HEAD:.*]], %[[SEGMENT:.*]]) = (0, 0) to (8, %[[SEGMENTS]]) step (4, 1)
// CHECK: %[[FIRST:.*]] = arith.muli %[[SEGMENT]], %c512
// CHECK: vector.fma
// CHECK: %[[ONE:.*]] = arith.cmpi eq, %[[SEGMENTS]], %c1
// CHECK: scf.if %[[ONE]]
// CHECK: arith.divf
// CHECK: } {attn.kernel_name = "attention"}
// CHECK: %[[MERGED:.*]] = arith.select
// CHECK: scf.forall (%{{.*}}, %{{.*}}) = (0, 0) to (8, %[[MERGED]]) step (4, 1)
// CHECK: scf.for %{{.*}} = %c1 to %[[STATES]]
// CHECK: vector.fma
// CHECK: arith.divf
// CHECK: } {attn.kernel_name = "merge"}
func.func @segments(%q: memref<1x8x1x128xf32>, %k: memref<1x2x?x128xf32>, %v: memref<1x2x?x128xf32>,
                    %o: memref<1x8x1x128xf32>, %n: index) {
  scf.forall (%h) = (0) to (8) step (4) {
    %g = affine.apply affine_map<(d0) -> (d0 floordiv 4)>(%h)
    %qs = memref.subview %q[0, %h, 0, 0] [1, 4, 1, 128] [1, 1, 1, 1]
        : memref<1x8x1x128xf32> to memref<1x4x1x128xf32, strided<[1024, 128, 128, 1], offset: ?>>
    %ks = memref.subview %k[0, %g, 0, 0] [1, 1, %n, 128] [1, 1, 1, 1]
        : memref<1x2x?x128xf32> to memref<1x1x?x128xf32, strided<[?, ?, 128, 1], offset: ?>>
    %vs = memref.subview %v[0, %g, 0, 0] [1, 1, %n, 128] [1, 1, 1, 1]
        : memref<1x2x?x128xf32> to memref<1x1x?x128xf32, strided<[?, ?, 128, 1], offset: ?>>
    %os = memref.subview %o[0, %h, 0, 0] [1, 4, 1, 128] [1, 1, 1, 1]
        : memref<1x8x1x128xf32> to memref<1x4x1x128xf32, strided<[1024, 128, 128, 1], offset: ?>>
    attn.attention ins(%qs, %ks, %vs : memref<1x4x1x128xf32, strided<[1024, 128, 128, 1], offset: ?>>,
                       memref<1x1x?x128xf32, strided<[?, ?, 128, 1], offset: ?>>,
                       memref<1x1x?x128xf32, strided<[?, ?, 128, 1], offset: ?>>)
                   outs(%os : memref<1x4x1x128xf32, strided<[1024, 128, 128, 1], offset: ?>>)
  } {attn.kernel_name = "attention"}
  return
}

// -----

// A window is one segment: it moves with its query, and tells no thread what to do.

// CHECK-LABEL: func @window
// CHECK-NOT: scf.forall
// CHECK: return
func.func @window(%q: memref<1x4x1x128xf32>, %k: memref<1x1x?x128xf32>, %v: memref<1x1x?x128xf32>,
                  %o: memref<1x4x1x128xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x4x1x128xf32>, memref<1x1x?x128xf32>, memref<1x1x?x128xf32>)
                 outs(%o : memref<1x4x1x128xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %c64 = arith.constant 64 : index
      %d = arith.subi %i, %j : index
      %p = arith.cmpi sle, %d, %c64 : index
      attn.yield %p : i1
    }
  return
}

// -----

// Two groups in one op: its keys are taken one segment after the other.

// CHECK-LABEL: func @groups
// CHECK-NOT: scf.forall
// CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c512
// CHECK: return
func.func @groups(%q: memref<1x4x1x128xf32>, %k: memref<1x2x?x128xf32>, %v: memref<1x2x?x128xf32>,
                  %o: memref<1x4x1x128xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x4x1x128xf32>, memref<1x2x?x128xf32>, memref<1x2x?x128xf32>)
                 outs(%o : memref<1x4x1x128xf32>)
  return
}
