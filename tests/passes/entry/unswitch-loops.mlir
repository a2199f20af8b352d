// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-unswitch-loops))" -split-input-file | FileCheck %s

// A branch that all iterations take alike goes around the loop. Its condition is computed in front,
// bounds that it selects are resolved, of which the loop of the else branch keeps no dim with one
// iteration. Each loop has what both branches use of the rest, and the name of the branch is that
// of the first one.

// CHECK-LABEL: func @few_or_many
// CHECK-SAME: %[[X:[^ ,]*]]: memref<?x?xf32>, %[[N:[^ ,]*]]: index
// CHECK: %[[FEW:.*]] = arith.cmpi sle, %[[N]], %c16
// CHECK: scf.if %[[FEW]] {
// CHECK-NEXT: scf.forall (%[[I:.*]], %[[S:.*]]) in (%[[N]], 3) {
// CHECK-NEXT: %[[ROW:.*]] = memref.subview %[[X]][%[[I]], 0]
// CHECK-NEXT: scf.for
// CHECK-NEXT: memref.store %{{.*}}, %[[ROW]][%[[S]]]
// CHECK: } {attn.kernel_name = "rows_few"}
// CHECK: } else {
// CHECK: %[[ONLY:.*]] = arith.constant 0 : index
// CHECK-NEXT: scf.forall (%[[J:.*]]) in (%[[N]]) {
// CHECK-NEXT: %[[ROW:.*]] = memref.subview %[[X]][%[[J]], 0]
// CHECK-NEXT: memref.alloc
// CHECK-NEXT: scf.for
// CHECK: memref.store %{{.*}}, %[[ROW]][%[[ONLY]]]
// CHECK: } {attn.kernel_name = "rows"}
// CHECK: }
// CHECK-NOT: scf.forall
// CHECK: return
func.func @few_or_many(%x: memref<?x?xf32>, %n: index, %v: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c16 = arith.constant 16 : index
  %few = arith.cmpi sle, %n, %c16 : index
  %segments = arith.select %few, %c3, %c1 : index
  scf.forall (%i, %s) in (%n, %segments) {
    %row = memref.subview %x[%i, 0] [1, %n] [1, 1] : memref<?x?xf32> to memref<?xf32, strided<[1], offset: ?>>
    %scratch = memref.alloc() : memref<16xf32>
    scf.if %few {
      scf.for %k = %c0 to %n step %c1 {
        memref.store %v, %row[%s] : memref<?xf32, strided<[1], offset: ?>>
      }
    } else {
      scf.for %k = %c0 to %n step %c1 {
        memref.store %v, %scratch[%k] : memref<16xf32>
        memref.store %v, %row[%s] : memref<?xf32, strided<[1], offset: ?>>
      }
    } {attn.kernel_name = "rows_few"}
  } {attn.kernel_name = "rows"}
  return
}

// -----

// A loop keeps one dim, even if that has one iteration.

// CHECK-LABEL: func @one_task
// CHECK: scf.if
// CHECK: scf.forall (%{{.*}}) in (3) {
// CHECK: } else {
// CHECK: scf.forall (%{{.*}}) in (1) {
func.func @one_task(%x: memref<?xf32>, %few: i1, %n: index, %v: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %segments = arith.select %few, %c3, %c1 : index
  scf.forall (%i, %s) in (1, %segments) {
    scf.if %few {
      scf.for %k = %c0 to %n step %c1 {
        memref.store %v, %x[%s] : memref<?xf32>
      }
    } else {
      scf.for %k = %c0 to %n step %c1 {
        memref.store %v, %x[%k] : memref<?xf32>
      }
    }
  }
  return
}

// -----

// A condition that is computed in the loop, but from nothing of it. Uses of it elsewhere in the
// loop are known too.

