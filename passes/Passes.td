// The passes, one a file of the same name. Pipelines.h strings them together.
#ifndef FOVEA_PASSES_PASSES_TD
#define FOVEA_PASSES_PASSES_TD

include "mlir/Pass/PassBase.td"

def FuseAttentionPass : Pass<"attn-fuse-attention", "::mlir::func::FuncOp"> {
  let summary = "raise matmul, scale, mask, softmax, matmul to attn.attention";
}

def RaiseUnfoldPass : Pass<"attn-raise-unfold", "::mlir::func::FuncOp"> {
  let summary = "raise attention over unfolded windows of padded keys to windowed attn.attention";
}

def FoldTransposePass : Pass<"attn-fold-transpose", "::mlir::func::FuncOp"> {
  let summary = "read and write transposed operands of attention in place";
}

def NormalizeMaskPass : Pass<"attn-normalize-mask", "::mlir::func::FuncOp"> {
  let summary = "bring mask predicates to one normal form";
}

def DecomposePass : Pass<"attn-decompose", "::mlir::func::FuncOp"> {
  let summary = "express attn ops on tensors by linalg and tensor ops";
}

def InferResultShapesPass : Pass<"attn-infer-result-shapes", "::mlir::ModuleOp"> {
  let summary = "derive a function that computes the result shapes of each entry";
}

def TileParallelPass : Pass<"attn-tile-parallel", "::mlir::func::FuncOp"> {
  let summary = "tile and fuse into parallel loops over independent tiles";
}

def BufferizePass : Pass<"attn-bufferize", "::mlir::ModuleOp"> {
  let summary = "turn tensors into buffers, results into out-parameters";
}

def EmitAttentionPass : Pass<"attn-emit-attention", "::mlir::func::FuncOp"> {
  let summary = "attention on buffers to online-softmax vector loops";
}

def EmitContractionPass : Pass<"attn-emit-contraction", "::mlir::func::FuncOp"> {
  let summary = "contractions on buffers to register-tiled vector loops";
}

def EmitSamplingPass : Pass<"attn-emit-sampling", "::mlir::func::FuncOp"> {
  let summary = "sampling on buffers to vector loops without a sort";
}

def VectorizeLinalgPass : Pass<"attn-vectorize-linalg", "::mlir::func::FuncOp"> {
  let summary = "all other linalg ops on buffers to vector loops";
  let description = [{
    Every linalg op and memref.copy becomes loops around one loop over vectors; what has no
    form on vectors becomes scalar loops, with a remark. For each op the loop is chosen that
    takes the fewest memory accesses an element.

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
                        "row of the target table: generic, avx2, avx512 or neon">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
                           "::mlir::affine::AffineDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect"];
}

def ApproximateMathPass : Pass<"attn-approximate-math", "::mlir::func::FuncOp"> {
  let summary = "transcendental functions on vectors to polynomials";
}

def OutlineKernelsPass : Pass<"attn-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "move parallel loops into kernels that attn.launch runs";
}

def PlanBuffersPass : Pass<"attn-plan-buffers", "::mlir::ModuleOp"> {
  let summary = "place all allocations in one workspace whose size is known before running";
}

def VerifyKernelsPass : Pass<"attn-verify-kernels", "::mlir::ModuleOp"> {
  let summary = "reject vectors larger than the register file, allocas in loops and unplanned allocations";
}

def ConvertAttnToLLVMPass : Pass<"convert-attn-to-llvm", "::mlir::ModuleOp"> {
  let summary = "lower launches, weights and workspace to the context of the C interface, and wrap entries";
}

#endif
