// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention,canonicalize,cse))" -split-input-file | FileCheck %s
// RUN: fovea-opt %s --pass-pipeline="builtin.module(func.func(attn-emit-attention{target=avx512},canonicalize,cse))" -split-input-file | FileCheck %s --check-prefix=AVX512

// One query of four heads that share keys: each vector of transposed keys meets the queries of all four
// heads; values are read where they lie. Beside eight sums 16 registers do not hold four columns of twice
// eight keys, so these go through memory, by turns through two places.

// CHECK-LABEL: func @grouped
// CHECK: memref.alloc() {{.*}} : memref<8x128x4xf32>
// CHECK: %[[STAGED:.*]] = memref.alloc() {{.*}} : memref<2x4x16xf32>
// The first columns, three shuffles a vector.
// CHECK-COUNT-12: vector.shuffle
// CHECK-COUNT-4: vector.store %{{.*}}, %[[STAGED]][%c0, %c{{[0-3]}}, %c0] : memref<2x4x16xf32>, vector<8xf32>
// CHECK-COUNT-12: vector.shuffle
// CHECK-COUNT-4: vector.store %{{.*}}, %[[STAGED]][%c0, %c{{[0-3]}}, %c8] : memref<2x4x16xf32>, vector<8xf32>
// Scores: four columns of twice eight keys, four broadcast queries; meanwhile the next columns are transposed,
// the last ones again past the end, and the keys that follow are fetched.
// CHECK: scf.for %[[COLUMN:.*]] = %c0 to %c128 step %c4 iter_args
// CHECK: %[[NUMBER:.*]] = arith.divui %[[COLUMN]], %c4
// CHECK: %[[SLOT:.*]] = arith.remui %[[NUMBER]], %c2
// CHECK: %[[NEXT:.*]] = arith.addi %[[COLUMN]], %c4
// CHECK: arith.minsi %[[NEXT]], %c124
// CHECK: vector.load %[[STAGED]][%[[SLOT]], %c0, %c0]
// CHECK: memref.prefetch %{{.*}}, read, locality<3>
// CHECK: vector.fma {{.*}} : vector<8xf32>
// CHECK: %[[OTHER:.*]] = arith.subi %c1, %[[SLOT]]
// CHECK: vector.fma
// CHECK: vector.shuffle
// CHECK: vector.fma
// CHECK: vector.store %{{.*}}, %[[STAGED]][%[[OTHER]], %c0, %c0]
// CHECK: vector.load %[[STAGED]][%[[SLOT]], %c3, %c8]
// CHECK: vector.store %{{.*}}, %[[STAGED]][%[[OTHER]], %c3, %c8]
// CHECK: scf.yield
// Values: three vectors of columns, four probabilities, and a vector that is left; the values that follow are
// fetched.
// CHECK: arith.addf {{.*}} : f32
// CHECK: scf.for %{{.*}} = %c0 to %c120 step %c24
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c1 iter_args
// CHECK: memref.prefetch %{{.*}}, read, locality<3>
// CHECK-COUNT-12: vector.fma {{.*}} : vector<8xf32>
// CHECK-NOT: vector.fma
// CHECK: scf.yield
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c1 iter_args
// CHECK-COUNT-4: vector.fma {{.*}} : vector<8xf32>
// CHECK-NOT: vector.fma
// CHECK: scf.yield
func.func @grouped(%q: memref<1x4x1x128xf32>, %k: memref<1x1x?x128xf32>, %v: memref<1x1x?x128xf32>,
                   %o: memref<1x4x1x128xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x4x1x128xf32>, memref<1x1x?x128xf32>, memref<1x1x?x128xf32>)
                 outs(%o : memref<1x4x1x128xf32>)
  return
}

// -----

// Eight heads have sixteen sums, beside which 32 registers do not hold eight columns of twice 16 keys.

