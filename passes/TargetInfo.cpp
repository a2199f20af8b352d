#include "passes/TargetInfo.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/STLExtras.h"

using namespace fovea;

static constexpr int64_t kib = 1024, mib = 1024 * kib;
static const TargetInfo targets[] = {
    {"generic", 128, 16, 32 * kib, 256 * kib, 8 * mib, false, false, false, "", ""},
    {"avx2", 256, 16, 32 * kib, 512 * kib, 32 * mib, true, false, false, "llvm.x86.avx2.pmadd.wd", ""},
    {"avx512", 512, 32, 32 * kib, 1024 * kib, 32 * mib, true, false, false, "llvm.x86.avx512.pmaddw.d.512",
     "llvm.x86.avx512.mask.scalef.ps.512"},
    {"zen4", 512, 32, 32 * kib, 1024 * kib, 32 * mib, true, true, true, "llvm.x86.avx512.pmaddw.d.512",
     "llvm.x86.avx512.mask.scalef.ps.512"},
    {"neon", 128, 32, 64 * kib, 512 * kib, 16 * mib, true, false, false, "", ""},
};

llvm::ArrayRef<TargetInfo> fovea::allTargets() { return targets; }

const TargetInfo *fovea::findTarget(llvm::StringRef name) {
  const auto *it = llvm::find_if(targets, [&](const TargetInfo &t) { return t.name == name; });
  return it == std::end(targets) ? nullptr : it;
}

const TargetInfo *fovea::requireTarget(mlir::Operation *op, llvm::StringRef name) {
  const TargetInfo *target = findTarget(name);
  if (target)
    return target;
  mlir::InFlightDiagnostic error = op->emitError("unknown target '") << name << "', expected ";
  for (const TargetInfo &known : targets)
    error << (&known == targets                 ? ""
              : &known == std::end(targets) - 1 ? " or "
                                                : ", ")
          << known.name;
  return nullptr;
}

const TargetInfo &fovea::targetForFeatures(llvm::ArrayRef<llvm::StringRef> features) {
  auto has = [&](llvm::StringRef feature) { return llvm::is_contained(features, feature); };
  // AMD's cores alone have clzero, and four vector units of which two multiply and add. Others with
  // AVX-512 have two for everything.
  if (has("avx512f") && has("avx512vl") && has("avx512bw"))
    return *findTarget(has("clzero") ? "zen4" : "avx512");
  if (has("avx2") && has("fma"))
    return *findTarget("avx2");
  if (has("neon"))
    return *findTarget("neon");
  return targets[0];
}
