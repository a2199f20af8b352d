// attn ops on tensors become themselves on buffers, in place where nothing is lost by it.
// RUN: fovea-opt %s --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" \
// RUN:   --cse --canonicalize -split-input-file | FileCheck %s

// A tile of attention in a parallel loop writes into its part of the output, and the tensor that
// its region reads is read where it lies.
// CHECK-LABEL: func @attention_in_forall
// CHECK-SAME: %[[Q:[^:]*]]: memref<1x4x32x8xf32>, %[[BIAS:[^:]*]]: memref<4xf32>, %[[O:[^:]*]]: memref<1x4x32x8xf32>
func.func @attention_in_forall(%q: tensor<1x4x32x8xf32>, %bias: tensor<4xf32>,
                               %o: tensor<1x4x32x8xf32>) -> tensor<1x4x32x8xf32> {
  // CHECK-NOT: memref.alloc
  // CHECK: scf.forall (%[[H:.*]]) in (4) {
  // CHECK: %[[QS:.*]] = memref.subview %[[Q]][0, %[[H]], 0, 0]
  // CHECK: %[[OS:.*]] = memref.subview %[[O]][0, %[[H]], 0, 0]
  // CHECK: attn.attention ins(%[[QS]], %[[QS]], %[[QS]] : {{.*}}) outs(%[[OS]] : {{.*}}) score {
  // CHECK: memref.load %[[BIAS]]
  // CHECK-NOT: memref.copy
  %r = scf.forall (%h) in (4) shared_outs(%out = %o) -> (tensor<1x4x32x8xf32>) {
    %qs = tensor.extract_slice %q[0, %h, 0, 0] [1, 1, 32, 8] [1, 1, 1, 1] : tensor<1x4x32x8xf32> to tensor<1x1x32x8xf32>
    %os = tensor.extract_slice %out[0, %h, 0, 0] [1, 1, 32, 8] [1, 1, 1, 1] : tensor<1x4x32x8xf32> to tensor<1x1x32x8xf32>
    %t = attn.attention ins(%qs, %qs, %qs : tensor<1x1x32x8xf32>, tensor<1x1x32x8xf32>, tensor<1x1x32x8xf32>)
                        outs(%os : tensor<1x1x32x8xf32>)
      score {
      ^bb0(%s: f32, %b: index, %lh: index, %i: index, %j: index):
        %slope = tensor.extract %bias[%h] : tensor<4xf32>
        %0 = arith.addf %s, %slope : f32
        attn.yield %0 : f32
      } -> tensor<1x1x32x8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %t into %out[0, %h, 0, 0] [1, 1, 32, 8] [1, 1, 1, 1] : tensor<1x1x32x8xf32> into tensor<1x4x32x8xf32>
    }
  }
  return %r : tensor<1x4x32x8xf32>
}

// -----

