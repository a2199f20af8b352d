// RUN: fovea-opt %s -split-input-file -convert-attn-to-llvm -verify-diagnostics | FileCheck %s

// A launch calls the task itself if there is no parallel_for in the context. The task is the kernel,
// which reads from memory what it was given as arguments: of contiguous memrefs pointers and dynamic
// sizes.
// CHECK-NOT: func.func private @kernel(
// CHECK-LABEL: func.func private @kernel.task(
// CHECK-SAME: %[[CLOSURE:.*]]: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: i64)
// CHECK: llvm.getelementptr %[[CLOSURE]][0, 0] : (!llvm.ptr) -> !llvm.ptr, !llvm.struct<(ptr, i64, i64)>
// CHECK: llvm.load
// CHECK: llvm.getelementptr %[[CLOSURE]][0, 1]
// CHECK: %[[SIZE:.*]] = llvm.load
// CHECK: %[[X:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?x8x2xf32>
// CHECK: llvm.getelementptr %[[CLOSURE]][0, 2]
// CHECK: %[[FIELD:.*]] = llvm.load
// CHECK: %[[I:.*]] = builtin.unrealized_conversion_cast %[[FIELD]] : i64 to index
// CHECK: memref.load %[[X]][%[[I]],
// CHECK-LABEL: func.func private @f.body
// CHECK: llvm.alloca
// CHECK: %[[PARALLEL_FOR:.*]] = llvm.load
// CHECK-COUNT-3: llvm.store
// CHECK-NOT: llvm.store
// CHECK: scf.if
// CHECK: func.call @kernel.task
// CHECK: else
// CHECK: constant @kernel.task
// CHECK: llvm.call
func.func private @kernel(%begin: index, %end: index, %worker: index, %x: memref<?x8x2xf32>, %i: index) attributes {attn.kernel} {
  %0 = memref.load %x[%i, %begin, %end] : memref<?x8x2xf32>
  return
}
func.func private @f.body(%context: !llvm.ptr, %x: memref<?x8x2xf32>) attributes {attn.body} {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x8x2xf32>
  attn.launch @kernel count(%n) args(%x, %n : memref<?x8x2xf32>, index)
  return
}

// -----

// Of other layouts also the offset and the strides that the type leaves open. Two launches share a task.
// CHECK-LABEL: func.func private @strided.task(
// CHECK: llvm.getelementptr %{{.*}}[0, 3] : (!llvm.ptr) -> !llvm.ptr, !llvm.struct<(ptr, i64, i64, i64)>
// CHECK-NOT: llvm.mul
// CHECK: builtin.unrealized_conversion_cast %{{.*}} to memref<?x4xf32, strided<[?, 1], offset: ?>>
// CHECK-NOT: func.func private @strided.task
// CHECK-LABEL: func.func private @twice.body
// CHECK-COUNT-2: func.call @strided.task
func.func private @strided(%begin: index, %end: index, %worker: index, %x: memref<?x4xf32, strided<[?, 1], offset: ?>>) attributes {attn.kernel} {
  return
}
func.func private @twice.body(%context: !llvm.ptr, %x: memref<?x4xf32, strided<[?, 1], offset: ?>>) attributes {attn.body} {
  %c1 = arith.constant 1 : index
  attn.launch @strided count(%c1) args(%x : memref<?x4xf32, strided<[?, 1], offset: ?>>)
  attn.launch @strided count(%c1) args(%x : memref<?x4xf32, strided<[?, 1], offset: ?>>)
  return
}

// -----

// expected-error @below {{is launched, so it must have one block, got 2}}
func.func private @two_blocks(%begin: index, %end: index, %worker: index, %i: index) attributes {attn.kernel} {
  cf.br ^end
^end:
  return
}
func.func private @blocks.body(%context: !llvm.ptr) attributes {attn.body} {
  %c1 = arith.constant 1 : index
  attn.launch @two_blocks count(%c1) args(%c1 : index)
  return
}

// -----

