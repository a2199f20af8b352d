// Exponentials of scores that no softmax normalises, and columns that are no sinks: what stays and
// why.
// RUN: fovea-opt %s --split-input-file --attn-fuse-attention --canonicalize --verify-diagnostics | FileCheck %s

// A number in the sum beside the weights.
// CHECK-LABEL: func @larger_sum
// CHECK-NOT: attn.attention
func.func @larger_sum(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %little = arith.constant dense<1.0e-6> : tensor<8xf32>
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = math.exp %s : tensor<8x8xf32>
  %er = tensor.empty() : tensor<8xf32>
  %fz = linalg.fill ins(%zero : f32) outs(%er : tensor<8xf32>) -> tensor<8xf32>
  %sum = linalg.reduce ins(%p : tensor<8x8xf32>) outs(%fz : tensor<8xf32>) dimensions = [1]
    (%x: f32, %acc: f32) { %m = arith.addf %x, %acc : f32 linalg.yield %m : f32 }
  %z = arith.addf %sum, %little : tensor<8xf32>
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%p, %v : tensor<8x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %zw = linalg.broadcast ins(%z : tensor<8xf32>) outs(%eo : tensor<8x4xf32>) dimensions = [1]
  // expected-remark @below {{[attention] exponentials of scores that weigh values stay: what divides the product is not the sum of the exponentials along the keys}}
  %r = arith.divf %o, %zw : tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}

// -----

// The same, divided before the product.
// CHECK-LABEL: func @larger_sum_first
// CHECK-NOT: attn.attention
func.func @larger_sum_first(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %little = arith.constant dense<1.0e-6> : tensor<8xf32>
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = math.exp %s : tensor<8x8xf32>
  %er = tensor.empty() : tensor<8xf32>
  %fz = linalg.fill ins(%zero : f32) outs(%er : tensor<8xf32>) -> tensor<8xf32>
  %sum = linalg.reduce ins(%p : tensor<8x8xf32>) outs(%fz : tensor<8xf32>) dimensions = [1]
    (%x: f32, %acc: f32) { %m = arith.addf %x, %acc : f32 linalg.yield %m : f32 }
  %z = arith.addf %sum, %little : tensor<8xf32>
  %zw = linalg.broadcast ins(%z : tensor<8xf32>) outs(%e : tensor<8x8xf32>) dimensions = [1]
  // expected-remark @below {{[attention] exponentials of scores that weigh values stay: what divides them is not their sum along the keys}}
  %w = arith.divf %p, %zw : tensor<8x8xf32>
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %o : tensor<8x4xf32>
}

// -----

// The sum of a column of weights divides a row.
// CHECK-LABEL: func @sum_over_rows
// CHECK-NOT: attn.attention
func.func @sum_over_rows(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = math.exp %s : tensor<8x8xf32>
  %er = tensor.empty() : tensor<8xf32>
  %fz = linalg.fill ins(%zero : f32) outs(%er : tensor<8xf32>) -> tensor<8xf32>
  %z = linalg.reduce ins(%p : tensor<8x8xf32>) outs(%fz : tensor<8xf32>) dimensions = [0]
    (%x: f32, %acc: f32) { %m = arith.addf %x, %acc : f32 linalg.yield %m : f32 }
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%p, %v : tensor<8x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %zw = linalg.broadcast ins(%z : tensor<8xf32>) outs(%eo : tensor<8x4xf32>) dimensions = [1]
  // expected-remark @below {{is not the sum of the exponentials along the keys}}
  %r = arith.divf %o, %zw : tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}

// -----

