// Windows whose meaning attention cannot keep stay windows, and the report says why.
// RUN: fovea-opt %s --split-input-file --attn-raise-unfold --verify-diagnostics | FileCheck %s

// Padding masked by a finite number keeps a weight, however small (attention_s5).
// CHECK-LABEL: func @finite_fill
// CHECK: attn.unfold
// CHECK: attn.softmax
func.func @finite_fill(%q: tensor<1x2x32x8xf32>, %k: tensor<1x2x32x8xf32>, %v: tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32> {
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
  %sm = attn.apply_mask ins(%sc, %mask : tensor<1x2x32x5xf32>, tensor<32x5xi1>) outs(%es : tensor<1x2x32x5xf32>) fill(-1.0e9) -> tensor<1x2x32x5xf32>
  // expected-remark @below {{[unfold] the windows stay: its score function gives keys in the padding a score other than 0}}
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

// Only the padding on the left is masked.
// CHECK-LABEL: func @mask_keeps_some
// CHECK: attn.unfold
// CHECK: attn.softmax
func.func @mask_keeps_some(%q: tensor<1x2x32x8xf32>, %k: tensor<1x2x32x8xf32>, %v: tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32> {
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
      %pr = arith.andi %lo, %lo : i1
      attn.yield %pr : i1
    } -> tensor<32x5xi1>
  %sm = attn.apply_mask ins(%sc, %mask : tensor<1x2x32x5xf32>, tensor<32x5xi1>) outs(%es : tensor<1x2x32x5xf32>) fill(0xFFF0000000000000) -> tensor<1x2x32x5xf32>
  // expected-remark @below {{the windows stay: its mask neither keeps nor removes all of the padding}}
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

// Unmasked padding that is not zero.
// CHECK-LABEL: func @padded_by_ones
// CHECK: attn.unfold
// CHECK: attn.softmax
func.func @padded_by_ones(%q: tensor<1x2x32x8xf32>, %k: tensor<1x2x32x8xf32>, %v: tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32> {
  %zero = arith.constant 0.0 : f32
  %c = arith.constant 0.25 : f32
  %one = arith.constant 1.0 : f32
  %kp = tensor.pad %k low[0,0,2,0] high[0,0,2,0] {
    ^bb0(%a: index, %b: index, %d: index, %e: index):
      tensor.yield %one : f32
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
  // expected-remark @below {{its keys or values are not padded by zeros, and the padding is not masked}}
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

// Keys and values are padded differently.
// CHECK-LABEL: func @values_padded_differently
// CHECK: attn.unfold
// CHECK: attn.softmax
func.func @values_padded_differently(%q: tensor<1x2x32x8xf32>, %k: tensor<1x2x32x8xf32>, %v: tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32> {
  %zero = arith.constant 0.0 : f32
  %c = arith.constant 0.25 : f32
  %kp = tensor.pad %k low[0,0,2,0] high[0,0,2,0] {
    ^bb0(%a: index, %b: index, %d: index, %e: index):
      tensor.yield %zero : f32
  } : tensor<1x2x32x8xf32> to tensor<1x2x36x8xf32>
  %vp = tensor.pad %v low[0,0,1,0] high[0,0,3,0] {
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
  // expected-remark @below {{its values are not windows of the same form as its keys}}
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

// The features are padded as well.
// CHECK-LABEL: func @features_padded_too
// CHECK: attn.unfold
// CHECK: attn.softmax
func.func @features_padded_too(%q: tensor<1x2x32x8xf32>, %ks: tensor<1x2x32x7xf32>, %v: tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32> {
  %zero = arith.constant 0.0 : f32
  %c = arith.constant 0.25 : f32
  %kp = tensor.pad %ks low[0,0,2,1] high[0,0,2,0] {
    ^bb0(%a: index, %b: index, %d: index, %e: index):
      tensor.yield %zero : f32
  } : tensor<1x2x32x7xf32> to tensor<1x2x36x8xf32>
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
  // expected-remark @below {{its padding is not by constants along the windows alone}}
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

// The weights, one a slot of the window, are a result.
// CHECK-LABEL: func @weights_used
// CHECK: attn.unfold
// CHECK: attn.softmax
func.func @weights_used(%q: tensor<1x2x32x8xf32>, %k: tensor<1x2x32x8xf32>, %v: tensor<1x2x32x8xf32>) -> (tensor<1x2x32x8xf32>, tensor<1x2x32x5xf32>) {
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
  // expected-remark @below {{its weights, which are stored by window, are used by other ops}}
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
  return %o, %p : tensor<1x2x32x8xf32>, tensor<1x2x32x5xf32>
}

// -----

// The score function adds to all scores, those of the padding too.
// CHECK-LABEL: func @score_of_padding
// CHECK: attn.unfold
// CHECK: attn.softmax
func.func @score_of_padding(%q: tensor<1x2x32x8xf32>, %k: tensor<1x2x32x8xf32>, %v: tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32> {
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
       %m = arith.addf %x, %c : f32
       linalg.yield %m : f32
  } -> tensor<1x2x32x5xf32>
  // expected-remark @below {{its score function gives keys in the padding a score other than 0}}
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

// No values.
// CHECK-LABEL: func @no_values
// CHECK: attn.unfold
// CHECK: attn.softmax
func.func @no_values(%q: tensor<1x2x32x8xf32>, %k: tensor<1x2x32x8xf32>, %v: tensor<1x2x32x8xf32>) -> tensor<1x2x32x5xf32> {
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
  // expected-remark @below {{its weights are not contracted with values}}
  %p = attn.softmax ins(%sc : tensor<1x2x32x5xf32>) outs(%es : tensor<1x2x32x5xf32>) dim(3) -> tensor<1x2x32x5xf32>
  return %p : tensor<1x2x32x5xf32>
}
