// RUN: fovea-opt %s -attn-fold-widening -canonicalize -split-input-file | FileCheck %s

// Weights in half precision for activations in single precision: no copy of them in f32.
// CHECK-LABEL: @linear
// CHECK:         %[[W:.*]] = attn.weight "w" : tensor<48x64xf16>
// CHECK-NOT:     linalg.generic {{.*}} ins(%[[W]] : tensor<48x64xf16>)
// CHECK:         linalg.generic {{.*}} ins(%{{.*}}, %[[W]] : tensor<8x64xf32>, tensor<48x64xf16>)
// CHECK-NEXT:    ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f16, %[[C:.*]]: f32):
// CHECK-NEXT:      %[[E:.*]] = arith.extf %[[B]] : f16 to f32
// CHECK-NEXT:      arith.mulf %[[A]], %[[E]]
#id = affine_map<(i, j) -> (i, j)>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<8x64xf32>, %y: tensor<8x48xf32>) -> tensor<8x48xf32> {
  %w = attn.weight "w" : tensor<48x64xf16>
  %e = tensor.empty() : tensor<48x64xf32>
  %wide = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%w : tensor<48x64xf16>) outs(%e : tensor<48x64xf32>) {
  ^bb0(%a: f16, %b: f32):
    %c = arith.extf %a : f16 to f32
    linalg.yield %c : f32
  } -> tensor<48x64xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %wide : tensor<8x64xf32>, tensor<48x64xf32>) outs(%y : tensor<8x48xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<8x48xf32>
  return %r : tensor<8x48xf32>
}

// -----

// The conversion transposes on its way, and the other factor is narrow too.
// CHECK-DAG:   #[[T:.*]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-DAG:   #[[X:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-LABEL: @transposed
// CHECK:         linalg.generic {indexing_maps = [#[[X]], #[[T]], #{{.*}}]
// CHECK-SAME:      ins(%{{.*}}, %{{.*}} : tensor<8x64xbf16>, tensor<64x48xf16>)
#id = affine_map<(i, j) -> (i, j)>
#t = affine_map<(i, j) -> (j, i)>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @transposed(%x: tensor<8x64xbf16>, %w: tensor<64x48xf16>, %y: tensor<8x48xf32>) -> tensor<8x48xf32> {
  %e = tensor.empty() : tensor<48x64xf32>
  %wide = linalg.generic {indexing_maps = [#t, #id], iterator_types = ["parallel", "parallel"]}
    ins(%w : tensor<64x48xf16>) outs(%e : tensor<48x64xf32>) {
  ^bb0(%a: f16, %b: f32):
    %c = arith.extf %a : f16 to f32
    linalg.yield %c : f32
  } -> tensor<48x64xf32>
  %f = tensor.empty() : tensor<8x64xf32>
  %rows = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<8x64xbf16>) outs(%f : tensor<8x64xf32>) {
  ^bb0(%a: bf16, %b: f32):
    %c = arith.extf %a : bf16 to f32
    linalg.yield %c : f32
  } -> tensor<8x64xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%rows, %wide : tensor<8x64xf32>, tensor<48x64xf32>) outs(%y : tensor<8x48xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<8x48xf32>
  return %r : tensor<8x48xf32>
}

// -----

// negative: narrowing rounds, and something else than a conversion computes.
// CHECK-LABEL: @negative
// CHECK:         arith.truncf
// CHECK:         arith.negf
// CHECK:         linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<8x64xf32>, tensor<48x64xf32>)
#id = affine_map<(i, j) -> (i, j)>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @negative(%x: tensor<8x64xf64>, %w: tensor<48x64xf16>, %y: tensor<8x48xf32>) -> tensor<8x48xf32> {
  %f = tensor.empty() : tensor<8x64xf32>
  %rows = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<8x64xf64>) outs(%f : tensor<8x64xf32>) {
  ^bb0(%a: f64, %b: f32):
    %c = arith.truncf %a : f64 to f32
    linalg.yield %c : f32
  } -> tensor<8x64xf32>
  %e = tensor.empty() : tensor<48x64xf32>
  %wide = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%w : tensor<48x64xf16>) outs(%e : tensor<48x64xf32>) {
  ^bb0(%a: f16, %b: f32):
    %c = arith.extf %a : f16 to f32
    %d = arith.negf %c : f32
    linalg.yield %d : f32
  } -> tensor<48x64xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%rows, %wide : tensor<8x64xf32>, tensor<48x64xf32>) outs(%y : tensor<8x48xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<8x48xf32>
  return %r : tensor<8x48xf32>
}

// -----

// One matrix of a weight that holds many: that one alone is read, and as it is stored.
// CHECK-LABEL: @slice
// CHECK-SAME:    %[[E:[^:]*]]: index
// CHECK:         %[[W:.*]] = attn.weight "experts" : tensor<4x64x48xbf16>
// CHECK-NOT:     linalg.generic
// CHECK:         %[[ONE:.*]] = tensor.extract_slice %[[W]][%[[E]], 0, 0] [1, 64, 48] [1, 1, 1] : tensor<4x64x48xbf16> to tensor<64x48xbf16>
// CHECK-NOT:     tensor<4x64x48xf32>
// CHECK:         linalg.generic {{.*}} ins(%{{.*}}, %[[ONE]] : tensor<8x64xf32>, tensor<64x48xbf16>)
// CHECK:           arith.extf
#all = affine_map<(e, i, j) -> (e, i, j)>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @slice(%e: index, %x: tensor<8x64xf32>, %y: tensor<8x48xf32>) -> tensor<8x48xf32> {
  %w = attn.weight "experts" : tensor<4x64x48xbf16>
  %f = tensor.empty() : tensor<4x64x48xf32>
  %wide = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%w : tensor<4x64x48xbf16>) outs(%f : tensor<4x64x48xf32>) {
  ^bb0(%a: bf16, %b: f32):
    %c = arith.extf %a : bf16 to f32
    linalg.yield %c : f32
  } -> tensor<4x64x48xf32>
  %one = tensor.extract_slice %wide[%e, 0, 0] [1, 64, 48] [1, 1, 1] : tensor<4x64x48xf32> to tensor<64x48xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %one : tensor<8x64xf32>, tensor<64x48xf32>) outs(%y : tensor<8x48xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<8x48xf32>
  return %r : tensor<8x48xf32>
}

// -----

// negative: a tensor that is computed is converted once, not for each slice.
// CHECK-LABEL: @computed
// CHECK:         arith.extf
// CHECK:         tensor.extract_slice %{{.*}} : tensor<4x8xf32> to tensor<8xf32>
#id = affine_map<(i, j) -> (i, j)>
func.func @computed(%e: index, %x: tensor<4x8xbf16>) -> tensor<8xf32> {
  %f = tensor.empty() : tensor<4x8xf32>
  %wide = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<4x8xbf16>) outs(%f : tensor<4x8xf32>) {
  ^bb0(%a: bf16, %b: f32):
    %c = arith.extf %a : bf16 to f32
    linalg.yield %c : f32
  } -> tensor<4x8xf32>
  %one = tensor.extract_slice %wide[%e, 0] [1, 8] [1, 1] : tensor<4x8xf32> to tensor<8xf32>
  return %one : tensor<8xf32>
}
