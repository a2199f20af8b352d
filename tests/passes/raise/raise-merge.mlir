// Two attentions over disjoint keys, merged by their log-sum-exps, become one.
// RUN: fovea-opt %s --split-input-file --attn-raise-merge --canonicalize --verify-diagnostics | FileCheck %s

// Adjacent parts of one tensor: nothing is sliced any more.
// CHECK-LABEL: func @parts
// CHECK-SAME: %[[Q:.*]]: tensor<1x2x8x4xf32>, %[[K:.*]]: tensor<1x2x24x4xf32>, %[[V:.*]]: tensor<1x2x24x4xf32>
// CHECK-NOT: extract_slice
// CHECK: %[[R:.*]] = attn.attention ins(%[[Q]], %[[K]], %[[V]] :
// CHECK-NOT: attn.attention
// CHECK: return %[[R]]
#o = affine_map<(b, h, i, d) -> (b, h, i, d)>
#l = affine_map<(b, h, i, d) -> (b, h, i)>
#r = affine_map<(b, h, i) -> (b, h, i)>
func.func @parts(%q: tensor<1x2x8x4xf32>, %k: tensor<1x2x24x4xf32>, %v: tensor<1x2x24x4xf32>) -> tensor<1x2x8x4xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<1x2x8x4xf32>
  %el = tensor.empty() : tensor<1x2x8xf32>
  %k1 = tensor.extract_slice %k[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %k2 = tensor.extract_slice %k[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  %v1 = tensor.extract_slice %v[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %v2 = tensor.extract_slice %v[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  %1:2 = attn.attention ins(%q, %k1, %v1 : tensor<1x2x8x4xf32>, tensor<1x2x16x4xf32>, tensor<1x2x16x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  // expected-remark @below {{[attention] merged two attentions over disjoint keys to one}}
  %2:2 = attn.attention ins(%q, %k2, %v2 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %y.out = linalg.generic {indexing_maps = [#o, #o, #l, #l, #o], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1#0, %2#0, %1#1, %2#1 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) outs(%e : tensor<1x2x8x4xf32>) {
  ^bb0(%a: f32, %c: f32, %x: f32, %y: f32, %init: f32):
    %m = arith.maximumf %x, %y : f32
    %f = arith.subf %x, %m : f32
    %g = arith.subf %y, %m : f32
    %u = math.exp %f : f32
    %w = math.exp %g : f32
    %z = arith.addf %u, %w : f32
    %p = arith.mulf %a, %u : f32
    %q2 = arith.mulf %c, %w : f32
    %s = arith.addf %p, %q2 : f32
    %t = arith.divf %s, %z : f32
    linalg.yield %t : f32
  } -> tensor<1x2x8x4xf32>
  return %y.out : tensor<1x2x8x4xf32>
}

// -----

// The second part first, the sigmoid of the difference as weight, and the merged log-sum-exp, which
// the merged attention gives too.
// CHECK-LABEL: func @swapped_with_lse
// CHECK: %[[R:.*]]:2 = attn.attention {{.*}}with_lse
// CHECK-NOT: linalg.generic
// CHECK: return %[[R]]#0, %[[R]]#1
#o = affine_map<(b, h, i, d) -> (b, h, i, d)>
#l = affine_map<(b, h, i, d) -> (b, h, i)>
#r = affine_map<(b, h, i) -> (b, h, i)>
func.func @swapped_with_lse(%q: tensor<1x2x8x4xf32>, %k: tensor<1x2x24x4xf32>, %v: tensor<1x2x24x4xf32>) -> (tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<1x2x8x4xf32>
  %el = tensor.empty() : tensor<1x2x8xf32>
  %k1 = tensor.extract_slice %k[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %k2 = tensor.extract_slice %k[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  %v1 = tensor.extract_slice %v[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %v2 = tensor.extract_slice %v[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  %1:2 = attn.attention ins(%q, %k2, %v2 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  // expected-remark @below {{[attention] merged two attentions over disjoint keys to one}}
  %2:2 = attn.attention ins(%q, %k1, %v1 : tensor<1x2x8x4xf32>, tensor<1x2x16x4xf32>, tensor<1x2x16x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %y.out = linalg.generic {indexing_maps = [#o, #o, #l, #l, #o], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1#0, %2#0, %1#1, %2#1 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) outs(%e : tensor<1x2x8x4xf32>) {
  ^bb0(%a: f32, %c: f32, %x: f32, %y: f32, %init: f32):
    %d = arith.subf %y, %x : f32
    %n = arith.negf %d : f32
    %f = math.exp %n : f32
    %g = arith.addf %f, %one : f32
    %u = arith.divf %one, %g : f32
    %w = arith.subf %a, %c : f32
    %p = arith.mulf %w, %u : f32
    %t = arith.subf %a, %p : f32
    linalg.yield %t : f32
  } -> tensor<1x2x8x4xf32>
  %l.out = linalg.generic {indexing_maps = [#r, #r, #r], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%1#1, %2#1 : tensor<1x2x8xf32>, tensor<1x2x8xf32>) outs(%el : tensor<1x2x8xf32>) {
  ^bb0(%x: f32, %y: f32, %init: f32):
    %m = arith.maximumf %x, %y : f32
    %f = arith.subf %x, %m : f32
    %g = arith.subf %y, %m : f32
    %u = math.exp %f : f32
    %w = math.exp %g : f32
    %z = arith.addf %u, %w : f32
    %lz = math.log %z : f32
    %t = arith.addf %m, %lz : f32
    linalg.yield %t : f32
  } -> tensor<1x2x8xf32>
  return %y.out, %l.out : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
}

// -----

// All keys twice, under masks of which never both let a pair through.
// CHECK-LABEL: func @masks
// CHECK: attn.attention {{.*}} mask
// CHECK: arith.cmpi slt
// CHECK: arith.cmpi sge
// CHECK: arith.ori
// CHECK-NOT: attn.attention
// CHECK: return
#o = affine_map<(b, h, i, d) -> (b, h, i, d)>
#l = affine_map<(b, h, i, d) -> (b, h, i)>
#r = affine_map<(b, h, i) -> (b, h, i)>
func.func @masks(%q: tensor<1x2x8x4xf32>, %k: tensor<1x2x24x4xf32>, %v: tensor<1x2x24x4xf32>) -> tensor<1x2x8x4xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<1x2x8x4xf32>
  %el = tensor.empty() : tensor<1x2x8xf32>
  %1:2 = attn.attention ins(%q, %k, %v : tensor<1x2x8x4xf32>, tensor<1x2x24x4xf32>, tensor<1x2x24x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %n = arith.constant 10 : index
    %p = arith.cmpi slt, %j, %n : index
    attn.yield %p : i1
  } -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  // expected-remark @below {{[attention] merged two attentions over disjoint keys to one}}
  %2:2 = attn.attention ins(%q, %k, %v : tensor<1x2x8x4xf32>, tensor<1x2x24x4xf32>, tensor<1x2x24x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %n = arith.constant 10 : index
    %p = arith.cmpi sge, %j, %n : index
    attn.yield %p : i1
  } -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %y.out = linalg.generic {indexing_maps = [#o, #o, #l, #l, #o], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1#0, %2#0, %1#1, %2#1 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) outs(%e : tensor<1x2x8x4xf32>) {
  ^bb0(%a: f32, %c: f32, %x: f32, %y: f32, %init: f32):
    %m = arith.maximumf %x, %y : f32
    %f = arith.subf %x, %m : f32
    %g = arith.subf %y, %m : f32
    %u = math.exp %f : f32
    %w = math.exp %g : f32
    %z = arith.addf %u, %w : f32
    %p = arith.mulf %a, %u : f32
    %q2 = arith.mulf %c, %w : f32
    %s = arith.addf %p, %q2 : f32
    %t = arith.divf %s, %z : f32
    linalg.yield %t : f32
  } -> tensor<1x2x8x4xf32>
  return %y.out : tensor<1x2x8x4xf32>
}

// -----

// A mask of parts: each part counts its keys and its queries' positions for itself.
// CHECK-LABEL: func @masked_parts
// CHECK: attn.attention {{.*}} offset(%c8) mask {
// CHECK: arith.cmpi sle, %[[J:.*]], %[[I:.*]] : index
// CHECK: arith.addi %[[I]], %c-8
// CHECK: arith.subi %[[J]], %c16
// CHECK: arith.cmpi slt, %[[J]], %c16
// CHECK: arith.select
// CHECK-NOT: attn.attention
// CHECK: return
#o = affine_map<(b, h, i, d) -> (b, h, i, d)>
#l = affine_map<(b, h, i, d) -> (b, h, i)>
#r = affine_map<(b, h, i) -> (b, h, i)>
func.func @masked_parts(%q: tensor<1x2x8x4xf32>, %k: tensor<1x2x24x4xf32>, %v: tensor<1x2x24x4xf32>) -> tensor<1x2x8x4xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<1x2x8x4xf32>
  %el = tensor.empty() : tensor<1x2x8xf32>
  %k1 = tensor.extract_slice %k[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %k2 = tensor.extract_slice %k[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  %v1 = tensor.extract_slice %v[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %v2 = tensor.extract_slice %v[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  %1:2 = attn.attention ins(%q, %k1, %v1 : tensor<1x2x8x4xf32>, tensor<1x2x16x4xf32>, tensor<1x2x16x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %p = arith.cmpi sle, %j, %i : index
    attn.yield %p : i1
  } -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  // expected-remark @below {{[attention] merged two attentions over disjoint keys to one}}
  %2:2 = attn.attention ins(%q, %k2, %v2 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %p = arith.cmpi sle, %j, %i : index
    attn.yield %p : i1
  } -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %y.out = linalg.generic {indexing_maps = [#o, #o, #l, #l, #o], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1#0, %2#0, %1#1, %2#1 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) outs(%e : tensor<1x2x8x4xf32>) {
  ^bb0(%a: f32, %c: f32, %x: f32, %y: f32, %init: f32):
    %m = arith.maximumf %x, %y : f32
    %f = arith.subf %x, %m : f32
    %g = arith.subf %y, %m : f32
    %u = math.exp %f : f32
    %w = math.exp %g : f32
    %z = arith.addf %u, %w : f32
    %p = arith.mulf %a, %u : f32
    %q2 = arith.mulf %c, %w : f32
    %s = arith.addf %p, %q2 : f32
    %t = arith.divf %s, %z : f32
    linalg.yield %t : f32
  } -> tensor<1x2x8x4xf32>
  return %y.out : tensor<1x2x8x4xf32>
}

// -----

// CHECK-LABEL: func @negative_average
// CHECK-COUNT-2: attn.attention
#o = affine_map<(b, h, i, d) -> (b, h, i, d)>
#l = affine_map<(b, h, i, d) -> (b, h, i)>
#r = affine_map<(b, h, i) -> (b, h, i)>
func.func @negative_average(%q: tensor<1x2x8x4xf32>, %k: tensor<1x2x24x4xf32>, %v: tensor<1x2x24x4xf32>) -> tensor<1x2x8x4xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<1x2x8x4xf32>
  %el = tensor.empty() : tensor<1x2x8xf32>
  %k1 = tensor.extract_slice %k[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %k2 = tensor.extract_slice %k[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  %v1 = tensor.extract_slice %v[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %v2 = tensor.extract_slice %v[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  // expected-remark @below {{[attention] two attentions that are combined stay two: they are combined by other weights than those of their log-sum-exps}}
  %1:2 = attn.attention ins(%q, %k1, %v1 : tensor<1x2x8x4xf32>, tensor<1x2x16x4xf32>, tensor<1x2x16x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %2:2 = attn.attention ins(%q, %k2, %v2 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %y.out = linalg.generic {indexing_maps = [#o, #o, #l, #l, #o], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1#0, %2#0, %1#1, %2#1 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) outs(%e : tensor<1x2x8x4xf32>) {
  ^bb0(%a: f32, %c: f32, %x: f32, %y: f32, %init: f32):
    %s = arith.addf %a, %c : f32
    %half = arith.constant 0.5 : f32
    %e1 = math.exp %x : f32
    %e2 = math.exp %y : f32
    %z = arith.addf %e1, %e2 : f32
    %n1 = arith.divf %z, %z : f32
    %sn = arith.mulf %s, %n1 : f32
    %t = arith.mulf %sn, %half : f32
    linalg.yield %t : f32
  } -> tensor<1x2x8x4xf32>
  return %y.out : tensor<1x2x8x4xf32>
}

// -----

// Key 10 is in both.
// CHECK-LABEL: func @negative_overlapping_masks
// CHECK-COUNT-2: attn.attention
#o = affine_map<(b, h, i, d) -> (b, h, i, d)>
#l = affine_map<(b, h, i, d) -> (b, h, i)>
#r = affine_map<(b, h, i) -> (b, h, i)>
func.func @negative_overlapping_masks(%q: tensor<1x2x8x4xf32>, %k: tensor<1x2x24x4xf32>, %v: tensor<1x2x24x4xf32>) -> tensor<1x2x8x4xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<1x2x8x4xf32>
  %el = tensor.empty() : tensor<1x2x8xf32>
  // expected-remark @below {{[attention] two attentions that are combined stay two: a pair of a query and a key may be in both}}
  %1:2 = attn.attention ins(%q, %k, %v : tensor<1x2x8x4xf32>, tensor<1x2x24x4xf32>, tensor<1x2x24x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %n = arith.constant 10 : index
    %p = arith.cmpi sle, %j, %n : index
    attn.yield %p : i1
  } -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %2:2 = attn.attention ins(%q, %k, %v : tensor<1x2x8x4xf32>, tensor<1x2x24x4xf32>, tensor<1x2x24x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %n = arith.constant 10 : index
    %p = arith.cmpi sge, %j, %n : index
    attn.yield %p : i1
  } -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %y.out = linalg.generic {indexing_maps = [#o, #o, #l, #l, #o], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1#0, %2#0, %1#1, %2#1 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) outs(%e : tensor<1x2x8x4xf32>) {
  ^bb0(%a: f32, %c: f32, %x: f32, %y: f32, %init: f32):
    %m = arith.maximumf %x, %y : f32
    %f = arith.subf %x, %m : f32
    %g = arith.subf %y, %m : f32
    %u = math.exp %f : f32
    %w = math.exp %g : f32
    %z = arith.addf %u, %w : f32
    %p = arith.mulf %a, %u : f32
    %q2 = arith.mulf %c, %w : f32
    %s = arith.addf %p, %q2 : f32
    %t = arith.divf %s, %z : f32
    linalg.yield %t : f32
  } -> tensor<1x2x8x4xf32>
  return %y.out : tensor<1x2x8x4xf32>
}

// -----

// CHECK-LABEL: func @negative_same_keys
// CHECK-COUNT-2: attn.attention
#o = affine_map<(b, h, i, d) -> (b, h, i, d)>
#l = affine_map<(b, h, i, d) -> (b, h, i)>
#r = affine_map<(b, h, i) -> (b, h, i)>
func.func @negative_same_keys(%q: tensor<1x2x8x4xf32>, %k: tensor<1x2x24x4xf32>, %v: tensor<1x2x24x4xf32>) -> tensor<1x2x8x4xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<1x2x8x4xf32>
  %el = tensor.empty() : tensor<1x2x8xf32>
  // expected-remark @below {{[attention] two attentions that are combined stay two: a pair of a query and a key may be in both}}
  %1:2 = attn.attention ins(%q, %k, %v : tensor<1x2x8x4xf32>, tensor<1x2x24x4xf32>, tensor<1x2x24x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %2:2 = attn.attention ins(%q, %k, %v : tensor<1x2x8x4xf32>, tensor<1x2x24x4xf32>, tensor<1x2x24x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %n = arith.constant 10 : index
    %p = arith.cmpi sge, %j, %n : index
    attn.yield %p : i1
  } -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %y.out = linalg.generic {indexing_maps = [#o, #o, #l, #l, #o], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1#0, %2#0, %1#1, %2#1 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) outs(%e : tensor<1x2x8x4xf32>) {
  ^bb0(%a: f32, %c: f32, %x: f32, %y: f32, %init: f32):
    %m = arith.maximumf %x, %y : f32
    %f = arith.subf %x, %m : f32
    %g = arith.subf %y, %m : f32
    %u = math.exp %f : f32
    %w = math.exp %g : f32
    %z = arith.addf %u, %w : f32
    %p = arith.mulf %a, %u : f32
    %q2 = arith.mulf %c, %w : f32
    %s = arith.addf %p, %q2 : f32
    %t = arith.divf %s, %z : f32
    linalg.yield %t : f32
  } -> tensor<1x2x8x4xf32>
  return %y.out : tensor<1x2x8x4xf32>
}

// -----

// Key 15 is in both.
// CHECK-LABEL: func @negative_overlapping_parts
// CHECK-COUNT-2: attn.attention
#o = affine_map<(b, h, i, d) -> (b, h, i, d)>
#l = affine_map<(b, h, i, d) -> (b, h, i)>
#r = affine_map<(b, h, i) -> (b, h, i)>
func.func @negative_overlapping_parts(%q: tensor<1x2x8x4xf32>, %k: tensor<1x2x24x4xf32>, %v: tensor<1x2x24x4xf32>) -> tensor<1x2x8x4xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<1x2x8x4xf32>
  %el = tensor.empty() : tensor<1x2x8xf32>
  %k1 = tensor.extract_slice %k[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %k2 = tensor.extract_slice %k[0, 0, 15, 0] [1, 2, 9, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x9x4xf32>
  %v1 = tensor.extract_slice %v[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %v2 = tensor.extract_slice %v[0, 0, 15, 0] [1, 2, 9, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x9x4xf32>
  // expected-remark @below {{[attention] two attentions that are combined stay two: their keys and values are not adjacent parts of one tensor}}
  %1:2 = attn.attention ins(%q, %k1, %v1 : tensor<1x2x8x4xf32>, tensor<1x2x16x4xf32>, tensor<1x2x16x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %2:2 = attn.attention ins(%q, %k2, %v2 : tensor<1x2x8x4xf32>, tensor<1x2x9x4xf32>, tensor<1x2x9x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %y.out = linalg.generic {indexing_maps = [#o, #o, #l, #l, #o], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1#0, %2#0, %1#1, %2#1 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) outs(%e : tensor<1x2x8x4xf32>) {
  ^bb0(%a: f32, %c: f32, %x: f32, %y: f32, %init: f32):
    %m = arith.maximumf %x, %y : f32
    %f = arith.subf %x, %m : f32
    %g = arith.subf %y, %m : f32
    %u = math.exp %f : f32
    %w = math.exp %g : f32
    %z = arith.addf %u, %w : f32
    %p = arith.mulf %a, %u : f32
    %q2 = arith.mulf %c, %w : f32
    %s = arith.addf %p, %q2 : f32
    %t = arith.divf %s, %z : f32
    linalg.yield %t : f32
  } -> tensor<1x2x8x4xf32>
  return %y.out : tensor<1x2x8x4xf32>
}

// -----

// Values in another order than the keys.
// CHECK-LABEL: func @negative_other_values
// CHECK-COUNT-2: attn.attention
#o = affine_map<(b, h, i, d) -> (b, h, i, d)>
#l = affine_map<(b, h, i, d) -> (b, h, i)>
#r = affine_map<(b, h, i) -> (b, h, i)>
func.func @negative_other_values(%q: tensor<1x2x8x4xf32>, %k: tensor<1x2x24x4xf32>, %v: tensor<1x2x24x4xf32>) -> tensor<1x2x8x4xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<1x2x8x4xf32>
  %el = tensor.empty() : tensor<1x2x8xf32>
  %k1 = tensor.extract_slice %k[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %k2 = tensor.extract_slice %k[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  %v1 = tensor.extract_slice %v[0, 0, 8, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %v2 = tensor.extract_slice %v[0, 0, 0, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  // expected-remark @below {{[attention] two attentions that are combined stay two: their keys and values are not adjacent parts of one tensor}}
  %1:2 = attn.attention ins(%q, %k1, %v1 : tensor<1x2x8x4xf32>, tensor<1x2x16x4xf32>, tensor<1x2x16x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %2:2 = attn.attention ins(%q, %k2, %v2 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %y.out = linalg.generic {indexing_maps = [#o, #o, #l, #l, #o], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1#0, %2#0, %1#1, %2#1 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) outs(%e : tensor<1x2x8x4xf32>) {
  ^bb0(%a: f32, %c: f32, %x: f32, %y: f32, %init: f32):
    %m = arith.maximumf %x, %y : f32
    %f = arith.subf %x, %m : f32
    %g = arith.subf %y, %m : f32
    %u = math.exp %f : f32
    %w = math.exp %g : f32
    %z = arith.addf %u, %w : f32
    %p = arith.mulf %a, %u : f32
    %q2 = arith.mulf %c, %w : f32
    %s = arith.addf %p, %q2 : f32
    %t = arith.divf %s, %z : f32
    linalg.yield %t : f32
  } -> tensor<1x2x8x4xf32>
  return %y.out : tensor<1x2x8x4xf32>
}

// -----

// CHECK-LABEL: func @negative_scales
// CHECK-COUNT-2: attn.attention
#o = affine_map<(b, h, i, d) -> (b, h, i, d)>
#l = affine_map<(b, h, i, d) -> (b, h, i)>
#r = affine_map<(b, h, i) -> (b, h, i)>
func.func @negative_scales(%q: tensor<1x2x8x4xf32>, %k: tensor<1x2x24x4xf32>, %v: tensor<1x2x24x4xf32>) -> tensor<1x2x8x4xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<1x2x8x4xf32>
  %el = tensor.empty() : tensor<1x2x8xf32>
  %k1 = tensor.extract_slice %k[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %k2 = tensor.extract_slice %k[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  %v1 = tensor.extract_slice %v[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %v2 = tensor.extract_slice %v[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  // expected-remark @below {{[attention] two attentions that are combined stay two: their scales differ}}
  %1:2 = attn.attention ins(%q, %k1, %v1 : tensor<1x2x8x4xf32>, tensor<1x2x16x4xf32>, tensor<1x2x16x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {scale = 0.25, with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %2:2 = attn.attention ins(%q, %k2, %v2 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %y.out = linalg.generic {indexing_maps = [#o, #o, #l, #l, #o], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1#0, %2#0, %1#1, %2#1 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) outs(%e : tensor<1x2x8x4xf32>) {
  ^bb0(%a: f32, %c: f32, %x: f32, %y: f32, %init: f32):
    %m = arith.maximumf %x, %y : f32
    %f = arith.subf %x, %m : f32
    %g = arith.subf %y, %m : f32
    %u = math.exp %f : f32
    %w = math.exp %g : f32
    %z = arith.addf %u, %w : f32
    %p = arith.mulf %a, %u : f32
    %q2 = arith.mulf %c, %w : f32
    %s = arith.addf %p, %q2 : f32
    %t = arith.divf %s, %z : f32
    linalg.yield %t : f32
  } -> tensor<1x2x8x4xf32>
  return %y.out : tensor<1x2x8x4xf32>
}

// -----

// CHECK-LABEL: func @negative_queries
// CHECK-COUNT-2: attn.attention
#o = affine_map<(b, h, i, d) -> (b, h, i, d)>
#l = affine_map<(b, h, i, d) -> (b, h, i)>
#r = affine_map<(b, h, i) -> (b, h, i)>
func.func @negative_queries(%q: tensor<1x2x8x4xf32>, %k: tensor<1x2x24x4xf32>, %v: tensor<1x2x24x4xf32>, %q2: tensor<1x2x8x4xf32>) -> tensor<1x2x8x4xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<1x2x8x4xf32>
  %el = tensor.empty() : tensor<1x2x8xf32>
  %k1 = tensor.extract_slice %k[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %k2 = tensor.extract_slice %k[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  %v1 = tensor.extract_slice %v[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %v2 = tensor.extract_slice %v[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  // expected-remark @below {{[attention] two attentions that are combined stay two: their queries differ}}
  %1:2 = attn.attention ins(%q, %k1, %v1 : tensor<1x2x8x4xf32>, tensor<1x2x16x4xf32>, tensor<1x2x16x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %2:2 = attn.attention ins(%q2, %k2, %v2 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %y.out = linalg.generic {indexing_maps = [#o, #o, #l, #l, #o], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1#0, %2#0, %1#1, %2#1 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) outs(%e : tensor<1x2x8x4xf32>) {
  ^bb0(%a: f32, %c: f32, %x: f32, %y: f32, %init: f32):
    %m = arith.maximumf %x, %y : f32
    %f = arith.subf %x, %m : f32
    %g = arith.subf %y, %m : f32
    %u = math.exp %f : f32
    %w = math.exp %g : f32
    %z = arith.addf %u, %w : f32
    %p = arith.mulf %a, %u : f32
    %q3 = arith.mulf %c, %w : f32
    %s = arith.addf %p, %q3 : f32
    %t = arith.divf %s, %z : f32
    linalg.yield %t : f32
  } -> tensor<1x2x8x4xf32>
  return %y.out : tensor<1x2x8x4xf32>
}

// -----

// CHECK-LABEL: func @negative_part_returned
// CHECK-COUNT-2: attn.attention
#o = affine_map<(b, h, i, d) -> (b, h, i, d)>
#l = affine_map<(b, h, i, d) -> (b, h, i)>
#r = affine_map<(b, h, i) -> (b, h, i)>
func.func @negative_part_returned(%q: tensor<1x2x8x4xf32>, %k: tensor<1x2x24x4xf32>, %v: tensor<1x2x24x4xf32>) -> (tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<1x2x8x4xf32>
  %el = tensor.empty() : tensor<1x2x8xf32>
  %k1 = tensor.extract_slice %k[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %k2 = tensor.extract_slice %k[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  %v1 = tensor.extract_slice %v[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %v2 = tensor.extract_slice %v[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  // expected-remark @below {{[attention] two attentions that are combined stay two: a result of one of them is used by itself}}
  %1:2 = attn.attention ins(%q, %k1, %v1 : tensor<1x2x8x4xf32>, tensor<1x2x16x4xf32>, tensor<1x2x16x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %2:2 = attn.attention ins(%q, %k2, %v2 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %y.out = linalg.generic {indexing_maps = [#o, #o, #l, #l, #o], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1#0, %2#0, %1#1, %2#1 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) outs(%e : tensor<1x2x8x4xf32>) {
  ^bb0(%a: f32, %c: f32, %x: f32, %y: f32, %init: f32):
    %m = arith.maximumf %x, %y : f32
    %f = arith.subf %x, %m : f32
    %g = arith.subf %y, %m : f32
    %u = math.exp %f : f32
    %w = math.exp %g : f32
    %z = arith.addf %u, %w : f32
    %p = arith.mulf %a, %u : f32
    %q2 = arith.mulf %c, %w : f32
    %s = arith.addf %p, %q2 : f32
    %t = arith.divf %s, %z : f32
    linalg.yield %t : f32
  } -> tensor<1x2x8x4xf32>
  return %y.out, %1#1 : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
}

// -----

// CHECK-LABEL: func @negative_sink
// CHECK-COUNT-2: attn.attention
#o = affine_map<(b, h, i, d) -> (b, h, i, d)>
#l = affine_map<(b, h, i, d) -> (b, h, i)>
#r = affine_map<(b, h, i) -> (b, h, i)>
func.func @negative_sink(%q: tensor<1x2x8x4xf32>, %k: tensor<1x2x24x4xf32>, %v: tensor<1x2x24x4xf32>) -> tensor<1x2x8x4xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<1x2x8x4xf32>
  %el = tensor.empty() : tensor<1x2x8xf32>
  %k1 = tensor.extract_slice %k[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %k2 = tensor.extract_slice %k[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  %v1 = tensor.extract_slice %v[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %v2 = tensor.extract_slice %v[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  // expected-remark @below {{[attention] two attentions that are combined stay two: one has dropout, a sink or other results}}
  %1:2 = attn.attention ins(%q, %k1, %v1 : tensor<1x2x8x4xf32>, tensor<1x2x16x4xf32>, tensor<1x2x16x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} sink {
  ^bb0(%b: index, %h: index, %i: index):
    attn.yield %one : f32
  } -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %2:2 = attn.attention ins(%q, %k2, %v2 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %y.out = linalg.generic {indexing_maps = [#o, #o, #l, #l, #o], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1#0, %2#0, %1#1, %2#1 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) outs(%e : tensor<1x2x8x4xf32>) {
  ^bb0(%a: f32, %c: f32, %x: f32, %y: f32, %init: f32):
    %m = arith.maximumf %x, %y : f32
    %f = arith.subf %x, %m : f32
    %g = arith.subf %y, %m : f32
    %u = math.exp %f : f32
    %w = math.exp %g : f32
    %z = arith.addf %u, %w : f32
    %p = arith.mulf %a, %u : f32
    %q2 = arith.mulf %c, %w : f32
    %s = arith.addf %p, %q2 : f32
    %t = arith.divf %s, %z : f32
    linalg.yield %t : f32
  } -> tensor<1x2x8x4xf32>
  return %y.out : tensor<1x2x8x4xf32>
}

// -----

// Five of eight rows are combined.
#o = affine_map<(b, h, i, d) -> (b, h, i, d)>
#l = affine_map<(b, h, i, d) -> (b, h, i)>
// CHECK-LABEL: func @part_of_rows
// CHECK-COUNT-2: attn.attention
func.func @part_of_rows(%q: tensor<1x2x8x4xf32>, %k: tensor<1x2x24x4xf32>, %v: tensor<1x2x24x4xf32>) -> tensor<1x2x5x4xf32> {
  %e = tensor.empty() : tensor<1x2x8x4xf32>
  %el = tensor.empty() : tensor<1x2x8xf32>
  %ep = tensor.empty() : tensor<1x2x5x4xf32>
  %k1 = tensor.extract_slice %k[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %k2 = tensor.extract_slice %k[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  %v1 = tensor.extract_slice %v[0, 0, 0, 0] [1, 2, 16, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x16x4xf32>
  %v2 = tensor.extract_slice %v[0, 0, 16, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x24x4xf32> to tensor<1x2x8x4xf32>
  // expected-remark @below {{[attention] two attentions that are combined stay two: a part of their results is combined}}
  %1:2 = attn.attention ins(%q, %k1, %v1 : tensor<1x2x8x4xf32>, tensor<1x2x16x4xf32>, tensor<1x2x16x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %2:2 = attn.attention ins(%q, %k2, %v2 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>) outs(%e, %el : tensor<1x2x8x4xf32>, tensor<1x2x8xf32>) {with_lse} -> tensor<1x2x8x4xf32>, tensor<1x2x8xf32>
  %o1 = tensor.extract_slice %1#0[0, 0, 0, 0] [1, 2, 5, 4] [1, 1, 1, 1] : tensor<1x2x8x4xf32> to tensor<1x2x5x4xf32>
  %o2 = tensor.extract_slice %2#0[0, 0, 0, 0] [1, 2, 5, 4] [1, 1, 1, 1] : tensor<1x2x8x4xf32> to tensor<1x2x5x4xf32>
  %l1 = tensor.extract_slice %1#1[0, 0, 0] [1, 2, 5] [1, 1, 1] : tensor<1x2x8xf32> to tensor<1x2x5xf32>
  %l2 = tensor.extract_slice %2#1[0, 0, 0] [1, 2, 5] [1, 1, 1] : tensor<1x2x8xf32> to tensor<1x2x5xf32>
  %y = linalg.generic {indexing_maps = [#o, #o, #l, #l, #o], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%o1, %o2, %l1, %l2 : tensor<1x2x5x4xf32>, tensor<1x2x5x4xf32>, tensor<1x2x5xf32>, tensor<1x2x5xf32>) outs(%ep : tensor<1x2x5x4xf32>) {
  ^bb0(%a: f32, %c: f32, %x: f32, %z: f32, %init: f32):
    %u = math.exp %x : f32
    %w = math.exp %z : f32
    %n = arith.addf %u, %w : f32
    %p = arith.mulf %a, %u : f32
    %r = arith.mulf %c, %w : f32
    %s = arith.addf %p, %r : f32
    %t = arith.divf %s, %n : f32
    linalg.yield %t : f32
  } -> tensor<1x2x5x4xf32>
  return %y : tensor<1x2x5x4xf32>
}