// AVX512-LABEL: func @eight_heads
// AVX512: memref.alloc() {{.*}} : memref<16x64x8xf32>
// AVX512: %[[STAGED:.*]] = memref.alloc() {{.*}} : memref<2x8x32xf32>
// AVX512: scf.for %{{.*}} = %c0 to %c64 step %c8 iter_args
// AVX512: vector.load %[[STAGED]]
// AVX512: vector.fma {{.*}} : vector<16xf32>
// AVX512: vector.store %{{.*}}, %[[STAGED]]
func.func @eight_heads(%q: memref<1x8x1x64xf32>, %k: memref<1x1x?x64xf32>, %v: memref<1x1x?x64xf32>,
                       %o: memref<1x8x1x64xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x8x1x64xf32>, memref<1x1x?x64xf32>, memref<1x1x?x64xf32>)
                 outs(%o : memref<1x8x1x64xf32>)
  return
}

// -----

// Keys of unknown width, or of as many columns as are transposed at a time, are not stored: each of both
// vectors of keys has a copy of the queries.

// CHECK-LABEL: func @unknown_width
// CHECK: memref.alloc({{.*}}) {{.*}} : memref<9x?x4xf32>
// CHECK-NOT: memref<2x4x16xf32>
// CHECK-LABEL: func @one_turn
// CHECK: memref.alloc() {{.*}} : memref<9x4x4xf32>
// CHECK-NOT: memref<2x4x16xf32>
func.func @unknown_width(%q: memref<1x4x1x?xf32>, %k: memref<1x1x?x?xf32>, %v: memref<1x1x?x128xf32>,
                         %o: memref<1x4x1x128xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x4x1x?xf32>, memref<1x1x?x?xf32>, memref<1x1x?x128xf32>)
                 outs(%o : memref<1x4x1x128xf32>)
  return
}
func.func @one_turn(%q: memref<1x4x1x4xf32>, %k: memref<1x1x?x4xf32>, %v: memref<1x1x?x128xf32>,
                    %o: memref<1x4x1x128xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x4x1x4xf32>, memref<1x1x?x4xf32>, memref<1x1x?x128xf32>)
                 outs(%o : memref<1x4x1x128xf32>)
  return
}

// -----

// Columns of values that are no whole vectors take the kernel for many queries, with one vector of
// them.

// CHECK-LABEL: func @odd_columns
// CHECK: memref.alloc() {{.*}} : memref<16x64x8xf32>
// CHECK: memref.alloc() {{.*}} : memref<128x8xf32>
func.func @odd_columns(%q: memref<1x1x1x64xf32>, %k: memref<1x1x?x64xf32>, %v: memref<1x1x?x20xf32>,
                       %o: memref<1x1x1x20xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x1x1x64xf32>, memref<1x1x?x64xf32>, memref<1x1x?x20xf32>)
                 outs(%o : memref<1x1x1x20xf32>)
  return
}

// -----

// A bias of one query lies in memory as its keys lie along lanes: one load. Only past the last whole
// vector of keys, where indices stop at the last key, it is gathered.

// CHECK-LABEL: func @bias
// CHECK: vector.load %[[BIAS:.*]][%c0, %{{.*}}] : memref<1x?xf32>, vector<8xf32>
// CHECK: vector.gather
// CHECK-NOT: memref.load %[[BIAS]]
func.func @bias(%q: memref<1x4x1x128xf32>, %k: memref<1x1x?x128xf32>, %v: memref<1x1x?x128xf32>, %bias: memref<1x?xf32>,
                %o: memref<1x4x1x128xf32>) {
  %c0 = arith.constant 0 : index
  attn.attention ins(%q, %k, %v : memref<1x4x1x128xf32>, memref<1x1x?x128xf32>, memref<1x1x?x128xf32>)
                 outs(%o : memref<1x4x1x128xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %x = memref.load %bias[%c0, %j] : memref<1x?xf32>
      %t = arith.addf %s, %x : f32
      attn.yield %t : f32
    }
  return
}

// -----

// Keys of 16 bits are transposed as pairs: half the shuffles of a square, and one a pair that splits it
// where a shift and a mask do not.

