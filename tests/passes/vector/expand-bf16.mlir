// RUN: fovea-opt %s --attn-expand-bf16 | FileCheck %s

// What a weight is stays what it is.
// CHECK: module attributes {attn.weights = [{counts = array<i64>, name = "w", type = tensor<2xbf16>}]}
module attributes {attn.weights = [{counts = array<i64>, name = "w", type = tensor<2xbf16>}]} {

// CHECK: memref.global "private" constant @table : memref<2xi16> = dense<[16256, -16384]>
memref.global "private" constant @table : memref<2xbf16> = dense<[1.0, -2.0]>

// Values that live across blocks, as loops carry them.
// CHECK-LABEL: func @moves
// CHECK-SAME: %[[M:.*]]: memref<?xi16>, %[[C:.*]]: vector<8xi1>, %[[I:.*]]: index, %[[MORE:.*]]: i1) -> vector<8xi16>
// CHECK: %[[NAN:.*]] = arith.constant dense<32704> : vector<8xi16>
// CHECK: cf.br ^[[BLOCK:.*]](%[[NAN]] : vector<8xi16>)
// CHECK: ^[[BLOCK]](%[[R:.*]]: vector<8xi16>):
// CHECK: %[[V:.*]] = vector.load %[[M]][%[[I]]] : memref<?xi16>, vector<8xi16>
// CHECK: %[[S:.*]] = arith.select %[[C]], %[[R]], %[[V]] : vector<8xi1>, vector<8xi16>
// CHECK: cf.cond_br %[[MORE]], ^[[BLOCK]](%[[S]] : vector<8xi16>), ^[[END:.*]]
func.func @moves(%m: memref<?xbf16>, %c: vector<8xi1>, %i: index, %more: i1) -> vector<8xbf16> {
  %nan = arith.constant dense<0x7FC0> : vector<8xbf16>
  cf.br ^bb1(%nan : vector<8xbf16>)
^bb1(%r: vector<8xbf16>):
  %v = vector.load %m[%i] : memref<?xbf16>, vector<8xbf16>
  %s = arith.select %c, %r, %v : vector<8xi1>, vector<8xbf16>
  cf.cond_br %more, ^bb1(%s : vector<8xbf16>), ^bb2
^bb2:
  return %s : vector<8xbf16>
}

// CHECK-LABEL: func @scalars
// CHECK: %[[ONE:.*]] = arith.constant 16256 : i16
// CHECK: %[[TABLE:.*]] = memref.get_global @table : memref<2xi16>
// CHECK: memref.store %[[ONE]], %[[TABLE]]
// CHECK: call @scalars(%[[ONE]]) : (i16) -> ()
func.func @scalars(%x: bf16) {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : bf16
  %table = memref.get_global @table : memref<2xbf16>
  memref.store %one, %table[%c0] : memref<2xbf16>
  func.call @scalars(%one) : (bf16) -> ()
  return
}

// CHECK-LABEL: func @widen
// CHECK: arith.extui %{{.*}} : i16 to i32
// CHECK: arith.shli
// CHECK: arith.bitcast %{{.*}} : i32 to f32
func.func @widen(%x: bf16) -> f32 {
  %y = arith.extf %x : bf16 to f32
  return %y : f32
}

// To f64 through f32, which holds every bf16.
// CHECK-LABEL: func @widen_twice
// CHECK: %[[F:.*]] = arith.bitcast %{{.*}} : vector<4xi32> to vector<4xf32>
// CHECK: arith.extf %[[F]] : vector<4xf32> to vector<4xf64>
func.func @widen_twice(%x: vector<4xbf16>) -> vector<4xf64> {
  %y = arith.extf %x : vector<4xbf16> to vector<4xf64>
  return %y : vector<4xf64>
}

// CHECK-LABEL: func @round
// CHECK-NOT: arith.truncf
// CHECK: arith.trunci %{{.*}} : i32 to i16
func.func @round(%x: f32) -> bf16 {
  %y = arith.truncf %x : f32 to bf16
  return %y : bf16
}

// An f32 that is not the double has its last bit set, so that the second rounding knows.
// CHECK-LABEL: func @round_doubles
// CHECK: %[[F:.*]] = arith.truncf %[[X:.*]] : vector<4xf64> to vector<4xf32>
// CHECK: %[[BACK:.*]] = arith.extf %[[F]]
// CHECK: arith.cmpf une, %[[BACK]], %[[X]]
// CHECK: arith.ori
// CHECK: arith.trunci %{{.*}} : vector<4xi32> to vector<4xi16>
func.func @round_doubles(%x: vector<4xf64>) -> vector<4xbf16> {
  %y = arith.truncf %x : vector<4xf64> to vector<4xbf16>
  return %y : vector<4xbf16>
}

// Other floats stay.
// CHECK-LABEL: func @others
// CHECK: %[[Y:.*]] = arith.addf %{{.*}}, %{{.*}} : f16
// CHECK: %[[W:.*]] = arith.extf %[[Y]] : f16 to f64
// CHECK: arith.truncf %[[W]] : f64 to f32
func.func @others(%x: f16, %z: f16) -> f32 {
  %y = arith.addf %x, %z : f16
  %w = arith.extf %y : f16 to f64
  %v = arith.truncf %w : f64 to f32
  return %v : f32
}
}
