// RUN: fovea-opt %s -attn-approximate-math | FileCheck %s
// RUN: fovea-opt %s -attn-approximate-math=target=generic | FileCheck %s --check-prefix=GENERIC

// Polynomials and shifts, no calls; products are fused where the target can.
// CHECK-LABEL: @exp
// CHECK-NOT:     math.exp
// CHECK-COUNT-7: math.fma {{.*}} : vector<8xf32>
// CHECK:         arith.shli
// GENERIC-LABEL: @exp
// GENERIC-NOT:     math.fma
// GENERIC:         return
func.func @exp(%x: vector<8xf32>) -> vector<8xf32> {
  %y = math.exp %x : vector<8xf32>
  return %y : vector<8xf32>
}

// Without results below the normal numbers, one shift makes the power of two.
// CHECK-LABEL: @normal_exp
// CHECK-COUNT-3: math.fma
// CHECK:         arith.shli
// CHECK-COUNT-5: math.fma
// CHECK-NOT:     arith.shli
// CHECK:         return
func.func @normal_exp(%x: vector<8xf32>) -> vector<8xf32> {
  %y = math.exp %x fastmath<afn> : vector<8xf32>
  return %y : vector<8xf32>
}

// Scalars are computed alike, so that a value does not depend on where it was computed.
// CHECK-LABEL: @scalars
// CHECK-NOT:     math.{{tanh|erf|sin|cos|log|exp}}
// CHECK:         return
func.func @scalars(%x: f32) -> f32 {
  %0 = math.tanh %x : f32
  %1 = math.erf %0 : f32
  %2 = math.sin %1 : f32
  %3 = math.cos %2 : f32
  %4 = math.log %3 : f32
  %5 = math.log2 %4 : f32
  %6 = math.log1p %5 : f32
  %7 = math.exp2 %6 : f32
  %8 = math.expm1 %7 : f32
  return %8 : f32
}

// CHECK-LABEL: @half
// CHECK:         arith.extf %{{.*}} : vector<8xf16> to vector<8xf32>
// CHECK-NOT:     math.exp
// CHECK:         arith.truncf %{{.*}} : vector<8xf32> to vector<8xf16>
func.func @half(%x: vector<8xf16>) -> vector<8xf16> {
  %y = math.exp %x : vector<8xf16>
  return %y : vector<8xf16>
}

// CHECK-LABEL: @square
// CHECK:         arith.mulf
// CHECK-NOT:     math.powf
func.func @square(%x: vector<8xf32>) -> vector<8xf32> {
  %two = arith.constant dense<2.0> : vector<8xf32>
  %y = math.powf %x, %two : vector<8xf32>
  return %y : vector<8xf32>
}

// negative: f64 is for the C library.
// CHECK-LABEL: @double
// CHECK:         math.exp
func.func @double(%x: vector<4xf64>) -> vector<4xf64> {
  %y = math.exp %x : vector<4xf64>
  return %y : vector<4xf64>
}

// negative: no polynomial for this one.
// CHECK-LABEL: @other
// CHECK:         math.atan
func.func @other(%x: vector<8xf32>) -> vector<8xf32> {
  %y = math.atan %x : vector<8xf32>
  return %y : vector<8xf32>
}
