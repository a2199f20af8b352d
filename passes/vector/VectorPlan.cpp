#include "passes/vector/VectorPlan.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fovea;

/// The loop dims other than `dim` may appear in `expr` in any way, `dim` only as one summand.
static bool advancesByOne(AffineExpr expr, unsigned dim) {
  if (auto position = dyn_cast<AffineDimExpr>(expr))
    return position.getPosition() == dim;
  auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!sum || sum.getKind() != AffineExprKind::Add)
    return false;
  AffineExpr lhs = sum.getLHS(), rhs = sum.getRHS();
  return (advancesByOne(lhs, dim) && !rhs.isFunctionOfDim(dim)) ||
         (advancesByOne(rhs, dim) && !lhs.isFunctionOfDim(dim));
}

Access fovea::accessAlong(Type type, AffineMap map, unsigned dim) {
  if (!map.isFunctionOfDim(dim))
    return Access::Uniform;
  auto memref = cast<MemRefType>(type);
  bool others = llvm::any_of(map.getResults().drop_back(),
                             [&](AffineExpr e) { return e.isFunctionOfDim(dim); });
  bool contiguous =
      !others && memref.isLastDimUnitStride() && advancesByOne(map.getResults().back(), dim);
  return contiguous ? Access::Contiguous : Access::Scattered;
}

std::optional<int64_t> fovea::strideAlong(Type type, AffineMap map, unsigned dim) {
  auto others = map.getResults().drop_back();
  if (!map.isFunctionOfDim(dim) || !cast<MemRefType>(type).isLastDimUnitStride() ||
      llvm::any_of(others, [&](AffineExpr expr) { return expr.isFunctionOfDim(dim); }))
    return std::nullopt;
  AffineExpr last = map.getResults().back(), loop = getAffineDimExpr(dim, map.getContext());
  AffineExpr distance =
      simplifyAffineExpr(last.replace(loop, loop + 1) - last, map.getNumDims(), 0);
  auto constant = dyn_cast<AffineConstantExpr>(distance);
  return constant ? std::optional(constant.getValue()) : std::nullopt;
}

/// The op `acc' = combine(acc, x)` that yields the value of init `index`, if the body uses the
/// old value for nothing else and `combine` has a neutral element.
static Operation *findCombiner(linalg::GenericOp op, int64_t index) {
  BlockArgument accumulator = op.getRegionOutputArgs()[index];
  Operation *combiner = op.getBody()->getTerminator()->getOperand(index).getDefiningOp();
  if (!combiner || combiner->getBlock() != op.getBody() || !combiner->hasOneUse() ||
      !accumulator.hasOneUse() || *accumulator.user_begin() != combiner ||
      combiner->getNumOperands() != 2)
    return nullptr;
  if (!combiner->hasTrait<OpTrait::IsCommutative>() || !arith::getNeutralElement(combiner))
    return nullptr;
  return combiner;
}

/// The op `acc' = acc + x` that yields the value of init `index`, if the body uses the old value
/// for nothing else.
static Operation *findRunningSum(linalg::GenericOp op, int64_t index) {
  BlockArgument accumulator = op.getRegionOutputArgs()[index];
  Operation *sum = op.getBody()->getTerminator()->getOperand(index).getDefiningOp();
  return isa_and_nonnull<arith::AddFOp, arith::AddIOp>(sum) && accumulator.hasOneUse() &&
                 *accumulator.user_begin() == sum
             ? sum
             : nullptr;
}

static bool canRunOnLanes(Operation &op) {
  return OpTrait::hasElementwiseMappableTraits(&op) ||
         isa<arith::ConstantOp, linalg::IndexOp, memref::LoadOp, linalg::YieldOp>(op);
}

static bool isScalar(Type type) { return type.isIntOrIndexOrFloat(); }

