// Slices of the weights of many heads: which are made from slices of queries and keys, and what stays.
// RUN: fovea-opt %s --split-input-file --attn-fuse-attention --canonicalize --cse 2>/dev/null | FileCheck %s

// One head, behind a mask and a bias, dims of which are dropped too.
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
#all = affine_map<(b, h, i, j) -> (b, h, i, j)>
#head = affine_map<(b, h, i, j) -> (h)>
// CHECK-LABEL: func @one_head
// CHECK-SAME: %[[Q:arg0]]: {{.*}}, %[[K:arg1]]: {{.*}}, %[[V:arg2]]: {{.*}}, %[[C:arg3]]: {{.*}}, %[[M:arg4]]:
// CHECK-DAG: tensor.extract_slice %[[Q]][0, 4, 0, 0] [2, 1, 8, 4] [1, 1, 1, 1] : tensor<2x6x8x4xf32> to tensor<2x8x4xf32>
// CHECK-DAG: tensor.extract_slice %[[K]][0, 4, 0, 0] [2, 1, 9, 4] [1, 1, 1, 1] : tensor<2x6x9x4xf32> to tensor<2x9x4xf32>
// CHECK-DAG: %[[FOUR:.*]] = arith.constant 4
// CHECK: attn.attention
// CHECK-DAG: tensor.extract %[[M]][%[[FOUR]],
// CHECK-DAG: tensor.extract %[[C]][%[[FOUR]]]
// CHECK-NOT: attn.softmax
func.func @one_head(%q: tensor<2x6x8x4xf32>, %k: tensor<2x6x9x4xf32>, %v: tensor<2x9x5xf32>, %c: tensor<6xf32>, %mask: tensor<6x8x9xi1>) -> tensor<2x8x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x6x8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x6x8x9xf32>) -> tensor<2x6x8x9xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x6x8x4xf32>, tensor<2x6x9x4xf32>) outs(%z : tensor<2x6x8x9xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %m = arith.mulf %x, %y : f32
    %n = arith.addf %o, %m : f32
    linalg.yield %n : f32
  } -> tensor<2x6x8x9xf32>
  %t = linalg.generic {indexing_maps = [#all, #head, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%s, %c : tensor<2x6x8x9xf32>, tensor<6xf32>) outs(%e : tensor<2x6x8x9xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %m = arith.mulf %x, %y : f32
    linalg.yield %m : f32
  } -> tensor<2x6x8x9xf32>
  %u = attn.apply_mask ins(%t, %mask : tensor<2x6x8x9xf32>, tensor<6x8x9xi1>) outs(%e : tensor<2x6x8x9xf32>) fill(0xFFF0000000000000) -> tensor<2x6x8x9xf32>
  %a = attn.softmax ins(%u : tensor<2x6x8x9xf32>) outs(%e : tensor<2x6x8x9xf32>) dim(3) -> tensor<2x6x8x9xf32>
  %w = tensor.extract_slice %a[0, 4, 0, 0] [2, 1, 8, 9] [1, 1, 1, 1] : tensor<2x6x8x9xf32> to tensor<2x8x9xf32>
  %eo = tensor.empty() : tensor<2x8x5xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x8x5xf32>) -> tensor<2x8x5xf32>
  %y = linalg.batch_matmul ins(%w, %v : tensor<2x8x9xf32>, tensor<2x9x5xf32>) outs(%zo : tensor<2x8x5xf32>) -> tensor<2x8x5xf32>
  return %y : tensor<2x8x5xf32>
}

// -----

