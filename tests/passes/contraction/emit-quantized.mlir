// RUN: fovea-opt %s -attn-emit-contraction -canonicalize -cse -split-input-file | FileCheck %s
// RUN: fovea-opt %s -attn-emit-contraction=target=generic -canonicalize -cse -split-input-file 2>/dev/null \
// RUN:   | FileCheck %s --check-prefix=GENERIC
// RUN: fovea-opt %s -attn-emit-contraction=target=avx512 -canonicalize -cse -split-input-file 2>/dev/null \
// RUN:   | FileCheck %s --check-prefix=AVX512

#x = affine_map<(m, n, k) -> (m, k)>
#values = affine_map<(m, n, k) -> ((n floordiv 8) mod 8, n floordiv 64, k floordiv 32, (k mod 32) floordiv 2, (n mod 8) * 2 + k mod 2)>
#scales = affine_map<(m, n, k) -> ((n floordiv 8) mod 8, n floordiv 64, k floordiv 32, n mod 8)>
#y = affine_map<(m, n, k) -> (m, n)>

// Rows are rounded to 16 bits in a loop of their own, a panel a task, the last group of k padded by zeros.
// Pairs of the 6 of a whole panel are transposed: 8 words a vector, which the next word or the scales
// overwrite in part. Few rows are packed element by element. In
// the loop over tiles there are forms for 1, 2, 4 and many rows. Sums of more than 2 rows do not fit into
// registers between groups. For more than 4 rows weights are fetched 8 groups ahead, 5 lines a panel.
// CHECK-LABEL: @tiles
// CHECK:         %[[ONE:.*]] = arith.cmpi sle, %dim, %c1
// CHECK-NEXT:    %[[PANEL:.*]] = arith.select %[[ONE]], %c1,
// CHECK:         %[[TASKS:.*]] = arith.ceildivui %dim, %[[PANEL]]
// CHECK:         scf.forall (%{{.*}}) in (%[[TASKS]])
// CHECK:           memref.alloc() {alignment = 64 : i64} : memref<32xf32>
// CHECK:           %[[MANY:.*]] = arith.cmpi eq, %[[PANEL]], %c6
// CHECK:           scf.if %[[MANY]]
// CHECK-COUNT-24:    vector.load {{.*}} vector<8xf32>
// CHECK-COUNT-16:    vector.store {{.*}} : memref<?xi32>, vector<8xi32>
// CHECK-COUNT-6:     memref.store {{.*}} : memref<?xi32>
// CHECK-NOT:         memref.store
// CHECK:           else
// CHECK:             scf.for
// CHECK:               arith.remui
// CHECK-COUNT-4:       vector.load {{.*}} vector<8xf32>
// CHECK:               arith.maxsi {{.*}} : vector<8xi32>
// CHECK:               arith.divf
// CHECK:               arith.trunci {{.*}} : vector<8xi32> to vector<8xi16>
// CHECK-COUNT-17:      memref.store {{.*}} : memref<?xi32>
// CHECK:         } {attn.kernel_name = "pack"}
// CHECK:         scf.forall
// CHECK:           scf.if
// CHECK:           scf.for {{.*}} iter_args({{.*}}) -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>)
// CHECK:             scf.for {{.*}} iter_args({{.*}}) -> (vector<8xi32>, vector<8xi32>, vector<8xi32>, vector<8xi32>)
// CHECK:               arith.extsi {{.*}} : vector<16xi8> to vector<16xi16>
// CHECK:               llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// CHECK:             arith.extf {{.*}} : vector<8xbf16> to vector<8xf32>
// CHECK:             arith.sitofp {{.*}} : vector<8xi32> to vector<8xf32>
// CHECK:             vector.fma
// CHECK:           scf.for {{.*}} to %dim step %c2
// CHECK:           scf.for {{.*}} to %dim step %c4
// CHECK-NOT:       memref.prefetch
// CHECK:           scf.for {{.*}} to %dim step %c6
// CHECK-COUNT-12:  vector.store {{.*}} : memref<96xf32>, vector<8xf32>
// CHECK:             %[[LATER:.*]] = arith.addi %{{.*}}, %c8 : index
// CHECK-COUNT-10:    memref.prefetch %{{.*}}[%{{.*}}, %{{.*}}, %[[LATER]], %{{.*}}, %c0]
// CHECK:             scf.for {{.*}} %c16 step %c1 iter_args
// CHECK-COUNT-12:      llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// CHECK-NEXT:          arith.addi
// CHECK-NEXT:          scf.yield
// CHECK-NOT:     linalg
func.func @tiles(%x: memref<?x40xf32>, %v: memref<8x2x2x16x16xi8, strided<[1088, 544, 272, 16, 1]>>,
                 %s: memref<8x2x2x8xbf16, strided<[544, 272, 136, 1], offset: 128>>, %y: memref<?x128xf32>) {
  %c0 = arith.constant 0 : index
  %m = memref.dim %x, %c0 : memref<?x40xf32>
  scf.forall (%n) = (0) to (128) step (64) {
    %p = affine.apply affine_map<(d0) -> (d0 floordiv 64)>(%n)
    %vs = memref.subview %v[0, %p, 0, 0, 0] [8, 1, 2, 16, 16] [1, 1, 1, 1, 1]
      : memref<8x2x2x16x16xi8, strided<[1088, 544, 272, 16, 1]>> to memref<8x1x2x16x16xi8, strided<[1088, 544, 272, 16, 1], offset: ?>>
    %ss = memref.subview %s[0, %p, 0, 0] [8, 1, 2, 8] [1, 1, 1, 1]
      : memref<8x2x2x8xbf16, strided<[544, 272, 136, 1], offset: 128>> to memref<8x1x2x8xbf16, strided<[544, 272, 136, 1], offset: ?>>
    %ys = memref.subview %y[0, %n] [%m, 64] [1, 1]
      : memref<?x128xf32> to memref<?x64xf32, strided<[128, 1], offset: ?>>
    linalg.generic {indexing_maps = [#x, #values, #scales, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %vs, %ss : memref<?x40xf32>, memref<8x1x2x16x16xi8, strided<[1088, 544, 272, 16, 1], offset: ?>>,
          memref<8x1x2x8xbf16, strided<[544, 272, 136, 1], offset: ?>>)
      outs(%ys : memref<?x64xf32, strided<[128, 1], offset: ?>>) {
    ^bb0(%a: f32, %b: i8, %d: bf16, %c: f32):
      %k = linalg.index 2 : index
      %w = attn.dequantize %b scale(%d) at(%k) as q8
      %t = arith.mulf %a, %w : f32
      %u = arith.addf %c, %t : f32
      linalg.yield %u : f32
    }
  }
  return
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#values = affine_map<(m, n, k) -> ((n floordiv 8) mod 2, n floordiv 16, k floordiv 32, (k mod 16) floordiv 2, (n mod 8) * 2 + k mod 2)>
#scales = affine_map<(m, n, k) -> ((n floordiv 8) mod 2, n floordiv 16, k floordiv 32, n mod 8)>
#y = affine_map<(m, n, k) -> (m, n)>

// Without a parallel loop rows are rounded here, a tile at a time. The sums of q4 begin with what its
// halves of bytes are too large. On a target of other vectors the weight's panels are not read.
// CHECK-LABEL: @here
// CHECK-NOT:     scf.forall
// CHECK:         memref.alloc() {alignment = 64 : i64} : memref<144xi32>
// CHECK:         arith.muli %{{.*}}, %c-8_i32
// CHECK:         vector.broadcast {{.*}} : i32 to vector<8xi32>
// CHECK:         arith.extui {{.*}} : vector<16xi8> to vector<16xi16>
// CHECK:         arith.andi {{.*}} : vector<16xi16>
// CHECK:         arith.shrui {{.*}} : vector<16xi16>
// GENERIC-LABEL: @here
// GENERIC:         linalg.generic
func.func @here(%x: memref<3x64xf32>, %v: memref<2x1x2x8x16xi8, strided<[288, 288, 144, 16, 1]>>,
                %s: memref<2x1x2x8xbf16, strided<[144, 144, 72, 1], offset: 64>>, %y: memref<3x16xf32>) {
  linalg.generic {indexing_maps = [#x, #values, #scales, #y], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %v, %s : memref<3x64xf32>, memref<2x1x2x8x16xi8, strided<[288, 288, 144, 16, 1]>>,
        memref<2x1x2x8xbf16, strided<[144, 144, 72, 1], offset: 64>>) outs(%y : memref<3x16xf32>) {
  ^bb0(%a: f32, %b: i8, %d: bf16, %c: f32):
    %k = linalg.index 2 : index
    %w = attn.dequantize %b scale(%d) at(%k) as q4
    %t = arith.mulf %a, %w : f32
    %u = arith.addf %c, %t : f32
    linalg.yield %u : f32
  }
  return
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#values = affine_map<(m, n, k) -> ((n floordiv 8) mod 8, n floordiv 64, k floordiv 32, (k mod 16) floordiv 2, (n mod 8) * 2 + k mod 2)>
#scales = affine_map<(m, n, k) -> ((n floordiv 8) mod 8, n floordiv 64, k floordiv 32, n mod 8)>
#y = affine_map<(m, n, k) -> (m, n)>

// Of many rows the sums leave no register for the bytes of q4 beside one half of each: each half has a
// loop of its own.
// CHECK-LABEL: @halves_apart
// CHECK:           scf.for {{.*}} to %dim step %c6
// CHECK:             %[[LOW:.*]]:12 = scf.for {{.*}} %c8 step %c1 iter_args
// CHECK-COUNT-2:       arith.andi {{.*}} : vector<16xi16>
// CHECK-NOT:           arith.shrui
// CHECK-COUNT-12:      llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// CHECK:             scf.for {{.*}} %c8 step %c1 iter_args({{.*}} = %[[LOW]]#0,
// CHECK-NOT:           arith.andi
// CHECK-COUNT-2:       arith.shrui {{.*}} : vector<16xi16>
// CHECK-COUNT-12:      llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// CHECK-NEXT:          arith.addi
// CHECK-NEXT:          scf.yield
func.func @halves_apart(%x: memref<?x32xf32>, %v: memref<8x1x1x8x16xi8, strided<[144, 144, 144, 16, 1]>>,
                        %s: memref<8x1x1x8xbf16, strided<[72, 72, 72, 1], offset: 64>>, %y: memref<?x64xf32>) {
  scf.forall (%n) in (1) {
    linalg.generic {indexing_maps = [#x, #values, #scales, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %v, %s : memref<?x32xf32>, memref<8x1x1x8x16xi8, strided<[144, 144, 144, 16, 1]>>,
          memref<8x1x1x8xbf16, strided<[72, 72, 72, 1], offset: 64>>) outs(%y : memref<?x64xf32>) {
    ^bb0(%a: f32, %b: i8, %d: bf16, %c: f32):
      %k = linalg.index 2 : index
      %w = attn.dequantize %b scale(%d) at(%k) as q4
      %t = arith.mulf %a, %w : f32
      %u = arith.addf %c, %t : f32
      linalg.yield %u : f32
    }
  }
  return
}

// -----

#values = affine_map<(n, k) -> ((n floordiv 16) mod 4, n floordiv 64, k floordiv 32, (k mod 32) floordiv 2, (n mod 16) * 2 + k mod 2)>
#scales = affine_map<(n, k) -> ((n floordiv 16) mod 4, n floordiv 64, k floordiv 32, n mod 16)>

// With 32 registers each of the four results of one row has four sums that products are added to in turn,
// since with VNNI a product is ready four cycles later.
// AVX512-LABEL: @chains
// AVX512:           %[[FIRST:.*]] = llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"
// AVX512-COUNT-15:  llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"
// AVX512-NOT:       arith.addi
// AVX512:           %[[FIFTH:.*]] = llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"
// AVX512-NEXT:      arith.addi %[[FIRST]], %[[FIFTH]] : vector<16xi32>
// AVX512-COUNT-47:  llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"
// AVX512-COUNT-13:  arith.addi {{.*}} : vector<16xi32>
// AVX512-NOT:       arith.addi {{.*}} : vector<16xi32>
// AVX512:           arith.sitofp
func.func @chains(%x: memref<32xf32>, %v: memref<4x1x1x16x32xi8, strided<[544, 544, 544, 32, 1]>>,
                  %s: memref<4x1x1x16xbf16, strided<[272, 272, 272, 1], offset: 256>>, %y: memref<64xf32>) {
  linalg.generic {indexing_maps = [affine_map<(n, k) -> (k)>, #values, #scales, affine_map<(n, k) -> (n)>],
                  iterator_types = ["parallel", "reduction"]}
    ins(%x, %v, %s : memref<32xf32>, memref<4x1x1x16x32xi8, strided<[544, 544, 544, 32, 1]>>,
        memref<4x1x1x16xbf16, strided<[272, 272, 272, 1], offset: 256>>) outs(%y : memref<64xf32>) {
  ^bb0(%a: f32, %b: i8, %d: bf16, %c: f32):
    %k = linalg.index 1 : index
    %w = attn.dequantize %b scale(%d) at(%k) as q8
    %t = arith.mulf %a, %w : f32
    %u = arith.addf %c, %t : f32
    linalg.yield %u : f32
  }
  return
}
