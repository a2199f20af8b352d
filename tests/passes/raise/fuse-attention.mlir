// The forms in which attention is written, each raised to one op.
// RUN: fovea-opt %s --split-input-file --attn-fuse-attention --canonicalize 2>/dev/null | FileCheck %s

// Keys transposed by an op of their own, scale and causal mask as ops, heads folded into the batch.
// CHECK-LABEL: func @batch_matmul
// CHECK-NOT: batch_matmul
// CHECK: attn.attention {{.*}} {alignment = #attn<alignment top_left>, scale = 1.250000e-01 : f64} mask
// CHECK: ^bb0(%[[B:.*]]: index, %[[H:.*]]: index, %[[I:.*]]: index, %[[J:.*]]: index):
// CHECK: arith.cmpi sge, %[[I]], %[[J]]
// CHECK-NOT: softmax
func.func @batch_matmul(%q: tensor<6x32x64xf32>, %k: tensor<6x32x64xf32>, %v: tensor<6x32x64xf32>) -> tensor<6x32x64xf32> {
  %zero = arith.constant 0.0 : f32
  %c = arith.constant 0.125 : f32
  %et = tensor.empty() : tensor<6x64x32xf32>
  %kt = linalg.transpose ins(%k : tensor<6x32x64xf32>) outs(%et : tensor<6x64x32xf32>) permutation = [0, 2, 1]
  %es = tensor.empty() : tensor<6x32x32xf32>
  %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<6x32x32xf32>) -> tensor<6x32x32xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<6x32x64xf32>, tensor<6x64x32xf32>) outs(%fs : tensor<6x32x32xf32>) -> tensor<6x32x32xf32>
  %sc = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (a, b, c)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<6x32x32xf32>) outs(%es : tensor<6x32x32xf32>) {
  ^bb0(%x: f32, %o: f32):
    %m = arith.mulf %x, %c : f32
    linalg.yield %m : f32
  } -> tensor<6x32x32xf32>
  %em = tensor.empty() : tensor<32x32xi1>
  %mask = attn.create_mask outs(%em : tensor<32x32xi1>) where {
  ^bb0(%i: index, %j: index):
    %p = arith.cmpi sge, %i, %j : index
    attn.yield %p : i1
  } -> tensor<32x32xi1>
  %masked = attn.apply_mask ins(%sc, %mask : tensor<6x32x32xf32>, tensor<32x32xi1>) outs(%es : tensor<6x32x32xf32>) fill(0xFFF0000000000000) -> tensor<6x32x32xf32>
  %p = attn.softmax ins(%masked : tensor<6x32x32xf32>) outs(%es : tensor<6x32x32xf32>) dim(2) -> tensor<6x32x32xf32>
  %eo = tensor.empty() : tensor<6x32x64xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<6x32x64xf32>) -> tensor<6x32x64xf32>
  %o = linalg.batch_matmul ins(%p, %v : tensor<6x32x32xf32>, tensor<6x32x64xf32>) outs(%fo : tensor<6x32x64xf32>) -> tensor<6x32x64xf32>
  return %o : tensor<6x32x64xf32>
}

// -----

