// RUN: fovea-opt %s -allow-unregistered-dialect -split-input-file -attn-plan-buffers -verify-diagnostics | FileCheck %s

// a and c are never alive together and of one size: they share a slot. b lives beside both.
// CHECK-LABEL: func.func @share
// CHECK: %[[WORKSPACE:.*]] = attn.workspace
// CHECK: memref.view %[[WORKSPACE]][%[[FIRST:.*]]][%{{.*}}] : memref<?xi8> to memref<?xf32>
// CHECK: memref.view %[[WORKSPACE]][%[[SECOND:.*]]][%{{.*}}] : memref<?xi8> to memref<?xf32>
// CHECK: memref.view %[[WORKSPACE]][%[[FIRST]]][%{{.*}}] : memref<?xi8> to memref<?xf32>
// CHECK-NOT: memref.alloc
// CHECK-LABEL: func.func private @share.workspace_size(
// CHECK-SAME: %[[N:.*]]: index, %{{.*}}: index) -> index
// CHECK: arith.muli %{{.*}}, %[[N]]
// The same in f64, to see whether the integers overflow.
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK: %[[ESTIMATE:.*]] = arith.addf
// CHECK: %[[FITS:.*]] = arith.cmpf ole, %[[ESTIMATE]]
// CHECK: %[[SIZE:.*]] = arith.select %[[FITS]], %{{.*}}, %c-1
// CHECK: return %[[SIZE]]
func.func @share(%x: memref<?xf32>) attributes {attn.num_results = 0} {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %a = memref.alloc(%n) : memref<?xf32>
  %b = memref.alloc(%n) : memref<?xf32>
  "test.copy"(%a, %b) : (memref<?xf32>, memref<?xf32>) -> ()
  %c = memref.alloc(%n) : memref<?xf32>
  "test.copy"(%b, %c) : (memref<?xf32>, memref<?xf32>) -> ()
  return
}

// -----

// A view keeps its buffer alive; a buffer used in a loop lives until the loop ends.
// CHECK-LABEL: func.func @alive
// CHECK: memref.view %{{.*}}[%[[A:.*]]][] : memref<?xi8> to memref<16xf32>
// CHECK: memref.view %{{.*}}[%[[B:.*]]][] : memref<?xi8> to memref<16xf32>
// CHECK: memref.view %{{.*}}[%[[C:.*]]][] : memref<?xi8> to memref<16xf32>
// CHECK-LABEL: func.func private @alive.workspace_size
// CHECK: %[[TOTAL:.*]] = arith.addi
// CHECK: %[[TOTAL2:.*]] = arith.addi %[[TOTAL]]
// CHECK: %[[TOTAL3:.*]] = arith.addi %[[TOTAL2]]
// CHECK: %[[SIZE:.*]] = arith.select %{{.*}}, %[[TOTAL3]]
// CHECK: return %[[SIZE]]
func.func @alive(%n: memref<1xf32>) attributes {attn.num_results = 0} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %a = memref.alloc() : memref<16xf32>
  %v = memref.subview %a[0] [8] [1] : memref<16xf32> to memref<8xf32>
  %b = memref.alloc() : memref<16xf32>
  scf.for %i = %c0 to %c9 step %c1 {
    "test.use"(%v, %b) : (memref<8xf32>, memref<16xf32>) -> ()
    %c = memref.alloc() : memref<16xf32>
    "test.use"(%c) : (memref<16xf32>) -> ()
  }
  return
}

// -----

// Sizes that grow with the workers ask for their number.
// CHECK-LABEL: func.func private @workers.workspace_size(
// CHECK-SAME: %{{.*}}: index, %[[WORKERS:.*]]: index)
// CHECK: arith.muli %[[WORKERS]]
func.func @workers(%x: memref<?xf32>) attributes {attn.num_results = 0} {
  %c100 = arith.constant 100 : index
  %w = attn.workers
  %n = arith.muli %w, %c100 : index
  %a = memref.alloc(%n) : memref<?xi8>
  "test.use"(%a) : (memref<?xi8>) -> ()
  return
}

// -----

