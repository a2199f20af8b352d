// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention))" -split-input-file -verify-diagnostics | FileCheck %s
// RUN: not fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention{target=z80}))" -split-input-file 2>&1 | FileCheck %s --check-prefix=TARGET

// TARGET: error: unknown target 'z80', expected generic, avx2, avx512, zen4 or neon

// Tensors must have become buffers.
// CHECK-LABEL: func @negative_tensors
// CHECK: attn.attention
func.func @negative_tensors(%q: tensor<1x1x4x8xf32>, %k: tensor<1x1x4x8xf32>, %v: tensor<1x1x4x8xf32>,
                            %o: tensor<1x1x4x8xf32>) -> tensor<1x1x4x8xf32> {
  // expected-remark @below {{no kernel emitted: its operands are not in buffers}}
  %0 = attn.attention ins(%q, %k, %v : tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>)
                      outs(%o : tensor<1x1x4x8xf32>) -> tensor<1x1x4x8xf32>
  return %0 : tensor<1x1x4x8xf32>
}
