// RUN: fovea-opt %s -split-input-file -pass-pipeline="builtin.module(func.func(attn-tile-parallel))" | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// A row reduction and what uses it are one loop over rows: columns stay whole.
// CHECK-LABEL: func.func @normalise
// CHECK: scf.forall (%{{.*}}) in (%{{.*}}) shared_outs
// CHECK: linalg.fill
// CHECK: linalg.generic {{.*}}"parallel", "reduction"
// CHECK: linalg.generic {{.*}}"parallel", "parallel"
// CHECK: scf.forall.in_parallel
// CHECK: attn.kernel_name = "rows"
// CHECK-NOT: linalg.generic
func.func @normalise(%x: tensor<?x64xf32>, %n: index) -> tensor<?x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e1 = tensor.empty(%n) : tensor<?xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?xf32>) -> tensor<?xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
    ins(%x : tensor<?x64xf32>) outs(%f : tensor<?xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  %e2 = tensor.empty(%n) : tensor<?x64xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x, %sum : tensor<?x64xf32>, tensor<?xf32>) outs(%e2 : tensor<?x64xf32>) {
  ^bb0(%a: f32, %s: f32, %out: f32):
    %q = arith.divf %a, %s : f32
    linalg.yield %q : f32
  } -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>

// The epilogue of a matmul is computed on the matmul's tile.
// CHECK-LABEL: func.func @epilogue
// CHECK: scf.forall (%{{.*}}, %{{.*}}) = (0, 0) to (%{{.*}}, 512) step (516, 64)
// CHECK: linalg.matmul
// CHECK: math.tanh
// CHECK: attn.kernel_name = "contraction"
func.func @epilogue(%x: tensor<?x64xf32>, %w: tensor<64x512xf32>, %n: index) -> tensor<?x512xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x512xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x512xf32>) -> tensor<?x512xf32>
  %m = linalg.matmul ins(%x, %w : tensor<?x64xf32>, tensor<64x512xf32>) outs(%f : tensor<?x512xf32>) -> tensor<?x512xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%m : tensor<?x512xf32>) outs(%e : tensor<?x512xf32>) {
  ^bb0(%a: f32, %out: f32):
    %q = math.tanh %a : f32
    linalg.yield %q : f32
  } -> tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}

// -----

// Attention: one batch, one head, 192 query rows a task.
// CHECK-LABEL: func.func @attention
// CHECK: scf.forall (%{{.*}}, %{{.*}}, %{{.*}}) = (0, 0, 0) to (2, 8, 512) step (1, 1, 192)
// CHECK: attn.attention
// CHECK-SAME: offset(
// CHECK: attn.kernel_name = "attention"
func.func @attention(%q: tensor<2x8x512x64xf32>, %init: tensor<2x8x512x64xf32>) -> tensor<2x8x512x64xf32> {
  %o = attn.attention ins(%q, %q, %q : tensor<2x8x512x64xf32>, tensor<2x8x512x64xf32>, tensor<2x8x512x64xf32>)
    outs(%init : tensor<2x8x512x64xf32>) -> tensor<2x8x512x64xf32>
  return %o : tensor<2x8x512x64xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>

// A producer that another op also reads is computed once, in a loop of its own.
// CHECK-LABEL: func.func @negative_shared
// CHECK: scf.forall
// CHECK: math.exp
// CHECK: scf.forall
// CHECK-NOT: math.exp
// CHECK: return
func.func @negative_shared(%x: tensor<?x64xf32>, %n: index) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %e = tensor.empty(%n) : tensor<?x64xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %q = math.exp %in : f32
    linalg.yield %q : f32
  } -> tensor<?x64xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%a : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %q = arith.negf %in : f32
    linalg.yield %q : f32
  } -> tensor<?x64xf32>
  return %a, %b : tensor<?x64xf32>, tensor<?x64xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>

