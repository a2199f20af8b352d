// RUN: fovea-opt %s -attn-emit-sampling -canonicalize -cse | FileCheck %s

// Keys, thresholds by bisection, and a walk in order of ids: nothing is sorted or allocated.
// CHECK-LABEL: @sample
// CHECK-NOT:     memref.alloc
// CHECK:         scf.for
// CHECK:           arith.maxsi {{.*}} : vector<8xi32>
// CHECK:         scf.if
// CHECK:           scf.while
// CHECK:             arith.addi {{.*}} : vector<8xi64>
// CHECK:           scf.while
// CHECK:             math.exp {{.*}} : vector<8xf32>
// CHECK:             arith.addf {{.*}} : vector<8xf64>
// CHECK:           arith.mului_extended
// CHECK:         memref.store
// CHECK-NOT:     attn.sample
func.func @sample(%logits: memref<?x1000xf32>, %ids: memref<?xi64>, %t: f32, %k: i64, %p: f32,
                  %m: f32, %seed: i64) {
  attn.sample ins(%logits : memref<?x1000xf32>) outs(%ids : memref<?xi64>)
    temperature(%t) top_k(%k) top_p(%p) min_p(%m) seed(%seed)
  return
}

// Logits that are not contiguous are read one by one.
// CHECK-LABEL: @strided
// CHECK-NOT:     vector.load
// CHECK:         return
func.func @strided(%logits: memref<1x?xf16, strided<[1, 4]>>, %ids: memref<1xi64>, %t: f32, %k: i64,
                   %p: f32, %m: f32, %seed: i64) {
  attn.sample ins(%logits : memref<1x?xf16, strided<[1, 4]>>) outs(%ids : memref<1xi64>)
    temperature(%t) top_k(%k) top_p(%p) min_p(%m) seed(%seed)
  return
}

// negative: tensors are left alone.
// CHECK-LABEL: @tensors
// CHECK:         attn.sample
func.func @tensors(%logits: tensor<1x8xf32>, %ids: tensor<1xi64>, %t: f32, %k: i64, %p: f32,
                   %m: f32, %seed: i64) -> tensor<1xi64> {
  %r = attn.sample ins(%logits : tensor<1x8xf32>) outs(%ids : tensor<1xi64>)
    temperature(%t) top_k(%k) top_p(%p) min_p(%m) seed(%seed) -> tensor<1xi64>
  return %r : tensor<1xi64>
}
