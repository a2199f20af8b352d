// One case for each constraint of docs/dialect.md, named by its label.
// RUN: fovea-opt %s -split-input-file -verify-diagnostics

// destination_c1: no mixture of tensors and memrefs
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %k: memref<1x2x4x8xf32>) {
  // expected-error @below {{destination_c1: expected all operands to be tensors as the first init is, got}}
  %r = attn.attention ins(%q, %k, %k : !t, memref<1x2x4x8xf32>, memref<1x2x4x8xf32>) outs(%q : !t) -> !t
  return
}

// -----

// destination_c2: one init for each output
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t) {
  // expected-error @below {{destination_c2: expected 2 inits, got 1}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) {with_lse} -> !t
  return
}

// -----

// attention_c1: operands have four dims
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %k: tensor<2x4x8xf32>) {
  // expected-error @below {{attention_c1: expected key to have rank 4, got 3}}
  %r = attn.attention ins(%q, %k, %q : !t, tensor<2x4x8xf32>, !t) outs(%q : !t) -> !t
  return
}

// -----

// attention_c1: the LSE has three dims
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %l: tensor<1x2xf32>) {
  // expected-error @below {{attention_c1: expected lse to have rank 3, got 2}}
  %r:2 = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q, %l : !t, tensor<1x2xf32>) {with_lse} -> !t, tensor<1x2xf32>
  return
}

// -----

// attention_c2: orders of dims are permutations
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t) {
  // expected-error @below {{attention_c2: expected key_perm to be a permutation of 0, 1, 2, 3, got [0, 1, 1, 3]}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) {key_perm = array<i64: 0, 1, 1, 3>} -> !t
  return
}

// -----

// attention_c2: of four dims
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t) {
  // expected-error @below {{attention_c2: expected query_perm to be a permutation of 0, 1, 2, 3, got [0, 1]}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) {query_perm = array<i64: 0, 1>} -> !t
  return
}

// -----

// attention_c3: one element type
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %v: tensor<1x2x4x8xf16>) {
  // expected-error @below {{attention_c3: expected value to have elements of type}}
  %r = attn.attention ins(%q, %q, %v : !t, !t, tensor<1x2x4x8xf16>) outs(%q : !t) -> !t
  return
}

// -----

// attention_c3: the LSE is of the score type
!t = tensor<1x2x4x8xf16>
func.func @f(%q: !t, %l: tensor<1x2x4xf16>) {
  // expected-error @below {{attention_c3: expected lse to have elements of type 'f32', got 'f16'}}
  %r:2 = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q, %l : !t, tensor<1x2x4xf16>) {with_lse} -> !t, tensor<1x2x4xf16>
  return
}

// -----

// attention_c3: weights are of the element or the score type
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %w: tensor<1x2x4x4xf64>) {
  // expected-error @below {{attention_c3: expected weights to have elements of type 'f32', got 'f64'}}
  %r:2 = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q, %w : !t, tensor<1x2x4x4xf64>) {with_weights} -> !t, tensor<1x2x4x4xf64>
  return
}

// -----

// attention_c4: one head dim
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %k: tensor<1x2x4x4xf32>) {
  // expected-error @below {{attention_c4: expected D of key to be 8 as in query, got 4}}
  %r = attn.attention ins(%q, %k, %q : !t, tensor<1x2x4x4xf32>, !t) outs(%q : !t) -> !t
  return
}

// -----

// attention_c4: as many values as keys
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %k: tensor<1x2x5x8xf32>) {
  // expected-error @below {{attention_c4: expected Lk of value to be 5 as in key, got 4}}
  %r = attn.attention ins(%q, %k, %q : !t, tensor<1x2x5x8xf32>, !t) outs(%q : !t) -> !t
  return
}

// -----

// attention_c4: the sizes are those of the canonical order
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t) {
  // expected-error @below {{attention_c4: expected D of key to be 8 as in query, got 4}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) {key_perm = array<i64: 0, 1, 3, 2>} -> !t
  return
}

// -----

// attention_c4: weights are queries by keys
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %w: tensor<1x2x4x3xf32>) {
  // expected-error @below {{attention_c4: expected Lk of weights to be 4 as in key, got 3}}
  %r:2 = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q, %w : !t, tensor<1x2x4x3xf32>) {with_weights} -> !t, tensor<1x2x4x3xf32>
  return
}

// -----

// attention_c4: an unknown size does not hide a difference behind it
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %k: tensor<1x2x?x8xf32>, %o: tensor<1x2x5x8xf32>) {
  // expected-error @below {{attention_c4: expected Lq of output to be 4 as in query, got 5}}
  %r = attn.attention ins(%q, %k, %k : !t, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>) outs(%o : tensor<1x2x5x8xf32>) -> tensor<1x2x5x8xf32>
  return
}

// -----

// attention_c5: whole groups of heads
!t = tensor<1x3x4x8xf32>
func.func @f(%q: !t, %k: tensor<1x2x4x8xf32>) {
  // expected-error @below {{attention_c5: expected the number of query heads to be a multiple of 2, the number of key heads, got 3}}
  %r = attn.attention ins(%q, %k, %k : !t, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) outs(%q : !t) -> !t
  return
}

// -----

// attention_c5: queries need keys
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %k: tensor<1x0x4x8xf32>) {
  // expected-error @below {{attention_c5: expected the number of query heads to be a multiple of 0, the number of key heads, got 2}}
  %r = attn.attention ins(%q, %k, %k : !t, tensor<1x0x4x8xf32>, tensor<1x0x4x8xf32>) outs(%q : !t) -> !t
  return
}

// -----

// attention_c6: a scale is finite in the type of scores
!t = tensor<1x2x4x8xf16>
func.func @f(%q: !t) {
  // expected-error @below {{attention_c6: expected a scale that is finite in 'f32', got 1.000000e+39}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) {scale = 1.0e39 : f64} -> !t
  return
}

// -----

// attention_c6: a scale is finite
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t) {
  // expected-error @below {{attention_c6: expected a scale that is finite in 'f32', got}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) {scale = 0x7FF0000000000000 : f64} -> !t
  return
}

// -----

// attention_c6: 1/sqrt(0) is not finite
!t = tensor<1x2x4x0xf32>
func.func @f(%q: !t) {
  // expected-error @below {{attention_c6: expected a head dim of at least 1 for the default scale 1/sqrt(D), got 0}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) -> !t
  return
}

// -----

