// RUN: fovea-opt %s -attn-emit-contraction -canonicalize -cse -split-input-file -verify-diagnostics \
// RUN:   | FileCheck %s
// RUN: fovea-opt %s -attn-emit-contraction=target=avx512 -canonicalize -cse -split-input-file 2>/dev/null \
// RUN:   | FileCheck %s --check-prefix=AVX512

// y = x W^T: packed panels and a 6 x 16 tile in registers, 12 of them per step of k.
// CHECK-LABEL: @linear
// CHECK-DAG:     memref.alloc() {alignment = 64 : i64} : memref<64520xf32>
// CHECK-DAG:     memref.alloc() {alignment = 64 : i64} : memref<4096xf32>
// CHECK:         scf.for {{.*}} step %c4 iter_args
// CHECK-COUNT-48:  vector.fma {{.*}} : vector<8xf32>
// CHECK-NEXT:      scf.yield
// CHECK-NOT:     linalg
// AVX512-LABEL: @linear
// AVX512:         scf.for {{.*}} step %c4 iter_args
// AVX512-COUNT-112: vector.fma {{.*}} : vector<16xf32>
// AVX512-NEXT:      scf.yield
func.func @linear(%x: memref<96x64xf32>, %w: memref<48x64xf32>, %y: memref<96x48xf32>) {
  linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
                                 affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : memref<96x64xf32>, memref<48x64xf32>) outs(%y : memref<96x48xf32>)
  return
}

// -----

// Scratch belongs to the body of the parallel loop.
// CHECK-LABEL: @in_parallel_loop
// CHECK:         scf.forall
// CHECK-NEXT:      memref.alloc
func.func @in_parallel_loop(%x: memref<?x?xf32>, %w: memref<?x?xf32>, %y: memref<4x?x?xf32>) {
  scf.forall (%i) in (4) {
    %t = memref.subview %y[%i, 0, 0] [1, 8, 8] [1, 1, 1]
      : memref<4x?x?xf32> to memref<8x8xf32, strided<[?, 1], offset: ?>>
    linalg.matmul ins(%x, %w : memref<?x?xf32>, memref<?x?xf32>)
      outs(%t : memref<8x8xf32, strided<[?, 1], offset: ?>>)
  }
  return
}

// -----

// An unknown number of rows: up to three are tested for, and then nothing is packed.
// CHECK-LABEL: @dynamic_rows
// CHECK:         arith.cmpi eq, %{{.*}}, %c1
// CHECK:         scf.if
// CHECK-NOT:       memref.store %{{.*}} : memref<4096xf32>
// CHECK-COUNT-8:   vector.fma
// CHECK:         arith.cmpi eq, %{{.*}}, %c2
// CHECK:         arith.cmpi eq, %{{.*}}, %c3
func.func @dynamic_rows(%x: memref<?x64xf32>, %w: memref<48x64xf32>, %y: memref<?x48xf32>) {
  linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
                                 affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : memref<?x64xf32>, memref<48x64xf32>) outs(%y : memref<?x48xf32>)
  return
}

// -----

// One row, known: only the streaming product. Weights lie as [k, n]: lanes along n.
// CHECK-LABEL: @one_row
// CHECK-NOT:     memref.alloc
// CHECK-NOT:     scf.if
// CHECK-COUNT-4: vector.load {{.*}} : memref<64x48xf32>, vector<8xf32>
// CHECK-COUNT-4: vector.fma
// CHECK:         vector.store
func.func @one_row(%x: memref<1x64xf32>, %w: memref<64x48xf32>, %y: memref<1x48xf32>) {
  linalg.matmul ins(%x, %w : memref<1x64xf32>, memref<64x48xf32>) outs(%y : memref<1x48xf32>)
  return
}

// -----

// negative: integers are left to the vectoriser.
// CHECK-LABEL: @integers
// CHECK:         linalg.generic
func.func @integers(%x: memref<8x8xi32>, %y: memref<8x8xi32>) {
  // expected-remark @below {{[contraction] left to the vectoriser: its body is not a sum of products of floats}}
  linalg.matmul ins(%x, %x : memref<8x8xi32>, memref<8x8xi32>) outs(%y : memref<8x8xi32>)
  return
}

// -----

// negative: a dot product has no loop but the summed one.
// CHECK-LABEL: @dot
// CHECK:         linalg.generic
func.func @dot(%x: memref<8xf32>, %y: memref<f32>) {
  // expected-remark @below {{[contraction] left to the vectoriser: no loop of the result belongs to one factor alone}}
  linalg.dot ins(%x, %x : memref<8xf32>, memref<8xf32>) outs(%y : memref<f32>)
  return
}

// -----

// negative: not a contraction at all, so not even generalised.
// CHECK-LABEL: @elementwise
// CHECK:         linalg.exp
func.func @elementwise(%x: memref<8xf32>) {
  linalg.exp ins(%x : memref<8xf32>) outs(%x : memref<8xf32>)
  return
}

// -----

// negative: tensors are left alone.
// CHECK-LABEL: @tensors
// CHECK:         linalg.matmul
func.func @tensors(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %y = linalg.matmul ins(%x, %x : tensor<8x8xf32>, tensor<8x8xf32>) outs(%x : tensor<8x8xf32>)
    -> tensor<8x8xf32>
  return %y : tensor<8x8xf32>
}