// The factors of a contraction are not recomputed for each of its tiles.
// CHECK-LABEL: func.func @negative_factor
// CHECK: scf.forall
// CHECK: arith.negf
// CHECK: scf.forall
// CHECK-NOT: arith.negf
// CHECK: linalg.matmul
func.func @negative_factor(%x: tensor<?x64xf32>, %w: tensor<64x512xf32>, %n: index) -> tensor<?x512xf32> {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty(%n) : tensor<?x64xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<?x64xf32>) outs(%e0 : tensor<?x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %q = arith.negf %in : f32
    linalg.yield %q : f32
  } -> tensor<?x64xf32>
  %e = tensor.empty(%n) : tensor<?x512xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x512xf32>) -> tensor<?x512xf32>
  %m = linalg.matmul ins(%a, %w : tensor<?x64xf32>, tensor<64x512xf32>) outs(%f : tensor<?x512xf32>) -> tensor<?x512xf32>
  return %m : tensor<?x512xf32>
}

// -----

// Few columns make few tiles: tasks have fewer rows.
// CHECK-LABEL: func.func @narrow
// CHECK: scf.forall (%{{.*}}, %{{.*}}) = (0, 0) to (%{{.*}}, 256) step (192, 64)
func.func @narrow(%x: tensor<?x64xf32>, %w: tensor<64x256xf32>, %f: tensor<?x256xf32>) -> tensor<?x256xf32> {
  %m = linalg.matmul ins(%x, %w : tensor<?x64xf32>, tensor<64x256xf32>) outs(%f : tensor<?x256xf32>) -> tensor<?x256xf32>
  return %m : tensor<?x256xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// What is summed and read element by element is computed with both, as in a softmax; the row stays
// whole.
// CHECK-LABEL: func.func @summed_and_read
// CHECK: scf.forall (%{{.*}}) in (%{{.*}})
// CHECK: math.exp
// CHECK: arith.addf
// CHECK: arith.mulf
// CHECK: attn.kernel_name = "rows"
// CHECK-NOT: scf.forall
func.func @summed_and_read(%x: tensor<?x64xf32>, %z: tensor<?xf32>, %n: index) -> tensor<?x64xf32> {
  %e = tensor.empty(%n) : tensor<?x64xf32>
  %h = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) {
  ^bb0(%a: f32, %out: f32):
    %q = math.exp %a : f32
    linalg.yield %q : f32
  } -> tensor<?x64xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
    ins(%h : tensor<?x64xf32>) outs(%z : tensor<?xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%h, %sum : tensor<?x64xf32>, tensor<?xf32>) outs(%e : tensor<?x64xf32>) {
  ^bb0(%a: f32, %s: f32, %out: f32):
    %q = arith.mulf %a, %s : f32
    linalg.yield %q : f32
  } -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// Nobody packs the columns of a weight at run time: tasks are of fewer rows.
// CHECK-LABEL: func.func @weight
// CHECK: scf.forall (%{{.*}}, %{{.*}}) = (0, 0) to (%{{.*}}, 512) step (258, 64)
func.func @weight(%x: tensor<?x64xf32>, %init: tensor<?x512xf32>) -> tensor<?x512xf32> {
  %w = attn.weight "w" : tensor<64x512xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x64xf32>, tensor<64x512xf32>) outs(%init : tensor<?x512xf32>) -> tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// Rows that a product reads are computed in whole panels of it.
// CHECK-LABEL: func.func @rows_of_a_product
// CHECK: scf.forall (%{{.*}}) = (0) to (%{{.*}}) step (6)
// CHECK: attn.kernel_name = "rows"
// CHECK: attn.kernel_name = "contraction"
func.func @rows_of_a_product(%x: tensor<?x64xf32>, %sums: tensor<?xf32>, %e: tensor<?x64xf32>,
                             %init: tensor<?x512xf32>) -> tensor<?x512xf32> {
  %s = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
    ins(%x : tensor<?x64xf32>) outs(%sums : tensor<?xf32>) {
  ^bb0(%a: f32, %out: f32):
    %t = arith.addf %out, %a : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x, %s : tensor<?x64xf32>, tensor<?xf32>) outs(%e : tensor<?x64xf32>) {
  ^bb0(%a: f32, %t: f32, %out: f32):
    %q = arith.divf %a, %t : f32
    linalg.yield %q : f32
  } -> tensor<?x64xf32>
  %w = attn.weight "w" : tensor<64x512xf32>
  %z = linalg.matmul ins(%y, %w : tensor<?x64xf32>, tensor<64x512xf32>) outs(%init : tensor<?x512xf32>) -> tensor<?x512xf32>
  return %z : tensor<?x512xf32>
}

// -----

#heads = affine_map<(b, h, l, d) -> (b, l, h, d)>
#all = affine_map<(b, h, l, d) -> (b, h, l, d)>

// Tiles of an elementwise op have thousands of elements: all heads, and as many rows as that leaves.
// CHECK-LABEL: func.func @heads
// CHECK: scf.forall (%{{.*}}, %{{.*}}, %{{.*}}) = (0, 0, 0) to (%{{.*}}, 12, %{{.*}}) step (1, 12, 5)
// CHECK: attn.kernel_name = "elementwise"
func.func @heads(%x: tensor<?x?x12x64xf32>, %init: tensor<?x12x?x64xf32>) -> tensor<?x12x?x64xf32> {
  %y = linalg.generic {indexing_maps = [#heads, #all],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%x : tensor<?x?x12x64xf32>) outs(%init : tensor<?x12x?x64xf32>) {
  ^bb0(%a: f32, %out: f32):
    %t = arith.negf %a : f32
    linalg.yield %t : f32
  } -> tensor<?x12x?x64xf32>
  return %y : tensor<?x12x?x64xf32>
}

// -----

#heads = affine_map<(h, l, d) -> (l, h, d)>
#all = affine_map<(h, l, d) -> (h, l, d)>

// More heads than a tile holds are cut.
// CHECK-LABEL: func.func @many_heads
// CHECK: scf.forall (%{{.*}}, %{{.*}}) = (0, 0) to (64, %{{.*}}) step (32, 1)
func.func @many_heads(%x: tensor<?x64x128xf32>, %init: tensor<64x?x128xf32>) -> tensor<64x?x128xf32> {
  %y = linalg.generic {indexing_maps = [#heads, #all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%x : tensor<?x64x128xf32>) outs(%init : tensor<64x?x128xf32>) {
  ^bb0(%a: f32, %out: f32):
    %t = arith.negf %a : f32
    linalg.yield %t : f32
  } -> tensor<64x?x128xf32>
  return %y : tensor<64x?x128xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>

// Rows of unknown length are a tile each.
// CHECK-LABEL: func.func @negative_unknown_rows
// CHECK: scf.forall (%{{.*}}) in (%{{.*}}) shared_outs
func.func @negative_unknown_rows(%x: tensor<?x?xf32>, %init: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<?x?xf32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%a: f32, %out: f32):
    %t = arith.negf %a : f32
    linalg.yield %t : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// -----

// A transposition is cut into rows of whole lines of what it reads.
// CHECK: #[[ROWS:.*]] = affine_map<(d0) -> (-d0 + 100, 16)>
// CHECK-LABEL: func.func @transpose
// CHECK: scf.forall (%[[I:.*]]) = (0) to (100) step (16)
// CHECK: %[[N:.*]] = affine.min #[[ROWS]](%[[I]])
// CHECK: tensor.extract_slice %{{.*}}[0, %[[I]]] [4096, %[[N]]] [1, 1]
// CHECK: linalg.transpose
func.func @transpose(%x: tensor<4096x100xf32>) -> tensor<100x4096xf32> {
  %e = tensor.empty() : tensor<100x4096xf32>
  %t = linalg.transpose ins(%x : tensor<4096x100xf32>) outs(%e : tensor<100x4096xf32>) permutation = [1, 0]
  return %t : tensor<100x4096xf32>
}

// -----

// Of many rows a task reads a KiB of each line, if that leaves 16 tasks, or dims are dynamic.
// CHECK-LABEL: func.func @transpose_large
// CHECK: scf.forall (%{{.*}}) = (0) to (2048) step (128)
// CHECK: scf.forall (%{{.*}}) = (0) to (%{{.*}}) step (512)
func.func @transpose_large(%x: tensor<4096x2048xf32>, %z: tensor<4096x?xi16>, %n: index) -> (tensor<2048x4096xf32>, tensor<?x4096xi16>) {
  %e = tensor.empty() : tensor<2048x4096xf32>
  %t = linalg.transpose ins(%x : tensor<4096x2048xf32>) outs(%e : tensor<2048x4096xf32>) permutation = [1, 0]
  %f = tensor.empty(%n) : tensor<?x4096xi16>
  %u = linalg.transpose ins(%z : tensor<4096x?xi16>) outs(%f : tensor<?x4096xi16>) permutation = [1, 0]
  return %t, %u : tensor<2048x4096xf32>, tensor<?x4096xi16>
}

// -----

// Of short rows that follow each other in what is read, but not in the result, a task has 512 bytes; long rows
// are runs by themselves.
// CHECK-LABEL: func.func @split_heads
// CHECK: scf.forall {{.*}} to (4, 128, 2048) step (1, 16, 32)
// CHECK: scf.forall {{.*}} to (4, 16, 2048) step (1, 1, 64)
func.func @split_heads(%x: tensor<4x2048x128x8xf32>, %z: tensor<4x2048x16x64xf32>) -> (tensor<4x128x2048x8xf32>, tensor<4x16x2048x64xf32>) {
  %e = tensor.empty() : tensor<4x128x2048x8xf32>
  %t = linalg.transpose ins(%x : tensor<4x2048x128x8xf32>) outs(%e : tensor<4x128x2048x8xf32>) permutation = [0, 2, 1, 3]
  %f = tensor.empty() : tensor<4x16x2048x64xf32>
  %u = linalg.transpose ins(%z : tensor<4x2048x16x64xf32>) outs(%f : tensor<4x16x2048x64xf32>) permutation = [0, 2, 1, 3]
  return %t, %u : tensor<4x128x2048x8xf32>, tensor<4x16x2048x64xf32>
}

// -----

// The same where an op of the group transposes what the root reads.
#id = affine_map<(i, j) -> (i, j)>
// CHECK-LABEL: func.func @transpose_within
// CHECK: scf.forall (%[[I:.*]]) = (0) to (4096) step (16)
// CHECK: linalg.transpose
// CHECK: linalg.generic
func.func @transpose_within(%x: tensor<8192x4096xf32>, %y: tensor<4096x8192xf32>) -> tensor<4096x8192xf32> {
  %e = tensor.empty() : tensor<4096x8192xf32>
  %t = linalg.transpose ins(%x : tensor<8192x4096xf32>) outs(%e : tensor<4096x8192xf32>) permutation = [1, 0]
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%t, %y : tensor<4096x8192xf32>, tensor<4096x8192xf32>) outs(%e : tensor<4096x8192xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<4096x8192xf32>
  return %r : tensor<4096x8192xf32>
}

// -----

// Columns that are reduced and read again: a task has several, whole vectors of them.
#id = affine_map<(i, j) -> (i, j)>
#column = affine_map<(i, j) -> (j)>
// CHECK-LABEL: func.func @columns
// CHECK: scf.forall (%[[J:.*]]) = (0) to (1000) step (64)
// CHECK: linalg.generic {{.*}}"reduction", "parallel"
// CHECK: linalg.generic {{.*}}"parallel", "parallel"
// CHECK: attn.kernel_name = "rows"
func.func @columns(%x: tensor<512x1000xf32>) -> tensor<512x1000xf32> {
  %zero = arith.constant 0.0 : f32
  %e1 = tensor.empty() : tensor<1000xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1000xf32>) -> tensor<1000xf32>
  %sum = linalg.generic {indexing_maps = [#id, #column], iterator_types = ["reduction", "parallel"]}
    ins(%x : tensor<512x1000xf32>) outs(%f : tensor<1000xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  } -> tensor<1000xf32>
  %e2 = tensor.empty() : tensor<512x1000xf32>
  %y = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x, %sum : tensor<512x1000xf32>, tensor<1000xf32>) outs(%e2 : tensor<512x1000xf32>) {
  ^bb0(%a: f32, %s: f32, %out: f32):
    %q = arith.divf %a, %s : f32
    linalg.yield %q : f32
  } -> tensor<512x1000xf32>
  return %y : tensor<512x1000xf32>
}

// -----

// Whole panels of a factor, here of 6 rows, and rows of a line at least.
#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
// CHECK-LABEL: func.func @panels_across_lines
// CHECK: scf.forall (%{{.*}}) = (0) to (4096) step (18)
// CHECK: linalg.transpose
// CHECK: attn.kernel_name = "rows"
func.func @panels_across_lines(%x: tensor<64x4096xf32>, %w: tensor<64x32xf32>) -> tensor<4096x32xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4096x64xf32>
  %t = linalg.transpose ins(%x : tensor<64x4096xf32>) outs(%e : tensor<4096x64xf32>) permutation = [1, 0]
  %e1 = tensor.empty() : tensor<4096xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e1 : tensor<4096xf32>) -> tensor<4096xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
    ins(%t : tensor<4096x64xf32>) outs(%f : tensor<4096xf32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<4096xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%t, %sum : tensor<4096x64xf32>, tensor<4096xf32>) outs(%e : tensor<4096x64xf32>) {
  ^bb0(%p: f32, %s: f32, %out: f32):
    %q = arith.divf %p, %s : f32
    linalg.yield %q : f32
  } -> tensor<4096x64xf32>
  %e2 = tensor.empty() : tensor<4096x32xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<4096x32xf32>) -> tensor<4096x32xf32>
  %r = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%y, %w : tensor<4096x64xf32>, tensor<64x32xf32>) outs(%f2 : tensor<4096x32xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<4096x32xf32>
  return %r : tensor<4096x32xf32>
}

// -----

// A loop that stays whole is not cut by lines: the mean of transposed rows.
#id = affine_map<(i, j, k) -> (i, j, k)>
#row = affine_map<(i, j, k) -> (i, j)>
// CHECK-LABEL: func.func @mean_of_transposed
// CHECK: scf.forall (%{{.*}}) = (0) to (4096) step (4)
func.func @mean_of_transposed(%x: tensor<4096x4x1024xf32>) -> tensor<4096x1024xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4096x1024x4xf32>
  %t = linalg.transpose ins(%x : tensor<4096x4x1024xf32>) outs(%e : tensor<4096x1024x4xf32>) permutation = [0, 2, 1]
  %e1 = tensor.empty() : tensor<4096x1024xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e1 : tensor<4096x1024xf32>) -> tensor<4096x1024xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%t : tensor<4096x1024x4xf32>) outs(%f : tensor<4096x1024xf32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<4096x1024xf32>
  return %sum : tensor<4096x1024xf32>
}

