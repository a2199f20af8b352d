// Masks of attention in normal form. Remarks name what was understood.
// RUN: fovea-opt %s --split-input-file --attn-normalize-mask --canonicalize --cse --verify-diagnostics | FileCheck %s

!t = tensor<1x2x32x8xf32>

// Three ways to write one window, regenerated so alike that they fold to one.
// CHECK-LABEL: func @three_windows
// CHECK: %[[O:.*]] = attn.attention
// CHECK: %[[D:.*]] = arith.subi
// CHECK: arith.cmpi sge, %[[D]], %c-4
// CHECK: arith.cmpi sle, %[[D]], %c4
// CHECK: return %[[O]], %[[O]], %[[O]]
func.func @three_windows(%q: !t, %w: index) -> (!t, !t, !t) {
  %e = tensor.empty() : !t
  // expected-remark @below {{[mask] keys where j - i >= -4 and j - i <= 4}}
  %a = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%e : !t) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %c = arith.constant 4 : index
    %d = arith.subi %i, %j : index
    %m = math.absi %d : index
    %p = arith.cmpi sle, %m, %c : index
    attn.yield %p : i1
  } -> !t
  // expected-remark @below {{[mask] keys where j - i >= -4 and j - i <= 4}}
  %2 = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%e : !t) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %c = arith.constant 4 : index
    %d = arith.subi %i, %j : index
    %f = arith.subi %j, %i : index
    %x = arith.cmpi sle, %d, %c : index
    %y = arith.cmpi sle, %f, %c : index
    %p = arith.andi %x, %y : i1
    attn.yield %p : i1
  } -> !t
  // expected-remark @below {{[mask] keys where j - i >= -4 and j - i <= 4}}
  %3 = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%e : !t) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %c = arith.constant 4 : index
    %true = arith.constant true
    %d = arith.subi %i, %j : index
    %f = arith.subi %j, %i : index
    %x = arith.cmpi sgt, %d, %c : index
    %y = arith.cmpi sgt, %f, %c : index
    %o = arith.ori %x, %y : i1
    %p = arith.xori %o, %true : i1
    attn.yield %p : i1
  } -> !t
  return %a, %2, %3 : !t, !t, !t
}

// -----

// Bounds that all keys and rows keep anyway are dropped; nothing is left.
// CHECK-LABEL: func @always_true
// CHECK: attn.attention
// CHECK-NOT: mask {
func.func @always_true(%q: tensor<1x2x?x8xf32>, %k: tensor<1x2x?x8xf32>) -> tensor<1x2x?x8xf32> {
  %c2 = arith.constant 2 : index
  %m = tensor.dim %q, %c2 : tensor<1x2x?x8xf32>
  %n = tensor.dim %k, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%m) : tensor<1x2x?x8xf32>
  // expected-remark @below {{[mask] always true here, dropped}}
  %o = attn.attention ins(%q, %k, %k : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>) outs(%e : tensor<1x2x?x8xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %c0 = arith.constant 0 : index
    %dn = tensor.dim %k, %c2 : tensor<1x2x?x8xf32>
    %x = arith.cmpi sge, %j, %c0 : index
    %y = arith.cmpi slt, %j, %dn : index
    %z = arith.cmpi slt, %i, %n : index
    %p = arith.andi %x, %y : i1
    %r = arith.andi %p, %z : i1
    attn.yield %r : i1
  } -> tensor<1x2x?x8xf32>
  return %o : tensor<1x2x?x8xf32>
}

// -----

// With one row at the last key, causal masks nothing.
// CHECK-LABEL: func @decode
// CHECK-NOT: mask {
// CHECK: return
func.func @decode(%q: tensor<1x2x1x8xf32>, %k: tensor<1x2x?x8xf32>) -> tensor<1x2x1x8xf32> {
  %e = tensor.empty() : tensor<1x2x1x8xf32>
  // expected-remark @below {{[mask] always true here, dropped}}
  %o = attn.attention ins(%q, %k, %k : tensor<1x2x1x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>) outs(%e : tensor<1x2x1x8xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %p = arith.cmpi sle, %j, %i : index
    attn.yield %p : i1
  } -> tensor<1x2x1x8xf32>
  return %o : tensor<1x2x1x8xf32>
}

