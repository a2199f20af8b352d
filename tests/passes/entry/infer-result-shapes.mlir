// RUN: fovea-opt %s -split-input-file -attn-infer-result-shapes -verify-diagnostics | FileCheck %s

// Dims go through shape-changing ops; static dims are constants.
// CHECK-LABEL: func.func private @slice.result_shapes(
// CHECK-SAME: %[[M:.*]]: index, %[[N:.*]]: index) -> (index, index)
// CHECK: %[[FOUR:.*]] = arith.constant 4 : index
// CHECK: return %[[N]], %[[FOUR]]
func.func @slice(%x: tensor<?x?xf32>) -> tensor<?x4xf32> {
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c1 : tensor<?x?xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %f : tensor<?x4xf32>
}

// -----

// A loop keeps the shapes of what it carries.
// CHECK-LABEL: func.func private @loop.result_shapes(
// CHECK-SAME: %[[N:.*]]: index) -> index
// CHECK-NOT: scf.for
// CHECK: return %[[N]]
func.func @loop(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %y = scf.for %i = %c0 to %c5 step %c1 iter_args(%h = %x) -> tensor<?xf32> {
    %n = tensor.dim %h, %c0 : tensor<?xf32>
    %e = tensor.empty(%n) : tensor<?xf32>
    %z = linalg.exp ins(%h : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %z : tensor<?xf32>
  }
  return %y : tensor<?xf32>
}

// -----

// Private functions are nobody's entry.
// CHECK-NOT: helper.result_shapes
func.func private @helper(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

func.func @data_dependent(%x: tensor<4xindex>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  // expected-error @below {{the shape of a result depends on the data of argument 0, not on shapes alone}}
  %n = tensor.extract %x[%c0] : tensor<4xindex>
  %e = tensor.empty(%n) : tensor<?xf32>
  return %e : tensor<?xf32>
}

// -----

// expected-error @below {{argument 0: expected a ranked tensor, got 'f32'}}
func.func @scalar(%x: f32) -> tensor<1xf32> {
  %e = tensor.empty() : tensor<1xf32>
  return %e : tensor<1xf32>
}

// -----

func.func @no_such_dim(%x: tensor<?x?xf32>) -> tensor<?x4xf32> {
  %c2 = arith.constant 2 : index
  // expected-error @below {{dim 2 is out of range for 'tensor<?x?xf32>'}}
  %n = tensor.dim %x, %c2 : tensor<?x?xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  return %e : tensor<?x4xf32>
}

// -----

func.func @dim_below_zero(%x: tensor<?x?xf32>) -> tensor<?x4xf32> {
  %c = arith.constant -1 : index
  // expected-error @below {{dim -1 is out of range for 'tensor<?x?xf32>'}}
  %n = tensor.dim %x, %c : tensor<?x?xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  return %e : tensor<?x4xf32>
}
