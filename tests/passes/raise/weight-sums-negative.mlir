// Values that a sum of weights weighs where it stays: it is not linear, depends on the key, is used by others, or is no
// attention.
// RUN: fovea-opt %s --split-input-file --attn-fuse-attention --verify-diagnostics | FileCheck %s

// A factor a key.
#all = affine_map<(i, j) -> (i, j)>
#key = affine_map<(i, j) -> (j)>
// CHECK-LABEL: func @factor_a_key
// CHECK: linalg.matmul
// CHECK-NOT: attn.attention
func.func @factor_a_key(%q: tensor<8x4xf32>, %k: tensor<4x9xf32>, %v: tensor<9x6xf32>, %f: tensor<9xf32>) -> tensor<8x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x9xf32>) -> tensor<8x9xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x9xf32>) outs(%z : tensor<8x9xf32>) -> tensor<8x9xf32>
  // expected-remark @below {{[attention] this softmax stays: its weights are not contracted with values}}
  %a = attn.softmax ins(%s : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) dim(1) -> tensor<8x9xf32>
  %w = linalg.generic {indexing_maps = [#all, #key, #all], iterator_types = ["parallel", "parallel"]}
      ins(%a, %f : tensor<8x9xf32>, tensor<9xf32>) outs(%e : tensor<8x9xf32>) {
  ^bb0(%x: f32, %c: f32, %o0: f32):
    %d = arith.mulf %x, %c : f32
    linalg.yield %d : f32
  } -> tensor<8x9xf32>
  %eo = tensor.empty() : tensor<8x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x6xf32>) -> tensor<8x6xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x9xf32>, tensor<9x6xf32>) outs(%zo : tensor<8x6xf32>) -> tensor<8x6xf32>
  return %o : tensor<8x6xf32>
}

// -----

// A number beside the weights.
#all = affine_map<(i, j) -> (i, j)>
#key = affine_map<(i, j) -> (j)>
// CHECK-LABEL: func @shifted
// CHECK: linalg.matmul
// CHECK-NOT: attn.attention
func.func @shifted(%q: tensor<8x4xf32>, %k: tensor<4x9xf32>, %v: tensor<9x6xf32>) -> tensor<8x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x9xf32>) -> tensor<8x9xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x9xf32>) outs(%z : tensor<8x9xf32>) -> tensor<8x9xf32>
  // expected-remark @below {{[attention] this softmax stays: its weights are not contracted with values}}
  %a = attn.softmax ins(%s : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) dim(1) -> tensor<8x9xf32>
  %w = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) {
  ^bb0(%x: f32, %o0: f32):
    %one = arith.constant 1.0 : f32
    %d = arith.addf %x, %one : f32
    linalg.yield %d : f32
  } -> tensor<8x9xf32>
  %eo = tensor.empty() : tensor<8x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x6xf32>) -> tensor<8x6xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x9xf32>, tensor<9x6xf32>) outs(%zo : tensor<8x6xf32>) -> tensor<8x6xf32>
  return %o : tensor<8x6xf32>
}

// -----

// Squares.
#all = affine_map<(i, j) -> (i, j)>
#key = affine_map<(i, j) -> (j)>
// CHECK-LABEL: func @squared
// CHECK: linalg.matmul
// CHECK-NOT: attn.attention
func.func @squared(%q: tensor<8x4xf32>, %k: tensor<4x9xf32>, %v: tensor<9x6xf32>) -> tensor<8x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x9xf32>) -> tensor<8x9xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x9xf32>) outs(%z : tensor<8x9xf32>) -> tensor<8x9xf32>
  // expected-remark @below {{[attention] this softmax stays: its weights are not contracted with values}}
  %a = attn.softmax ins(%s : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) dim(1) -> tensor<8x9xf32>
  %w = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) {
  ^bb0(%x: f32, %o0: f32):
    %d = arith.mulf %x, %x : f32
    linalg.yield %d : f32
  } -> tensor<8x9xf32>
  %eo = tensor.empty() : tensor<8x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x6xf32>) -> tensor<8x6xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x9xf32>, tensor<9x6xf32>) outs(%zo : tensor<8x6xf32>) -> tensor<8x6xf32>
  return %o : tensor<8x6xf32>
}