// attention_c7: a mask takes four indices
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t) {
  // expected-error @below {{attention_c7: expected the mask region to take}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) mask {
  ^bb0(%i: index, %j: index):
    %p = arith.cmpi sge, %i, %j : index
    attn.yield %p : i1
  } -> !t
  return
}

// -----

// attention_c7: a mask yields a boolean
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t) {
  // expected-error @below {{attention_c7: expected the mask region to yield a 'i1', got 'f32'}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %p = arith.constant 1.0 : f32
    attn.yield %p : f32
  } -> !t
  return
}

// -----

// attention_c7: scores are at least f32
!t = tensor<1x2x4x8xf16>
func.func @f(%q: !t) {
  // expected-error @below {{attention_c7: expected the score region to take}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) score {
  ^bb0(%s: f16, %b: index, %h: index, %i: index, %j: index):
    attn.yield %s : f16
  } -> !t
  return
}

// -----

// attention_c7: a sink knows no key
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t) {
  // expected-error @below {{attention_c7: expected the sink region to take}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) sink {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %z = arith.constant 0.0 : f32
    attn.yield %z : f32
  } -> !t
  return
}

// -----

// attention_c7: regions write nothing
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %m: memref<f32>) {
  // expected-error @below {{attention_c7: expected the score region to have no side effects, got memref.store}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    memref.store %s, %m[] : memref<f32>
    attn.yield %s : f32
  } -> !t
  return
}

// -----

// attention_c8: dropout needs a seed
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t) {
  // expected-error @below {{attention_c8: expected dropout and a seed together, got dropout alone}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) {dropout = 0.1 : f64} -> !t
  return
}

// -----

// attention_c8: a seed needs dropout
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %s: i64) {
  // expected-error @below {{attention_c8: expected dropout and a seed together, got a seed alone}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) seed(%s) -> !t
  return
}

// -----

// attention_c8: 1 would drop everything
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %s: i64) {
  // expected-error @below {{attention_c8: expected dropout to be in [0, 1), got}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) seed(%s) {dropout = 1.0 : f64} -> !t
  return
}

// -----

// attention_c9: three counter operands
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %s: i64, %c: index) {
  // expected-error @below {{attention_c9: expected no counter operands, or with dropout three (origin, batch stride, head stride), got 1}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) seed(%s) counter(%c) {dropout = 0.1 : f64} -> !t
  return
}

// -----

// attention_c9: a counter counts dropout
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %c: index) {
  // expected-error @below {{got 3 without dropout}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) counter(%c, %c, %c) -> !t
  return
}

// -----

// attention_c11: what is filled is masked
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t) {
  // expected-error @below {{attention_c11: expected a mask with the fill, got none}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) {fill = -1.0e9 : f64} -> !t
  return
}

// -----

// attention_c11: a fill is far below scores
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t) {
  // expected-error @below {{attention_c11: expected a finite fill of at most -4.096000e+03, got -1.000000e+02}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) {fill = -100.0 : f64} mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %p = arith.cmpi sge, %i, %j : index
    attn.yield %p : i1
  } -> !t
  return
}

// -----

// attention_c11: and finite
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t) {
  // expected-error @below {{attention_c11: expected a finite fill of at most -4.096000e+03, got -INF}}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) {fill = 0xFFF0000000000000 : f64} mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %p = arith.cmpi sge, %i, %j : index
    attn.yield %p : i1
  } -> !t
  return
}

// -----

// attention_c10: a chunk has a row
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %s: tensor<1x2x4x4xf32>) {
  // expected-error @below {{attention_c10: expected column_chunk to be at least 1, got 0}}
  %r:2 = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q, %s : !t, tensor<1x2x4x4xf32>) {column_chunk = 0} -> !t, tensor<1x2x4x4xf32>
  return
}

// -----

// attention_c10: as many sums as chunks
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %s: tensor<1x2x4x4xf32>) {
  // expected-error @below {{attention_c10: expected column sums of 2 chunks, 4 rows in chunks of 3, got 4}}
  %r:2 = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q, %s : !t, tensor<1x2x4x4xf32>) {column_chunk = 3} -> !t, tensor<1x2x4x4xf32>
  return
}

// -----

// attention_c4: column sums have an element a key
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %s: tensor<1x2x2x5xf32>) {
  // expected-error @below {{attention_c4: }}
  %r:2 = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q, %s : !t, tensor<1x2x2x5xf32>) {column_chunk = 3} -> !t, tensor<1x2x2x5xf32>
  return
}

// -----

// attention_c1: bucket sums have four dims
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %s: tensor<1x2x4xf32>) {
  // expected-error @below {{attention_c1: expected bucket sums to have rank 4, got 3}}
  %r:2 = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q, %s : !t, tensor<1x2x4xf32>)
    bucket {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      attn.yield %j : index
    } -> !t, tensor<1x2x4xf32>
  return
}

// -----

// attention_c3: sums are of the score type
!t = tensor<1x2x4x8xf16>
func.func @f(%q: !t, %s: tensor<1x2x4x3xf16>) {
  // expected-error @below {{attention_c3: expected bucket sums to have elements of type 'f32', got 'f16'}}
  %r:2 = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q, %s : !t, tensor<1x2x4x3xf16>)
    bucket {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      attn.yield %j : index
    } -> !t, tensor<1x2x4x3xf16>
  return
}

// -----

// attention_c7: a bucket is an index
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t, %s: tensor<1x2x4x3xf32>) {
  // expected-error @below {{attention_c7: expected the bucket region to yield a 'index', got 'i1'}}
  %r:2 = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q, %s : !t, tensor<1x2x4x3xf32>)
    bucket {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %p = arith.cmpi eq, %i, %j : index
      attn.yield %p : i1
    } -> !t, tensor<1x2x4x3xf32>
  return
}

// -----

// destination_c2: a bucket region asks for an output
!t = tensor<1x2x4x8xf32>
func.func @f(%q: !t) {
  // expected-error @below {{destination_c2: }}
  %r = attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t)
    bucket {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      attn.yield %j : index
    } -> !t
  return
}

// -----

// attention (results): a result has the type of its init
func.func @f(%q: tensor<1x2x4x8xf32>) {
  // expected-error @below {{expected type of operand #3}}
  %r = attn.attention ins(%q, %q, %q : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) outs(%q : tensor<1x2x4x8xf32>) -> tensor<1x2x?x8xf32>
  return
}

// -----

// yield: only ends regions of attn ops
func.func @f(%p: i1) {
  // expected-error @below {{expects parent op to be one of 'attn.attention, attn.create_mask'}}
  attn.yield %p : i1
}

// -----

