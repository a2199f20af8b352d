// RUN: fovea-opt %s -attn-vectorize-linalg -cse -canonicalize -split-input-file | FileCheck %s

// Functions of a row, then its result: the result of a row is stored while the functions of the next
// one are computed, if the matrix is larger than the caches and its rows are aligned. Else tasks are
// single rows. How many there are is known at run time only.
#row = affine_map<(i, j) -> (i, j)>
#sum = affine_map<(i, j) -> (i)>
// CHECK-LABEL: @exponential_rows
// CHECK:         %[[LARGE:.*]] = arith.cmpi sge, %{{.*}}, %c16777216
// CHECK:         %[[ADDRESS:.*]] = memref.extract_aligned_pointer_as_index %arg1
// CHECK:         %[[WORTHWHILE:.*]] = arith.andi %[[LARGE]], %{{.*}}
// CHECK:         %[[STEP:.*]] = arith.select %[[WORTHWHILE]], %c32, %c1
// CHECK:         scf.forall (%[[FIRST:.*]]) = (0) to (%arg2) step (%[[STEP]])
// CHECK:           %[[P:.*]] = memref.alloc() : memref<1x4096xf32>
// CHECK:           %[[KEPT:.*]] = memref.alloc() : memref<1xf32>
// CHECK:           %[[SUM:.*]] = arith.addi %[[FIRST]], %[[STEP]]
// CHECK:           %[[END:.*]] = arith.minsi %[[SUM]], %arg2
// CHECK:           scf.for %[[I:.*]] = %[[FIRST]] to %[[END]]
// CHECK:             %[[IN:.*]] = memref.subview %arg0[%[[I]], 0]
// CHECK:             %[[IS_FIRST:.*]] = arith.cmpi eq, %[[I]], %[[FIRST]]
// CHECK:             scf.if %[[IS_FIRST]]
// CHECK:               math.exp
// CHECK-NOT:           nontemporal
// CHECK:             } else {
// CHECK:               %[[BEFORE:.*]] = arith.subi %[[I]], %c1
// CHECK:               %[[OUT:.*]] = memref.subview %arg1[%[[BEFORE]], 0]
// CHECK:               memref.load %[[KEPT]]
// CHECK:               scf.for
// CHECK-DAG:             vector.load %[[IN]]
// CHECK-DAG:             %[[OLD:.*]] = vector.load %[[P]]
// CHECK:                 %[[E:.*]] = math.exp
// CHECK:                 %[[W:.*]] = arith.mulf %[[OLD]]
// CHECK:                 vector.store %[[E]], %[[P]]
// CHECK:                 scf.if
// CHECK:                   memref.prefetch {{.*}}, read
// CHECK-NOT:               write
// CHECK:                   vector.store %[[W]], %[[OUT]]{{.*}} {alignment = 32 : i64, nontemporal = true}
// CHECK:           %[[LAST:.*]] = arith.subi %[[END]], %c1
// CHECK:           %[[OUT:.*]] = memref.subview %arg1[%[[LAST]], 0]
// CHECK:           scf.for
// CHECK:             vector.load %[[P]]
// CHECK:             vector.store {{.*}}, %[[OUT]]{{.*}}nontemporal
func.func @exponential_rows(%x: memref<?x4096xf32>, %y: memref<?x4096xf32>, %n: index) {
  scf.forall (%i) in (%n) {
    %in = memref.subview %x[%i, 0] [1, 4096] [1, 1] : memref<?x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
    %z = memref.alloc() : memref<1xf32>
    %p = memref.alloc() : memref<1x4096xf32>
    linalg.generic {indexing_maps = [#row, #row, #sum], iterator_types = ["parallel", "reduction"]}
      ins(%in : memref<1x4096xf32, strided<[4096, 1], offset: ?>>) outs(%p, %z : memref<1x4096xf32>, memref<1xf32>) {
    ^bb0(%a: f32, %o: f32, %acc: f32):
      %e = math.exp %a : f32
      %s = arith.addf %acc, %e : f32
      linalg.yield %e, %s : f32, f32
    }
    %out = memref.subview %y[%i, 0] [1, 4096] [1, 1] : memref<?x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
    linalg.generic {indexing_maps = [#row, #sum, #row], iterator_types = ["parallel", "parallel"]}
      ins(%p, %z : memref<1x4096xf32>, memref<1xf32>)
      outs(%out : memref<1x4096xf32, strided<[4096, 1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %m = arith.mulf %a, %b : f32
      linalg.yield %m : f32
    }
  }
  return
}

// -----

// negative: 8 MiB, which the caches hold.
#row = affine_map<(i, j) -> (i, j)>
// CHECK-LABEL: @small
// CHECK:         scf.forall (%{{.*}}) in (512)
// CHECK-NOT:       nontemporal
// CHECK:           return
func.func @small(%x: memref<512x4096xf32>, %y: memref<512x4096xf32>) {
  scf.forall (%i) in (512) {
    %in = memref.subview %x[%i, 0] [1, 4096] [1, 1] : memref<512x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
    %p = memref.alloc() : memref<1x4096xf32>
    linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%in : memref<1x4096xf32, strided<[4096, 1], offset: ?>>) outs(%p : memref<1x4096xf32>) {
    ^bb0(%a: f32, %o: f32):
      %e = math.exp %a : f32
      linalg.yield %e : f32
    }
    %out = memref.subview %y[%i, 0] [1, 4096] [1, 1] : memref<512x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
    linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%p : memref<1x4096xf32>) outs(%out : memref<1x4096xf32, strided<[4096, 1], offset: ?>>) {
    ^bb0(%a: f32, %o: f32):
      %m = arith.mulf %a, %a : f32
      linalg.yield %m : f32
    }
  }
  return
}

// -----

// negative: the result reads its row of the input too, which is another one by the time.
#row = affine_map<(i, j) -> (i, j)>
// CHECK-LABEL: @reads_input
// CHECK:         scf.forall (%{{.*}}) in (4096)
// CHECK:           return
func.func @reads_input(%x: memref<4096x4096xf32>, %y: memref<4096x4096xf32>) {
  scf.forall (%i) in (4096) {
    %in = memref.subview %x[%i, 0] [1, 4096] [1, 1] : memref<4096x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
    %p = memref.alloc() : memref<1x4096xf32>
    linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%in : memref<1x4096xf32, strided<[4096, 1], offset: ?>>) outs(%p : memref<1x4096xf32>) {
    ^bb0(%a: f32, %o: f32):
      %e = math.exp %a : f32
      linalg.yield %e : f32
    }
    %out = memref.subview %y[%i, 0] [1, 4096] [1, 1] : memref<4096x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
    linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%p, %in : memref<1x4096xf32>, memref<1x4096xf32, strided<[4096, 1], offset: ?>>)
      outs(%out : memref<1x4096xf32, strided<[4096, 1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %m = arith.mulf %a, %b : f32
      linalg.yield %m : f32
    }
  }
  return
}

// -----

// negative: another op looks at the scratch row after the functions, and the matrix of results is
// read in the loop.
#row = affine_map<(i, j) -> (i, j)>
#sum = affine_map<(i, j) -> (i)>
// CHECK-LABEL: @other_uses
// CHECK:         scf.forall (%{{.*}}) in (4096)
// CHECK:         scf.forall (%{{.*}}) in (4096)
// CHECK:           return
func.func @other_uses(%x: memref<4096x4096xf32>, %y: memref<4096x4096xf32>) {
  scf.forall (%i) in (4096) {
    %in = memref.subview %x[%i, 0] [1, 4096] [1, 1] : memref<4096x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
    %p = memref.alloc() : memref<1x4096xf32>
    %z = memref.alloc() : memref<1xf32>
    linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%in : memref<1x4096xf32, strided<[4096, 1], offset: ?>>) outs(%p : memref<1x4096xf32>) {
    ^bb0(%a: f32, %o: f32):
      %e = math.exp %a : f32
      linalg.yield %e : f32
    }
    linalg.generic {indexing_maps = [#row, #sum], iterator_types = ["parallel", "reduction"]}
      ins(%p : memref<1x4096xf32>) outs(%z : memref<1xf32>) {
    ^bb0(%a: f32, %acc: f32):
      %s = arith.addf %acc, %a : f32
      linalg.yield %s : f32
    }
    %out = memref.subview %y[%i, 0] [1, 4096] [1, 1] : memref<4096x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
    linalg.generic {indexing_maps = [#row, #sum, #row], iterator_types = ["parallel", "parallel"]}
      ins(%p, %z : memref<1x4096xf32>, memref<1xf32>)
      outs(%out : memref<1x4096xf32, strided<[4096, 1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %m = arith.mulf %a, %b : f32
      linalg.yield %m : f32
    }
  }
  scf.forall (%i) in (4096) {
    %in = memref.subview %y[%i, 0] [1, 4096] [1, 1] : memref<4096x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
    %p = memref.alloc() : memref<1x4096xf32>
    linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%in : memref<1x4096xf32, strided<[4096, 1], offset: ?>>) outs(%p : memref<1x4096xf32>) {
    ^bb0(%a: f32, %o: f32):
      %e = math.exp %a : f32
      linalg.yield %e : f32
    }
    %out = memref.subview %y[%i, 0] [1, 4096] [1, 1] : memref<4096x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
    linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%p : memref<1x4096xf32>) outs(%out : memref<1x4096xf32, strided<[4096, 1], offset: ?>>) {
    ^bb0(%a: f32, %o: f32):
      %m = arith.mulf %a, %a : f32
      linalg.yield %m : f32
    }
  }
  return
}
