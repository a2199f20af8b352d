// RUN: fovea-opt %s -split-input-file -attn-emit-entry-points -verify-diagnostics | FileCheck %s

// Dynamic sizes are read from the caller's struct, static ones are constants; strides follow.
// CHECK-LABEL: func.func private @f.body(
// CHECK-SAME: !llvm.ptr, %{{.*}}: memref<?x4xf32>, %{{.*}}: memref<?xf32>) attributes {attn.body
// CHECK-LABEL: func.func @f_result_shapes(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr)
// CHECK: call @f.result_shapes(
// CHECK: llvm.store
// CHECK-LABEL: func.func @f_workspace_size(%{{.*}}: !llvm.ptr, %{{.*}}: i64) -> i64
// CHECK: call @f.workspace_size(%{{.*}}, %{{.*}}, %{{.*}}) : (index, index, index) -> index
// CHECK-LABEL: func.func @f(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr)
// CHECK: llvm.insertvalue
// CHECK: call @f.body(%arg0,
func.func @f(%x: memref<?x4xf32>, %y: memref<?xf32>) attributes {attn.num_results = 1 : i64} {
  return
}
func.func private @f.workspace_size(%m: index, %n: index, %workers: index) -> index {
  return %m : index
}
func.func private @f.result_shapes(%m: index, %n: index) -> index {
  return %m : index
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
