// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention,canonicalize,cse))" -split-input-file -verify-diagnostics | FileCheck %s
// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention{target=avx512},canonicalize,cse))" -split-input-file | FileCheck %s --check-prefix=AVX512
// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention{target=neon},canonicalize,cse))" -split-input-file | FileCheck %s --check-prefix=NEON
// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention{target=generic}))" -split-input-file | FileCheck %s --check-prefix=GENERIC

// AVX2 has 16 registers: tiles of 4 keys x 3 vectors of 8 queries, in the scores' loop over the
// head dim and in the values' loop over the keys.

// CHECK-LABEL: func @full
// CHECK-NOT: attn.attention
// CHECK: memref.alloc() {alignment = 64 : i64} : memref<5x64x24xf32>
// CHECK: memref.alloc() {alignment = 64 : i64} : memref<32x64x4xf32>
// CHECK: %[[SCORES:.*]] = memref.alloc() {alignment = 64 : i64} : memref<128x24xf32>
// No allocation after the first loop.
// CHECK: scf.for
// CHECK-NOT: memref.alloc
// CHECK: scf.for %{{.*}} = %c0 to %c64 step %c1 iter_args
// CHECK-COUNT-3: vector.load
// CHECK-COUNT-12: vector.fma {{.*}} : vector<8xf32>
// CHECK-NOT: vector.fma
// CHECK: scf.yield
// Maximum: while scores are in registers one compare and select a vector, none of them for a mask.
// CHECK-COUNT-12: vector.store %{{.*}}, %[[SCORES]]
// CHECK-COUNT-12: arith.select
// CHECK-NOT: arith.select
// CHECK: vector.store
// CHECK: vector.reduction <or>
// CHECK: scf.if
// 2^x: rounded by addition, five FMAs, no call.
// CHECK: scf.for
// CHECK: arith.shli
// CHECK-COUNT-5: math.fma
// CHECK-NOT: math.
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-3: vector.load %[[SCORES]]
// CHECK-COUNT-12: vector.fma {{.*}} : vector<8xf32>
// CHECK-NOT: vector.fma
// CHECK: scf.yield
// CHECK: arith.divf

// 32 registers: tiles of 8 keys x 3 vectors of 16 queries.
// Without fused multiply-add there is none: it would become a call a lane.
// GENERIC-LABEL: func @full
// GENERIC-NOT: fma
// GENERIC-LABEL: func @causal

// AVX512-LABEL: func @full
// AVX512: memref<16x64x8xf32>
// AVX512: memref<128x48xf32>
// The last panel of 120 queries has 24 of them, two vectors.
// AVX512-COUNT-16: vector.fma {{.*}} : vector<16xf32>
// AVX512-NOT: vector.fma
// AVX512: scf.yield
// AVX512-COUNT-24: vector.fma {{.*}} : vector<16xf32>
// AVX512-NOT: vector.fma
// AVX512: scf.yield
// 2^x: rounded and multiplied by a power by instructions of its own, without an addition and a shift.
// AVX512: scf.for
// AVX512-NOT: arith.shli
// AVX512: math.roundeven
// AVX512-COUNT-5: math.fma
// AVX512: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// NEON-LABEL: func @full
// NEON: memref<16x64x8xf32>
// NEON: memref<128x12xf32>
// NEON-COUNT-24: vector.fma {{.*}} : vector<4xf32>
// NEON-NOT: vector.fma
// NEON: scf.yield
func.func @full(%q: memref<1x1x120x64xf32>, %k: memref<1x1x200x64xf32>, %v: memref<1x1x200x64xf32>,
                %o: memref<1x1x120x64xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x1x120x64xf32>, memref<1x1x200x64xf32>, memref<1x1x200x64xf32>)
                 outs(%o : memref<1x1x120x64xf32>)
  return
}

// -----

// The mask becomes loop bounds: key blocks end at the last query's position, keys before the
// panel's first query are not tested, only those after it are.

