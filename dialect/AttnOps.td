// The ops of the attn dialect. Formulas use the letters of AttnDialect.td; labels such as
// `attention_s4` and `attention_c3` are those of docs/dialect.md.
#ifndef FOVEA_DIALECT_ATTN_OPS_TD
#define FOVEA_DIALECT_ATTN_OPS_TD

include "AttnDialect.td"
include "AttnEnums.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/TilingInterface.td"

def Attn_Shaped : AnyTypeOf<[AnyRankedTensor, AnyStridedMemRef], "ranked tensor or strided memref">;
def Attn_FloatShaped : AnyTypeOf<[RankedTensorOf<[AnyFloat]>, StridedMemRefOf<[AnyFloat]>],
                                 "ranked tensor or strided memref of floats">;
def Attn_F32Shaped : AnyTypeOf<[RankedTensorOf<[F32]>, StridedMemRefOf<[F32]>],
                               "ranked tensor or strided memref of f32">;
def Attn_BytesShaped : AnyTypeOf<[RankedTensorOf<[I8]>, StridedMemRefOf<[I8]>],
                                 "ranked tensor or strided memref of i8">;
// Floats, or quantised rows of them.
def Attn_RowsShaped : AnyTypeOf<[RankedTensorOf<[AnyFloat, I8]>, StridedMemRefOf<[AnyFloat, I8]>],
                                "ranked tensor or strided memref of floats or of i8">;

// An op that writes into the buffers given as `inits`. On tensors it returns one result an
// init; on memrefs it returns nothing.
class Attn_DestinationOp<string mnemonic, list<Trait> traits = []>
    : Attn_Op<mnemonic, traits # [
        DestinationStyleOpInterface,
        DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let hasVerifier = 1;
  code destinationDeclarations = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
  }];
  let extraClassDeclaration = destinationDeclarations;
}

