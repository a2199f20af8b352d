// attention_s13: a tiled attention computes the bits of the whole one, dropout included
// (attention_s12). Both are run, and the elements that differ are counted.
// RUN: fovea-opt %s --pass-pipeline="builtin.module( \
// RUN:   transform-preload-library{transform-library-paths=%S/Inputs/tile-attention.mlir}, transform-interpreter, \
// RUN:   func.func(attn-decompose{attention=true}), one-shot-bufferize{bufferize-function-boundaries}, \
// RUN:   func.func(convert-linalg-to-loops, scf-forall-to-for), expand-strided-metadata, lower-affine, \
// RUN:   convert-scf-to-cf, convert-to-llvm, reconcile-unrealized-casts)" \
// RUN:   | mlir-runner -e main -entry-point-result=void -shared-libs=%llvm_lib/libmlir_c_runner_utils.so | FileCheck %s

// CHECK: 0
// CHECK-NEXT: 0
// CHECK-NEXT: 0

!q = tensor<2x7x4x8xf32>
!kv = tensor<2x2x9x8xf32>
!w = tensor<2x4x7x9xf32>
!l = tensor<2x4x7xf32>

#all4 = affine_map<(a, b, c, d) -> (a, b, c, d)>
#all3 = affine_map<(a, b, c) -> (a, b, c)>
#none4 = affine_map<(a, b, c, d) -> ()>
#none3 = affine_map<(a, b, c) -> ()>

// A number that differs from element to element.
func.func private @number(%factor: f32, %a: index, %b: index, %c: index, %d: index) -> f32 {
  %c11 = arith.constant 11 : index
  %0 = arith.muli %a, %c11 : index
  %1 = arith.addi %0, %b : index
  %2 = arith.muli %1, %c11 : index
  %3 = arith.addi %2, %c : index
  %4 = arith.muli %3, %c11 : index
  %5 = arith.addi %4, %d : index
  %6 = arith.index_cast %5 : index to i32
  %7 = arith.sitofp %6 : i32 to f32
  %8 = arith.mulf %7, %factor : f32
  %9 = math.sin %8 : f32
  return %9 : f32
}

func.func private @fill_q(%factor: f32) -> !q {
  %e = tensor.empty() : !q
  %r = linalg.generic {indexing_maps = [#all4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%e : !q) {
  ^bb0(%o: f32):
    %a = linalg.index 0 : index
    %b = linalg.index 1 : index
    %c = linalg.index 2 : index
    %d = linalg.index 3 : index
    %x = func.call @number(%factor, %a, %b, %c, %d) : (f32, index, index, index, index) -> f32
    linalg.yield %x : f32
  } -> !q
  return %r : !q
}

func.func private @fill_kv(%factor: f32) -> !kv {
  %e = tensor.empty() : !kv
  %r = linalg.generic {indexing_maps = [#all4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%e : !kv) {
  ^bb0(%o: f32):
    %a = linalg.index 0 : index
    %b = linalg.index 1 : index
    %c = linalg.index 2 : index
    %d = linalg.index 3 : index
    %x = func.call @number(%factor, %a, %b, %c, %d) : (f32, index, index, index, index) -> f32
    linalg.yield %x : f32
  } -> !kv
  return %r : !kv
}

func.func private @whole(%q: !q, %k: !kv, %v: !kv, %slopes: tensor<4xf32>) -> (!q, !w, !l) {
  %seed = arith.constant 42 : i64
  %offset = arith.constant 1 : index
  %o = tensor.empty() : !q
  %w = tensor.empty() : !w
  %l = tensor.empty() : !l
  %r:3 = attn.attention ins(%q, %k, %v : !q, !kv, !kv) outs(%o, %w, %l : !q, !w, !l) offset(%offset) seed(%seed)
    {dropout = 0.3 : f64, query_perm = array<i64: 0, 2, 1, 3>, output_perm = array<i64: 0, 2, 1, 3>, with_weights, with_lse}
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %slope = tensor.extract %slopes[%h] : tensor<4xf32>
      %distance = arith.subi %j, %i : index
      %d = arith.index_cast %distance : index to i32
      %f = arith.sitofp %d : i32 to f32
      %m = arith.mulf %slope, %f : f32
      %t = arith.addf %s, %m : f32
      attn.yield %t : f32
    } mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %last = arith.addi %i, %b : index
      %p = arith.cmpi sge, %last, %j : index
      attn.yield %p : i1
    } sink {
    ^bb0(%b: index, %h: index, %i: index):
      %n = arith.index_cast %h : index to i32
      %f = arith.sitofp %n : i32 to f32
      attn.yield %f : f32
    } -> !q, !w, !l
  return %r#0, %r#1, %r#2 : !q, !w, !l
}

