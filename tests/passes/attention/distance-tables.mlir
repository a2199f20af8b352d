// Terms of a score function that depend on positions through their difference alone are computed once
// for all distances, in front of the loops, if that takes less.
// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention,canonicalize,cse))" -split-input-file -verify-diagnostics | FileCheck %s

// A table by head and clipped distance. For 40 queries at positions 10 to 49 and 50 keys there are 89
// distances, the least -39; vectors of queries may end past the last of them.

// CHECK-LABEL: func @clipped
// CHECK-SAME: %[[BIAS:[a-z0-9]+]]: memref<2x33xf32>
// CHECK: %[[TABLE:.*]] = memref.alloc() {alignment = 64 : i64} : memref<2x122xf32>
// CHECK: scf.forall (%[[HEAD:.*]]) in (2)
// CHECK: scf.for %[[T:.*]] = %{{.*}} to %{{.*}} step %c8
// CHECK: %[[LAST:.*]] = arith.minsi %{{.*}}, %cst{{.*}} : vector<8xindex>
// CHECK: arith.subi %[[LAST]], %cst{{.*}} : vector<8xindex>
// CHECK: %[[TERM:.*]] = vector.gather %{{.*}} : memref<66xf32>
// CHECK: vector.store %[[TERM]], %[[TABLE]][%[[HEAD]], %[[T]]]
// CHECK: } {attn.kernel_name = "tabulate"}
// CHECK-NOT: vector.gather
// CHECK: vector.fma
// CHECK: vector.load %[[TABLE]][%{{.*}}, %{{.*}}] : memref<2x122xf32>, vector<8xf32>
// CHECK-NOT: vector.gather
// CHECK: return
func.func @clipped(%q: memref<1x2x40x64xf32>, %k: memref<1x2x50x64xf32>, %bias: memref<2x33xf32>,
                   %o: memref<1x2x40x64xf32>) {
  %c16 = arith.constant 16 : index
  %m16 = arith.constant -16 : index
  // expected-remark @below {{terms of j - i in the score are read from a table of all distances}}
  attn.attention ins(%q, %k, %k : memref<1x2x40x64xf32>, memref<1x2x50x64xf32>, memref<1x2x50x64xf32>)
                 outs(%o : memref<1x2x40x64xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %d = arith.subi %i, %j : index
      %lo = arith.maxsi %d, %m16 : index
      %hi = arith.minsi %lo, %c16 : index
      %at = arith.addi %hi, %c16 : index
      %x = memref.load %bias[%h, %at] : memref<2x33xf32>
      %t = arith.addf %s, %x : f32
      attn.yield %t : f32
    }
  return
}

// -----

// Neither a head nor a batch is read: one row of distances for all. Whether there are many queries is
// known when the code runs; few compute the term where they use it.

// CHECK-LABEL: func @function
// CHECK: %[[MANY:.*]] = arith.cmpi sgt, %[[QUERIES:.*]], %c8
// CHECK-DAG: arith.select %[[MANY]], %[[QUERIES]], %c0
// CHECK-DAG: arith.select %[[MANY]], %{{.*}}, %c0
// CHECK: %[[TABLE:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xf32>
// CHECK: scf.forall
// CHECK: math.log1p {{.*}} : vector<8xf32>
// CHECK: } {attn.kernel_name = "tabulate"}
// CHECK: scf.if
// CHECK: math.log1p {{.*}} : vector<8xf32>
// CHECK: } else {
// CHECK-NOT: math.log1p
// CHECK: vector.load %[[TABLE]][%{{.*}}] : memref<?xf32>, vector<8xf32>
// CHECK-NOT: math.log1p
// CHECK: return
func.func @function(%q: memref<1x2x?x64xf32>, %k: memref<1x2x?x64xf32>, %o: memref<1x2x?x64xf32>) {
  // expected-remark @below {{are read from a table of all distances; few queries compute them where they are used}}
  attn.attention ins(%q, %k, %k : memref<1x2x?x64xf32>, memref<1x2x?x64xf32>, memref<1x2x?x64xf32>)
                 outs(%o : memref<1x2x?x64xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %d = arith.subi %j, %i : index
      %a = math.absi %d : index
      %g = arith.index_cast %a : index to i32
      %f = arith.sitofp %g : i32 to f32
      %l = math.log1p %f : f32
      %t = arith.subf %s, %l : f32
      attn.yield %t : f32
    }
  return
}

