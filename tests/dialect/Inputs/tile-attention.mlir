// The schedule of tiling-run.mlir. Rows in tiles of 3, the last of which has 1; heads one by one, or in whole groups of 2.
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["attn.attention"]} attributes{tiled} in %root : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.tile_using_forall %op tile_sizes [1, 2, 3]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    %u, %m:2 = transform.structured.tile_using_for %t tile_sizes [0, 1, 2]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}
