// TilingInterface of attn.attention: tiles along b, h and r that say where they lie in the whole.
// RUN: fovea-opt %s --transform-interpreter --canonicalize --cse -split-input-file -verify-diagnostics \
// RUN:   | FileCheck %s

!qkv = tensor<2x8x96x64xf32>

// Bottom-right alignment counts from the untiled lengths: 128 - 96 = 32. Heads of a region are
// those of the whole, positions come from the offset alone.
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0) -> (d0 * 24 + 32)>
// CHECK-LABEL: func @causal_with_bias
// CHECK-SAME: (%[[Q:[^:]*]]: {{[^%]*}}%[[K:[^:]*]]: {{[^%]*}}%[[V:[^:]*]]:
func.func @causal_with_bias(%q: !qkv, %k: tensor<2x8x128x64xf32>, %v: tensor<2x8x128x64xf32>,
                            %slopes: tensor<8xf32>, %init: !qkv) -> !qkv {
  // CHECK: scf.forall (%[[B:.*]], %[[H:.*]], %[[T:.*]]) in (2, 8, 4)
  // CHECK: %[[R:.*]] = affine.apply #{{.*}}(%[[T]])
  // CHECK: %[[QS:.*]] = tensor.extract_slice %[[Q]][%[[B]], %[[H]], %[[R]], 0] [1, 1, 24, 64]
  // CHECK: %[[KS:.*]] = tensor.extract_slice %[[K]][%[[B]], %[[H]], 0, 0] [1, 1, 128, 64]
  // CHECK: %[[VS:.*]] = tensor.extract_slice %[[V]][%[[B]], %[[H]], 0, 0] [1, 1, 128, 64]
  // CHECK: %[[P:.*]] = affine.apply #[[ROW]](%[[T]])
  // CHECK: attn.attention ins(%[[QS]], %[[KS]], %[[VS]] :
  // CHECK-SAME: offset(%[[P]])
  // CHECK: score {
  // CHECK: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %[[LH:.*]]: index, %{{.*}}: index, %{{.*}}: index):
  // CHECK: %[[GH:.*]] = arith.addi %[[LH]], %[[H]] : index
  // CHECK: tensor.extract %{{.*}}[%[[GH]]]
  // CHECK: mask {
  // CHECK: ^bb0(%{{.*}}: index, %{{.*}}: index, %[[I:.*]]: index, %[[J:.*]]: index):
  // CHECK-NEXT: arith.cmpi sge, %[[I]], %[[J]]
  %o = attn.attention ins(%q, %k, %v : !qkv, tensor<2x8x128x64xf32>, tensor<2x8x128x64xf32>)
                      outs(%init : !qkv)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %slope = tensor.extract %slopes[%h] : tensor<8xf32>
      %0 = arith.addf %s, %slope : f32
      attn.yield %0 : f32
    } mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %p = arith.cmpi sge, %i, %j : index
      attn.yield %p : i1
    } -> !qkv
  return %o : !qkv
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.tile_using_forall %op tile_sizes [1, 1, 24]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// A tile of one query head of a group of 4 reads the group's one key head. The batch is seen by
// the mask as that of the whole. Top-left alignment counts from 0.
// CHECK-DAG: #[[GROUP:.*]] = affine_map<()[s0] -> (s0 floordiv 4)>
// CHECK-LABEL: func @grouped_permuted
func.func @grouped_permuted(%q: tensor<2x?x8x64xf32>, %k: tensor<2x2x?x64xf32>, %v: tensor<2x?x2x64xf32>,
                            %lengths: tensor<2xindex>, %init: tensor<2x?x8x64xf32>) -> tensor<2x?x8x64xf32> {
  // CHECK: scf.forall (%[[B:.*]], %[[H:.*]], %[[T:.*]]) in (2, 8, %{{.*}}) shared_outs(%[[OUT:.*]] =
  // CHECK: %[[G:.*]] = affine.apply #[[GROUP]]()[%[[H]]]
  // CHECK: tensor.extract_slice %{{.*}}[%[[B]], %[[R:.*]], %[[H]], 0] [1, %[[N:.*]], 1, 64]
  // CHECK: tensor.extract_slice %{{.*}}[%[[B]], %[[G]], 0, 0] [1, 1, %{{.*}}, 64]
  // CHECK: tensor.extract_slice %{{.*}}[%[[B]], 0, %[[G]], 0] [1, %{{.*}}, 1, 64]
  // CHECK: tensor.extract_slice %[[OUT]][%[[B]], %[[R]], %[[H]], 0] [1, %[[N]], 1, 64]
  // CHECK: attn.attention {{.*}} offset(%[[R]])
  // CHECK: arith.addi %{{.*}}, %[[B]] : index
  // CHECK: tensor.parallel_insert_slice %{{.*}} into %[[OUT]][%[[B]], %[[R]], %[[H]], 0] [1, %[[N]], 1, 64]
  %o = attn.attention ins(%q, %k, %v : tensor<2x?x8x64xf32>, tensor<2x2x?x64xf32>, tensor<2x?x2x64xf32>)
                      outs(%init : tensor<2x?x8x64xf32>)
    {alignment = #attn<alignment top_left>, query_perm = array<i64: 0, 2, 1, 3>,
     value_perm = array<i64: 0, 2, 1, 3>, output_perm = array<i64: 0, 2, 1, 3>}
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %n = tensor.extract %lengths[%b] : tensor<2xindex>
      %p = arith.cmpi slt, %j, %n : index
      attn.yield %p : i1
    } -> tensor<2x?x8x64xf32>
  return %o : tensor<2x?x8x64xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.tile_using_forall %op tile_sizes [1, 1, 24]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Weights and LSE are tiled with the output. Dropout counts as the whole op does: strides are
