// RUN: fovea-opt %s -split-input-file -attn-merge-rows -canonicalize -cse | FileCheck %s

#rows = affine_map<(b, l, n, k) -> (b, l, k)>
#matrix = affine_map<(b, l, n, k) -> (n, k)>
#sums = affine_map<(b, l, n, k) -> (b, l, n)>
#all = affine_map<(b, l, n) -> (b, l, n)>
#bias = affine_map<(b, l, n) -> (n)>

// The product and what is added to its rows are of two dims; reshapes stay at the ends only.
// CHECK-LABEL: func.func @product
// CHECK:         tensor.collapse_shape %arg0 {{\[}}[0, 1], [2]] : tensor<?x?x64xf32> into tensor<?x64xf32>
// CHECK-NOT:     tensor.expand_shape
// CHECK:         linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]} ins(%{{.*}}, %arg1 : tensor<?x64xf32>, tensor<32x64xf32>)
// CHECK-NOT:     tensor.expand_shape
// CHECK:         linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]}
// CHECK:         %[[Y:.*]] = tensor.expand_shape %{{.*}} {{\[}}[0, 1], [2]] output_shape [%{{.*}}, %{{.*}}, 32] : tensor<?x32xf32> into tensor<?x?x32xf32>
// CHECK:         return %[[Y]]
func.func @product(%x: tensor<?x?x64xf32>, %w: tensor<32x64xf32>, %bias: tensor<32xf32>,
                   %b: index, %l: index) -> tensor<?x?x32xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty(%b, %l) : tensor<?x?x32xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %y = linalg.generic {indexing_maps = [#rows, #matrix, #sums], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x?x64xf32>, tensor<32x64xf32>) outs(%init : tensor<?x?x32xf32>) {
  ^bb0(%u: f32, %v: f32, %sum: f32):
    %p = arith.mulf %u, %v : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?x32xf32>
  %z = linalg.generic {indexing_maps = [#all, #bias, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%y, %bias : tensor<?x?x32xf32>, tensor<32xf32>) outs(%empty : tensor<?x?x32xf32>) {
  ^bb0(%u: f32, %v: f32, %out: f32):
    %s = arith.addf %u, %v : f32
    linalg.yield %s : f32
  } -> tensor<?x?x32xf32>
  return %z : tensor<?x?x32xf32>
}

// -----

#rows = affine_map<(b, l, n, k) -> (b, l, k)>
#matrix = affine_map<(b, l, n, k) -> (b, n, k)>
#sums = affine_map<(b, l, n, k) -> (b, l, n)>

// A matrix of its own for each sequence: the rows do not meet one.
// CHECK-LABEL: func.func @batched
// CHECK-NOT:     tensor.collapse_shape
func.func @batched(%x: tensor<?x?x64xf32>, %w: tensor<?x32x64xf32>,
                   %init: tensor<?x?x32xf32>) -> tensor<?x?x32xf32> {
  %y = linalg.generic {indexing_maps = [#rows, #matrix, #sums], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x?x64xf32>, tensor<?x32x64xf32>) outs(%init : tensor<?x?x32xf32>) {
  ^bb0(%u: f32, %v: f32, %sum: f32):
    %p = arith.mulf %u, %v : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?x32xf32>
  return %y : tensor<?x?x32xf32>
}

// -----

#rows = affine_map<(b, l, n, k) -> (b, l, k)>
#matrix = affine_map<(b, l, n, k) -> (n, k)>
#sums = affine_map<(b, l, n, k) -> (b, l, n)>

// One sequence: there is nothing to merge.
// CHECK-LABEL: func.func @single
// CHECK-NOT:     tensor.collapse_shape
func.func @single(%x: tensor<1x?x64xf32>, %w: tensor<32x64xf32>,
                  %init: tensor<1x?x32xf32>) -> tensor<1x?x32xf32> {
  %y = linalg.generic {indexing_maps = [#rows, #matrix, #sums], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<1x?x64xf32>, tensor<32x64xf32>) outs(%init : tensor<1x?x32xf32>) {
  ^bb0(%u: f32, %v: f32, %sum: f32):
    %p = arith.mulf %u, %v : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x?x32xf32>
  return %y : tensor<1x?x32xf32>
}

// -----

#all = affine_map<(b, l, n) -> (b, l, n)>

// Without a product there is no matrix to read once.
// CHECK-LABEL: func.func @elementwise
// CHECK-NOT:     tensor.collapse_shape
func.func @elementwise(%x: tensor<?x?x64xf32>) -> tensor<?x?x64xf32> {
  %y = linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel", "parallel"]}
      outs(%x : tensor<?x?x64xf32>) {
  ^bb0(%u: f32):
    %s = arith.addf %u, %u : f32
    linalg.yield %s : f32
  } -> tensor<?x?x64xf32>
  return %y : tensor<?x?x64xf32>
}

// -----

#rows = affine_map<(b, l, n, k) -> (b, l, k)>
#matrix = affine_map<(b, l, n, k) -> (n, k)>
#sums = affine_map<(b, l, n, k) -> (b, l, n)>

// One token of each sequence, as where logits are computed.
// CHECK-LABEL: func.func @last_tokens
// CHECK:         linalg.generic {{.*}} ins(%{{.*}}, %arg1 : tensor<?x64xf32>, tensor<32x64xf32>)
func.func @last_tokens(%x: tensor<?x1x64xf32>, %w: tensor<32x64xf32>,
                       %init: tensor<?x1x32xf32>) -> tensor<?x1x32xf32> {
  %y = linalg.generic {indexing_maps = [#rows, #matrix, #sums], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x1x64xf32>, tensor<32x64xf32>) outs(%init : tensor<?x1x32xf32>) {
  ^bb0(%u: f32, %v: f32, %sum: f32):
    %p = arith.mulf %u, %v : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x1x32xf32>
  return %y : tensor<?x1x32xf32>
}

// -----

#windowed = affine_map<(b, c, w, t) -> (b, c, w * 2 + t)>
#windows = affine_map<(b, c, w, t) -> (b, c, w, t)>
#rows = affine_map<(b, c, w, n, t) -> (b, c, w, t)>
#matrix = affine_map<(b, c, w, n, t) -> (n, t)>
#sums = affine_map<(b, c, w, n, t) -> (b, c, w, n)>

// Windows stay what they are: their source is indexed by a sum of two loops. The product of them is merged.
// CHECK-LABEL: func.func @windows
// CHECK:         linalg.generic {{.*}} ins(%arg0 : tensor<?x?x21xf32>) outs(%{{.*}} : tensor<?x?x9x5xf32>)
// CHECK:         linalg.generic {{.*}} ins(%{{.*}}, %arg1 : tensor<?x9x5xf32>, tensor<32x5xf32>)
func.func @windows(%x: tensor<?x?x21xf32>, %w: tensor<32x5xf32>, %empty: tensor<?x?x9x5xf32>,
                   %init: tensor<?x?x9x32xf32>) -> tensor<?x?x9x32xf32> {
  %u = linalg.generic {indexing_maps = [#windowed, #windows], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<?x?x21xf32>) outs(%empty : tensor<?x?x9x5xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  } -> tensor<?x?x9x5xf32>
  %y = linalg.generic {indexing_maps = [#rows, #matrix, #sums], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%u, %w : tensor<?x?x9x5xf32>, tensor<32x5xf32>) outs(%init : tensor<?x?x9x32xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?x9x32xf32>
  return %y : tensor<?x?x9x32xf32>
}

// -----

#rows = affine_map<(b, l, n, k) -> (b, l, k)>
#matrix = affine_map<(b, l, n, k) -> (n, k)>
#sums = affine_map<(b, l, n, k) -> (b, l, n)>
#all = affine_map<(b, l, n) -> (b, l, n)>

// A residual stream: the loop carries merged rows, which reshapes no longer keep from being updated in
// place. Other reads of it get it split.
// CHECK-LABEL: func.func @carried
// CHECK:         %[[X:.*]] = tensor.collapse_shape %arg0
// CHECK:         %[[R:.*]]:2 = scf.for {{.*}} iter_args(%[[H:.*]] = %[[X]], %{{.*}} = %arg0) -> (tensor<?x64xf32>, tensor<?x?x64xf32>)
// CHECK:           %[[LAST:.*]] = tensor.expand_shape %[[H]]
// CHECK:           linalg.generic {{.*}} ins(%[[H]], %arg1 : tensor<?x64xf32>, tensor<64x64xf32>)
// CHECK:           %[[Z:.*]] = linalg.generic {{.*}} ins(%[[H]], %{{.*}} : tensor<?x64xf32>, tensor<?x64xf32>)
// CHECK:           scf.yield %[[Z]], %[[LAST]]
// CHECK:         } {attn.name = "n"}
// CHECK:         %[[OUT:.*]] = tensor.expand_shape %[[R]]#0
// CHECK:         return %[[OUT]], %[[R]]#1
func.func @carried(%x: tensor<?x?x64xf32>, %w: tensor<64x64xf32>, %init: tensor<?x?x64xf32>,
                   %empty: tensor<?x?x64xf32>, %n: index) -> (tensor<?x?x64xf32>, tensor<?x?x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r:2 = scf.for %i = %c0 to %n step %c1 iter_args(%h = %x, %before = %x)
      -> (tensor<?x?x64xf32>, tensor<?x?x64xf32>) {
    %y = linalg.generic {indexing_maps = [#rows, #matrix, #sums], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%h, %w : tensor<?x?x64xf32>, tensor<64x64xf32>) outs(%init : tensor<?x?x64xf32>) {
    ^bb0(%u: f32, %v: f32, %sum: f32):
      %p = arith.mulf %u, %v : f32
      %s = arith.addf %sum, %p : f32
      linalg.yield %s : f32
    } -> tensor<?x?x64xf32>
    %z = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%h, %y : tensor<?x?x64xf32>, tensor<?x?x64xf32>) outs(%empty : tensor<?x?x64xf32>) {
    ^bb0(%u: f32, %v: f32, %out: f32):
      %s = arith.addf %u, %v : f32
      linalg.yield %s : f32
    } -> tensor<?x?x64xf32>
    scf.yield %z, %h : tensor<?x?x64xf32>, tensor<?x?x64xf32>
  } {attn.name = "n"}
  return %r#0, %r#1 : tensor<?x?x64xf32>, tensor<?x?x64xf32>
}

// -----

#rows = affine_map<(b, l, n, k) -> (b, l, k)>
#matrix = affine_map<(b, l, n, k) -> (n, k)>
#sums = affine_map<(b, l, n, k) -> (b, l, n)>
#all = affine_map<(b, l, n) -> (b, l, n)>

// The iteration never merges the rows that it carries.
// CHECK-LABEL: func.func @negative_carried
// CHECK:         scf.for {{.*}} -> (tensor<?x?x64xf32>)
func.func @negative_carried(%x: tensor<?x?x64xf32>, %w: tensor<64x64xf32>, %init: tensor<?x?x64xf32>,
                            %n: index) -> tensor<?x?x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%h = %x) -> (tensor<?x?x64xf32>) {
    %y = linalg.generic {indexing_maps = [#rows, #matrix, #sums], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%x, %w : tensor<?x?x64xf32>, tensor<64x64xf32>) outs(%init : tensor<?x?x64xf32>) {
    ^bb0(%u: f32, %v: f32, %sum: f32):
      %p = arith.mulf %u, %v : f32
      %s = arith.addf %sum, %p : f32
      linalg.yield %s : f32
    } -> tensor<?x?x64xf32>
    scf.yield %y : tensor<?x?x64xf32>
  }
  return %r : tensor<?x?x64xf32>
}