// -----

// Sums of products with weights that differ along the batch are no products of panels: whole rows
// are a task, of what they are computed of too.
#x = affine_map<(k, m, n) -> (k, m, n)>
#w = affine_map<(k, m, n) -> (k, n)>
#y = affine_map<(k, m, n) -> (m, n)>
// CHECK-LABEL: func.func @batched_sum
// CHECK: scf.forall (%{{.*}}) = (0) to (1024) step (4)
// CHECK: linalg.generic {{.*}}"parallel", "parallel", "parallel"
// CHECK: linalg.generic {{.*}}"reduction", "parallel", "parallel"
// CHECK: attn.kernel_name = "elementwise"
func.func @batched_sum(%x: tensor<4x1024x1024xf32>, %w: tensor<4x1024xf32>) -> tensor<1024x1024xf32> {
  %zero = arith.constant 0.0 : f32
  %e1 = tensor.empty() : tensor<4x1024x1024xf32>
  %n = linalg.generic {indexing_maps = [#x, #x], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%x : tensor<4x1024x1024xf32>) outs(%e1 : tensor<4x1024x1024xf32>) {
  ^bb0(%a: f32, %out: f32):
    %m = arith.negf %a : f32
    linalg.yield %m : f32
  } -> tensor<4x1024x1024xf32>
  %e2 = tensor.empty() : tensor<1024x1024xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  %y = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["reduction", "parallel", "parallel"]}
    ins(%n, %w : tensor<4x1024x1024xf32>, tensor<4x1024xf32>) outs(%f : tensor<1024x1024xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %acc : f32
    linalg.yield %s : f32
  } -> tensor<1024x1024xf32>
  return %y : tensor<1024x1024xf32>
}

