#include "passes/Pipelines.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "passes/PassesWhere.h"
#include "passes/SweepPasses.h"
#include "passes/entry/FoldDescriptors.h"
#include "passes/vector/StateAlignment.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace fovea;

static constexpr std::pair<Phase, StringLiteral> phaseNames[] = {
    {Phase::Input, "input"},           {Phase::Fused, "fused"},   {Phase::Tiled, "tiled"},
    {Phase::Bufferized, "bufferized"}, {Phase::Vector, "vector"}, {Phase::Llvm, "llvm"},
    {Phase::Object, "object"}};

std::optional<Phase> fovea::parsePhase(StringRef name) {
  for (auto [phase, phaseName] : phaseNames)
    if (name == phaseName)
      return phase;
  return std::nullopt;
}

StringRef fovea::stringifyPhase(Phase phase) {
  return llvm::find_if(phaseNames, [&](auto &entry) { return entry.first == phase; })->second;
}

static void buildFusedPhase(OpPassManager &pm, const FoveaPipelineOptions &options) {
  // Arithmetic on whole tensors, which hand-written modules may hold, has no lowering of its own.
  pm.addPass(createConvertElementwiseToLinalgPass());
  // Raising matches within one function body, so calls go first.
  pm.addPass(createInlinerPass());
  pm.addPass(createInferResultShapesPass());
  if (options.route == Route::Reference)
    return;
  // Matchers tell chains apart by their uses, so dead and repeated ops go first.
  pm.addPass(createCanonicalizeSweep());
  pm.addPass(createCSEPass());
  // Windows before plain attention, which would match too but keep the windows.
  pm.addNestedPass<func::FuncOp>(createRaiseUnfoldPass());
  pm.addNestedPass<func::FuncOp>(createFuseAttentionPass());
  pm.addNestedPass<func::FuncOp>(createRaiseMergePass());
  // Raising leaves pairs of reshapes, which hide transpositions.
  pm.addPass(createCanonicalizeSweep());
  pm.addNestedPass<func::FuncOp>(createFoldTransposePass());
  // After raising: both ways to write a window must reach the same predicate. Before elementwise
  // ops are merged: masks that nothing else uses are still ops of their own.
  pm.addNestedPass<func::FuncOp>(createNormalizeMaskPass());
  pm.addPass(createCanonicalizeSweep());
  pm.addPass(createCSEPass());
  // Before conversions are merged into other chains.
  pm.addNestedPass<func::FuncOp>(createFoldWideningPass());
  // After widening moved from the whole stack to what is read of it.
  pm.addPass(createIndexWeightsPass());
  pm.addNestedPass<func::FuncOp>(createFuseElementwisePass());
  pm.addPass(createCanonicalizeSweep());
  pm.addPass(createCSEPass());
  // Last: canonicalisation decides the order of constants anew.
  pm.addNestedPass<func::FuncOp>(createOrderConstantsPass());
}

static void buildTiledPhase(OpPassManager &pm, const FoveaPipelineOptions &options) {
  DecomposePassOptions decompose;
  decompose.attention = options.route == Route::Reference;
  pm.addNestedPass<func::FuncOp>(createDecomposePass(decompose));
  pm.addPass(createCanonicalizeSweep());
  pm.addPass(createCSEPass());
  if (options.route == Route::Reference)
    return;
  // Before groups are formed: what is merged together stays together.
  pm.addNestedPass<func::FuncOp>(createMergeRowsPass());
  pm.addPass(createCanonicalizeSweep());
  pm.addPass(createCSEPass());
  // While an op is still one op: afterwards each tile would have to prove it.
  pm.addNestedPass<func::FuncOp>(createReuseOperandsPass());
  pm.addNestedPass<func::FuncOp>(createTileParallelPass({options.target}));
  pm.addPass(createCanonicalizeSweep());
  pm.addPass(createCSEPass());
}

static void buildBufferizedPhase(OpPassManager &pm) {
  // Last before the analysis it serves: canonicalisation undoes it.
  pm.addNestedPass<func::FuncOp>(createReadUpdatedSlicesPass());
  pm.addPass(createBufferizePass());
  // Sizes of buffers must be stated in terms of the arguments' dims before they are planned.
  pm.addPass(createResolveResultDimsSweep());
  pm.addPass(createCanonicalizeSweep());
  pm.addPass(createCSEPass());
}