// CHECK-LABEL: func @halves
// CHECK: memref.alloc() {{.*}} : memref<2x8x16xf32>
// CHECK: scf.for %{{.*}} = %c0 to %c128 step %c8 iter_args
// CHECK-COUNT-8: vector.bitcast {{.*}} : vector<8xf16> to vector<4xi32>
// CHECK-COUNT-12: vector.shuffle {{.*}} : vector<{{[48]}}xi32>
// CHECK: vector.shuffle {{.*}} [0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15] : vector<16xf16>, vector<16xf16>
// CHECK-COUNT-2: arith.extf {{.*}} : vector<8xf16> to vector<8xf32>
// CHECK: scf.yield
// 32 registers hold the pairs at work, of twice 16 keys 8 each, and those that are transposed meanwhile: a
// loop carries sums and pairs, and shuffles lie between multiply-adds. Two columns of pairs come first.
// Past the last columns the last ones are transposed again.
// AVX512-LABEL: func @halves
// AVX512: %[[SUMS:.*]]:24 = scf.for %[[COLUMN:.*]] = %c0 to %c128 step %c16 iter_args
// AVX512-COUNT-32: vector.fma {{.*}} : vector<16xf32>
// AVX512: %[[NEXT:.*]] = arith.addi %[[COLUMN]], %c16
// AVX512: %[[THEN:.*]] = arith.minsi %[[NEXT]], %c112
// AVX512: vector.load %{{.*}}[%c0, %[[THEN]]] : memref<32x128xf16, {{.*}}>, vector<16xf16>
// AVX512: vector.fma
// AVX512: vector.shuffle {{.*}} : vector<16xi32>, vector<16xi32>
// AVX512: vector.fma
// AVX512: vector.shuffle {{.*}} : vector<16xi32>, vector<16xi32>
// AVX512: vector.fma
// AVX512: scf.yield
// AVX512: vector.store %[[SUMS]]#0
// AVX512: vector.store %[[SUMS]]#7
func.func @halves(%q: memref<1x4x1x128xf16>, %k: memref<1x1x?x128xf16>, %v: memref<1x1x?x128xf16>,
                  %o: memref<1x4x1x128xf16>) {
  attn.attention ins(%q, %k, %v : memref<1x4x1x128xf16>, memref<1x1x?x128xf16>, memref<1x1x?x128xf16>)
                 outs(%o : memref<1x4x1x128xf16>)
  return
}

// -----

// CHECK-LABEL: func @bf16
// CHECK: memref.alloc() {{.*}} : memref<2x8x16xf32>
// CHECK: scf.for %{{.*}} = %c0 to %c128 step %c8 iter_args
// CHECK-COUNT-8: vector.bitcast {{.*}} : vector<8xbf16> to vector<4xi32>
// CHECK: arith.shli
// CHECK: arith.andi
// CHECK: scf.yield
// AVX512-LABEL: func @bf16
// AVX512: %{{.*}}:24 = scf.for %{{.*}} = %c0 to %c128 step %c16 iter_args
func.func @bf16(%q: memref<1x4x1x128xbf16>, %k: memref<1x1x?x128xbf16>, %v: memref<1x1x?x128xbf16>,
                %o: memref<1x4x1x128xbf16>) {
  attn.attention ins(%q, %k, %v : memref<1x4x1x128xbf16>, memref<1x1x?x128xbf16>, memref<1x1x?x128xbf16>)
                 outs(%o : memref<1x4x1x128xbf16>)
  return
}

// -----

// Quantised rows: keys are transposed in words of four bytes, each of which is a column then, and meets the
// scales of its keys' group, whose two bytes lie behind the row's elements. Bytes of values widen where they
// are read, and no row is made of floats in memory.

