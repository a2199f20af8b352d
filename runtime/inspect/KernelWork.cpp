#include "runtime/inspect/KernelWork.h"
#include "dialect/AttnOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/buffers/BufferWrites.h"
#include "llvm/ADT/STLExtras.h"

using namespace fovea;
using namespace mlir;

namespace {
/// The work of one parallel loop.
class Estimate {
public:
  Estimate(scf::ForallOp loop, SizeFormulas formulas, llvm::ArrayRef<AttentionFacts> attentions)
      : loop(loop), formulas(std::move(formulas)), attentions(attentions) {}

  std::optional<KernelWork> run();

private:
  double bindFirstTile();
  double number(const SymbolicDim &size);
  double operationsOf(linalg::LinalgOp op);
  double operationsOf(attn::AttentionOp op);
  double bytesUsed();

  scf::ForallOp loop;
  SizeFormulas formulas;
  llvm::ArrayRef<AttentionFacts> attentions;
  bool isKnown = true;
};
} // namespace

double Estimate::number(const SymbolicDim &size) {
  std::optional<int64_t> value = size.constant();
  isKnown &= value.has_value();
  return static_cast<double>(value.value_or(0));
}

/// Binds the loop's indices to its first tile and returns how many tiles of that size there are,
/// the last one counted by its share: extents are linear in the size of a tile.
double Estimate::bindFirstTile() {
  double tiles = 1;
  for (auto [iv, lower, upper, step] :
       llvm::zip_equal(loop.getInductionVars(), loop.getMixedLowerBound(),
                       loop.getMixedUpperBound(), loop.getMixedStep())) {
    SymbolicDim start = formulas.of(lower);
    double extent = number(formulas.subtract(formulas.of(upper), start));
    tiles *= extent / std::max(1.0, std::min(extent, number(formulas.of(step))));
    formulas.bind(iv, start);
  }
  return tiles;
}

/// Arithmetic of the body, for each point of the iteration space.
double Estimate::operationsOf(linalg::LinalgOp op) {
  double count = llvm::count_if(*op.getBlock(), [](Operation &inner) {
    return isa_and_nonnull<arith::ArithDialect, math::MathDialect>(inner.getDialect()) &&
           !inner.hasTrait<OpTrait::ConstantLike>() &&
           llvm::any_of(inner.getResultTypes(), [](Type type) { return isa<FloatType>(type); });
  });
  for (unsigned dim = 0; dim < op.getNumLoops(); ++dim) {
    SmallVector<std::pair<Value, unsigned>> pairs;
    op.mapIterationSpaceDimToAllOperandDims(dim, pairs);
    if (pairs.empty())
      return isKnown = false;
    count *= number(formulas.dim(pairs.front().first, pairs.front().second));
  }
  return count;
}

/// Of the whole op, which is one loop: what the facts of the same place say.
double Estimate::operationsOf(attn::AttentionOp op) {
  SourcePlace place = placeOf(op.getLoc());
  for (const AttentionFacts &facts : attentions)
    if (facts.place == place)
      return facts.operations ? static_cast<double>(*facts.operations)
                              : number(facts.unfusedOperations);
  return isKnown = false;
}

double Estimate::bytesUsed() {
  llvm::SetVector<Value> used;
  loop.walk([&](Operation *op) {
    for (Value operand : op->getOperands())
      if (isa<MemRefType>(operand.getType()))
        if (Value root = baseOf(operand); !loop->isAncestor(root.getParentBlock()->getParentOp()))
          used.insert(root);
  });
  double bytes = 0;
  for (Value buffer : used)
    bytes += number(formulas.bytes(buffer));
  return bytes;
}

std::optional<KernelWork> Estimate::run() {
  KernelWork work;
  auto kind = loop->getAttrOfType<StringAttr>("attn.kernel_name");
  work.kind = kind ? kind.str() : "kernel";
  work.place = placeOf(loop.getLoc());
  double layers = number(formulas.iterationsAround(loop));
  work.bytes = layers * bytesUsed();
  double tiles = bindFirstTile();
  loop.walk([&](Operation *op) {
    double inLoops = number(formulas.iterationsAround(op)) / std::max(layers, 1.0);
    if (auto attention = dyn_cast<attn::AttentionOp>(op))
      work.operations += layers * operationsOf(attention);
    else if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
      work.operations += layers * tiles * inLoops * operationsOf(linalgOp);
  });
  return isKnown ? std::optional(work) : std::nullopt;
}

std::vector<KernelWork> fovea::describeWork(ModuleOp bufferized,
                                            llvm::ArrayRef<AttentionFacts> attentions,
                                            const SymbolSizes &sizes) {
  std::vector<KernelWork> all;
  for (auto function : bufferized.getOps<func::FuncOp>()) {
    if (!function->hasAttr("attn.num_results"))
      continue;
    SizeFormulas formulas(sizes);
    formulas.bindEntry(function);
    function.walk([&](scf::ForallOp loop) {
      if (loop->getParentOfType<scf::ForallOp>())
        return;
      if (auto work = Estimate(loop, formulas, attentions).run())
        all.push_back(*work);
    });
  }
  return all;
}