static void buildVectorPhase(OpPassManager &pm, const FoveaPipelineOptions &options) {
  pm.addNestedPass<func::FuncOp>(createConvertCopiesPass());
  // Before the approximations: it draws by exponentials.
  pm.addNestedPass<func::FuncOp>(createEmitSamplingPass({options.target}));
  if (options.route == Route::Reference) {
    pm.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  } else {
    // While contractions are ops: afterwards it is too late to see what reads a weight.
    pm.addPass(createPackWeightsPass({options.target, options.quantize}));
    pm.addNestedPass<func::FuncOp>(createEmitAttentionPass({options.target}));
    pm.addNestedPass<func::FuncOp>(createEmitContractionPass({options.target}));
    pm.addNestedPass<func::FuncOp>(createExpandDequantizePass());
    pm.addNestedPass<func::FuncOp>(createVectorizeLinalgPass({options.target}));
    pm.addNestedPass<func::FuncOp>(createApproximateMathPass({options.target}));
  }
  // While each branch still allocates its own scratch memory.
  pm.addNestedPass<func::FuncOp>(createUnswitchLoopsPass());
  // Kernels have allocated their scratch memory by now.
  pm.addNestedPass<func::FuncOp>(createPrivatizeScratchPass());
  pm.addNestedPass<func::FuncOp>(createResolveResultDimsSweep());
  pm.addNestedPass<func::FuncOp>(createCanonicalizeSweep());
  pm.addNestedPass<func::FuncOp>(createCSEPass());
  pm.addPass(createOutlineKernelsPass());
  if (!options.separateKernels)
    pm.addPass(createMergeKernelsPass());
  pm.addPass(createPlanBuffersPass());
  pm.addNestedPass<func::FuncOp>(createLoopInvariantCodeMotionPass());
  // Kernels are clean, but for what has left their loops: LLVM finds that by itself.
  pm.addNestedPass<func::FuncOp>(runWhere(isPlannedOp, createCanonicalizeSweep()));
  pm.addNestedPass<func::FuncOp>(runWhere(isPlannedOp, createCSEPass()));
  pm.addPass(createVerifyKernelsPass({options.target}));
}

static void buildLlvmPhase(OpPassManager &pm) {
  pm.addPass(createEmitEntryPointsPass());
  pm.addPass(createConvertAttnToLLVMPass());
  // By function, so that contexts with threads work on several.
  OpPassManager &functions = pm.nest<func::FuncOp>();
  // Views become pointer arithmetic while affine ops can still express it.
  functions.addPass(createExpandReshapesPass());
  functions.addPass(createExpandStridedMetadataSweep());
  functions.addPass(createLowerAffineSweep());
  functions.addPass(createCanonicalizeIndicesSweep());
  functions.addPass(createSCFToControlFlowPass());
  // Arithmetic on bf16 becomes that on f32.
  functions.addPass(
      runWhere(isNarrowFloatOp, arith::createArithEmulateUnsupportedFloats({{"bf16"}, "f32"})));
  functions.addPass(
      runWhere(isNarrowMathOp, math::createMathExtendToSupportedTypes({{"f16"}, "f32"})));
  pm.addPass(createExpandBf16Pass());
  // The last pass converts all common ops at once; these make such ops of the others.
  OpPassManager &inBits = pm.nest<func::FuncOp>();
  inBits.addPass(runWhere(isRareVectorOp, createConvertVectorToLLVMPass()));
  inBits.addPass(runWhere(isExpandedArithOp, arith::createArithExpandOpsPass()));
  // Of the whole module, as what calls the C library is: it has no rsqrt.
  pm.addPass(runWhere(isRareMathOp, createConvertMathToLLVMPass()));
  pm.addPass(runWhere(isRareMathOp, createConvertMathToLibmPass()));
  pm.addNestedPass<func::FuncOp>(createStateAlignmentPass());
  // Nothing is undone: what has no pattern is an error.
  ConvertToLLVMPassOptions conversion;
  conversion.allowPatternRollback = false;
  pm.addPass(createConvertToLLVMPass(conversion));
  OpPassManager &kernels = pm.nest<LLVM::LLVMFuncOp>();
  kernels.addPass(createReconcileUnrealizedCastsPass());
  kernels.addPass(createFoldDescriptorsPass());
}

void fovea::buildPhase(OpPassManager &pm, Phase phase, const FoveaPipelineOptions &options) {
  switch (phase) {
  case Phase::Fused:
    return buildFusedPhase(pm, options);
  case Phase::Tiled:
    return buildTiledPhase(pm, options);
  case Phase::Bufferized:
    return buildBufferizedPhase(pm);
  case Phase::Vector:
    return buildVectorPhase(pm, options);
  case Phase::Llvm:
    return buildLlvmPhase(pm);
  case Phase::Input:
  case Phase::Object:
    return;
  }
}

void fovea::buildFoveaPipeline(OpPassManager &pm, const FoveaPipelineOptions &options) {
  for (Phase phase : loweringPhases)
    if (phase <= options.compileTo)
      buildPhase(pm, phase, options);
}

void fovea::registerFoveaPassesAndPipelines() {
  registerFoveaPasses();
  PassPipelineRegistration<FoveaPipelineOptions>(
      "fovea-pipeline", "From a graph to the LLVM dialect, or to an earlier phase",
      buildFoveaPipeline);
}