// CHECK-LABEL: func @quantized_rows
// CHECK-NOT: memref.alloc() {{.*}} : memref<{{.*}}xi8>
// Scores.
// CHECK: vector.load %{{.*}}[%c0, %c128] : memref<16x136xi8, {{.*}}>, vector<2xi8>
// CHECK: %[[HALVES:.*]] = vector.from_elements {{.*}} : vector<8xi16>
// CHECK-NEXT: %[[WORDS:.*]] = arith.extui %[[HALVES]] : vector<8xi16> to vector<8xi32>
// CHECK-NEXT: %[[HIGH:.*]] = arith.shli %[[WORDS]]
// CHECK-NEXT: %[[SCALES:.*]] = vector.bitcast %[[HIGH]] : vector<8xi32> to vector<8xf32>
// CHECK: %[[KEY:.*]] = vector.load %{{.*}}[%c0, %c0] : memref<16x136xi8, {{.*}}>, vector<16xi8>
// CHECK-NEXT: vector.bitcast %[[KEY]] : vector<16xi8> to vector<4xi32>
// CHECK-COUNT-12: vector.shuffle {{.*}} : vector<{{[48]}}xi32>
// CHECK: %[[BYTE:.*]] = arith.shrsi {{.*}} : vector<8xi32>
// CHECK-NEXT: %[[ELEMENT:.*]] = arith.sitofp %[[BYTE]] : vector<8xi32> to vector<8xf32>
// CHECK-NEXT: arith.mulf %[[ELEMENT]], %[[SCALES]] : vector<8xf32>
// Values.
// CHECK: %[[BYTES:.*]] = vector.load %{{.*}} : memref<128x136xi8, {{.*}}>, vector<8xi8>
// CHECK-NEXT: %[[WIDE:.*]] = arith.extsi %[[BYTES]] : vector<8xi8> to vector<8xi32>
// CHECK-NEXT: %[[Q:.*]] = arith.sitofp %[[WIDE]] : vector<8xi32> to vector<8xf32>
// CHECK: vector.load %{{.*}} : memref<128x136xi8, {{.*}}>, vector<2xi8>
// CHECK: %[[TWICE:.*]] = vector.bitcast %{{.*}} : vector<16xi16> to vector<8xi32>
// CHECK: %[[UPPER:.*]] = arith.shli %[[TWICE]]
// CHECK: %[[SCALE:.*]] = vector.bitcast %[[UPPER]] : vector<8xi32> to vector<8xf32>
// CHECK: arith.mulf %[[Q]], %[[SCALE]] : vector<8xf32>
// CHECK: vector.fma
func.func @quantized_rows(%q: memref<1x4x1x128xf32>, %k: memref<1x1x?x136xi8>, %v: memref<1x1x?x136xi8>,
                          %o: memref<1x4x1x128xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x4x1x128xf32>, memref<1x1x?x136xi8>, memref<1x1x?x136xi8>)
                 outs(%o : memref<1x4x1x128xf32>)
  return
}

// -----

// Of a cache with room for more, keys past the last one that the query sees are neither multiplied nor
// added, and those before it need no test. Scores of all blocks of a segment come first, in rows of its
// 512 keys and a cache line; then each block's turn into probabilities and meet its values. What is
// fetched ahead past the last key is values, and past the last value keys of the next group.

// CHECK-LABEL: func @room_for_more
// CHECK: %[[SCORES:.*]] = memref.alloc() {{.*}} : memref<8x528xf32>
// CHECK: %[[SEGMENT:.*]] = arith.muli %{{.*}}, %c512
// CHECK: scf.for %[[BEGIN:.*]] = %{{.*}} to %[[LAST:.*]] step %c128
// CHECK: %[[PLACE:.*]] = arith.subi %[[BEGIN]], %[[SEGMENT]]
// CHECK: memref.subview %[[SCORES]][0, %[[PLACE]]] [8, 128] [1, 1]
// CHECK: %[[WHOLE:.*]] = arith.addi %[[BEGIN]], %c128
// CHECK: %[[END:.*]] = arith.minsi %[[WHOLE]], %[[SEEN:.*]] : index
// CHECK: %[[COUNT:.*]] = arith.subi %[[END]], %[[BEGIN]]
// CHECK: scf.for %{{.*}} = %c0 to %[[COUNT]] step %c32
// CHECK: %[[PAST:.*]] = arith.cmpi sge
// CHECK: arith.select %[[PAST]], %[[VALUES:[^,]*]], %[[KEYS:[^,]*]] : memref<?x64xf32, {{.*}}>
// CHECK: scf.for %[[BEGIN:.*]] = %{{.*}} to %[[LAST]] step %c128
// CHECK: %[[PLACE:.*]] = arith.subi %[[BEGIN]], %[[SEGMENT]]
// CHECK: memref.subview %[[SCORES]][0, %[[PLACE]]] [8, 128] [1, 1]
// CHECK: %[[WHOLE:.*]] = arith.addi %[[BEGIN]], %c128
// CHECK: %[[END:.*]] = arith.minsi %[[WHOLE]], %[[SEEN]] : index
// CHECK: %[[COUNT:.*]] = arith.subi %[[END]], %[[BEGIN]]
// CHECK: %[[ALL:.*]] = arith.cmpi sle, %[[END]]
// CHECK: %[[FULL:.*]] = arith.andi %{{.*}}, %[[ALL]]
// CHECK: %[[VECTORS:.*]] = arith.subi %[[COUNT]]
// CHECK: scf.if %[[FULL]] {
// CHECK-NEXT: scf.for %{{.*}} = %[[VECTORS]] to %c128 step %c8
// CHECK: scf.for %{{.*}} = %c0 to %[[COUNT]] step %c1 iter_args
// CHECK: %[[PAST:.*]] = arith.cmpi sge
// CHECK: %[[AHEAD:.*]] = arith.select %[[PAST]], %[[KEYS]], %[[VALUES]] : memref<?x64xf32, {{.*}}>
// CHECK: memref.prefetch %[[AHEAD]]
func.func @room_for_more(%q: memref<1x1x1x64xf32>, %k: memref<1x1x?x64xf32>, %v: memref<1x1x?x64xf32>,
                         %o: memref<1x1x1x64xf32>, %position: index) {
  attn.attention ins(%q, %k, %v : memref<1x1x1x64xf32>, memref<1x1x?x64xf32>, memref<1x1x?x64xf32>)
                 outs(%o : memref<1x1x1x64xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %last = arith.addi %i, %position : index
      %seen = arith.cmpi sle, %j, %last : index
      attn.yield %seen : i1
    }
  return
}

