// Scalar constants stand first, sorted as they print; everything else stays where it is.
// RUN: fovea-opt %s --split-input-file --attn-order-constants | FileCheck %s

// CHECK-LABEL: func @sorted
// CHECK-NEXT: arith.constant 1.000000e+00 : f32
// CHECK-NEXT: arith.constant 2 : i64
// CHECK-NEXT: arith.constant 3 : index
// CHECK-NEXT: arith.constant 4 : index
// CHECK-NEXT: return
func.func @sorted() -> (index, index, i64, f32) {
  %four = arith.constant 4 : index
  %two = arith.constant 2 : i64
  %three = arith.constant 3 : index
  %one = arith.constant 1.0 : f32
  return %three, %four, %two, %one : index, index, i64, f32
}

// -----

// CHECK-LABEL: func @others_stay
// CHECK-NEXT: %[[ONE:.*]] = arith.constant 1 : index
// CHECK-NEXT: %[[TWO:.*]] = arith.constant 2 : index
// CHECK-NEXT: %[[T:.*]] = arith.constant dense<0.000000e+00> : tensor<4xf32>
// CHECK-NEXT: %[[N:.*]] = arith.addi %{{.*}}, %[[TWO]]
// CHECK-NEXT: arith.muli %[[N]], %[[ONE]]
func.func @others_stay(%a: index) -> (index, tensor<4xf32>) {
  %t = arith.constant dense<0.0> : tensor<4xf32>
  %two = arith.constant 2 : index
  %n = arith.addi %a, %two : index
  %one = arith.constant 1 : index
  %m = arith.muli %n, %one : index
  return %m, %t : index, tensor<4xf32>
}

// -----

// Those of regions stay in them.
// CHECK-LABEL: func @regions
// CHECK: scf.if
// CHECK-NEXT: arith.constant 5 : index
func.func @regions(%c: i1, %a: index) -> index {
  %r = scf.if %c -> index {
    %five = arith.constant 5 : index
    scf.yield %five : index
  } else {
    scf.yield %a : index
  }
  return %r : index
}

// -----

// CHECK: func private @declared
func.func private @declared(index)
