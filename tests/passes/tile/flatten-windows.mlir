// Contractions of windows become products of matrices: channels and taps are one loop, in the order of the other
// factor, and so are places of an image.
// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-decompose,canonicalize,cse))" -split-input-file -verify-diagnostics | FileCheck %s

// Channels first, neighbours in the result are neighbours in the input: windows are copied along them.
// CHECK-DAG: #[[FROM:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2 + d3)>
// CHECK-DAG: #[[ROWS:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3, d1)>
// CHECK-LABEL: func @along_rows
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x80x?xf32>, %[[W:[^:]*]]: tensor<512x80x3xf32>, %[[I:[^:]*]]: tensor<?x?x512xf32>
// CHECK: %[[E:.*]] = tensor.empty(%{{.*}}, %{{.*}}) : tensor<?x80x3x?xf32>
// CHECK: %[[COPY:.*]] = linalg.generic {indexing_maps = [#[[FROM]], #{{.*}}], {{.*}}} ins(%[[X]] : {{.*}}) outs(%[[E]] :
// CHECK: %[[A:.*]] = tensor.collapse_shape %[[COPY]] {{\[\[0\], \[1, 2\], \[3\]\]}} : {{.*}} into tensor<?x240x?xf32>
// CHECK: %[[B:.*]] = tensor.collapse_shape %[[W]] {{\[\[0\], \[1, 2\]\]}} : {{.*}} into tensor<512x240xf32>
// CHECK: %[[Y:.*]] = linalg.generic {indexing_maps = [#[[ROWS]], #{{.*}}, #{{.*}}], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%[[A]], %[[B]] : {{.*}}) outs(%[[I]] :
// CHECK: return %[[Y]]
#x = affine_map<(b, l, o, c, t) -> (b, c, l, t)>
#w = affine_map<(b, l, o, c, t) -> (o, c, t)>
#y = affine_map<(b, l, o, c, t) -> (b, l, o)>
func.func @along_rows(%x: tensor<?x80x?xf32>, %w: tensor<512x80x3xf32>, %i: tensor<?x?x512xf32>) -> tensor<?x?x512xf32> {
  %windows = attn.unfold %x dim(2) size(3) step(1) : tensor<?x80x?xf32> -> tensor<?x80x?x3xf32>
  // expected-remark @below {{[windows] multiplied as rows of a matrix}}
  %y = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%windows, %w : tensor<?x80x?x3xf32>, tensor<512x80x3xf32>) outs(%i : tensor<?x?x512xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?x512xf32>
  return %y : tensor<?x?x512xf32>
}

// -----