// Every other head, seen as pairs.
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
// CHECK-LABEL: func @every_other
// CHECK: tensor.extract_slice %arg0[0, 1, 0, 0] [2, 3, 8, 4] [1, 2, 1, 1]
// CHECK: attn.attention
func.func @every_other(%q: tensor<2x6x8x4xf32>, %k: tensor<2x6x9x4xf32>, %v: tensor<2x3x9x5xf32>) -> tensor<2x3x8x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x6x8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x6x8x9xf32>) -> tensor<2x6x8x9xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x6x8x4xf32>, tensor<2x6x9x4xf32>) outs(%z : tensor<2x6x8x9xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %m = arith.mulf %x, %y : f32
    %n = arith.addf %o, %m : f32
    linalg.yield %n : f32
  } -> tensor<2x6x8x9xf32>
  %a = attn.softmax ins(%s : tensor<2x6x8x9xf32>) outs(%e : tensor<2x6x8x9xf32>) dim(3) -> tensor<2x6x8x9xf32>
  %r = tensor.expand_shape %a [[0], [1, 2], [3], [4]] output_shape [2, 3, 2, 8, 9] : tensor<2x6x8x9xf32> into tensor<2x3x2x8x9xf32>
  %w = tensor.extract_slice %r[0, 0, 1, 0, 0] [2, 3, 1, 8, 9] [1, 1, 1, 1, 1] : tensor<2x3x2x8x9xf32> to tensor<2x3x8x9xf32>
  %eo = tensor.empty() : tensor<2x3x8x5xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x3x8x5xf32>) -> tensor<2x3x8x5xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, h, i, c, j) -> (b, h, i, j)>, affine_map<(b, h, i, c, j) -> (b, h, j, c)>, affine_map<(b, h, i, c, j) -> (b, h, i, c)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%w, %v : tensor<2x3x8x9xf32>, tensor<2x3x9x5xf32>) outs(%zo : tensor<2x3x8x5xf32>) {
  ^bb0(%x: f32, %c: f32, %o: f32):
    %m = arith.mulf %x, %c : f32
    %n = arith.addf %o, %m : f32
    linalg.yield %n : f32
  } -> tensor<2x3x8x5xf32>
  return %y : tensor<2x3x8x5xf32>
}

// -----

// The second half, seen as two rows of heads.
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
// CHECK-LABEL: func @second_half
// CHECK: tensor.extract_slice %arg0[0, 3, 0, 0] [2, 3, 8, 4] [1, 1, 1, 1]
// CHECK: attn.attention
func.func @second_half(%q: tensor<2x6x8x4xf32>, %k: tensor<2x6x9x4xf32>, %v: tensor<2x3x9x5xf32>) -> tensor<2x3x8x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x6x8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x6x8x9xf32>) -> tensor<2x6x8x9xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x6x8x4xf32>, tensor<2x6x9x4xf32>) outs(%z : tensor<2x6x8x9xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %m = arith.mulf %x, %y : f32
    %n = arith.addf %o, %m : f32
    linalg.yield %n : f32
  } -> tensor<2x6x8x9xf32>
  %a = attn.softmax ins(%s : tensor<2x6x8x9xf32>) outs(%e : tensor<2x6x8x9xf32>) dim(3) -> tensor<2x6x8x9xf32>
  %r = tensor.expand_shape %a [[0], [1, 2], [3], [4]] output_shape [2, 2, 3, 8, 9] : tensor<2x6x8x9xf32> into tensor<2x2x3x8x9xf32>
  %w = tensor.extract_slice %r[0, 1, 0, 0, 0] [2, 1, 3, 8, 9] [1, 1, 1, 1, 1] : tensor<2x2x3x8x9xf32> to tensor<2x3x8x9xf32>
  %eo = tensor.empty() : tensor<2x3x8x5xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x3x8x5xf32>) -> tensor<2x3x8x5xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, h, i, c, j) -> (b, h, i, j)>, affine_map<(b, h, i, c, j) -> (b, h, j, c)>, affine_map<(b, h, i, c, j) -> (b, h, i, c)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%w, %v : tensor<2x3x8x9xf32>, tensor<2x3x9x5xf32>) outs(%zo : tensor<2x3x8x5xf32>) {
  ^bb0(%x: f32, %c: f32, %o: f32):
    %m = arith.mulf %x, %c : f32
    %n = arith.addf %o, %m : f32
    linalg.yield %n : f32
  } -> tensor<2x3x8x5xf32>
  return %y : tensor<2x3x8x5xf32>
}

// -----

