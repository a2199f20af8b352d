// RUN: fovea-opt %s -attn-emit-sampling -canonicalize -cse | FileCheck %s

// The largest logit of each block; thresholds by bisection: over blocks and over tokens for top-k, over
// logits and then over the bits of few for top-p, whose exponentials are computed once, over bits alone for min-p; the weights of blocks, and
// the draw. Nothing is sorted, and no loop allocates.
// CHECK-LABEL: @sample
// CHECK-COUNT-4: memref.alloc
// CHECK-NOT:     memref.alloc
// CHECK:         scf.for
// CHECK:           scf.for
// CHECK:             arith.cmpf ogt, {{.*}} : vector<8xf32>
// CHECK:           memref.store %{{.*}} : memref<4xf32>
// CHECK:           scf.if
// CHECK:             scf.while
// CHECK-NOT:           vector
// CHECK:               arith.extui {{.*}} : i1 to i64
// CHECK:             scf.while
// CHECK:               arith.extui {{.*}} : vector<8xi1> to vector<8xi32>
// CHECK:             math.exp {{.*}} : vector<8xf32>
// CHECK:             scf.while
// CHECK-NOT:           math.exp {{.*}} : vector<8xf32>
// CHECK:               arith.addf {{.*}} : vector<8xf64>
// CHECK:             vector.reduction <or>
// CHECK:             scf.while
// CHECK-NOT:           math.exp {{.*}} : vector<8xf32>
// CHECK:               arith.addf {{.*}} : vector<8xf32>
// CHECK:             scf.while
// CHECK-NOT:           vector
// CHECK:               math.exp {{.*}} : f32
// CHECK:             arith.mului_extended
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

// Where top-p is known to be off, nothing is computed or reserved for it.
// CHECK-LABEL: @no_top_p
// CHECK-COUNT-2: memref.alloc
// CHECK-NOT:     memref.alloc
// CHECK-NOT:     vector.reduction <or>
// CHECK:         arith.mului_extended
// CHECK-NOT:     vector.reduction <or>
// CHECK:         return
func.func @no_top_p(%logits: memref<?x1000xf32>, %ids: memref<?xi64>, %t: f32, %k: i64, %m: f32,
                    %seed: i64) {
  %p = arith.constant 1.0 : f32
  attn.sample ins(%logits : memref<?x1000xf32>) outs(%ids : memref<?xi64>)
    temperature(%t) top_k(%k) top_p(%p) min_p(%m) seed(%seed)
  return
}

// negative: a constant below 1 is a limit as any other.
// CHECK-LABEL: @constant_top_p
// CHECK-COUNT-4: memref.alloc
// CHECK-NOT:     memref.alloc
// CHECK:         vector.reduction <or>
func.func @constant_top_p(%logits: memref<?x1000xf32>, %ids: memref<?xi64>, %t: f32, %k: i64,
                          %m: f32, %seed: i64) {
  %p = arith.constant 0.9 : f32
  attn.sample ins(%logits : memref<?x1000xf32>) outs(%ids : memref<?xi64>)
    temperature(%t) top_k(%k) top_p(%p) min_p(%m) seed(%seed)
  return
}

// At temperature 0 there is nothing to draw.
// CHECK-LABEL: @largest
// CHECK-COUNT-1: memref.alloc
// CHECK-NOT:     memref.alloc
// CHECK-NOT:     scf.while
// CHECK-NOT:     math.exp
// CHECK:         vector
// CHECK-NOT:     scf.while
// CHECK:         return
func.func @largest(%logits: memref<?x?xf32>, %ids: memref<?xi64>, %k: i64, %p: f32, %m: f32,
                   %seed: i64) {
  %t = arith.constant 0.0 : f32
  attn.sample ins(%logits : memref<?x?xf32>) outs(%ids : memref<?xi64>)
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
