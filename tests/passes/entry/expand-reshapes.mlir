// RUN: fovea-opt %s --attn-expand-reshapes | FileCheck %s
// RUN: fovea-opt %s --attn-expand-reshapes --expand-strided-metadata -o /dev/null

// Two dynamic dims in a group: the sizes are those that the op states.
// CHECK-LABEL: func @two_dynamic
// CHECK-SAME: memref<?x3xf32>, %[[A:.*]]: index, %[[B:.*]]: index
// CHECK: %[[STRIDE:.*]] = arith.muli %[[B]], %{{.*}}
// CHECK: memref.reinterpret_cast %{{.*}} to offset: [0], sizes: [%[[A]], %[[B]], 3], strides: [%[[STRIDE]], 3, 1]
func.func @two_dynamic(%m: memref<?x3xf32>, %a: index, %b: index) -> memref<?x?x3xf32> {
  %e = memref.expand_shape %m [[0, 1], [2]] output_shape [%a, %b, 3]
      : memref<?x3xf32> into memref<?x?x3xf32>
  return %e : memref<?x?x3xf32>
}

// The innermost dim of a group has the stride of its source.
// CHECK-LABEL: func @strided
// CHECK: memref.reinterpret_cast %{{.*}} to offset: [%{{.*}}], sizes: [2, 4, 8], strides: [400, 100, %{{.*}}]
func.func @strided(%m: memref<8x8xf32, strided<[100, ?], offset: ?>>)
    -> memref<2x4x8xf32, strided<[400, 100, ?], offset: ?>> {
  %e = memref.expand_shape %m [[0, 1], [2]] output_shape [2, 4, 8]
      : memref<8x8xf32, strided<[100, ?], offset: ?>>
      into memref<2x4x8xf32, strided<[400, 100, ?], offset: ?>>
  return %e : memref<2x4x8xf32, strided<[400, 100, ?], offset: ?>>
}

// One element, of no dim.
// CHECK-LABEL: func @scalar
// CHECK: memref.reinterpret_cast %{{.*}} to offset: [0], sizes: [1, 1], strides: [1, 1]
func.func @scalar(%m: memref<f32>) -> memref<1x1xf32> {
  %e = memref.expand_shape %m [] output_shape [1, 1] : memref<f32> into memref<1x1xf32>
  return %e : memref<1x1xf32>
}