def Attn_AttentionOp : Attn_DestinationOp<"attention", [
    AttrSizedOperandSegments, RecursiveMemoryEffects, DeclareOpInterfaceMethods<TilingInterface,
      ["getLoopIteratorTypes", "getIterationDomain", "getTiledImplementation",
       "getResultTilePosition", "getIterationDomainTileFromResultTile",
       "generateResultTileValue"]>]> {
  let summary = "scaled dot-product attention with mask and score functions";
  let description = [{
    For every batch `b`, query head `h` and query row `r` at position `i`:

    ```
    s[j] = score(scale * sum_d query[b,h,r,d] * key[b,h/(H/G),j,d], b, h, i, j)
    s[j] = fill                                     where not mask(b, h, i, j); -inf if not given
    z    = sum_j exp(s[j]) + exp(sink(b, h, i))     (the sink only if it is given)
    w[j] = exp(s[j]) / z                            (0 for all j if every s[j] is -inf and no sink)
    w[j] = dropout(w[j])                            (only if `seed` is given)
    output[b,h,r,d] = sum_j w[j] * value[b,h/(H/G),j,d]
    lse[b,h,r]      = log(z)                        (-inf for a row without keys)
    column_sums[b,h,n,j] = sum_r w[b,h,r,j]         over n * column_chunk <= r < (n+1) * column_chunk
    bucket_sums[b,h,r,n] = sum_j w[b,h,r,j]         over j with bucket(b, h, i, j) = n
    ```

    Shapes: query `[B, H, Lq, D]`, key `[B, G, Lk, D]`, value `[B, G, Lk, Dv]`, with H a
    multiple of G. `inits` holds the output `[B, H, Lq, Dv]`, then with `with_weights` the
    weights `[B, H, Lq, Lk]` (after dropout), then with `with_lse` the log-sum-exp
    `[B, H, Lq]`, then with `column_chunk` the column sums `[B, H, ceil(Lq / column_chunk), Lk]`,
    then with a `bucket` region the bucket sums `[B, H, Lq, N]`. `query_perm`, `key_perm`, `value_perm` and `output_perm` describe another
    order of dims in memory: `perm[c]` is the dim of the operand that holds canonical dim
    `c`, so `[0, 2, 1, 3]` reads a `[B, Lq, H, D]` tensor without a transposition. Keys and values
    may be of i8: rows that `attn.quantize_rows` has made, which stand for what they hold
    (attention_s16).

    Row `r` is at position `i = r + query_offset`; without that operand at
    `i = r + Lk - Lq` (`bottom_right`) or `i = r` (`top_left`).

    The regions may use values defined outside, tensors included: `score` takes
    `(s: f32, b, h, i, j: index)` and yields an `f32`, `mask` takes `(b, h, i, j: index)` and
    yields an `i1`, true where the query may attend, `sink` takes `(b, h, i: index)` and
    yields an `f32` logit of one more key whose value is zero, `bucket` takes
    `(b, h, i, j: index)` and yields an `index`; those outside [0, N) count nowhere. Regions have
    no side effects.
    In place of f32 stands f64 for f64 operands. A masked key or value has no influence
    whatever it holds. With a finite `fill` that holds for masked keys whose weight is 0; in a row
    of masked keys alone they all weigh the same (attention_s5).

    Dropout draws for the weight `(b, h, r, j)` the number `u` of `attn.dropout` at the counter
    `origin + b * batch_stride + h * head_stride + r * Lk + j`. Without the operands
    `counter(origin, batch_stride, head_stride)` that is the row-major linear index of the
    weight; a tile has them, so that it draws what the whole op would (attention_s12).

    Tiling: the op may be tiled along B, H and Lq without changing any result bit.

    ```mlir
    // Causal attention.
    %o = attn.attention ins(%q, %k, %v : tensor<1x8x?x64xf32>, tensor<1x8x?x64xf32>, tensor<1x8x?x64xf32>)
                        outs(%init : tensor<1x8x?x64xf32>)
      mask {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %p = arith.cmpi sge, %i, %j : index
        attn.yield %p : i1
      } -> tensor<1x8x?x64xf32>
    ```
  }];
  let arguments = (ins
    Attn_FloatShaped:$query, Attn_RowsShaped:$key, Attn_RowsShaped:$value,
    Variadic<Attn_FloatShaped>:$inits,
    Optional<Index>:$query_offset, Optional<I64>:$seed, Variadic<Index>:$dropout_counter,
    OptionalAttr<F64Attr>:$scale,
    DefaultValuedAttr<Attn_AlignmentAttr, "::fovea::attn::Alignment::BottomRight">:$alignment,
    OptionalAttr<DenseI64ArrayAttr>:$query_perm, OptionalAttr<DenseI64ArrayAttr>:$key_perm,
    OptionalAttr<DenseI64ArrayAttr>:$value_perm, OptionalAttr<DenseI64ArrayAttr>:$output_perm,
    OptionalAttr<F64Attr>:$dropout, OptionalAttr<F64Attr>:$fill,
    UnitAttr:$with_weights, UnitAttr:$with_lse, OptionalAttr<I64Attr>:$column_chunk);
  let hasRegionVerifier = 1;
  let regions = (region MaxSizedRegion<1>:$score, MaxSizedRegion<1>:$mask, MaxSizedRegion<1>:$sink,
                        MaxSizedRegion<1>:$bucket);
  let hasCanonicalizer = 1;
  let assemblyFormat = [{
    `ins` `(` $query `,` $key `,` $value `:` type($query) `,` type($key) `,` type($value) `)`
    `outs` `(` $inits `:` type($inits) `)`
    (`offset` `(` $query_offset^ `)`)? (`seed` `(` $seed^ `)`)?
    (`counter` `(` $dropout_counter^ `)`)? attr-dict
    (`score` $score^)? (`mask` $mask^)? (`sink` $sink^)? (`bucket` $bucket^)?
    (`->` type($results)^)?
  }];
  let extraClassDeclaration = destinationDeclarations # [{
    /// The operand dims that hold the canonical dims b, h, l, d.
    ::llvm::SmallVector<int64_t> getQueryPermutation();
    ::llvm::SmallVector<int64_t> getKeyPermutation();
    ::llvm::SmallVector<int64_t> getValuePermutation();
    ::llvm::SmallVector<int64_t> getOutputPermutation();
    /// The type of scores and accumulators: f64 for f64 operands, else f32 (attention_s9).
    ::mlir::FloatType getScoreType();
    /// The init of an output, null if it is not asked for.
    ::mlir::Value getInit(AttentionOutput output);
    ::mlir::Value getOutputInit() { return getInits()[0]; }
    ::mlir::Value getWeightsInit() { return getInit(AttentionOutput::Weights); }
    ::mlir::Value getLseInit() { return getInit(AttentionOutput::Lse); }
    ::mlir::Value getColumnSumsInit() { return getInit(AttentionOutput::ColumnSums); }
    ::mlir::Value getBucketSumsInit() { return getInit(AttentionOutput::BucketSums); }
    /// What the op gives, in the order of its inits.
    ::llvm::SmallVector<AttentionOutput> getOutputs();
    /// A copy with other results and operands, as many of each kind as here unless the caller
    /// then sets the segment sizes. mlir::clone fails on the empty regions that this op may have.
    AttentionOp cloneWithOperands(::mlir::OpBuilder &b, ::mlir::TypeRange resultTypes,
                                  ::mlir::ValueRange operands);
    /// The position of row 0: the operand, or what the alignment says of the lengths.
    ::mlir::OpFoldResult getFirstPosition(::mlir::OpBuilder &b);
    /// Origin, batch stride and head stride of the dropout counter: the operands, or those of the
    /// linear index of the weights (attention_s12).
    ::llvm::SmallVector<::mlir::OpFoldResult> getMixedDropoutCounter(::mlir::OpBuilder &b);
    bool hasMask() { return !getMask().empty(); }
    bool hasScore() { return !getScore().empty(); }
    bool hasSink() { return !getSink().empty(); }
    bool hasBucket() { return !getBucket().empty(); }
    /// Whether keys and values are rows of attn.quantize_rows (attention_s16).
    bool readsQuantizedRows();
    /// The head counts H and G and their quotient H / G, each dynamic if it is not known.
    int64_t getNumQueryHeads();
    int64_t getNumKeyHeads();
    int64_t getGroupSize();
    /// `scale`, or 1/sqrt(D) if it is absent (attention_s2); nothing if D is dynamic too.
    std::optional<double> getStaticScale();
    /// A fill is at most this, so that beside common scores a masked key weighs exactly 0.
    static constexpr double largestFill = -4096.0;
    /// The score of a masked key: `fill`, or -inf.
    double getMaskedScore();
  }];
}