// A finite fill is no mask (attention_s5): it stays a choice of the score.
// CHECK-LABEL: func @finite_fill
// CHECK: attn.attention {{.*}} scale = 1.000000e+00 : f64} score
// CHECK: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %{{.*}}: index, %[[I:.*]]: index, %[[J:.*]]: index):
// CHECK: %[[P:.*]] = arith.cmpi sge, %[[I]], %[[J]]
// CHECK: %[[R:.*]] = arith.select %[[P]], %[[S]], %{{.*}} : f32
// CHECK: attn.yield %[[R]] : f32
// CHECK-NOT: mask
// CHECK: return
func.func @finite_fill(%q: tensor<32x64xf32>, %k: tensor<32x64xf32>, %v: tensor<32x64xf32>) -> tensor<32x64xf32> {
  %zero = arith.constant 0.0 : f32
  %es = tensor.empty() : tensor<32x32xf32>
  %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<32x32xf32>) -> tensor<32x32xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j, d) -> (i, d)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<32x64xf32>, tensor<32x64xf32>) outs(%fs : tensor<32x32xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %m = arith.mulf %x, %y : f32
    %a = arith.addf %acc, %m : f32
    linalg.yield %a : f32
  } -> tensor<32x32xf32>
  %em = tensor.empty() : tensor<32x32xi1>
  %mask = attn.create_mask outs(%em : tensor<32x32xi1>) where {
  ^bb0(%i: index, %j: index):
    %p = arith.cmpi sge, %i, %j : index
    attn.yield %p : i1
  } -> tensor<32x32xi1>
  %masked = attn.apply_mask ins(%s, %mask : tensor<32x32xf32>, tensor<32x32xi1>) outs(%es : tensor<32x32xf32>) fill(-1.0e9) -> tensor<32x32xf32>
  %p = attn.softmax ins(%masked : tensor<32x32xf32>) outs(%es : tensor<32x32xf32>) dim(1) -> tensor<32x32xf32>
  %eo = tensor.empty() : tensor<32x64xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<32x64xf32>) -> tensor<32x64xf32>
  %o = linalg.matmul ins(%p, %v : tensor<32x32xf32>, tensor<32x64xf32>) outs(%fo : tensor<32x64xf32>) -> tensor<32x64xf32>
  return %o : tensor<32x64xf32>
}

// -----

