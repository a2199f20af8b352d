// A window written as padded, unfolded and masked keys and one written as a mask over all keys
// compile to the same IR, byte for byte.
// RUN: split-file %s %t
// RUN: fovea-opt %t/unfold.mlir --fovea-pipeline=compile-to=fused -o %t/unfold.fused 2>/dev/null
// RUN: fovea-opt %t/mask.mlir --fovea-pipeline=compile-to=fused -o %t/mask.fused 2>/dev/null
// RUN: diff %t/unfold.fused %t/mask.fused
// RUN: FileCheck %s < %t/unfold.fused
// CHECK: attn.attention
// CHECK-NOT: attn.unfold

//--- unfold.mlir
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

//--- mask.mlir
func.func @masked(%q: tensor<1x2x32x8xf32>, %k: tensor<1x2x32x8xf32>, %v: tensor<1x2x32x8xf32>) -> tensor<1x2x32x8xf32> {
  %e = tensor.empty() : tensor<1x2x32x8xf32>
  %o = attn.attention ins(%q, %k, %v : tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>) outs(%e : tensor<1x2x32x8xf32>) {scale = 0.25} mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %c = arith.constant 2 : index
    %d = arith.subi %i, %j : index
    %a = math.absi %d : index
    %p = arith.cmpi sle, %a, %c : index
    attn.yield %p : i1
  } -> tensor<1x2x32x8xf32>
  return %o : tensor<1x2x32x8xf32>
}
