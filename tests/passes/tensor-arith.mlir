// Arithmetic on whole tensors, as hand-written modules have it, compiles like any other.
// RUN: fovea-opt %s --fovea-pipeline=compile-to=fused | FileCheck %s
// RUN: fovea-opt %s --fovea-pipeline=compile-to=llvm | FileCheck %s --check-prefix=LLVM
// CHECK-LABEL: func @sum
// CHECK: linalg.generic
// CHECK-NOT: arith.addf {{.*}} tensor
// LLVM: llvm.func @sum
func.func @sum(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %z = arith.addf %x, %y : tensor<4x8xf32>
  return %z : tensor<4x8xf32>
}