// Softmax spelled out; the scale folded into the queries as a division; an additive bias; five
// dims of batch and heads; operands in the order of the projections, with the head before D.
// CHECK-LABEL: func @spelled_out
// CHECK-SAME: (%[[Q:.*]]: tensor<2x3x4x32x5x8xf32>, %{{.*}}, %{{.*}}, %[[BIAS:.*]]: tensor<5x32x32xf32>)
// CHECK: attn.attention {{.*}} : tensor<24x5x32x8xf32>, tensor<24x5x32x8xf32>, tensor<24x5x32x8xf32>)
// CHECK-SAME: scale = 5.000000e-01 : f64} score
// CHECK: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %[[H:.*]]: index, %[[I:.*]]: index, %[[J:.*]]: index):
// CHECK: %[[E:.*]] = tensor.extract %[[BIAS]][%[[H]], %[[I]], %[[J]]]
// CHECK: %[[R:.*]] = arith.addf %[[S]], %[[E]] : f32
// CHECK: attn.yield %[[R]]
// CHECK-NOT: math.exp
// CHECK: return
#q = affine_map<(a, b, c, h, i, j, d) -> (a, b, c, i, h, d)>
#k = affine_map<(a, b, c, h, i, j, d) -> (a, b, c, j, h, d)>
#s = affine_map<(a, b, c, h, i, j, d) -> (a, b, c, h, i, j)>
#id = affine_map<(a, b, c, h, i, j) -> (a, b, c, h, i, j)>
#row = affine_map<(a, b, c, h, i, j) -> (a, b, c, h, i)>
#bias = affine_map<(a, b, c, h, i, j) -> (h, i, j)>
func.func @spelled_out(%q: tensor<2x3x4x32x5x8xf32>, %k: tensor<2x3x4x32x5x8xf32>, %v: tensor<2x3x4x32x5x8xf32>, %bias: tensor<5x32x32xf32>) -> tensor<2x3x4x32x5x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minf = arith.constant 0xFF800000 : f32
  %two = arith.constant 2.0 : f32
  %eq = tensor.empty() : tensor<2x3x4x32x5x8xf32>
  %qs = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%q : tensor<2x3x4x32x5x8xf32>) outs(%eq : tensor<2x3x4x32x5x8xf32>) {
  ^bb0(%x: f32, %o: f32):
    %m = arith.divf %x, %two : f32
    linalg.yield %m : f32
  } -> tensor<2x3x4x32x5x8xf32>
  %es = tensor.empty() : tensor<2x3x4x5x32x32xf32>
  %er = tensor.empty() : tensor<2x3x4x5x32xf32>
  %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x3x4x5x32x32xf32>) -> tensor<2x3x4x5x32x32xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%qs, %k : tensor<2x3x4x32x5x8xf32>, tensor<2x3x4x32x5x8xf32>) outs(%fs : tensor<2x3x4x5x32x32xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %m = arith.mulf %x, %y : f32
    %a = arith.addf %acc, %m : f32
    linalg.yield %a : f32
  } -> tensor<2x3x4x5x32x32xf32>
  %sb = linalg.generic {indexing_maps = [#id, #bias, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%s, %bias : tensor<2x3x4x5x32x32xf32>, tensor<5x32x32xf32>) outs(%es : tensor<2x3x4x5x32x32xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %m = arith.addf %x, %y : f32
    linalg.yield %m : f32
  } -> tensor<2x3x4x5x32x32xf32>
  %fm = linalg.fill ins(%minf : f32) outs(%er : tensor<2x3x4x5x32xf32>) -> tensor<2x3x4x5x32xf32>
  %max = linalg.reduce ins(%sb : tensor<2x3x4x5x32x32xf32>) outs(%fm : tensor<2x3x4x5x32xf32>) dimensions = [5]
    (%x: f32, %acc: f32) {
      %m = arith.maximumf %x, %acc : f32
      linalg.yield %m : f32
    }
  %e = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%sb, %max : tensor<2x3x4x5x32x32xf32>, tensor<2x3x4x5x32xf32>) outs(%es : tensor<2x3x4x5x32x32xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %d = arith.subf %x, %y : f32
    %m = math.exp %d : f32
    linalg.yield %m : f32
  } -> tensor<2x3x4x5x32x32xf32>
  %fz = linalg.fill ins(%zero : f32) outs(%er : tensor<2x3x4x5x32xf32>) -> tensor<2x3x4x5x32xf32>
  %z = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%e : tensor<2x3x4x5x32x32xf32>) outs(%fz : tensor<2x3x4x5x32xf32>) {
  ^bb0(%x: f32, %acc: f32):
    %m = arith.addf %acc, %x : f32
    linalg.yield %m : f32
  } -> tensor<2x3x4x5x32xf32>
  %p = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%e, %z : tensor<2x3x4x5x32x32xf32>, tensor<2x3x4x5x32xf32>) outs(%es : tensor<2x3x4x5x32x32xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %m = arith.divf %x, %y : f32
    linalg.yield %m : f32
  } -> tensor<2x3x4x5x32x32xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eq : tensor<2x3x4x32x5x8xf32>) -> tensor<2x3x4x32x5x8xf32>
  %o = linalg.generic {indexing_maps = [#s, #k, #q], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "parallel"]}
      ins(%p, %v : tensor<2x3x4x5x32x32xf32>, tensor<2x3x4x32x5x8xf32>) outs(%fo : tensor<2x3x4x32x5x8xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %m = arith.mulf %x, %y : f32
    %a = arith.addf %acc, %m : f32
    linalg.yield %a : f32
  } -> tensor<2x3x4x32x5x8xf32>
  return %o : tensor<2x3x4x32x5x8xf32>
}

// -----

// The weights are a result too.
// CHECK-LABEL: func @weights_returned
// CHECK: %[[R:.*]]:2 = attn.attention {{.*}} with_weights}
// CHECK: %[[O:.*]] = tensor.collapse_shape %[[R]]#0
// CHECK: %[[W:.*]] = tensor.collapse_shape %[[R]]#1
// CHECK: return %[[O]], %[[W]]
func.func @weights_returned(%q: tensor<?x64xf32>, %k: tensor<?x64xf32>, %v: tensor<?x16xf32>) -> (tensor<?x16xf32>, tensor<?x?xf32>) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x64xf32>
  %n = tensor.dim %k, %c0 : tensor<?x64xf32>
  %es = tensor.empty(%m, %n) : tensor<?x?xf32>
  %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<?x?xf32>) -> tensor<?x?xf32>
  %s = linalg.matmul indexing_maps = [affine_map<(i, j, d) -> (i, d)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, j)>]
       ins(%q, %k : tensor<?x64xf32>, tensor<?x64xf32>) outs(%fs : tensor<?x?xf32>) -> tensor<?x?xf32>
  %p = linalg.softmax dimension(1) ins(%s : tensor<?x?xf32>) outs(%es : tensor<?x?xf32>) -> tensor<?x?xf32>
  %eo = tensor.empty(%m) : tensor<?x16xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<?x16xf32>) -> tensor<?x16xf32>
  %o = linalg.matmul ins(%p, %v : tensor<?x?xf32>, tensor<?x16xf32>) outs(%fo : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %o, %p : tensor<?x16xf32>, tensor<?x?xf32>
}

