// RUN: fovea-opt %s -split-input-file -attn-merge-kernels | FileCheck %s

// Two kernels that differ in names and places only become the first of them, in all entries.
// CHECK-LABEL: func.func private @f.fill(
// CHECK-NOT:   func.func private
// CHECK-LABEL: func.func @f
// CHECK:         attn.launch @f.fill count(%arg1) args(%arg0 : memref<?xf32>)
// CHECK:         attn.launch @f.fill count(%arg1) args(%arg0 : memref<?xf32>)
// CHECK-LABEL: func.func @g
// CHECK:         attn.launch @f.fill count(%arg1) args(%arg0 : memref<?xf32>)
func.func private @f.fill(%begin: index, %end: index, %worker: index, %x: memref<?xf32>)
    attributes {attn.kernel} {
  %zero = arith.constant 0.0 : f32
  memref.store %zero, %x[%begin] : memref<?xf32>
  return
}
func.func private @f.fill_0(%b: index, %e: index, %w: index, %memory: memref<?xf32>)
    attributes {attn.kernel} {
  %nothing = arith.constant 0.0 : f32
  memref.store %nothing, %memory[%b] : memref<?xf32>
  return
}
func.func @f(%x: memref<?xf32>, %n: index) {
  attn.launch @f.fill count(%n) args(%x : memref<?xf32>)
  attn.launch @f.fill_0 count(%n) args(%x : memref<?xf32>)
  return
}
func.func @g(%x: memref<?xf32>, %n: index) {
  attn.launch @f.fill_0 count(%n) args(%x : memref<?xf32>)
  return
}

// -----

// Not merged: another constant, another operand, another type.
// CHECK-LABEL: func.func @different
// CHECK:         attn.launch @zero count
// CHECK:         attn.launch @one count
// CHECK:         attn.launch @last count
// CHECK:         attn.launch @wide count
func.func private @zero(%begin: index, %end: index, %worker: index, %x: memref<?xf32>)
    attributes {attn.kernel} {
  %value = arith.constant 0.0 : f32
  memref.store %value, %x[%begin] : memref<?xf32>
  return
}
func.func private @one(%begin: index, %end: index, %worker: index, %x: memref<?xf32>)
    attributes {attn.kernel} {
  %value = arith.constant 1.0 : f32
  memref.store %value, %x[%begin] : memref<?xf32>
  return
}
func.func private @last(%begin: index, %end: index, %worker: index, %x: memref<?xf32>)
    attributes {attn.kernel} {
  %value = arith.constant 0.0 : f32
  memref.store %value, %x[%end] : memref<?xf32>
  return
}
func.func private @wide(%begin: index, %end: index, %worker: index, %x: memref<?xf64>)
    attributes {attn.kernel} {
  %value = arith.constant 0.0 : f64
  memref.store %value, %x[%begin] : memref<?xf64>
  return
}
func.func @different(%x: memref<?xf32>, %y: memref<?xf64>, %n: index) {
  attn.launch @zero count(%n) args(%x : memref<?xf32>)
  attn.launch @one count(%n) args(%x : memref<?xf32>)
  attn.launch @last count(%n) args(%x : memref<?xf32>)
  attn.launch @wide count(%n) args(%y : memref<?xf64>)
  return
}

// -----

// Functions that are no kernels stay, whatever they do.
// CHECK-LABEL: func.func private @helper
// CHECK-LABEL: func.func private @other_helper
func.func private @helper(%begin: index, %end: index, %worker: index) {
  return
}
func.func private @other_helper(%begin: index, %end: index, %worker: index) {
  return
}
