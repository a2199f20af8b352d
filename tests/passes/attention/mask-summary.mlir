// Data that a mask reads has its smallest and largest value over blocks of queries and keys stored in
// front of the loops.
// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention,canonicalize,cse))" -split-input-file -verify-diagnostics | FileCheck %s

// A dense mask: blocks of 24 queries and 128 keys, here all in one. Booleans are 0 and 1; rows that
// follow when both were found are not read.
// CHECK-LABEL: func @dense
// CHECK: %[[TABLE:.*]] = memref.alloc() {alignment = 64 : i64} : memref<5x1x2xi64>
// CHECK: scf.forall (%[[ROWS:.*]]) in (5)
// CHECK: arith.muli %[[ROWS]], %c24
// CHECK: scf.for
// CHECK: %[[MORE:.*]] = arith.cmpi sge
// CHECK: scf.if %[[MORE]] -> (index, index)
// CHECK: scf.for
// CHECK: %[[M:.*]] = memref.load %{{.*}} : memref<?x?xi1>
// CHECK: arith.index_castui %[[M]] : i1 to index
// CHECK: arith.minsi
// CHECK: arith.maxsi
// CHECK: } {attn.kernel_name = "summarise"}
// CHECK: scf.for
// CHECK: memref.load %[[TABLE]]
// CHECK: vector.fma
func.func @dense(%q: memref<1x1x120x64xf32>, %k: memref<1x1x120x64xf32>,
                       %v: memref<1x1x120x64xf32>, %m: memref<?x?xi1>,
                       %o: memref<1x1x120x64xf32>) {
  // expected-remark @below {{keys [0, Lk), shared none; blocks where max arg3[i, j] >= 1, full where min arg3[i, j] >= 1}}
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

// A layout of blocks: one element for all positions that share its quotients. Positions count from
// -40 on; what is of the first block begins there.
// CHECK-LABEL: func @layout
// CHECK: scf.forall (%[[ROWS:.*]]) in (5)
// CHECK: %[[BEGIN:.*]] = arith.addi %{{.*}}, %c-40
// CHECK: %[[FIRST:.*]] = arith.floordivsi %[[BEGIN]], %c100
// CHECK: scf.for %[[BLOCK:.*]] = %[[FIRST]] to
// CHECK: %[[START:.*]] = arith.muli %[[BLOCK]], %c100
// CHECK: %[[I:.*]] = arith.maxsi %[[BEGIN]], %[[START]]
// CHECK: scf.for
// CHECK: memref.load %{{.*}} : memref<?x?xi32>
// CHECK: } {attn.kernel_name = "summarise"}
func.func @layout(%q: memref<1x1x120x64xf32>, %k: memref<1x1x80x64xf32>, %v: memref<1x1x80x64xf32>,
                  %m: memref<?x?xi32>, %o: memref<1x1x120x64xf32>) {
  // expected-remark @below {{keys [0, Lk), shared none; blocks}}
  attn.attention ins(%q, %k, %v : memref<1x1x120x64xf32>, memref<1x1x80x64xf32>, memref<1x1x80x64xf32>)
                 outs(%o : memref<1x1x120x64xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %c0 = arith.constant 0 : index
      %c16 = arith.constant 16 : index
      %c100 = arith.constant 100 : index
      %zero = arith.constant 0 : i32
      %x = arith.floordivsi %i, %c100 : index
      %row = arith.maxsi %x, %c0 : index
      %column = arith.floordivsi %j, %c16 : index
      %e = memref.load %m[%row, %column] : memref<?x?xi32>
      %p = arith.cmpi eq, %e, %zero : i32
      attn.yield %p : i1
    }
  return
}

// -----

// Document ids: once a batch element, whatever the heads, by queries and by keys.
// CHECK-LABEL: func @documents
// CHECK: scf.forall {{.*}}
// CHECK: } {attn.kernel_name = "pack"}
// CHECK: %[[QUERIES:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<2x?x1x2xi64>
// CHECK: scf.forall (%[[B:.*]], %[[ROWS:.*]]) in (2, %{{.*}})
// CHECK: memref.load %{{.*}}[%[[B]], %{{.*}}] : memref<2x?xi64>
// CHECK: } {attn.kernel_name = "summarise"}
// CHECK: %[[KEYS:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<2x1x?x2xi64>
// CHECK: scf.forall (%[[B:.*]], %[[COLUMNS:.*]]) in (2, %{{.*}})
// CHECK: } {attn.kernel_name = "summarise"}
// CHECK: scf.forall (%[[BATCH:.*]], %{{.*}}, %{{.*}}, %{{.*}}) = (0, 0, 0, 0) to (2, 8, %{{.*}}, %{{.*}}) step (1, 1, 192, 1)
// CHECK-DAG: memref.load %[[QUERIES]][%[[BATCH]], %{{.*}}, %c0, %c0]
// CHECK-DAG: memref.load %[[KEYS]][%[[BATCH]], %c0, %{{.*}}, %c1]
#rows = affine_map<(d0)[s0] -> (s0 - d0, 192)>
func.func @documents(%q: memref<2x8x?x64xf32>, %k: memref<2x8x?x64xf32>, %v: memref<2x8x?x64xf32>, %doc: memref<2x?xi64>,
                  %o: memref<2x8x?x64xf32>, %l: index, %n: index) {
  %p0 = arith.subi %n, %l : index
  scf.forall (%b, %h, %i) = (0, 0, 0) to (2, 8, %l) step (1, 1, 192) {
    %r = affine.min #rows(%i)[%l]
    %qs = memref.subview %q[%b, %h, %i, 0] [1, 1, %r, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %ks = memref.subview %k[%b, %h, 0, 0] [1, 1, %n, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %vs = memref.subview %v[%b, %h, 0, 0] [1, 1, %n, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %os = memref.subview %o[%b, %h, %i, 0] [1, 1, %r, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %first = arith.addi %p0, %i : index
    // expected-remark @below {{keys [0, Lk), shared none; blocks}}
    attn.attention ins(%qs, %ks, %vs : memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>,
                       memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>,
                       memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>)
                   outs(%os : memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>) offset(%first)
    mask {
    ^bb0(%bb: index, %hh: index, %ii: index, %jj: index):
      %batch = arith.addi %bb, %b : index
      %x = memref.load %doc[%batch, %ii] : memref<2x?xi64>
      %y = memref.load %doc[%batch, %jj] : memref<2x?xi64>
      %p = arith.cmpi eq, %x, %y : i64
      attn.yield %p : i1
    }
  }
  return
}

// -----

// Data of each head.
// CHECK-LABEL: func @by_head
// CHECK: memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<8x?x1x2xi64>
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in (8, %{{.*}})
// CHECK: } {attn.kernel_name = "summarise"}
#rows = affine_map<(d0)[s0] -> (s0 - d0, 192)>
func.func @by_head(%q: memref<2x8x?x64xf32>, %k: memref<2x8x?x64xf32>, %v: memref<2x8x?x64xf32>, %doc: memref<8x?xi64>,
                  %o: memref<2x8x?x64xf32>, %l: index, %n: index) {
  %p0 = arith.subi %n, %l : index
  scf.forall (%b, %h, %i) = (0, 0, 0) to (2, 8, %l) step (1, 1, 192) {
    %r = affine.min #rows(%i)[%l]
    %qs = memref.subview %q[%b, %h, %i, 0] [1, 1, %r, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %ks = memref.subview %k[%b, %h, 0, 0] [1, 1, %n, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %vs = memref.subview %v[%b, %h, 0, 0] [1, 1, %n, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %os = memref.subview %o[%b, %h, %i, 0] [1, 1, %r, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %first = arith.addi %p0, %i : index
    // expected-remark @below {{keys [0, Lk), shared none; blocks}}
    attn.attention ins(%qs, %ks, %vs : memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>,
                       memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>,
                       memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>)
                   outs(%os : memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>) offset(%first)
    mask {
    ^bb0(%bb: index, %hh: index, %ii: index, %jj: index):
      %batch = arith.addi %hh, %h : index
      %x = memref.load %doc[%batch, %ii] : memref<8x?xi64>
      %y = memref.load %doc[%batch, %jj] : memref<8x?xi64>
      %p = arith.cmpi eq, %x, %y : i64
      attn.yield %p : i1
    }
  }
  return
}

// -----

// What the loop computes cannot be read in front of it.
// CHECK-LABEL: func @negative_computed_inside
// CHECK-NOT: summarise
// CHECK: return
#rows = affine_map<(d0)[s0] -> (s0 - d0, 192)>
func.func @negative_computed_inside(%q: memref<2x8x?x64xf32>, %k: memref<2x8x?x64xf32>, %v: memref<2x8x?x64xf32>, %doc: memref<2x?xi64>,
                  %o: memref<2x8x?x64xf32>, %l: index, %n: index) {
  %p0 = arith.subi %n, %l : index
  scf.forall (%b, %h, %i) = (0, 0, 0) to (2, 8, %l) step (1, 1, 192) {
    %r = affine.min #rows(%i)[%l]
    %qs = memref.subview %q[%b, %h, %i, 0] [1, 1, %r, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %ks = memref.subview %k[%b, %h, 0, 0] [1, 1, %n, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %vs = memref.subview %v[%b, %h, 0, 0] [1, 1, %n, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %os = memref.subview %o[%b, %h, %i, 0] [1, 1, %r, 64] [1, 1, 1, 1]
        : memref<2x8x?x64xf32> to memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>
    %first = arith.addi %p0, %i : index
    %own = memref.alloc(%n) : memref<?xi64>
    // expected-remark-re @below {{every key is tested: the mask data@{{[0-9:]*}}[i] - data@{{.*}} bounds no block}}
    attn.attention ins(%qs, %ks, %vs : memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>,
                       memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>,
                       memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>)
                   outs(%os : memref<1x1x?x64xf32, strided<[?, ?, 64, 1], offset: ?>>) offset(%first)
    mask {
    ^bb0(%bb: index, %hh: index, %ii: index, %jj: index):
      %x = memref.load %own[%ii] : memref<?xi64>
      %y = memref.load %own[%jj] : memref<?xi64>
      %p = arith.cmpi eq, %x, %y : i64
      attn.yield %p : i1
    }
  }
  return
}