// CHECK-LABEL: func @causal
// CHECK: %[[SCORES:.*]] = memref.alloc() {{.*}} : memref<128x24xf32>
// A threshold a query, in 32 bits:
// CHECK-COUNT-3: arith.index_cast {{.*}} : vector<8xindex> to vector<8xi32>
// CHECK-COUNT-12: vector.fma
// A tile is stored as it is, and raises the maxima where all queries of the panel see it.
// CHECK-COUNT-12: vector.store {{.*}}, %[[SCORES]]
// CHECK: scf.if
// CHECK-NOT: arith.cmpi
// Then the keys of the other tiles are masked, with a comparison a vector.
// CHECK: scf.for
// CHECK-COUNT-3: arith.cmpi sge, {{.*}} : vector<8xi32>
// CHECK-NOT: arith.cmpi
// CHECK-COUNT-3: vector.store {{.*}}, %[[SCORES]]
// CHECK: scf.yield
func.func @causal(%q: memref<1x1x120x64xf32>, %k: memref<1x1x120x64xf32>, %v: memref<1x1x120x64xf32>,
                  %o: memref<1x1x120x64xf32>) {
  // expected-remark @below {{key blocks are skipped or left untested by the mask j - i <= 0: keys [0, last + 1), shared [0, first + 1)}}
  attn.attention ins(%q, %k, %v : memref<1x1x120x64xf32>, memref<1x1x120x64xf32>, memref<1x1x120x64xf32>)
                 outs(%o : memref<1x1x120x64xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %p = arith.cmpi sge, %i, %j : index
      attn.yield %p : i1
    }
  return
}

// -----

// A mask read from memory is read where its block is not known to be all or nothing
// (mask-summary.mlir), transposed as bytes (emit-attention-tensors.mlir); where the rows of the queries
// lie is computed in front of the loop over keys.

// CHECK-LABEL: func @opaque_mask
// CHECK: attn.kernel_name = "summarise"
// CHECK: memref.alloc() {alignment = 64 : i64} : memref<128x24xi8>
// CHECK: %[[BYTES:.*]] = builtin.unrealized_conversion_cast %{{.*}} : memref<?x?xi1> to memref<?x?xi8>
// CHECK-COUNT-8: vector.load %[[BYTES]]{{.*}} : memref<?x?xi8>, vector<8xi8>
// CHECK-NOT: memref.load %{{.*}} : memref<?x?xi1>
func.func @opaque_mask(%q: memref<1x1x120x64xf32>, %k: memref<1x1x120x64xf32>,
                       %v: memref<1x1x120x64xf32>, %m: memref<?x?xi1>,
                       %o: memref<1x1x120x64xf32>) {
  // expected-remark @below {{blocks where max arg3[i, j] >= 1, full where min arg3[i, j] >= 1}}
  attn.attention ins(%q, %k, %v : memref<1x1x120x64xf32>, memref<1x1x120x64xf32>, memref<1x1x120x64xf32>)
                 outs(%o : memref<1x1x120x64xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %p = memref.load %m[%i, %j] : memref<?x?xi1>
      attn.yield %p : i1
    }
  return
}

// -----

// Heads of a group share a key head, which is not repeated.

// CHECK-LABEL: func @grouped_permuted
// CHECK: scf.for %[[HEAD:.*]] = %c0 to %c8
// CHECK: %[[GROUP:.*]] = arith.divui %[[HEAD]], %c4
// CHECK: memref.subview %{{.*}}[0, 0, %[[HEAD]], 0] [1, 120, 1, 64]
// CHECK: memref.subview %{{.*}}[0, 0, %[[GROUP]], 0] [1, 200, 1, 64]
func.func @grouped_permuted(%q: memref<1x120x8x64xf32>, %k: memref<1x200x2x64xf32>,
                            %v: memref<1x200x2x64xf32>, %o: memref<1x120x8x64xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x120x8x64xf32>, memref<1x200x2x64xf32>, memref<1x200x2x64xf32>)
                 outs(%o : memref<1x120x8x64xf32>)
                 {query_perm = array<i64: 0, 2, 1, 3>, key_perm = array<i64: 0, 2, 1, 3>,
                  value_perm = array<i64: 0, 2, 1, 3>, output_perm = array<i64: 0, 2, 1, 3>}
  return
}

// -----

// Doubles take the exact exponential.

// CHECK-LABEL: func @f64
// CHECK: vector.fma {{.*}} : vector<4xf64>
// CHECK: math.exp2 {{.*}} : vector<4xf64>
func.func @f64(%q: memref<1x1x120x64xf64>, %k: memref<1x1x200x64xf64>, %v: memref<1x1x200x64xf64>,
               %o: memref<1x1x120x64xf64>) {
  attn.attention ins(%q, %k, %v : memref<1x1x120x64xf64>, memref<1x1x200x64xf64>, memref<1x1x200x64xf64>)
                 outs(%o : memref<1x1x120x64xf64>)
  return
}

// -----

// The number of rows is known at run time only: both panels are there.

