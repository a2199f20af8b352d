// The function whose way through the phases docs/pipeline.md shows: causal attention as a
// frontend makes it, then a gate.
#id = affine_map<(b, h, l, d) -> (b, h, l, d)>
func.func @gated(%q: tensor<1x8x?x64xf32> {attn.name = "q", attn.dims = ["", "", "L", ""]},
                 %g: tensor<1x8x?x64xf32> {attn.name = "g", attn.dims = ["", "", "L", ""]})
    -> (tensor<1x8x?x64xf32> {attn.name = "y"}) {
  %c2 = arith.constant 2 : index
  %l = tensor.dim %q, %c2 : tensor<1x8x?x64xf32>
  %init = tensor.empty(%l) : tensor<1x8x?x64xf32>
  %o = attn.attention ins(%q, %q, %q : tensor<1x8x?x64xf32>, tensor<1x8x?x64xf32>, tensor<1x8x?x64xf32>)
                      outs(%init : tensor<1x8x?x64xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %p = arith.cmpi sge, %i, %j : index
      attn.yield %p : i1
    } -> tensor<1x8x?x64xf32>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%o, %g : tensor<1x8x?x64xf32>, tensor<1x8x?x64xf32>) outs(%init : tensor<1x8x?x64xf32>) {
  ^bb0(%a: f32, %gate: f32, %out: f32):
    %m = arith.mulf %a, %gate : f32
    linalg.yield %m : f32
  } -> tensor<1x8x?x64xf32>
  return %y : tensor<1x8x?x64xf32>
}
