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
// CHECK-COUNT-2: math.fma
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

// Of other exponents the logarithm is computed in f64.
// CHECK-LABEL: @pow
// CHECK:         arith.divf {{.*}} : vector<8xf64>
// CHECK-NOT:     math.powf
// CHECK:         return
// GENERIC-LABEL: @pow
// GENERIC-NOT:     math.{{fma|powf}}
// GENERIC:         return
func.func @pow(%x: vector<8xf32>, %e: vector<8xf32>) -> vector<8xf32> {
  %y = math.powf %x, %e : vector<8xf32>
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

// gelu is one function: a polynomial and an exponential instead of both branches of erf.
// CHECK-LABEL: @gelu
// CHECK-COUNT-15: math.fma
// CHECK-NOT:      math.fma
// CHECK-NOT:      math.erf
// CHECK:          return
func.func @gelu(%x: vector<8xf32>) -> vector<8xf32> {
  %scale = arith.constant dense<0.707106769> : vector<8xf32>
  %half = arith.constant dense<0.5> : vector<8xf32>
  %one = arith.constant dense<1.0> : vector<8xf32>
  %0 = arith.mulf %x, %scale : vector<8xf32>
  %1 = math.erf %0 : vector<8xf32>
  %2 = arith.addf %1, %one : vector<8xf32>
  %3 = arith.mulf %x, %half : vector<8xf32>
  %4 = arith.mulf %3, %2 : vector<8xf32>
  return %4 : vector<8xf32>
}

// So is the form with tanh, which has no division either.
// CHECK-LABEL: @gelu_tanh
// CHECK-COUNT-15: math.fma
// CHECK-NOT:      math.fma
// CHECK-NOT:      arith.divf
// CHECK-NOT:      math.tanh
// CHECK:          return
func.func @gelu_tanh(%x: vector<8xf32>) -> vector<8xf32> {
  %scale = arith.constant dense<0.797884583> : vector<8xf32>
  %third = arith.constant dense<4.471500e-02> : vector<8xf32>
  %half = arith.constant dense<0.5> : vector<8xf32>
  %one = arith.constant dense<1.0> : vector<8xf32>
  %0 = arith.mulf %x, %x : vector<8xf32>
  %1 = arith.mulf %0, %x : vector<8xf32>
  %2 = arith.mulf %1, %third : vector<8xf32>
  %3 = arith.addf %x, %2 : vector<8xf32>
  %4 = arith.mulf %3, %scale : vector<8xf32>
  %5 = math.tanh %4 : vector<8xf32>
  %6 = arith.addf %5, %one : vector<8xf32>
  %7 = arith.mulf %x, %half : vector<8xf32>
  %8 = arith.mulf %7, %6 : vector<8xf32>
  return %8 : vector<8xf32>
}

// Not gelu: a square in place of the cube; another x in it; another coefficient; another scale.
// Each tanh divides for itself.
// CHECK-LABEL: @negative_gelu_tanh
// CHECK-COUNT-4: arith.divf
// CHECK-NOT:     arith.divf
// CHECK:         return
func.func @negative_gelu_tanh(%x: f32, %y: f32) -> (f32, f32, f32, f32) {
  %scale = arith.constant 0.797884583 : f32
  %third = arith.constant 4.471500e-02 : f32
  %other = arith.constant 0.7 : f32
  %half = arith.constant 0.5 : f32
  %one = arith.constant 1.0 : f32
  %xh = arith.mulf %x, %half : f32
  %xx = arith.mulf %x, %x : f32
  %xxx = arith.mulf %xx, %x : f32
  %xxy = arith.mulf %xx, %y : f32

  %0 = arith.mulf %xx, %third : f32
  %1 = arith.addf %x, %0 : f32
  %2 = arith.mulf %1, %scale : f32
  %3 = math.tanh %2 : f32
  %4 = arith.addf %3, %one : f32
  %5 = arith.mulf %xh, %4 : f32

  %6 = arith.mulf %xxy, %third : f32
  %7 = arith.addf %x, %6 : f32
  %8 = arith.mulf %7, %scale : f32
  %9 = math.tanh %8 : f32
  %10 = arith.addf %9, %one : f32
  %11 = arith.mulf %xh, %10 : f32

  %12 = arith.mulf %xxx, %other : f32
  %13 = arith.addf %x, %12 : f32
  %14 = arith.mulf %13, %scale : f32
  %15 = math.tanh %14 : f32
  %16 = arith.addf %15, %one : f32
  %17 = arith.mulf %xh, %16 : f32

  %18 = arith.mulf %xxx, %third : f32
  %19 = arith.addf %x, %18 : f32
  %20 = arith.mulf %19, %other : f32
  %21 = math.tanh %20 : f32
  %22 = arith.addf %21, %one : f32
  %23 = arith.mulf %xh, %22 : f32
  return %5, %11, %17, %23 : f32, f32, f32, f32
}

// Not gelu: another scale; a factor other than x / 2; erf that is used elsewhere.
// CHECK-LABEL: @negative_gelu
// CHECK-COUNT-30: math.fma
// CHECK:          return
func.func @negative_gelu(%x: f32, %y: f32) -> (f32, f32, f32, f32) {
  %other = arith.constant 0.7 : f32
  %scale = arith.constant 0.707106769 : f32
  %half = arith.constant 0.5 : f32
  %one = arith.constant 1.0 : f32
  %xh = arith.mulf %x, %half : f32
  %0 = arith.mulf %x, %other : f32
  %1 = math.erf %0 : f32
  %2 = arith.addf %1, %one : f32
  %3 = arith.mulf %xh, %2 : f32
  %4 = arith.mulf %y, %scale : f32
  %5 = math.erf %4 : f32
  %6 = arith.addf %5, %one : f32
  %7 = arith.mulf %xh, %6 : f32
  %8 = arith.mulf %x, %scale : f32
  %9 = math.erf %8 : f32
  %10 = arith.addf %9, %one : f32
  %11 = arith.mulf %xh, %10 : f32
  return %3, %7, %9, %11 : f32, f32, f32, f32
}
