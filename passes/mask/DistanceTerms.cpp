// A value depends on i and j through j - i alone exactly if it stays the same when both grow by
// one. So each value is looked at for by how much it grows then: i and j by 1, their difference by
// 0, and what is computed of values that do not grow does not either.
#include "passes/mask/DistanceTerms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fovea;

DistanceTerms::DistanceTerms(Region &region) : region(region) {
  Block &block = region.front();
  unsigned count = block.getNumArguments();
  for (BlockArgument argument : block.getArguments().drop_front(count - 4)) {
    bool isPosition = argument.getArgNumber() + 2 >= count;
    growths[argument] = {isPosition ? 1 : 0, isPosition};
  }
  for (Operation &op : block.without_terminator())
    if (std::optional<Growth> growth = growthOf(op))
      growths[op.getResult(0)] = *growth;
  llvm::DenseSet<Value> seen;
  collect(block.getTerminator()->getOperand(0), seen);
}

//===----------------------------------------------------------------------===//
// Growth
//===----------------------------------------------------------------------===//

std::optional<DistanceTerms::Growth> DistanceTerms::growthOf(Value value) const {
  if (value.getParentRegion() != &region)
    return Growth{0, false};
  auto known = growths.find(value);
  return known == growths.end() ? std::nullopt : std::optional(known->second);
}

/// Whether the comparison stays the same where both sides grow alike.
static bool comparesDifference(arith::CmpIOp compare) {
  using arith::CmpIPredicate;
  return llvm::is_contained({CmpIPredicate::eq, CmpIPredicate::ne, CmpIPredicate::slt,
                             CmpIPredicate::sle, CmpIPredicate::sgt, CmpIPredicate::sge},
                            compare.getPredicate());
}

static std::optional<int64_t> constantOf(Value value) {
  APInt constant;
  if (!matchPattern(value, m_ConstantInt(&constant)) || constant.getSignificantBits() > 32)
    return std::nullopt;
  return constant.getSExtValue();
}

/// Between integers that hold any position.
static bool keepsPositions(arith::IndexCastOp cast) {
  auto isWide = [](Type type) { return type.isIndex() || type.isInteger(64); };
  return isWide(cast.getIn().getType()) && isWide(cast.getType());
}

static bool isPlain(Operation &op) {
  return op.getNumResults() == 1 && op.getNumRegions() == 0 &&
         (isMemoryEffectFree(&op) || isa<memref::LoadOp>(op));
}

std::optional<DistanceTerms::Growth> DistanceTerms::growthOf(Operation &op) const {
  if (!isPlain(op))
    return std::nullopt;
  SmallVector<int64_t> steps;
  bool varies = false;
  for (Value operand : op.getOperands()) {
    std::optional<Growth> growth = growthOf(operand);
    if (!growth || std::abs(growth->step) > (int64_t(1) << 24))
      return std::nullopt;
    steps.push_back(growth->step);
    varies |= growth->varies;
  }
  auto grows = [&](std::optional<int64_t> step) {
    return step ? std::optional(Growth{*step, varies}) : std::nullopt;
  };
  if (llvm::all_of(steps, [](int64_t step) { return step == 0; }))
    return grows(0);
  return llvm::TypeSwitch<Operation *, std::optional<Growth>>(&op)
      .Case<arith::AddIOp>([&](auto) { return grows(steps[0] + steps[1]); })
      .Case<arith::SubIOp>([&](auto) { return grows(steps[0] - steps[1]); })
      .Case<arith::MulIOp>([&](auto) {
        std::optional<int64_t> left = constantOf(op.getOperand(0));
        std::optional<int64_t> right = constantOf(op.getOperand(1));
        if (left)
          return grows(steps[1] * *left);
        return grows(right ? std::optional(steps[0] * *right) : std::nullopt);
      })
      .Case<arith::MinSIOp, arith::MaxSIOp>([&](auto) {
        return grows(steps[0] == steps[1] ? std::optional(steps[0]) : std::nullopt);
      })
      .Case<arith::SelectOp>([&](auto) {
        bool isAlike = steps[0] == 0 && steps[1] == steps[2];
        return grows(isAlike ? std::optional(steps[1]) : std::nullopt);
      })
      .Case<arith::CmpIOp>([&](arith::CmpIOp compare) {
        bool isAlike = steps[0] == steps[1] && comparesDifference(compare);
        return grows(isAlike ? std::optional<int64_t>(0) : std::nullopt);
      })
      .Case<arith::IndexCastOp>([&](arith::IndexCastOp cast) {
        return grows(keepsPositions(cast) ? std::optional(steps[0]) : std::nullopt);
      })
      .Default([](Operation *) { return std::nullopt; });
}

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

bool DistanceTerms::isTerm(Value value) const {
  std::optional<Growth> growth = growthOf(value);
  return growth && growth->varies && growth->step == 0 && !value.getType().isInteger(1);
}

void DistanceTerms::collect(Value value, llvm::DenseSet<Value> &seen) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getParentRegion() != &region || !seen.insert(value).second)
    return;
  if (isTerm(value)) {
    terms.push_back(value);
    return;
  }
  for (Value operand : op->getOperands())
    collect(operand, seen);
}

static bool isTranscendental(Operation &op) {
  return isa_and_nonnull<math::MathDialect>(op.getDialect()) &&
         !isa<math::AbsFOp, math::AbsIOp, math::CopySignOp, math::CeilOp, math::FloorOp,
              math::RoundEvenOp, math::TruncOp, math::FmaOp>(op);
}

/// From here on a term is read.
static constexpr int64_t costly = 8;

/// Roughly, in vector instructions.
int64_t DistanceTerms::costOf(Operation &op) const {
  if (isa<memref::LoadOp>(op) || isTranscendental(op))
    return costly;
  bool divides =
      isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::FloorDivSIOp,
          arith::CeilDivSIOp, arith::CeilDivUIOp, arith::DivFOp>(op);
  return divides ? costly / 2 : 1;
}

bool DistanceTerms::isCostly(Value term) const {
  llvm::SetVector<Value> reached;
  reached.insert(term);
  int64_t cost = 0;
  for (size_t i = 0; i < reached.size(); ++i) {
    Operation *op = reached[i].getDefiningOp();
    std::optional<Growth> growth = growthOf(reached[i]);
    if (!op || op->getParentRegion() != &region || !growth->varies)
      continue;
    cost += costOf(*op);
    reached.insert(op->operand_begin(), op->operand_end());
  }
  return cost >= costly;
}
