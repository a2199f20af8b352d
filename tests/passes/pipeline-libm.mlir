// RUN: fovea-opt %s --fovea-pipeline | FileCheck %s

// The C library has an erf, and no rsqrt: what has an instruction uses it, though it stands in
// another function than what is called.
// CHECK-NOT: rsqrt
// CHECK: llvm.func @erf(f64) -> f64
// CHECK-NOT: rsqrt
// CHECK: llvm.call @erf
// CHECK-NOT: rsqrt
func.func @norm(%x: tensor<?xf64>) -> tensor<?xf64> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf64>
  %empty = tensor.empty(%n) : tensor<?xf64>
  %0 = linalg.elementwise kind=#linalg.elementwise_kind<erf>
      ins(%x : tensor<?xf64>) outs(%empty : tensor<?xf64>) -> tensor<?xf64>
  return %0 : tensor<?xf64>
}

func.func @scale(%x: tensor<f64>) -> tensor<f64> {
  %empty = tensor.empty() : tensor<f64>
  %0 = linalg.elementwise kind=#linalg.elementwise_kind<rsqrt>
      ins(%x : tensor<f64>) outs(%empty : tensor<f64>) -> tensor<f64>
  return %0 : tensor<f64>
}