// What a region reads must not be what the op overwrites.
// CHECK-LABEL: func @region_reads_init
// CHECK-SAME: %[[Q:[^:]*]]: memref<1x1x4x4xf32>, %[[BIAS:[^:]*]]: memref<1x1x4x4xf32>
func.func @region_reads_init(%q: tensor<1x1x4x4xf32>, %bias: tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32> {
  // CHECK: %[[COPY:.*]] = memref.alloc()
  // CHECK: attn.attention {{.*}} outs(%[[COPY]] : memref<1x1x4x4xf32>) score {
  // CHECK: memref.load %[[BIAS]]
  // CHECK: return %[[COPY]]
  %r = attn.attention ins(%q, %q, %q : tensor<1x1x4x4xf32>, tensor<1x1x4x4xf32>, tensor<1x1x4x4xf32>)
                      outs(%bias : tensor<1x1x4x4xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %0 = tensor.extract %bias[%b, %h, %i, %j] : tensor<1x1x4x4xf32>
      %1 = arith.addf %s, %0 : f32
      attn.yield %1 : f32
    } -> tensor<1x1x4x4xf32>
  return %r : tensor<1x1x4x4xf32>
}

// -----

// The query is read after rows of the output are written, so they cannot share memory.
// CHECK-LABEL: func @negative_query_in_place
// CHECK: memref.alloc
func.func @negative_query_in_place(%q: tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32> {
  %r = attn.attention ins(%q, %q, %q : tensor<1x1x4x4xf32>, tensor<1x1x4x4xf32>, tensor<1x1x4x4xf32>)
                      outs(%q : tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32>
  return %r : tensor<1x1x4x4xf32>
}

// -----

// All outputs, and a mask in a region of another op.
// CHECK-LABEL: func @destinations
// CHECK-SAME: %[[X:[^:]*]]: memref<1x1x4x4xf32>
func.func @destinations(%x: tensor<1x1x4x4xf32>, %w: tensor<1x1x4x4xf32>, %l: tensor<1x1x4xf32>, %cos: tensor<4x2xf32>,
    %seed: i64, %t: f32, %ids: tensor<4xi64>) -> (tensor<1x1x4x4xf32>, tensor<1x1x4x4xf32>, tensor<1x1x4xf32>, tensor<4xi64>, tensor<4x4xi1>) {
  // CHECK: %[[O:.*]] = memref.alloc() {{.*}} : memref<1x1x4x4xf32>
  // CHECK: attn.attention {{.*}} outs(%[[O]], %{{.*}}, %{{.*}} : memref<1x1x4x4xf32>, memref<1x1x4x4xf32>, memref<1x1x4xf32>) {with_lse, with_weights}
  %e = tensor.empty() : tensor<1x1x4x4xf32>
  %a:3 = attn.attention ins(%x, %x, %x : tensor<1x1x4x4xf32>, tensor<1x1x4x4xf32>, tensor<1x1x4x4xf32>)
      outs(%e, %w, %l : tensor<1x1x4x4xf32>, tensor<1x1x4x4xf32>, tensor<1x1x4xf32>) {with_weights, with_lse}
      -> tensor<1x1x4x4xf32>, tensor<1x1x4x4xf32>, tensor<1x1x4xf32>
  // Rotation reads both elements of a pair after writing one.
  // CHECK: %[[R:.*]] = memref.alloc()
  // CHECK: attn.rotary ins(%[[O]], {{.*}}) outs(%[[R]]
  %r = attn.rotary ins(%a#0, %cos, %cos : tensor<1x1x4x4xf32>, tensor<4x2xf32>, tensor<4x2xf32>)
                   outs(%a#0 : tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32>
  // Dropout is elementwise: source and init are one buffer.
  // CHECK: attn.dropout ins(%[[R]] : {{.*}}) outs(%[[R]] :
  %d = attn.dropout ins(%r : tensor<1x1x4x4xf32>) outs(%r : tensor<1x1x4x4xf32>) seed(%seed) {p = 0.5 : f64} -> tensor<1x1x4x4xf32>
  // CHECK: %[[M:.*]] = memref.alloc() {{.*}} : memref<4x4xi1>
  // CHECK: attn.create_mask outs(%[[M]] : memref<4x4xi1>)
  %me = tensor.empty() : tensor<4x4xi1>
  %m = attn.create_mask outs(%me : tensor<4x4xi1>) where {
  ^bb0(%i: index, %j: index):
    %p = arith.cmpi sge, %i, %j : index
    attn.yield %p : i1
  } -> tensor<4x4xi1>
  // CHECK: attn.apply_mask ins(%[[R]], %[[M]] : {{.*}}) outs(%[[R]] :
  %s = attn.apply_mask ins(%d, %m : tensor<1x1x4x4xf32>, tensor<4x4xi1>) outs(%d : tensor<1x1x4x4xf32>) fill(-1.0e9) -> tensor<1x1x4x4xf32>
  // CHECK: %[[S:.*]] = memref.alloc()
  // CHECK: attn.softmax ins(%[[R]] : {{.*}}) outs(%[[S]] :
  %f = attn.softmax ins(%s : tensor<1x1x4x4xf32>) outs(%s : tensor<1x1x4x4xf32>) dim(3) -> tensor<1x1x4x4xf32>
  // CHECK: attn.sample ins(%{{.*}}) outs(%[[IDS:.*]] : memref<4xi64>)
  %logits = tensor.collapse_shape %f [[0, 1, 2], [3]] : tensor<1x1x4x4xf32> into tensor<4x4xf32>
  %id = attn.sample ins(%logits : tensor<4x4xf32>) outs(%ids : tensor<4xi64>) temperature(%t) top_k(%seed) top_p(%t) min_p(%t) seed(%seed) -> tensor<4xi64>
  return %f, %a#1, %a#2, %id, %m : tensor<1x1x4x4xf32>, tensor<1x1x4x4xf32>, tensor<1x1x4xf32>, tensor<4xi64>, tensor<4x4xi1>
}

// -----

// A cache is updated in place; the rows that are not written are kept, so it counts as read.
// CHECK-LABEL: func @cache_append
// CHECK-SAME: %[[NEW:[^:]*]]: memref<1x2x1x4xf32>, %[[CACHE:[^:]*]]: memref<1x2x8x4xf32>
func.func @cache_append(%new: tensor<1x2x1x4xf32>, %cache: tensor<1x2x8x4xf32>, %pos: index) -> tensor<1x2x8x4xf32> {
  // CHECK-NOT: alloc
  // CHECK: attn.cache_append ins(%[[NEW]] : {{.*}}) outs(%[[CACHE]] : {{.*}}) at(%{{.*}})
  // CHECK: return %[[CACHE]]
  %0 = attn.cache_append ins(%new : tensor<1x2x1x4xf32>) outs(%cache : tensor<1x2x8x4xf32>) at(%pos) -> tensor<1x2x8x4xf32>
  return %0 : tensor<1x2x8x4xf32>
}

// -----

// A fresh copy that is overwritten in part must be made: the old rows are read.
// CHECK-LABEL: func @cache_append_keeps_rows
func.func @cache_append_keeps_rows(%new: tensor<1x2x1x4xf32>, %cache: tensor<1x2x8x4xf32>, %pos: index)
    -> (tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>) {
  // CHECK: %[[COPY:.*]] = memref.alloc()
  // CHECK: memref.copy %{{.*}}, %[[COPY]]
  // CHECK: attn.cache_append {{.*}} outs(%[[COPY]]
  %0 = attn.cache_append ins(%new : tensor<1x2x1x4xf32>) outs(%cache : tensor<1x2x8x4xf32>) at(%pos) -> tensor<1x2x8x4xf32>
  return %0, %cache : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>
}

// -----

// Rows are written into the init, and nothing of it is read.
// CHECK-LABEL: func @quantize_rows
// CHECK-SAME: %[[X:[^:]*]]: memref<2x64xf32>, %[[ROWS:[^:]*]]: memref<2x68xi8>
func.func @quantize_rows(%x: tensor<2x64xf32>, %rows: tensor<2x68xi8>) -> tensor<2x68xi8> {
  // CHECK-NOT: alloc
  // CHECK: attn.quantize_rows ins(%[[X]] : {{.*}}) outs(%[[ROWS]] : {{.*}})
  // CHECK: return %[[ROWS]]
  %0 = attn.quantize_rows ins(%x : tensor<2x64xf32>) outs(%rows : tensor<2x68xi8>) -> tensor<2x68xi8>
  return %0 : tensor<2x68xi8>
}

// -----

// Weights are read where they lie; who would write one writes a copy.
// CHECK-LABEL: func @weights
func.func @weights(%layer: index, %x: f32) -> (f32, tensor<4xf32>) {
  %c0 = arith.constant 0 : index
  // CHECK-DAG: %[[L:.*]] = attn.weight "layers.{}.w"[%{{.*}} of 5] : memref<4xf32>
  // CHECK-DAG: %[[W:.*]] = attn.weight "w" : memref<4xf32>
  // CHECK-DAG: %[[E:.*]] = memref.load %[[L]]
  // CHECK-DAG: %[[COPY:.*]] = memref.alloc()
  // CHECK: memref.copy %[[W]], %[[COPY]]
  // CHECK: memref.store %{{.*}}, %[[COPY]]
  %l = attn.weight "layers.{}.w"[%layer of 5] : tensor<4xf32>
  %e = tensor.extract %l[%c0] : tensor<4xf32>
  %w = attn.weight "w" : tensor<4xf32>
  %r = tensor.insert %x into %w[%c0] : tensor<4xf32>
  return %e, %r : f32, tensor<4xf32>
}

// -----

// Windows are a view of the source: nothing is copied.
// CHECK-LABEL: func @unfold
// CHECK-SAME: %[[X:[^:]*]]: memref<?x5xf32>
func.func @unfold(%x: tensor<?x5xf32>, %i: index) -> f32 {
  // CHECK-NOT: alloc
  // CHECK: %[[N:.*]] = affine.apply
  // CHECK: %[[V:.*]] = memref.reinterpret_cast %[[X]] to offset: [0], sizes: [%[[N]], 5, 3], strides: [10, 1, 5]
  // CHECK-SAME: memref<?x5xf32> to memref<?x5x3xf32, strided<[10, 1, 5]>>
  // CHECK: memref.load %[[V]]
  %w = attn.unfold %x dim(0) size(3) step(2) : tensor<?x5xf32> -> tensor<?x5x3xf32>
  %e = tensor.extract %w[%i, %i, %i] : tensor<?x5x3xf32>
  return %e : f32
}

// -----

// Windows overlap, so writing one needs a copy of all.
// CHECK-LABEL: func @negative_unfold_written
// CHECK: memref.alloc
// CHECK: memref.copy
func.func @negative_unfold_written(%x: tensor<10xf32>, %v: f32, %i: index) -> tensor<8x3xf32> {
  %w = attn.unfold %x dim(0) size(3) step(1) : tensor<10xf32> -> tensor<8x3xf32>
  %r = tensor.insert %v into %w[%i, %i] : tensor<8x3xf32>
  return %r : tensor<8x3xf32>
}
