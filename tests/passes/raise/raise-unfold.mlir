// Windows of padded keys and values, masked and not.
// RUN: fovea-opt %s --split-input-file --attn-raise-unfold --attn-normalize-mask --canonicalize --cse --attn-order-constants 2>/dev/null | FileCheck %s

// The padding is not masked: its zeros stay in the sum, as a sink with the logarithm of their
// number: 2 - i before the first key and i - 29 after the last, of 32 keys.
// CHECK-LABEL: func @unmasked
// CHECK-SAME: (%[[Q:.*]]: tensor<1x2x32x8xf32>, %[[K:.*]]: tensor<1x2x32x8xf32>, %[[V:.*]]: tensor<1x2x32x8xf32>)
// CHECK-NOT: tensor.pad
// CHECK-NOT: attn.unfold
// CHECK: attn.attention ins(%[[Q]], %[[K]], %[[V]]
// CHECK-SAME: {scale = 2.500000e-01 : f64} mask
// CHECK: ^bb0(%{{.*}}: index, %{{.*}}: index, %[[I:.*]]: index, %[[J:.*]]: index):
// CHECK: %[[D:.*]] = arith.subi %[[J]], %[[I]] : index
// CHECK: arith.cmpi sge, %[[D]], %c-2
// CHECK: arith.cmpi sle, %[[D]], %c2
// CHECK: } sink {
// CHECK: ^bb0(%{{.*}}: index, %{{.*}}: index, %[[R:.*]]: index):
// CHECK: %[[BEFORE:.*]] = arith.subi %c2, %[[R]]
// CHECK: %[[AFTER:.*]] = arith.addi %[[R]], %c-29
// CHECK: %[[BEFORE0:.*]] = arith.maxsi %[[BEFORE]], %c0
// CHECK: %[[N1:.*]] = arith.minsi %[[BEFORE0]], %c5
// CHECK: %[[AFTER0:.*]] = arith.maxsi %[[AFTER]], %c0
// CHECK: %[[N2:.*]] = arith.minsi %[[AFTER0]], %c5
// CHECK: %[[N:.*]] = arith.addi %[[N1]], %[[N2]]
// CHECK: %[[NONE:.*]] = arith.cmpi slt, %[[N]], %c1
// CHECK: %[[LOG:.*]] = math.log
// CHECK: arith.select %[[NONE]], %{{.*}}, %[[LOG]]
func.func @unmasked(%q: tensor<1x2x32x8xf32>, %k: tensor<1x2x32x8xf32>, %v: tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32> {
  %zero = arith.constant 0.0 : f32
  %c = arith.constant 0.25 : f32
  %kp = tensor.pad %k low[0,0,2,0] high[0,0,2,0] {
    ^bb0(%a: index, %b: index, %d: index, %e: index):
      tensor.yield %zero : f32
  } : tensor<1x2x32x8xf32> to tensor<1x2x36x8xf32>
  %vp = tensor.pad %v low[0,0,2,0] high[0,0,2,0] {
    ^bb0(%a: index, %b: index, %d: index, %e: index):
      tensor.yield %zero : f32
  } : tensor<1x2x32x8xf32> to tensor<1x2x36x8xf32>
  %ku = attn.unfold %kp dim(2) size(5) step(1) : tensor<1x2x36x8xf32> -> tensor<1x2x32x8x5xf32>
  %vu = attn.unfold %vp dim(2) size(5) step(1) : tensor<1x2x36x8xf32> -> tensor<1x2x32x8x5xf32>
  %es = tensor.empty() : tensor<1x2x32x5xf32>
  %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<1x2x32x5xf32>) -> tensor<1x2x32x5xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b,h,l,w,d)->(b,h,l,d)>, affine_map<(b,h,l,w,d)->(b,h,l,d,w)>, affine_map<(b,h,l,w,d)->(b,h,l,w)>], iterator_types = ["parallel","parallel","parallel","parallel","reduction"]}
     ins(%q, %ku : tensor<1x2x32x8xf32>, tensor<1x2x32x8x5xf32>) outs(%fs : tensor<1x2x32x5xf32>) {
     ^bb0(%x: f32, %y: f32, %o: f32):
       %m = arith.mulf %x, %y : f32
       %a = arith.addf %o, %m : f32
       linalg.yield %a : f32
  } -> tensor<1x2x32x5xf32>
  %sc = linalg.generic {indexing_maps = [affine_map<(b,h,l,w)->(b,h,l,w)>, affine_map<(b,h,l,w)->(b,h,l,w)>], iterator_types = ["parallel","parallel","parallel","parallel"]}
     ins(%s : tensor<1x2x32x5xf32>) outs(%es : tensor<1x2x32x5xf32>) {
     ^bb0(%x: f32, %o: f32):
       %m = arith.mulf %x, %c : f32
       linalg.yield %m : f32
  } -> tensor<1x2x32x5xf32>
  %p = attn.softmax ins(%sc : tensor<1x2x32x5xf32>) outs(%es : tensor<1x2x32x5xf32>) dim(3) -> tensor<1x2x32x5xf32>
  %eo = tensor.empty() : tensor<1x2x32x8xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32>
  %o = linalg.generic {indexing_maps = [affine_map<(b,h,l,d,w)->(b,h,l,w)>, affine_map<(b,h,l,d,w)->(b,h,l,d,w)>, affine_map<(b,h,l,d,w)->(b,h,l,d)>], iterator_types = ["parallel","parallel","parallel","parallel","reduction"]}
     ins(%p, %vu : tensor<1x2x32x5xf32>, tensor<1x2x32x8x5xf32>) outs(%fo : tensor<1x2x32x8xf32>) {
     ^bb0(%x: f32, %y: f32, %ac: f32):
       %m = arith.mulf %x, %y : f32
       %a = arith.addf %ac, %m : f32
       linalg.yield %a : f32
  } -> tensor<1x2x32x8xf32>
  return %o : tensor<1x2x32x8xf32>
}

