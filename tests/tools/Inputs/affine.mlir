// y = x * w + 1 with a weight, and entries that use none.
func.func @affine(%x: tensor<?x2xf32> {attn.name = "x", attn.dims = ["N", ""]})
    -> (tensor<?x2xf32> {attn.name = "y"}) {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f32
  %w = attn.weight "scale.weight" : tensor<2xf32>
  %n = tensor.dim %x, %c0 : tensor<?x2xf32>
  %e = tensor.empty(%n) : tensor<?x2xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
                       affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%x, %w : tensor<?x2xf32>, tensor<2xf32>) outs(%e : tensor<?x2xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %m, %one : f32
    linalg.yield %s : f32
  } -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

func.func @same(%x: tensor<3xi64> {attn.name = "x", attn.dims = [""]})
    -> (tensor<3xi64> {attn.name = "y"}) {
  %e = tensor.empty() : tensor<3xi64>
  %y = linalg.copy ins(%x : tensor<3xi64>) outs(%e : tensor<3xi64>) -> tensor<3xi64>
  return %y : tensor<3xi64>
}

// 2^53 + 1, which no double holds.
func.func @large() -> (tensor<1xi64> {attn.name = "y"}) {
  %y = arith.constant dense<9007199254740993> : tensor<1xi64>
  return %y : tensor<1xi64>
}