// CHECK-LABEL: func @product_used
// CHECK-NOT: attn.attention
func.func @product_used(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<8x4xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = math.exp %s : tensor<8x8xf32>
  %er = tensor.empty() : tensor<8xf32>
  %fz = linalg.fill ins(%zero : f32) outs(%er : tensor<8xf32>) -> tensor<8xf32>
  %z = linalg.reduce ins(%p : tensor<8x8xf32>) outs(%fz : tensor<8xf32>) dimensions = [1]
    (%x: f32, %acc: f32) { %m = arith.addf %x, %acc : f32 linalg.yield %m : f32 }
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%p, %v : tensor<8x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %zw = linalg.broadcast ins(%z : tensor<8xf32>) outs(%eo : tensor<8x4xf32>) dimensions = [1]
  // expected-remark @below {{the product is used before it is divided}}
  %r = arith.divf %o, %zw : tensor<8x4xf32>
  return %r, %o : tensor<8x4xf32>, tensor<8x4xf32>
}

// -----

// A sum that is 0 must not be replaced by 0, which gives NaN where attention gives zeros.
// CHECK-LABEL: func @replaced_by_zero
// CHECK-NOT: attn.attention
func.func @replaced_by_zero(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<8x4xf32>, %other: tensor<8xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %none = arith.constant dense<0.0> : tensor<8xf32>
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = math.exp %s : tensor<8x8xf32>
  %er = tensor.empty() : tensor<8xf32>
  %fz = linalg.fill ins(%zero : f32) outs(%er : tensor<8xf32>) -> tensor<8xf32>
  %sum = linalg.reduce ins(%p : tensor<8x8xf32>) outs(%fz : tensor<8xf32>) dimensions = [1]
    (%x: f32, %acc: f32) { %m = arith.addf %x, %acc : f32 linalg.yield %m : f32 }
  %empty = arith.cmpf oeq, %sum, %none : tensor<8xf32>
  %z = arith.select %empty, %other, %sum : tensor<8xi1>, tensor<8xf32>
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%p, %v : tensor<8x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %zw = linalg.broadcast ins(%z : tensor<8xf32>) outs(%eo : tensor<8x4xf32>) dimensions = [1]
  // expected-remark @below {{is not the sum of the exponentials along the keys}}
  %r = arith.divf %o, %zw : tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}

// -----

// Two columns, of which one is cut off.
// CHECK-LABEL: func @two_columns
// CHECK: attn.softmax
func.func @two_columns(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<9x4xf32>, %sinks: tensor<8x2xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %ec = tensor.empty() : tensor<8x10xf32>
  %c0 = tensor.insert_slice %s into %ec[0, 0] [8, 8] [1, 1] : tensor<8x8xf32> into tensor<8x10xf32>
  %c = tensor.insert_slice %sinks into %c0[0, 8] [8, 2] [1, 1] : tensor<8x2xf32> into tensor<8x10xf32>
  // expected-remark @below {{its scores do not come from a contraction of queries and keys}}
  %p = attn.softmax ins(%c : tensor<8x10xf32>) outs(%ec : tensor<8x10xf32>) dim(1) -> tensor<8x10xf32>
  %w = tensor.extract_slice %p[0, 0] [8, 9] [1, 1] : tensor<8x10xf32> to tensor<8x9xf32>
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x9xf32>, tensor<9x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %o : tensor<8x4xf32>
}

// -----

// The sum counts keys that the product leaves out.
// CHECK-LABEL: func @part_of_weights
// CHECK-NOT: attn.attention
func.func @part_of_weights(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<5x4xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = math.exp %s : tensor<8x8xf32>
  %er = tensor.empty() : tensor<8xf32>
  %fz = linalg.fill ins(%zero : f32) outs(%er : tensor<8xf32>) -> tensor<8xf32>
  %z = linalg.reduce ins(%p : tensor<8x8xf32>) outs(%fz : tensor<8xf32>) dimensions = [1]
    (%x: f32, %acc: f32) { %m = arith.addf %x, %acc : f32 linalg.yield %m : f32 }
  %part = tensor.extract_slice %p[0, 0] [8, 5] [1, 1] : tensor<8x8xf32> to tensor<8x5xf32>
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%part, %v : tensor<8x5xf32>, tensor<5x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %zw = linalg.broadcast ins(%z : tensor<8xf32>) outs(%eo : tensor<8x4xf32>) dimensions = [1]
  // expected-remark @below {{is not the sum of the exponentials along the keys}}
  %r = arith.divf %o, %zw : tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}
