// RUN: fovea-opt %s -attn-vectorize-linalg -cse -canonicalize -split-input-file | FileCheck %s
// RUN: fovea-opt %s -attn-vectorize-linalg=target=zen4 -cse -canonicalize -split-input-file \
// RUN:   | FileCheck %s --check-prefix=WIDE

// Lanes of a transposition lie in 8 lines, which are read by whole vectors and transposed in registers. Of each
// line that is written a run of four registers follows each other, the lines that follow in what is read are asked
// for, and all of a line is read before the next. What is left is read element by element.
// CHECK-LABEL: @transpose
// CHECK:         scf.for %[[BEGIN:.*]] = %c0 to %c640 step %c32
// CHECK:           %[[END:.*]] = arith.minsi
// CHECK:           scf.for %[[LINE:.*]] = %c0 to %[[WHOLE:.*]] step %c16
// CHECK:             %[[NEXT:.*]] = arith.addi %[[LINE]], %c16
// CHECK:             scf.for %[[J:.*]] = %[[BEGIN]] to %[[END]] step %c8
// CHECK-COUNT-8:       memref.prefetch %arg0[{{.*}}, %[[NEXT]]], read, locality<2>
// CHECK:               scf.for %[[I:.*]] = %[[LINE]] to %{{.*}} step %c8
// CHECK-COUNT-8:         vector.load %{{.*}}[{{.*}}, %[[I]]] : memref<640x?xf32>, vector<8xf32>
// CHECK-NOT:             memref.load
// CHECK:                 vector.shuffle
// CHECK-COUNT-8:         vector.store %{{.*}}[{{.*}}, %[[J]]] : memref<?x640xf32>, vector<8xf32>
// CHECK:         scf.for %[[J:.*]] = %c0 to %c640 step %c8
// CHECK:           scf.for %[[I:.*]] = %[[WHOLE]] to %{{.*}} step %c1
// CHECK-COUNT-8:     memref.load
// CHECK:             vector.store %{{.*}}[%[[I]], %[[J]]]
func.func @transpose(%x: memref<640x?xf32>, %y: memref<?x640xf32>) {
  linalg.transpose ins(%x : memref<640x?xf32>) outs(%y : memref<?x640xf32>) permutation = [1, 0]
  return
}

// -----

// Rows of two runs lie next to each other anyway: there the lines that are read come first.
// CHECK-LABEL: @transpose_short_rows
// CHECK:         scf.for %[[J:.*]] = %c0 to %c64 step %c8
// CHECK:           scf.for %{{.*}} = %c0 to %{{.*}} step %c16
// CHECK:             memref.prefetch
// CHECK:             scf.for {{.*}} step %c8
func.func @transpose_short_rows(%x: memref<64x?xf32>, %y: memref<?x64xf32>) {
  linalg.transpose ins(%x : memref<64x?xf32>) outs(%y : memref<?x64xf32>) permutation = [1, 0]
  return
}

// -----

// What is only moved fills registers whatever its type: 32 rows of 16 columns of 16 bits, 64 of bytes.
// WIDE-LABEL: @transpose_halves
// WIDE:         scf.for {{.*}} step %c32
// WIDE:           scf.for %[[I:.*]] = %{{.*}} to %{{.*}} step %c16
// WIDE-COUNT-32:    vector.load %{{.*}}[{{.*}}, %[[I]]] : memref<640x?xi16>, vector<16xi16>
// WIDE-COUNT-16:    vector.store {{.*}} : memref<?x640xbf16>, vector<32xbf16>
func.func @transpose_halves(%x: memref<640x?xbf16>, %y: memref<?x640xbf16>) {
  linalg.transpose ins(%x : memref<640x?xbf16>) outs(%y : memref<?x640xbf16>) permutation = [1, 0]
  return
}

// -----

// WIDE-LABEL: @transpose_bytes
// WIDE-COUNT-64:    vector.load %{{.*}} : memref<640x?xi8>, vector<16xi8>
// WIDE-COUNT-16:    vector.store {{.*}} : memref<?x640xi8>, vector<64xi8>
func.func @transpose_bytes(%x: memref<640x?xi8>, %y: memref<?x640xi8>) {
  linalg.transpose ins(%x : memref<640x?xi8>) outs(%y : memref<?x640xi8>) permutation = [1, 0]
  return
}

// -----

// Booleans are bytes in memory, and moved as such.
// CHECK-LABEL: @transpose_booleans
// CHECK-COUNT-32:  vector.load %{{.*}} : memref<640x?xi8>, vector<16xi8>
// CHECK:           vector.store {{.*}} : memref<?x640xi8>, vector<32xi8>
func.func @transpose_booleans(%x: memref<640x?xi1>, %y: memref<?x640xi1>) {
  linalg.transpose ins(%x : memref<640x?xi1>) outs(%y : memref<?x640xi1>) permutation = [1, 0]
  return
}

// -----

// Indices have no bits to transpose by.
// CHECK-LABEL: @transpose_indices
// CHECK-NOT:     vector.shuffle
// CHECK:         memref.load
func.func @transpose_indices(%x: memref<64x?xindex>, %y: memref<?x64xindex>) {
  linalg.transpose ins(%x : memref<64x?xindex>) outs(%y : memref<?x64xindex>) permutation = [1, 0]
  return
}

// -----

// What fills the caches is stored past them, where a vector is a whole line.
// CHECK-LABEL: @transpose_large
// CHECK-NOT:     nontemporal
// CHECK:         return
// WIDE-LABEL: @transpose_large
// WIDE:         scf.forall
// WIDE:           scf.if
// WIDE:             scf.for
// WIDE-COUNT-16:        vector.store {{.*}} {alignment = 64 : i64, nontemporal = true}
// WIDE:           } else {
// WIDE-NOT:         nontemporal
// WIDE:         return
func.func @transpose_large(%x: memref<4096x4096xf32>, %y: memref<4096x4096xf32>) {
  scf.forall (%i) = (0) to (4096) step (128) {
    %in = memref.subview %x[0, %i] [4096, 128] [1, 1] : memref<4096x4096xf32> to memref<4096x128xf32, strided<[4096, 1], offset: ?>>
    %out = memref.subview %y[%i, 0] [128, 4096] [1, 1] : memref<4096x4096xf32> to memref<128x4096xf32, strided<[4096, 1], offset: ?>>
    linalg.transpose ins(%in : memref<4096x128xf32, strided<[4096, 1], offset: ?>>)
      outs(%out : memref<128x4096xf32, strided<[4096, 1], offset: ?>>) permutation = [1, 0]
  }
  return
}
