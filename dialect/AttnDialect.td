// The attn dialect: what a transformer needs that a pass must treat specially.
#ifndef FOVEA_DIALECT_ATTN_DIALECT_TD
#define FOVEA_DIALECT_ATTN_DIALECT_TD

include "mlir/IR/OpBase.td"

def Attn_Dialect : Dialect {
  let name = "attn";
  let cppNamespace = "::fovea::attn";
  let summary = "Attention, masks, windows, rotary positions, caches and sampling";
  let description = [{
    A small dialect for transformer graphs. An op is here only if a pass treats it
    specially; every other computation is `linalg`, `tensor`, `arith` or `math`.

    Letters used throughout: `B` batch, `H` query heads, `G` key/value heads (H is a
    multiple of G), `Lq` queries, `Lk` keys, `D` head dim of queries and keys, `Dv` head
    dim of values. `b, h, i, j` index batch, query head, query position, key position.

    The semantics that labels such as `attention_s4` refer to are in docs/dialect.md.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect",
    "::mlir::tensor::TensorDialect"
  ];
  let useDefaultAttributePrinterParser = 1;
}

class Attn_Op<string mnemonic, list<Trait> traits = []> : Op<Attn_Dialect, mnemonic, traits>;

#endif