// -----

// In a loop over heads and rows: a row of the table a head of the loop, and the distance of row 0.

// CHECK-LABEL: func @in_loop
// CHECK: %[[TABLE:.*]] = memref.alloc() {{.*}} : memref<4x280xf32>
// CHECK: scf.forall (%[[HEAD:.*]]) in (4)
// CHECK: vector.store %{{.*}}, %[[TABLE]][%[[HEAD]], %{{.*}}]
// CHECK: } {attn.kernel_name = "tabulate"}
// CHECK: scf.forall (%[[H:.*]], %{{.*}}) = (0, 0) to (4, 128) step (1, 32)
// CHECK: vector.load %[[TABLE]][%[[H]], %{{.*}}]
func.func @in_loop(%q: memref<1x4x128x64xf32>, %k: memref<1x4x120x64xf32>, %bias: memref<33x4xf32>,
                   %o: memref<1x4x128x64xf32>) {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  scf.forall (%g, %r) = (0, 0) to (4, 128) step (1, 32) {
    %qs = memref.subview %q[0, %g, %r, 0] [1, 1, 32, 64] [1, 1, 1, 1]
        : memref<1x4x128x64xf32> to memref<1x1x32x64xf32, strided<[32768, 8192, 64, 1], offset: ?>>
    %ks = memref.subview %k[0, %g, 0, 0] [1, 1, 120, 64] [1, 1, 1, 1]
        : memref<1x4x120x64xf32> to memref<1x1x120x64xf32, strided<[30720, 7680, 64, 1], offset: ?>>
    %os = memref.subview %o[0, %g, %r, 0] [1, 1, 32, 64] [1, 1, 1, 1]
        : memref<1x4x128x64xf32> to memref<1x1x32x64xf32, strided<[32768, 8192, 64, 1], offset: ?>>
    %first = affine.apply affine_map<(d0) -> (d0 - 8)>(%r)
    // expected-remark @below {{are read from a table of all distances}}
    attn.attention ins(%qs, %ks, %ks : memref<1x1x32x64xf32, strided<[32768, 8192, 64, 1], offset: ?>>, memref<1x1x120x64xf32, strided<[30720, 7680, 64, 1], offset: ?>>, memref<1x1x120x64xf32, strided<[30720, 7680, 64, 1], offset: ?>>)
                   outs(%os : memref<1x1x32x64xf32, strided<[32768, 8192, 64, 1], offset: ?>>)
                   offset(%first)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
        %head = arith.addi %h, %g : index
        %d = arith.subi %i, %j : index
        %lo = arith.maxsi %d, %c0 : index
        %at = arith.minsi %lo, %c32 : index
        %x = memref.load %bias[%at, %head] : memref<33x4xf32>
        %t = arith.addf %s, %x : f32
        attn.yield %t : f32
      }
  }
  return
}

// -----

// Positions that are not those of the rows of one tensor.

