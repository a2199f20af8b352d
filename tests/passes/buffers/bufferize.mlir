// RUN: fovea-opt %s -split-input-file -attn-bufferize -verify-diagnostics | FileCheck %s

#id = affine_map<(i) -> (i)>

// The result is computed in the out-parameter; the input is not written.
// CHECK-LABEL: func.func @result
// CHECK-SAME: %[[X:[^:]*]]: memref<?xf32>
// CHECK-SAME: %[[Y:[^:]*]]: memref<?xf32> {attn.name = "y"}
// CHECK-SAME: attributes {attn.num_results = 1 : i64}
// CHECK-NOT: memref.alloc
// CHECK: linalg.generic {{.*}} ins(%[[X]] : memref<?xf32>) outs(%[[Y]] : memref<?xf32>)
// CHECK: return
func.func @result(%x: tensor<?xf32>) -> (tensor<?xf32> {attn.name = "y"}) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
    ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %out: f32):
    %d = arith.negf %a : f32
    linalg.yield %d : f32
  } -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

#id = affine_map<(i) -> (i)>

// A loop updates one buffer; the caller's input is copied into it first.
// CHECK-LABEL: func.func @loop
// CHECK-SAME: %[[X:[^:]*]]: memref<8xf32>
// CHECK: %[[H:.*]] = memref.alloc
// CHECK: memref.copy %[[X]], %[[H]]
// CHECK: scf.for
// CHECK-NOT: memref.alloc
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : memref<8xf32>)
func.func @loop(%x: tensor<8xf32>, %n: tensor<4xf32>) -> tensor<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %y = scf.for %i = %c0 to %c5 step %c1 iter_args(%h = %x) -> tensor<8xf32> {
    %next = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]}
      outs(%h : tensor<8xf32>) {
    ^bb0(%out: f32):
      %d = arith.negf %out : f32
      linalg.yield %d : f32
    } -> tensor<8xf32>
    scf.yield %next : tensor<8xf32>
  }
  return %y : tensor<8xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>

// What was computed of merged rows is computed in the out-parameter too, whose dims are merged.
// CHECK-LABEL: func.func @merged_rows
// CHECK-SAME: %[[X:[^:]*]]: memref<?x32xf32>
// CHECK-SAME: %[[Y:[^:]*]]: memref<?x?x32xf32>
// CHECK: %[[MERGED:.*]] = memref.collapse_shape %[[Y]] {{\[}}[0, 1], [2]] : memref<?x?x32xf32> into memref<?x32xf32>
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: linalg.generic {{.*}} ins(%[[X]] : memref<?x32xf32>) outs(%[[MERGED]] : memref<?x32xf32>)
// CHECK: return
func.func @merged_rows(%x: tensor<?x32xf32>, %b: index, %l: index) -> tensor<?x?x32xf32> {
  %n = arith.muli %b, %l : index
  %e = tensor.empty(%n) : tensor<?x32xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<?x32xf32>) outs(%e : tensor<?x32xf32>) {
  ^bb0(%a: f32, %out: f32):
    %d = arith.negf %a : f32
    linalg.yield %d : f32
  } -> tensor<?x32xf32>
  %r = tensor.expand_shape %y [[0, 1], [2]] output_shape [%b, %l, 32] : tensor<?x32xf32> into tensor<?x?x32xf32>
  return %r : tensor<?x?x32xf32>
}

// -----

#id = affine_map<(i, j, k) -> (i, j, k)>

// What was computed of other dims than are returned is computed in the out-parameter with those.
// CHECK-LABEL: func.func @split_dims
// CHECK-SAME: %[[X:[^:]*]]: memref<?x1x32xf32>
// CHECK-SAME: %[[Y:[^:]*]]: memref<?x32xf32>
// CHECK-NOT: memref.alloc
// CHECK: %[[ROWS:.*]] = memref.dim %[[Y]], %c0
// CHECK: %[[SPLIT:.*]] = memref.expand_shape %[[Y]] {{\[}}[0, 1], [2]] output_shape {{\[}}%[[ROWS]], 1, 32] : memref<?x32xf32> into memref<?x1x32xf32>
// CHECK: linalg.generic {{.*}} ins(%[[X]] : memref<?x1x32xf32>) outs(%[[SPLIT]] : memref<?x1x32xf32>)
// CHECK: return
func.func @split_dims(%x: tensor<?x1x32xf32>) -> tensor<?x32xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x1x32xf32>
  %e = tensor.empty(%n) : tensor<?x1x32xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%x : tensor<?x1x32xf32>) outs(%e : tensor<?x1x32xf32>) {
  ^bb0(%a: f32, %out: f32):
    %d = arith.negf %a : f32
    linalg.yield %d : f32
  } -> tensor<?x1x32xf32>
  %r = tensor.collapse_shape %y [[0, 1], [2]] : tensor<?x1x32xf32> into tensor<?x32xf32>
  return %r : tensor<?x32xf32>
}

// -----

#id = affine_map<(i, j, k) -> (i, j, k)>