// -----

// With the padding masked the sink is gone, and the mask is that of the window alone.
// CHECK-LABEL: func @masked
// CHECK-NOT: attn.unfold
// CHECK: attn.attention {{.*}} mask
// CHECK: arith.cmpi sge, %[[D:.*]], %c-2
// CHECK: arith.cmpi sle, %[[D]], %c2
// CHECK-NEXT: arith.andi
// CHECK-NEXT: attn.yield
// CHECK-NOT: sink
func.func @masked(%q: tensor<1x2x32x8xf32>, %k: tensor<1x2x32x8xf32>, %v: tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32> {
  %zero = arith.constant 0.0 : f32
  %c = arith.constant 0.25 : f32
  %kp = tensor.pad %k low[0,0,2,0] high[0,0,2,0] {
    ^bb0(%a: index, %b: index, %d: index, %e: index):
      tensor.yield %zero : f32
  } : tensor<1x2x32x8xf32> to tensor<1x2x36x8xf32>
  %vp = tensor.pad %v low[0,0,2,0] high[0,0,2,0] {
    ^bb0(%a: index, %b: index, %d: index, %e: index):
      tensor.yield %zero : f32
  } : tensor<1x2x32x8xf32> to tensor<1x2x36x8xf32>
  %ku = attn.unfold %kp dim(2) size(5) step(1) : tensor<1x2x36x8xf32> -> tensor<1x2x32x8x5xf32>
  %vu = attn.unfold %vp dim(2) size(5) step(1) : tensor<1x2x36x8xf32> -> tensor<1x2x32x8x5xf32>
  %es = tensor.empty() : tensor<1x2x32x5xf32>
  %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<1x2x32x5xf32>) -> tensor<1x2x32x5xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b,h,l,w,d)->(b,h,l,d)>, affine_map<(b,h,l,w,d)->(b,h,l,d,w)>, affine_map<(b,h,l,w,d)->(b,h,l,w)>], iterator_types = ["parallel","parallel","parallel","parallel","reduction"]}
     ins(%q, %ku : tensor<1x2x32x8xf32>, tensor<1x2x32x8x5xf32>) outs(%fs : tensor<1x2x32x5xf32>) {
     ^bb0(%x: f32, %y: f32, %o: f32):
       %m = arith.mulf %x, %y : f32
       %a = arith.addf %o, %m : f32
       linalg.yield %a : f32
  } -> tensor<1x2x32x5xf32>
  %sc = linalg.generic {indexing_maps = [affine_map<(b,h,l,w)->(b,h,l,w)>, affine_map<(b,h,l,w)->(b,h,l,w)>], iterator_types = ["parallel","parallel","parallel","parallel"]}
     ins(%s : tensor<1x2x32x5xf32>) outs(%es : tensor<1x2x32x5xf32>) {
     ^bb0(%x: f32, %o: f32):
       %m = arith.mulf %x, %c : f32
       linalg.yield %m : f32
  } -> tensor<1x2x32x5xf32>
  %em = tensor.empty() : tensor<32x5xi1>
  %mask = attn.create_mask outs(%em : tensor<32x5xi1>) where {
    ^bb0(%l: index, %w: index):
      %c0 = arith.constant 0 : index
      %c2 = arith.constant 2 : index
      %c32 = arith.constant 32 : index
      %t = arith.addi %l, %w : index
      %j = arith.subi %t, %c2 : index
      %lo = arith.cmpi sge, %j, %c0 : index
      %hi = arith.cmpi slt, %j, %c32 : index
      %pr = arith.andi %lo, %hi : i1
      attn.yield %pr : i1
    } -> tensor<32x5xi1>
  %sm = attn.apply_mask ins(%sc, %mask : tensor<1x2x32x5xf32>, tensor<32x5xi1>) outs(%es : tensor<1x2x32x5xf32>) fill(0xFFF0000000000000) -> tensor<1x2x32x5xf32>
  %p = attn.softmax ins(%sm : tensor<1x2x32x5xf32>) outs(%es : tensor<1x2x32x5xf32>) dim(3) -> tensor<1x2x32x5xf32>
  %eo = tensor.empty() : tensor<1x2x32x8xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32>
  %o = linalg.generic {indexing_maps = [affine_map<(b,h,l,d,w)->(b,h,l,w)>, affine_map<(b,h,l,d,w)->(b,h,l,d,w)>, affine_map<(b,h,l,d,w)->(b,h,l,d)>], iterator_types = ["parallel","parallel","parallel","parallel","reduction"]}
     ins(%p, %vu : tensor<1x2x32x5xf32>, tensor<1x2x32x8x5xf32>) outs(%fo : tensor<1x2x32x8xf32>) {
     ^bb0(%x: f32, %y: f32, %ac: f32):
       %m = arith.mulf %x, %y : f32
       %a = arith.addf %ac, %m : f32
       linalg.yield %a : f32
  } -> tensor<1x2x32x8xf32>
  return %o : tensor<1x2x32x8xf32>
}

