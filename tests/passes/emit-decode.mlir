// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention,canonicalize,cse))" -split-input-file | FileCheck %s

// One query of four heads that share keys: keys are transposed in pairs of vectors, and each vector
// meets the queries of all four heads; values are read where they lie.

// CHECK-LABEL: func @grouped
// CHECK: memref.alloc() {{.*}} : memref<8x128x4xf32>
// CHECK: memref.alloc() {{.*}} : memref<2x128x8xf32>
// Scores: two vectors of keys, four broadcast queries; the values of the same keys are fetched.
// CHECK: scf.for %{{.*}} = %c0 to %c128 step %c1 iter_args
// CHECK: memref.prefetch %{{.*}}, read, locality<2>
// CHECK-COUNT-8: vector.fma {{.*}} : vector<8xf32>
// CHECK-NOT: vector.fma
// CHECK: scf.yield
// Values: two vectors of columns, four probabilities; the next keys are fetched.
// CHECK: arith.addf {{.*}} : f32
// CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c1 iter_args
// CHECK: memref.prefetch %{{.*}}, read, locality<2>
// CHECK-COUNT-8: vector.fma {{.*}} : vector<8xf32>
// CHECK-NOT: vector.fma
// CHECK: scf.yield
func.func @grouped(%q: memref<1x4x1x128xf32>, %k: memref<1x1x?x128xf32>, %v: memref<1x1x?x128xf32>,
                   %o: memref<1x4x1x128xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x4x1x128xf32>, memref<1x1x?x128xf32>, memref<1x1x?x128xf32>)
                 outs(%o : memref<1x4x1x128xf32>)
  return
}

// -----

// Columns of values that are no whole vectors take the kernel for many queries, with one vector of
// them.

// CHECK-LABEL: func @odd_columns
// CHECK: memref.alloc() {{.*}} : memref<16x64x8xf32>
// CHECK: memref.alloc() {{.*}} : memref<128x8xf32>
func.func @odd_columns(%q: memref<1x1x1x64xf32>, %k: memref<1x1x?x64xf32>, %v: memref<1x1x?x20xf32>,
                       %o: memref<1x1x1x20xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x1x1x64xf32>, memref<1x1x?x64xf32>, memref<1x1x?x20xf32>)
                 outs(%o : memref<1x1x1x20xf32>)
  return
}
