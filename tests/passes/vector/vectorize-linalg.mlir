// RUN: fovea-opt %s -attn-vectorize-linalg -cse -canonicalize -split-input-file -verify-diagnostics \
// RUN:   | FileCheck %s
// RUN: fovea-opt %s -attn-vectorize-linalg=target=avx512 -split-input-file 2>/dev/null \
// RUN:   | FileCheck %s --check-prefix=AVX512

// Elementwise: vectors, then a tail of one-lane vectors so that both round alike.
// CHECK-LABEL: @elementwise_dynamic
// CHECK:         %[[REST:.*]] = arith.remui %[[SIZE:.*]], %c8
// CHECK:         %[[WHOLE:.*]] = arith.subi %[[SIZE]], %[[REST]]
// CHECK:         scf.for %{{.*}} = %c0 to %[[WHOLE]] step %c8
// CHECK:           vector.load {{.*}} vector<8xf32>
// CHECK:           math.exp {{.*}} : vector<8xf32>
// CHECK:           vector.store {{.*}} vector<8xf32>
// CHECK:         scf.for %{{.*}} = %[[WHOLE]] to %[[SIZE]] step %c1
// CHECK:           math.exp {{.*}} : vector<1xf32>
// AVX512-LABEL: @elementwise_dynamic
// AVX512:         math.exp {{.*}} : vector<16xf32>
func.func @elementwise_dynamic(%x: memref<4x?xf32, strided<[?, 1], offset: ?>>,
                               %y: memref<4x?xf32>) {
  linalg.exp ins(%x : memref<4x?xf32, strided<[?, 1], offset: ?>>) outs(%y : memref<4x?xf32>)
  return
}

// -----

// No tail where the size is a multiple of the lanes; the scalar is broadcast.
// CHECK-LABEL: @fill_static
// CHECK:         vector.broadcast %{{.*}} : f32 to vector<32xf32>
// CHECK:         vector.store
// CHECK-NOT:     vector<1xf32>
// CHECK:         return
func.func @fill_static(%v: f32, %y: memref<64xf32>) {
  linalg.fill ins(%v : f32) outs(%y : memref<64xf32>)
  return
}

// -----

// A row sum: four registers of accumulators, a fixed tree over the lanes, then the old value.
// CHECK-LABEL: @row_sum
// CHECK:         scf.for {{.*}} iter_args({{.*}}) -> (vector<32xf32>)
// CHECK:           arith.addf {{.*}} : vector<32xf32>
// CHECK:         vector.shuffle {{.*}} [0, 1, 2, 3, 4, 5, 6, 7]
// CHECK:         scf.for {{.*}} iter_args({{.*}}) -> (vector<8xf32>)
// CHECK:         vector.shuffle {{.*}} [0, 1, 2, 3]
// CHECK:         vector.shuffle {{.*}} [0, 1]
// CHECK:         vector.extract
// CHECK:         arith.addf {{.*}} : f32
// CHECK:         memref.store
func.func @row_sum(%x: memref<4x?xf32>, %y: memref<4xf32>) {
  linalg.reduce ins(%x : memref<4x?xf32>) outs(%y : memref<4xf32>) dimensions = [1]
    (%a: f32, %b: f32) {
      %s = arith.addf %a, %b : f32
      linalg.yield %s : f32
    }
  return
}

// -----

// A column sum runs lanes over the columns, where memory is contiguous.
// CHECK-LABEL: @column_sum
// CHECK:         scf.for
// CHECK:           scf.for
// CHECK-NOT:         iter_args
// CHECK:             arith.addf {{.*}} : vector<32xf32>
func.func @column_sum(%x: memref<?x64xf32>, %y: memref<64xf32>) {
  linalg.reduce ins(%x : memref<?x64xf32>) outs(%y : memref<64xf32>) dimensions = [0]
    (%a: f32, %b: f32) {
      %s = arith.addf %a, %b : f32
      linalg.yield %s : f32
    }
  return
}