// CHECK-LABEL: func @dynamic_rows
// CHECK: %[[ROWS:.*]] = memref.dim %{{.*}}, %c2
// CHECK: %[[FEW:.*]] = arith.cmpi sle, %[[ROWS]], %c8
// CHECK: scf.if %[[FEW]] {
// CHECK-COUNT-8: vector.fma
// CHECK: } else {
// CHECK-COUNT-12: vector.fma
func.func @dynamic_rows(%q: memref<1x1x?x64xf32>, %k: memref<1x1x?x64xf32>,
                        %v: memref<1x1x?x64xf32>, %o: memref<1x1x?x64xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x1x?x64xf32>, memref<1x1x?x64xf32>, memref<1x1x?x64xf32>)
                 outs(%o : memref<1x1x?x64xf32>)
  return
}

// -----

// The sum is taken before dropout, the stored probability after it.

// CHECK-LABEL: func @dropout
// CHECK: %[[P:.*]] = arith.mulf
// CHECK: arith.mului_extended
// CHECK: %[[KEPT:.*]] = arith.select
// CHECK: vector.store %[[KEPT]]
// CHECK: arith.addf
func.func @dropout(%q: memref<1x1x120x64xf32>, %k: memref<1x1x200x64xf32>, %v: memref<1x1x200x64xf32>,
                   %o: memref<1x1x120x64xf32>, %seed: i64) {
  attn.attention ins(%q, %k, %v : memref<1x1x120x64xf32>, memref<1x1x200x64xf32>, memref<1x1x200x64xf32>)
                 outs(%o : memref<1x1x120x64xf32>) seed(%seed) {dropout = 0.25 : f64}
  return
}

// -----

// A score function on vectors. What follows from the queries alone, here their documents, is read in
// front of the loop over keys; a table of static size is gathered by 32-bit indices; a division by
// a number is one of 32-bit integers as long as they fit.

// CHECK-LABEL: func @score_on_vectors
// CHECK: vector.reduction <or>
// CHECK-NOT: memref.load %{{.*}} : memref<4x16xf32>
// AVX512-LABEL: func @score_on_vectors
// AVX512-COUNT-3: vector.gather %{{.*}} : memref<?xi64>, vector<16xindex>
// AVX512: scf.for
// AVX512-NOT: vector.gather %{{.*}} : memref<?xi64>
// AVX512: vector.reduction <and>
// AVX512: scf.if
// AVX512: arith.remsi {{.*}} : vector<16xi32>
// AVX512: vector.gather %{{.*}} : memref<64xf32>, vector<16xi32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
// AVX512-NOT: memref.load %{{.*}} : memref<4x16xf32>
func.func @score_on_vectors(%q: memref<1x1x120x64xf32>, %k: memref<1x1x120x64xf32>, %v: memref<1x1x120x64xf32>,
                            %documents: memref<?xi64>, %table: memref<4x16xf32>, %o: memref<1x1x120x64xf32>) {
  %c16 = arith.constant 16 : index
  attn.attention ins(%q, %k, %v : memref<1x1x120x64xf32>, memref<1x1x120x64xf32>, memref<1x1x120x64xf32>)
                 outs(%o : memref<1x1x120x64xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %document = memref.load %documents[%i] : memref<?xi64>
      %row = arith.index_cast %document : i64 to index
      %distance = arith.subi %i, %j : index
      %column = arith.remsi %distance, %c16 : index
      %bias = memref.load %table[%row, %column] : memref<4x16xf32>
      %t = arith.addf %s, %bias : f32
      attn.yield %t : f32
    }
  return
}

// -----

// What has no form on vectors is said.

func.func @negative_on_vectors(%q: memref<1x1x120x64xf32>, %o: memref<1x1x120x64xf32>, %n: index) {
  // expected-remark @below {{the score function runs on one element at a time: scf.for has no form on vectors}}
  attn.attention ins(%q, %q, %q : memref<1x1x120x64xf32>, memref<1x1x120x64xf32>, memref<1x1x120x64xf32>)
                 outs(%o : memref<1x1x120x64xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %t = scf.for %x = %c0 to %n step %c1 iter_args(%y = %s) -> f32 {
        %z = arith.mulf %y, %s : f32
        scf.yield %z : f32
      }
      attn.yield %t : f32
    }
  return
}

// -----

// Of a window the first vector of a panel's queries meets the first keys alone, then two vectors do, then
// all three; the last one meets the last keys alone. What is packed next is fetched meanwhile.

