// Every op is printed as it is parsed, on tensors and on memrefs.
// RUN: fovea-opt %s | fovea-opt | FileCheck %s
// RUN: fovea-opt %s --mlir-print-op-generic | fovea-opt | FileCheck %s

// CHECK-LABEL: func @attention_plain
func.func @attention_plain(%q: tensor<2x8x?x64xf32>, %k: tensor<2x2x?x64xf32>, %v: tensor<2x2x?x32xf32>,
                           %o: tensor<2x8x?x32xf32>) -> tensor<2x8x?x32xf32> {
  // CHECK: attn.attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<2x8x?x64xf32>, tensor<2x2x?x64xf32>, tensor<2x2x?x32xf32>) outs(%{{.*}} : tensor<2x8x?x32xf32>) -> tensor<2x8x?x32xf32>
  %r = attn.attention ins(%q, %k, %v : tensor<2x8x?x64xf32>, tensor<2x2x?x64xf32>, tensor<2x2x?x32xf32>)
                      outs(%o : tensor<2x8x?x32xf32>) -> tensor<2x8x?x32xf32>
  return %r : tensor<2x8x?x32xf32>
}

// Everything at once: LSE is f32 for f16 operands, as scores are (attention_s9).
// CHECK-LABEL: func @attention_all
func.func @attention_all(%q: tensor<2x6x8x16xf16>, %k: tensor<2x4x10x16xf16>, %v: tensor<2x4x10x16xf16>, %offset: index,
    %seed: i64, %c: index, %o: tensor<2x8x6x16xf16>, %w: tensor<2x8x6x10xf32>, %l: tensor<2x8x6xf32>)
    -> (tensor<2x8x6x16xf16>, tensor<2x8x6x10xf32>, tensor<2x8x6xf32>) {
  // CHECK: attn.attention ins({{.*}}) outs({{.*}}) offset(%{{.*}}) seed(%{{.*}}) counter(%{{.*}}, %{{.*}}, %{{.*}}) {alignment = #attn<alignment top_left>, dropout = 1.000000e-01 : f64, query_perm = array<i64: 0, 2, 1, 3>, scale = 1.250000e-01 : f64, with_lse, with_weights} score {
  // CHECK: ^bb0(%{{.*}}: f32, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index):
  // CHECK: attn.yield %{{.*}} : f32
  // CHECK: mask {
  // CHECK: ^bb0(%{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index):
  // CHECK: attn.yield %{{.*}} : i1
  // CHECK: sink {
  // CHECK: ^bb0(%{{.*}}: index, %{{.*}}: index, %{{.*}}: index):
  // CHECK: attn.yield %{{.*}} : f32
  %r:3 = attn.attention ins(%q, %k, %v : tensor<2x6x8x16xf16>, tensor<2x4x10x16xf16>, tensor<2x4x10x16xf16>)
      outs(%o, %w, %l : tensor<2x8x6x16xf16>, tensor<2x8x6x10xf32>, tensor<2x8x6xf32>) offset(%offset) seed(%seed)
      counter(%c, %c, %c)
      {alignment = #attn<alignment top_left>, dropout = 0.1 : f64, query_perm = array<i64: 0, 2, 1, 3>, scale = 0.125 : f64,
       with_weights, with_lse}
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %t = math.tanh %s : f32
      attn.yield %t : f32
    } mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %p = arith.cmpi sge, %i, %j : index
      attn.yield %p : i1
    } sink {
    ^bb0(%b: index, %h: index, %i: index):
      %z = arith.constant 0.0 : f32
      attn.yield %z : f32
    } -> tensor<2x8x6x16xf16>, tensor<2x8x6x10xf32>, tensor<2x8x6xf32>
  return %r#0, %r#1, %r#2 : tensor<2x8x6x16xf16>, tensor<2x8x6x10xf32>, tensor<2x8x6xf32>
}

