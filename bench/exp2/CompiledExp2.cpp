#include "bench/exp2/CompiledExp2.h"
#include "dialect/RegisterAll.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "passes/vector/Exp2Polynomial.h"
#include "runtime/CodeGen.h"
#include "runtime/Compile.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::bench;

static constexpr llvm::StringLiteral symbol = "exp2_block";

static OwningOpRef<ModuleOp> buildModule(MLIRContext *context, const TargetInfo &target,
                                         bool fusedMultiplyAdd) {
  Location loc = UnknownLoc::get(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  EmitBuilder b(loc, context);
  b.setInsertionPointToEnd(module->getBody());
  auto buffer = MemRefType::get({CompiledExp2::blockSize}, b.getF32Type());
  auto function = func::FuncOp::create(b, symbol, b.getFunctionType({buffer, buffer}, {}));
  Block *body = function.addEntryBlock();
  b.setInsertionPointToEnd(body);
  int64_t lanes = target.lanes(32);
  auto vector = VectorType::get({lanes}, b.getF32Type());
  llvm::StringRef multiplyByPower = fusedMultiplyAdd ? target.multiplyByPower : "";
  b.loop(b.index(0), b.index(CompiledExp2::blockSize), lanes, [&](Value i) {
    Value x = vector::LoadOp::create(b, vector, body->getArgument(0), i);
    Value power = emitExp2(b, x, fusedMultiplyAdd, multiplyByPower);
    vector::StoreOp::create(b, power, body->getArgument(1), i);
  });
  func::ReturnOp::create(b);
  return module;
}

static LogicalResult lowerToLLVM(ModuleOp module) {
  PassManager passes(module.getContext());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addNestedPass<func::FuncOp>(createConvertMathToLLVMPass());
  passes.addPass(createConvertIndexToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createFinalizeMemRefToLLVMConversionPass());
  ConvertFuncToLLVMPassOptions bare;
  bare.useBarePtrCallConv = true;
  passes.addPass(createConvertFuncToLLVMPass(bare));
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  return passes.run(module);
}

llvm::Expected<CompiledExp2> CompiledExp2::create(bool fusedMultiplyAdd) {
  const unsigned optLevel = CompileOptions().optLevel;
  auto machine = createTargetMachine("", "native", optLevel);
  if (!machine)
    return machine.takeError();
  std::unique_ptr<MLIRContext> context = makeContext();
  OwningOpRef<ModuleOp> module = buildModule(context.get(), targetOf(**machine), fusedMultiplyAdd);
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> code;
  if (succeeded(lowerToLLVM(*module)))
    code = translateModuleToLLVMIR(*module, llvmContext, "exp2");
  if (!code)
    return llvm::createStringError("the loop over 2^x has no form in LLVM IR");
  if (llvm::Error error =
          optimize(*code, **machine, optLevel, [](llvm::StringRef name) { return name == symbol; }))
    return std::move(error);
  llvm::Expected<std::string> object = emitObject(*code, **machine);
  if (!object)
    return object.takeError();
  llvm::Expected<Jit> jit = Jit::load({std::move(*object)});
  if (!jit)
    return jit.takeError();
  llvm::Expected<Function *> function = jit->lookup<Function>(symbol);
  if (!function)
    return function.takeError();
  return CompiledExp2(std::move(*jit), *function);
}
