// What is not attention stays as it is, and the report says why.
// RUN: fovea-opt %s --split-input-file --attn-fuse-attention --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func @no_scores
// CHECK: attn.softmax
func.func @no_scores(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  // expected-remark @below {{[attention] this softmax stays: its scores do not come from a contraction of queries and keys}}
  %p = attn.softmax ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) dim(1) -> tensor<4x8xf32>
  return %p : tensor<4x8xf32>
}

// -----

// The maximum and the sum run over different dims: this is no softmax, so nothing is said either.
// CHECK-LABEL: func @sum_over_other_dim
// CHECK: arith.divf
func.func @sum_over_other_dim(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %r = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%r : tensor<8xf32>) -> tensor<8xf32>
  %ex = math.exp %x : tensor<8x8xf32>
  %ey = math.exp2 %x : tensor<8x8xf32>
  %z = linalg.reduce { arith.addf } ins(%ey : tensor<8x8xf32>) outs(%f : tensor<8xf32>) dimensions = [1]
  %b = linalg.broadcast ins(%z : tensor<8xf32>) outs(%e : tensor<8x8xf32>) dimensions = [1]
  %p = arith.divf %ex, %b : tensor<8x8xf32>
  return %p : tensor<8x8xf32>
}

// -----

// CHECK-LABEL: func @no_values
// CHECK: attn.softmax
func.func @no_values(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>) -> tensor<8x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  // expected-remark @below {{this softmax stays: its weights are not contracted with values}}
  %p = attn.softmax ins(%s : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) dim(1) -> tensor<8x8xf32>
  return %p : tensor<8x8xf32>
}

// -----

// The product adds to a tensor that is not zero.
// CHECK-LABEL: func @scores_added_to_tensor
// CHECK: attn.softmax
func.func @scores_added_to_tensor(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<8x4xf32>, %bias: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%bias : tensor<8x8xf32>) -> tensor<8x8xf32>
  // expected-remark @below {{its scores do not come from a contraction of queries and keys}}
  %p = attn.softmax ins(%s : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) dim(1) -> tensor<8x8xf32>
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%p, %v : tensor<8x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %o : tensor<8x4xf32>
}

// -----

// The values are contracted along the rows of the weights.
// CHECK-LABEL: func @values_along_rows
// CHECK: attn.softmax
func.func @values_along_rows(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  // expected-remark @below {{the weights are not contracted along the dim that is normalised}}
  %p = attn.softmax ins(%s : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) dim(1) -> tensor<8x8xf32>
  %eo = tensor.empty() : tensor<4x8xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<4x8xf32>) -> tensor<4x8xf32>
  %o = linalg.matmul ins(%v, %p : tensor<4x8xf32>, tensor<8x8xf32>) outs(%fo : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %o : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func @two_contracted_dims
// CHECK: attn.softmax
func.func @two_contracted_dims(%q: tensor<8x2x4xf32>, %k: tensor<8x2x4xf32>, %v: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j, c, d) -> (i, c, d)>, affine_map<(i, j, c, d) -> (j, c, d)>, affine_map<(i, j, c, d) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%q, %k : tensor<8x2x4xf32>, tensor<8x2x4xf32>) outs(%f : tensor<8x8xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %m = arith.mulf %x, %y : f32
    %a = arith.addf %acc, %m : f32
    linalg.yield %a : f32
  } -> tensor<8x8xf32>
  // expected-remark @below {{queries and keys are contracted over more than one dim}}
  %p = attn.softmax ins(%s : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) dim(1) -> tensor<8x8xf32>
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%p, %v : tensor<8x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %o : tensor<8x4xf32>
}

// -----

// Queries and keys of which the scores differ by what is added alone.
// CHECK-LABEL: func @products_repeated
// CHECK: attn.softmax
func.func @products_repeated(%q: tensor<8x4xf32>, %k: tensor<8x4xf32>, %bias: tensor<2xf32>, %v: tensor<8x4xf32>) -> tensor<2x8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x8x8xf32>
  %es = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%es : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j, d) -> (i, d)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<8x4xf32>, tensor<8x4xf32>) outs(%f : tensor<8x8xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %m = arith.mulf %x, %y : f32
    %a = arith.addf %acc, %m : f32
    linalg.yield %a : f32
  } -> tensor<8x8xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(b, i, j) -> (i, j)>, affine_map<(b, i, j) -> (b)>, affine_map<(b, i, j) -> (b, i, j)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s, %bias : tensor<8x8xf32>, tensor<2xf32>) outs(%e : tensor<2x8x8xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %m = arith.mulf %x, %y : f32
    linalg.yield %m : f32
  } -> tensor<2x8x8xf32>
  // expected-remark @below {{queries and keys are repeated along a dim of the scores}}
  %p = attn.softmax ins(%t : tensor<2x8x8xf32>) outs(%e : tensor<2x8x8xf32>) dim(2) -> tensor<2x8x8xf32>
  %eo = tensor.empty() : tensor<2x8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x8x4xf32>) -> tensor<2x8x4xf32>
  %o = linalg.generic {indexing_maps = [affine_map<(b, i, d, j) -> (b, i, j)>, affine_map<(b, i, d, j) -> (j, d)>, affine_map<(b, i, d, j) -> (b, i, d)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<2x8x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<2x8x4xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %m = arith.mulf %x, %y : f32
    %a = arith.addf %acc, %m : f32
    linalg.yield %a : f32
  } -> tensor<2x8x4xf32>
  return %o : tensor<2x8x4xf32>
}

