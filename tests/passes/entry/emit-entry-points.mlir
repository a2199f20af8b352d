// RUN: fovea-opt %s -split-input-file -attn-emit-entry-points -verify-diagnostics | FileCheck %s

// Dynamic sizes are read from the caller's struct, static ones are constants; strides follow. The
// symbols have the operations of the entry and of its companions, which are gone.
// CHECK-NOT: func.func private
// CHECK-LABEL: func.func @f(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) attributes {attn.body, attn.entry_point
// CHECK: llvm.load
// CHECK: llvm.insertvalue
// CHECK: %[[X:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?x4xf32>
// CHECK: %[[Y:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?xf32>
// CHECK: memref.store %{{.*}}, %[[Y]]
// CHECK-LABEL: func.func @f_result_shapes(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr)
// CHECK-NOT: call
// CHECK: arith.addi
// CHECK: llvm.store
// CHECK-LABEL: func.func @f_workspace_size(%{{.*}}: !llvm.ptr, %{{.*}}: i64) -> i64
// CHECK-NOT: call
// CHECK: %[[SHAPE:.*]] = arith.addi
// CHECK: arith.muli %[[SHAPE]]
func.func @f(%x: memref<?x4xf32>, %y: memref<?xf32>) attributes {attn.num_results = 1 : i64} {
  %c0 = arith.constant 0 : index
  %0 = memref.load %x[%c0, %c0] : memref<?x4xf32>
  memref.store %0, %y[%c0] : memref<?xf32>
  return
}
func.func private @f.workspace_size(%m: index, %n: index, %workers: index) -> index {
  %0 = call @f.result_shapes(%m, %n) : (index, index) -> index
  %1 = arith.muli %0, %workers : index
  return %1 : index
}
func.func private @f.result_shapes(%m: index, %n: index) -> index {
  %0 = arith.addi %m, %n : index
  return %0 : index
}

// -----

// Without intermediate buffers the workspace is empty.
// CHECK-LABEL: func.func @no_workspace_workspace_size
// CHECK: %[[ZERO:.*]] = arith.constant 0 : i64
// CHECK: return %[[ZERO]]
func.func @no_workspace(%x: memref<4xf32>) attributes {attn.num_results = 0 : i64} {
  return
}

// -----

// expected-error @below {{is no bufferized entry: attn.num_results is missing}}
func.func @not_bufferized(%x: memref<4xf32>) {
  return
}