// CHECK-LABEL: func @inside
// CHECK: %[[FEW:.*]] = arith.cmpi
// CHECK: scf.if %[[FEW]] {
// CHECK: scf.forall
// CHECK: %[[TRUE:.*]] = arith.constant true
// CHECK: arith.select %[[TRUE]]
// CHECK: } else {
// CHECK: scf.forall
// CHECK: %[[FALSE:.*]] = arith.constant false
// CHECK: arith.select %[[FALSE]]
func.func @inside(%x: memref<?xf32>, %n: index, %v: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.forall (%i) in (%n) {
    %c16 = arith.constant 16 : index
    %few = arith.cmpi sle, %n, %c16 : index
    scf.if %few {
      scf.for %k = %c0 to %n step %c1 {
        memref.store %v, %x[%k] : memref<?xf32>
      }
    } else {
      scf.for %k = %c0 to %n step %c1 {
        memref.store %v, %x[%i] : memref<?xf32>
      }
    }
    %place = arith.select %few, %i, %c0 : index
    memref.store %v, %x[%place] : memref<?xf32>
  }
  return
}

// -----

// Iterations differ.

// CHECK-LABEL: func @varies
// CHECK-NOT: scf.if
// CHECK: scf.forall
// CHECK: scf.if
func.func @varies(%x: memref<?xf32>, %n: index, %v: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.forall (%i) in (%n) {
    %first = arith.cmpi eq, %i, %c0 : index
    scf.if %first {
      scf.for %k = %c0 to %n step %c1 {
        memref.store %v, %x[%k] : memref<?xf32>
      }
    } else {
      scf.for %k = %c0 to %n step %c1 {
        memref.store %v, %x[%i] : memref<?xf32>
      }
    }
  }
  return
}

// -----

// What memory says may change before the loop is over.

// CHECK-LABEL: func @loaded
// CHECK-NOT: scf.if
// CHECK: scf.forall
// CHECK: scf.if
func.func @loaded(%x: memref<?xf32>, %flag: memref<i1>, %n: index, %v: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.forall (%i) in (%n) {
    %few = memref.load %flag[] : memref<i1>
    scf.if %few {
      scf.for %k = %c0 to %n step %c1 {
        memref.store %v, %x[%k] : memref<?xf32>
      }
    } else {
      scf.for %k = %c0 to %n step %c1 {
        memref.store %v, %x[%i] : memref<?xf32>
      }
    }
  }
  return
}

// -----

// Other work of the loop would be in both.

// CHECK-LABEL: func @beside
// CHECK-NOT: scf.if
// CHECK: scf.forall
// CHECK: scf.if
func.func @beside(%x: memref<?xf32>, %few: i1, %n: index, %v: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.forall (%i) in (%n) {
    scf.if %few {
      scf.for %k = %c0 to %n step %c1 {
        memref.store %v, %x[%k] : memref<?xf32>
      }
    } else {
      scf.for %k = %c0 to %n step %c1 {
        memref.store %v, %x[%i] : memref<?xf32>
      }
    }
    scf.for %k = %c0 to %n step %c1 {
      memref.store %v, %x[%k] : memref<?xf32>
    }
  }
  return
}

// -----

// A branch without loops on one side is no kernel worth its launch.

// CHECK-LABEL: func @small
// CHECK-NOT: scf.if
// CHECK: scf.forall
// CHECK: scf.if
func.func @small(%x: memref<?xf32>, %few: i1, %n: index, %v: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.forall (%i) in (%n) {
    scf.if %few {
      memref.store %v, %x[%i] : memref<?xf32>
    } else {
      scf.for %k = %c0 to %n step %c1 {
        memref.store %v, %x[%k] : memref<?xf32>
      }
    }
  }
  return
}

// -----

// A loop that gives tensors has no memory to write to yet.

// CHECK-LABEL: func @tensors
// CHECK-NOT: scf.if
// CHECK: scf.forall
func.func @tensors(%x: tensor<?xf32>, %few: i1, %n: index) -> tensor<?xf32> {
  %y = scf.forall (%i) in (%n) shared_outs(%o = %x) -> tensor<?xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    scf.if %few {
      scf.for %k = %c0 to %n step %c1 {
      }
    } else {
      scf.for %k = %c0 to %n step %c1 {
      }
    }
    scf.forall.in_parallel {
    }
  }
  return %y : tensor<?xf32>
}