// -----

// No padding at all, windows of even size at every other position: rows are fewer than keys, so
// they are aligned at the top left, and the window starts at 2 * i.
// CHECK-LABEL: func @strided
// CHECK-NOT: attn.unfold
// CHECK: attn.attention {{.*}}alignment = #attn<alignment top_left>{{.*}} mask
// CHECK: ^bb0(%{{.*}}: index, %{{.*}}: index, %[[I:.*]]: index, %[[J:.*]]: index):
// CHECK: %[[I2:.*]] = arith.muli %[[I]], %c2
// CHECK: %[[D:.*]] = arith.subi %[[J]], %[[I2]]
// CHECK: arith.cmpi sge, %[[D]], %c0
// CHECK: arith.cmpi sle, %[[D]], %c3
// CHECK-NOT: sink
// CHECK: return
func.func @strided(%q: tensor<1x2x15x8xf32>, %k: tensor<1x2x32x8xf32>, %v: tensor<1x2x32x8xf32>) -> tensor<1x2x15x8xf32> {
  %zero = arith.constant 0.0 : f32
  %c = arith.constant 0.25 : f32
  %ku = attn.unfold %k dim(2) size(4) step(2) : tensor<1x2x32x8xf32> -> tensor<1x2x15x8x4xf32>
  %vu = attn.unfold %v dim(2) size(4) step(2) : tensor<1x2x32x8xf32> -> tensor<1x2x15x8x4xf32>
  %es = tensor.empty() : tensor<1x2x15x4xf32>
  %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<1x2x15x4xf32>) -> tensor<1x2x15x4xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b,h,l,w,d)->(b,h,l,d)>, affine_map<(b,h,l,w,d)->(b,h,l,d,w)>, affine_map<(b,h,l,w,d)->(b,h,l,w)>], iterator_types = ["parallel","parallel","parallel","parallel","reduction"]}
     ins(%q, %ku : tensor<1x2x15x8xf32>, tensor<1x2x15x8x4xf32>) outs(%fs : tensor<1x2x15x4xf32>) {
     ^bb0(%x: f32, %y: f32, %o: f32):
       %m = arith.mulf %x, %y : f32
       %a = arith.addf %o, %m : f32
       linalg.yield %a : f32
  } -> tensor<1x2x15x4xf32>
  %sc = linalg.generic {indexing_maps = [affine_map<(b,h,l,w)->(b,h,l,w)>, affine_map<(b,h,l,w)->(b,h,l,w)>], iterator_types = ["parallel","parallel","parallel","parallel"]}
     ins(%s : tensor<1x2x15x4xf32>) outs(%es : tensor<1x2x15x4xf32>) {
     ^bb0(%x: f32, %o: f32):
       %m = arith.mulf %x, %c : f32
       linalg.yield %m : f32
  } -> tensor<1x2x15x4xf32>
  %p = attn.softmax ins(%sc : tensor<1x2x15x4xf32>) outs(%es : tensor<1x2x15x4xf32>) dim(3) -> tensor<1x2x15x4xf32>
  %eo = tensor.empty() : tensor<1x2x15x8xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<1x2x15x8xf32>) -> tensor<1x2x15x8xf32>
  %o = linalg.generic {indexing_maps = [affine_map<(b,h,l,d,w)->(b,h,l,w)>, affine_map<(b,h,l,d,w)->(b,h,l,d,w)>, affine_map<(b,h,l,d,w)->(b,h,l,d)>], iterator_types = ["parallel","parallel","parallel","parallel","reduction"]}
     ins(%p, %vu : tensor<1x2x15x4xf32>, tensor<1x2x15x8x4xf32>) outs(%fo : tensor<1x2x15x8xf32>) {
     ^bb0(%x: f32, %y: f32, %ac: f32):
       %m = arith.mulf %x, %y : f32
       %a = arith.addf %ac, %m : f32
       linalg.yield %a : f32
  } -> tensor<1x2x15x8xf32>
  return %o : tensor<1x2x15x8xf32>
}

