// One function through all phases: each check is what the phase leaves behind.
// RUN: fovea-opt %s --fovea-pipeline="compile-to=tiled" | FileCheck %s --check-prefix=TILED
// RUN: fovea-opt %s --fovea-pipeline="compile-to=bufferized" | FileCheck %s --check-prefix=BUFFERIZED
// RUN: fovea-opt %s --fovea-pipeline="compile-to=vector" | FileCheck %s --check-prefix=VECTOR
// RUN: fovea-opt %s --fovea-pipeline="compile-to=llvm" | FileCheck %s --check-prefix=LLVM
// RUN: fovea-opt %s --fovea-pipeline="compile-to=llvm route=reference" | FileCheck %s --check-prefix=LLVM

#row = affine_map<(b, l) -> (b, l)>

// TILED-LABEL: func.func @double
// TILED: scf.forall
// TILED: linalg.generic

// BUFFERIZED-LABEL: func.func @double
// BUFFERIZED-SAME: %[[X:[^:]*]]: memref<?x?xf32>
// BUFFERIZED-SAME: %[[Y:[^:]*]]: memref<?x?xf32>
// BUFFERIZED-SAME: attn.num_results = 1
// BUFFERIZED-NOT: memref.alloc
// BUFFERIZED: return

// VECTOR: func.func private @double.elementwise{{.*}} attributes {attn.kernel}
// VECTOR: vector.store
// VECTOR-LABEL: func.func @double
// VECTOR: attn.launch @double.elementwise

// LLVM-DAG: llvm.func @double(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr)
// LLVM-DAG: llvm.func @double_workspace_size
// LLVM-DAG: llvm.func @double_result_shapes
func.func @double(%x: tensor<?x?xf32> {attn.name = "x", attn.dims = ["B", "L"]})
    -> (tensor<?x?xf32> {attn.name = "y"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %x, %c0 : tensor<?x?xf32>
  %l = tensor.dim %x, %c1 : tensor<?x?xf32>
  %empty = tensor.empty(%b, %l) : tensor<?x?xf32>
  %y = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<?x?xf32>) outs(%empty : tensor<?x?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %twice = arith.addf %in, %in : f32
    linalg.yield %twice : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}