// -----

// What is the same for all lanes is computed once a row: here a square root and a division.
// CHECK-LABEL: @scale_rows
// CHECK:         %[[S:.*]] = memref.load
// CHECK:         %[[R:.*]] = math.rsqrt %[[S]] : f32
// CHECK:         scf.for
// CHECK:           arith.mulf {{.*}} : vector<32xf32>
func.func @scale_rows(%x: memref<?x64xf32>, %s: memref<?xf32>, %y: memref<?x64xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>,
                                   affine_map<(i, j) -> (i, j)>],
                  iterator_types = ["parallel", "parallel"]}
    ins(%x, %s : memref<?x64xf32>, memref<?xf32>) outs(%y : memref<?x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = math.rsqrt %b : f32
    %m = arith.mulf %a, %r : f32
    linalg.yield %m : f32
  }
  return
}

// -----

// Exponentials and their sum in one op: one result is stored, the other reduced. With a function
// in the body one accumulator is enough.
// CHECK-LABEL: @exp_and_sum
// CHECK:         scf.for {{.*}} -> (vector<8xf32>) {
// CHECK:           math.exp
// CHECK:           vector.store
// CHECK-NOT:       math.exp
// CHECK:           scf.yield
func.func @exp_and_sum(%x: memref<?x?xf32>, %y: memref<?x?xf32>, %z: memref<?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>,
                                   affine_map<(i, j) -> (i)>],
                  iterator_types = ["parallel", "reduction"]}
    ins(%x : memref<?x?xf32>) outs(%y, %z : memref<?x?xf32>, memref<?xf32>) {
  ^bb0(%a: f32, %o: f32, %acc: f32):
    %e = math.exp %a : f32
    %s = arith.addf %e, %acc : f32
    linalg.yield %e, %s : f32, f32
  }
  return
}

// -----

// An embedding: the row is looked up once, its elements are contiguous.
// CHECK-LABEL: @embedding
// CHECK:         %[[ID:.*]] = memref.load %{{.*}} : memref<?xi64>
// CHECK:         %[[ROW:.*]] = arith.index_cast %[[ID]]
// CHECK:         scf.for
// CHECK:           vector.load %{{.*}}[%[[ROW]], %{{.*}}] : memref<512x64xf32>, vector<8xf32>
func.func @embedding(%t: memref<512x64xf32>, %ids: memref<?xi64>, %y: memref<?x64xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
                  iterator_types = ["parallel", "parallel"]}
    ins(%ids : memref<?xi64>) outs(%y : memref<?x64xf32>) {
  ^bb0(%id: i64, %o: f32):
    %r = arith.index_cast %id : i64 to index
    %c = linalg.index 1 : index
    %v = memref.load %t[%r, %c] : memref<512x64xf32>
    linalg.yield %v : f32
  }
  return
}

// -----

// Looked up by a value that differs between lanes: one load a lane.
// CHECK-LABEL: @gather
// CHECK-COUNT-8: memref.load %{{.*}} : memref<512xf32>
// CHECK:         vector.from_elements
func.func @gather(%t: memref<512xf32>, %ids: memref<64xi32>, %y: memref<64xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                  iterator_types = ["parallel"]}
    ins(%ids : memref<64xi32>) outs(%y : memref<64xf32>) {
  ^bb0(%id: i32, %o: f32):
    %r = arith.index_cast %id : i32 to index
    %v = memref.load %t[%r] : memref<512xf32>
    linalg.yield %v : f32
  }
  return
}

// -----

