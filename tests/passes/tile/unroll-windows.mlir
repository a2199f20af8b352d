// Reductions of short windows read what these are cut from, tap by tap.
// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-decompose,canonicalize,cse))" -split-input-file -verify-diagnostics | FileCheck %s

// An operand a tap, at its distance; sums begin with what the result held and keep their order.
// CHECK-DAG: #[[ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func @sum
// CHECK-SAME: %[[X:[^:]*]]: tensor<8x?xf32>
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.0
// CHECK-NOT: linalg.generic
// CHECK-DAG: %[[A:.*]] = tensor.extract_slice %[[X]][0, 0] [8, %{{.*}}] [1, 1]
// CHECK-DAG: %[[B:.*]] = tensor.extract_slice %[[X]][0, 1] [8, %{{.*}}] [1, 1]
// CHECK-DAG: %[[C:.*]] = tensor.extract_slice %[[X]][0, 2] [8, %{{.*}}] [1, 1]
// CHECK: %[[Y:.*]] = linalg.generic {indexing_maps = [#[[ID]], #[[ID]], #[[ID]], #[[ID]]], iterator_types = ["parallel", "parallel"]} ins(%[[A]], %[[B]], %[[C]] :
// CHECK: %[[S:.*]] = arith.addf %{{.*}}, %[[ZERO]]
// CHECK: %[[T:.*]] = arith.addf %{{.*}}, %[[S]]
// CHECK: arith.addf %{{.*}}, %[[T]]
// CHECK: return %[[Y]]
#all = affine_map<(i, w, t) -> (i, w, t)>
#places = affine_map<(i, w, t) -> (i, w)>
func.func @sum(%x: tensor<8x?xf32>, %n: index) -> tensor<8x?xf32> {
  %zero = arith.constant 0.0 : f32
  %windows = attn.unfold %x dim(1) size(3) step(1) : tensor<8x?xf32> -> tensor<8x?x3xf32>
  %e = tensor.empty(%n) : tensor<8x?xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x?xf32>) -> tensor<8x?xf32>
  // expected-remark @below {{[windows] read in place, tap by tap}}
  %y = linalg.generic {indexing_maps = [#all, #places], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%windows : tensor<8x?x3xf32>) outs(%f : tensor<8x?xf32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<8x?xf32>
  return %y : tensor<8x?xf32>
}

// -----

// A factor whose rows are the taps is put in the order of the result's rows. Steps stay in the maps.
// CHECK-DAG: #[[STEPS:.*]] = affine_map<(d0, d1) -> (d0 * 2, d1)>
// CHECK-DAG: #[[FACTOR:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func @depthwise
// CHECK-SAME: %[[X:[^:]*]]: tensor<65x32xf32>, %[[W:[^:]*]]: tensor<32x2xf32>, %[[I:[^:]*]]: tensor<32x32xf32>
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[W]] : {{.*}}) outs(%{{.*}} : tensor<2x32xf32>) permutation = [1, 0]
// CHECK-DAG: tensor.extract_slice %[[T]][1, 0] [1, 32] [1, 1] : tensor<2x32xf32> to tensor<32xf32>
// CHECK-DAG: tensor.extract_slice %[[X]][1, 0] [64, 32] [1, 1]
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[STEPS]], #[[FACTOR]], #[[STEPS]], #[[FACTOR]], #{{.*}}], {{.*}}} ins(%[[I]],
#x = affine_map<(l, c, t) -> (l, c, t)>
#w = affine_map<(l, c, t) -> (c, t)>
#y = affine_map<(l, c, t) -> (l, c)>
func.func @depthwise(%x: tensor<65x32xf32>, %w: tensor<32x2xf32>, %i: tensor<32x32xf32>) -> tensor<32x32xf32> {
  %windows = attn.unfold %x dim(0) size(2) step(2) : tensor<65x32xf32> -> tensor<32x32x2xf32>
  // expected-remark @below {{[windows] read in place, tap by tap}}
  %y = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%windows, %w : tensor<32x32x2xf32>, tensor<32x2xf32>) outs(%i : tensor<32x32xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<32x32xf32>
  return %y : tensor<32x32xf32>
}

// -----

