// RUN: fovea-opt %s -split-input-file -attn-outline-kernels -verify-diagnostics | FileCheck %s

// The tasks of a two-dim loop are numbered row-major; constants are not captured.
// CHECK-LABEL: func.func private @f.scale(
// CHECK-SAME: %[[BEGIN:.*]]: index, %[[END:.*]]: index, %{{.*}}: index, %[[X:.*]]: memref<?x?xf32>, %[[M:.*]]: index, %[[N:.*]]: index) attributes {attn.kernel}
// CHECK: scf.for %[[TASK:.*]] = %[[BEGIN]] to %[[END]]
// CHECK: %[[J:.*]] = arith.remui %[[TASK]], %[[N]]
// CHECK: %[[I:.*]] = arith.divui %[[TASK]], %[[N]]
// CHECK: arith.constant 2.000000e+00
// CHECK: memref.load %[[X]][%[[I]], %[[J]]]
// CHECK-LABEL: func.func @f
// CHECK: attn.launch @f.scale count(%{{.*}}) args(%arg0, %arg1, %arg2 : memref<?x?xf32>, index, index)
// CHECK-NOT: scf.forall
func.func @f(%x: memref<?x?xf32>, %m: index, %n: index) {
  %two = arith.constant 2.0 : f32
  scf.forall (%i, %j) in (%m, %n) {
    %v = memref.load %x[%i, %j] : memref<?x?xf32>
    %w = arith.mulf %v, %two : f32
    memref.store %w, %x[%i, %j] : memref<?x?xf32>
  } {attn.kernel_name = "scale"}
  return
}

// -----

// Stores past the caches are finished before the kernel returns.
// CHECK-LABEL: func.func private @streamed.kernel(
// CHECK:       scf.for
// CHECK:         vector.store
// CHECK:       }
// CHECK:       llvm.fence seq_cst
// CHECK-NEXT:  return
func.func @streamed(%x: memref<64xf32>, %v: vector<8xf32>) {
  scf.forall (%i) in (8) {
    vector.store %v, %x[%i] {nontemporal = true} : memref<64xf32>, vector<8xf32>
  }
  return
}

// -----

// Two kernels of one kind get different names; a loop inside a kernel is serial.
// CHECK: func.func private @g.kernel(
// CHECK: scf.for
// CHECK: scf.for
// CHECK: func.func private @g.kernel_0(
// CHECK-LABEL: func.func @g
// CHECK: attn.launch @g.kernel count
// CHECK: attn.launch @g.kernel_0 count
func.func @g(%x: memref<?xf32>, %n: index) {
  %zero = arith.constant 0.0 : f32
  scf.forall (%i) in (%n) {
    scf.forall (%j) in (%n) {
      memref.store %zero, %x[%j] : memref<?xf32>
    }
  }
  scf.forall (%i) in (%n) {
    memref.store %zero, %x[%i] : memref<?xf32>
  }
  return
}

// -----

// The worker number is the kernel's argument; the step becomes the distance of two tasks.
// CHECK-LABEL: func.func private @h.kernel(
// CHECK-SAME: %{{.*}}: index, %{{.*}}: index, %[[WORKER:.*]]: index,
// CHECK: memref.store %[[WORKER]]
// CHECK-LABEL: func.func @h
// CHECK: %[[SUM:.*]] = arith.addi %{{.*}}, %c15
// CHECK: arith.divsi %[[SUM]], %c16
func.func @h(%x: memref<?xindex>, %n: index) {
  scf.forall (%i) = (0) to (%n) step (16) {
    %w = attn.worker
    memref.store %w, %x[%i] : memref<?xindex>
  }
  return
}

// -----

// Outside of loops, as where one of a single iteration was, there is one task, the caller's.
// CHECK-LABEL: func.func @no_loop
// CHECK: %[[NONE:.*]] = arith.constant 0 : index
// CHECK: memref.store %[[NONE]]
func.func @no_loop(%x: memref<1xindex>) {
  %c0 = arith.constant 0 : index
  %w = attn.worker
  memref.store %w, %x[%c0] : memref<1xindex>
  return
}

// -----

func.func @on_tensors(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{still works on tensors: run attn-bufferize first}}
  %r = scf.forall (%i) in (8) shared_outs(%o = %x) -> tensor<8xf32> {
    %s = tensor.extract_slice %o[%i] [1] [1] : tensor<8xf32> to tensor<1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %s into %o[%i] [1] [1] : tensor<1xf32> into tensor<8xf32>
    }
  }
  return %r : tensor<8xf32>
}