// An i1 in memory is a byte, never a packed bit.
// CHECK-LABEL: @booleans
// CHECK-NOT:     vector.load {{.*}} vector<{{.*}}xi1>
// CHECK:         vector.load {{.*}} : memref<?xi8>
// CHECK:         arith.trunci
// CHECK:         arith.extui
// CHECK:         vector.store {{.*}} : memref<?xi8>
func.func @booleans(%x: memref<?xi1>, %y: memref<?xi1>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                  iterator_types = ["parallel"]}
    ins(%x : memref<?xi1>) outs(%y : memref<?xi1>) {
  ^bb0(%a: i1, %o: i1):
    %t = arith.constant true
    %n = arith.xori %a, %t : i1
    linalg.yield %n : i1
  }
  return
}

// -----

// Half precision is summed in f32 and rounded once.
// CHECK-LABEL: @half_sum
// CHECK:         arith.extf {{.*}} : vector<32xf16> to vector<32xf32>
// CHECK:         arith.addf {{.*}} : vector<32xf32>
// CHECK:         arith.truncf {{.*}} : f32 to f16
func.func @half_sum(%x: memref<64xf16>, %y: memref<f16>) {
  linalg.reduce ins(%x : memref<64xf16>) outs(%y : memref<f16>) dimensions = [0]
    (%a: f16, %b: f16) {
      %s = arith.addf %a, %b : f16
      linalg.yield %s : f16
    }
  return
}

// -----

// A copy between layouts stays in compiled code.
// CHECK-LABEL: @copy
// CHECK-NOT:     memref.copy
// CHECK:         vector.store
func.func @copy(%x: memref<?x64xf32, strided<[128, 1], offset: ?>>, %y: memref<?x64xf32>) {
  memref.copy %x, %y : memref<?x64xf32, strided<[128, 1], offset: ?>> to memref<?x64xf32>
  return
}

// -----

// negative: an argmax carries a pair, which no single operation combines.
// CHECK-LABEL: @argmax
// CHECK-NOT:     vector
// CHECK:         memref.store
func.func @argmax(%x: memref<64xf32>, %v: memref<f32>, %n: memref<index>) {
  // expected-remark @below {{[vectorize] scalar loops: a reduction has no single combining operation}}
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>,
                                   affine_map<(i) -> ()>],
                  iterator_types = ["reduction"]}
    ins(%x : memref<64xf32>) outs(%v, %n : memref<f32>, memref<index>) {
  ^bb0(%a: f32, %best: f32, %at: index):
    %i = linalg.index 0 : index
    %p = arith.cmpf ogt, %a, %best : f32
    %b1 = arith.select %p, %a, %best : f32
    %n1 = arith.select %p, %i, %at : index
    linalg.yield %b1, %n1 : f32, index
  }
  return
}

// -----

// negative: a region inside the body.
// CHECK-LABEL: @nested_region
// CHECK-NOT:     vector
// CHECK:         memref.store
func.func @nested_region(%x: memref<64xf32>) {
  // expected-remark @below {{[vectorize] scalar loops: 'scf.if' has no form on vectors}}
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    outs(%x : memref<64xf32>) {
  ^bb0(%o: f32):
    %z = arith.constant 0.0 : f32
    %p = arith.cmpf ogt, %o, %z : f32
    %r = scf.if %p -> f32 {
      scf.yield %o : f32
    } else {
      scf.yield %z : f32
    }
    linalg.yield %r : f32
  }
  return
}

// -----

