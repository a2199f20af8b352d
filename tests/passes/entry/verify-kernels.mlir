// RUN: fovea-opt %s -attn-verify-kernels -split-input-file -verify-diagnostics

// All of this is as it should be.
func.func private @kernel(%begin: index, %end: index, %x: memref<?xf32>) attributes {attn.kernel} {
  %c8 = arith.constant 8 : index
  %buffer = memref.alloca() : memref<8xf32>
  scf.for %i = %begin to %end step %c8 {
    %v = vector.load %x[%i] : memref<?xf32>, vector<8xf32>
    vector.store %v, %buffer[%begin] : memref<8xf32>, vector<8xf32>
  }
  return
}

// -----

func.func @vector_too_large(%x: memref<256xf32>) {
  %c0 = arith.constant 0 : index
  // 16 registers of 32 bytes hold 128 floats.
  %fits = vector.load %x[%c0] : memref<256xf32>, vector<128xf32>
  // expected-error @below {{gives a 'vector<256xf32>' of 1024 bytes; expected at most the 512 bytes of all vector registers of target 'avx2'}}
  %spills = vector.load %x[%c0] : memref<256xf32>, vector<256xf32>
  return
}

// -----

func.func @alloca_in_loop(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    // expected-error @below {{grows the stack in every iteration of a loop}}
    %buffer = memref.alloca() : memref<8xf32>
  }
  return
}

// -----

func.func private @allocation(%begin: index, %end: index) attributes {attn.kernel} {
  // expected-error @below {{is left in a kernel; expected all memory to be planned by now}}
  %buffer = memref.alloc() : memref<8xf32>
  return
}

// -----

func.func @linalg_left(%x: memref<8xf32>) {
  // expected-error @below {{'linalg.exp' op has no lowering to loops and vectors here}}
  linalg.exp ins(%x : memref<8xf32>) outs(%x : memref<8xf32>)
  return
}

// -----

func.func @attn_left(%x: memref<8x8xf32>) {
  // expected-error @below {{'attn.softmax' op has no lowering to loops and vectors here}}
  attn.softmax ins(%x : memref<8x8xf32>) outs(%x : memref<8x8xf32>) dim(1)
  return
}

// -----

func.func @tensor_left(%x: tensor<8xf32>, %i: index) -> f32 {
  // expected-error @below {{'tensor.extract' op has no lowering to loops and vectors here}}
  %v = tensor.extract %x[%i] : tensor<8xf32>
  return %v : f32
}