// -----

// Scores of padding stay 0 when they are divided by the root of the head dim, whatever that is.
// CHECK-LABEL: func @any_head_dim
// CHECK-NOT: attn.unfold
// CHECK: attn.attention {{.*}} score {
// CHECK: } mask {
// CHECK: } sink {
func.func @any_head_dim(%q: tensor<1x2x32x?xf32>, %k: tensor<1x2x32x?xf32>, %v: tensor<1x2x32x?xf32>) -> tensor<1x2x32x?xf32> {
  %zero = arith.constant 0.0 : f32
  %c3 = arith.constant 3 : index
  %d = tensor.dim %q, %c3 : tensor<1x2x32x?xf32>
  %di = arith.index_cast %d : index to i64
  %df = arith.sitofp %di : i64 to f32
  %root = math.sqrt %df : f32
  %kp = tensor.pad %k low[0,0,4,0] high[0,0,0,0] {
    ^bb0(%a: index, %b: index, %c: index, %e: index):
      tensor.yield %zero : f32
  } : tensor<1x2x32x?xf32> to tensor<1x2x36x?xf32>
  %vp = tensor.pad %v low[0,0,4,0] high[0,0,0,0] {
    ^bb0(%a: index, %b: index, %c: index, %e: index):
      tensor.yield %zero : f32
  } : tensor<1x2x32x?xf32> to tensor<1x2x36x?xf32>
  %ku = attn.unfold %kp dim(2) size(5) step(1) : tensor<1x2x36x?xf32> -> tensor<1x2x32x?x5xf32>
  %vu = attn.unfold %vp dim(2) size(5) step(1) : tensor<1x2x36x?xf32> -> tensor<1x2x32x?x5xf32>
  %es = tensor.empty() : tensor<1x2x32x5xf32>
  %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<1x2x32x5xf32>) -> tensor<1x2x32x5xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b,h,l,w,d)->(b,h,l,d)>, affine_map<(b,h,l,w,d)->(b,h,l,d,w)>, affine_map<(b,h,l,w,d)->(b,h,l,w)>], iterator_types = ["parallel","parallel","parallel","parallel","reduction"]}
     ins(%q, %ku : tensor<1x2x32x?xf32>, tensor<1x2x32x?x5xf32>) outs(%fs : tensor<1x2x32x5xf32>) {
     ^bb0(%x: f32, %y: f32, %o: f32):
       %m = arith.mulf %x, %y : f32
       %a = arith.addf %o, %m : f32
       linalg.yield %a : f32
  } -> tensor<1x2x32x5xf32>
  %sc = linalg.generic {indexing_maps = [affine_map<(b,h,l,w)->(b,h,l,w)>, affine_map<(b,h,l,w)->(b,h,l,w)>], iterator_types = ["parallel","parallel","parallel","parallel"]}
     ins(%s : tensor<1x2x32x5xf32>) outs(%es : tensor<1x2x32x5xf32>) {
     ^bb0(%x: f32, %o: f32):
       %m = arith.divf %x, %root : f32
       linalg.yield %m : f32
  } -> tensor<1x2x32x5xf32>
  %p = attn.softmax ins(%sc : tensor<1x2x32x5xf32>) outs(%es : tensor<1x2x32x5xf32>) dim(3) -> tensor<1x2x32x5xf32>
  %eo = tensor.empty(%d) : tensor<1x2x32x?xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<1x2x32x?xf32>) -> tensor<1x2x32x?xf32>
  %o = linalg.generic {indexing_maps = [affine_map<(b,h,l,d,w)->(b,h,l,w)>, affine_map<(b,h,l,d,w)->(b,h,l,d,w)>, affine_map<(b,h,l,d,w)->(b,h,l,d)>], iterator_types = ["parallel","parallel","parallel","parallel","reduction"]}
     ins(%p, %vu : tensor<1x2x32x5xf32>, tensor<1x2x32x?x5xf32>) outs(%fo : tensor<1x2x32x?xf32>) {
     ^bb0(%x: f32, %y: f32, %ac: f32):
       %m = arith.mulf %x, %y : f32
       %a = arith.addf %ac, %m : f32
       linalg.yield %a : f32
  } -> tensor<1x2x32x?xf32>
  return %o : tensor<1x2x32x?xf32>
}