// Patches: a run of 16 is what is summed up, and the places of two dims are rows.
// CHECK-DAG: #[[FROM:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d1 * 16 + d4, d2 * 16 + d5)>
// CHECK-LABEL: func @along_sums
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x3x?x?xf32>
// CHECK: %[[COPY:.*]] = linalg.generic {indexing_maps = [#[[FROM]], #{{.*}}], {{.*}}} ins(%[[X]] : {{.*}}) outs(%{{.*}} : tensor<?x?x?x3x16x16xf32>)
// CHECK: %[[A:.*]] = tensor.collapse_shape %[[COPY]] {{\[\[0\], \[1, 2\], \[3, 4, 5\]\]}} : {{.*}} into tensor<?x?x768xf32>
// CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%[[A]], %{{.*}} : tensor<?x?x768xf32>, tensor<64x768xf32>) outs(%{{.*}} : tensor<?x?x64xf32>)
// CHECK: tensor.expand_shape %[[Y]] {{\[\[0\], \[1, 2\], \[3\]\]}}
#x = affine_map<(b, h, w, o, c, p, q) -> (b, c, h, w, p, q)>
#w = affine_map<(b, h, w, o, c, p, q) -> (o, c, p, q)>
#y = affine_map<(b, h, w, o, c, p, q) -> (b, h, w, o)>
func.func @along_sums(%x: tensor<?x3x?x?xf32>, %w: tensor<64x3x16x16xf32>, %i: tensor<?x?x?x64xf32>) -> tensor<?x?x?x64xf32> {
  %rows = attn.unfold %x dim(2) size(16) step(16) : tensor<?x3x?x?xf32> -> tensor<?x3x?x?x16xf32>
  %patches = attn.unfold %rows dim(3) size(16) step(16) : tensor<?x3x?x?x16xf32> -> tensor<?x3x?x?x16x16xf32>
  // expected-remark @below {{[windows] multiplied as rows of a matrix}}
  %y = linalg.generic {indexing_maps = [#x, #w, #y],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%patches, %w : tensor<?x3x?x?x16x16xf32>, tensor<64x3x16x16xf32>) outs(%i : tensor<?x?x?x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?x?x64xf32>
  return %y : tensor<?x?x?x64xf32>
}

// -----

// Every third tap; what is summed up is apart in the other factor, which is copied too.
// CHECK-DAG: #[[FROM:.*]] = affine_map<(d0, d1, d2) -> (d1, d2 * 2 + d0 * 3 + 1)>
// CHECK-DAG: #[[TAPS_LAST:.*]] = affine_map<(d0, d1, d2) -> (d1, d0, d2)>
// CHECK-LABEL: func @dilated
// CHECK-SAME: %[[X:[^:]*]]: tensor<24x?xf32>, %[[W:[^:]*]]: tensor<3x40x24xf32>
// CHECK: %[[COPY:.*]] = linalg.generic {indexing_maps = [#[[FROM]], #{{.*}}], {{.*}}} ins(%[[X]] : {{.*}}) outs(%{{.*}} : tensor<3x24x?xf32>)
// CHECK: %[[B:.*]] = linalg.generic {indexing_maps = [#[[TAPS_LAST]], #{{.*}}], {{.*}}} ins(%[[W]] : {{.*}}) outs(%{{.*}} : tensor<40x3x24xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<72x?xf32>, tensor<40x72xf32>)
#x = affine_map<(l, o, c, t) -> (l, t, c)>
#w = affine_map<(l, o, c, t) -> (t, o, c)>
#y = affine_map<(l, o, c, t) -> (l, o)>
func.func @dilated(%x: tensor<24x?xf32>, %w: tensor<3x40x24xf32>, %n: index, %e: tensor<?x3x24xf32>, %i: tensor<?x40xf32>) -> tensor<?x40xf32> {
  %windows = attn.unfold %x dim(1) size(8) step(2) : tensor<24x?xf32> -> tensor<24x?x8xf32>
  %taps = tensor.extract_slice %windows[0, 0, 1] [24, %n, 3] [1, 1, 3] : tensor<24x?x8xf32> to tensor<24x?x3xf32>
  %turned = linalg.transpose ins(%taps : tensor<24x?x3xf32>) outs(%e : tensor<?x3x24xf32>) permutation = [1, 2, 0]
  // expected-remark @below {{[windows] multiplied as rows of a matrix}}
  %y = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%turned, %w : tensor<?x3x24xf32>, tensor<3x40x24xf32>) outs(%i : tensor<?x40xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}

// -----

// No columns: a depthwise convolution is no product (unroll-windows.mlir).
// CHECK-LABEL: func @depthwise
// CHECK-NOT: linalg.generic {{.*}}"reduction"
// CHECK: return
#x = affine_map<(c, l, t) -> (c, l, t)>
#w = affine_map<(c, l, t) -> (c, t)>
#y = affine_map<(c, l, t) -> (c, l)>
func.func @depthwise(%x: tensor<24x?xf32>, %w: tensor<24x5xf32>, %i: tensor<24x?xf32>) -> tensor<24x?xf32> {
  %windows = attn.unfold %x dim(1) size(5) step(1) : tensor<24x?xf32> -> tensor<24x?x5xf32>
  // expected-remark @below {{[windows] read in place, tap by tap}}
  %y = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%windows, %w : tensor<24x?x5xf32>, tensor<24x5xf32>) outs(%i : tensor<24x?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<24x?xf32>
  return %y : tensor<24x?xf32>
}

// -----

// Places are summed up as well: there are no rows.
// CHECK-LABEL: func @sum_of_places
// CHECK-NOT: collapse_shape
#x = affine_map<(o, l, t) -> (l, t)>
#w = affine_map<(o, l, t) -> (o, l, t)>
#y = affine_map<(o, l, t) -> (o)>
func.func @sum_of_places(%x: tensor<30xf32>, %w: tensor<40x28x3xf32>, %i: tensor<40xf32>) -> tensor<40xf32> {
  %windows = attn.unfold %x dim(0) size(3) step(1) : tensor<30xf32> -> tensor<28x3xf32>
  %y = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "reduction", "reduction"]}
      ins(%windows, %w : tensor<28x3xf32>, tensor<40x28x3xf32>) outs(%i : tensor<40xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<40xf32>
  return %y : tensor<40xf32>
}