// create_mask_c1: a mask is boolean
func.func @f(%m: tensor<4xi8>) {
  // expected-error @below {{create_mask_c1: expected the init to have elements of type 'i1', got 'i8'}}
  %0 = attn.create_mask outs(%m : tensor<4xi8>) where {
  ^bb0(%i: index):
    %p = arith.constant true
    attn.yield %p : i1
  } -> tensor<4xi8>
  return
}

// -----

// create_mask_c2: one index a dim
func.func @f(%m: tensor<4x4xi1>) {
  // expected-error @below {{create_mask_c2: expected the predicate region to take}}
  %0 = attn.create_mask outs(%m : tensor<4x4xi1>) where {
  ^bb0(%i: index):
    %p = arith.constant true
    attn.yield %p : i1
  } -> tensor<4x4xi1>
  return
}

// -----

// apply_mask_c1: the init is like the scores
func.func @f(%s: tensor<4xf32>, %m: tensor<4xi1>, %o: tensor<5xf32>) {
  // expected-error @below {{apply_mask_c1: expected the init to have the shape and element type of 'tensor<4xf32>', got 'tensor<5xf32>'}}
  %0 = attn.apply_mask ins(%s, %m : tensor<4xf32>, tensor<4xi1>) outs(%o : tensor<5xf32>) fill(-1.0) -> tensor<5xf32>
  return
}

// -----

// apply_mask_c2: a mask is boolean
func.func @f(%s: tensor<4xf32>, %m: tensor<4xf32>, %o: tensor<4xf32>) {
  // expected-error @below {{apply_mask_c2: expected the mask to have elements of type 'i1', got 'f32'}}
  %0 = attn.apply_mask ins(%s, %m : tensor<4xf32>, tensor<4xf32>) outs(%o : tensor<4xf32>) fill(-1.0) -> tensor<4xf32>
  return
}

// -----

// apply_mask_c3: a mask has no dims of its own
func.func @f(%s: tensor<4xf32>, %m: tensor<4x4xi1>, %o: tensor<4xf32>) {
  // expected-error @below {{apply_mask_c3: expected the mask to have at most the rank 1 of the scores, got 2}}
  %0 = attn.apply_mask ins(%s, %m : tensor<4xf32>, tensor<4x4xi1>) outs(%o : tensor<4xf32>) fill(-1.0) -> tensor<4xf32>
  return
}

// -----

// apply_mask_c3: sizes agree from the last dim on
func.func @f(%s: tensor<4x5xf32>, %m: tensor<4xi1>, %o: tensor<4x5xf32>) {
  // expected-error @below {{apply_mask_c3: expected the mask to be broadcast to the scores, got}}
  %0 = attn.apply_mask ins(%s, %m : tensor<4x5xf32>, tensor<4xi1>) outs(%o : tensor<4x5xf32>) fill(-1.0) -> tensor<4x5xf32>
  return
}

// -----

// apply_mask_c3: scores do not repeat for a mask
func.func @f(%s: tensor<4x1xf32>, %m: tensor<5xi1>, %o: tensor<4x1xf32>) {
  // expected-error @below {{apply_mask_c3: expected the mask to be broadcast}}
  %0 = attn.apply_mask ins(%s, %m : tensor<4x1xf32>, tensor<5xi1>) outs(%o : tensor<4x1xf32>) fill(-1.0) -> tensor<4x1xf32>
  return
}

// -----

// apply_mask_c4: a fill is a number
func.func @f(%s: tensor<4xf32>, %m: tensor<4xi1>, %o: tensor<4xf32>) {
  // expected-error @below {{apply_mask_c4: expected a fill that is a number or infinite, got NaN}}
  %0 = attn.apply_mask ins(%s, %m : tensor<4xf32>, tensor<4xi1>) outs(%o : tensor<4xf32>) fill(0x7FF8000000000000) -> tensor<4xf32>
  return
}

// -----

// unfold_c1: the dim exists
func.func @f(%x: tensor<10xf32>) {
  // expected-error @below {{unfold_c1: expected dim to be in [0, 1), the dims of the source, got 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = attn.unfold %x dim(1) size(3) step(1) : tensor<10xf32> -> tensor<8x3xf32>
  return
}

// -----

// unfold_c1: dims are not counted from the end
func.func @f(%x: tensor<10xf32>) {
  // expected-error @below {{unfold_c1: expected dim to be in [0, 1), the dims of the source, got -1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = attn.unfold %x dim(-1) size(3) step(1) : tensor<10xf32> -> tensor<8x3xf32>
  return
}

// -----

// unfold_c1: a scalar has no windows
func.func @f(%x: tensor<f32>) {
  // expected-error @below {{unfold_c1: expected dim to be in [0, 0), the dims of the source, got 0}}
  // expected-error @below {{failed to infer returned types}}
  %0 = attn.unfold %x dim(0) size(1) step(1) : tensor<f32> -> tensor<1xf32>
  return
}

// -----

// unfold_c2: a window has elements
func.func @f(%x: tensor<10xf32>) {
  // expected-error @below {{unfold_c2: expected size and step to be at least 1, got 0 and 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = attn.unfold %x dim(0) size(0) step(1) : tensor<10xf32> -> tensor<8x3xf32>
  return
}

// -----

// unfold_c2: windows move
func.func @f(%x: tensor<10xf32>) {
  // expected-error @below {{unfold_c2: expected size and step to be at least 1, got 3 and 0}}
  // expected-error @below {{failed to infer returned types}}
  %0 = attn.unfold %x dim(0) size(3) step(0) : tensor<10xf32> -> tensor<8x3xf32>
  return
}

// -----

// unfold_c3: a window fits
func.func @f(%x: tensor<10xf32>) {
  // expected-error @below {{unfold_c3: expected size to be at most 10, the size of dim 0, got 11}}
  // expected-error @below {{failed to infer returned types}}
  %0 = attn.unfold %x dim(0) size(11) step(1) : tensor<10xf32> -> tensor<8x3xf32>
  return
}

// -----

// unfold_c4: the number of windows
func.func @f(%x: tensor<10xf32>) {
  // expected-error @below {{inferred type(s) 'tensor<8x3xf32>' are incompatible with return type(s) of operation 'tensor<9x3xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = attn.unfold %x dim(0) size(3) step(1) : tensor<10xf32> -> tensor<9x3xf32>
  return
}

// -----

// unfold_c4: the element type
func.func @f(%x: tensor<10xf32>) {
  // expected-error @below {{are incompatible with return type(s) of operation 'tensor<8x3xf16>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = attn.unfold %x dim(0) size(3) step(1) : tensor<10xf32> -> tensor<8x3xf16>
  return
}