// CHECK-LABEL: func @negative_other_positions
// CHECK-NOT: tabulate
// CHECK: return
func.func @negative_other_positions(%q: memref<1x4x128x64xf32>, %k: memref<1x4x120x64xf32>, %bias: memref<33xf32>,
                                    %o: memref<1x4x128x64xf32>) {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  scf.forall (%g) in (4) {
    %qs = memref.subview %q[0, %g, 0, 0] [1, 1, 128, 64] [1, 1, 1, 1]
        : memref<1x4x128x64xf32> to memref<1x1x128x64xf32, strided<[32768, 8192, 64, 1], offset: ?>>
    %ks = memref.subview %k[0, %g, 0, 0] [1, 1, 120, 64] [1, 1, 1, 1]
        : memref<1x4x120x64xf32> to memref<1x1x120x64xf32, strided<[30720, 7680, 64, 1], offset: ?>>
    %os = memref.subview %o[0, %g, 0, 0] [1, 1, 128, 64] [1, 1, 1, 1]
        : memref<1x4x128x64xf32> to memref<1x1x128x64xf32, strided<[32768, 8192, 64, 1], offset: ?>>
    // expected-remark @below {{are computed where they are used: positions are not known in front of the loop around the attention}}
    attn.attention ins(%qs, %ks, %ks : memref<1x1x128x64xf32, strided<[32768, 8192, 64, 1], offset: ?>>, memref<1x1x120x64xf32, strided<[30720, 7680, 64, 1], offset: ?>>, memref<1x1x120x64xf32, strided<[30720, 7680, 64, 1], offset: ?>>)
                   outs(%os : memref<1x1x128x64xf32, strided<[32768, 8192, 64, 1], offset: ?>>)
                   offset(%g)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
        %d = arith.subi %i, %j : index
        %lo = arith.maxsi %d, %c0 : index
        %at = arith.minsi %lo, %c32 : index
        %x = memref.load %bias[%at] : memref<33xf32>
        %t = arith.addf %s, %x : f32
        attn.yield %t : f32
      }
  }
  return
}

// -----

// What the loop around computes is not there in front of it.

// CHECK-LABEL: func @negative_computed_in_loop
// CHECK-NOT: tabulate
// CHECK: return
func.func @negative_computed_in_loop(%q: memref<4x1x128x64xf32>, %bias: memref<33xf32>, %o: memref<4x1x128x64xf32>) {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  scf.forall (%g) in (4) {
    %own = memref.alloc() : memref<33xf32>
    memref.copy %bias, %own : memref<33xf32> to memref<33xf32>
    %qs = memref.subview %q[%g, 0, 0, 0] [1, 1, 128, 64] [1, 1, 1, 1]
        : memref<4x1x128x64xf32> to memref<1x1x128x64xf32, strided<[8192, 8192, 64, 1], offset: ?>>
    %os = memref.subview %o[%g, 0, 0, 0] [1, 1, 128, 64] [1, 1, 1, 1]
        : memref<4x1x128x64xf32> to memref<1x1x128x64xf32, strided<[8192, 8192, 64, 1], offset: ?>>
    // expected-remark @below {{are computed where they are used: one depends on what is known only in the loop around the attention}}
    attn.attention ins(%qs, %qs, %qs : memref<1x1x128x64xf32, strided<[8192, 8192, 64, 1], offset: ?>>, memref<1x1x128x64xf32, strided<[8192, 8192, 64, 1], offset: ?>>, memref<1x1x128x64xf32, strided<[8192, 8192, 64, 1], offset: ?>>)
                   outs(%os : memref<1x1x128x64xf32, strided<[8192, 8192, 64, 1], offset: ?>>)
                   offset(%c0)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
        %d = arith.subi %i, %j : index
        %lo = arith.maxsi %d, %c0 : index
        %at = arith.minsi %lo, %c32 : index
        %x = memref.load %own[%at] : memref<33xf32>
        %t = arith.addf %s, %x : f32
        attn.yield %t : f32
      }
  }
  return
}

// -----

// Nor what it writes to memory from outside.