// -----

// Keys shared by the batch, values not.
// CHECK-LABEL: func @shared_differently
// CHECK: attn.softmax
func.func @shared_differently(%q: tensor<2x8x4xf32>, %k: tensor<8x4xf32>, %v: tensor<2x8x4xf32>) -> tensor<2x8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b, i, j, d) -> (b, i, d)>, affine_map<(b, i, j, d) -> (j, d)>, affine_map<(b, i, j, d) -> (b, i, j)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x8x4xf32>, tensor<8x4xf32>) outs(%f : tensor<2x8x8xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %m = arith.mulf %x, %y : f32
    %a = arith.addf %acc, %m : f32
    linalg.yield %a : f32
  } -> tensor<2x8x8xf32>
  // expected-remark @below {{keys and values are not shared along the same trailing batch dims}}
  %p = attn.softmax ins(%s : tensor<2x8x8xf32>) outs(%e : tensor<2x8x8xf32>) dim(2) -> tensor<2x8x8xf32>
  %eo = tensor.empty() : tensor<2x8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x8x4xf32>) -> tensor<2x8x4xf32>
  %o = linalg.batch_matmul ins(%p, %v : tensor<2x8x8xf32>, tensor<2x8x4xf32>) outs(%fo : tensor<2x8x4xf32>) -> tensor<2x8x4xf32>
  return %o : tensor<2x8x4xf32>
}

// -----

// Weights are returned both before and after dropout; attention gives but one of them.
// CHECK-LABEL: func @weights_around_dropout
// CHECK: attn.softmax
func.func @weights_around_dropout(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<8x4xf32>, %seed: i64) -> (tensor<8x4xf32>, tensor<8x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  // expected-remark @below {{its weights are used both before and after dropout}}
  %p = attn.softmax ins(%s : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) dim(1) -> tensor<8x8xf32>
  %w = attn.dropout ins(%p : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) seed(%seed) {p = 0.5 : f64} -> tensor<8x8xf32>
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %o, %p : tensor<8x4xf32>, tensor<8x8xf32>
}

// -----

// Of eight keys five are normalised: an attention over all would be another function.
// CHECK-LABEL: func @part_of_keys
// CHECK: attn.softmax
func.func @part_of_keys(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<5x4xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %part = tensor.extract_slice %s[0, 0] [8, 5] [1, 1] : tensor<8x8xf32> to tensor<8x5xf32>
  %ep = tensor.empty() : tensor<8x5xf32>
  // expected-remark @below {{[attention] this softmax stays: it reads a part of the product of queries and keys}}
  %p = attn.softmax ins(%part : tensor<8x5xf32>) outs(%ep : tensor<8x5xf32>) dim(1) -> tensor<8x5xf32>
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%p, %v : tensor<8x5xf32>, tensor<5x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %o : tensor<8x4xf32>
}

// -----

// CHECK-LABEL: func @part_of_rows
// CHECK: attn.softmax
func.func @part_of_rows(%q: tensor<?x4xf32>, %k: tensor<4x8xf32>, %v: tensor<8x4xf32>, %rows: index, %n: index) -> tensor<?x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<?x4xf32>, tensor<4x8xf32>) outs(%f : tensor<?x8xf32>) -> tensor<?x8xf32>
  %part = tensor.extract_slice %s[0, 0] [%rows, 8] [1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
  %ep = tensor.empty(%rows) : tensor<?x8xf32>
  // expected-remark @below {{it reads a part of the product of queries and keys}}
  %p = attn.softmax ins(%part : tensor<?x8xf32>) outs(%ep : tensor<?x8xf32>) dim(1) -> tensor<?x8xf32>
  %eo = tensor.empty(%rows) : tensor<?x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<?x4xf32>) -> tensor<?x4xf32>
  %o = linalg.matmul ins(%p, %v : tensor<?x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %o : tensor<?x4xf32>
}