/// Fills in the values of the body that differ between lanes.
static void findVarying(linalg::GenericOp op, VectorPlan &plan) {
  for (auto [argument, access] : llvm::zip(op.getBody()->getArguments(), plan.operands))
    if (access != Access::Uniform)
      plan.varying.insert(argument);
  for (auto [argument, combiner] : llvm::zip(op.getRegionOutputArgs(), plan.combiners))
    if (combiner)
      plan.varying.insert(argument);
  if (plan.running)
    plan.varying.insert(op.getRegionOutputArgs()[plan.runningInit]);
  for (Operation &inner : op.getBody()->without_terminator()) {
    auto index = dyn_cast<linalg::IndexOp>(inner);
    if ((index && index.getDim() == plan.dim) ||
        llvm::any_of(inner.getOperands(), [&](Value v) { return plan.varying.contains(v); }))
      plan.varying.insert(inner.result_begin(), inner.result_end());
  }
}

bool fovea::hasFunctions(linalg::GenericOp op, unsigned dim) {
  llvm::DenseSet<Value> varying;
  for (auto [argument, map] : llvm::zip(op.getBody()->getArguments(), op.getIndexingMapsArray()))
    if (map.isFunctionOfDim(dim))
      varying.insert(argument);
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (llvm::none_of(inner.getOperands(), [&](Value v) { return varying.contains(v); }))
      continue;
    if (isa_and_nonnull<math::MathDialect>(inner.getDialect()))
      return true;
    varying.insert(inner.result_begin(), inner.result_end());
  }
  return false;
}

std::optional<unsigned> fovea::findLoopAlongLines(linalg::GenericOp op, const VectorPlan &plan) {
  // What is the same for all lanes would be computed for each vector of a row.
  bool hasUniformFunctions = llvm::any_of(*op.getBody(), [&](Operation &inner) {
    return isa<math::MathDialect>(inner.getDialect()) && !plan.varying.contains(inner.getResult(0));
  });
  if (plan.isReduction() || plan.running || hasUniformFunctions)
    return std::nullopt;
  for (auto [operand, map, access] :
       llvm::zip(op->getOperands(), op.getIndexingMapsArray(), plan.operands))
    for (unsigned dim = 0; access == Access::Scattered && dim < op.getNumLoops(); ++dim)
      if (accessAlong(operand.getType(), map, dim) == Access::Contiguous)
        return dim;
  return std::nullopt;
}

/// A register holds the widest float that varies; narrower than 32 bits it is computed on as
/// 32 unless it is only copied, and indices, which would take two registers, count as 32 too. Bodies
/// without floats go by their widest integer.
static int64_t registerLanes(linalg::GenericOp op, const VectorPlan &plan,
                             const TargetInfo &target) {
  int64_t floatBits = 0, integerBits = 8;
  int64_t fewestBits = llvm::hasSingleElement(*op.getBody()) ? 8 : 32;
  for (Value value : plan.varying) {
    if (auto type = dyn_cast<FloatType>(value.getType()))
      floatBits = std::max<int64_t>({floatBits, type.getWidth(), fewestBits});
    else if (value.getType().isIndex())
      integerBits = std::max<int64_t>(integerBits, 32);
    else if (auto integer = dyn_cast<IntegerType>(value.getType()))
      integerBits = std::max<int64_t>(integerBits, integer.getWidth());
  }
  return std::max<int64_t>(1, target.lanes(floatBits ? floatBits : integerBits));
}

/// Why the loop over `dim` cannot run over lanes, or null.
static const char *findObstacle(linalg::GenericOp op, const VectorPlan &plan) {
  auto iterator = op.getIteratorTypesArray()[plan.dim];
  if (plan.running && plan.isReduction())
    return "a running sum stands beside another reduction";
  for (auto [i, combiner] : llvm::enumerate(plan.combiners)) {
    Access access = plan.operands[op.getNumDpsInputs() + i];
    if (access != Access::Uniform)
      continue;
    if (iterator == utils::IteratorType::parallel)
      return "a result does not depend on a parallel loop";
    if (!combiner && plan.runningInit != static_cast<int64_t>(i))
      return "a reduction has no single combining operation with a neutral element";
  }
  return nullptr;
}