// -----

// The same at the first key masks all others.
// CHECK-LABEL: func @negative_top_left
// CHECK: mask {
func.func @negative_top_left(%q: tensor<1x2x1x8xf32>, %k: tensor<1x2x?x8xf32>) -> tensor<1x2x1x8xf32> {
  %e = tensor.empty() : tensor<1x2x1x8xf32>
  // expected-remark @below {{[mask] keys where j - i <= 0}}
  %o = attn.attention ins(%q, %k, %k : tensor<1x2x1x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>) outs(%e : tensor<1x2x1x8xf32>) {alignment = #attn<alignment top_left>} mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %p = arith.cmpi sle, %j, %i : index
    attn.yield %p : i1
  } -> tensor<1x2x1x8xf32>
  return %o : tensor<1x2x1x8xf32>
}

// -----

// A mask tensor that the graph builds from indices moves into the op and is never stored: here
// tril(ones) compared with 0 and negated, as PyTorch's masked_fill has it.
// CHECK-LABEL: func @tril_captured
// CHECK-NOT: linalg.generic
// CHECK-NOT: tensor.extract
// CHECK: attn.attention {{.*}} mask {
// CHECK: arith.cmpi sle
// CHECK: return
func.func @tril_captured(%q: tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %ef = tensor.empty() : tensor<32x32xf32>
  %eb = tensor.empty() : tensor<32x32xi1>
  %ones = linalg.fill ins(%one : f32) outs(%ef : tensor<32x32xf32>) -> tensor<32x32xf32>
  %tril = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%ones : tensor<32x32xf32>) outs(%ef : tensor<32x32xf32>) {
  ^bb0(%x: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %kept = arith.cmpi sle, %j, %i : index
    %r = arith.select %kept, %x, %zero : f32
    linalg.yield %r : f32
  } -> tensor<32x32xf32>
  %masked = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%tril : tensor<32x32xf32>) outs(%eb : tensor<32x32xi1>) {
  ^bb0(%x: f32, %o: i1):
    %r = arith.cmpf oeq, %x, %zero : f32
    linalg.yield %r : i1
  } -> tensor<32x32xi1>
  %e = tensor.empty() : tensor<1x2x32x8xf32>
  // expected-remark @below {{[mask] keys where j - i <= 0}}
  %o = attn.attention ins(%q, %q, %q : tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>) outs(%e : tensor<1x2x32x8xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %true = arith.constant true
    %x = tensor.extract %masked[%i, %j] : tensor<32x32xi1>
    %p = arith.xori %x, %true : i1
    attn.yield %p : i1
  } -> tensor<1x2x32x8xf32>
  return %o : tensor<1x2x32x8xf32>
}

// -----

// An additive mask of 0 and -inf is a mask; what else is added stays a score.
// CHECK-LABEL: func @additive
// CHECK-SAME: , %[[BIAS:[^:]*]]: tensor<32x32xf32>)
// CHECK: attn.attention {{.*}} score {
// CHECK: ^bb0(%[[S:.*]]: f32,
// CHECK: %[[X:.*]] = tensor.extract %[[BIAS]]
// CHECK: %[[Y:.*]] = arith.addf %[[S]], %[[X]]
// CHECK: attn.yield %[[Y]]
// CHECK: } mask {
// CHECK: arith.cmpi sle
func.func @additive(%q: tensor<1x2x32x8xf32>, %bias: tensor<32x32xf32>) -> tensor<1x2x32x8xf32> {
  %e = tensor.empty() : tensor<1x2x32x8xf32>
  %zero = arith.constant 0.0 : f32
  %minf = arith.constant 0xFF800000 : f32
  %ef = tensor.empty() : tensor<32x32xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%ef : tensor<32x32xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %future = arith.cmpi sgt, %j, %i : index
    %r = arith.select %future, %minf, %zero : f32
    linalg.yield %r : f32
  } -> tensor<32x32xf32>
  // expected-remark @below {{[mask] keys where j - i <= 0}}
  %o = attn.attention ins(%q, %q, %q : tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>) outs(%e : tensor<1x2x32x8xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %x = tensor.extract %m[%i, %j] : tensor<32x32xf32>
    %y = arith.addf %s, %x : f32
    %z = tensor.extract %bias[%i, %j] : tensor<32x32xf32>
    %w = arith.addf %y, %z : f32
    attn.yield %w : f32
  } -> tensor<1x2x32x8xf32>
  return %o : tensor<1x2x32x8xf32>
}