// -----

// Softmax, then a mask of 0 and 1, then division by the row sums: the masked softmax.
// CHECK-LABEL: func @renormalized
// CHECK: attn.attention {{.*}} mask
// CHECK: arith.cmpi sge
// CHECK-NOT: softmax
// CHECK-NOT: divf
// CHECK: return
func.func @renormalized(%q: tensor<6x2xf32>, %k: tensor<6x2xf32>, %v: tensor<6x2xf32>) -> tensor<6x2xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %es = tensor.empty() : tensor<6x6xf32>
  %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<6x6xf32>) -> tensor<6x6xf32>
  %s = linalg.matmul indexing_maps = [affine_map<(i, j, d) -> (i, d)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, j)>]
       ins(%q, %k : tensor<6x2xf32>, tensor<6x2xf32>) outs(%fs : tensor<6x6xf32>) -> tensor<6x6xf32>
  %p = attn.softmax ins(%s : tensor<6x6xf32>) outs(%es : tensor<6x6xf32>) dim(1) -> tensor<6x6xf32>
  %tril = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%es : tensor<6x6xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %c = arith.cmpi sge, %i, %j : index
    %r = arith.select %c, %one, %zero : f32
    linalg.yield %r : f32
  } -> tensor<6x6xf32>
  %pm = linalg.mul ins(%p, %tril : tensor<6x6xf32>, tensor<6x6xf32>) outs(%es : tensor<6x6xf32>) -> tensor<6x6xf32>
  %er = tensor.empty() : tensor<6xf32>
  %fr = linalg.fill ins(%zero : f32) outs(%er : tensor<6xf32>) -> tensor<6xf32>
  %z = linalg.reduce { arith.addf } ins(%pm : tensor<6x6xf32>) outs(%fr : tensor<6xf32>) dimensions = [1]
  %zk = tensor.expand_shape %z [[0, 1]] output_shape [6, 1] : tensor<6xf32> into tensor<6x1xf32>
  %zc = tensor.collapse_shape %zk [[0, 1]] : tensor<6x1xf32> into tensor<6xf32>
  %zb = linalg.broadcast ins(%zc : tensor<6xf32>) outs(%es : tensor<6x6xf32>) dimensions = [1]
  %w = linalg.div ins(%pm, %zb : tensor<6x6xf32>, tensor<6x6xf32>) outs(%es : tensor<6x6xf32>) -> tensor<6x6xf32>
  %eo = tensor.empty() : tensor<6x2xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<6x2xf32>) -> tensor<6x2xf32>
  %o = linalg.matmul ins(%w, %v : tensor<6x6xf32>, tensor<6x2xf32>) outs(%fo : tensor<6x2xf32>) -> tensor<6x2xf32>
  return %o : tensor<6x2xf32>
}