// -----

// A divisor.
#all = affine_map<(i, j) -> (i, j)>
#key = affine_map<(i, j) -> (j)>
// CHECK-LABEL: func @divisor
// CHECK: linalg.matmul
// CHECK-NOT: attn.attention
func.func @divisor(%q: tensor<8x4xf32>, %k: tensor<4x9xf32>, %v: tensor<9x6xf32>) -> tensor<8x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x9xf32>) -> tensor<8x9xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x9xf32>) outs(%z : tensor<8x9xf32>) -> tensor<8x9xf32>
  // expected-remark @below {{[attention] this softmax stays: its weights are not contracted with values}}
  %a = attn.softmax ins(%s : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) dim(1) -> tensor<8x9xf32>
  %w = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) {
  ^bb0(%x: f32, %o0: f32):
    %one = arith.constant 1.0 : f32
    %d = arith.divf %one, %x : f32
    linalg.yield %d : f32
  } -> tensor<8x9xf32>
  %eo = tensor.empty() : tensor<8x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x6xf32>) -> tensor<8x6xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x9xf32>, tensor<9x6xf32>) outs(%zo : tensor<8x6xf32>) -> tensor<8x6xf32>
  return %o : tensor<8x6xf32>
}

// -----

// Another function of the weights.
#all = affine_map<(i, j) -> (i, j)>
#key = affine_map<(i, j) -> (j)>
// CHECK-LABEL: func @rectified
// CHECK: linalg.matmul
// CHECK-NOT: attn.attention
func.func @rectified(%q: tensor<8x4xf32>, %k: tensor<4x9xf32>, %v: tensor<9x6xf32>) -> tensor<8x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x9xf32>) -> tensor<8x9xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x9xf32>) outs(%z : tensor<8x9xf32>) -> tensor<8x9xf32>
  // expected-remark @below {{[attention] this softmax stays: its weights are not contracted with values}}
  %a = attn.softmax ins(%s : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) dim(1) -> tensor<8x9xf32>
  %w = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) {
  ^bb0(%x: f32, %o0: f32):
    %zero0 = arith.constant 0.1 : f32
    %m = arith.subf %x, %x : f32
    %d = arith.maximumf %x, %zero0 : f32
    linalg.yield %d : f32
  } -> tensor<8x9xf32>
  %eo = tensor.empty() : tensor<8x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x6xf32>) -> tensor<8x6xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x9xf32>, tensor<9x6xf32>) outs(%zo : tensor<8x6xf32>) -> tensor<8x6xf32>
  return %o : tensor<8x6xf32>
}

// -----

// A factor that counts.
#all = affine_map<(i, j) -> (i, j)>
#key = affine_map<(i, j) -> (j)>
// CHECK-LABEL: func @by_index
// CHECK: linalg.matmul
// CHECK-NOT: attn.attention
func.func @by_index(%q: tensor<8x4xf32>, %k: tensor<4x9xf32>, %v: tensor<9x6xf32>) -> tensor<8x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x9xf32>) -> tensor<8x9xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x9xf32>) outs(%z : tensor<8x9xf32>) -> tensor<8x9xf32>
  // expected-remark @below {{[attention] this softmax stays: its weights are not contracted with values}}
  %a = attn.softmax ins(%s : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) dim(1) -> tensor<8x9xf32>
  %w = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) {
  ^bb0(%x: f32, %o0: f32):
    %i = linalg.index 1 : index
    %n = arith.index_cast %i : index to i32
    %r = arith.sitofp %n : i32 to f32
    %d = arith.mulf %x, %r : f32
    linalg.yield %d : f32
  } -> tensor<8x9xf32>
  %eo = tensor.empty() : tensor<8x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x6xf32>) -> tensor<8x6xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x9xf32>, tensor<9x6xf32>) outs(%zo : tensor<8x6xf32>) -> tensor<8x6xf32>
  return %o : tensor<8x6xf32>
}

// -----