func.func private @tiled(%q: !q, %k: !kv, %v: !kv, %slopes: tensor<4xf32>) -> (!q, !w, !l) {
  %seed = arith.constant 42 : i64
  %offset = arith.constant 1 : index
  %o = tensor.empty() : !q
  %w = tensor.empty() : !w
  %l = tensor.empty() : !l
  %r:3 = attn.attention ins(%q, %k, %v : !q, !kv, !kv) outs(%o, %w, %l : !q, !w, !l) offset(%offset) seed(%seed)
    {dropout = 0.3 : f64, query_perm = array<i64: 0, 2, 1, 3>, output_perm = array<i64: 0, 2, 1, 3>, with_weights, with_lse, tiled}
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %slope = tensor.extract %slopes[%h] : tensor<4xf32>
      %distance = arith.subi %j, %i : index
      %d = arith.index_cast %distance : index to i32
      %f = arith.sitofp %d : i32 to f32
      %m = arith.mulf %slope, %f : f32
      %t = arith.addf %s, %m : f32
      attn.yield %t : f32
    } mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %last = arith.addi %i, %b : index
      %p = arith.cmpi sge, %last, %j : index
      attn.yield %p : i1
    } sink {
    ^bb0(%b: index, %h: index, %i: index):
      %n = arith.index_cast %h : index to i32
      %f = arith.sitofp %n : i32 to f32
      attn.yield %f : f32
    } -> !q, !w, !l
  return %r#0, %r#1, %r#2 : !q, !w, !l
}

func.func private @count4q(%x: !q, %y: !q) {
  %zero = arith.constant dense<0> : tensor<i64>
  %n = linalg.generic {indexing_maps = [#all4, #all4, #none4], iterator_types = ["reduction", "reduction", "reduction", "reduction"]}
      ins(%x, %y : !q, !q) outs(%zero : tensor<i64>) {
  ^bb0(%a: f32, %b: f32, %c: i64):
    %p = arith.bitcast %a : f32 to i32
    %q = arith.bitcast %b : f32 to i32
    %differs = arith.cmpi ne, %p, %q : i32
    %one = arith.extui %differs : i1 to i64
    %sum = arith.addi %c, %one : i64
    linalg.yield %sum : i64
  } -> tensor<i64>
  %r = tensor.extract %n[] : tensor<i64>
  vector.print %r : i64
  return
}

func.func private @count4w(%x: !w, %y: !w) {
  %zero = arith.constant dense<0> : tensor<i64>
  %n = linalg.generic {indexing_maps = [#all4, #all4, #none4], iterator_types = ["reduction", "reduction", "reduction", "reduction"]}
      ins(%x, %y : !w, !w) outs(%zero : tensor<i64>) {
  ^bb0(%a: f32, %b: f32, %c: i64):
    %p = arith.bitcast %a : f32 to i32
    %q = arith.bitcast %b : f32 to i32
    %differs = arith.cmpi ne, %p, %q : i32
    %one = arith.extui %differs : i1 to i64
    %sum = arith.addi %c, %one : i64
    linalg.yield %sum : i64
  } -> tensor<i64>
  %r = tensor.extract %n[] : tensor<i64>
  vector.print %r : i64
  return
}

func.func private @count3(%x: !l, %y: !l) {
  %zero = arith.constant dense<0> : tensor<i64>
  %n = linalg.generic {indexing_maps = [#all3, #all3, #none3], iterator_types = ["reduction", "reduction", "reduction"]}
      ins(%x, %y : !l, !l) outs(%zero : tensor<i64>) {
  ^bb0(%a: f32, %b: f32, %c: i64):
    %p = arith.bitcast %a : f32 to i32
    %q = arith.bitcast %b : f32 to i32
    %differs = arith.cmpi ne, %p, %q : i32
    %one = arith.extui %differs : i1 to i64
    %sum = arith.addi %c, %one : i64
    linalg.yield %sum : i64
  } -> tensor<i64>
  %r = tensor.extract %n[] : tensor<i64>
  vector.print %r : i64
  return
}

func.func @main() {
  %a = arith.constant 0.7 : f32
  %b = arith.constant 1.3 : f32
  %c = arith.constant 2.9 : f32
  %q = call @fill_q(%a) : (f32) -> !q
  %k = call @fill_kv(%b) : (f32) -> !kv
  %v = call @fill_kv(%c) : (f32) -> !kv
  %slopes = arith.constant dense<[0.5, 0.25, 0.125, 0.0625]> : tensor<4xf32>
  %r:3 = call @whole(%q, %k, %v, %slopes) : (!q, !kv, !kv, tensor<4xf32>) -> (!q, !w, !l)
  %s:3 = call @tiled(%q, %k, %v, %slopes) : (!q, !kv, !kv, tensor<4xf32>) -> (!q, !w, !l)
  call @count4q(%r#0, %s#0) : (!q, !q) -> ()
  call @count4w(%r#1, %s#1) : (!w, !w) -> ()
  call @count3(%r#2, %s#2) : (!l, !l) -> ()
  return
}