// -----

// Keys and values without the dim of the group: grouped heads. Extensions from f16 and the
// rounding of the output are dropped: attention accumulates in f32 whatever it reads and writes.
// CHECK-LABEL: func @grouped
// CHECK-SAME: (%[[Q:.*]]: tensor<2x4x3x32x8xf16>, %[[K:.*]]: tensor<2x4x32x8xf16>, %[[V:.*]]: tensor<2x4x32x8xf16>)
// CHECK: %[[QC:.*]] = tensor.collapse_shape %[[Q]] {{\[\[}}0], [1, 2], [3], [4]]
// CHECK: attn.attention ins(%[[QC]], %[[K]], %[[V]] : tensor<2x12x32x8xf16>, tensor<2x4x32x8xf16>, tensor<2x4x32x8xf16>)
// CHECK-SAME: outs(%{{.*}} : tensor<2x12x32x8xf16>)
// CHECK-NOT: {{extf|truncf}}
#gq = affine_map<(b, g, r, i, j, d) -> (b, g, r, i, d)>
#gk = affine_map<(b, g, r, i, j, d) -> (b, g, j, d)>
#gs = affine_map<(b, g, r, i, j, d) -> (b, g, r, i, j)>
func.func @grouped(%q: tensor<2x4x3x32x8xf16>, %k: tensor<2x4x32x8xf16>, %v: tensor<2x4x32x8xf16>) -> tensor<2x4x3x32x8xf16> {
  %zero = arith.constant 0.0 : f32
  %qw = arith.extf %q : tensor<2x4x3x32x8xf16> to tensor<2x4x3x32x8xf32>
  %kw = arith.extf %k : tensor<2x4x32x8xf16> to tensor<2x4x32x8xf32>
  %vw = arith.extf %v : tensor<2x4x32x8xf16> to tensor<2x4x32x8xf32>
  %es = tensor.empty() : tensor<2x4x3x32x32xf32>
  %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x3x32x32xf32>) -> tensor<2x4x3x32x32xf32>
  %s = linalg.generic {indexing_maps = [#gq, #gk, #gs], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%qw, %kw : tensor<2x4x3x32x8xf32>, tensor<2x4x32x8xf32>) outs(%fs : tensor<2x4x3x32x32xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %m = arith.mulf %x, %y : f32
    %a = arith.addf %acc, %m : f32
    linalg.yield %a : f32
  } -> tensor<2x4x3x32x32xf32>
  %p = attn.softmax ins(%s : tensor<2x4x3x32x32xf32>) outs(%es : tensor<2x4x3x32x32xf32>) dim(4) -> tensor<2x4x3x32x32xf32>
  %eo = tensor.empty() : tensor<2x4x3x32x8xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x4x3x32x8xf32>) -> tensor<2x4x3x32x8xf32>
  %o = linalg.generic {indexing_maps = [#gs, #gk, #gq], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "parallel"]}
      ins(%p, %vw : tensor<2x4x3x32x32xf32>, tensor<2x4x32x8xf32>) outs(%fo : tensor<2x4x3x32x8xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %m = arith.mulf %x, %y : f32
    %a = arith.addf %acc, %m : f32
    linalg.yield %a : f32
  } -> tensor<2x4x3x32x8xf32>
  %on = arith.truncf %o : tensor<2x4x3x32x8xf32> to tensor<2x4x3x32x8xf16>
  return %on : tensor<2x4x3x32x8xf16>
}

// -----

// What is subtracted from rows and is not their maximum may be infinite, and hides them then.
// CHECK-LABEL: func @row_penalty
// CHECK: attn.attention {{.*}} score
// CHECK: %[[C:.*]] = tensor.extract
// CHECK: arith.subf %{{.*}}, %[[C]]
func.func @row_penalty(%q: tensor<8x4xf32>, %k: tensor<8x4xf32>, %v: tensor<8x4xf32>, %penalty: tensor<8xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul indexing_maps = [affine_map<(i, j, d) -> (i, d)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, j)>]
       ins(%q, %k : tensor<8x4xf32>, tensor<8x4xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %c = linalg.broadcast ins(%penalty : tensor<8xf32>) outs(%e : tensor<8x8xf32>) dimensions = [1]
  %d = arith.subf %s, %c : tensor<8x8xf32>
  %p = attn.softmax ins(%d : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) dim(1) -> tensor<8x8xf32>
  %eo = tensor.empty() : tensor<8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x4xf32>) -> tensor<8x4xf32>
  %o = linalg.matmul ins(%p, %v : tensor<8x8xf32>, tensor<8x4xf32>) outs(%fo : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %o : tensor<8x4xf32>
}

// -----

// Queries that are rows of a dim whose outer part are the features: nothing but the tensor itself
// says how large that is, so that it is not looked for behind the transposition.
// CHECK-LABEL: func @features_outside_rows
// CHECK: %[[Q:.*]] = linalg.transpose
// CHECK: attn.attention
func.func @features_outside_rows(%x: tensor<2x32xf32>) -> tensor<2x8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %k = tensor.expand_shape %x [[0], [1, 2]] output_shape [2, 4, 8] : tensor<2x32xf32> into tensor<2x4x8xf32>
  %eq = tensor.empty() : tensor<2x8x4xf32>
  %q = linalg.transpose ins(%k : tensor<2x4x8xf32>) outs(%eq : tensor<2x8x4xf32>) permutation = [0, 2, 1]
  %e = tensor.empty() : tensor<2x8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %s = linalg.batch_matmul ins(%q, %k : tensor<2x8x4xf32>, tensor<2x4x8xf32>) outs(%f : tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %p = attn.softmax ins(%s : tensor<2x8x8xf32>) outs(%e : tensor<2x8x8xf32>) dim(2) -> tensor<2x8x8xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eq : tensor<2x8x4xf32>) -> tensor<2x8x4xf32>
  %o = linalg.batch_matmul ins(%p, %q : tensor<2x8x8xf32>, tensor<2x8x4xf32>) outs(%fo : tensor<2x8x4xf32>) -> tensor<2x8x4xf32>
  return %o : tensor<2x8x4xf32>
}

