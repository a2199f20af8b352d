// RUN: fovea-opt %s -split-input-file -attn-read-updated-slices | FileCheck %s

// The read comes after the slice is back, and is one of the whole; the insertion moves up.
// CHECK-LABEL: func.func @update
// CHECK-SAME: %[[T:[^:]*]]: tensor<3x4xf32>, %[[N:[^:]*]]: index
// CHECK: %[[S:.*]] = tensor.extract_slice %[[T]][%[[N]], 0]
// CHECK: %[[U:.*]] = tensor.insert_slice %{{.*}} into %[[S]][0] [2] [1]
// CHECK-NEXT: %[[V:.*]] = tensor.insert_slice %[[U]] into %[[T]][%[[N]], 0]
// CHECK-NEXT: %[[B:.*]] = tensor.extract_slice %[[V]][%[[N]], 0]
// CHECK: tensor.extract %[[B]]
// CHECK: return %{{.*}}, %[[V]]
func.func @update(%t: tensor<3x4xf32>, %n: index, %x: tensor<2xf32>) -> (f32, tensor<3x4xf32>) {
  %c0 = arith.constant 0 : index
  %s = tensor.extract_slice %t[%n, 0] [1, 4] [1, 1] : tensor<3x4xf32> to tensor<4xf32>
  %u = tensor.insert_slice %x into %s[0] [2] [1] : tensor<2xf32> into tensor<4xf32>
  %r = tensor.extract %u[%c0] : tensor<4xf32>
  %v = tensor.insert_slice %u into %t[%n, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<3x4xf32>
  return %r, %v : f32, tensor<3x4xf32>
}

// -----

// Through a loop that updates the slice.
// CHECK-LABEL: func.func @loop
// CHECK: %[[U:.*]] = scf.for
// CHECK: %[[V:.*]] = tensor.insert_slice %[[U]] into
// CHECK-NEXT: %[[B:.*]] = tensor.extract_slice %[[V]]
// CHECK: tensor.extract %[[B]]
func.func @loop(%t: tensor<3x4xf32>, %n: index, %x: f32) -> (f32, tensor<3x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %s = tensor.extract_slice %t[%n, 0] [1, 4] [1, 1] : tensor<3x4xf32> to tensor<4xf32>
  %u = scf.for %i = %c0 to %c4 step %c1 iter_args(%a = %s) -> tensor<4xf32> {
    %b = tensor.insert %x into %a[%i] : tensor<4xf32>
    scf.yield %b : tensor<4xf32>
  }
  %v = tensor.insert_slice %u into %t[%n, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<3x4xf32>
  %r = tensor.extract %u[%c0] : tensor<4xf32>
  return %r, %v : f32, tensor<3x4xf32>
}

// -----

// Put back somewhere else, or into another tensor: the slice is needed as it is.
// CHECK-LABEL: func.func @negative_elsewhere
// CHECK: %[[U:.*]] = tensor.insert_slice %{{.*}} into %{{.*}}[0] [2] [1]
// CHECK-COUNT-2: tensor.insert_slice %[[U]]
// CHECK: tensor.extract %[[U]]
func.func @negative_elsewhere(%t: tensor<3x4xf32>, %o: tensor<3x4xf32>, %n: index, %m: index, %x: tensor<2xf32>) -> (f32, tensor<3x4xf32>, tensor<3x4xf32>) {
  %c0 = arith.constant 0 : index
  %s = tensor.extract_slice %t[%n, 0] [1, 4] [1, 1] : tensor<3x4xf32> to tensor<4xf32>
  %u = tensor.insert_slice %x into %s[0] [2] [1] : tensor<2xf32> into tensor<4xf32>
  %v = tensor.insert_slice %u into %t[%m, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<3x4xf32>
  %w = tensor.insert_slice %u into %o[%n, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<3x4xf32>
  %r = tensor.extract %u[%c0] : tensor<4xf32>
  return %r, %v, %w : f32, tensor<3x4xf32>, tensor<3x4xf32>
}

// -----

// What it goes into is not there before the read.
// CHECK-LABEL: func.func @negative_order
// CHECK: %[[U:.*]] = tensor.insert_slice
// CHECK: tensor.extract %[[U]]
func.func @negative_order(%t: tensor<3x4xf32>, %n: index, %x: tensor<2xf32>) -> (f32, tensor<3x4xf32>) {
  %c0 = arith.constant 0 : index
  %s = tensor.extract_slice %t[%n, 0] [1, 4] [1, 1] : tensor<3x4xf32> to tensor<4xf32>
  %u = tensor.insert_slice %x into %s[0] [2] [1] : tensor<2xf32> into tensor<4xf32>
  %r = tensor.extract %u[%c0] : tensor<4xf32>
  %n1 = arith.addi %n, %c0 : index
  %v = tensor.insert_slice %u into %t[%n1, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<3x4xf32>
  return %r, %v : f32, tensor<3x4xf32>
}
