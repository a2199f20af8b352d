// Causal attention of one batch, two heads of four elements, any length.
func.func @attend(
    %q: tensor<1x2x?x4xf32> {attn.name = "q", attn.dims = ["", "", "L", ""]},
    %k: tensor<1x2x?x4xf32> {attn.name = "k", attn.dims = ["", "", "L", ""]},
    %v: tensor<1x2x?x4xf32> {attn.name = "v", attn.dims = ["", "", "L", ""]})
    -> (tensor<1x2x?x4xf32> {attn.name = "y"}) {
  %c2 = arith.constant 2 : index
  %n = tensor.dim %q, %c2 : tensor<1x2x?x4xf32>
  %e = tensor.empty(%n) : tensor<1x2x?x4xf32>
  %y = attn.attention ins(%q, %k, %v : tensor<1x2x?x4xf32>, tensor<1x2x?x4xf32>, tensor<1x2x?x4xf32>)
                      outs(%e : tensor<1x2x?x4xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %p = arith.cmpi sge, %i, %j : index
      attn.yield %p : i1
    } -> tensor<1x2x?x4xf32>
  return %y : tensor<1x2x?x4xf32>
}
