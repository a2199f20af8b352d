// The kernel has no dropout: such an attention is decomposed on the fast route too, and the user told.
// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-decompose))" -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func @attention_dropout
// CHECK-NOT: attn.attention
// CHECK: arith.mului_extended
func.func @attention_dropout(%q: tensor<1x2x6x16xf32>, %seed: i64) -> tensor<1x2x6x16xf32> {
  // expected-remark @below {{[attention] runs as separate ops over all scores: its kernel has no dropout}}
  %r = attn.attention ins(%q, %q, %q : tensor<1x2x6x16xf32>, tensor<1x2x6x16xf32>, tensor<1x2x6x16xf32>)
      outs(%q : tensor<1x2x6x16xf32>) seed(%seed) {dropout = 0.1 : f64} -> tensor<1x2x6x16xf32>
  return %r : tensor<1x2x6x16xf32>
}

// -----

func.func @negative_unknown_groups(%q: tensor<1x?x6x16xf32>, %seed: i64) -> tensor<1x?x6x16xf32> {
  // expected-error @below {{cannot be decomposed: expected head counts known at compile time, got}}
  %r = attn.attention ins(%q, %q, %q : tensor<1x?x6x16xf32>, tensor<1x?x6x16xf32>, tensor<1x?x6x16xf32>)
      outs(%q : tensor<1x?x6x16xf32>) seed(%seed) {dropout = 0.1 : f64} -> tensor<1x?x6x16xf32>
  return %r : tensor<1x?x6x16xf32>
}