// A single element, whose dims are merged into none.
// CHECK-LABEL: func.func @split_element
// CHECK-SAME: %[[X:[^:]*]]: memref<1x1x1xf32>
// CHECK-SAME: %[[Y:[^:]*]]: memref<f32>
// CHECK-NOT: memref.alloc
// CHECK: %[[SPLIT:.*]] = memref.expand_shape %[[Y]] [] output_shape [1, 1, 1] : memref<f32> into memref<1x1x1xf32>
// CHECK: linalg.generic {{.*}} ins(%[[X]] : memref<1x1x1xf32>) outs(%[[SPLIT]] : memref<1x1x1xf32>)
// CHECK: return
func.func @split_element(%x: tensor<1x1x1xf32>) -> tensor<f32> {
  %e = tensor.empty() : tensor<1x1x1xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%x : tensor<1x1x1xf32>) outs(%e : tensor<1x1x1xf32>) {
  ^bb0(%a: f32, %out: f32):
    %d = arith.negf %a : f32
    linalg.yield %d : f32
  } -> tensor<1x1x1xf32>
  %r = tensor.collapse_shape %y [] : tensor<1x1x1xf32> into tensor<f32>
  return %r : tensor<f32>
}

// -----

#id = affine_map<(i, j, k) -> (i, j, k)>

// negative: the size of the merged dim does not say how it was split.
// CHECK-LABEL: func.func @negative_split_unknown
// CHECK-NOT: memref.expand_shape
// CHECK: memref.alloc
// CHECK: memref.copy
func.func @negative_split_unknown(%x: tensor<?x2x32xf32>) -> tensor<?x32xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x2x32xf32>
  %e = tensor.empty(%n) : tensor<?x2x32xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%x : tensor<?x2x32xf32>) outs(%e : tensor<?x2x32xf32>) {
  ^bb0(%a: f32, %out: f32):
    %d = arith.negf %a : f32
    linalg.yield %d : f32
  } -> tensor<?x2x32xf32>
  %r = tensor.collapse_shape %y [[0, 1], [2]] : tensor<?x2x32xf32> into tensor<?x32xf32>
  return %r : tensor<?x32xf32>
}

// -----

// An input that is returned is copied.
// CHECK-LABEL: func.func @identity
// CHECK: memref.copy %arg0, %arg1
func.func @identity(%x: tensor<8xf32>) -> tensor<8xf32> {
  return %x : tensor<8xf32>
}

// -----

// A result with the name and type of an argument is that argument updated: a copy unless the caller
// gave one memory for both, then updates in place.
// CHECK-LABEL: func.func @state
// CHECK-SAME: %[[X:[^:]*]]: memref<8x4xf32> {attn.name = "x"}
// CHECK-SAME: %[[ROW:[^:]*]]: memref<4xf32>
// CHECK-SAME: %[[Y:[^:]*]]: memref<8x4xf32> {attn.name = "x"}
// CHECK-DAG: %[[A:.*]] = memref.extract_aligned_pointer_as_index %[[X]]
// CHECK-DAG: %[[B:.*]] = memref.extract_aligned_pointer_as_index %[[Y]]
// CHECK: %[[DIFFER:.*]] = arith.cmpi ne, %[[A]], %[[B]]
// CHECK: scf.if %[[DIFFER]] {
// CHECK-NEXT: memref.copy %[[X]], %[[Y]]
// CHECK: %[[PART:.*]] = memref.subview %[[Y]]
// CHECK: memref.copy %[[ROW]], %[[PART]]
// CHECK-NOT: memref.alloc
// CHECK: return
func.func @state(%x: tensor<8x4xf32> {attn.name = "x"}, %row: tensor<4xf32> {attn.name = "row"}, %i: tensor<index>) -> (tensor<8x4xf32> {attn.name = "x"}) {
  %at = tensor.extract %i[] : tensor<index>
  %y = tensor.insert_slice %row into %x[%at, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

// Computed otherwise it is another tensor, whatever its name: nothing is copied.
// CHECK-LABEL: func.func @negative_computed
// CHECK-NOT: memref.extract_aligned_pointer_as_index
// CHECK-NOT: memref.copy %arg0
func.func @negative_computed(%x: tensor<8xf32> {attn.name = "x"}) -> (tensor<8xf32> {attn.name = "x"}) {
  %e = tensor.empty() : tensor<8xf32>
  %y = linalg.exp ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

// Of another type it is another tensor.
// CHECK-LABEL: func.func @negative_state
// CHECK-NOT: memref.extract_aligned_pointer_as_index
func.func @negative_state(%x: tensor<8x4xf32> {attn.name = "x"}) -> (tensor<4x4xf32> {attn.name = "x"}) {
  %y = tensor.extract_slice %x[0, 0] [4, 4] [1, 1] : tensor<8x4xf32> to tensor<4x4xf32>
  return %y : tensor<4x4xf32>
}

// -----

// expected-error @below {{result 0: expected a ranked tensor, got 'f32'}}
func.func @scalar_result(%x: tensor<8xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %v = tensor.extract %x[%c0] : tensor<8xf32>
  return %v : f32
}

// -----

// Two products that begin with one fill: each result is computed in its own memory.
// CHECK-LABEL: func.func @shared_fill
// CHECK-SAME: %[[Y:[^ ]*]]: memref<2x8xf32> {attn.name = "y"}, %[[Z:[^ ]*]]: memref<2x8xf32> {attn.name = "z"}
// CHECK-NOT: memref.alloc
// CHECK: linalg.matmul {{.*}} outs(%[[Y]] :
// CHECK: linalg.matmul {{.*}} outs(%[[Z]] :
// CHECK: return
func.func @shared_fill(%x: tensor<2x8xf32>, %w: tensor<8x8xf32>) -> (tensor<2x8xf32> {attn.name = "y"}, tensor<2x8xf32> {attn.name = "z"}) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x8xf32>) -> tensor<2x8xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2x8xf32>, tensor<8x8xf32>) outs(%f : tensor<2x8xf32>) -> tensor<2x8xf32>
  %z = linalg.matmul ins(%y, %w : tensor<2x8xf32>, tensor<8x8xf32>) outs(%f : tensor<2x8xf32>) -> tensor<2x8xf32>
  return %y, %z : tensor<2x8xf32>, tensor<2x8xf32>
}

