// RUN: fovea-opt %s -attn-vectorize-linalg -cse -canonicalize -split-input-file | FileCheck %s

// Every second element, as of windows in steps of two: two vectors that follow each other, of which the second ends
// with the last lane, so that nothing behind it is read.
// CHECK-LABEL: @every_second
// CHECK:         scf.for %[[I:.*]] = %c0 to %c64 step %c8
// CHECK:           %[[A:.*]] = vector.load %arg0[%[[FIRST:.*]]] : memref<128xf32>, vector<8xf32>
// CHECK:           %[[SECOND:.*]] = arith.addi %[[FIRST]], %c7
// CHECK:           %[[B:.*]] = vector.load %arg0[%[[SECOND]]] : memref<128xf32>, vector<8xf32>
// CHECK:           vector.shuffle %{{.*}}, %[[B]] [0, 1, 2, 3, 9, 11, 13, 15]
// CHECK-NOT:       memref.load
#second = affine_map<(i) -> (i * 2)>
#id = affine_map<(i) -> (i)>
func.func @every_second(%x: memref<128xf32>, %y: memref<64xf32>) {
  linalg.generic {indexing_maps = [#second, #id], iterator_types = ["parallel"]}
    ins(%x : memref<128xf32>) outs(%y : memref<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }
  return
}

// -----

// negative: vectors of which an element each is of use, and neighbours in another line each.
// CHECK-LABEL: @negative
// CHECK-NOT:     vector.load
// CHECK:         return
#ninth = affine_map<(i) -> (i * 9)>
#column = affine_map<(i) -> (i * 2, 0)>
#id = affine_map<(i) -> (i)>
func.func @negative(%x: memref<576xf32>, %z: memref<128x4xf32>, %y: memref<64xf32>) {
  linalg.generic {indexing_maps = [#ninth, #id], iterator_types = ["parallel"]}
    ins(%x : memref<576xf32>) outs(%y : memref<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }
  linalg.generic {indexing_maps = [#column, #id], iterator_types = ["parallel"]}
    ins(%z : memref<128x4xf32>) outs(%y : memref<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }
  return
}
