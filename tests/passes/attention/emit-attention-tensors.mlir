// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention,canonicalize,cse))" -split-input-file | FileCheck %s

// A bias of query and key: squares of it are read as rows of keys and transposed; a vector of
// queries then loads its elements at a key.
// CHECK-LABEL: func @bias
// CHECK-SAME: %[[BIAS:[^:]*]]: memref<64x64xf32>)
// The scores, and as much of the bias.
// CHECK: memref.alloc() {alignment = 64 : i64} : memref<128x24xf32>
// CHECK: %[[T:.*]] = memref.alloc() {alignment = 64 : i64} : memref<128x24xf32>
// CHECK-COUNT-8: vector.load %[[BIAS]][{{.*}}] : memref<64x64xf32>, vector<8xf32>
// CHECK-COUNT-24: vector.shuffle {{.*}} : vector<8xf32>, vector<8xf32>
// CHECK-COUNT-8: vector.store %{{.*}}, %[[T]]
// CHECK: vector.load %[[T]]
// CHECK-NOT: vector.gather
// CHECK: return
func.func @bias(%q: memref<1x2x64x16xf32>, %o: memref<1x2x64x16xf32>, %bias: memref<64x64xf32>) {
  attn.attention ins(%q, %q, %q : memref<1x2x64x16xf32>, memref<1x2x64x16xf32>, memref<1x2x64x16xf32>) outs(%o : memref<1x2x64x16xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %x = memref.load %bias[%i, %j] : memref<64x64xf32>
    %y = arith.addf %s, %x : f32
    attn.yield %y : f32
  }
  return
}

// -----

// Nothing is transposed that lies along the queries, nor what no query tells apart.
// CHECK-LABEL: func @negative_along_queries
// CHECK-SAME: %[[BIAS:[^,]*]]: memref<64x64xf32>, %[[KEYS:.*]]: memref<64xf32>)
// CHECK: memref.alloc() {alignment = 64 : i64} : memref<128x24xf32>
// CHECK-NOT: memref.alloc() {alignment = 64 : i64} : memref<128x24xf32>
// CHECK: vector.gather
// CHECK: return
func.func @negative_along_queries(%q: memref<1x2x64x2xf32>, %o: memref<1x2x64x2xf32>, %bias: memref<64x64xf32>, %keys: memref<64xf32>) {
  attn.attention ins(%q, %q, %q : memref<1x2x64x2xf32>, memref<1x2x64x2xf32>, memref<1x2x64x2xf32>) outs(%o : memref<1x2x64x2xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %x = memref.load %bias[%j, %i] : memref<64x64xf32>
    %y = arith.addf %s, %x : f32
    %k = memref.load %keys[%j] : memref<64xf32>
    %z = arith.addf %y, %k : f32
    attn.yield %z : f32
  }
  return
}
