// The reference route: attention as one linalg op a line of its formula.
// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-decompose{attention=true}))" -split-input-file -verify-diagnostics | FileCheck %s

// Grouped heads and another order of dims are indexing maps: nothing is repeated or transposed.
// CHECK-DAG: #[[OFFSET:.*]] = affine_map<()[s0] -> (s0 - 6)>
// CHECK-DAG: #[[Q:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d2, d1, d4)>
// CHECK-DAG: #[[K:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1 floordiv 2, d3, d4)>
// CHECK-DAG: #[[S:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[O:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d4)>
// CHECK-LABEL: func @everything
// CHECK-SAME: %[[QUERY:[^:]*]]: tensor<2x6x8x16xf32>, %[[KEY:[^:]*]]: tensor<2x4x?x16xf32>, %[[VALUE:[^:]*]]: tensor<2x4x?x16xf32>
func.func @everything(%q: tensor<2x6x8x16xf32>, %k: tensor<2x4x?x16xf32>, %v: tensor<2x4x?x16xf32>, %bias: tensor<8xf32>,
    %o: tensor<2x8x6x16xf32>, %w: tensor<2x8x6x?xf32>, %l: tensor<2x8x6xf32>)
    -> (tensor<2x8x6x16xf32>, tensor<2x8x6x?xf32>, tensor<2x8x6xf32>) {
  // CHECK: %[[FIRST:.*]] = affine.apply #[[OFFSET]]
  // CHECK: %[[DOT:.*]] = linalg.generic {indexing_maps = [#[[Q]], #[[K]], #[[S]]], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%[[QUERY]], %[[KEY]] :
  // Scale, then score, then mask.
  // CHECK: %[[SCORES:.*]] = linalg.generic {{.*}} outs(%[[DOT]] :
  // CHECK: %[[SCALED:.*]] = arith.mulf
  // CHECK: %[[H:.*]] = linalg.index 1
  // CHECK: %[[R:.*]] = linalg.index 2
  // CHECK: %[[J:.*]] = linalg.index 3
  // CHECK: %[[I:.*]] = arith.addi %[[R]], %[[FIRST]]
  // CHECK: %[[E:.*]] = tensor.extract %{{.*}}[%[[H]]]
  // CHECK: %[[BIASED:.*]] = arith.addf %[[SCALED]], %[[E]]
  // CHECK: %[[ALLOWED:.*]] = arith.cmpi sge, %[[I]], %[[J]]
  // CHECK: %[[INF:.*]] = arith.constant 0xFF800000 : f32
  // CHECK: arith.select %[[ALLOWED]], %[[BIASED]], %[[INF]]
  // The sink starts the maximum and the sum.
  // CHECK: %[[SINK:.*]] = linalg.generic
  // CHECK: %[[MAX:.*]] = linalg.generic {{.*}} ins(%[[SCORES]] : {{.*}}) outs(%[[SINK]] :
  // CHECK: arith.maximumf
  // CHECK: %[[EXP:.*]] = linalg.generic {{.*}} ins(%[[SCORES]], %[[MAX]] :
  // CHECK: math.exp
  // CHECK: %[[START:.*]] = linalg.generic {{.*}} ins(%[[SINK]], %[[MAX]] :
  // CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[EXP]] : {{.*}}) outs(%[[START]] :
  // CHECK: %[[W:.*]] = linalg.generic {{.*}} ins(%[[EXP]], %[[SUM]] :
  // CHECK: arith.divf
  // A key of score -inf has no influence whatever its value holds.
  // CHECK: linalg.generic {indexing_maps = [#[[S]], #[[S]], #[[K]], #[[O]]], {{.*}}} ins(%[[SCORES]], %[[W]], %[[VALUE]] :
  // CHECK: arith.cmpf oeq
  // CHECK: arith.select
  // CHECK: linalg.generic {{.*}} ins(%[[MAX]], %[[SUM]] : {{.*}}) outs(%{{.*}} : tensor<2x8x6xf32>)
  // CHECK: math.log
  // CHECK-NOT: attn.
  %r:3 = attn.attention ins(%q, %k, %v : tensor<2x6x8x16xf32>, tensor<2x4x?x16xf32>, tensor<2x4x?x16xf32>)
      outs(%o, %w, %l : tensor<2x8x6x16xf32>, tensor<2x8x6x?xf32>, tensor<2x8x6xf32>)
      {query_perm = array<i64: 0, 2, 1, 3>, with_weights, with_lse}
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %x = tensor.extract %bias[%h] : tensor<8xf32>
      %t = arith.addf %s, %x : f32
      attn.yield %t : f32
    } mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %p = arith.cmpi sge, %i, %j : index
      attn.yield %p : i1
    } sink {
    ^bb0(%b: index, %h: index, %i: index):
      %z = arith.constant 0.5 : f32
      attn.yield %z : f32
    } -> tensor<2x8x6x16xf32>, tensor<2x8x6x?xf32>, tensor<2x8x6xf32>
  return %r#0, %r#1, %r#2 : tensor<2x8x6x16xf32>, tensor<2x8x6x?xf32>, tensor<2x8x6xf32>
}