/// Enough registers to hide the latency of an addition and to make the loop's own instructions few,
/// but no more than hold what is loaded. A body with functions is long, and needs registers itself:
/// two share its constants, if there is no rest to compute one by one.
static int64_t chooseUnroll(linalg::GenericOp op, const VectorPlan &plan, int64_t size,
                            const TargetInfo &target) {
  bool gathers = llvm::is_contained(plan.operands, Access::Scattered) ||
                 llvm::any_of(*op.getBody(), llvm::IsaPred<memref::LoadOp, linalg::IndexOp>);
  if (gathers || plan.running)
    return 1;
  if (hasFunctions(op, plan.dim))
    return !ShapedType::isDynamic(size) && size % (2 * plan.lanes) == 0 ? 2 : 1;
  constexpr int64_t most = 4, others = 4;
  int64_t loads = std::max<int64_t>(1, llvm::count(plan.operands, Access::Contiguous) -
                                           llvm::count(plan.combiners, nullptr));
  return std::min<int64_t>(most, llvm::bit_floor<uint64_t>(std::max<int64_t>(
                                     1, (target.vectorRegisters - others) / loads)));
}

static VectorPlan makePlan(linalg::GenericOp op, unsigned dim, const TargetInfo &target) {
  VectorPlan plan;
  plan.dim = dim;
  for (auto [operand, map] : llvm::zip(op->getOperands(), op.getIndexingMapsArray()))
    plan.operands.push_back(accessAlong(operand.getType(), map, dim));
  for (int64_t i = 0; i < op.getNumDpsInits(); ++i) {
    bool stored = plan.operands[op.getNumDpsInputs() + i] != Access::Uniform;
    plan.combiners.push_back(stored ? nullptr : findCombiner(op, i));
    if (stored || plan.combiners.back() || plan.running)
      continue;
    plan.running = findRunningSum(op, i);
    plan.runningInit = plan.running ? i : -1;
  }
  findVarying(op, plan);
  plan.lanes = registerLanes(op, plan, target);
  int64_t size = op.getStaticLoopRanges()[dim];
  bool isKnown = !ShapedType::isDynamic(size);
  if (isKnown)
    plan.lanes =
        std::min<int64_t>(plan.lanes, llvm::bit_floor<uint64_t>(std::max<int64_t>(size, 1)));
  plan.unroll = chooseUnroll(op, plan, size, target);
  while (isKnown && plan.unroll > 1 && size < plan.unroll * plan.lanes)
    plan.unroll /= 2;
  return plan;
}

/// Instructions an element, roughly: what decides between the loops.
static double estimateCost(linalg::GenericOp op, const VectorPlan &plan) {
  double cost = 0;
  for (Access access : plan.operands)
    cost += access == Access::Contiguous ? 1 : access == Access::Uniform ? 0.5 : 2 * plan.lanes;
  for (Operation &inner : op.getBody()->without_terminator())
    cost += llvm::any_of(inner.getResults(), [&](Value v) { return plan.varying.contains(v); });
  return cost / plan.lanes;
}

std::optional<VectorPlan> fovea::planVectorization(linalg::GenericOp op, const TargetInfo &target,
                                                   std::string &why) {
  for (Operation &inner : *op.getBody())
    if (!canRunOnLanes(inner) || !llvm::all_of(inner.getResultTypes(), isScalar)) {
      why = ("'" + inner.getName().getStringRef() + "' has no form on vectors").str();
      return std::nullopt;
    }
  std::optional<VectorPlan> best;
  double bestCost = 0;
  why = "it has no loops";
  for (unsigned dim = 0; dim < op.getNumLoops(); ++dim) {
    VectorPlan plan = makePlan(op, dim, target);
    if (const char *obstacle = findObstacle(op, plan)) {
      why = obstacle;
      continue;
    }
    double cost = estimateCost(op, plan);
    if (!best || cost <= bestCost) {
      best = plan;
      bestCost = cost;
    }
  }
  return best;
}