// -----

// softmax_c1: the dim exists
func.func @f(%x: tensor<4x5xf32>, %o: tensor<4x5xf32>) {
  // expected-error @below {{softmax_c1: expected dim to be in [0, 2), the dims of the source, got 2}}
  %0 = attn.softmax ins(%x : tensor<4x5xf32>) outs(%o : tensor<4x5xf32>) dim(2) -> tensor<4x5xf32>
  return
}

// -----

// softmax_c2: the init is like the source
func.func @f(%x: tensor<4x5xf32>, %o: tensor<5x4xf32>) {
  // expected-error @below {{softmax_c2: expected the init to have the shape and element type of 'tensor<4x5xf32>', got 'tensor<5x4xf32>'}}
  %0 = attn.softmax ins(%x : tensor<4x5xf32>) outs(%o : tensor<5x4xf32>) dim(1) -> tensor<5x4xf32>
  return
}

// -----

// rotary_c1: heads are dims of their own
func.func @f(%x: tensor<8x6x64xf32>, %c: tensor<6x32xf32>, %s: tensor<6x32xf32>, %o: tensor<8x6x64xf32>) {
  // expected-error @below {{rotary_c1: expected the source to have rank 4, got 3}}
  %0 = attn.rotary ins(%x, %c, %s : tensor<8x6x64xf32>, tensor<6x32xf32>, tensor<6x32xf32>) outs(%o : tensor<8x6x64xf32>) -> tensor<8x6x64xf32>
  return
}

// -----

// rotary_c1: one row of angles a position
func.func @f(%x: tensor<1x8x6x64xf32>, %c: tensor<32xf32>, %s: tensor<32xf32>, %o: tensor<1x8x6x64xf32>) {
  // expected-error @below {{rotary_c1: expected cosine to have rank 2 or 3, got 1}}
  %0 = attn.rotary ins(%x, %c, %s : tensor<1x8x6x64xf32>, tensor<32xf32>, tensor<32xf32>) outs(%o : tensor<1x8x6x64xf32>) -> tensor<1x8x6x64xf32>
  return
}

// -----

// rotary_c1: sine has the rank of cosine
func.func @f(%x: tensor<1x8x6x64xf32>, %c: tensor<1x6x32xf32>, %s: tensor<6x32xf32>, %o: tensor<1x8x6x64xf32>) {
  // expected-error @below {{rotary_c1: expected sine to have rank 3, got 2}}
  %0 = attn.rotary ins(%x, %c, %s : tensor<1x8x6x64xf32>, tensor<1x6x32xf32>, tensor<6x32xf32>) outs(%o : tensor<1x8x6x64xf32>) -> tensor<1x8x6x64xf32>
  return
}

// -----

// rotary_c4: angles for every sequence
func.func @f(%x: tensor<2x8x6x64xf32>, %c: tensor<3x6x32xf32>, %s: tensor<3x6x32xf32>, %o: tensor<2x8x6x64xf32>) {
  // expected-error @below {{rotary_c4: expected B of cosine to be 2 as in the source, got 3}}
  %0 = attn.rotary ins(%x, %c, %s : tensor<2x8x6x64xf32>, tensor<3x6x32xf32>, tensor<3x6x32xf32>) outs(%o : tensor<2x8x6x64xf32>) -> tensor<2x8x6x64xf32>
  return
}

// -----

// rotary_c2: the init is like the source
func.func @f(%x: tensor<1x8x6x64xf32>, %c: tensor<6x32xf32>, %s: tensor<6x32xf32>, %o: tensor<1x8x6x32xf32>) {
  // expected-error @below {{rotary_c2: expected the init to have the shape and element type of}}
  %0 = attn.rotary ins(%x, %c, %s : tensor<1x8x6x64xf32>, tensor<6x32xf32>, tensor<6x32xf32>) outs(%o : tensor<1x8x6x32xf32>) -> tensor<1x8x6x32xf32>
  return
}

// -----

// rotary_c3: positions are dim 1 or 2
func.func @f(%x: tensor<1x8x6x64xf32>, %c: tensor<6x32xf32>, %s: tensor<6x32xf32>, %o: tensor<1x8x6x64xf32>) {
  // expected-error @below {{rotary_c3: expected sequence_dim to be 1 or 2, got 3}}
  %0 = attn.rotary ins(%x, %c, %s : tensor<1x8x6x64xf32>, tensor<6x32xf32>, tensor<6x32xf32>) outs(%o : tensor<1x8x6x64xf32>) {sequence_dim = 3 : i64} -> tensor<1x8x6x64xf32>
  return
}

// -----

// rotary_c4: a row of angles for every position
func.func @f(%x: tensor<1x8x6x64xf32>, %c: tensor<6x32xf32>, %s: tensor<6x32xf32>, %o: tensor<1x8x6x64xf32>) {
  // expected-error @below {{rotary_c4: expected L of cosine to be 8 as in the source, got 6}}
  %0 = attn.rotary ins(%x, %c, %s : tensor<1x8x6x64xf32>, tensor<6x32xf32>, tensor<6x32xf32>) outs(%o : tensor<1x8x6x64xf32>) {sequence_dim = 1 : i64} -> tensor<1x8x6x64xf32>
  return
}

// -----

// rotary_c4: sine is like cosine
func.func @f(%x: tensor<1x8x6x64xf32>, %c: tensor<6x32xf32>, %s: tensor<6x16xf32>, %o: tensor<1x8x6x64xf32>) {
  // expected-error @below {{rotary_c4: expected R/2 of sine to be 32 as in cosine, got 16}}
  %0 = attn.rotary ins(%x, %c, %s : tensor<1x8x6x64xf32>, tensor<6x32xf32>, tensor<6x16xf32>) outs(%o : tensor<1x8x6x64xf32>) -> tensor<1x8x6x64xf32>
  return
}

// -----

// rotary_c4: in its type too
func.func @f(%x: tensor<1x8x6x64xf32>, %c: tensor<6x32xf32>, %s: tensor<6x32xf64>, %o: tensor<1x8x6x64xf32>) {
  // expected-error @below {{rotary_c4: expected sine to have elements of type 'f32', got 'f64'}}
  %0 = attn.rotary ins(%x, %c, %s : tensor<1x8x6x64xf32>, tensor<6x32xf32>, tensor<6x32xf64>) outs(%o : tensor<1x8x6x64xf32>) -> tensor<1x8x6x64xf32>
  return
}

// -----

