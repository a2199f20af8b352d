// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention,canonicalize,cse))" -split-input-file | FileCheck %s
// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention{target=avx512},canonicalize,cse))" -split-input-file | FileCheck %s --check-prefix=WIDE
// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention{target=zen4},canonicalize,cse))" -split-input-file | FileCheck %s --check-prefix=PLACE

// Blocks of queries of one head share its keys and values, which a loop in front packs once, by
// blocks of 128 keys: 200 keys are two blocks. Where few queries come, nothing is packed there.

// CHECK-LABEL: func @shared
// CHECK: %[[BATCHES:.*]] = arith.select %{{.*}}, %c2, %c0
// CHECK: %[[KEYS:.*]] = memref.alloc(%[[BATCHES]]) {alignment = 64 : i64} : memref<?x4x2x32x64x4xf32>
// CHECK: %[[VALUES:.*]] = memref.alloc(%[[BATCHES]]) {alignment = 64 : i64} : memref<?x4x2x12x128x4xf32>
// CHECK: scf.forall (%[[B:.*]], %[[H:.*]], %[[BLOCK:.*]]) in (%[[BATCHES]], 4, 2)
// CHECK: memref.subview %{{.*}}[%[[B]], %[[H]], 0, 0] [1, 1, 200, 64]
// CHECK: memref.subview %[[KEYS]][%[[B]], %[[H]], %[[BLOCK]], 0, 0, 0] [1, 1, 1, 32, 64, 4]
// CHECK: } {attn.kernel_name = "pack"}
// Heads 2h and 2h + 1 read key head h.
// CHECK: scf.forall (%[[B2:.*]], %[[H2:.*]], %{{.*}}) =
// CHECK: %[[GROUP:.*]] = affine.apply
// CHECK: memref.subview %[[KEYS]][%[[B2]], %[[GROUP]], 0, 0, 0, 0] [1, 1, 2, 32, 64, 4]
// With each of the 64 steps of a tile of keys that of the next tile is fetched, with each key of its
// probabilities the first tile of values, with each key of a tile of values that of the next one.
// CHECK-COUNT-12: vector.fma
// CHECK: %[[STEP:.*]] = arith.addi %{{.*}}, %c64
// CHECK: memref.prefetch %{{.*}}[%[[STEP]], %c0], read, locality<2>
// CHECK: memref.prefetch %{{.*}}[%{{.*}}, %c0], read, locality<2>
// CHECK: math.fma
// CHECK: %[[NEXT:.*]] = arith.addi %{{.*}}, %c128
// CHECK: memref.prefetch %{{.*}}[%[[NEXT]], %c0], read, locality<2>
// Tiles of 8 columns take half of a cache line of each row of values, which stay where they are.
// WIDE-LABEL: func @shared
// WIDE: memref.alloc({{.*}}) {alignment = 64 : i64} : memref<?x4x2x16x64x8xf32>
// WIDE-NOT: memref<?x4x2x6x128x8xf32>
// WIDE: } {attn.kernel_name = "pack"}
// WIDE-NOT: memref<?x4x2x6x128x8xf32>
// WIDE-LABEL: func @window
// A window looks through them before they are used, as well while it packs them.
// WIDE: memref.alloc() {{.*}} : memref<32x64x8xf32>
// WIDE: memref.alloc() {{.*}} : memref<8x256x8xf32>
// WIDE-LABEL: func @cache
// Where keys stay where they are as well, nothing is left to pack.
// PLACE-LABEL: func @shared
// PLACE-NOT: attn.kernel_name = "pack"
// PLACE-LABEL: func @window
#half = affine_map<(d0) -> (d0 floordiv 2)>
#rows = affine_map<(d0)[s0] -> (s0 - d0, 192)>
func.func @shared(%q: memref<2x8x?x64xf32>, %k: memref<2x4x200x64xf32>, %v: memref<2x4x200x48xf32>,
                  %o: memref<2x8x?x48xf32>, %l: index) {
  scf.forall (%b, %h, %i) = (0, 0, 0) to (2, 8, %l) step (1, 1, 192) {
    %n = affine.min #rows(%i)[%l]
    %g = affine.apply #half(%h)
    %qs = memref.subview %q[%b, %h, %i, 0] [1, 1, %n, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %ks = memref.subview %k[%b, %g, 0, 0] [1, 1, 200, 64] [1, 1, 1, 1]
        : memref<2x4x200x64xf32> to memref<1x1x200x64xf32, strided<[51200, 12800, 64, 1], offset: ?>>
    %vs = memref.subview %v[%b, %g, 0, 0] [1, 1, 200, 48] [1, 1, 1, 1]
        : memref<2x4x200x48xf32> to memref<1x1x200x48xf32, strided<[38400, 9600, 48, 1], offset: ?>>
    %os = memref.subview %o[%b, %h, %i, 0] [1, 1, %n, 48] [1, 1, 1, 1]
        : memref<2x8x?x48xf32> to memref<1x1x?x48xf32, strided<[?, ?, 48, 1], offset: ?>>
    attn.attention ins(%qs, %ks, %vs : memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>,
                       memref<1x1x200x64xf32, strided<[51200, 12800, 64, 1], offset: ?>>,
                       memref<1x1x200x48xf32, strided<[38400, 9600, 48, 1], offset: ?>>)
                   outs(%os : memref<1x1x?x48xf32, strided<[?, ?, 48, 1], offset: ?>>)
  }
  return
}

// -----

// In a window few blocks of queries see a key: each packs what it sees, and memory does not grow
// with the sequence. Blocks are of 256 keys, so that a window seldom lies in two.

// CHECK-LABEL: func @window
// CHECK-NOT: attn.kernel_name = "pack"
// CHECK: scf.forall
// CHECK: memref.alloc() {{.*}} : memref<64x64x4xf32>
// CHECK-NOT: scf.forall
#rows = affine_map<(d0)[s0] -> (s0 - d0, 384)>
func.func @window(%q: memref<1x1x?x64xf32>, %k: memref<1x1x?x64xf32>, %v: memref<1x1x?x64xf32>,
                  %o: memref<1x1x?x64xf32>, %l: index) {
  scf.forall (%i) = (0) to (%l) step (384) {
    %n = affine.min #rows(%i)[%l]
    %qs = memref.subview %q[0, 0, %i, 0] [1, 1, %n, 64] [1, 1, 1, 1]
        : memref<1x1x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %ks = memref.subview %k[0, 0, 0, 0] [1, 1, %l, 64] [1, 1, 1, 1]
        : memref<1x1x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1]>>
    %vs = memref.subview %v[0, 0, 0, 0] [1, 1, %l, 64] [1, 1, 1, 1]
        : memref<1x1x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1]>>
    %os = memref.subview %o[0, 0, %i, 0] [1, 1, %n, 64] [1, 1, 1, 1]
        : memref<1x1x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    attn.attention ins(%qs, %ks, %vs : memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>,
                       memref<1x1x?x64xf32, strided<[?, ?, 64, 1]>>,
                       memref<1x1x?x64xf32, strided<[?, ?, 64, 1]>>)
                   outs(%os : memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>)
                   offset(%i) mask {
    ^bb0(%b: index, %h: index, %row: index, %j: index):
      %c64 = arith.constant 64 : index
      %first = arith.subi %row, %c64 : index
      %inside = arith.cmpi sge, %j, %first : index
      attn.yield %inside : i1
    }
  }
  return
}