// Weights get slots in the order of their first use; a layered one gets one a layer.
// CHECK: attn.weights = [{counts = array<i64: 5>, name = "layers.{}.w", type = tensor<4x4xf32>}, {counts = array<i64>, name = "b", type = tensor<4xf32>}]
// CHECK-LABEL: func.func private @g.body
// CHECK: arith.constant 0 : i64
// CHECK: arith.addi
// CHECK: arith.constant 5 : i64
func.func private @g.body(%context: !llvm.ptr, %layer: index) -> (memref<4x4xf32>, memref<4xf32>) attributes {attn.body} {
  %w = attn.weight "layers.{}.w"[%layer of 5] : memref<4x4xf32>
  %b = attn.weight "b" : memref<4xf32>
  return %w, %b : memref<4x4xf32>, memref<4xf32>
}

// -----

// Of several indices the last goes fastest; those that the name has no place for count slots as well.
// CHECK: attn.weights = [{counts = array<i64: 5, 3>, name = "layers.{}.{}.x", type = tensor<4x4xf32>}, {counts = array<i64: 5, 8>, name = "layers.{}.s", type = tensor<4xf32>}]
// CHECK-LABEL: func.func private @stacks.body
// CHECK: arith.constant 0 : i64
// CHECK: %[[LAYER:.*]] = arith.index_cast %arg1
// CHECK: %[[STRIDE:.*]] = arith.constant 3 : i64
// CHECK: arith.muli %[[LAYER]], %[[STRIDE]]
// CHECK: arith.index_cast %arg2
// CHECK: arith.constant 15 : i64
// CHECK: arith.constant 8 : i64
func.func private @stacks.body(%context: !llvm.ptr, %layer: index, %expert: index) -> (memref<4x4xf32>, memref<4xf32>) attributes {attn.body} {
  %x = attn.weight "layers.{}.{}.x"[%layer of 5, %expert of 3] : memref<4x4xf32>
  %s = attn.weight "layers.{}.s"[%layer of 5, %expert of 8] : memref<4xf32>
  return %x, %s : memref<4x4xf32>, memref<4xf32>
}

// -----

// With an index in one place and two in another.
func.func private @disagree_indices.body(%context: !llvm.ptr, %i: index) attributes {attn.body} {
  %a = attn.weight "l.{}.b"[%i of 2] : memref<4x4xf32>
  // expected-error @below {{weight 'l.{}.b' is used elsewhere with 1 indices, here with 2}}
  %b = attn.weight "l.{}.b"[%i of 2, %i of 4] : memref<4xf32>
  return
}

// -----

// Panels are described beside the tensor that they are made of.
// CHECK: attn.weights = [{counts = array<i64: 3>, name = "layers.{}.p", panel_dim = 1 : i64, panels = tensor<2x1x4x16xf16>, type = tensor<4x20xf16>}]
func.func private @p.body(%context: !llvm.ptr, %layer: index) -> memref<2x1x4x16xf16> attributes {attn.body} {
  %w = attn.weight "layers.{}.p"[%layer of 3] panels(tensor<4x20xf16> along 1) : memref<2x1x4x16xf16>
  return %w : memref<2x1x4x16xf16>
}

// -----

// Quantised panels: streams first, lanes last, and the format. Both results are views of one slot.
// CHECK: attn.weights = [{counts = array<i64>, format = "q8", name = "q", panel_dim = 0 : i64, panels = tensor<1x1x2x8xi8>, type = tensor<8x64xf16>}]
// CHECK-LABEL: func.func private @q.body
// CHECK-COUNT-1: llvm.load
// CHECK:         llvm.mlir.constant(128 : index)
func.func private @q.body(%context: !llvm.ptr) -> (i8, bf16) attributes {attn.body} {
  %c0 = arith.constant 0 : index
  %v, %s = attn.quantized_weight "q" panels(tensor<8x64xf16> along 0 as q8)
    : memref<1x1x2x16x16xi8, strided<[544, 544, 272, 16, 1]>>, memref<1x1x2x8xbf16, strided<[272, 272, 136, 1], offset: 128>>
  %x = memref.load %v[%c0, %c0, %c0, %c0, %c0] : memref<1x1x2x16x16xi8, strided<[544, 544, 272, 16, 1]>>
  %y = memref.load %s[%c0, %c0, %c0, %c0] : memref<1x1x2x8xbf16, strided<[272, 272, 136, 1], offset: 128>>
  return %x, %y : i8, bf16
}

// -----