// CHECK-LABEL: func @negative_written_in_loop
// CHECK-NOT: tabulate
// CHECK: return
func.func @negative_written_in_loop(%q: memref<4x1x128x64xf32>, %bias: memref<4x33xf32>, %x: f32, %o: memref<4x1x128x64xf32>) {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  scf.forall (%g) in (4) {
    memref.store %x, %bias[%g, %c0] : memref<4x33xf32>
    %own = memref.subview %bias[%g, 0] [1, 33] [1, 1] : memref<4x33xf32> to memref<1x33xf32, strided<[33, 1], offset: ?>>
    %qs = memref.subview %q[%g, 0, 0, 0] [1, 1, 128, 64] [1, 1, 1, 1]
        : memref<4x1x128x64xf32> to memref<1x1x128x64xf32, strided<[8192, 8192, 64, 1], offset: ?>>
    %os = memref.subview %o[%g, 0, 0, 0] [1, 1, 128, 64] [1, 1, 1, 1]
        : memref<4x1x128x64xf32> to memref<1x1x128x64xf32, strided<[8192, 8192, 64, 1], offset: ?>>
    // expected-remark @below {{are computed where they are used: one depends on what is known only in the loop around the attention}}
    attn.attention ins(%qs, %qs, %qs : memref<1x1x128x64xf32, strided<[8192, 8192, 64, 1], offset: ?>>, memref<1x1x128x64xf32, strided<[8192, 8192, 64, 1], offset: ?>>, memref<1x1x128x64xf32, strided<[8192, 8192, 64, 1], offset: ?>>)
                   outs(%os : memref<1x1x128x64xf32, strided<[8192, 8192, 64, 1], offset: ?>>)
                   offset(%c0)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
        %d = arith.subi %i, %j : index
        %lo = arith.maxsi %d, %c0 : index
        %at = arith.minsi %lo, %c32 : index
        %y = memref.load %own[%c0, %at] : memref<1x33xf32, strided<[33, 1], offset: ?>>
        %t = arith.addf %s, %y : f32
        attn.yield %t : f32
      }
  }
  return
}

// -----

// The position of the query alone, as in a tensor of query and distance.

// CHECK-LABEL: func @negative_query
// CHECK-NOT: tabulate
// CHECK: return
func.func @negative_query(%q: memref<1x2x40x64xf32>, %bias: memref<40x33xf32>, %o: memref<1x2x40x64xf32>) {
  %c16 = arith.constant 16 : index
  %m16 = arith.constant -16 : index
  attn.attention ins(%q, %q, %q : memref<1x2x40x64xf32>, memref<1x2x40x64xf32>, memref<1x2x40x64xf32>)
                 outs(%o : memref<1x2x40x64xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %d = arith.subi %i, %j : index
      %lo = arith.maxsi %d, %m16 : index
      %hi = arith.minsi %lo, %c16 : index
      %at = arith.addi %hi, %c16 : index
      %x = memref.load %bias[%i, %at] : memref<40x33xf32>
      %t = arith.addf %s, %x : f32
      attn.yield %t : f32
    }
  return
}

// -----

// A slope, as of ALiBi.

// CHECK-LABEL: func @negative_cheap
// CHECK-NOT: tabulate
// CHECK: return
func.func @negative_cheap(%q: memref<1x2x40x64xf32>, %slopes: memref<2xf32>, %o: memref<1x2x40x64xf32>) {
  // expected-remark @below {{are computed where they are used: to read them would not take less}}
  attn.attention ins(%q, %q, %q : memref<1x2x40x64xf32>, memref<1x2x40x64xf32>, memref<1x2x40x64xf32>)
                 outs(%o : memref<1x2x40x64xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %d = arith.subi %i, %j : index
      %n = arith.index_cast %d : index to i64
      %f = arith.sitofp %n : i64 to f32
      %slope = memref.load %slopes[%h] : memref<2xf32>
      %x = arith.mulf %slope, %f : f32
      %t = arith.subf %s, %x : f32
      attn.yield %t : f32
    }
  return
}

// -----

// CHECK-LABEL: func @negative_few_queries
// CHECK-NOT: tabulate
// CHECK: return
func.func @negative_few_queries(%q: memref<1x2x8x64xf32>, %k: memref<1x2x500x64xf32>, %o: memref<1x2x8x64xf32>) {
  // expected-remark @below {{are computed where they are used: a table for at most 8 queries would take as long}}
  attn.attention ins(%q, %k, %k : memref<1x2x8x64xf32>, memref<1x2x500x64xf32>, memref<1x2x500x64xf32>)
                 outs(%o : memref<1x2x8x64xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %d = arith.subi %j, %i : index
      %n = arith.index_cast %d : index to i64
      %f = arith.sitofp %n : i64 to f32
      %x = math.sin %f : f32
      %t = arith.addf %s, %x : f32
      attn.yield %t : f32
    }
  return
}
