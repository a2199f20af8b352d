// The passes, one a file of the same name. Pipelines.h strings them together.
#ifndef FOVEA_PASSES_PASSES_TD
#define FOVEA_PASSES_PASSES_TD

include "mlir/Pass/PassBase.td"

def FuseAttentionPass : Pass<"attn-fuse-attention", "::mlir::func::FuncOp"> {
  let summary = "raise matmul, scale, mask, softmax, matmul to attn.attention";
  let dependentDialects = ["::fovea::attn::AttnDialect", "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def RaiseUnfoldPass : Pass<"attn-raise-unfold", "::mlir::func::FuncOp"> {
  let summary = "raise attention over unfolded windows of padded keys to windowed attn.attention";
  let dependentDialects = ["::fovea::attn::AttnDialect", "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def RaiseMergePass : Pass<"attn-raise-merge", "::mlir::func::FuncOp"> {
  let summary = "raise two attentions merged by their log-sum-exps to one over all keys";
  let description = [{
    The two attend with the same queries to adjacent parts of one tensor of keys, or to all of it under
    masks that exclude each other, and their outputs o1, o2 are combined as
    `(o1 exp(l1) + o2 exp(l2)) / (exp(l1) + exp(l2))`, written in any way.
  }];
  let dependentDialects = ["::fovea::attn::AttnDialect", "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def FoldTransposePass : Pass<"attn-fold-transpose", "::mlir::func::FuncOp"> {
  let summary = "read and write transposed operands of attention and contractions in place";
  let dependentDialects = ["::fovea::attn::AttnDialect", "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def NormalizeMaskPass : Pass<"attn-normalize-mask", "::mlir::func::FuncOp"> {
  let summary = "bring mask predicates to one normal form";
  let dependentDialects = ["::fovea::attn::AttnDialect", "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def OrderConstantsPass : Pass<"attn-order-constants", "::mlir::func::FuncOp"> {
  let summary = "sort the scalar constants of a function";
}

def FuseElementwisePass : Pass<"attn-fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "merge chains of elementwise ops without computing anything twice";
  let dependentDialects = ["::fovea::attn::AttnDialect", "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def DecomposePass : Pass<"attn-decompose", "::mlir::func::FuncOp"> {
  let summary = "express attn ops on tensors by linalg and tensor ops";
  let description = [{
    Replaces masks, windows, softmax, rotary positions, cache appends and dropout on tensors by
    `linalg` and `tensor` ops. `attn.sample` stays, and so does `attn.attention` unless the
    option says otherwise: the fast route keeps it one op until it is on buffers.

    ```mlir
    %p = attn.softmax ins(%s : tensor<4x8xf32>) outs(%init : tensor<4x8xf32>) dim(1) -> tensor<4x8xf32>
    // becomes
    %m = linalg.generic ins(%s) outs(...)          // row maximum
    %e = linalg.generic ins(%s, %m) outs(...)      // exp(s - m)
    %z = linalg.generic ins(%e) outs(...)          // row sum
    %p = linalg.generic ins(%e, %z) outs(%init)    // e / z
    ```
  }];
  let options = [Option<"attention", "attention", "bool", /*default=*/"false",
                        "also decompose attn.attention, into ops over all scores at once">];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

def InferResultShapesPass : Pass<"attn-infer-result-shapes", "::mlir::ModuleOp"> {
  let summary = "derive a function that computes the result shapes of each entry";
  let description = [{
    For each entry `f` writes the private function `f.result_shapes`: from all dims of all
    arguments to all dims of all results, in order. Fails where a shape depends on data.

    ```mlir
    func.func @f(%x: tensor<?x4xf32>) -> tensor<?x?xf32>
    // gains
    func.func private @f.result_shapes(%d0: index, %d1: index) -> (index, index)
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::affine::AffineDialect",
                           "::mlir::tensor::TensorDialect"];
}

def MergeRowsPass : Pass<"attn-merge-rows", "::mlir::func::FuncOp"> {
  let summary = "make the two outermost dims of a product's rows one";
  let description = [{
    Where rows of several sequences meet one matrix, sequence and position become one loop, in the
    product and in the ops on its rows before and after it:

    ```mlir
    %y = linalg.generic ins(%x, %w : tensor<?x?x64xf32>, tensor<32x64xf32>) outs(%o : tensor<?x?x32xf32>)
    // becomes
    %rows = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x?x64xf32> into tensor<?x64xf32>
    %z = linalg.generic ins(%rows, %w : tensor<?x64xf32>, tensor<32x64xf32>) outs(%p : tensor<?x32xf32>)
    %y = tensor.expand_shape %z [[0, 1], [2]] output_shape [%b, %l, 32] : tensor<?x32xf32> into tensor<?x?x32xf32>
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def ReuseOperandsPass : Pass<"attn-reuse-operands", "::mlir::func::FuncOp"> {
  let summary = "let elementwise ops write over an operand that nobody reads again";
  let description = [{
    ```mlir
    %h = linalg.generic ins(%x, %y) outs(%empty) { ^bb0(%a, %b, %out): add %a, %b }
    // %x is not used afterwards: becomes
    %h = linalg.generic ins(%y) outs(%x) { ^bb0(%b, %out): add %out, %b }
    ```
  }];
}

def TileParallelPass : Pass<"attn-tile-parallel", "::mlir::func::FuncOp"> {
  let summary = "tile and fuse into parallel loops over independent tiles";
  let description = [{
    Every op with a TilingInterface ends up in an `scf.forall` over the parallel dims of the last
    op of its group; producers whose only users are in the group are computed tile by tile
    within it. Tile sizes depend on the ops and the target alone, so results do not depend on
    the number of threads.
  }];
  let options = [
    Option<"target", "target", "std::string", [{"avx2"}],
           "row of the target table: generic, avx2, avx512, zen4 or neon">
  ];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def ReadUpdatedSlicesPass : Pass<"attn-read-updated-slices", "::mlir::func::FuncOp"> {
  let summary = "read an updated part of a tensor where it was put back";
  let description = [{
    Where a slice of a tensor is taken, updated and put back, later reads of the slice become reads
    of the tensor that it was put back into:

    ```mlir
    %s = tensor.extract_slice %t[%n] ...
    %u = ... // %s updated
    %v = tensor.insert_slice %u into %t[%n] ...
    use(%u)  // becomes use of tensor.extract_slice %v[%n] ...
    ```

    Bufferisation then updates `%t` in place.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def BufferizePass : Pass<"attn-bufferize", "::mlir::ModuleOp"> {
  let summary = "turn tensors into buffers, results into out-parameters";
  let description = [{
    Results of entries become trailing memref arguments, their number the attribute
    `attn.num_results`; results are computed in place there where possible. Tensors carried by
    loops keep one buffer. Function boundaries are contiguous. A result that has the name and
    type of an argument and is made from it by inserting parts starts as a copy of it, unless both
    are the same memory.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::arith::ArithDialect"];
}

def ConvertCopiesPass : Pass<"attn-convert-copies", "::mlir::func::FuncOp"> {
  let summary = "copies of buffers to linalg, so that they are vectorised like any other loop";
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def EmitAttentionPass : Pass<"attn-emit-attention", "::mlir::func::FuncOp"> {
  let summary = "attention on buffers to online-softmax vector loops";
  let description = [{
    Replaces each `attn.attention` on memrefs by loops over blocks of queries and keys with
    register tiles of `vector.fma`, an online softmax, and loop bounds derived from the mask:
    keys that no query of a block sees are not visited, keys that all see are not tested. An
    op that it cannot handle stays and gets a remark.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"avx2\"",
           "row of the target table: generic, avx2 (default), avx512, zen4 or neon">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"];
}

def FoldWideningPass : Pass<"attn-fold-widening", "::mlir::func::FuncOp"> {
  let summary = "read narrow factors of contractions as they are stored";
  let description = [{
    Where a factor of a contraction is a whole tensor converted to a wider float type, such as f16
    weights for f32 activations, the contraction converts the elements that it reads. Exact, since
    widening is.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect"];
}

def IndexWeightsPass : Pass<"attn-index-weights", "::mlir::ModuleOp"> {
  let summary = "matrices of stacked weights as weights of their own";
  let description = [{
    Where all that is read of a weight are whole matrices along its last two dims, such as one
    expert's at a time, each of these is asked for by further indices of `attn.weight`. Contractions
    then find a matrix, which `attn-pack-weights` packs or quantises.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def PackWeightsPass : Pass<"attn-pack-weights", "::mlir::ModuleOp"> {
  let summary = "weights that contractions read, in panels";
  let description = [{
    A weight that is the second factor of contractions, in every function of the module in one
    layout, is asked for in panels, which the runtime makes when it loads the weights. A gather
    reads its elements from there. What else reads a weight keeps it as it is stored, with a
    remark.

    ```mlir
    %w = attn.weight "w" : memref<172x64xf32>
    // becomes
    %w = attn.weight "w" panels(tensor<172x64xf32> along 0) : memref<4x3x64x16xf32>
    ```

    and contractions index it by `(m, n, k) -> (n floordiv 16 mod 4, n floordiv 64, k, n mod 16)`: panels lie
    in as many streams as a tile of one row reads at once, in turn, so that each is read in order; half as
    many where all products that read the weight are computed together with another of the same rows.

    With `quantize` the panels are quantised (attn.quantized_weight), and a remark says of every weight
    that is not why. Weights whose elements are gathered too have 8 bits at least.
  }];
  let options = [Option<"target", "target", "std::string", "\"avx2\"",
                        "row of the target table: generic, avx2, avx512, zen4 or neon">,
                 Option<"quantize", "quantize", "std::string", "\"\"",
                        "hold weights as q8 or q4; as they are stored if empty">];
  let dependentDialects = ["::fovea::attn::AttnDialect", "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::memref::MemRefDialect"];
}

def EmitContractionPass : Pass<"attn-emit-contraction", "::mlir::func::FuncOp"> {
  let summary = "contractions on buffers to register-tiled vector loops";
  let description = [{
    A contraction of floats, `c[m, n] += sum over k of a[m, k] * b[n, k]` in any layout, becomes
    a product of panels whose results stay in registers: 6 x 16 for f32 on AVX2. Panels of a weight
    are there already, others are packed block by block. In a parallel loop over tiles, a loop in
    front packs a for all of them; up to 4 rows, known or tested at run time, are read as they lie.
    Sums are f32, or f64 for f64, whatever the storage type, and the same bits for any number of
    rows. Of few rows two products with two weights, the second behind the first, are computed at once,
    each with half of the panels of a tile.

    Rows that meet a quantised weight are rounded to 16 bits in groups of 32 along k, in front of the
    parallel loop; products and sums within a group are exact integers (quantized_s3).
  }];
  let options = [Option<"target", "target", "std::string", "\"avx2\"",
                        "row of the target table: generic, avx2, avx512, zen4 or neon">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::LLVM::LLVMDialect"];
}

def ExpandDequantizePass : Pass<"attn-expand-dequantize", "::mlir::func::FuncOp"> {
  let summary = "attn.dequantize as arithmetic";
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def EmitSamplingPass : Pass<"attn-emit-sampling", "::mlir::func::FuncOp"> {
  let summary = "sampling on buffers to vector loops without a sort";
  let description = [{
    What top-k, top-p and min-p keep is found as a threshold, by bisection over the bits of the
    logits: counting and summing passes over the row, no sort and no memory.
  }];
  let options = [Option<"target", "target", "std::string", "\"avx2\"",
                        "row of the target table: generic, avx2, avx512, zen4 or neon">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def VectorizeLinalgPass : Pass<"attn-vectorize-linalg", "::mlir::func::FuncOp"> {
  let summary = "all other linalg ops on buffers to vector loops";
  let description = [{
    Every linalg op and memref.copy becomes loops around one loop over vectors; what has no
    form on vectors becomes scalar loops, with a remark. For each op the loop is chosen that
    takes the fewest memory accesses an element. In a parallel loop over rows whose result is larger
    than the caches, the next row is fetched meanwhile and results are stored past the caches.

    ```mlir
    linalg.exp ins(%x : memref<4x64xf32>) outs(%y : memref<4x64xf32>)
    // becomes
    scf.for %i = %c0 to %c4 step %c1 {
      scf.for %j = %c0 to %c64 step %c8 {
        %v = vector.load %x[%i, %j] : memref<4x64xf32>, vector<8xf32>
        %e = math.exp %v : vector<8xf32>
        vector.store %e, %y[%i, %j] : memref<4x64xf32>, vector<8xf32>
      }
    }
    ```
  }];
  let options = [Option<"target", "target", "std::string", "\"avx2\"",
                        "row of the target table: generic, avx2, avx512, zen4 or neon">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
                           "::mlir::affine::AffineDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect"];
}

def ApproximateMathPass : Pass<"attn-approximate-math", "::mlir::func::FuncOp"> {
  let summary = "transcendental functions on vectors to polynomials";
  let description = [{
    For f32 and narrower, on scalars as well, so that a value does not depend on where it was
    computed. The largest errors are stated in ApproximateMath.cpp.
  }];
  let options = [Option<"target", "target", "std::string", "\"avx2\"",
                        "row of the target table: generic, avx2, avx512, zen4 or neon">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
}

def UnswitchLoopsPass : Pass<"attn-unswitch-loops", "::mlir::func::FuncOp"> {
  let summary = "branch between parallel loops rather than in each of their iterations";
  let description = [{
    An outermost `scf.forall` on buffers whose work is a branch that all iterations take alike
    becomes two, each in a branch of its own. Bounds that the condition selects are resolved. The
    branch's attribute `attn.kernel_name` names the loop in which it holds.

    ```mlir
    scf.forall (%i) in (%n) {
      scf.if %c { first(%i) } else { second(%i) }
    }
    // becomes
    scf.if %c {
      scf.forall (%i) in (%n) { first(%i) }
    } else {
      scf.forall (%i) in (%n) { second(%i) }
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}

def PrivatizeScratchPass : Pass<"attn-privatize-scratch", "::mlir::func::FuncOp"> {
  let summary = "give each worker its own scratch buffers, allocated before the parallel loop";
  let description = [{
    A `memref.alloc` inside an outermost `scf.forall` becomes a view of one allocation in front of
    the loop that holds a copy for every worker. Dynamic sizes are replaced by upper bounds
    that hold for all iterations.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::affine::AffineDialect",
                           "::mlir::memref::MemRefDialect", "::fovea::attn::AttnDialect"];
}

def OutlineKernelsPass : Pass<"attn-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "move parallel loops into kernels that attn.launch runs";
  let description = [{
    Each outermost `scf.forall` on buffers becomes a private function marked `attn.kernel`; its
    iterations are the tasks of an `attn.launch`. The forall's attribute `attn.kernel_name`
    names the kernel. Foralls inside become serial loops. A kernel that stores past the caches ends
    with a fence, so that whoever learns that it is done sees what it stored.

    ```mlir
    scf.forall (%i) in (%n) { body(%i, %x) }
    // becomes
    attn.launch @f.kernel count(%n) args(%x : memref<?xf32>)
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
                           "::fovea::attn::AttnDialect",
                           "::mlir::LLVM::LLVMDialect"];
}

def MergeKernelsPass : Pass<"attn-merge-kernels", "::mlir::ModuleOp"> {
  let summary = "launch one kernel where several are equal";
  let description = [{
    Kernels that are the same op for op, in one entry or in several, become the first of them.

    ```mlir
    attn.launch @prefill.contraction_3 count(%n) args(%x, %w : memref<?x64xf32>, memref<64x64xf32>)
    attn.launch @decode.contraction count(%n) args(%y, %u : memref<?x64xf32>, memref<64x64xf32>)
    // becomes
    attn.launch @prefill.contraction_3 count(%n) args(%x, %w : memref<?x64xf32>, memref<64x64xf32>)
    attn.launch @prefill.contraction_3 count(%n) args(%y, %u : memref<?x64xf32>, memref<64x64xf32>)
    ```
  }];
}

def PlanBuffersPass : Pass<"attn-plan-buffers", "::mlir::ModuleOp"> {
  let summary = "place all allocations in one workspace whose size is known before running";
  let description = [{
    Every `memref.alloc` of an entry becomes a view of `attn.workspace`. Buffers that are never
    alive together share slots, which are as large as the largest in them. Buffers of kernels exist
    once per worker. The size, as a function of the input shapes and the number of workers, is
    the new private function `NAME.workspace_size`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::affine::AffineDialect",
                           "::mlir::memref::MemRefDialect", "::fovea::attn::AttnDialect"];
}

def VerifyKernelsPass : Pass<"attn-verify-kernels", "::mlir::ModuleOp"> {
  let summary = "reject vectors larger than the register file, allocas in loops and unplanned allocations";
  let options = [Option<"target", "target", "std::string", "\"avx2\"",
                        "row of the target table: generic, avx2, avx512, zen4 or neon">];
}

def EmitEntryPointsPass : Pass<"attn-emit-entry-points", "::mlir::ModuleOp"> {
  let summary = "wrap entries in the C interface";
  let description = [{
    For each entry `NAME` writes the C symbols `NAME`, `NAME_workspace_size` and
    `NAME_result_shapes` of runtime/Abi.h. `NAME` is the entry itself, which now takes the context
    and reads memrefs from C structs; the others take the operations of their companions.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect"];
}

def ExpandReshapesPass : Pass<"attn-expand-reshapes", "::mlir::func::FuncOp"> {
  let summary = "expanding reshapes of buffers to views with explicit strides";
  let description = [{
    As upstream's `expand-strided-metadata`, but for groups with any number of dynamic dims.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def ExpandBf16Pass : Pass<"attn-expand-bf16", "::mlir::ModuleOp"> {
  let summary = "convert bf16 by integer arithmetic and hold it as 16-bit integers";
  let description = [{
    After `arith-emulate-unsupported-floats` and `math-extend-to-supported-types`, which leave no
    arithmetic on bf16:

    ```mlir
    // before
    %y = arith.extf %x : bf16 to f32
    // after, where %x is an i16
    %w = arith.extui %x : i16 to i32
    %s = arith.shli %w, %c16 : i32
    %y = arith.bitcast %s : i32 to f32
    ```

    Doubles are rounded once, as if directly.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def ConvertAttnToLLVMPass : Pass<"convert-attn-to-llvm", "::mlir::ModuleOp"> {
  let summary = "lower launches, weights and workspace to the context of the C interface";
  let description = [{
    A kernel becomes the task that is run on ranges of its loop, and reads what it captures from
    memory. Weights get slots in the context's table, in the order of their first use; the table is
    described by the module attribute `attn.weights`, with the panels that the code expects of some.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
                           "::mlir::LLVM::LLVMDialect"];
}

#endif