// rotary_c5: no more than the head is rotated
func.func @f(%x: tensor<1x8x6x64xf32>, %c: tensor<6x33xf32>, %s: tensor<6x33xf32>, %o: tensor<1x8x6x64xf32>) {
  // expected-error @below {{rotary_c5: expected R/2, the columns of cosine, to be at most half of the head dim 64, got 33}}
  %0 = attn.rotary ins(%x, %c, %s : tensor<1x8x6x64xf32>, tensor<6x33xf32>, tensor<6x33xf32>) outs(%o : tensor<1x8x6x64xf32>) -> tensor<1x8x6x64xf32>
  return
}

// -----

// cache_append_c1: rank 4
func.func @f(%x: tensor<2x3x4xf32>, %o: tensor<1x2x8x4xf32>, %p: index) {
  // expected-error @below {{cache_append_c1: expected the source to have rank 4, got 3}}
  %0 = attn.cache_append ins(%x : tensor<2x3x4xf32>) outs(%o : tensor<1x2x8x4xf32>) at(%p) -> tensor<1x2x8x4xf32>
  return
}

// -----

// cache_append_c2: nothing is converted
func.func @f(%x: tensor<1x2x3x4xf32>, %o: tensor<1x2x8x4xf16>, %p: index) {
  // expected-error @below {{cache_append_c2: expected the cache to have elements of type 'f32', got 'f16'}}
  %0 = attn.cache_append ins(%x : tensor<1x2x3x4xf32>) outs(%o : tensor<1x2x8x4xf16>) at(%p) -> tensor<1x2x8x4xf16>
  return
}

// -----

// cache_append_c3: the same heads
func.func @f(%x: tensor<1x2x3x4xf32>, %o: tensor<1x4x8x4xf32>, %p: index) {
  // expected-error @below {{cache_append_c3: expected G of the cache to be 2 as in the source, got 4}}
  %0 = attn.cache_append ins(%x : tensor<1x2x3x4xf32>) outs(%o : tensor<1x4x8x4xf32>) at(%p) -> tensor<1x4x8x4xf32>
  return
}

// -----

// cache_append_c4: positions count from 0
func.func @f(%x: tensor<1x2x3x4xf32>, %o: tensor<1x2x8x4xf32>) {
  %p = arith.constant -1 : index
  // expected-error @below {{cache_append_c4: expected a position of at least 0, got -1}}
  %0 = attn.cache_append ins(%x : tensor<1x2x3x4xf32>) outs(%o : tensor<1x2x8x4xf32>) at(%p) -> tensor<1x2x8x4xf32>
  return
}

// -----

// cache_append_c5: rows fit
func.func @f(%x: tensor<1x2x3x4xf32>, %o: tensor<1x2x8x4xf32>) {
  %p = arith.constant 6 : index
  // expected-error @below {{cache_append_c5: expected rows that fit into the capacity 8, got 3 rows at position 6}}
  %0 = attn.cache_append ins(%x : tensor<1x2x3x4xf32>) outs(%o : tensor<1x2x8x4xf32>) at(%p) -> tensor<1x2x8x4xf32>
  return
}

// -----

// cache_append_c5: a ring is not lapped
func.func @f(%x: tensor<1x2x3x4xf32>, %o: tensor<1x2x2x4xf32>, %p: index) {
  // expected-error @below {{cache_append_c5: expected rows that fit into the capacity 2, got 3 rows at position 0}}
  %0 = attn.cache_append ins(%x : tensor<1x2x3x4xf32>) outs(%o : tensor<1x2x2x4xf32>) at(%p) {ring} -> tensor<1x2x2x4xf32>
  return
}

// -----

// cache_append_c6: one position a sequence
func.func @f(%x: tensor<2x2x3x4xf32>, %o: tensor<2x2x8x4xf32>, %p: tensor<3xi64>) {
  // expected-error @below {{cache_append_c6: expected B of positions to be 2 as in the source, got 3}}
  %0 = attn.cache_append ins(%x : tensor<2x2x3x4xf32>) outs(%o : tensor<2x2x8x4xf32>) at(%p : tensor<3xi64>) -> tensor<2x2x8x4xf32>
  return
}

// -----

// cache_append_c6: and no dims more
func.func @f(%x: tensor<2x2x3x4xf32>, %o: tensor<2x2x8x4xf32>, %p: tensor<2x1xi64>) {
  // expected-error @below {{cache_append_c6: expected positions to have rank 1, got 2}}
  %0 = attn.cache_append ins(%x : tensor<2x2x3x4xf32>) outs(%o : tensor<2x2x8x4xf32>) at(%p : tensor<2x1xi64>) -> tensor<2x2x8x4xf32>
  return
}

// -----

// cache_append_c6: positions are i64
func.func @f(%x: tensor<2x2x3x4xf32>, %o: tensor<2x2x8x4xf32>, %p: tensor<2xi32>) {
  // expected-error @below {{cache_append_c6: expected positions to have elements of type 'i64', got 'i32'}}
  %0 = attn.cache_append ins(%x : tensor<2x2x3x4xf32>) outs(%o : tensor<2x2x8x4xf32>) at(%p : tensor<2xi32>) -> tensor<2x2x8x4xf32>
  return
}

// -----

// quantize_rows_c1: one rank
func.func @f(%x: tensor<2x3x64xf32>, %o: tensor<2x68xi8>) {
  // expected-error @below {{quantize_rows_c1: expected the init to have rank 3, got 2}}
  %0 = attn.quantize_rows ins(%x : tensor<2x3x64xf32>) outs(%o : tensor<2x68xi8>) -> tensor<2x68xi8>
  return
}

// -----

// quantize_rows_c1: a scalar is no row
func.func @f(%x: tensor<f32>, %o: tensor<i8>) {
  // expected-error @below {{quantize_rows_c1: expected a source of rows, got one of rank 0}}
  %0 = attn.quantize_rows ins(%x : tensor<f32>) outs(%o : tensor<i8>) -> tensor<i8>
  return
}

// -----

// quantize_rows_c1: as many rows
func.func @f(%x: tensor<2x3x64xf32>, %o: tensor<2x4x68xi8>) {
  // expected-error @below {{quantize_rows_c1: expected dim 1 of the init to be 3 as in the source, got 4}}
  %0 = attn.quantize_rows ins(%x : tensor<2x3x64xf32>) outs(%o : tensor<2x4x68xi8>) -> tensor<2x4x68xi8>
  return
}

// -----