// -----

// One key head for all query heads needs no quotient, so the head count may be dynamic.
// CHECK-DAG: #[[K:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, 0, d3, d4)>
// CHECK-LABEL: func @multi_query
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[K]], #{{.*}}]
// CHECK-NOT: attn.attention
func.func @multi_query(%q: tensor<1x?x6x16xf32>, %k: tensor<1x1x6x16xf32>) -> tensor<1x?x6x16xf32> {
  %r = attn.attention ins(%q, %k, %k : tensor<1x?x6x16xf32>, tensor<1x1x6x16xf32>, tensor<1x1x6x16xf32>)
      outs(%q : tensor<1x?x6x16xf32>) -> tensor<1x?x6x16xf32>
  return %r : tensor<1x?x6x16xf32>
}

// -----

// CHECK-DAG: #[[CHUNKS:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2 floordiv 4, d3)>
// CHECK-LABEL: func @sums
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[CHUNKS]]], iterator_types = ["parallel", "parallel", "reduction", "parallel"]}
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction", "parallel"]}
// CHECK: %[[J:.*]] = linalg.index 3
// CHECK: %[[N:.*]] = linalg.index 4
// CHECK: arith.cmpi eq, %[[J]], %[[N]]
// CHECK-NOT: attn.
func.func @sums(%q: tensor<1x2x6x16xf32>, %c: tensor<1x2x2x6xf32>, %n: tensor<1x2x6x5xf32>)
    -> (tensor<1x2x2x6xf32>, tensor<1x2x6x5xf32>) {
  %r:3 = attn.attention ins(%q, %q, %q : tensor<1x2x6x16xf32>, tensor<1x2x6x16xf32>, tensor<1x2x6x16xf32>)
      outs(%q, %c, %n : tensor<1x2x6x16xf32>, tensor<1x2x2x6xf32>, tensor<1x2x6x5xf32>) {column_chunk = 4}
    bucket {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      attn.yield %j : index
    } -> tensor<1x2x6x16xf32>, tensor<1x2x2x6xf32>, tensor<1x2x6x5xf32>
  return %r#1, %r#2 : tensor<1x2x2x6xf32>, tensor<1x2x6x5xf32>
}

// -----

func.func @negative_unknown_groups(%q: tensor<1x?x6x16xf32>, %k: tensor<1x?x6x16xf32>) -> tensor<1x?x6x16xf32> {
  // expected-error @below {{cannot be decomposed: expected head counts known at compile time, got 'tensor<1x?x6x16xf32>' and 'tensor<1x?x6x16xf32>'}}
  %r = attn.attention ins(%q, %k, %k : tensor<1x?x6x16xf32>, tensor<1x?x6x16xf32>, tensor<1x?x6x16xf32>)
      outs(%q : tensor<1x?x6x16xf32>) -> tensor<1x?x6x16xf32>
  return %r : tensor<1x?x6x16xf32>
}

// -----

// CHECK-LABEL: func @negative_buffers
// CHECK: attn.attention
func.func @negative_buffers(%q: memref<1x2x6x16xf32>) {
  attn.attention ins(%q, %q, %q : memref<1x2x6x16xf32>, memref<1x2x6x16xf32>, memref<1x2x6x16xf32>) outs(%q : memref<1x2x6x16xf32>)
  return
}

// -----

// Quantised rows become floats first: the element times the scale of its group.
// CHECK-DAG: #[[ALL:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[GROUP:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3 floordiv 32)>
// CHECK-LABEL: func @quantized_rows
// CHECK-SAME: %[[KEY:[^:]*]]: tensor<1x2x4x68xi8>
// CHECK: %[[Q:.*]] = tensor.extract_slice %[[KEY]][0, 0, 0, 0] [1, 2, 4, 64] [1, 1, 1, 1]
// CHECK: %[[LOW:.*]] = tensor.extract_slice %[[KEY]][0, 0, 0, 64] [1, 2, 4, 2] [1, 1, 1, 2]
// CHECK: %[[HIGH:.*]] = tensor.extract_slice %[[KEY]][0, 0, 0, 65] [1, 2, 4, 2] [1, 1, 1, 2]
// CHECK: %[[FLOATS:.*]] = linalg.generic {indexing_maps = [#[[ALL]], #[[GROUP]], #[[GROUP]], #[[ALL]]], {{.*}}} ins(%[[Q]], %[[LOW]], %[[HIGH]] :
// CHECK: arith.sitofp %{{.*}} : i8 to f32
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[FLOATS]] : tensor<1x4x1x64xf32>, tensor<1x2x4x64xf32>)
func.func @quantized_rows(%k: tensor<1x2x4x68xi8>, %q: tensor<1x4x1x64xf32>) -> tensor<1x4x1x64xf32> {
  %r = attn.attention ins(%q, %k, %k : tensor<1x4x1x64xf32>, tensor<1x2x4x68xi8>, tensor<1x2x4x68xi8>)
                      outs(%q : tensor<1x4x1x64xf32>) -> tensor<1x4x1x64xf32>
  return %r : tensor<1x4x1x64xf32>
}
