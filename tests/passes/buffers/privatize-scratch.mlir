// RUN: fovea-opt %s -allow-unregistered-dialect -split-input-file -pass-pipeline="builtin.module(func.func(attn-privatize-scratch))" -verify-diagnostics | FileCheck %s

#tail = affine_map<(i)[n] -> (96, n - i)>

// The size of a tail tile is bounded by the tile size: 96 * 4 bytes, six cache lines.
// CHECK-LABEL: func.func @tile
// CHECK: %[[WORKERS:.*]] = attn.workers
// CHECK: %[[BYTES:.*]] = arith.muli %[[WORKERS]]
// CHECK: %[[SCRATCH:.*]] = memref.alloc(%[[BYTES]]) {alignment = 64 : i64} : memref<?xi8>
// CHECK: scf.forall
// CHECK: %[[WORKER:.*]] = attn.worker
// CHECK: %[[BASE:.*]] = arith.muli %[[WORKER]]
// CHECK: memref.view %[[SCRATCH]][%{{.*}}][%{{.*}}] : memref<?xi8> to memref<?xf32>
// CHECK-NOT: memref.alloc
func.func @tile(%n: index) {
  scf.forall (%i) = (0) to (%n) step (96) {
    %size = affine.min #tail(%i)[%n]
    %a = memref.alloc(%size) : memref<?xf32>
    "test.use"(%a) : (memref<?xf32>) -> ()
  }
  return
}

// -----

// A size that is known outside the loop stays symbolic.
// CHECK-LABEL: func.func @row
// CHECK-SAME: %[[X:.*]]: memref<?x?xf32>
// CHECK: memref.dim %[[X]]
// CHECK: memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xi8>
// CHECK: scf.forall
// CHECK-NOT: memref.alloc
func.func @row(%x: memref<?x?xf32>, %n: index) {
  scf.forall (%i) in (%n) {
    %c1 = arith.constant 1 : index
    %d = memref.dim %x, %c1 : memref<?x?xf32>
    %a = memref.alloc(%d) : memref<?xf32>
    "test.use"(%a) : (memref<?xf32>) -> ()
  }
  return
}

// -----

#before = affine_map<(i) -> (3 - i, 0)>
#first = affine_map<(i) -> (0, i - 3)>
#inside = affine_map<(i, first)[n] -> (n - first, 96)>
#positive = affine_map<(i) -> (0, i)>
#sum = affine_map<(a, b) -> (a + b)>

// A tile of a padding by three elements at the front: what lies before the tensor, at most 3, and
// what lies in it, at most 96. The bounds of both are taken for themselves.
// CHECK-LABEL: func.func @padded_tile
// CHECK: arith.constant 99 : index
// CHECK: memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xi8>
// CHECK: scf.forall
// CHECK-NOT: memref.alloc
func.func @padded_tile(%n: index) {
  scf.forall (%i) = (0) to (%n) step (96) {
    %before = affine.max #before(%i)
    %first = affine.max #first(%i)
    %rest = affine.min #inside(%i, %first)[%n]
    %inside = affine.max #positive(%rest)
    %size = affine.apply #sum(%inside, %before)
    %a = memref.alloc(%size) : memref<?xf32>
    "test.use"(%a) : (memref<?xf32>) -> ()
  }
  return
}

// -----

// A size that is computed in the loop, but from what does not change in it, is computed in front.
// CHECK-LABEL: func.func @invariant_size
// CHECK-SAME: %[[N:.*]]: index
// CHECK: %[[SIZE:.*]] = arith.remui %[[N]], %{{.*}} : index
// CHECK: memref.alloc
// CHECK: scf.forall
func.func @invariant_size(%n: index) {
  scf.forall (%i) in (%n) {
    %c4 = arith.constant 4 : index
    %size = arith.remui %n, %c4 : index
    %a = memref.alloc(%size) : memref<?xf32>
    "test.use"(%a) : (memref<?xf32>) -> ()
  }
  return
}

// -----

// Loops without scratch and allocations outside loops are left alone.
// CHECK-LABEL: func.func @nothing_to_do
// CHECK-NOT: attn.workers
// CHECK: memref.alloc() : memref<4xf32>
func.func @nothing_to_do(%n: index) {
  %a = memref.alloc() : memref<4xf32>
  scf.forall (%i) in (%n) {
    "test.use"(%a) : (memref<4xf32>) -> ()
  }
  return
}

// -----

func.func @unbounded(%x: memref<?xindex>, %n: index) {
  scf.forall (%i) in (%n) {
    %d = memref.load %x[%i] : memref<?xindex>
    // expected-error @below {{is scratch memory in a parallel loop, but its size has no bound outside the loop}}
    %a = memref.alloc(%d) : memref<?xf32>
    "test.use"(%a) : (memref<?xf32>) -> ()
  }
  return
}
