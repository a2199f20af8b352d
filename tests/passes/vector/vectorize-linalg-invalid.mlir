// RUN: fovea-opt %s -attn-vectorize-linalg=target=z80 -verify-diagnostics
// expected-error @below {{unknown target 'z80', expected generic, avx2, avx512, zen4 or neon}}
func.func @f() {
  return
}