// -----

// negative: rows of one factor by columns of the other.
#x = affine_map<(n, k) -> (n, k)>
#w = affine_map<(n, k) -> (k, n)>
#y = affine_map<(n, k) -> (n)>
// CHECK-LABEL: func.func @negative_rows_by_columns
// CHECK: scf.forall (%{{.*}}) = (0) to (2048) step (64)
// CHECK: attn.kernel_name = "contraction"
func.func @negative_rows_by_columns(%x: tensor<2048x512xf32>, %w: tensor<512x2048xf32>) -> tensor<2048xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2048xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2048xf32>) -> tensor<2048xf32>
  %y = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "reduction"]}
    ins(%x, %w : tensor<2048x512xf32>, tensor<512x2048xf32>) outs(%f : tensor<2048xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %acc : f32
    linalg.yield %s : f32
  } -> tensor<2048xf32>
  return %y : tensor<2048xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// A running sum needs all that is before it: with what uses it, it is a loop over rows, and columns stay whole.
// CHECK-LABEL: func.func @running_sum
// CHECK: scf.forall (%{{.*}}) in (%{{.*}}) shared_outs
// CHECK: linalg.generic {{.*}}"parallel", "reduction"{{.*}} outs(%{{.*}}, %{{.*}} : tensor<1xf64>, tensor<1x8192xf32>)
// CHECK: math.exp
// CHECK: attn.kernel_name = "rows"
// CHECK-NOT: linalg.generic
func.func @running_sum(%x: tensor<?x8192xf32>, %n: index) -> tensor<?x8192xf32> {
  %zero = arith.constant 0.0 : f64
  %e1 = tensor.empty(%n) : tensor<?xf64>
  %f = linalg.fill ins(%zero : f64) outs(%e1 : tensor<?xf64>) -> tensor<?xf64>
  %e2 = tensor.empty(%n) : tensor<?x8192xf32>
  %s:2 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "reduction"]}
    ins(%x : tensor<?x8192xf32>) outs(%f, %e2 : tensor<?xf64>, tensor<?x8192xf32>) {
  ^bb0(%a: f32, %acc: f64, %out: f32):
    %w = arith.extf %a : f32 to f64
    %sum = arith.addf %acc, %w : f64
    %r = arith.truncf %sum : f64 to f32
    linalg.yield %sum, %r : f64, f32
  } -> (tensor<?xf64>, tensor<?x8192xf32>)
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%s#1 : tensor<?x8192xf32>) outs(%e2 : tensor<?x8192xf32>) {
  ^bb0(%a: f32, %out: f32):
    %q = math.exp %a : f32
    linalg.yield %q : f32
  } -> tensor<?x8192xf32>
  return %y : tensor<?x8192xf32>
}
