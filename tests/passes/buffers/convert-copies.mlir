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
