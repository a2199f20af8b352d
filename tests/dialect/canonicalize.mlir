// Canonicalisations: what an op does not need goes away, and what looks alike but is needed stays.
// RUN: fovea-opt %s --canonicalize -split-input-file | FileCheck %s

!t = tensor<1x2x4x8xf32>

// CHECK-LABEL: func @drop_defaults
// CHECK: attn.attention ins(%{{.*}}) outs(%{{.*}} : tensor<1x2x4x8xf32>) {key_perm = array<i64: 0, 1, 3, 2>} -> tensor<1x2x4x8xf32>
// CHECK-NEXT: return
func.func @drop_defaults(%q: !t, %k: tensor<1x2x8x4xf32>, %seed: i64, %c: index) -> !t {
  %true = arith.constant true
  %r = attn.attention ins(%q, %k, %q : !t, tensor<1x2x8x4xf32>, !t) outs(%q : !t) seed(%seed) counter(%c, %c, %c)
    {dropout = 0.0 : f64, query_perm = array<i64: 0, 1, 2, 3>, key_perm = array<i64: 0, 1, 3, 2>}
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      attn.yield %s : f32
    } mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      attn.yield %true : i1
    } -> !t
  return %r : !t
}

// -----

!t = tensor<1x2x4x8xf32>

// A computed score, a computed mask and a real dropout stay.
// CHECK-LABEL: func @negative_drop_defaults
// CHECK: attn.attention {{.*}} seed(%{{.*}}) {dropout = 1.000000e-01 : f64} score
// CHECK: mask
func.func @negative_drop_defaults(%q: !t, %seed: i64) -> !t {
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) seed(%seed) {dropout = 0.1 : f64}
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %t = arith.negf %s : f32
      attn.yield %t : f32
    } mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %p = arith.cmpi sge, %i, %j : index
      attn.yield %p : i1
    } -> !t
  return %r : !t
}

// -----

// attention_s4: without keys the output and the weights are 0 and the LSE is -inf.
// CHECK-LABEL: func @nothing_allowed
// CHECK-SAME: %[[O:[^:]*]]: tensor<1x2x4x8xf32>, %[[W:[^:]*]]: tensor<1x2x4x4xf32>, %[[L:[^:]*]]: tensor<1x2x4xf32>
// CHECK-DAG: %[[INF:.*]] = arith.constant 0xFF800000 : f32
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.0{{.*}} : f32
// CHECK-DAG: %[[RO:.*]] = linalg.fill ins(%[[ZERO]] : f32) outs(%[[O]]
// CHECK-DAG: %[[RW:.*]] = linalg.fill ins(%[[ZERO]] : f32) outs(%[[W]]
// CHECK-DAG: %[[RL:.*]] = linalg.fill ins(%[[INF]] : f32) outs(%[[L]]
// CHECK: return %[[RO]], %[[RW]], %[[RL]]
func.func @nothing_allowed(%q: tensor<1x2x4x8xf32>, %w: tensor<1x2x4x4xf32>, %l: tensor<1x2x4xf32>)
    -> (tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4xf32>) {
  %false = arith.constant false
  %r:3 = attn.attention ins(%q, %q, %q : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>)
    outs(%q, %w, %l : tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4xf32>) {with_weights, with_lse}
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      attn.yield %false : i1
    } -> tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4xf32>
  return %r#0, %r#1, %r#2 : tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4xf32>
}

// -----

!t = tensor<1x2x4x8xf32>

// With a sink the LSE is the sink's logit, which only the op computes.
// CHECK-LABEL: func @negative_nothing_allowed_sink
// CHECK: attn.attention
func.func @negative_nothing_allowed_sink(%q: !t) -> !t {
  %false = arith.constant false
  %zero = arith.constant 0.0 : f32
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      attn.yield %false : i1
    } sink {
    ^bb0(%b: index, %h: index, %i: index):
      attn.yield %zero : f32
    } -> !t
  return %r : !t
}

// -----

// Weights that nobody reads are not computed; the LSE, which is read, is now the second result.
// CHECK-LABEL: func @drop_weights
// CHECK-SAME: %[[L:[^:]*]]: tensor<1x2x4xf32>, %[[OFFSET:.*]]: index)
// CHECK: %[[R:.*]]:2 = attn.attention {{.*}} outs(%{{.*}}, %[[L]] : tensor<1x2x4x8xf32>, tensor<1x2x4xf32>) offset(%[[OFFSET]]) {with_lse} mask
// CHECK: return %[[R]]#0, %[[R]]#1
func.func @drop_weights(%q: tensor<1x2x4x8xf32>, %w: tensor<1x2x4x4xf32>, %l: tensor<1x2x4xf32>, %offset: index)
    -> (tensor<1x2x4x8xf32>, tensor<1x2x4xf32>) {
  %r:3 = attn.attention ins(%q, %q, %q : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>)
    outs(%q, %w, %l : tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4xf32>) offset(%offset) {with_weights, with_lse}
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %p = arith.cmpi sge, %i, %j : index
      attn.yield %p : i1
    } -> tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4xf32>
  return %r#0, %r#2 : tensor<1x2x4x8xf32>, tensor<1x2x4xf32>
}