def Attn_YieldOp : Attn_Op<"yield", [Pure, ReturnLike, Terminator,
    ParentOneOf<["AttentionOp", "CreateMaskOp"]>]> {
  let summary = "ends a mask, score, sink or bucket region";
  let description = [{
    Gives the region's value: an `i1` for a mask, a float for a score or a sink, an `index` for a
    bucket.

    ```mlir
    attn.yield %p : i1
    ```
  }];
  let arguments = (ins AnyTypeOf<[I1, AnyFloat, Index]>:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

def Attn_CreateMaskOp : Attn_DestinationOp<"create_mask", [RecursiveMemoryEffects]> {
  let summary = "a boolean mask built from a predicate over its indices";
  let description = [{
    `out[d0, ..., dn] = predicate(d0, ..., dn)`, true where a query may attend. The region
    takes one `index` per dim of the init and yields an `i1`.

    ```mlir
    %m = attn.create_mask outs(%init : tensor<?x?xi1>) where {
    ^bb0(%i: index, %j: index):
      %p = arith.cmpi sge, %i, %j : index
      attn.yield %p : i1
    } -> tensor<?x?xi1>
    ```
  }];
  let arguments = (ins Variadic<Attn_Shaped>:$inits);
  let hasRegionVerifier = 1;
  let regions = (region SizedRegion<1>:$predicate);
  let assemblyFormat = [{
    `outs` `(` $inits `:` type($inits) `)` attr-dict
    `where` $predicate (`->` type($results)^)?
  }];
}

def Attn_ApplyMaskOp : Attn_DestinationOp<"apply_mask"> {
  let summary = "fills the scores that a mask forbids";
  let description = [{
    `out[x] = mask[x] ? scores[x] : fill`. The mask is broadcast to the scores as in numpy:
    aligned at the last dim, a dim of static size 1 repeats. It is true where a query may
    attend. A fill of -inf removes the key; a finite fill does not (attention_s5).

    ```mlir
    %0 = attn.apply_mask ins(%s, %m : tensor<2x8x?x?xf32>, tensor<?x?xi1>)
                         outs(%init : tensor<2x8x?x?xf32>) fill(-1.0e9) -> tensor<2x8x?x?xf32>
    ```
  }];
  let arguments = (ins Attn_FloatShaped:$scores, Attn_Shaped:$mask,
                       Variadic<Attn_FloatShaped>:$inits, F64Attr:$fill);
  let hasCanonicalizeMethod = 1;
  let assemblyFormat = [{
    `ins` `(` $scores `,` $mask `:` type($scores) `,` type($mask) `)`
    `outs` `(` $inits `:` type($inits) `)` `fill` `(` $fill `)` attr-dict (`->` type($results)^)?
  }];
}

def Attn_UnfoldOp : Attn_Op<"unfold", [Pure,
    DeclareOpInterfaceMethods<InferTypeOpInterface, ["inferReturnTypes"]>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "sliding windows over one dim";
  let description = [{
    `out[..., w, ..., t] = in[..., w * step + t, ...]`: dim `dim` of size N becomes the number
    of windows `(N - size) / step + 1`, and the window's elements are a new last dim of size
    `size`, as torch.Tensor.unfold has it. `1 <= size <= N`, `step >= 1`.

    ```mlir
    %w = attn.unfold %x dim(0) size(3) step(1) : tensor<10xi64> -> tensor<8x3xi64>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$source, I64Attr:$dim, I64Attr:$size, I64Attr:$step);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $source `dim` `(` $dim `)` `size` `(` $size `)` `step` `(` $step `)` attr-dict
    `:` type($source) `->` type($result)
  }];
  let hasCanonicalizeMethod = 1;
  let extraClassDeclaration = [{
    /// A result type may know more or less of its shape than follows from the source.
    static bool isCompatibleReturnTypes(::mlir::TypeRange inferred, ::mlir::TypeRange actual);
  }];
}

def Attn_SoftmaxOp : Attn_DestinationOp<"softmax"> {
  let summary = "softmax along one dim";
  let description = [{
    `out[x] = exp(in[x] - max) / sum exp(in - max)`, maximum and sum along `dim`. A row whose
    elements are all -inf gives zeros (attention_s4).

    ```mlir
    %p = attn.softmax ins(%s : tensor<4x?xf32>) outs(%init : tensor<4x?xf32>) dim(1) -> tensor<4x?xf32>
    ```
  }];
  let arguments = (ins Attn_FloatShaped:$source, Variadic<Attn_FloatShaped>:$inits, I64Attr:$dim);
  let assemblyFormat = [{
    `ins` `(` $source `:` type($source) `)` `outs` `(` $inits `:` type($inits) `)`
    `dim` `(` $dim `)` attr-dict (`->` type($results)^)?
  }];
}

def Attn_RotaryOp : Attn_DestinationOp<"rotary"> {
  let summary = "rotary position embedding";
  let description = [{
    Rotates pairs of the first R elements of each head by the angle of its position and
    copies the rest: `(x1, x2) -> (x1 * cos - x2 * sin, x2 * cos + x1 * sin)`, the pair being
    `(x[d], x[d + R/2])` (`half_split`) or `(x[2d], x[2d+1])` (`interleaved`).
    (RoFormer, arXiv 2104.09864, eq. 34.)

    Shapes: source `[B, H, L, D]`, or with `sequence_dim = 1` `[B, L, H, D]`; cosine and sine
    `[L, R/2]` with `R <= D`, or `[B, L, R/2]` where the sequences of a batch are at positions of
    their own.

    ```mlir
    %r = attn.rotary ins(%x, %cos, %sin : tensor<1x8x?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>)
                     outs(%init : tensor<1x8x?x64xf32>) -> tensor<1x8x?x64xf32>
    ```
  }];
  let arguments = (ins Attn_FloatShaped:$source, Attn_FloatShaped:$cosine, Attn_FloatShaped:$sine,
    Variadic<Attn_FloatShaped>:$inits,
    DefaultValuedAttr<Attn_RotaryPairingAttr, "::fovea::attn::RotaryPairing::HalfSplit">:$pairing,
    DefaultValuedAttr<I64Attr, "2">:$sequence_dim);
  let assemblyFormat = [{
    `ins` `(` $source `,` $cosine `,` $sine `:` type($source) `,` type($cosine) `,` type($sine) `)`
    `outs` `(` $inits `:` type($inits) `)` attr-dict (`->` type($results)^)?
  }];
}

def Attn_CacheAppendOp : Attn_DestinationOp<"cache_append"> {
  let summary = "writes new keys or values into a cache";
  let description = [{
    `cache[b, g, position + l, d] = source[b, g, l, d]` for every `l`, all else unchanged; with
    `ring` the row is `(position + l) mod C`. Shapes: source `[B, G, L, D]`, cache (the init)
    `[B, G, C, D]`. `position + L <= C` without `ring`, `L <= C` with it. The position is one
    `index`, or `[B]` of i64, one a sequence.

    ```mlir
    %c1 = attn.cache_append ins(%new : tensor<1x8x1x64xf32>) outs(%c0 : tensor<1x8x512x64xf32>)
                            at(%pos) -> tensor<1x8x512x64xf32>
    %c2 = attn.cache_append ins(%news : tensor<4x8x1x64xf32>) outs(%c0s : tensor<4x8x512x64xf32>)
                            at(%positions : tensor<4xi64>) -> tensor<4x8x512x64xf32>
    ```
  }];
  let arguments = (ins Attn_Shaped:$source, Variadic<Attn_Shaped>:$inits,
                       AnyTypeOf<[Index, Attn_Shaped]>:$position, UnitAttr:$ring);
  let assemblyFormat = [{
    `ins` `(` $source `:` type($source) `)` `outs` `(` $inits `:` type($inits) `)`
    `at` `(` $position custom<PositionType>(type($position)) `)` attr-dict (`->` type($results)^)?
  }];
}

def Attn_QuantizeRowsOp : Attn_DestinationOp<"quantize_rows"> {
  let summary = "rounds rows to 8 bits an element and a scale for 32 of them";
  let description = [{
    Each row `source[..., 0:D]` becomes a row of `D + 2 * ceil(D / 32)` bytes: for each element x the
    multiple q of its group's scale that is nearest to it, a signed byte, then the scales of the
    groups of 32 elements, bf16 with the low byte first. The scale is that of q8 weights
    (quantized_s5). Caches hold such rows, and attention reads them as they are.

    ```mlir
    %q = attn.quantize_rows ins(%x : tensor<1x2x?x64xf32>) outs(%init : tensor<1x2x?x68xi8>)
         -> tensor<1x2x?x68xi8>
    ```
  }];
  let arguments = (ins Attn_F32Shaped:$source, Variadic<Attn_BytesShaped>:$inits);
  let assemblyFormat = [{
    `ins` `(` $source `:` type($source) `)` `outs` `(` $inits `:` type($inits) `)` attr-dict
    (`->` type($results)^)?
  }];
}

def Attn_DropoutOp : Attn_DestinationOp<"dropout"> {
  let summary = "inverted dropout";
  let description = [{
    `out[x] = u(seed, x) >= p ? in[x] / (1 - p) : 0` with `0 <= p < 1`. The uniform number
    `u` in [0, 1) comes from Philox 4x32-10 (Salmon et al., SC 2011) keyed by the seed and
    counted by the row-major linear index of the element, so it depends on neither tiling
    nor threads (dropout_s1).

    ```mlir
    %y = attn.dropout ins(%x : tensor<6x6xf32>) outs(%init : tensor<6x6xf32>) seed(%s)
                      {p = 0.5 : f64} -> tensor<6x6xf32>
    ```
  }];
  let arguments = (ins Attn_FloatShaped:$source, Variadic<Attn_FloatShaped>:$inits, I64:$seed,
                       F64Attr:$p);
  let hasCanonicalizeMethod = 1;
  let assemblyFormat = [{
    `ins` `(` $source `:` type($source) `)` `outs` `(` $inits `:` type($inits) `)`
    `seed` `(` $seed `)` attr-dict (`->` type($results)^)?
  }];
}

def Attn_SampleOp : Attn_DestinationOp<"sample"> {
  let summary = "draws a token from logits";
  let description = [{
    For each row of `logits` `[B, V]`, writes one token id to the init `[B]` (i64). In this
    order, which is llama.cpp's: keep the `top_k` largest logits (all if `top_k <= 0`); of
    those the smallest set, largest first, whose probabilities reach `top_p`, the token that
    crosses it included (all if `top_p >= 1`); of those the tokens whose probability is at
    least `min_p` times the largest; divide the logits by `temperature`, and draw. Ties are
    taken lowest index first. A temperature of 0 takes the largest logit. The draw takes the
    first of the tokens left, in order of their ids, at which the running sum of probabilities
    exceeds the uniform number, which is Philox keyed by `seed` and counted by the row
    (dropout_s1).

    ```mlir
    %id = attn.sample ins(%logits : tensor<1x151936xf32>) outs(%init : tensor<1xi64>)
      temperature(%t) top_k(%k) top_p(%p) min_p(%m) seed(%s) -> tensor<1xi64>
    ```
  }];
  let arguments = (ins Attn_FloatShaped:$logits, Variadic<Attn_Shaped>:$inits,
    F32:$temperature, I64:$top_k, F32:$top_p, F32:$min_p, I64:$seed);
  let assemblyFormat = [{
    `ins` `(` $logits `:` type($logits) `)` `outs` `(` $inits `:` type($inits) `)`
    `temperature` `(` $temperature `)` `top_k` `(` $top_k `)` `top_p` `(` $top_p `)`
    `min_p` `(` $min_p `)` `seed` `(` $seed `)` attr-dict (`->` type($results)^)?
  }];
}

def Attn_WeightOp : Attn_Op<"weight", [Pure]> {
  let summary = "a named tensor of the model's weights";
  let description = [{
    The tensor that the weight files hold under `name`. Each `{}` in the name stands for an index,
    so that a loop over layers is one loop: the counts say how many such tensors there are
    (layers 0 to count - 1). Where an index takes some of these numbers only, since it is that of a loop
    that begins later or stands in a choice, the spans after `in` say which: no others need to
    exist. Indices beyond those choose along the first dims of the tensor of
    the files, such as one expert's matrix of a stack. The result type is checked against the
    file before anything runs.

    ```mlir
    %e = attn.weight "model.embed_tokens.weight" : tensor<512x64xf32>
    %w = attn.weight "model.layers.{}.mlp.up_proj.weight"[%layer of 5] : tensor<172x64xf32>
    %x = attn.weight "layers.{}.experts.{}.w"[%layer of 5, %expert of 8] : tensor<172x64xf32>
    %g = attn.weight "layers.{}.gate"[%layer of 5 in [1:3, 4:5]] : tensor<8x64xf32>
    // Of tensors<8x172x64xf32>, one a layer.
    %y = attn.weight "layers.{}.experts.w"[%layer of 5, %expert of 8] : tensor<172x64xf32>
    ```

    With `panels(source along d)` it is a matrix that the runtime packs when it loads the weights:
    each index chooses a `source`, and the element with index i along dim d and j along the other is at
    `[i / lanes % streams, i / lanes / streams, j, i % lanes]` of the result. Panels are filled up with
    zeros. A kernel that reads `streams` panels at once, and then the next, reads as many places of
    memory from begin to end.

    ```mlir
    %p = attn.weight "model.layers.{}.mlp.up_proj.weight"[%layer of 5]
      panels(tensor<172x64xf32> along 0) : memref<4x3x64x16xf32>
    ```
  }];
  let arguments = (ins StrAttr:$name, Variadic<Index>:$indices,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$counts,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$spans,
                       OptionalAttr<TypeAttr>:$source, OptionalAttr<I64Attr>:$panel_dim);
  let results = (outs Attn_Shaped:$result);
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "::mlir::StringRef":$name,
                                 CArg<"::mlir::ValueRange", "{}">:$indices,
                                 CArg<"::llvm::ArrayRef<int64_t>", "{}">:$counts,
                                 CArg<"::llvm::ArrayRef<int64_t>", "{}">:$spans), [{
    build($_builder, $_state, type, $_builder.getStringAttr(name), indices,
          $_builder.getDenseI64ArrayAttr(counts), $_builder.getDenseI64ArrayAttr(spans), nullptr,
          nullptr);
  }]>];
  let assemblyFormat = [{
    $name `` custom<WeightIndices>($indices, $counts, $spans) (`panels` `(` $source^ `along` $panel_dim `)`)?
    attr-dict `:` type($result)
  }];
  let extraClassDeclaration = [{
    ::fovea::attn::WeightSlots getSlots() { return {getName(), getCounts(), getSpans()}; }
    /// What the weight files hold.
    ::mlir::RankedTensorType getStoredType();
  }];
  let hasVerifier = 1;
}

def Attn_QuantizedWeightOp : Attn_Op<"quantized_weight", [Pure]> {
  let summary = "a matrix of the model's weights, held in few bits";
  let description = [{
    As `attn.weight` with panels, but the runtime also quantises the matrix `source` when it loads it:
    the elements of a group of 32, along the dim that is not `along`, share a scale (quantized_s1,
    quantized_s2). A group of a panel of `lanes` rows lies in one place of memory: its elements, then
    its scales, so that a kernel reads both in order.

    `values` is `[stream, place, group, v, 2 * lanes]`, panels being in streams as those of `attn.weight`. With q8, the element in row r of its panel and at
    position k of its group is at `[v = k / 2, 2 * r + k % 2]` of 16 x 2 * lanes bytes. With q4, of
    8 x 2 * lanes, it is the low (k < 16) or high half of the byte at `[k % 16 / 2, 2 * r + k % 2]`.
    `scales` is `[stream, place, group, r]`. Rows and positions past the end hold 0.

    ```mlir
    %w, %s = attn.quantized_weight "layers.{}.w"[%n of 5] panels(tensor<172x64xf32> along 0 as q8)
      : memref<4x3x2x16x32xi8, strided<[3264, 1088, 544, 32, 1]>>,
        memref<4x3x2x16xbf16, strided<[1632, 544, 272, 1], offset: 256>>
    ```
  }];
  let arguments = (ins StrAttr:$name, Variadic<Index>:$indices,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$counts,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$spans, TypeAttr:$source,
                       I64Attr:$panel_dim, Attn_WeightFormatAttr:$format);
  let results = (outs MemRefRankOf<[I8], [5]>:$values, MemRefRankOf<[BF16], [4]>:$scales);
  let assemblyFormat = [{
    $name `` custom<WeightIndices>($indices, $counts, $spans)
    `panels` `(` $source `along` $panel_dim `as` $format `)` attr-dict `:` type($values) `,` type($scales)
  }];
  let extraClassDeclaration = [{
    int64_t getLanes() { return getScales().getType().getShape().back(); }
    int64_t getStreams() { return getScales().getType().getShape().front(); }
    QuantizedPanels getPanels();
    ::fovea::attn::WeightSlots getSlots() { return {getName(), getCounts(), getSpans()}; }
    /// What the weight files hold.
    ::mlir::RankedTensorType getStoredType();
  }];
  let hasVerifier = 1;
}

def Attn_DequantizeOp : Attn_Op<"dequantize", [Pure]> {
  let summary = "the value of a quantised element";
  let description = [{
    `byte` is the element of `values` of an attn.quantized_weight that holds the element at `position`
    along k, `scale` that of its group. With q8 the result is `scale * byte`, with q4
    `scale * (h - 8)` where h is the low half of the byte if `position % 32 < 16`, else the high one.

    ```mlir
    %x = attn.dequantize %byte scale(%d) at(%k) as q4
    ```
  }];
  let arguments = (ins I8:$byte, BF16:$scale, Index:$position, Attn_WeightFormatAttr:$format);
  let results = (outs F32:$value);
  let assemblyFormat = [{
    $byte `scale` `(` $scale `)` `at` `(` $position `)` `as` $format attr-dict
  }];
}

def Attn_LaunchOp : Attn_Op<"launch", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a kernel over a range of tasks, in parallel";
  let description = [{
    Calls `kernel(begin, end, worker, arguments...)` on disjoint ranges that cover
    `[0, count)`, on any number of threads, and returns when all are done. `worker` is below
    the number of workers of the context and no two calls that run at once share it. The
    kernel is a private function that returns nothing.

    ```mlir
    attn.launch @rms_norm_0 count(%n) args(%x, %y : memref<?x64xf32>, memref<?x64xf32>)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Index:$count, Variadic<AnyType>:$arguments);
  let assemblyFormat = [{
    $kernel `count` `(` $count `)` (`args` `(` $arguments^ `:` type($arguments) `)`)? attr-dict
  }];
}

def Attn_WorkspaceOp : Attn_Op<"workspace", [Pure]> {
  let summary = "the memory that the caller lends for intermediate results";
  let description = [{
    All of an entry function's intermediate buffers are views of this one; its size is given
    by the function's companion `<name>.workspace_size`. Aligned to 64 bytes.

    ```mlir
    %w = attn.workspace : memref<?xi8>
    ```
  }];
  let results = (outs MemRefRankOf<[I8], [1]>:$memory);
  let assemblyFormat = "attr-dict `:` type($memory)";
}

def Attn_WorkerOp : Attn_Op<"worker", [Pure]> {
  let summary = "the number of the worker that runs this task";
  let description = [{
    Inside a parallel loop: at least 0 and below `attn.workers`; no two tasks that run at the
    same time have the same one. Outlining replaces it by the kernel's argument.

    ```mlir
    %w = attn.worker
    ```
  }];
  let results = (outs Index:$number);
  let assemblyFormat = "attr-dict";
}

def Attn_WorkersOp : Attn_Op<"workers", [Pure]> {
  let summary = "the number of workers a launch may use";
  let description = [{
    At least 1; `worker` arguments of kernels are below it.

    ```mlir
    %n = attn.workers
    ```
  }];
  let results = (outs Index:$count);
  let assemblyFormat = "attr-dict";
}

#endif