// -----

// Where blocks between others may hold no key that is seen, a block is tested once, and its scores do not
// wait for those of others.

// CHECK-LABEL: func @gaps
// CHECK: memref.alloc() {{.*}} : memref<8x128xf32>
// CHECK: scf.for %[[BEGIN:.*]] = %{{.*}} to %{{.*}} step %c128
// CHECK-NOT: step %c128
// CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c32
// CHECK-NOT: step %c128
// CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c1 iter_args
func.func @gaps(%q: memref<1x1x1x64xf32>, %k: memref<1x1x?x64xf32>, %v: memref<1x1x?x64xf32>,
                %o: memref<1x1x1x64xf32>, %position: index) {
  attn.attention ins(%q, %k, %v : memref<1x1x1x64xf32>, memref<1x1x?x64xf32>, memref<1x1x?x64xf32>)
                 outs(%o : memref<1x1x1x64xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %c100 = arith.constant 100 : index
      %first = arith.cmpi slt, %j, %c100 : index
      %last = arith.addi %i, %position : index
      %recent = arith.cmpi sge, %j, %last : index
      %seen = arith.ori %first, %recent : i1
      attn.yield %seen : i1
    }
  return
}

// -----

// Rows of another width are not fetched in place of keys.

// CHECK-LABEL: func @other_values
// CHECK-NOT: arith.select {{.*}} : memref
func.func @other_values(%q: memref<1x1x1x64xf32>, %k: memref<1x1x?x64xf32>, %v: memref<1x1x?x32xf32>,
                        %o: memref<1x1x1x32xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x1x1x64xf32>, memref<1x1x?x64xf32>, memref<1x1x?x32xf32>)
                 outs(%o : memref<1x1x1x32xf32>)
  return
}

// -----

// What a step fetches of very wide rows is a loop: so many lines would take minutes to compile.

// CHECK-LABEL: func @wide_values
// CHECK: scf.for %{{.*}} = %c0 to %c32768 step %c16 {
// CHECK-NOT: memref.prefetch
// CHECK: memref.prefetch %{{.*}}, read, locality<3>
// CHECK-NOT: memref.prefetch
// CHECK: }
func.func @wide_values(%q: memref<1x4x1x64xf32>, %k: memref<1x1x?x64xf32>, %v: memref<1x1x?x65536xf32>,
                       %o: memref<1x4x1x65536xf32>) {
  attn.attention ins(%q, %k, %v : memref<1x4x1x64xf32>, memref<1x1x?x64xf32>, memref<1x1x?x65536xf32>)
                 outs(%o : memref<1x4x1x65536xf32>)
  return
}
