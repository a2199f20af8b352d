#include "runtime/inspect/Ceilings.h"
#include "runtime/CodeGen.h"
#include "runtime/Jit.h"
#include "runtime/Memory.h"
#include "runtime/ThreadPool.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"
#include <atomic>
#include <chrono>
#include <cstring>

using namespace fovea;
using namespace llvm;

static constexpr int64_t fmaSteps = 200000;
/// More than last-level caches hold, little enough to be there anywhere.
static constexpr int64_t memoryBytes = int64_t(256) << 20;
static constexpr int tries = 5;

/// Enough chains to hide the latency of two units, besides two constants: 12 of 16 registers, 24
/// of 32.
static unsigned chainsFor(const TargetInfo &target) { return target.vectorRegisters * 3 / 4; }

/// `void fma(i64 steps, ptr sums)`: independent chains of x = x * c + d, stored at the end.
static void buildChains(llvm::Module &module, const TargetInfo &target) {
  LLVMContext &context = module.getContext();
  IRBuilder<> b(context);
  auto *vector = FixedVectorType::get(b.getFloatTy(), target.lanes(32));
  auto *type = FunctionType::get(b.getVoidTy(), {b.getInt64Ty(), b.getPtrTy()}, false);
  auto *function = Function::Create(type, GlobalValue::ExternalLinkage, "fma", module);
  auto *entry = BasicBlock::Create(context, "entry", function);
  auto *loop = BasicBlock::Create(context, "loop", function);
  auto *done = BasicBlock::Create(context, "done", function);
  b.SetInsertPoint(entry);
  b.CreateBr(loop);
  b.SetInsertPoint(loop);
  auto *step = b.CreatePHI(b.getInt64Ty(), 2);
  SmallVector<PHINode *> chains;
  for (unsigned chain = 0; chain < chainsFor(target); ++chain) {
    chains.push_back(b.CreatePHI(vector, 2));
    chains.back()->addIncoming(ConstantFP::get(vector, chain + 1), entry);
  }
  for (PHINode *chain : chains) {
    Value *factor = ConstantFP::get(vector, 0.5), *addend = ConstantFP::get(vector, 0.5);
    Value *next = target.fusedMultiplyAdd
                      ? b.CreateIntrinsic(Intrinsic::fma, {vector}, {chain, factor, addend})
                      : b.CreateFAdd(b.CreateFMul(chain, factor), addend);
    chain->addIncoming(next, loop);
  }
  Value *next = b.CreateAdd(step, b.getInt64(1));
  step->addIncoming(b.getInt64(0), entry);
  step->addIncoming(next, loop);
  b.CreateCondBr(b.CreateICmpSLT(next, function->getArg(0)), loop, done);
  b.SetInsertPoint(done);
  Value *sum = chains.front()->getIncomingValue(1);
  for (PHINode *chain : drop_begin(chains))
    sum = b.CreateFAdd(sum, chain->getIncomingValue(1));
  b.CreateAlignedStore(sum, function->getArg(1), Align(4));
  b.CreateRetVoid();
}

/// The largest of `amount` a second over some runs of `piece` on each thread.
static double bestRate(ThreadPool &pool, double amount, function_ref<void(int64_t)> piece) {
  double best = 0;
  for (int i = 0; i < tries; ++i) {
    auto start = std::chrono::steady_clock::now();
    pool.parallelFor(
        pool.size(),
        [](void *closure, int64_t begin, int64_t end, int64_t) {
          for (int64_t share = begin; share < end; ++share)
            (*static_cast<function_ref<void(int64_t)> *>(closure))(share);
        },
        &piece);
    std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    best = std::max(best, amount / elapsed.count());
  }
  return best;
}

static Expected<double> measureOperations(ThreadPool &pool, StringRef cpu) {
  auto machine = createTargetMachine("", cpu, 2);
  if (!machine)
    return machine.takeError();
  const TargetInfo &target = targetOf(**machine);
  LLVMContext context;
  llvm::Module module("ceiling", context);
  buildChains(module, target);
  if (Error error = optimize(module, **machine, 1, [](StringRef name) { return name == "fma"; }))
    return std::move(error);
  auto object = emitObject(module, **machine);
  if (!object)
    return object.takeError();
  auto jit = Jit::load({std::move(*object)});
  if (!jit)
    return jit.takeError();
  auto fma = jit->lookup<void(int64_t, float *)>("fma");
  if (!fma)
    return fma.takeError();
  double operations = 2.0 * fmaSteps * chainsFor(target) * target.lanes(32);
  return bestRate(pool, operations * pool.size(), [&](int64_t) {
    float sums[64];
    (*fma)(fmaSteps, sums);
  });
}

/// Several streams, for one core fetches ahead in each.
static uint64_t readAll(const uint64_t *data, int64_t count) {
  constexpr int64_t streams = 4;
  uint64_t sums[streams] = {};
  int64_t part = count / streams;
  for (int64_t i = 0; i < part; ++i)
    for (int64_t s = 0; s < streams; ++s)
      sums[s] += data[s * part + i];
  return sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
}

static Expected<double> measureReads(ThreadPool &pool) {
  ReusableBuffer memory;
  if (Error error = memory.reserve(memoryBytes))
    return std::move(error);
  std::memset(memory.data(), 1, memoryBytes);
  int64_t words = memoryBytes / sizeof(uint64_t) / pool.size();
  std::atomic<uint64_t> kept = 0; // so that the reads are not left out
  return bestRate(pool, static_cast<double>(words * sizeof(uint64_t) * pool.size()),
                  [&](int64_t share) {
                    auto *data = static_cast<const uint64_t *>(memory.data());
                    kept += readAll(data + share * words, words);
                  });
}

Expected<Ceilings> fovea::measureCeilings(ThreadPool &pool, StringRef cpu) {
  Expected<double> operations = measureOperations(pool, cpu);
  if (!operations)
    return operations.takeError();
  Expected<double> bytes = measureReads(pool);
  if (!bytes)
    return bytes.takeError();
  return Ceilings{*operations, *bytes};
}