// -----

// A choice between the score and a large negative number is a mask with a fill (attention_s5), also
// under a positive factor; the two fills of a chain are one.
// CHECK-LABEL: func @finite_fill
// CHECK: attn.attention {{.*}} {fill = -5.000000e+08 : f64, scale = 5.000000e-01 : f64} mask {
// CHECK-NEXT: ^bb0
// CHECK-NOT: arith.select
// CHECK: return
func.func @finite_fill(%q: tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32> {
  %e = tensor.empty() : tensor<1x2x32x8xf32>
  // expected-remark @below {{[mask] keys where j - i >= -7 and j - i <= 0; others score -5.000000e+08}}
  %o = attn.attention ins(%q, %q, %q : tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>) outs(%e : tensor<1x2x32x8xf32>) {scale = 1.0 : f64} score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %low = arith.constant -1.0e9 : f32
    %half = arith.constant 0.5 : f32
    %c7 = arith.constant 7 : index
    %c = arith.cmpi sle, %j, %i : index
    %x = arith.select %c, %s, %low : f32
    %d = arith.subi %i, %j : index
    %far = arith.cmpi sgt, %d, %c7 : index
    %y = arith.select %far, %low, %x : f32
    %z = arith.mulf %y, %half : f32
    attn.yield %z : f32
  } -> tensor<1x2x32x8xf32>
  return %o : tensor<1x2x32x8xf32>
}

// -----