// Sums of the weights: over chunks of queries, and by bucket.
// CHECK-LABEL: func @attention_sums
func.func @attention_sums(%q: tensor<1x2x?x8xf32>, %o: tensor<1x2x?x8xf32>, %c: tensor<1x2x?x?xf32>,
                          %n: tensor<1x2x?x5xf32>) -> (tensor<1x2x?x?xf32>, tensor<1x2x?x5xf32>) {
  // CHECK: attn.attention ins({{.*}}) outs({{.*}} : tensor<1x2x?x8xf32>, tensor<1x2x?x?xf32>, tensor<1x2x?x5xf32>) {column_chunk = 96 : i64} bucket {
  // CHECK: ^bb0(%{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %[[J:.*]]: index):
  // CHECK: attn.yield %[[J]] : index
  %r:3 = attn.attention ins(%q, %q, %q : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>)
      outs(%o, %c, %n : tensor<1x2x?x8xf32>, tensor<1x2x?x?xf32>, tensor<1x2x?x5xf32>) {column_chunk = 96}
    bucket {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      attn.yield %j : index
    } -> tensor<1x2x?x8xf32>, tensor<1x2x?x?xf32>, tensor<1x2x?x5xf32>
  return %r#1, %r#2 : tensor<1x2x?x?xf32>, tensor<1x2x?x5xf32>
}

// On buffers there are no results; a buffer may have strides, and a region may read memory.
// CHECK-LABEL: func @attention_buffers
func.func @attention_buffers(%q: memref<1x8x6x64xf64, strided<[?, ?, 64, 1], offset: ?>>, %k: memref<1x8x6x64xf64>,
                             %o: memref<1x8x6x64xf64>, %bias: memref<8xf64>) {
  // CHECK: attn.attention ins({{.*}}) outs(%{{.*}} : memref<1x8x6x64xf64>) score {
  attn.attention ins(%q, %k, %k : memref<1x8x6x64xf64, strided<[?, ?, 64, 1], offset: ?>>, memref<1x8x6x64xf64>, memref<1x8x6x64xf64>)
                 outs(%o : memref<1x8x6x64xf64>)
    score {
    ^bb0(%s: f64, %b: index, %h: index, %i: index, %j: index):
      %slope = memref.load %bias[%h] : memref<8xf64>
      %t = arith.addf %s, %slope : f64
      attn.yield %t : f64
    }
  return
}

// CHECK-LABEL: func @masks
func.func @masks(%s: tensor<2x8x?x6xf32>, %init: tensor<?x6xi1>, %column: tensor<?x1xi1>) -> (tensor<2x8x?x6xf32>, tensor<2x8x?x6xf32>) {
  // CHECK: attn.create_mask outs(%{{.*}} : tensor<?x6xi1>) where {
  %m = attn.create_mask outs(%init : tensor<?x6xi1>) where {
  ^bb0(%i: index, %j: index):
    %p = arith.cmpi sge, %i, %j : index
    attn.yield %p : i1
  } -> tensor<?x6xi1>
  // CHECK: attn.apply_mask ins(%{{.*}}, %{{.*}} : tensor<2x8x?x6xf32>, tensor<?x6xi1>) outs(%{{.*}} : tensor<2x8x?x6xf32>) fill(-1.000000e+09) -> tensor<2x8x?x6xf32>
  %0 = attn.apply_mask ins(%s, %m : tensor<2x8x?x6xf32>, tensor<?x6xi1>) outs(%s : tensor<2x8x?x6xf32>)
                       fill(-1.0e9) -> tensor<2x8x?x6xf32>
  // CHECK: attn.apply_mask {{.*}} fill(0xFFF0000000000000)
  %1 = attn.apply_mask ins(%s, %column : tensor<2x8x?x6xf32>, tensor<?x1xi1>) outs(%s : tensor<2x8x?x6xf32>)
                       fill(0xFFF0000000000000) -> tensor<2x8x?x6xf32>
  return %0, %1 : tensor<2x8x?x6xf32>, tensor<2x8x?x6xf32>
}

