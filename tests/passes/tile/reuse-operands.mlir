// RUN: fovea-opt %s -split-input-file -pass-pipeline="builtin.module(func.func(attn-reuse-operands))" | FileCheck %s

#map = affine_map<(i) -> (i)>
#row = affine_map<(i) -> (0)>

// The residual of a loop is updated in place.
// CHECK-LABEL: func.func @residual
// CHECK: iter_args(%[[H:.*]] =
// CHECK: linalg.generic {{.*}} ins(%[[Y:.*]] : tensor<?xf32>) outs(%[[H]] : tensor<?xf32>)
// CHECK: ^bb0(%[[B:.*]]: f32, %[[A:.*]]: f32):
// CHECK: arith.subf %[[A]], %[[B]]
func.func @residual(%x: tensor<?xf32>, %y: tensor<?xf32>, %e: tensor<?xf32>, %n: index) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%h = %x) -> tensor<?xf32> {
    %empty = tensor.empty(%n) : tensor<?xf32>
    %s = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]}
      ins(%h, %y : tensor<?xf32>, tensor<?xf32>) outs(%empty : tensor<?xf32>) {
    ^bb0(%a: f32, %b: f32, %out: f32):
      %d = arith.subf %a, %b : f32
      linalg.yield %d : f32
    } -> tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

#map = affine_map<(i) -> (i)>

// An input of the entry belongs to the caller.
// CHECK-LABEL: func.func @negative_input
// CHECK: outs(%[[E:.*]] : tensor<8xf32>)
// CHECK: ^bb0(%{{.*}}: f32, %{{.*}}: f32):
func.func @negative_input(%x: tensor<8xf32>) -> tensor<8xf32> {
  %empty = tensor.empty() : tensor<8xf32>
  %s = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]}
    ins(%x : tensor<8xf32>) outs(%empty : tensor<8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %d = arith.negf %a : f32
    linalg.yield %d : f32
  } -> tensor<8xf32>
  return %s : tensor<8xf32>
}

// -----

#map = affine_map<(i) -> (i)>

// The operand is read again afterwards.
// CHECK-LABEL: func.func @negative_read_later
// CHECK: %[[H:.*]] = linalg.exp
// CHECK: linalg.generic {{.*}} ins(%[[H]] : tensor<8xf32>)
func.func @negative_read_later(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %empty = tensor.empty() : tensor<8xf32>
  %h = linalg.exp ins(%x : tensor<8xf32>) outs(%empty : tensor<8xf32>) -> tensor<8xf32>
  %s = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]}
    ins(%h : tensor<8xf32>) outs(%empty : tensor<8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %d = arith.negf %a : f32
    linalg.yield %d : f32
  } -> tensor<8xf32>
  return %s, %h : tensor<8xf32>, tensor<8xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#transposed = affine_map<(i, j) -> (j, i)>

// Read in another order than written: an element would be overwritten before it is read.
// CHECK-LABEL: func.func @negative_transposed
// CHECK: %[[H:.*]] = linalg.exp
// CHECK: linalg.generic {{.*}} ins(%[[H]] : tensor<8x8xf32>)
func.func @negative_transposed(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %empty = tensor.empty() : tensor<8x8xf32>
  %h = linalg.exp ins(%x : tensor<8x8xf32>) outs(%empty : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.generic {indexing_maps = [#transposed, #id], iterator_types = ["parallel", "parallel"]}
    ins(%h : tensor<8x8xf32>) outs(%empty : tensor<8x8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %d = arith.negf %a : f32
    linalg.yield %d : f32
  } -> tensor<8x8xf32>
  return %s : tensor<8x8xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// The row is read for its sum first: tiling keeps it in scratch memory.
// CHECK-LABEL: func.func @negative_read_twice
// CHECK: %[[H:.*]] = linalg.exp
// CHECK: linalg.generic {{.*}} ins(%[[H]], %{{.*}} : tensor<8x8xf32>, tensor<8xf32>)
func.func @negative_read_twice(%x: tensor<8x8xf32>, %z: tensor<8xf32>) -> tensor<8x8xf32> {
  %empty = tensor.empty() : tensor<8x8xf32>
  %h = linalg.exp ins(%x : tensor<8x8xf32>) outs(%empty : tensor<8x8xf32>) -> tensor<8x8xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
    ins(%h : tensor<8x8xf32>) outs(%z : tensor<8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %d = arith.addf %a, %out : f32
    linalg.yield %d : f32
  } -> tensor<8xf32>
  %s = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%h, %sum : tensor<8x8xf32>, tensor<8xf32>) outs(%empty : tensor<8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %d = arith.mulf %a, %b : f32
    linalg.yield %d : f32
  } -> tensor<8x8xf32>
  return %s : tensor<8x8xf32>
}
