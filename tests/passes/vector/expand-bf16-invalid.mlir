// Arithmetic must have gone before.
// RUN: fovea-opt %s --attn-expand-bf16 --verify-diagnostics

func.func @arithmetic(%x: bf16) -> bf16 {
  // expected-error @below {{'arith.addf' op operand #0 must be floating-point-like, but got 'i16'}}
  %y = arith.addf %x, %x : bf16
  return %y : bf16
}
