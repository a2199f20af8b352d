// Values that a sum of weights weighs: which sums are split, and what stays.
// RUN: fovea-opt %s --split-input-file --attn-fuse-attention --canonicalize --cse 2>/dev/null | FileCheck %s

// The difference of two softmaxes, the second times a factor a row.
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
// CHECK: #[[$ROW:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func @difference
// CHECK-SAME: %[[Q:arg0]]: {{.*}}, %[[P:arg1]]: {{.*}}, %[[K:arg2]]: {{.*}}, %[[V:arg3]]: {{.*}}, %[[F:arg4]]:
// CHECK-COUNT-2: attn.attention
// CHECK: linalg.generic {{.*}}#[[$ROW]]{{.*}} ins(%{{.*}}, %{{.*}}, %[[F]] : tensor<8x6xf32>, tensor<8x6xf32>, tensor<8xf32>)
// CHECK: %[[M:.*]] = arith.mulf
// CHECK: arith.subf %{{.*}}, %[[M]]
// CHECK-NOT: linalg.matmul
// CHECK: return
func.func @difference(%q: tensor<8x4xf32>, %p: tensor<8x4xf32>, %k: tensor<4x9xf32>, %v: tensor<9x6xf32>, %f: tensor<8xf32>) -> tensor<8x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x9xf32>) -> tensor<8x9xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x9xf32>) outs(%z : tensor<8x9xf32>) -> tensor<8x9xf32>
  %t = linalg.matmul ins(%p, %k : tensor<8x4xf32>, tensor<4x9xf32>) outs(%z : tensor<8x9xf32>) -> tensor<8x9xf32>
  %a = attn.softmax ins(%s : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) dim(1) -> tensor<8x9xf32>
  %b = attn.softmax ins(%t : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) dim(1) -> tensor<8x9xf32>
  %w = linalg.generic {indexing_maps = [#all, #all, #row, #all], iterator_types = ["parallel", "parallel"]}
      ins(%a, %b, %f : tensor<8x9xf32>, tensor<8x9xf32>, tensor<8xf32>) outs(%e : tensor<8x9xf32>) {
  ^bb0(%x: f32, %y: f32, %c: f32, %o: f32):
    %m = arith.mulf %c, %y : f32
    %d = arith.subf %x, %m : f32
    linalg.yield %d : f32
  } -> tensor<8x9xf32>
  %eo = tensor.empty() : tensor<8x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x6xf32>) -> tensor<8x6xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x9xf32>, tensor<9x6xf32>) outs(%zo : tensor<8x6xf32>) -> tensor<8x6xf32>
  return %o : tensor<8x6xf32>
}

// -----

// In two ops, with weights that are given as the other term, negated and divided by a number; the weights are the
// second operand.
#all = affine_map<(j, i) -> (j, i)>
// CHECK-LABEL: func @beside_given
// CHECK: attn.attention
// CHECK: linalg.matmul ins(%arg2, %arg3
// CHECK: arith.negf
// CHECK: arith.divf
// CHECK: arith.addf
func.func @beside_given(%q: tensor<4x8xf32>, %k: tensor<9x4xf32>, %v: tensor<6x9xf32>, %given: tensor<9x8xf32>, %n: f32) -> tensor<6x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<9x8xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<9x8xf32>) -> tensor<9x8xf32>
  %s = linalg.matmul ins(%k, %q : tensor<9x4xf32>, tensor<4x8xf32>) outs(%z : tensor<9x8xf32>) -> tensor<9x8xf32>
  %a = attn.softmax ins(%s : tensor<9x8xf32>) outs(%e : tensor<9x8xf32>) dim(0) -> tensor<9x8xf32>
  %b = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%given : tensor<9x8xf32>) outs(%e : tensor<9x8xf32>) {
  ^bb0(%x: f32, %o: f32):
    %m = arith.negf %x : f32
    %d = arith.divf %m, %n : f32
    linalg.yield %d : f32
  } -> tensor<9x8xf32>
  %w = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%a, %b : tensor<9x8xf32>, tensor<9x8xf32>) outs(%e : tensor<9x8xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %d = arith.addf %x, %y : f32
    linalg.yield %d : f32
  } -> tensor<9x8xf32>
  %eo = tensor.empty() : tensor<6x8xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<6x8xf32>) -> tensor<6x8xf32>
  %o = linalg.matmul ins(%v, %w : tensor<6x9xf32>, tensor<9x8xf32>) outs(%zo : tensor<6x8xf32>) -> tensor<6x8xf32>
  return %o : tensor<6x8xf32>
}