// CHECK-LABEL: func @window(
// CHECK-COUNT-4: memref.prefetch {{.*}}, read, locality<2>
// CHECK-COUNT-4: vector.fma
// CHECK-NEXT: scf.yield
// CHECK: memref.prefetch
// CHECK-COUNT-8: vector.fma
// CHECK-NEXT: scf.yield
// CHECK: memref.prefetch
// CHECK-COUNT-12: vector.fma
// CHECK-NEXT: scf.yield
// CHECK: memref.prefetch
// CHECK-COUNT-8: vector.fma
// CHECK-NEXT: scf.yield
// CHECK: memref.prefetch
// CHECK-COUNT-4: vector.fma
// CHECK-NEXT: scf.yield
// CHECK-NOT: memref.prefetch
// CHECK: return
func.func @window(%q: memref<1x1x1000x16xf32>, %k: memref<1x1x1000x16xf32>, %v: memref<1x1x1000x16xf32>,
                  %o: memref<1x1x1000x16xf32>) {
  // expected-remark @below {{key blocks are skipped or left untested by the mask}}
  attn.attention ins(%q, %k, %v : memref<1x1x1000x16xf32>, memref<1x1x1000x16xf32>, memref<1x1x1000x16xf32>)
                 outs(%o : memref<1x1x1000x16xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %c64 = arith.constant 64 : index
      %d = arith.subi %i, %j : index
      %near = arith.cmpi sle, %d, %c64 : index
      %past = arith.cmpi sle, %j, %i : index
      %p = arith.andi %past, %near : i1
      attn.yield %p : i1
    }
  return
}

// -----

// Unions have gaps: a block of keys is fetched only if some row of the block of rows sees one of its
// keys, and a panel works on it only if one of its own rows does.

// CHECK-LABEL: func @window_or_first
// CHECK: memref.alloc() {{.*}} : memref<128x24xf32>
// CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c512
// CHECK: scf.for %[[BEGIN:[a-z0-9]+]] = %{{.*}} to %{{.*}} step %c128
// CHECK: arith.cmpi sle, %[[BEGIN]], %c3
// CHECK: scf.if
// CHECK: scf.for {{.*}} step %c24
// CHECK: arith.cmpi sle, %{{.*}}, %c3
// CHECK: scf.if
// CHECK: vector.fma
func.func @window_or_first(%q: memref<1x1x1000x64xf32>, %k: memref<1x1x1000x64xf32>, %v: memref<1x1x1000x64xf32>,
                           %o: memref<1x1x1000x64xf32>) {
  // expected-remark @below {{keys [0, last + 1), shared [0, first + 1); blocks where (lastKey - first >= -99 and firstKey - last <= 0) or (firstKey <= 3 and firstKey - last <= 0), full where}}
  attn.attention ins(%q, %k, %v : memref<1x1x1000x64xf32>, memref<1x1x1000x64xf32>, memref<1x1x1000x64xf32>)
                 outs(%o : memref<1x1x1000x64xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %c100 = arith.constant 100 : index
      %c4 = arith.constant 4 : index
      %d = arith.subi %i, %j : index
      %near = arith.cmpi slt, %d, %c100 : index
      %first = arith.cmpi slt, %j, %c4 : index
      %either = arith.ori %near, %first : i1
      %past = arith.cmpi sle, %j, %i : index
      %p = arith.andi %past, %either : i1
      attn.yield %p : i1
    }
  return
}

// -----

// A remainder costs one comparison of remainders besides that with the threshold, a vector; nothing
// is divided for a key and a query.

// CHECK-LABEL: func @dilated
// CHECK-COUNT-12: vector.fma
// CHECK-NOT: arith.floordivsi {{.*}} vector
// CHECK-COUNT-3: arith.cmpi sge, {{.*}} : vector<8xi32>
// CHECK-NOT: arith.floordivsi {{.*}} vector
// CHECK: scf.yield
func.func @dilated(%q: memref<1x1x1000x64xf32>, %k: memref<1x1x1000x64xf32>, %v: memref<1x1x1000x64xf32>,
                   %o: memref<1x1x1000x64xf32>) {
  // expected-remark @below {{by the mask ((-j + i) mod 3) == 0: keys [0, Lk), shared none}}
  attn.attention ins(%q, %k, %v : memref<1x1x1000x64xf32>, memref<1x1x1000x64xf32>, memref<1x1x1000x64xf32>)
                 outs(%o : memref<1x1x1000x64xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %c3 = arith.constant 3 : index
      %c0 = arith.constant 0 : index
      %d = arith.subi %i, %j : index
      %t = arith.floordivsi %d, %c3 : index
      %w = arith.muli %t, %c3 : index
      %r = arith.subi %d, %w : index
      %p = arith.cmpi sle, %r, %c0 : index
      attn.yield %p : i1
    }
  return
}