// -----

// A cache of 1024 keys of which the first %used and those of the new queries are there: blocks that
// begin after the last query are not packed.

// CHECK-LABEL: func @cache
// CHECK-SAME: %[[ROWS:[^ ,]*]]: index, %[[USED:[^ ,]*]]: memref<2xi64>
// CHECK: scf.forall (%[[B:.*]], %[[H:.*]], %[[BLOCK:.*]]) in
// CHECK: %[[LOADED:.*]] = memref.load %[[USED]][%[[B]]]
// CHECK: %[[FIRST:.*]] = arith.index_cast %[[LOADED]]
// CHECK: %[[LAST:.*]] = arith.addi {{.*}}%[[FIRST]]
// CHECK: %[[END:.*]] = arith.addi %[[LAST]], %c1
// CHECK: %[[BEGIN:.*]] = arith.muli %[[BLOCK]], %c128
// CHECK: %[[SEEN:.*]] = arith.cmpi slt, %[[BEGIN]], %[[END]]
// CHECK: scf.if %[[SEEN]] {
// CHECK: } {attn.kernel_name = "pack"}
#rows = affine_map<(d0)[s0] -> (s0 - d0, 192)>
func.func @cache(%q: memref<2x8x?x64xf32>, %k: memref<2x8x1024x64xf32>, %v: memref<2x8x1024x64xf32>,
                 %o: memref<2x8x?x64xf32>, %l: index, %used: memref<2xi64>) {
  scf.forall (%b, %h, %i) = (0, 0, 0) to (2, 8, %l) step (1, 1, 192) {
    %n = affine.min #rows(%i)[%l]
    %qs = memref.subview %q[%b, %h, %i, 0] [1, 1, %n, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %ks = memref.subview %k[%b, %h, 0, 0] [1, 1, 1024, 64] [1, 1, 1, 1]
        : memref<2x8x1024x64xf32> to memref<1x1x1024x64xf32, strided<[524288, 65536, 64, 1], offset: ?>>
    %vs = memref.subview %v[%b, %h, 0, 0] [1, 1, 1024, 64] [1, 1, 1, 1]
        : memref<2x8x1024x64xf32> to memref<1x1x1024x64xf32, strided<[524288, 65536, 64, 1], offset: ?>>
    %os = memref.subview %o[%b, %h, %i, 0] [1, 1, %n, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    attn.attention ins(%qs, %ks, %vs : memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>,
                       memref<1x1x1024x64xf32, strided<[524288, 65536, 64, 1], offset: ?>>,
                       memref<1x1x1024x64xf32, strided<[524288, 65536, 64, 1], offset: ?>>)
                   outs(%os : memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>)
                   offset(%i) mask {
    ^bb0(%batch: index, %head: index, %row: index, %j: index):
      %element = arith.addi %batch, %b : index
      %loaded = memref.load %used[%element] : memref<2xi64>
      %before = arith.index_cast %loaded : i64 to index
      %last = arith.addi %row, %before : index
      %seen = arith.cmpi sle, %j, %last : index
      attn.yield %seen : i1
    }
  }
  return
}

// -----

// What a head sees may be less than what others do, which one pass over the keys does not know.

// CHECK-LABEL: func @by_head
// CHECK: scf.forall
// CHECK-NOT: scf.if
// CHECK: } {attn.kernel_name = "pack"}
#rows = affine_map<(d0)[s0] -> (s0 - d0, 192)>
func.func @by_head(%q: memref<2x8x?x64xf32>, %k: memref<2x8x1024x64xf32>, %v: memref<2x8x1024x64xf32>,
                   %o: memref<2x8x?x64xf32>, %l: index) {
  scf.forall (%b, %h, %i) = (0, 0, 0) to (2, 8, %l) step (1, 1, 192) {
    %n = affine.min #rows(%i)[%l]
    %qs = memref.subview %q[%b, %h, %i, 0] [1, 1, %n, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %ks = memref.subview %k[%b, %h, 0, 0] [1, 1, 1024, 64] [1, 1, 1, 1]
        : memref<2x8x1024x64xf32> to memref<1x1x1024x64xf32, strided<[524288, 65536, 64, 1], offset: ?>>
    %vs = memref.subview %v[%b, %h, 0, 0] [1, 1, 1024, 64] [1, 1, 1, 1]
        : memref<2x8x1024x64xf32> to memref<1x1x1024x64xf32, strided<[524288, 65536, 64, 1], offset: ?>>
    %os = memref.subview %o[%b, %h, %i, 0] [1, 1, %n, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    attn.attention ins(%qs, %ks, %vs : memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>,
                       memref<1x1x1024x64xf32, strided<[524288, 65536, 64, 1], offset: ?>>,
                       memref<1x1x1024x64xf32, strided<[524288, 65536, 64, 1], offset: ?>>)
                   outs(%os : memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>)
                   offset(%i) mask {
    ^bb0(%batch: index, %head: index, %row: index, %j: index):
      %number = arith.addi %head, %h : index
      %last = arith.addi %row, %number : index
      %seen = arith.cmpi sle, %j, %last : index
      attn.yield %seen : i1
    }
  }
  return
}