// A result type may know less or more of its shape than the source.
// CHECK-LABEL: func @unfold
func.func @unfold(%x: tensor<10xi64>, %y: tensor<4x?x5xf32>) -> (tensor<8x3xi64>, tensor<4x?x5x3xf32>, tensor<4x7x5x3xf32>) {
  // CHECK: attn.unfold %{{.*}} dim(0) size(3) step(1) : tensor<10xi64> -> tensor<8x3xi64>
  %0 = attn.unfold %x dim(0) size(3) step(1) : tensor<10xi64> -> tensor<8x3xi64>
  // CHECK: attn.unfold %{{.*}} dim(1) size(3) step(2) : tensor<4x?x5xf32> -> tensor<4x?x5x3xf32>
  %1 = attn.unfold %y dim(1) size(3) step(2) : tensor<4x?x5xf32> -> tensor<4x?x5x3xf32>
  // CHECK: attn.unfold %{{.*}} : tensor<4x?x5xf32> -> tensor<4x7x5x3xf32>
  %2 = attn.unfold %y dim(1) size(3) step(2) : tensor<4x?x5xf32> -> tensor<4x7x5x3xf32>
  return %0, %1, %2 : tensor<8x3xi64>, tensor<4x?x5x3xf32>, tensor<4x7x5x3xf32>
}

// CHECK-LABEL: func @softmax_dropout
func.func @softmax_dropout(%s: tensor<4x?xf32>, %seed: i64, %b: memref<4xf32>) -> tensor<4x?xf32> {
  // CHECK: attn.softmax ins(%{{.*}} : tensor<4x?xf32>) outs(%{{.*}} : tensor<4x?xf32>) dim(1) -> tensor<4x?xf32>
  %p = attn.softmax ins(%s : tensor<4x?xf32>) outs(%s : tensor<4x?xf32>) dim(1) -> tensor<4x?xf32>
  // CHECK: attn.dropout ins(%{{.*}} : tensor<4x?xf32>) outs(%{{.*}} : tensor<4x?xf32>) seed(%{{.*}}) {p = 5.000000e-01 : f64} -> tensor<4x?xf32>
  %d = attn.dropout ins(%p : tensor<4x?xf32>) outs(%s : tensor<4x?xf32>) seed(%seed) {p = 0.5 : f64} -> tensor<4x?xf32>
  // CHECK: attn.softmax ins(%{{.*}} : memref<4xf32>) outs(%{{.*}} : memref<4xf32>) dim(0){{$}}
  attn.softmax ins(%b : memref<4xf32>) outs(%b : memref<4xf32>) dim(0)
  return %d : tensor<4x?xf32>
}