// Quantised in one place and not in another.
func.func private @disagree_format.body(%context: !llvm.ptr) attributes {attn.body} {
  %a = attn.weight "b" panels(tensor<8x64xf16> along 0) : memref<1x1x64x8xf16>
  // expected-error @below {{weight 'b' is used elsewhere as}}
  %v, %s = attn.quantized_weight "b" panels(tensor<8x64xf16> along 0 as q8)
    : memref<1x1x2x16x16xi8, strided<[544, 544, 272, 16, 1]>>, memref<1x1x2x8xbf16, strided<[272, 272, 136, 1], offset: 128>>
  return
}

// -----

// CHECK-LABEL: func.func private @h.body
// CHECK-NOT: attn.work
func.func private @h.body(%context: !llvm.ptr) -> (memref<?xi8>, index) attributes {attn.body} {
  %w = attn.workspace : memref<?xi8>
  %n = attn.workers
  return %w, %n : memref<?xi8>, index
}

// -----

// Packed in one place and not in another.
func.func private @disagree_panels.body(%context: !llvm.ptr) -> (memref<1x1x4x4xf32>, memref<1x1x4x4xf32>) attributes {attn.body} {
  %a = attn.weight "b" panels(tensor<4x4xf32> along 0) : memref<1x1x4x4xf32>
  // expected-error @below {{weight 'b' is used elsewhere as 'memref<1x1x4x4xf32>', here as 'memref<1x1x4x4xf32>'}}
  %b = attn.weight "b" panels(tensor<4x4xf32> along 1) : memref<1x1x4x4xf32>
  return %a, %b : memref<1x1x4x4xf32>, memref<1x1x4x4xf32>
}

// -----

// Loops over some of the layers share the slots of all.
// CHECK: module attributes {attn.weights = [{counts = array<i64: 7>, name = "layers.{}.v"
// CHECK-LABEL: func.func private @some.body
func.func private @some.body(%context: !llvm.ptr, %layer: index) -> (memref<4xf32>, memref<4xf32>) attributes {attn.body} {
  %a = attn.weight "layers.{}.v"[%layer of 5] : memref<4xf32>
  %b = attn.weight "layers.{}.v"[%layer of 7] : memref<4xf32>
  return %a, %b : memref<4xf32>, memref<4xf32>
}

// -----

// What some of them reach has to exist: an index that takes all numbers between them has no spans.
// CHECK: counts = array<i64: 7, 8>, name = "layers.{}.{}.v", spans = array<i64: 0, 0, 1, 0, 2, 6, 1, 3, 8>,
// CHECK-SAME: counts = array<i64: 7>, name = "layers.{}.w", type
// CHECK-SAME: counts = array<i64: 7>, name = "layers.{}.x", spans = array<i64: 0, 0, 5>
// CHECK-LABEL: func.func private @reached.body
func.func private @reached.body(%context: !llvm.ptr, %n: index, %e: index) attributes {attn.body} {
  %a = attn.weight "layers.{}.{}.v"[%n of 7 in [0:1, 2:4], %e of 8 in [4:8]] : memref<4xf32>
  %b = attn.weight "layers.{}.{}.v"[%n of 7 in [3:6], %e of 8 in [3:5]] : memref<4xf32>
  %c = attn.weight "layers.{}.w"[%n of 7 in [3:7]] : memref<4xf32>
  %d = attn.weight "layers.{}.w"[%n of 3] : memref<4xf32>
  %f = attn.weight "layers.{}.x"[%n of 7 in [0:5]] : memref<4xf32>
  return
}

// -----

func.func private @disagree.body(%context: !llvm.ptr) -> (memref<4xf32>, memref<8xf32>) attributes {attn.body} {
  %a = attn.weight "b" : memref<4xf32>
  // expected-error @below {{weight 'b' is used elsewhere as 'memref<4xf32>', here as 'memref<8xf32>'}}
  %b = attn.weight "b" : memref<8xf32>
  return %a, %b : memref<4xf32>, memref<8xf32>
}

// -----

func.func private @no_context() -> index {
  // expected-error @below {{needs the context, which only the body of an entry function has}}
  %n = attn.workers
  return %n : index
}

// -----

func.func private @dynamic.body(%context: !llvm.ptr) -> memref<?xf32> attributes {attn.body} {
  // expected-error @below {{"b" must be contiguous and of sizes known when it is compiled, got 'memref<?xf32>'}}
  %a = attn.weight "b" : memref<?xf32>
  return %a : memref<?xf32>
}