// Along two dims, one reduction after the other: one op with four operands.
// CHECK-LABEL: func @image
// CHECK-COUNT-3: tensor.extract_slice
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]}
// CHECK-NOT: linalg.generic
// CHECK: return
#all = affine_map<(i, j, t, u) -> (i, j, t, u)>
#rest = affine_map<(i, j, t, u) -> (i, j, t)>
#three = affine_map<(i, j, t) -> (i, j, t)>
#two = affine_map<(i, j, t) -> (i, j)>
func.func @image(%x: tensor<64x64xf32>, %f: tensor<32x32x2xf32>, %g: tensor<32x32xf32>) -> tensor<32x32xf32> {
  %least = arith.constant 0xFF800000 : f32
  %rows = attn.unfold %x dim(0) size(2) step(2) : tensor<64x64xf32> -> tensor<32x64x2xf32>
  %windows = attn.unfold %rows dim(1) size(2) step(2) : tensor<32x64x2xf32> -> tensor<32x32x2x2xf32>
  %a = linalg.fill ins(%least : f32) outs(%f : tensor<32x32x2xf32>) -> tensor<32x32x2xf32>
  %b = linalg.fill ins(%least : f32) outs(%g : tensor<32x32xf32>) -> tensor<32x32xf32>
  %y = linalg.generic {indexing_maps = [#all, #rest], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%windows : tensor<32x32x2x2xf32>) outs(%a : tensor<32x32x2xf32>) {
  ^bb0(%p: f32, %q: f32):
    %m = arith.maximumf %p, %q : f32
    linalg.yield %m : f32
  } -> tensor<32x32x2xf32>
  // expected-remark @below {{[windows] read in place, tap by tap}}
  %z = linalg.generic {indexing_maps = [#three, #two], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%y : tensor<32x32x2xf32>) outs(%b : tensor<32x32xf32>) {
  ^bb0(%p: f32, %q: f32):
    %m = arith.maximumf %p, %q : f32
    linalg.yield %m : f32
  } -> tensor<32x32xf32>
  return %z : tensor<32x32xf32>
}

// -----

// Windows of the sums of windows: these are computed once, not once a window.
// CHECK-LABEL: func @twice
// CHECK-COUNT-2: linalg.generic {{.*}}iterator_types = ["parallel"]}
// CHECK: return
#all = affine_map<(w, t) -> (w, t)>
#places = affine_map<(w, t) -> (w)>
func.func @twice(%x: tensor<12xf32>, %i: tensor<10xf32>, %j: tensor<8xf32>) -> tensor<8xf32> {
  %v = attn.unfold %x dim(0) size(3) step(1) : tensor<12xf32> -> tensor<10x3xf32>
  // expected-remark @below {{[windows] read in place, tap by tap}}
  %y = linalg.generic {indexing_maps = [#all, #places], iterator_types = ["parallel", "reduction"]}
      ins(%v : tensor<10x3xf32>) outs(%i : tensor<10xf32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<10xf32>
  %w = attn.unfold %y dim(0) size(3) step(1) : tensor<10xf32> -> tensor<8x3xf32>
  // expected-remark @below {{[windows] read in place, tap by tap}}
  %z = linalg.generic {indexing_maps = [#all, #places], iterator_types = ["parallel", "reduction"]}
      ins(%w : tensor<8x3xf32>) outs(%j : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  return %z : tensor<8xf32>
}

// -----

// negative: sums of many places, of many taps, and of both.
// CHECK-LABEL: func @negative
// CHECK-COUNT-3: linalg.generic {{.*}}"reduction"
// CHECK: return
#all = affine_map<(w, t) -> (w, t)>
#places = affine_map<(w, t) -> (w)>
#taps = affine_map<(w, t) -> (t)>
#none = affine_map<(w, t) -> ()>
func.func @negative(%x: tensor<75xf32>, %l: tensor<75xf32>, %i: tensor<3xf32>, %j: tensor<10xf32>, %k: tensor<f32>)
    -> (tensor<3xf32>, tensor<10xf32>, tensor<f32>) {
  %v = attn.unfold %x dim(0) size(3) step(1) : tensor<75xf32> -> tensor<73x3xf32>
  %long = attn.unfold %l dim(0) size(66) step(1) : tensor<75xf32> -> tensor<10x66xf32>
  %a = linalg.generic {indexing_maps = [#all, #taps], iterator_types = ["reduction", "parallel"]}
      ins(%v : tensor<73x3xf32>) outs(%i : tensor<3xf32>) {
  ^bb0(%p: f32, %q: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<3xf32>
  %b = linalg.generic {indexing_maps = [#all, #places], iterator_types = ["parallel", "reduction"]}
      ins(%long : tensor<10x66xf32>) outs(%j : tensor<10xf32>) {
  ^bb0(%p: f32, %q: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<10xf32>
  %many = attn.unfold %l dim(0) size(2) step(1) : tensor<75xf32> -> tensor<74x2xf32>
  %c = linalg.generic {indexing_maps = [#all, #none], iterator_types = ["reduction", "reduction"]}
      ins(%many : tensor<74x2xf32>) outs(%k : tensor<f32>) {
  ^bb0(%p: f32, %q: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %a, %b, %c : tensor<3xf32>, tensor<10xf32>, tensor<f32>
}