// The sum is a result.
#all = affine_map<(i, j) -> (i, j)>
#key = affine_map<(i, j) -> (j)>
// CHECK-LABEL: func @returned
// CHECK: linalg.matmul
// CHECK-NOT: attn.attention
func.func @returned(%q: tensor<8x4xf32>, %k: tensor<4x9xf32>, %v: tensor<9x6xf32>, %f: tensor<8x9xf32>) -> (tensor<8x6xf32>, tensor<8x9xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x9xf32>) -> tensor<8x9xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x9xf32>) outs(%z : tensor<8x9xf32>) -> tensor<8x9xf32>
  // expected-remark @below {{[attention] this softmax stays: its weights are not contracted with values}}
  %a = attn.softmax ins(%s : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) dim(1) -> tensor<8x9xf32>
  %w = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%a, %f : tensor<8x9xf32>, tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) {
  ^bb0(%x: f32, %c: f32, %o0: f32):
    %d = arith.addf %x, %c : f32
    linalg.yield %d : f32
  } -> tensor<8x9xf32>
  %eo = tensor.empty() : tensor<8x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x6xf32>) -> tensor<8x6xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x9xf32>, tensor<9x6xf32>) outs(%zo : tensor<8x6xf32>) -> tensor<8x6xf32>
  return %o, %w : tensor<8x6xf32>, tensor<8x9xf32>
}

// -----

// Two given terms beside the softmax would be two more products.
#all = affine_map<(i, j) -> (i, j)>
#key = affine_map<(i, j) -> (j)>
// CHECK-LABEL: func @two_given
// CHECK: linalg.matmul
// CHECK-NOT: attn.attention
func.func @two_given(%q: tensor<8x4xf32>, %k: tensor<4x9xf32>, %v: tensor<9x6xf32>, %f: tensor<8x9xf32>, %g: tensor<8x9xf32>) -> tensor<8x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x9xf32>) -> tensor<8x9xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x9xf32>) outs(%z : tensor<8x9xf32>) -> tensor<8x9xf32>
  // expected-remark @below {{[attention] this softmax stays: its weights are not contracted with values}}
  %a = attn.softmax ins(%s : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) dim(1) -> tensor<8x9xf32>
  %w = linalg.generic {indexing_maps = [#all, #all, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%a, %f, %g : tensor<8x9xf32>, tensor<8x9xf32>, tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) {
  ^bb0(%x: f32, %c: f32, %h: f32, %o0: f32):
    %c0 = arith.addf %x, %c : f32
    %d = arith.addf %c0, %h : f32
    linalg.yield %d : f32
  } -> tensor<8x9xf32>
  %eo = tensor.empty() : tensor<8x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x6xf32>) -> tensor<8x6xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x9xf32>, tensor<9x6xf32>) outs(%zo : tensor<8x6xf32>) -> tensor<8x6xf32>
  return %o : tensor<8x6xf32>
}

// -----

// A softmax of given scores.
#all = affine_map<(i, j) -> (i, j)>
#key = affine_map<(i, j) -> (j)>
// CHECK-LABEL: func @given_scores
// CHECK: linalg.matmul
// CHECK-NOT: attn.attention
func.func @given_scores(%q: tensor<8x4xf32>, %k: tensor<4x9xf32>, %v: tensor<9x6xf32>, %t: tensor<8x9xf32>) -> tensor<8x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x9xf32>) -> tensor<8x9xf32>
  // expected-remark @below {{[attention] this softmax stays: its scores do not come from a contraction of queries and keys}}
  %a = attn.softmax ins(%t : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) dim(1) -> tensor<8x9xf32>
  %w = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) {
  ^bb0(%x: f32, %o0: f32):
    %d = arith.negf %x : f32
    linalg.yield %d : f32
  } -> tensor<8x9xf32>
  %eo = tensor.empty() : tensor<8x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x6xf32>) -> tensor<8x6xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x9xf32>, tensor<9x6xf32>) outs(%zo : tensor<8x6xf32>) -> tensor<8x6xf32>
  return %o : tensor<8x6xf32>
}