// negative: tensors are left alone.
// CHECK-LABEL: @tensors
// CHECK:         linalg.exp
func.func @tensors(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = linalg.exp ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// Rows of 32 MiB in all, without functions: the last loop fetches the next row, and stores past the
// caches, if what the caller passes is aligned.
#row = affine_map<(i, j) -> (i, j)>
#sum = affine_map<(i, j) -> (i)>
// CHECK-LABEL: @normalize_rows
// CHECK:         scf.forall (%[[I:.*]]) in (2048)
// CHECK:           scf.for
// CHECK-NOT:         memref.prefetch
// CHECK:           %[[NEXT:.*]] = arith.minsi
// CHECK:           %[[ROW:.*]] = memref.subview %arg0[%[[NEXT]], 0]
// CHECK:           %[[ADDRESS:.*]] = memref.extract_aligned_pointer_as_index %arg1
// CHECK:           arith.remui %[[ADDRESS]], %c32
// CHECK:           scf.for
// CHECK:             scf.if
// CHECK-COUNT-2:       memref.prefetch %[[ROW]][%c0, %{{.*}}], read
// CHECK:               vector.store {{.*}} {alignment = 32 : i64, nontemporal = true} : {{.*}}, vector<32xf32>
// CHECK:             } else {
// CHECK-NOT:           nontemporal
// CHECK:               vector.store
func.func @normalize_rows(%x: memref<2048x4096xf32>, %y: memref<2048x4096xf32>) {
  scf.forall (%i) in (2048) {
    %in = memref.subview %x[%i, 0] [1, 4096] [1, 1] : memref<2048x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
    %out = memref.subview %y[%i, 0] [1, 4096] [1, 1] : memref<2048x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
    %z = memref.alloc() : memref<1xf32>
    linalg.generic {indexing_maps = [#row, #sum], iterator_types = ["parallel", "reduction"]}
      ins(%in : memref<1x4096xf32, strided<[4096, 1], offset: ?>>) outs(%z : memref<1xf32>) {
    ^bb0(%a: f32, %acc: f32):
      %s = arith.addf %acc, %a : f32
      linalg.yield %s : f32
    }
    linalg.generic {indexing_maps = [#row, #sum, #row], iterator_types = ["parallel", "parallel"]}
      ins(%in, %z : memref<1x4096xf32, strided<[4096, 1], offset: ?>>, memref<1xf32>)
      outs(%out : memref<1x4096xf32, strided<[4096, 1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %m = arith.mulf %a, %b : f32
      linalg.yield %m : f32
    }
  }
  return
}

// -----

// With a function the loop that computes it fetches, the row to store as well. Rows that are not
// aligned are stored at once, and not past the caches (deferred-stores.mlir has others).
#row = affine_map<(i, j) -> (i, j)>
#sum = affine_map<(i, j) -> (i)>
// CHECK-LABEL: @exponential_rows
// CHECK:           %[[LARGE:.*]] = arith.cmpi sge, %{{.*}}, %c16777216
// CHECK:           scf.for
// CHECK:             scf.if %[[LARGE]]
// CHECK:               memref.prefetch {{.*}}, read
// CHECK:               memref.prefetch {{.*}}, write
// CHECK-NOT:       nontemporal
func.func @exponential_rows(%x: memref<?x4100xf32>, %y: memref<?x4100xf32>, %n: index) {
  scf.forall (%i) in (%n) {
    %in = memref.subview %x[%i, 0] [1, 4100] [1, 1] : memref<?x4100xf32> to memref<1x4100xf32, strided<[4100, 1], offset: ?>>
    %z = memref.alloc() : memref<1xf32>
    %p = memref.alloc() : memref<1x4100xf32>
    linalg.generic {indexing_maps = [#row, #row, #sum], iterator_types = ["parallel", "reduction"]}
      ins(%in : memref<1x4100xf32, strided<[4100, 1], offset: ?>>) outs(%p, %z : memref<1x4100xf32>, memref<1xf32>) {
    ^bb0(%a: f32, %o: f32, %acc: f32):
      %e = math.exp %a : f32
      %s = arith.addf %acc, %e : f32
      linalg.yield %e, %s : f32, f32
    }
    %out = memref.subview %y[%i, 0] [1, 4100] [1, 1] : memref<?x4100xf32> to memref<1x4100xf32, strided<[4100, 1], offset: ?>>
    linalg.generic {indexing_maps = [#row, #sum, #row], iterator_types = ["parallel", "parallel"]}
      ins(%p, %z : memref<1x4100xf32>, memref<1xf32>)
      outs(%out : memref<1x4100xf32, strided<[4100, 1], offset: ?>>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %m = arith.mulf %a, %b : f32
      linalg.yield %m : f32
    }
  }
  return
}

// -----

// Ordinary stores: a result that fits the caches, one whose rows are not aligned, one that is
// updated in place, tiles of several rows that two ops share.
#row = affine_map<(i, j) -> (i, j)>
// CHECK-LABEL: @negative_streams
// CHECK-NOT:     nontemporal
// CHECK-NOT:     prefetch
// CHECK:         return
func.func @negative_streams(%x: memref<64x4096xf32>, %u: memref<4096x4095xf32>, %v: memref<4096x4096xf32>) {
  %one = arith.constant 1.0 : f32
  scf.forall (%i) in (64) {
    %out = memref.subview %x[%i, 0] [1, 4096] [1, 1] : memref<64x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
    linalg.fill ins(%one : f32) outs(%out : memref<1x4096xf32, strided<[4096, 1], offset: ?>>)
  }
  scf.forall (%i) in (4096) {
    %out = memref.subview %u[%i, 0] [1, 4095] [1, 1] : memref<4096x4095xf32> to memref<1x4095xf32, strided<[4095, 1], offset: ?>>
    linalg.fill ins(%one : f32) outs(%out : memref<1x4095xf32, strided<[4095, 1], offset: ?>>)
  }
  scf.forall (%i) in (4096) {
    %out = memref.subview %v[%i, 0] [1, 4096] [1, 1] : memref<4096x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
    linalg.generic {indexing_maps = [#row], iterator_types = ["parallel", "parallel"]}
      outs(%out : memref<1x4096xf32, strided<[4096, 1], offset: ?>>) {
    ^bb0(%o: f32):
      %s = arith.addf %o, %one : f32
      linalg.yield %s : f32
    }
  }
  scf.forall (%i) = (0) to (4096) step (2) {
    %out = memref.subview %v[%i, 0] [2, 4096] [1, 1] : memref<4096x4096xf32> to memref<2x4096xf32, strided<[4096, 1], offset: ?>>
    %scratch = memref.alloc() : memref<2x4096xf32>
    linalg.fill ins(%one : f32) outs(%scratch : memref<2x4096xf32>)
    linalg.copy ins(%scratch : memref<2x4096xf32>) outs(%out : memref<2x4096xf32, strided<[4096, 1], offset: ?>>)
  }
  return
}

// -----

// What is a function of a row alone is computed once for all its lanes.
#id = affine_map<(i, j) -> (i, j)>
#t = affine_map<(i, j) -> (j, i)>
#row = affine_map<(i, j) -> (i)>
// CHECK-LABEL: @transpose_scaled
// CHECK:         math.exp %{{.*}} : f32
// CHECK-NEXT:    scf.for
// CHECK-NOT:     math.exp
// CHECK:         return
func.func @transpose_scaled(%x: memref<64x?xf32>, %s: memref<?xf32>, %y: memref<?x64xf32>) {
  linalg.generic {indexing_maps = [#t, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x, %s : memref<64x?xf32>, memref<?xf32>) outs(%y : memref<?x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %e = math.exp %b : f32
    %m = arith.mulf %a, %e : f32
    linalg.yield %m : f32
  }
  return
}

// -----

// A running sum along the row: lanes add up what lies before them, by doubling, and what the vector before ended
// with; its last lane goes on.
// CHECK-LABEL: @running_sum
// CHECK:         %[[FIRST:.*]] = memref.load %[[TOTAL:.*]][%{{.*}}] : memref<?xf64>
// CHECK:         %[[BEFORE:.*]] = vector.broadcast %[[FIRST]] : f64 to vector<4xf64>
// CHECK:         %[[WHOLE:.*]] = scf.for {{.*}} step %c4 iter_args(%[[CARRIED:.*]] = %[[BEFORE]]) -> (vector<4xf64>)
// CHECK:           %[[X:.*]] = arith.extf %{{.*}} : vector<4xf32> to vector<4xf64>
// CHECK:           %[[S1:.*]] = vector.shuffle %[[X]], %{{.*}} [4, 0, 1, 2]
// CHECK:           %[[P1:.*]] = arith.addf %[[S1]], %[[X]]
// CHECK:           %[[S2:.*]] = vector.shuffle %[[P1]], %{{.*}} [4, 4, 0, 1]
// CHECK:           %[[P2:.*]] = arith.addf %[[S2]], %[[P1]]
// CHECK:           %[[SUMS:.*]] = arith.addf %[[CARRIED]], %[[P2]]
// CHECK:           %[[Y:.*]] = arith.truncf %[[SUMS]]
// CHECK:           %[[LAST:.*]] = vector.shuffle %[[SUMS]], %[[SUMS]] [3, 3, 3, 3]
// CHECK:           vector.store %[[Y]]
// CHECK:           scf.yield %[[LAST]]
// CHECK:         vector.extract %[[WHOLE]][0]
// CHECK:         scf.for {{.*}} step %c1 iter_args
// CHECK:         memref.store %{{.*}}, %[[TOTAL]]
// AVX512-LABEL: @running_sum
// AVX512:         vector.shuffle {{.*}} [8, 8, 8, 8, 0, 1, 2, 3]
#all = affine_map<(i, j) -> (i, j)>
#rows = affine_map<(i, j) -> (i)>
func.func @running_sum(%x: memref<?x?xf32>, %total: memref<?xf64>, %y: memref<?x?xf32>) {
  linalg.generic {indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<?x?xf32>) outs(%total, %y : memref<?xf64>, memref<?x?xf32>) {
  ^bb0(%a: f32, %s: f64, %o: f32):
    %w = arith.extf %a : f32 to f64
    %n = arith.addf %s, %w : f64
    %r = arith.truncf %n : f64 to f32
    linalg.yield %n, %r : f64, f32
  }
  return
}

// -----

// Down columns, lanes are columns: no lane waits for another.
// CHECK-LABEL: @running_columns
// CHECK:         scf.for
// CHECK:           scf.for {{.*}} step
// CHECK-NOT:         vector.shuffle
// CHECK:             arith.addi {{.*}} : vector<{{.*}}xi64>
// CHECK:         return
#all = affine_map<(i, j) -> (i, j)>
#columns = affine_map<(i, j) -> (j)>
func.func @running_columns(%x: memref<?x?xi64>, %total: memref<?xi64>, %y: memref<?x?xi64>) {
  linalg.generic {indexing_maps = [#all, #columns, #all], iterator_types = ["reduction", "parallel"]}
      ins(%x : memref<?x?xi64>) outs(%total, %y : memref<?xi64>, memref<?x?xi64>) {
  ^bb0(%a: i64, %s: i64, %o: i64):
    %n = arith.addi %s, %a : i64
    linalg.yield %n, %n : i64, i64
  }
  return
}

// -----

// negative: the largest of running sums.
// CHECK-LABEL: @largest_running_sum
// CHECK:         memref.load
// CHECK-NOT:     vector.shuffle
// CHECK:         return
#all = affine_map<(i) -> (i)>
#total = affine_map<(i) -> ()>
func.func @largest_running_sum(%x: memref<64xf32>, %s: memref<f32>, %m: memref<f32>) {
  // expected-remark @below {{[vectorize] scalar loops: a running sum stands beside another reduction}}
  linalg.generic {indexing_maps = [#all, #total, #total], iterator_types = ["reduction"]}
      ins(%x : memref<64xf32>) outs(%s, %m : memref<f32>, memref<f32>) {
  ^bb0(%a: f32, %sum: f32, %max: f32):
    %n = arith.addf %sum, %a : f32
    %l = arith.maximumf %max, %n : f32
    linalg.yield %n, %l : f32, f32
  }
  return
}