// -----

// So is what two loops add to one tensor of zeros.
// CHECK-LABEL: func.func @shared_zeros
// CHECK-SAME: %[[Y:[^ ]*]]: memref<8xf32> {attn.name = "y"}, %[[Z:[^ ]*]]: memref<8xf32> {attn.name = "z"}
// CHECK-NOT: memref.alloc
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[Y]])
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[Z]])
// CHECK: return
func.func @shared_zeros(%x: tensor<8xf32>, %n: index) -> (tensor<8xf32> {attn.name = "y"}, tensor<8xf32> {attn.name = "z"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %y = scf.for %i = %c0 to %n step %c1 iter_args(%a = %f) -> tensor<8xf32> {
    %s = linalg.add ins(%a, %x : tensor<8xf32>, tensor<8xf32>) outs(%a : tensor<8xf32>) -> tensor<8xf32>
    scf.yield %s : tensor<8xf32>
  }
  %z = scf.for %i = %c0 to %n step %c1 iter_args(%a = %f) -> tensor<8xf32> {
    %s = linalg.add ins(%a, %y : tensor<8xf32>, tensor<8xf32>) outs(%a : tensor<8xf32>) -> tensor<8xf32>
    scf.yield %s : tensor<8xf32>
  }
  return %y, %z : tensor<8xf32>, tensor<8xf32>
}

// -----

#id = affine_map<(i) -> (i)>

// A result is made from another, in whose memory that one lies: it is copied before it is changed.
// CHECK-LABEL: func.func @changed_and_unchanged
// CHECK-SAME: %[[CHANGED:[^:]*]]: memref<5xf32> {attn.name = "changed"}, %[[OLD:[^:]*]]: memref<5xf32>
// CHECK: linalg.generic {{.*}} outs(%[[CHANGED]] : memref<5xf32>)
// CHECK: %[[COPY:.*]] = memref.alloc
// CHECK: memref.copy %[[CHANGED]], %[[COPY]]
// CHECK: memref.subview %[[CHANGED]][1]
// CHECK-NOT: memref.copy %[[COPY]], %[[CHANGED]]
// CHECK: memref.copy %[[COPY]], %[[OLD]]
func.func @changed_and_unchanged(%x: tensor<5xf32>, %v: tensor<1xf32>)
    -> (tensor<5xf32> {attn.name = "changed"}, tensor<5xf32> {attn.name = "old"}) {
  %e = tensor.empty() : tensor<5xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
    ins(%x : tensor<5xf32>) outs(%e : tensor<5xf32>) {
  ^bb0(%a: f32, %out: f32):
    %d = arith.negf %a : f32
    linalg.yield %d : f32
  } -> tensor<5xf32>
  %z = tensor.insert_slice %v into %y[1] [1] [1] : tensor<1xf32> into tensor<5xf32>
  return %z, %y : tensor<5xf32>, tensor<5xf32>
}

// -----

#id = affine_map<(i) -> (i)>

// One result twice needs no memory but that of the two.
// CHECK-LABEL: func.func @twice
// CHECK-NOT: memref.alloc
// CHECK: linalg.generic {{.*}} outs(%[[Y:.*]] : memref<5xf32>)
// CHECK-NOT: memref.alloc
func.func @twice(%x: tensor<5xf32>) -> (tensor<5xf32> {attn.name = "y"}, tensor<5xf32> {attn.name = "z"}) {
  %e = tensor.empty() : tensor<5xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
    ins(%x : tensor<5xf32>) outs(%e : tensor<5xf32>) {
  ^bb0(%a: f32, %out: f32):
    %d = arith.negf %a : f32
    linalg.yield %d : f32
  } -> tensor<5xf32>
  return %y, %y : tensor<5xf32>, tensor<5xf32>
}