// -----

// Nor are sums: the first of the two goes with its attribute, the second with its region.
// CHECK-LABEL: func @drop_column_sums
// CHECK: %[[R:.*]]:2 = attn.attention {{.*}} outs(%{{.*}}, %{{.*}} : tensor<1x2x4x8xf32>, tensor<1x2x4x3xf32>) bucket {
// CHECK-LABEL: func @drop_bucket_sums
// CHECK: %[[R:.*]]:2 = attn.attention {{.*}} outs(%{{.*}}, %{{.*}} : tensor<1x2x4x8xf32>, tensor<1x2x2x4xf32>) {column_chunk = 2 : i64} ->
func.func @drop_column_sums(%q: tensor<1x2x4x8xf32>, %c: tensor<1x2x2x4xf32>, %n: tensor<1x2x4x3xf32>)
    -> (tensor<1x2x4x8xf32>, tensor<1x2x4x3xf32>) {
  %r:3 = attn.attention ins(%q, %q, %q : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>)
    outs(%q, %c, %n : tensor<1x2x4x8xf32>, tensor<1x2x2x4xf32>, tensor<1x2x4x3xf32>) {column_chunk = 2}
    bucket {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      attn.yield %j : index
    } -> tensor<1x2x4x8xf32>, tensor<1x2x2x4xf32>, tensor<1x2x4x3xf32>
  return %r#0, %r#2 : tensor<1x2x4x8xf32>, tensor<1x2x4x3xf32>
}
func.func @drop_bucket_sums(%q: tensor<1x2x4x8xf32>, %c: tensor<1x2x2x4xf32>, %n: tensor<1x2x4x3xf32>)
    -> (tensor<1x2x4x8xf32>, tensor<1x2x2x4xf32>) {
  %r:3 = attn.attention ins(%q, %q, %q : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>)
    outs(%q, %c, %n : tensor<1x2x4x8xf32>, tensor<1x2x2x4xf32>, tensor<1x2x4x3xf32>) {column_chunk = 2}
    bucket {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      attn.yield %j : index
    } -> tensor<1x2x4x8xf32>, tensor<1x2x2x4xf32>, tensor<1x2x4x3xf32>
  return %r#0, %r#1 : tensor<1x2x4x8xf32>, tensor<1x2x2x4xf32>
}

// -----

// CHECK-LABEL: func @drop_lse
// CHECK: %[[R:.*]]:2 = attn.attention {{.*}} outs(%{{.*}}, %{{.*}} : tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>) {with_weights} -> tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>
func.func @drop_lse(%q: tensor<1x2x4x8xf32>, %w: tensor<1x2x4x4xf32>, %l: tensor<1x2x4xf32>)
    -> (tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>) {
  %r:3 = attn.attention ins(%q, %q, %q : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>)
    outs(%q, %w, %l : tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4xf32>) {with_weights, with_lse}
    -> tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4xf32>
  return %r#0, %r#1 : tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>
}

// -----

// On buffers who reads the weights is not known.
// CHECK-LABEL: func @negative_drop_weights_buffers
// CHECK: attn.attention {{.*}} {with_weights}
func.func @negative_drop_weights_buffers(%q: memref<1x2x4x8xf32>, %w: memref<1x2x4x4xf32>) {
  attn.attention ins(%q, %q, %q : memref<1x2x4x8xf32>, memref<1x2x4x8xf32>, memref<1x2x4x8xf32>)
    outs(%q, %w : memref<1x2x4x8xf32>, memref<1x2x4x4xf32>) {with_weights}
  return
}

// -----

// Casts that forget sizes are looked through, with regions and without.
// CHECK-LABEL: func @fold_casts
// CHECK: %[[R:.*]] = attn.attention ins({{.*}} : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) outs(%{{.*}} : tensor<1x2x4x8xf32>) mask
// CHECK: %[[C:.*]] = tensor.cast %[[R]] : tensor<1x2x4x8xf32> to tensor<1x2x?x8xf32>
// CHECK: attn.softmax ins(%{{.*}} : tensor<1x2x4x8xf32>) outs(%{{.*}} : tensor<1x2x4x8xf32>) dim(3) -> tensor<1x2x4x8xf32>
func.func @fold_casts(%q: tensor<1x2x4x8xf32>) -> (tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>) {
  %c = tensor.cast %q : tensor<1x2x4x8xf32> to tensor<1x2x?x8xf32>
  %r = attn.attention ins(%c, %c, %c : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>)
    outs(%c : tensor<1x2x?x8xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %p = arith.cmpi sge, %i, %j : index
      attn.yield %p : i1
    } -> tensor<1x2x?x8xf32>
  %s = attn.softmax ins(%c : tensor<1x2x?x8xf32>) outs(%c : tensor<1x2x?x8xf32>) dim(3) -> tensor<1x2x?x8xf32>
  return %r, %s : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>
}

