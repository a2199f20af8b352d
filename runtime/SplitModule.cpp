#include "runtime/SplitModule.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"

using namespace fovea;
using namespace mlir;

// Each part has its own pass managers and target machine, which take as long as some hundred ops.
static constexpr int64_t leastOpsOfPart = 1000;

namespace {
struct Part {
  std::vector<LLVM::LLVMFuncOp> functions;
  int64_t size = 0;
};
} // namespace

static int64_t sizeOf(LLVM::LLVMFuncOp function) {
  int64_t size = 0;
  function.walk([&](Operation *) { ++size; });
  return size;
}

/// Only functions and constants, which may be copied.
static bool canSplit(ModuleOp module) {
  return llvm::all_of(*module.getBody(), [](Operation &op) {
    auto global = dyn_cast<LLVM::GlobalOp>(op);
    return isa<LLVM::LLVMFuncOp>(op) || (global && global.getConstant());
  });
}

/// Largest first, each to the part that is smallest so far.
static std::vector<Part> distribute(ModuleOp module, unsigned count) {
  std::vector<LLVM::LLVMFuncOp> functions;
  std::vector<std::pair<int64_t, size_t>> bySize; // negative, and the number of the function
  int64_t total = 0;
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (!function.isExternal()) {
      int64_t size = sizeOf(function);
      bySize.emplace_back(-size, functions.size());
      functions.push_back(function);
      total += size;
    }
  llvm::sort(bySize);
  count = std::min<int64_t>({count, total / leastOpsOfPart, static_cast<int64_t>(bySize.size())});
  std::vector<Part> parts(std::max(count, 1u));
  for (auto [negative, number] : bySize) {
    Part &smallest = *std::min_element(parts.begin(), parts.end(),
                                       [](auto &lhs, auto &rhs) { return lhs.size < rhs.size; });
    smallest.functions.push_back(functions[number]);
    smallest.size -= negative;
  }
  return parts;
}

/// The symbols of the module that the functions of a part use.
static llvm::SetVector<Operation *> usedBy(const Part &part, SymbolTable &symbols) {
  llvm::SetVector<Operation *> used;
  for (LLVM::LLVMFuncOp function : part.functions)
    function.walk([&](Operation *op) {
      if (auto address = dyn_cast<LLVM::AddressOfOp>(op))
        used.insert(symbols.lookup(address.getGlobalNameAttr().getAttr()));
      else if (auto call = dyn_cast<LLVM::CallOp>(op); call && call.getCallee())
        used.insert(symbols.lookup(*call.getCallee()));
    });
  return used;
}

SplitModule fovea::splitModule(OwningOpRef<ModuleOp> module, unsigned count) {
  SplitModule result;
  std::vector<Part> parts;
  if (count > 1 && canSplit(*module))
    parts = distribute(*module, count);
  if (parts.size() < 2) {
    result.parts.push_back(std::move(module));
    return result;
  }
  SymbolTable symbols(*module);
  std::vector<llvm::SetVector<Operation *>> used;
  for (const Part &part : parts)
    used.push_back(usedBy(part, symbols));
  for (auto [part, needs] : llvm::zip_equal(parts, used)) {
    OwningOpRef<ModuleOp> piece = ModuleOp::create(module->getLoc());
    (*piece)->setAttrs((*module)->getAttrDictionary());
    llvm::SmallPtrSet<Operation *, 16> own;
    own.insert_range(part.functions);
    auto b = OpBuilder::atBlockEnd(piece->getBody());
    for (Operation *need : needs) {
      auto function = dyn_cast<LLVM::LLVMFuncOp>(need);
      if (!function) {
        b.clone(*need);
      } else if (!own.contains(function)) {
        b.insert(function->cloneWithoutRegions());
        if (!function.isExternal())
          result.shared.insert(function.getName());
      }
    }
    for (LLVM::LLVMFuncOp function : part.functions)
      function->moveBefore(piece->getBody(), piece->getBody()->end());
    result.parts.push_back(std::move(piece));
  }
  return result;
}