// quantize_rows_c2: where scales lie is known
func.func @f(%x: tensor<2x?xf32>, %o: tensor<2x?xi8>) {
  // expected-error @below {{quantize_rows_c2: expected rows of a known size of at least 1, got 'tensor<2x?xf32>'}}
  %0 = attn.quantize_rows ins(%x : tensor<2x?xf32>) outs(%o : tensor<2x?xi8>) -> tensor<2x?xi8>
  return
}

// -----

// quantize_rows_c2: the last group may be smaller, its scale is not
func.func @f(%x: tensor<2x33xf32>, %o: tensor<2x35xi8>) {
  // expected-error @below {{quantize_rows_c2: expected rows of 37 bytes for 33 elements, got 'tensor<2x35xi8>'}}
  %0 = attn.quantize_rows ins(%x : tensor<2x33xf32>) outs(%o : tensor<2x35xi8>) -> tensor<2x35xi8>
  return
}

// -----

// attn.quantize_rows takes f32 alone
func.func @f(%x: tensor<2x64xf16>, %o: tensor<2x68xi8>) {
  // expected-error @below {{operand #0 must be ranked tensor or strided memref of f32, but got 'tensor<2x64xf16>'}}
  %0 = attn.quantize_rows ins(%x : tensor<2x64xf16>) outs(%o : tensor<2x68xi8>) -> tensor<2x68xi8>
  return
}

// -----

// attention_c12: keys and values are quantised together
!t = tensor<1x2x4x64xf32>
func.func @f(%q: !t, %k: tensor<1x2x4x68xi8>) {
  // expected-error @below {{attention_c12: expected value to have elements of type 'i8', got 'f32'}}
  %r = attn.attention ins(%q, %k, %q : !t, tensor<1x2x4x68xi8>, !t) outs(%q : !t) -> !t
  return
}

// -----

// attention_c3: and not values alone
!t = tensor<1x2x4x64xf32>
func.func @f(%q: !t, %v: tensor<1x2x4x68xi8>) {
  // expected-error @below {{attention_c3: expected value to have elements of type 'f32', got 'i8'}}
  %r = attn.attention ins(%q, %q, %v : !t, !t, tensor<1x2x4x68xi8>) outs(%q : !t) -> !t
  return
}

// -----

// attention_c12: queries are f32
!t = tensor<1x2x4x64xf16>
!c = tensor<1x2x4x68xi8>
func.func @f(%q: !t, %k: !c) {
  // expected-error @below {{attention_c12: expected query to have elements of type 'f32', got 'f16'}}
  %r = attn.attention ins(%q, %k, %k : !t, !c, !c) outs(%q : !t) -> !t
  return
}

// -----

// attention_c12: no row has 35 bytes
!t = tensor<1x2x4x64xf32>
!c = tensor<1x2x4x35xi8>
func.func @f(%q: !t, %k: !c) {
  // expected-error @below {{attention_c12: expected quantised rows of D + 2 * ceil(D / 32) bytes, of a known size, got key 'tensor<1x2x4x35xi8>'}}
  %r = attn.attention ins(%q, %k, %k : !t, !c, !c) outs(%q : !t) -> !t
  return
}

// -----

// attention_c12: where scales lie is known
!t = tensor<1x2x4x64xf32>
!c = tensor<1x2x4x68xi8>
!d = tensor<1x2x4x?xi8>
func.func @f(%q: !t, %k: !c, %v: !d) {
  // expected-error @below {{attention_c12: expected quantised rows of D + 2 * ceil(D / 32) bytes, of a known size, got value 'tensor<1x2x4x?xi8>'}}
  %r = attn.attention ins(%q, %k, %v : !t, !c, !d) outs(%q : !t) -> !t
  return
}

// -----

// attention_c4: the head dim is that of the elements, not that of the bytes
!t = tensor<1x2x4x68xf32>
!c = tensor<1x2x4x68xi8>
func.func @f(%q: !t, %k: !c) {
  // expected-error @below {{attention_c4: expected D of key to be 68 as in query, got 64}}
  %r = attn.attention ins(%q, %k, %k : !t, !c, !c) outs(%q : !t) -> !t
  return
}

// -----

// dropout_c1: 1 would drop everything
func.func @f(%x: tensor<4xf32>, %o: tensor<4xf32>, %s: i64) {
  // expected-error @below {{dropout_c1: expected p to be in [0, 1), got}}
  %0 = attn.dropout ins(%x : tensor<4xf32>) outs(%o : tensor<4xf32>) seed(%s) {p = 1.0 : f64} -> tensor<4xf32>
  return
}

// -----

// dropout_c1: no negative probability
func.func @f(%x: tensor<4xf32>, %o: tensor<4xf32>, %s: i64) {
  // expected-error @below {{dropout_c1: expected p to be in [0, 1), got}}
  %0 = attn.dropout ins(%x : tensor<4xf32>) outs(%o : tensor<4xf32>) seed(%s) {p = -0.5 : f64} -> tensor<4xf32>
  return
}

// -----

// dropout_c1: NaN is no probability
func.func @f(%x: tensor<4xf32>, %o: tensor<4xf32>, %s: i64) {
  // expected-error @below {{dropout_c1: expected p to be in [0, 1), got}}
  %0 = attn.dropout ins(%x : tensor<4xf32>) outs(%o : tensor<4xf32>) seed(%s) {p = 0x7FF8000000000000 : f64} -> tensor<4xf32>
  return
}

// -----

// dropout_c2: the init is like the source
func.func @f(%x: tensor<4xf32>, %o: tensor<4xf16>, %s: i64) {
  // expected-error @below {{dropout_c2: expected the init to have the shape and element type of}}
  %0 = attn.dropout ins(%x : tensor<4xf32>) outs(%o : tensor<4xf16>) seed(%s) {p = 0.5 : f64} -> tensor<4xf16>
  return
}

// -----

// sample_c1: a row of logits for each token
func.func @f(%x: tensor<512xf32>, %o: tensor<2xi64>, %t: f32, %k: i64) {
  // expected-error @below {{sample_c1: expected logits to have rank 2, got 1}}
  %0 = attn.sample ins(%x : tensor<512xf32>) outs(%o : tensor<2xi64>) temperature(%t) top_k(%k) top_p(%t) min_p(%t) seed(%k) -> tensor<2xi64>
  return
}

// -----

// sample_c1: token ids are i64
func.func @f(%x: tensor<2x512xf32>, %o: tensor<2xi32>, %t: f32, %k: i64) {
  // expected-error @below {{sample_c1: expected the init to have elements of type 'i64', got 'i32'}}
  %0 = attn.sample ins(%x : tensor<2x512xf32>) outs(%o : tensor<2xi32>) temperature(%t) top_k(%k) top_p(%t) min_p(%t) seed(%k) -> tensor<2xi32>
  return
}