// Weights that are a result too are computed once.
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
// CHECK-LABEL: func @returned
// CHECK: attn.softmax
// CHECK-NOT: attn.attention
func.func @returned(%q: tensor<2x6x8x4xf32>, %k: tensor<2x6x9x4xf32>, %v: tensor<2x3x9x5xf32>) -> (tensor<2x3x8x5xf32>, tensor<2x6x8x9xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x6x8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x6x8x9xf32>) -> tensor<2x6x8x9xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x6x8x4xf32>, tensor<2x6x9x4xf32>) outs(%z : tensor<2x6x8x9xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %m = arith.mulf %x, %y : f32
    %n = arith.addf %o, %m : f32
    linalg.yield %n : f32
  } -> tensor<2x6x8x9xf32>
  %a = attn.softmax ins(%s : tensor<2x6x8x9xf32>) outs(%e : tensor<2x6x8x9xf32>) dim(3) -> tensor<2x6x8x9xf32>
  %w = tensor.extract_slice %a[0, 1, 0, 0] [2, 3, 8, 9] [1, 1, 1, 1] : tensor<2x6x8x9xf32> to tensor<2x3x8x9xf32>
  %eo = tensor.empty() : tensor<2x3x8x5xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x3x8x5xf32>) -> tensor<2x3x8x5xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, h, i, c, j) -> (b, h, i, j)>, affine_map<(b, h, i, c, j) -> (b, h, j, c)>, affine_map<(b, h, i, c, j) -> (b, h, i, c)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%w, %v : tensor<2x3x8x9xf32>, tensor<2x3x9x5xf32>) outs(%zo : tensor<2x3x8x5xf32>) {
  ^bb0(%x: f32, %c: f32, %o: f32):
    %m = arith.mulf %x, %c : f32
    %n = arith.addf %o, %m : f32
    linalg.yield %n : f32
  } -> tensor<2x3x8x5xf32>
  return %y, %a : tensor<2x3x8x5xf32>, tensor<2x6x8x9xf32>
}

// -----

// So are scores.
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
// CHECK-LABEL: func @scores_returned
// CHECK: attn.softmax
// CHECK-NOT: attn.attention
func.func @scores_returned(%q: tensor<2x6x8x4xf32>, %k: tensor<2x6x9x4xf32>, %v: tensor<2x3x9x5xf32>) -> (tensor<2x3x8x5xf32>, tensor<2x6x8x9xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x6x8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x6x8x9xf32>) -> tensor<2x6x8x9xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x6x8x4xf32>, tensor<2x6x9x4xf32>) outs(%z : tensor<2x6x8x9xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %m = arith.mulf %x, %y : f32
    %n = arith.addf %o, %m : f32
    linalg.yield %n : f32
  } -> tensor<2x6x8x9xf32>
  %a = attn.softmax ins(%s : tensor<2x6x8x9xf32>) outs(%e : tensor<2x6x8x9xf32>) dim(3) -> tensor<2x6x8x9xf32>
  %w = tensor.extract_slice %a[0, 1, 0, 0] [2, 3, 8, 9] [1, 1, 1, 1] : tensor<2x6x8x9xf32> to tensor<2x3x8x9xf32>
  %eo = tensor.empty() : tensor<2x3x8x5xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x3x8x5xf32>) -> tensor<2x3x8x5xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, h, i, c, j) -> (b, h, i, j)>, affine_map<(b, h, i, c, j) -> (b, h, j, c)>, affine_map<(b, h, i, c, j) -> (b, h, i, c)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%w, %v : tensor<2x3x8x9xf32>, tensor<2x3x9x5xf32>) outs(%zo : tensor<2x3x8x5xf32>) {
  ^bb0(%x: f32, %c: f32, %o: f32):
    %m = arith.mulf %x, %c : f32
    %n = arith.addf %o, %m : f32
    linalg.yield %n : f32
  } -> tensor<2x3x8x5xf32>
  return %y, %s : tensor<2x3x8x5xf32>, tensor<2x6x8x9xf32>
}

// -----

