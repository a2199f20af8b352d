// RUN: fovea-opt %s -pass-pipeline='builtin.module(func.func(attn-expand-dequantize,canonicalize))' | FileCheck %s

// CHECK-LABEL: @q8
// CHECK-SAME:    %[[BYTE:.*]]: i8, %[[SCALE:.*]]: bf16
// CHECK:         %[[D:.*]] = arith.extf %[[SCALE]] : bf16 to f32
// CHECK:         %[[Q:.*]] = arith.sitofp %[[BYTE]] : i8 to f32
// CHECK:         arith.mulf %[[D]], %[[Q]]
func.func @q8(%byte: i8, %scale: bf16, %k: index) -> f32 {
  %x = attn.dequantize %byte scale(%scale) at(%k) as q8
  return %x : f32
}

// The low half of the byte for the first 16 of a group, minus 8.
// CHECK-LABEL: @q4
// CHECK-SAME:    %[[BYTE:.*]]: i8, %[[SCALE:.*]]: bf16, %[[K:.*]]: index
// CHECK-DAG:     %[[PLACE:.*]] = arith.remui %[[K]], %c32
// CHECK:         %[[HALF:.*]] = arith.divui %[[PLACE]], %c16
// CHECK:         %[[BITS:.*]] = arith.muli %[[HALF]], %c4
// CHECK:         %[[SHIFT:.*]] = arith.index_cast %[[BITS]] : index to i8
// CHECK:         %[[SHIFTED:.*]] = arith.shrui %[[BYTE]], %[[SHIFT]]
// CHECK:         %[[LEVEL:.*]] = arith.andi %[[SHIFTED]], %c15_i8
// CHECK:         arith.subi %[[LEVEL]], %c8_i8
// CHECK:         arith.mulf
func.func @q4(%byte: i8, %scale: bf16, %k: index) -> f32 {
  %x = attn.dequantize %byte scale(%scale) at(%k) as q4
  return %x : f32
}