// CHECK-LABEL: func @rotary_cache
func.func @rotary_cache(%x: tensor<1x?x8x64xf16>, %cos: tensor<?x16xf32>, %new: tensor<1x8x1x64xf32>, %cache: tensor<1x8x512x64xf32>,
                        %pos: index) -> (tensor<1x?x8x64xf16>, tensor<1x8x512x64xf32>) {
  // CHECK: attn.rotary ins({{.*}} : tensor<1x?x8x64xf16>, tensor<?x16xf32>, tensor<?x16xf32>) outs(%{{.*}} : tensor<1x?x8x64xf16>) {pairing = #attn<rotary_pairing interleaved>, sequence_dim = 1 : i64} -> tensor<1x?x8x64xf16>
  %r = attn.rotary ins(%x, %cos, %cos : tensor<1x?x8x64xf16>, tensor<?x16xf32>, tensor<?x16xf32>) outs(%x : tensor<1x?x8x64xf16>)
                   {pairing = #attn<rotary_pairing interleaved>, sequence_dim = 1 : i64} -> tensor<1x?x8x64xf16>
  // CHECK: attn.cache_append ins(%{{.*}} : tensor<1x8x1x64xf32>) outs(%{{.*}} : tensor<1x8x512x64xf32>) at(%{{.*}}) {ring} -> tensor<1x8x512x64xf32>
  %c = attn.cache_append ins(%new : tensor<1x8x1x64xf32>) outs(%cache : tensor<1x8x512x64xf32>) at(%pos) {ring} -> tensor<1x8x512x64xf32>
  // CHECK: attn.cache_append ins(%{{.*}} : tensor<1x8x1x64xf32>) outs(%{{.*}} : tensor<1x8x512x64xf32>) at(%{{.*}} : tensor<1xi64>) -> tensor<1x8x512x64xf32>
  %each = tensor.empty() : tensor<1xi64>
  %c1 = attn.cache_append ins(%new : tensor<1x8x1x64xf32>) outs(%cache : tensor<1x8x512x64xf32>) at(%each : tensor<1xi64>) -> tensor<1x8x512x64xf32>
  return %r, %c : tensor<1x?x8x64xf16>, tensor<1x8x512x64xf32>
}

// CHECK-LABEL: func @quantized_rows
func.func @quantized_rows(%q: tensor<1x8x?x64xf32>, %k: tensor<1x2x?x64xf32>, %rows: tensor<1x2x?x68xi8>, %m: memref<4x48xf32>,
                          %n: memref<4x52xi8>) -> tensor<1x8x?x64xf32> {
  // CHECK: %[[K:.*]] = attn.quantize_rows ins(%{{.*}} : tensor<1x2x?x64xf32>) outs(%{{.*}} : tensor<1x2x?x68xi8>) -> tensor<1x2x?x68xi8>
  %r = attn.quantize_rows ins(%k : tensor<1x2x?x64xf32>) outs(%rows : tensor<1x2x?x68xi8>) -> tensor<1x2x?x68xi8>
  // CHECK: attn.quantize_rows ins(%{{.*}} : memref<4x48xf32>) outs(%{{.*}} : memref<4x52xi8>){{$}}
  attn.quantize_rows ins(%m : memref<4x48xf32>) outs(%n : memref<4x52xi8>)
  // CHECK: attn.attention ins(%{{.*}}, %[[K]], %{{.*}} : tensor<1x8x?x64xf32>, tensor<1x2x?x68xi8>, tensor<1x2x?x68xi8>)
  %o = attn.attention ins(%q, %r, %rows : tensor<1x8x?x64xf32>, tensor<1x2x?x68xi8>, tensor<1x2x?x68xi8>)
                      outs(%q : tensor<1x8x?x64xf32>) -> tensor<1x8x?x64xf32>
  return %o : tensor<1x8x?x64xf32>
}

// CHECK-LABEL: func @sample_weight
func.func @sample_weight(%logits: tensor<2x512xf32>, %init: tensor<2xi64>, %t: f32, %k: i64, %layer: index) -> (tensor<2xi64>, tensor<5xf32>, tensor<3xf32>) {
  // CHECK: attn.sample ins(%{{.*}} : tensor<2x512xf32>) outs(%{{.*}} : tensor<2xi64>) temperature(%{{.*}}) top_k(%{{.*}}) top_p(%{{.*}}) min_p(%{{.*}}) seed(%{{.*}}) -> tensor<2xi64>
  %id = attn.sample ins(%logits : tensor<2x512xf32>) outs(%init : tensor<2xi64>)
      temperature(%t) top_k(%k) top_p(%t) min_p(%t) seed(%k) -> tensor<2xi64>
  // CHECK: attn.weight "norm.weight" : tensor<5xf32>
  %0 = attn.weight "norm.weight" : tensor<5xf32>
  // CHECK: attn.weight "layers.{}.weight"[%{{.*}} of 4] : tensor<3xf32>
  %1 = attn.weight "layers.{}.weight"[%layer of 4] : tensor<3xf32>
  // CHECK: attn.weight "layers.{}.{}.x"[%{{.*}} of 4, %{{.*}} of 8] : tensor<3xf32>
  %x = attn.weight "layers.{}.{}.x"[%layer of 4, %layer of 8] : tensor<3xf32>
  // CHECK: attn.weight "layers.{}.{}.y"[%{{.*}} of 4 in [0:1, 2:4], %{{.*}} of 8] : tensor<3xf32>
  %y = attn.weight "layers.{}.{}.y"[%layer of 4 in [0:1, 2:4], %layer of 8] : tensor<3xf32>
  // CHECK: attn.weight "layers.{}.{}.z"[%{{.*}} of 4, %{{.*}} of 8 in [7:8]] : tensor<3xf32>
  %z = attn.weight "layers.{}.{}.z"[%layer of 4, %layer of 8 in [7:8]] : tensor<3xf32>
  // CHECK: attn.weight "layers.{}.up"[%{{.*}} of 4] panels(tensor<20x8xf16> along 0) : memref<2x1x8x16xf16>
  %2 = attn.weight "layers.{}.up"[%layer of 4] panels(tensor<20x8xf16> along 0) : memref<2x1x8x16xf16>
  return %id, %0, %1 : tensor<2xi64>, tensor<5xf32>, tensor<3xf32>
}

// CHECK-LABEL: func @quantized
func.func @quantized(%layer: index, %byte: i8, %d: bf16, %k: index) -> f32 {
  // CHECK: attn.quantized_weight "l.{}.w"[%{{.*}} of 5] panels(tensor<172x40xf16> along 0 as q8) : memref<4x3x2x16x32xi8, strided<[3264, 1088, 544, 32, 1]>>, memref<4x3x2x16xbf16, strided<[1632, 544, 272, 1], offset: 256>>
  %v8, %s8 = attn.quantized_weight "l.{}.w"[%layer of 5] panels(tensor<172x40xf16> along 0 as q8)
    : memref<4x3x2x16x32xi8, strided<[3264, 1088, 544, 32, 1]>>, memref<4x3x2x16xbf16, strided<[1632, 544, 272, 1], offset: 256>>
  // CHECK: attn.quantized_weight "m.{}.w"[%{{.*}} of 5 in [3:5]] panels(tensor<64x8xf32> along 1 as q4)
  %v3, %s3 = attn.quantized_weight "m.{}.w"[%layer of 5 in [3:5]] panels(tensor<64x8xf32> along 1 as q4)
    : memref<1x1x2x8x16xi8, strided<[288, 288, 144, 16, 1]>>, memref<1x1x2x8xbf16, strided<[144, 144, 72, 1], offset: 64>>
  // CHECK: attn.quantized_weight "w" panels(tensor<64x8xf32> along 1 as q4) : memref<1x1x2x8x16xi8, strided<[288, 288, 144, 16, 1]>>, memref<1x1x2x8xbf16, strided<[144, 144, 72, 1], offset: 64>>
  %v4, %s4 = attn.quantized_weight "w" panels(tensor<64x8xf32> along 1 as q4)
    : memref<1x1x2x8x16xi8, strided<[288, 288, 144, 16, 1]>>, memref<1x1x2x8xbf16, strided<[144, 144, 72, 1], offset: 64>>
  // CHECK: attn.dequantize %{{.*}} scale(%{{.*}}) at(%{{.*}}) as q4
  %x = attn.dequantize %byte scale(%d) at(%k) as q4
  return %x : f32
}

func.func private @kernel(index, index, index, memref<?xf32>)

// CHECK-LABEL: func @launch
func.func @launch(%x: memref<?xf32>) {
  // CHECK: %[[N:.*]] = attn.workers
  %n = attn.workers
  // CHECK: attn.worker{{$}}
  %i = attn.worker
  // CHECK: attn.workspace : memref<?xi8>
  %w = attn.workspace : memref<?xi8>
  // CHECK: attn.launch @kernel count(%[[N]]) args(%{{.*}} : memref<?xf32>)
  attn.launch @kernel count(%n) args(%x : memref<?xf32>)
  return
}