// -----

// sample_c2: one token a row
func.func @f(%x: tensor<2x512xf32>, %o: tensor<3xi64>, %t: f32, %k: i64) {
  // expected-error @below {{sample_c2: expected B of the init to be 2 as in logits, got 3}}
  %0 = attn.sample ins(%x : tensor<2x512xf32>) outs(%o : tensor<3xi64>) temperature(%t) top_k(%k) top_p(%t) min_p(%t) seed(%k) -> tensor<3xi64>
  return
}

// -----

// sample_c3: something to draw from
func.func @f(%x: tensor<2x0xf32>, %o: tensor<2xi64>, %t: f32, %k: i64) {
  // expected-error @below {{sample_c3: expected a vocabulary of at least 1 token, got 0}}
  %0 = attn.sample ins(%x : tensor<2x0xf32>) outs(%o : tensor<2xi64>) temperature(%t) top_k(%k) top_p(%t) min_p(%t) seed(%k) -> tensor<2xi64>
  return
}

// -----

// weight_c1: places in the name need indices
func.func @f(%i: index) {
  // expected-error @below {{weight_c1: expected at most one {} in the name for each of 1 indices, got "l.{}.{}.w"}}
  %0 = attn.weight "l.{}.{}.w"[%i of 4] : tensor<4xf32>
  return
}

// -----

// weight_c1: a place in the name needs an index
func.func @f() {
  // expected-error @below {{weight_c1: expected at most one {} in the name for each of 0 indices, got "l.{}.w"}}
  %0 = attn.weight "l.{}.w" : tensor<4xf32>
  return
}

// -----

// weight_c2: there are layers
func.func @f(%i: index) {
  // expected-error @below {{weight_c2: expected a count of at least 1 for each of 1 indices, and a product of at most 2^31, got [0]}}
  %0 = attn.weight "l.{}.w"[%i of 0] : tensor<4xf32>
  return
}

// -----

// weight_c2: an index has a count
func.func @f(%i: index) {
  // expected-error @below {{weight_c2: expected a count of at least 1 for each of 1 indices, and a product of at most 2^31, got []}}
  %0 = "attn.weight"(%i) {name = "l.{}.w"} : (index) -> tensor<4xf32>
  return
}

// -----

// weight_c2: a product that overflows
func.func @f(%i: index) {
  // expected-error @below {{weight_c2: expected a count of at least 1 for each of 2 indices, and a product of at most 2^31, got [4294967296, 4294967296]}}
  %0 = attn.weight "l.{}.w"[%i of 4294967296, %i of 4294967296] : tensor<4xf32>
  return
}

// -----

// attn.weight: what an index is of
func.func @f(%i: index) {
  // expected-error @below {{expected 'of'}}
  %0 = attn.weight "l.{}.w"[%i] : tensor<4xf32>
  return
}

// -----

// weight_c5: spans lie within the count
func.func @f(%i: index) {
  // expected-error @below {{weight_c5: expected spans of numbers below the counts [4], apart and in order, got (index, begin, end) of [0, 1, 5]}}
  %0 = attn.weight "l.{}.w"[%i of 4 in [1:5]] : tensor<4xf32>
  return
}

// -----

// weight_c5: spans hold numbers
func.func @f(%i: index) {
  // expected-error @below {{weight_c5: expected spans of numbers below the counts [4], apart and in order, got (index, begin, end) of [0, 2, 2]}}
  %0 = attn.weight "l.{}.w"[%i of 4 in [2:2]] : tensor<4xf32>
  return
}

// -----

// weight_c5: spans lie in order
func.func @f(%i: index) {
  // expected-error @below {{weight_c5: expected spans of numbers below the counts [4], apart and in order, got (index, begin, end) of [0, 2, 3, 0, 0, 1]}}
  %0 = attn.weight "l.{}.w"[%i of 4 in [2:3, 0:1]] : tensor<4xf32>
  return
}

// -----

// weight_c5: spans lie apart
func.func @f(%i: index) {
  // expected-error @below {{weight_c5: expected spans of numbers below the counts [4], apart and in order, got (index, begin, end) of [0, 0, 2, 0, 2, 3]}}
  %0 = attn.weight "l.{}.w"[%i of 4 in [0:2, 2:3]] : tensor<4xf32>
  return
}

// -----

// weight_c5: spans lie not below 0
func.func @f(%i: index) {
  // expected-error @below {{weight_c5: expected spans of numbers below the counts [4], apart and in order, got (index, begin, end) of [0, -1, 2]}}
  %0 = attn.weight "l.{}.w"[%i of 4 in [-1:2]] : tensor<4xf32>
  return
}

// -----

// weight_c5: of an index that there is
func.func @f(%i: index) {
  // expected-error @below {{weight_c5: expected spans of numbers below the counts [4], apart and in order, got (index, begin, end) of [1, 0, 1]}}
  %0 = "attn.weight"(%i) {name = "l.{}.w", counts = array<i64: 4>, spans = array<i64: 1, 0, 1>} : (index) -> tensor<4xf32>
  return
}

// -----

// weight_c5: three numbers each
func.func @f(%i: index) {
  // expected-error @below {{weight_c5: expected spans of numbers below the counts [4], apart and in order, got (index, begin, end) of [0, 1]}}
  %0 = "attn.weight"(%i) {name = "l.{}.w", counts = array<i64: 4>, spans = array<i64: 0, 1>} : (index) -> tensor<4xf32>
  return
}

// -----

// weight_c5: of quantised weights too
func.func @f(%i: index) {
  // expected-error @below {{weight_c5: expected spans of numbers below the counts [5], apart and in order, got (index, begin, end) of [0, 3, 6]}}
  %v, %s = attn.quantized_weight "l.{}.w"[%i of 5 in [3:6]] panels(tensor<64x8xf32> along 1 as q4)
    : memref<1x1x2x8x16xi8, strided<[288, 288, 144, 16, 1]>>, memref<1x1x2x8xbf16, strided<[144, 144, 72, 1], offset: 64>>
  return
}

// -----

// attn.weight: a span has an end
func.func @f(%i: index) {
  // expected-error @below {{expected ':'}}
  %0 = attn.weight "l.{}.w"[%i of 4 in [1]] : tensor<4xf32>
  return
}

// -----