// those of the whole weights [2, 4, 6, 10], and the origin grows by 240, 60 and 10.
// CHECK-DAG: #[[ORIGIN:.*]] = affine_map<(d0, d1)[s0] -> (d0 * 120 + d1 * 30 + s0 * 240)>
// CHECK-LABEL: func @all_outputs_dropout
func.func @all_outputs_dropout(%q: tensor<2x4x6x8xf32>, %k: tensor<2x2x10x8xf32>, %v: tensor<2x2x10x4xf32>, %seed: i64,
    %o: tensor<2x4x6x4xf32>, %w: tensor<2x4x6x10xf32>, %l: tensor<2x4x6xf32>)
    -> (tensor<2x4x6x4xf32>, tensor<2x4x6x10xf32>, tensor<2x4x6xf32>) {
  // CHECK-DAG: %[[BS:.*]] = arith.constant 240 : index
  // CHECK-DAG: %[[HS:.*]] = arith.constant 60 : index
  // CHECK: scf.forall (%[[B:.*]], %[[T:.*]], %[[U:.*]]) in (2, 2, 2)
  // CHECK: tensor.extract_slice %{{[a-z0-9]+}}[%[[B]], %[[H:[0-9]+]], %[[R:[0-9]+]], 0] [1, 2, 3, 8]
  // CHECK: tensor.extract_slice %{{.*}} [1, 1, 10, 8]
  // CHECK: tensor.extract_slice %{{.*}} [1, 1, 10, 4]
  // CHECK: tensor.extract_slice %{{.*}}[%[[B]], %[[H]], %[[R]], 0] [1, 2, 3, 4]
  // CHECK: tensor.extract_slice %{{.*}}[%[[B]], %[[H]], %[[R]], 0] [1, 2, 3, 10]
  // CHECK: tensor.extract_slice %{{.*}}[%[[B]], %[[H]], %[[R]]] [1, 2, 3]
  // CHECK: %[[ORG:.*]] = affine.apply #[[ORIGIN]](%[[T]], %[[U]])[%[[B]]]
  // CHECK: attn.attention {{.*}} counter(%[[ORG]], %[[BS]], %[[HS]])
  %r:3 = attn.attention ins(%q, %k, %v : tensor<2x4x6x8xf32>, tensor<2x2x10x8xf32>, tensor<2x2x10x4xf32>)
                      outs(%o, %w, %l : tensor<2x4x6x4xf32>, tensor<2x4x6x10xf32>, tensor<2x4x6xf32>)
                      seed(%seed) {dropout = 0.25 : f64, with_weights, with_lse}
                      -> tensor<2x4x6x4xf32>, tensor<2x4x6x10xf32>, tensor<2x4x6xf32>
  return %r#0, %r#1, %r#2 : tensor<2x4x6x4xf32>, tensor<2x4x6x10xf32>, tensor<2x4x6xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.tile_using_forall %op tile_sizes [1, 2, 3]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// attention_s14, attention_s15: a tile of two chunks gives two rows of column sums, and the bucket sums of its
// rows; a bucket region counts heads from the whole, as others do.
// CHECK-DAG: #[[CHUNK:.*]] = affine_map<(d0) -> (d0 * 2)>
// CHECK-LABEL: func @sums
func.func @sums(%q: tensor<1x2x12x8xf32>, %k: tensor<1x2x10x8xf32>, %o: tensor<1x2x12x8xf32>, %c: tensor<1x2x4x10xf32>,
                %n: tensor<1x2x12x5xf32>) -> (tensor<1x2x4x10xf32>, tensor<1x2x12x5xf32>) {
  // CHECK: scf.forall (%[[H:.*]], %[[T:.*]]) in (2, 2)
  // CHECK: %[[N:.*]] = affine.apply #[[CHUNK]](%[[T]])
  // CHECK: tensor.extract_slice %{{.*}}[0, %[[H]], %[[N]], 0] [1, 1, 2, 10]
  // CHECK: tensor.extract_slice %{{.*}}[0, %[[H]], %{{.*}}, 0] [1, 1, 6, 5]
  // CHECK: attn.attention {{.*}} {column_chunk = 3 : i64} bucket
  // CHECK-NEXT: ^bb0(%{{.*}}: index, %[[LOCAL:.*]]: index, %{{.*}}: index, %{{.*}}: index):
  // CHECK-NEXT: %[[GLOBAL:.*]] = arith.addi %[[LOCAL]], %[[H]]
  // CHECK-NEXT: attn.yield %[[GLOBAL]]
  %r:3 = attn.attention ins(%q, %k, %k : tensor<1x2x12x8xf32>, tensor<1x2x10x8xf32>, tensor<1x2x10x8xf32>)
      outs(%o, %c, %n : tensor<1x2x12x8xf32>, tensor<1x2x4x10xf32>, tensor<1x2x12x5xf32>) {column_chunk = 3}
    bucket {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      attn.yield %h : index
    } -> tensor<1x2x12x8xf32>, tensor<1x2x4x10xf32>, tensor<1x2x12x5xf32>
  return %r#1, %r#2 : tensor<1x2x4x10xf32>, tensor<1x2x12x5xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.tile_using_forall %op tile_sizes [0, 1, 6]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// A tile of a tile counts from the whole: the strides stay, the origin adds up.
// CHECK-LABEL: func @tile_twice
func.func @tile_twice(%q: tensor<1x1x6x8xf32>, %k: tensor<1x1x10x8xf32>, %seed: i64, %offset: index, %c: index,
                      %bs: index, %hs: index, %o: tensor<1x1x6x8xf32>) -> tensor<1x1x6x8xf32> {
  // CHECK: scf.for %[[R:[a-z0-9]+]] =
  // CHECK-DAG: %[[P:.*]] = affine.apply #{{.*}}()[%{{.*}}, %[[R]]]
  // CHECK-DAG: %[[C:.*]] = affine.apply #{{.*}}()[%{{.*}}, %[[R]]]
  // CHECK: attn.attention {{.*}} offset(%{{.*}}) seed(%{{.*}}) counter(%{{.*}}, %[[BS:.*]], %[[HS:.*]])
  %r = attn.attention ins(%q, %k, %k : tensor<1x1x6x8xf32>, tensor<1x1x10x8xf32>, tensor<1x1x10x8xf32>)
                      outs(%o : tensor<1x1x6x8xf32>) offset(%offset) seed(%seed) counter(%c, %bs, %hs)
                      {dropout = 0.25 : f64} -> tensor<1x1x6x8xf32>
  return %r : tensor<1x1x6x8xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.tile_using_for %op tile_sizes [0, 0, 2]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// As the producer of a tiled consumer, attention computes the consumer's rows.
// CHECK-LABEL: func @fuse_into_consumer
func.func @fuse_into_consumer(%q: tensor<1x4x32x8xf32>, %o: tensor<1x4x32x8xf32>) -> tensor<1x4x32x8xf32> {
  // CHECK: scf.for
  // CHECK: scf.for
  // CHECK: %[[T:.*]] = attn.attention {{.*}} tensor<1x1x16x8xf32>
  // CHECK: linalg.exp ins(%[[T]]
  %a = attn.attention ins(%q, %q, %q : tensor<1x4x32x8xf32>, tensor<1x4x32x8xf32>, tensor<1x4x32x8xf32>)
                      outs(%o : tensor<1x4x32x8xf32>) -> tensor<1x4x32x8xf32>
  %r = linalg.exp ins(%a : tensor<1x4x32x8xf32>) outs(%o : tensor<1x4x32x8xf32>) -> tensor<1x4x32x8xf32>
  return %r : tensor<1x4x32x8xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["linalg.exp"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l:2 = transform.structured.fuse %op tile_sizes [0, 1, 16]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// A consumer tiled along the head dim cannot take attention with it: each tile would compute it all.
// CHECK-LABEL: func @negative_fuse_head_dim
func.func @negative_fuse_head_dim(%q: tensor<1x4x32x8xf32>, %o: tensor<1x4x32x8xf32>) -> tensor<1x4x32x8xf32> {
  // CHECK: attn.attention
  // CHECK: scf.for
  // CHECK-NOT: attn.attention
  // CHECK: linalg.exp
  %a = attn.attention ins(%q, %q, %q : tensor<1x4x32x8xf32>, tensor<1x4x32x8xf32>, tensor<1x4x32x8xf32>)
                      outs(%o : tensor<1x4x32x8xf32>) -> tensor<1x4x32x8xf32>
  %r = linalg.exp ins(%a : tensor<1x4x32x8xf32>) outs(%o : tensor<1x4x32x8xf32>) -> tensor<1x4x32x8xf32>
  return %r : tensor<1x4x32x8xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["linalg.exp"]} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.fuse %op tile_sizes [0, 0, 0, 4]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// attention_s13: 3 heads of a group of 4 would straddle two key heads.
func.func @negative_straddles_groups(%q: tensor<1x12x32x8xf32>, %k: tensor<1x3x32x8xf32>, %o: tensor<1x12x32x8xf32>)
    -> tensor<1x12x32x8xf32> {
  // expected-error @below {{cannot be tiled along heads like this (attention_s13): expected a tile of one query head, of all of them, or of a multiple of the group size 4, got 3}}
  // expected-error @below {{faild to tile operation}}
  // expected-error @below {{failed to generate tiling loops}}
  // expected-note @below {{when applied to this op}}
  %a = attn.attention ins(%q, %k, %k : tensor<1x12x32x8xf32>, tensor<1x3x32x8xf32>, tensor<1x3x32x8xf32>)
                      outs(%o : tensor<1x12x32x8xf32>) -> tensor<1x12x32x8xf32>
  return %a : tensor<1x12x32x8xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    // expected-error @below {{failed to apply}}
    %t, %l = transform.structured.tile_using_forall %op tile_sizes [0, 3]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
