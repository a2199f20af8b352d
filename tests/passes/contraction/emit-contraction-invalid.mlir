// RUN: fovea-opt %s -attn-emit-contraction=target=z80 -verify-diagnostics
// expected-error @below {{unknown target 'z80'}}
func.func @f() {
  return
}