// -----

// CHECK-LABEL: func @apply_uniform_masks
// CHECK-SAME: %[[S:[^:]*]]: tensor<4x6xf32>, %[[INIT:.*]]: tensor<4x6xi1>
// CHECK: %[[FILL:.*]] = arith.constant -1.000000e+09 : f32
// CHECK-NOT: create_mask
// CHECK: %[[R:.*]] = linalg.fill ins(%[[FILL]] : f32) outs(%[[S]] : tensor<4x6xf32>) -> tensor<4x6xf32>
// CHECK: return %[[S]], %[[R]]
func.func @apply_uniform_masks(%s: tensor<4x6xf32>, %init: tensor<4x6xi1>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
  %true = arith.constant true
  %all = attn.create_mask outs(%init : tensor<4x6xi1>) where {
  ^bb0(%i: index, %j: index):
    attn.yield %true : i1
  } -> tensor<4x6xi1>
  %none = arith.constant dense<false> : tensor<6xi1>
  %0 = attn.apply_mask ins(%s, %all : tensor<4x6xf32>, tensor<4x6xi1>) outs(%s : tensor<4x6xf32>) fill(-1.0e9) -> tensor<4x6xf32>
  %1 = attn.apply_mask ins(%s, %none : tensor<4x6xf32>, tensor<6xi1>) outs(%s : tensor<4x6xf32>) fill(-1.0e9) -> tensor<4x6xf32>
  return %0, %1 : tensor<4x6xf32>, tensor<4x6xf32>
}

// -----

// CHECK-LABEL: func @negative_apply_mask
// CHECK-COUNT-2: attn.apply_mask
func.func @negative_apply_mask(%s: tensor<4x2xf32>, %unknown: tensor<2xi1>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %mixed = arith.constant dense<[true, false]> : tensor<2xi1>
  %0 = attn.apply_mask ins(%s, %unknown : tensor<4x2xf32>, tensor<2xi1>) outs(%s : tensor<4x2xf32>) fill(-1.0e9) -> tensor<4x2xf32>
  %1 = attn.apply_mask ins(%s, %mixed : tensor<4x2xf32>, tensor<2xi1>) outs(%s : tensor<4x2xf32>) fill(-1.0e9) -> tensor<4x2xf32>
  return %0, %1 : tensor<4x2xf32>, tensor<4x2xf32>
}

// -----

// CHECK-LABEL: func @unfold_single
// CHECK: tensor.expand_shape %{{.*}} {{\[}}[0], [1, 2]] {{.*}} : tensor<?x5xf32> into tensor<?x5x1xf32>
func.func @unfold_single(%x: tensor<?x5xf32>) -> tensor<?x5x1xf32> {
  %0 = attn.unfold %x dim(0) size(1) step(1) : tensor<?x5xf32> -> tensor<?x5x1xf32>
  return %0 : tensor<?x5x1xf32>
}

// -----

// CHECK-LABEL: func @negative_unfold
// CHECK-COUNT-3: attn.unfold
func.func @negative_unfold(%x: tensor<?x5xf32>) -> (tensor<?x5x1xf32>, tensor<?x5x2xf32>, tensor<7x5x1xf32>) {
  %0 = attn.unfold %x dim(0) size(1) step(2) : tensor<?x5xf32> -> tensor<?x5x1xf32>
  %1 = attn.unfold %x dim(0) size(2) step(1) : tensor<?x5xf32> -> tensor<?x5x2xf32>
  %2 = attn.unfold %x dim(0) size(1) step(1) : tensor<?x5xf32> -> tensor<7x5x1xf32>
  return %0, %1, %2 : tensor<?x5x1xf32>, tensor<?x5x2xf32>, tensor<7x5x1xf32>
}

// -----

// CHECK-LABEL: func @dropout_zero
// CHECK-SAME: %[[X:[^:]*]]: tensor<4xf32>
// CHECK: %[[D:.*]] = attn.dropout {{.*}} {p = 5.000000e-01 : f64}
// CHECK: return %[[X]], %[[D]]
func.func @dropout_zero(%x: tensor<4xf32>, %seed: i64) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = attn.dropout ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) seed(%seed) {p = 0.0 : f64} -> tensor<4xf32>
  %1 = attn.dropout ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) seed(%seed) {p = 0.5 : f64} -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
