// RUN: fovea-opt %s -pass-pipeline="builtin.module(func.func(attn-convert-copies))" | FileCheck %s

// CHECK-LABEL: func.func @copy
// CHECK: linalg.copy ins(%arg0 : memref<?xf32>) outs(%arg1 : memref<?xf32>)
// CHECK-NOT: memref.copy
func.func @copy(%x: memref<?xf32>, %y: memref<?xf32>) {
  memref.copy %x, %y : memref<?xf32> to memref<?xf32>
  return
}

// A copy onto itself is no work.
// CHECK-LABEL: func.func @in_place
// CHECK-NEXT: return
func.func @in_place(%x: memref<?xf32>) {
  memref.copy %x, %x : memref<?xf32> to memref<?xf32>
  return
}

// Threads share what is not in a loop that they share: so many of the outermost dim that is not 1 that a task has
// 4096 elements.
// CHECK-LABEL: func.func @shared
// CHECK: %[[ROW:.*]] = arith.muli %{{.*}}, %c64
// CHECK: %[[EACH:.*]] = arith.maxsi %[[ROW]], %c1
// CHECK: %[[STEP:.*]] = arith.ceildivui %c4096, %[[EACH]]
// CHECK: scf.forall (%[[I:.*]]) = (0) to (12) step (%[[STEP]])
// CHECK:   %[[REST:.*]] = arith.subi %c12, %[[I]]
// CHECK:   %[[COUNT:.*]] = arith.minsi %[[STEP]], %[[REST]]
// CHECK:   %[[FROM:.*]] = memref.subview %arg0[0, %[[I]], 0, 0] [1, %[[COUNT]], %{{.*}}, 64] [1, 1, 1, 1]
// CHECK:   %[[TO:.*]] = memref.subview %arg1[0, %[[I]], 0, 0]
// CHECK:   linalg.copy ins(%[[FROM]] : {{.*}}) outs(%[[TO]] : {{.*}})
// CHECK: } {attn.kernel_name = "copy"}
func.func @shared(%x: memref<1x12x?x64xf32>, %y: memref<1x12x?x64xf32>) {
  memref.copy %x, %y : memref<1x12x?x64xf32> to memref<1x12x?x64xf32>
  return
}

// CHECK-LABEL: func.func @inside
// CHECK: scf.forall
// CHECK-NOT: scf.forall
// CHECK: linalg.copy
func.func @inside(%x: memref<2x8xf32>, %y: memref<2x8xf32>) {
  scf.forall (%i) in (2) {
    memref.copy %x, %y : memref<2x8xf32> to memref<2x8xf32>
  }
  return
}