// A small fill may weigh something beside common scores, and so stays; one of two fills becomes a
// mask, the other stays a choice.
// CHECK-LABEL: func @negative_small_fill
// CHECK: score {
// CHECK-NOT: mask {
// CHECK-LABEL: func @two_fills
// CHECK: attn.attention {{.*}} {fill = -1.000000e+09 : f64} score {
// CHECK: arith.select
// CHECK: mask {
func.func @negative_small_fill(%q: tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32> {
  %e = tensor.empty() : tensor<1x2x32x8xf32>
  %o = attn.attention ins(%q, %q, %q : tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>) outs(%e : tensor<1x2x32x8xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %low = arith.constant -100.0 : f32
    %c = arith.cmpi sle, %j, %i : index
    %x = arith.select %c, %s, %low : f32
    attn.yield %x : f32
  } -> tensor<1x2x32x8xf32>
  return %o : tensor<1x2x32x8xf32>
}
func.func @two_fills(%q: tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32> {
  %e = tensor.empty() : tensor<1x2x32x8xf32>
  // expected-remark @below {{[mask] keys where j - i <= 0; others score -1.000000e+09}}
  %o = attn.attention ins(%q, %q, %q : tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>) outs(%e : tensor<1x2x32x8xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %low = arith.constant -1.0e9 : f32
    %lower = arith.constant -2.0e9 : f32
    %c7 = arith.constant 7 : index
    %far = arith.cmpi sgt, %j, %c7 : index
    %x = arith.select %far, %lower, %s : f32
    %c = arith.cmpi sle, %j, %i : index
    %y = arith.select %c, %x, %low : f32
    attn.yield %y : f32
  } -> tensor<1x2x32x8xf32>
  return %o : tensor<1x2x32x8xf32>
}

// -----

// A number that is added hides nothing from a score that is as large.
// CHECK-LABEL: func @negative_added_fill
// CHECK: score {
// CHECK-NOT: mask {
// CHECK: return
func.func @negative_added_fill(%q: tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32> {
  %e = tensor.empty() : tensor<1x2x32x8xf32>
  // expected-remark @below {{[mask] no key is skipped: a finite number is added to scores}}
  %o = attn.attention ins(%q, %q, %q : tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>) outs(%e : tensor<1x2x32x8xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %low = arith.constant -1.0e9 : f32
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpi sle, %j, %i : index
    %x = arith.select %c, %zero, %low : f32
    %y = arith.addf %s, %x : f32
    attn.yield %y : f32
  } -> tensor<1x2x32x8xf32>
  return %o : tensor<1x2x32x8xf32>
}

// -----

// A mask that depends on the score cannot leave it.
// CHECK-LABEL: func @negative_score_stays
// CHECK: score {
// CHECK: arith.select
// CHECK: arith.select
// CHECK-NOT: mask {
// CHECK: return
func.func @negative_score_stays(%q: tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32> {
  %e = tensor.empty() : tensor<1x2x32x8xf32>
  %o = attn.attention ins(%q, %q, %q : tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>) outs(%e : tensor<1x2x32x8xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %low = arith.constant -1.0e9 : f32
    %minf = arith.constant 0xFF800000 : f32
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpi sle, %j, %i : index
    %x = arith.select %c, %s, %low : f32
    %positive = arith.cmpf ogt, %s, %zero : f32
    %y = arith.select %positive, %x, %minf : f32
    attn.yield %y : f32
  } -> tensor<1x2x32x8xf32>
  return %o : tensor<1x2x32x8xf32>
}

// -----

// Data stays data: only the part that is about positions is understood.
// CHECK-LABEL: func @negative_data
// CHECK: tensor.extract
// CHECK: attn.yield
func.func @negative_data(%q: tensor<2x2x32x8xf32>, %keep: tensor<2x32xi1>) -> tensor<2x2x32x8xf32> {
  %e = tensor.empty() : tensor<2x2x32x8xf32>
  // expected-remark @below {{[mask] keys where j - i <= 0 and arg1[b, j]}}
  %o = attn.attention ins(%q, %q, %q : tensor<2x2x32x8xf32>, tensor<2x2x32x8xf32>, tensor<2x2x32x8xf32>) outs(%e : tensor<2x2x32x8xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %x = tensor.extract %keep[%b, %j] : tensor<2x32xi1>
    %c = arith.cmpi sge, %i, %j : index
    %p = arith.andi %x, %c : i1
    attn.yield %p : i1
  } -> tensor<2x2x32x8xf32>
  return %o : tensor<2x2x32x8xf32>
}

// -----

// Scale and alignment have normal forms too: the default is not written.
// CHECK-LABEL: func @defaults
// CHECK-NOT: scale
// CHECK-NOT: top_left
// CHECK: scale = 5.000000e-01
// CHECK: return
func.func @defaults(%q: tensor<1x2x32x64xf32>) -> (tensor<1x2x32x64xf32>, tensor<1x2x32x64xf32>) {
  %e = tensor.empty() : tensor<1x2x32x64xf32>
  %o = attn.attention ins(%q, %q, %q : tensor<1x2x32x64xf32>, tensor<1x2x32x64xf32>, tensor<1x2x32x64xf32>) outs(%e : tensor<1x2x32x64xf32>) {scale = 0.125, alignment = #attn<alignment top_left>} -> tensor<1x2x32x64xf32>
  %p = attn.attention ins(%q, %q, %o : tensor<1x2x32x64xf32>, tensor<1x2x32x64xf32>, tensor<1x2x32x64xf32>) outs(%e : tensor<1x2x32x64xf32>) {scale = 0.5} -> tensor<1x2x32x64xf32>
  return %o, %p : tensor<1x2x32x64xf32>, tensor<1x2x32x64xf32>
}
