// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention{target=zen4},canonicalize,cse))" -split-input-file | FileCheck %s
// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention{target=avx512},canonicalize,cse))" -split-input-file | FileCheck %s --check-prefix=PACKED

// Where broadcasts of several rows cost no more than those of neighbours, keys are multiplied as they
// lie. The last of them that fill no tile, and the last one again, are copied first; a tile that ends
// behind the last key is read there.

// CHECK-LABEL: func @in_place
// CHECK-SAME: %{{.*}}: memref<1x1x120x64xf32>, %[[KEY:[^ ,]*]]: memref<1x1x?x64xf32>
// CHECK-NOT: memref<16x64x8xf32>
// CHECK: %[[COPY:.*]] = memref.alloc() {alignment = 64 : i64} : memref<8x64xf32>
// CHECK: %[[KEYS:.*]] = memref.subview %[[KEY]]
// CHECK: %[[IS_WHOLE:.*]] = arith.cmpi eq
// CHECK: %[[ROWS:.*]] = arith.select %[[IS_WHOLE]], %c0, %c8
// CHECK: scf.for %[[T:.*]] = %c0 to %[[ROWS]]
// CHECK: %[[ROW:.*]] = arith.minsi
// CHECK: %[[PART:.*]] = vector.load %[[KEYS]][%[[ROW]], %[[COLUMN:[a-z0-9]+]]]
// CHECK: vector.store %[[PART]], %[[COPY]][%[[T]], %[[COLUMN]]]
// CHECK: %[[TILE:.*]] = memref.subview %[[KEYS]][%{{.*}}, 0] [8, 64] [1, 1]
// CHECK: %[[LAST:.*]] = memref.cast %[[COPY]]
// CHECK: %[[ENDS:.*]] = arith.cmpi sle, %{{.*}}, %{{.*}} : index
// CHECK: %[[SEEN:.*]] = arith.select %[[ENDS]], %[[TILE]], %[[LAST]]
// CHECK: scf.for %[[D:.*]] = %c0 to %c64 step %c1
// Of the next tile, which lies behind this one, a part is fetched.
// CHECK: memref.prefetch %[[SEEN]][%c0, %{{.*}}], read, locality<2>
// CHECK: memref.load %[[SEEN]][%c0, %[[D]]]
// CHECK: memref.load %[[SEEN]][%c1, %[[D]]]
// CHECK: memref.load %[[SEEN]][%c7, %[[D]]]

// PACKED-LABEL: func @in_place
// PACKED: memref<16x64x8xf32>
// PACKED-NOT: memref<8x64xf32>
func.func @in_place(%q: memref<1x1x120x64xf32>, %k: memref<1x1x?x64xf32>, %v: memref<1x1x?x64xf32>,
                    %o: memref<1x1x120x64xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x1x120x64xf32>, memref<1x1x?x64xf32>, memref<1x1x?x64xf32>)
                 outs(%o : memref<1x1x120x64xf32>)
  return
}

// -----

// So many keys that tiles are whole need no copy.

// CHECK-LABEL: func @whole
// CHECK-NOT: memref<16x64x8xf32>
// CHECK-NOT: arith.select {{.*}} : memref
// CHECK: return
func.func @whole(%q: memref<1x1x120x64xf32>, %k: memref<1x1x200x64xf32>, %v: memref<1x1x200x64xf32>,
                 %o: memref<1x1x120x64xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x1x120x64xf32>, memref<1x1x200x64xf32>, memref<1x1x200x64xf32>)
                 outs(%o : memref<1x1x120x64xf32>)
  return
}

// -----

// Narrow keys are widened as they are packed.

// CHECK-LABEL: func @narrow
// CHECK: memref<16x64x8xf32>
func.func @narrow(%q: memref<1x1x120x64xf16>, %k: memref<1x1x200x64xf16>, %v: memref<1x1x200x64xf16>,
                  %o: memref<1x1x120x64xf16>) {
  attn.attention ins(%q, %k, %v : memref<1x1x120x64xf16>, memref<1x1x200x64xf16>, memref<1x1x200x64xf16>)
                 outs(%o : memref<1x1x120x64xf16>)
  return
}

// -----

// Rows with gaps between them are packed.

// CHECK-LABEL: func @gaps
// CHECK: memref<16x64x8xf32>
func.func @gaps(%q: memref<1x1x120x64xf32>, %k: memref<1x1x200x64xf32, strided<[?, ?, 128, 1]>>,
                %v: memref<1x1x200x64xf32>, %o: memref<1x1x120x64xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x1x120x64xf32>,
                                  memref<1x1x200x64xf32, strided<[?, ?, 128, 1]>>, memref<1x1x200x64xf32>)
                 outs(%o : memref<1x1x120x64xf32>)
  return
}