// weight_c3: panels are those of a matrix
func.func @f() {
  // expected-error @below {{weight_c3: expected panels of a matrix of known sizes along dim 0 or 1, got those of 'tensor<20xf32>' along 0}}
  %0 = attn.weight "w" panels(tensor<20xf32> along 0) : memref<2x1x16xf32>
  return
}

// -----

// weight_c3: of known sizes
func.func @f() {
  // expected-error @below {{weight_c3: expected panels of a matrix of known sizes along dim 0 or 1, got those of 'tensor<?x8xf32>' along 0}}
  %0 = attn.weight "w" panels(tensor<?x8xf32> along 0) : memref<2x8x16xf32>
  return
}

// -----

// weight_c3: along one of its dims
func.func @f() {
  // expected-error @below {{weight_c3: expected panels of a matrix of known sizes along dim 0 or 1, got those of 'tensor<20x8xf32>' along 2}}
  %0 = attn.weight "w" panels(tensor<20x8xf32> along 2) : memref<2x8x16xf32>
  return
}

// -----

// weight_c4: as many panels as hold all rows
func.func @f() {
  // expected-error @below {{weight_c4: expected panels [streams, ceil(20 / (streams * lanes)), 8, lanes] of 'f32', got 'memref<1x1x8x16xf32>'}}
  %0 = attn.weight "w" panels(tensor<20x8xf32> along 0) : memref<1x1x8x16xf32>
  return
}

// -----

// weight_c4: of all columns
func.func @f() {
  // expected-error @below {{weight_c4: expected panels [streams, ceil(8 / (streams * lanes)), 20, lanes] of 'f32', got 'memref<1x1x8x16xf32>'}}
  %0 = attn.weight "w" panels(tensor<20x8xf32> along 1) : memref<1x1x8x16xf32>
  return
}

// -----

// weight_c4: of the stored type
func.func @f() {
  // expected-error @below {{weight_c4: expected panels [streams, ceil(20 / (streams * lanes)), 8, lanes] of 'f16', got 'memref<2x1x8x16xf32>'}}
  %0 = attn.weight "w" panels(tensor<20x8xf16> along 0) : memref<2x1x8x16xf32>
  return
}

// -----

// weight_c1: quantised weights have names too
func.func @f(%i: index) {
  // expected-error @below {{weight_c1: expected at most one {} in the name for each of 0 indices, got "w.{}"}}
  %0, %1 = attn.quantized_weight "w.{}" panels(tensor<8x64xf32> along 0 as q8) : memref<1x1x2x16x16xi8, strided<[544, 544, 272, 16, 1]>>, memref<1x1x2x8xbf16, strided<[272, 272, 136, 1], offset: 128>>
  return
}

// -----

// quantized_weight_c1: a matrix
func.func @f() {
  // expected-error @below {{quantized_weight_c1: expected panels of a matrix of known sizes along dim 0 or 1, got those of 'tensor<8x64x1xf32>' along 0}}
  %0, %1 = attn.quantized_weight "w" panels(tensor<8x64x1xf32> along 0 as q8) : memref<1x1x2x16x16xi8, strided<[544, 544, 272, 16, 1]>>, memref<1x1x2x8xbf16, strided<[272, 272, 136, 1], offset: 128>>
  return
}

// -----

// quantized_weight_c1: along one of its dims
func.func @f() {
  // expected-error @below {{quantized_weight_c1: expected panels of a matrix of known sizes along dim 0 or 1, got those of 'tensor<8x64xf32>' along 2}}
  %0, %1 = attn.quantized_weight "w" panels(tensor<8x64xf32> along 2 as q8) : memref<1x1x2x16x16xi8, strided<[544, 544, 272, 16, 1]>>, memref<1x1x2x8xbf16, strided<[272, 272, 136, 1], offset: 128>>
  return
}

// -----

// quantized_weight_c2: of floats of at most 32 bits
func.func @f() {
  // expected-error @below {{quantized_weight_c2: expected elements of f32, f16 or bf16, got 'f64'}}
  %0, %1 = attn.quantized_weight "w" panels(tensor<8x64xf64> along 0 as q8) : memref<1x1x2x16x16xi8, strided<[544, 544, 272, 16, 1]>>, memref<1x1x2x8xbf16, strided<[272, 272, 136, 1], offset: 128>>
  return
}

// -----

// quantized_weight_c3: the other format's panels
func.func @f() {
  // expected-error @below {{quantized_weight_c3: expected panels of 8 x 64 elements as q4, got 'memref<1x1x2x16x16xi8}}
  %0, %1 = attn.quantized_weight "w" panels(tensor<8x64xf32> along 0 as q4) : memref<1x1x2x16x16xi8, strided<[544, 544, 272, 16, 1]>>, memref<1x1x2x8xbf16, strided<[272, 272, 136, 1], offset: 128>>
  return
}

// -----

// quantized_weight_c3: as many groups as hold all columns
func.func @f() {
  // expected-error @below {{quantized_weight_c3: expected panels of 8 x 65 elements as q8, got 'memref<1x1x2x16x16xi8}}
  %0, %1 = attn.quantized_weight "w" panels(tensor<8x65xf32> along 0 as q8) : memref<1x1x2x16x16xi8, strided<[544, 544, 272, 16, 1]>>, memref<1x1x2x8xbf16, strided<[272, 272, 136, 1], offset: 128>>
  return
}

// -----

// launch_c1: the kernel exists
func.func @f(%n: index, %x: memref<4xf32>) {
  // expected-error @below {{launch_c1: expected a function, got @k, which names none}}
  attn.launch @k count(%n) args(%x : memref<4xf32>)
  return
}

// -----

// launch_c2: a kernel returns nothing
func.func private @k(index, index, index, memref<4xf32>) -> f32
func.func @f(%n: index, %x: memref<4xf32>) {
  // expected-error @below {{launch_c2: expected @k to be private and to return nothing}}
  attn.launch @k count(%n) args(%x : memref<4xf32>)
  return
}

// -----

// launch_c2: a kernel is private
func.func @k(%a: index, %b: index, %c: index, %x: memref<4xf32>) {
  return
}
func.func @f(%n: index, %x: memref<4xf32>) {
  // expected-error @below {{launch_c2: expected @k to be private and to return nothing}}
  attn.launch @k count(%n) args(%x : memref<4xf32>)
  return
}

// -----

// launch_c3: begin, end and worker come first
func.func private @k(memref<4xf32>)
func.func @f(%n: index, %x: memref<4xf32>) {
  // expected-error @below {{launch_c3: expected @k to take}}
  attn.launch @k count(%n) args(%x : memref<4xf32>)
  return
}