// -----

// One set of queries for a batch of keys.
// CHECK-LABEL: func @queries_repeated
// CHECK: %[[Q:.*]] = linalg.broadcast ins(%{{.*}} : tensor<8x4xf32>) outs(%{{.*}} : tensor<2x8x4xf32>) dimensions = [0]
// CHECK-NOT: attn.softmax
// CHECK: attn.attention
func.func @queries_repeated(%q: tensor<8x4xf32>, %k: tensor<2x8x4xf32>, %v: tensor<2x8x4xf32>) -> tensor<2x8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b, i, j, d) -> (i, d)>, affine_map<(b, i, j, d) -> (b, j, d)>, affine_map<(b, i, j, d) -> (b, i, j)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<8x4xf32>, tensor<2x8x4xf32>) outs(%f : tensor<2x8x8xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %m = arith.mulf %x, %y : f32
    %a = arith.addf %acc, %m : f32
    linalg.yield %a : f32
  } -> tensor<2x8x8xf32>
  %p = attn.softmax ins(%s : tensor<2x8x8xf32>) outs(%e : tensor<2x8x8xf32>) dim(2) -> tensor<2x8x8xf32>
  %eo = tensor.empty() : tensor<2x8x4xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x8x4xf32>) -> tensor<2x8x4xf32>
  %o = linalg.batch_matmul ins(%p, %v : tensor<2x8x8xf32>, tensor<2x8x4xf32>) outs(%fo : tensor<2x8x4xf32>) -> tensor<2x8x4xf32>
  return %o : tensor<2x8x4xf32>
}