// Buffers that are never alive together share a slot whatever their sizes; it is as large as the
// largest. For typical shapes, c is largest and takes the first slot; of the slots that are free for
// a, the smallest serves, which is the second, made for d.
// CHECK-LABEL: func.func @unequal(
// CHECK: %[[LARGEST:.*]] = arith.maxsi
// CHECK: %[[SECOND:.*]] = arith.addi
// CHECK: memref.view %{{.*}}[%[[SECOND]]][%{{.*}}] : memref<?xi8> to memref<?x3xf32>
// CHECK: memref.view %{{.*}}[%c0{{.*}}][%{{.*}}, %{{.*}}] : memref<?xi8> to memref<?x?xf32>
// CHECK: memref.view %{{.*}}[%[[SECOND]]][%{{.*}}] : memref<?xi8> to memref<?x5xf32>
// CHECK-LABEL: func.func private @unequal.workspace_size(
// CHECK: %[[A:.*]] = arith.mulf
// CHECK: arith.maximumf
// CHECK: return
func.func @unequal(%x: memref<?x?xf32>) attributes {attn.num_results = 0} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = memref.dim %x, %c0 : memref<?x?xf32>
  %n = memref.dim %x, %c1 : memref<?x?xf32>
  %a = memref.alloc(%m) : memref<?x3xf32>
  "test.use"(%a) : (memref<?x3xf32>) -> ()
  %c = memref.alloc(%m, %n) : memref<?x?xf32>
  %d = memref.alloc(%n) : memref<?x5xf32>
  "test.copy"(%c, %d) : (memref<?x?xf32>, memref<?x5xf32>) -> ()
  return
}

// -----

// The larger buffer comes first, though which that is hangs on a choice.
// CHECK-LABEL: func.func @chosen(
// CHECK: memref.view %{{.*}}[%c0{{.*}}][%{{.*}}] : memref<?xi8> to memref<?xf64>
func.func @chosen(%x: memref<?xf32>) attributes {attn.num_results = 0} {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %half = arith.ceildivui %n, %c2 : index
  %few = arith.cmpi sle, %n, %c64 : index
  %size = arith.select %few, %half, %n : index
  %a = memref.alloc(%half) : memref<?xf32>
  %b = memref.alloc(%size) : memref<?xf64>
  "test.copy"(%a, %b) : (memref<?xf32>, memref<?xf64>) -> ()
  return
}

// -----

// A function that is no entry keeps its allocations for attn-verify-kernels to find.
// CHECK-LABEL: func.func @no_entry
// CHECK: memref.alloc
func.func @no_entry() {
  %a = memref.alloc() : memref<16xf32>
  return
}

// -----

func.func @data_dependent(%x: memref<?xindex>) attributes {attn.num_results = 0} {
  %c0 = arith.constant 0 : index
  %n = memref.load %x[%c0] : memref<?xindex>
  // expected-error @below {{has a size that depends on data, not on the input shapes alone}}
  %a = memref.alloc(%n) : memref<?xf32>
  "test.use"(%a) : (memref<?xf32>) -> ()
  return
}

// -----

// The size of a result's buffer is known from the shapes of the inputs: dim 1 of the second
// result is the fourth of all dims.
// CHECK-LABEL: func.func private @of_result.workspace_size(
// CHECK-SAME: %[[N:.*]]: index, %{{.*}}: index) -> index
// CHECK: %[[SHAPES:.*]]:4 = call @of_result.result_shapes(%[[N]])
// CHECK: arith.muli %{{.*}}, %[[SHAPES]]#3
// CHECK: return
func.func @of_result(%x: memref<?xf32>, %y: memref<2x?xf32>, %z: memref<2x?xf32>)
    attributes {attn.num_results = 2} {
  %c1 = arith.constant 1 : index
  %n = memref.dim %z, %c1 : memref<2x?xf32>
  %a = memref.alloc(%n) : memref<?xf32>
  "test.use"(%a) : (memref<?xf32>) -> ()
  return
}
func.func private @of_result.result_shapes(%n: index) -> (index, index, index, index) {
  %c2 = arith.constant 2 : index
  return %c2, %n, %c2, %n : index, index, index, index
}

// -----

func.func @too_large(%x: memref<4xf32>) attributes {attn.num_results = 0} {
  // expected-error @below {{takes more than 2^62 bytes}}
  %a = memref.alloc() : memref<4294967296x4294967296xf32>
  "test.use"(%a) : (memref<4294967296x4294967296xf32>) -> ()
  return
}
