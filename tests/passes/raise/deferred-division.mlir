// Attention that divides by the sum last (attention_s17), and sums that hold more than the weights of keys.
// RUN: fovea-opt %s --split-input-file --attn-fuse-attention --canonicalize 2>/dev/null | FileCheck %s

// CHECK-LABEL: func @divided_last
// CHECK: %[[O:.*]] = attn.attention ins(%arg0, %arg1, %arg2
// CHECK-NOT: arith.divf
// CHECK: return
func.func @divided_last(%q: tensor<1x1x8x4xf32>, %k: tensor<1x1x8x4xf32>, %v: tensor<1x1x8x4xf32>) -> tensor<1x1x8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<1x1x8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x1x8x8xf32>) -> tensor<1x1x8x8xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b, h, i, j, d) -> (b, h, i, d)>, affine_map<(b, h, i, j, d) -> (b, h, j, d)>, affine_map<(b, h, i, j, d) -> (b, h, i, j)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<1x1x8x4xf32>, tensor<1x1x8x4xf32>) outs(%f : tensor<1x1x8x8xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %m = arith.mulf %x, %y : f32
    %a = arith.addf %acc, %m : f32
    linalg.yield %a : f32
  } -> tensor<1x1x8x8xf32>
  %er = tensor.empty() : tensor<1x1x8xf32>
  %fm = linalg.fill ins(%low : f32) outs(%er : tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %max = linalg.reduce ins(%s : tensor<1x1x8x8xf32>) outs(%fm : tensor<1x1x8xf32>) dimensions = [3]
    (%x: f32, %acc: f32) { %m = arith.maximumf %x, %acc : f32 linalg.yield %m : f32 }
  %wide = linalg.broadcast ins(%max : tensor<1x1x8xf32>) outs(%e : tensor<1x1x8x8xf32>) dimensions = [3]
  %d = arith.subf %s, %wide : tensor<1x1x8x8xf32>
  %p = math.exp %d : tensor<1x1x8x8xf32>
  %eo = tensor.empty() : tensor<1x1x8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<1x1x8x4xf32>) -> tensor<1x1x8x4xf32>
  %o = linalg.generic {indexing_maps = [affine_map<(b, h, i, d, j) -> (b, h, i, j)>, affine_map<(b, h, i, d, j) -> (b, h, j, d)>, affine_map<(b, h, i, d, j) -> (b, h, i, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<1x1x8x8xf32>, tensor<1x1x8x4xf32>) outs(%fo : tensor<1x1x8x4xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %m = arith.mulf %x, %y : f32
    %a = arith.addf %acc, %m : f32
    linalg.yield %a : f32
  } -> tensor<1x1x8x4xf32>
  // The sum comes behind the product.
  %fz = linalg.fill ins(%zero : f32) outs(%er : tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %z = linalg.reduce ins(%p : tensor<1x1x8x8xf32>) outs(%fz : tensor<1x1x8xf32>) dimensions = [3]
    (%x: f32, %acc: f32) { %m = arith.addf %x, %acc : f32 linalg.yield %m : f32 }
  %zw = linalg.broadcast ins(%z : tensor<1x1x8xf32>) outs(%eo : tensor<1x1x8x4xf32>) dimensions = [3]
  %r = arith.divf %o, %zw : tensor<1x1x8x4xf32>
  return %r : tensor<1x1x8x4xf32>
}

// -----

// Without a maximum, the weights rounded and dropped on their way, the product times the reciprocal
// and transposed.
// CHECK-LABEL: func @times_reciprocal
// CHECK: %[[O:.*]] = attn.attention {{.*}} seed(
// CHECK-NOT: arith.mulf
// CHECK: return
func.func @times_reciprocal(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<8x4xf32>) -> tensor<4x8xf32> {
  %seed = arith.constant 7 : i64
  %zero = arith.constant 0.0 : f32
  %one = arith.constant dense<1.0> : tensor<8xf32>
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = math.exp %s : tensor<8x8xf32>
  %er = tensor.empty() : tensor<8xf32>
  %fz = linalg.fill ins(%zero : f32) outs(%er : tensor<8xf32>) -> tensor<8xf32>
  %z = linalg.reduce ins(%p : tensor<8x8xf32>) outs(%fz : tensor<8xf32>) dimensions = [1]
    (%x: f32, %acc: f32) { %m = arith.addf %x, %acc : f32 linalg.yield %m : f32 }
  %dropped = attn.dropout ins(%p : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) seed(%seed) {p = 0.25 : f64} -> tensor<8x8xf32>
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%dropped, %v : tensor<8x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %et = tensor.empty() : tensor<4x8xf32>
  %t = linalg.transpose ins(%o : tensor<8x4xf32>) outs(%et : tensor<4x8xf32>) permutation = [1, 0]
  %i = arith.divf %one, %z : tensor<8xf32>
  %iw = linalg.broadcast ins(%i : tensor<8xf32>) outs(%et : tensor<4x8xf32>) dimensions = [0]
  %r = arith.mulf %t, %iw : tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// -----

// Exponentials times a mask of 0 and 1; a sum of 0 is replaced by 1, and gives zeros (attention_s4).
// CHECK-LABEL: func @masked_sum
// CHECK: attn.attention {{.*}} mask {
// CHECK: arith.cmpi sgt
// CHECK-NOT: arith.divf
// CHECK: return
func.func @masked_sum(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %none = arith.constant dense<0.0> : tensor<8xf32>
  %one = arith.constant dense<1.0> : tensor<8xf32>
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %all = math.exp %s : tensor<8x8xf32>
  %em = tensor.empty() : tensor<8x8xi1>
  %mask = attn.create_mask outs(%em : tensor<8x8xi1>) where {
  ^bb0(%i: index, %j: index):
    %c = arith.cmpi sgt, %i, %j : index
    attn.yield %c : i1
  } -> tensor<8x8xi1>
  %kept = arith.uitofp %mask : tensor<8x8xi1> to tensor<8x8xf32>
  %p = arith.mulf %all, %kept : tensor<8x8xf32>
  %er = tensor.empty() : tensor<8xf32>
  %fz = linalg.fill ins(%zero : f32) outs(%er : tensor<8xf32>) -> tensor<8xf32>
  %sum = linalg.reduce ins(%p : tensor<8x8xf32>) outs(%fz : tensor<8xf32>) dimensions = [1]
    (%x: f32, %acc: f32) { %m = arith.addf %x, %acc : f32 linalg.yield %m : f32 }
  %empty = arith.cmpf oeq, %sum, %none : tensor<8xf32>
  %z = arith.select %empty, %one, %sum : tensor<8xi1>, tensor<8xf32>
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%p, %v : tensor<8x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %zw = linalg.broadcast ins(%z : tensor<8xf32>) outs(%eo : tensor<8x4xf32>) dimensions = [1]
  %r = arith.divf %o, %zw : tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}

// -----

// One more exponential in the sum is a sink.
// CHECK-LABEL: func @sink_in_sum
// CHECK: attn.attention {{.*}} sink {
// CHECK: ^bb0(%{{.*}}: index, %{{.*}}: index, %[[I:.*]]: index):
// CHECK: %[[Y:.*]] = tensor.extract %arg3[%[[I]]]
// CHECK: attn.yield %[[Y]]
func.func @sink_in_sum(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<8x4xf32>, %sinks: tensor<8xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %er = tensor.empty() : tensor<8xf32>
  %max = linalg.reduce ins(%s : tensor<8x8xf32>) outs(%sinks : tensor<8xf32>) dimensions = [1]
    (%x: f32, %acc: f32) { %m = arith.maximumf %x, %acc : f32 linalg.yield %m : f32 }
  %wide = linalg.broadcast ins(%max : tensor<8xf32>) outs(%e : tensor<8x8xf32>) dimensions = [1]
  %d = arith.subf %s, %wide : tensor<8x8xf32>
  %p = math.exp %d : tensor<8x8xf32>
  %fz = linalg.fill ins(%zero : f32) outs(%er : tensor<8xf32>) -> tensor<8xf32>
  %sum = linalg.reduce ins(%p : tensor<8x8xf32>) outs(%fz : tensor<8xf32>) dimensions = [1]
    (%x: f32, %acc: f32) { %m = arith.addf %x, %acc : f32 linalg.yield %m : f32 }
  %below = arith.subf %sinks, %max : tensor<8xf32>
  %sink = math.exp %below : tensor<8xf32>
  %z = arith.addf %sum, %sink : tensor<8xf32>
  %zw = linalg.broadcast ins(%z : tensor<8xf32>) outs(%e : tensor<8x8xf32>) dimensions = [1]
  %w = arith.divf %p, %zw : tensor<8x8xf32>
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %o : tensor<8x4xf32>
}

// -----

// A column of scores whose weights are cut off again is a sink too.
// CHECK-LABEL: func @column_behind
// CHECK: attn.attention {{.*}} sink {
// CHECK: ^bb0(%{{.*}}: index, %{{.*}}: index, %[[I:.*]]: index):
// CHECK: %[[Y:.*]] = tensor.extract %arg3[%[[I]], %c0]
// CHECK: attn.yield %[[Y]]
// CHECK-NOT: attn.softmax
// CHECK: return
func.func @column_behind(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<8x4xf32>, %sinks: tensor<8x1xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %ec = tensor.empty() : tensor<8x9xf32>
  %c0 = tensor.insert_slice %s into %ec[0, 0] [8, 8] [1, 1] : tensor<8x8xf32> into tensor<8x9xf32>
  %c = tensor.insert_slice %sinks into %c0[0, 8] [8, 1] [1, 1] : tensor<8x1xf32> into tensor<8x9xf32>
  %p = attn.softmax ins(%c : tensor<8x9xf32>) outs(%ec : tensor<8x9xf32>) dim(1) -> tensor<8x9xf32>
  %w = tensor.extract_slice %p[0, 0] [8, 8] [1, 1] : tensor<8x9xf32> to tensor<8x8xf32>
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %o : tensor<8x4xf32>
}

// -----

// CHECK-LABEL: func @column_before
// CHECK: attn.attention {{.*}} sink {
// CHECK-NOT: attn.softmax
// CHECK: return
func.func @column_before(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>, %v: tensor<8x4xf32>, %sinks: tensor<8x1xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%q, %k : tensor<8x4xf32>, tensor<4x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %ec = tensor.empty() : tensor<8x9xf32>
  %c0 = tensor.insert_slice %sinks into %ec[0, 0] [8, 1] [1, 1] : tensor<8x1xf32> into tensor<8x9xf32>
  %c = tensor.insert_slice %s into %c0[0, 1] [8, 8] [1, 1] : tensor<8x8xf32> into tensor<8x9xf32>
  %p = attn.softmax ins(%c : tensor<8x9xf32>) outs(%ec : tensor<8x9xf32>) dim(1) -> tensor<8x9xf32>
  %w = tensor.extract_slice %p[0, 1] [8, 8] [1, 1] : tensor<8x9xf32> to tensor<8x8xf32>
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%w, %v : tensor<8x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %o : tensor<8x4xf32>
}