// Scores that are no product of queries and keys.
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
// CHECK-LABEL: func @no_product
// CHECK: attn.softmax
// CHECK-NOT: attn.attention
func.func @no_product(%q: tensor<2x6x8x4xf32>, %k: tensor<2x6x9x4xf32>, %v: tensor<2x3x9x5xf32>, %t: tensor<2x6x8x9xf32>) -> tensor<2x3x8x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x6x8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x6x8x9xf32>) -> tensor<2x6x8x9xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x6x8x4xf32>, tensor<2x6x9x4xf32>) outs(%z : tensor<2x6x8x9xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %m = arith.mulf %x, %y : f32
    %n = arith.addf %o, %m : f32
    linalg.yield %n : f32
  } -> tensor<2x6x8x9xf32>
  %a = attn.softmax ins(%t : tensor<2x6x8x9xf32>) outs(%e : tensor<2x6x8x9xf32>) dim(3) -> tensor<2x6x8x9xf32>
  %w = tensor.extract_slice %a[0, 1, 0, 0] [2, 3, 8, 9] [1, 1, 1, 1] : tensor<2x6x8x9xf32> to tensor<2x3x8x9xf32>
  %eo = tensor.empty() : tensor<2x3x8x5xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x3x8x5xf32>) -> tensor<2x3x8x5xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, h, i, c, j) -> (b, h, i, j)>, affine_map<(b, h, i, c, j) -> (b, h, j, c)>, affine_map<(b, h, i, c, j) -> (b, h, i, c)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%w, %v : tensor<2x3x8x9xf32>, tensor<2x3x9x5xf32>) outs(%zo : tensor<2x3x8x5xf32>) {
  ^bb0(%x: f32, %c: f32, %o: f32):
    %m = arith.mulf %x, %c : f32
    %n = arith.addf %o, %m : f32
    linalg.yield %n : f32
  } -> tensor<2x3x8x5xf32>
  return %y : tensor<2x3x8x5xf32>
}

// -----

// Of one slice some keys are left out.
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
// CHECK-LABEL: func @some_keys
// CHECK: attn.softmax
// CHECK-NOT: attn.attention
func.func @some_keys(%q: tensor<2x6x8x4xf32>, %k: tensor<2x6x9x4xf32>, %v: tensor<2x3x9x5xf32>) -> (tensor<2x3x8x5xf32>, tensor<2x3x8x7xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x6x8x9xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x6x8x9xf32>) -> tensor<2x6x8x9xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x6x8x4xf32>, tensor<2x6x9x4xf32>) outs(%z : tensor<2x6x8x9xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %m = arith.mulf %x, %y : f32
    %n = arith.addf %o, %m : f32
    linalg.yield %n : f32
  } -> tensor<2x6x8x9xf32>
  %a = attn.softmax ins(%s : tensor<2x6x8x9xf32>) outs(%e : tensor<2x6x8x9xf32>) dim(3) -> tensor<2x6x8x9xf32>
  %part = tensor.extract_slice %a[0, 0, 0, 0] [2, 3, 8, 7] [1, 1, 1, 1] : tensor<2x6x8x9xf32> to tensor<2x3x8x7xf32>
  %w = tensor.extract_slice %a[0, 1, 0, 0] [2, 3, 8, 9] [1, 1, 1, 1] : tensor<2x6x8x9xf32> to tensor<2x3x8x9xf32>
  %eo = tensor.empty() : tensor<2x3x8x5xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x3x8x5xf32>) -> tensor<2x3x8x5xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, h, i, c, j) -> (b, h, i, j)>, affine_map<(b, h, i, c, j) -> (b, h, j, c)>, affine_map<(b, h, i, c, j) -> (b, h, i, c)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%w, %v : tensor<2x3x8x9xf32>, tensor<2x3x9x5xf32>) outs(%zo : tensor<2x3x8x5xf32>) {
  ^bb0(%x: f32, %c: f32, %o: f32):
    %m = arith.mulf %x, %c : f32
    %n = arith.addf %o, %m : f32
    linalg.yield %n : f32
  } -> tensor<2x3x8x5xf32>
  return %y, %part : tensor<2x3x8x5xf32>, tensor<2x3x8x7xf32>
}
