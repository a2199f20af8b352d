#include "runtime/generate/ChunkSize.h"

using namespace fovea;

static constexpr int64_t maxChunkSize = 512;
static constexpr int64_t step = 64;
static constexpr int64_t smallWorkspace = 4 << 20;
static constexpr int64_t processMemory = 7 << 20; // tokenizer, pages of the program and of files

/// What a step of one sequence takes that gets `chunk` tokens. Nothing is run: only sizes count.
static llvm::Expected<MemoryUse> useOf(const Executable &executable, const CacheLayout &layout,
                                       int64_t capacity, int64_t chunk) {
  alignas(64) static constexpr char nothing[64] = {};
  auto sized = [](DataType type, const DimVector &sizes) {
    return TensorView(nothing, type, sizes);
  };
  llvm::SmallVector<NamedView> inputs = {{"input_ids", sized(DataType::I64, {1, chunk})},
                                         {"position", sized(DataType::I64, {1})}};
  for (const CacheLayout::Entry &entry : layout.tensors)
    inputs.emplace_back(entry.name, sized(entry.type, layout.sizesOf(entry, 1, capacity, chunk)));
  return executable.memoryUse(inputs, "step");
}

/// Whether memory stays within a tenth of weights and cache, which is nearly all of the inputs.
static bool isModest(const MemoryUse &use) {
  int64_t rest = (use.weights + use.inputs) / 10 - processMemory;
  return use.workspace <= std::max(smallWorkspace, rest);
}

llvm::Expected<int64_t> fovea::chooseChunkSize(const Executable &executable,
                                               const CacheLayout &layout, int64_t capacity) {
  for (int64_t chunk = std::min(maxChunkSize, capacity);; chunk = (chunk - 1) / step * step) {
    llvm::Expected<MemoryUse> use = useOf(executable, layout, capacity, chunk);
    bool isLeast = chunk <= step;
    if (!use && isLeast)
      return use.takeError();
    if (isLeast || (use && isModest(*use)))
      return chunk;
    llvm::consumeError(use.takeError());
  }
}
