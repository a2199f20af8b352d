// Masks for tests: a fixture that parses mask regions, an interpreter of them op by op, and random
// predicates.
#ifndef FOVEA_TESTS_PASSES_MASK_MASKTESTING_H
#define FOVEA_TESTS_PASSES_MASK_MASKTESTING_H

#include "dialect/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
#include <gtest/gtest.h>
#include <random>

namespace fovea::testing {

using namespace mlir;

using Point = llvm::DenseMap<Value, int64_t>;

/// What `value` is at a point, by the meaning of each op.
inline int64_t interpret(Value value, const Point &point) {
  if (auto it = point.find(value); it != point.end())
    return it->second;
  Operation *op = value.getDefiningOp();
  auto in = [&](unsigned i) { return interpret(op->getOperand(i), point); };
  return llvm::TypeSwitch<Operation *, int64_t>(op)
      .Case<arith::ConstantOp>([](arith::ConstantOp constant) {
        APInt number;
        matchPattern(constant.getResult(), m_ConstantInt(&number));
        return number.getBitWidth() == 1 ? number.getZExtValue() : number.getSExtValue();
      })
      .Case<arith::AddIOp>([&](auto) { return in(0) + in(1); })
      .Case<arith::SubIOp>([&](auto) { return in(0) - in(1); })
      .Case<arith::MulIOp>([&](auto) { return in(0) * in(1); })
      .Case<arith::FloorDivSIOp>([&](auto) { return llvm::divideFloorSigned(in(0), in(1)); })
      .Case<arith::CeilDivSIOp>([&](auto) { return llvm::divideCeilSigned(in(0), in(1)); })
      .Case<arith::DivSIOp>([&](auto) { return in(0) / in(1); })
      .Case<arith::RemSIOp>([&](auto) { return in(0) % in(1); })
      .Case<arith::RemUIOp>([&](auto) { return in(0) % in(1); }) // of positions, none negative
      .Case<arith::MaxSIOp>([&](auto) { return std::max(in(0), in(1)); })
      .Case<arith::MinSIOp>([&](auto) { return std::min(in(0), in(1)); })
      .Case<math::AbsIOp>([&](auto) { return std::abs(in(0)); })
      .Case<arith::SelectOp>([&](auto) { return in(0) ? in(1) : in(2); })
      .Case<arith::AndIOp>([&](auto) { return in(0) & in(1); })
      .Case<arith::OrIOp>([&](auto) { return in(0) | in(1); })
      .Case<arith::XOrIOp>([&](auto) { return in(0) ^ in(1); })
      .Case<arith::CmpIOp>([&](arith::CmpIOp cmp) -> int64_t {
        return arith::applyCmpPredicate(cmp.getPredicate(), APInt(64, in(0), true),
                                        APInt(64, in(1), true));
      });
}

class MaskRegionTest : public ::testing::Test {
protected:
  MaskRegionTest() {
    context.loadDialect<attn::AttnDialect, arith::ArithDialect, func::FuncDialect,
                        math::MathDialect, tensor::TensorDialect>();
  }

  /// The first region of an op `OpTy` in `source`.
  template <typename OpTy>
  Region &parse(const std::string &source) {
    module = parseSourceString<ModuleOp>(source, &context);
    Region *region = nullptr;
    if (module)
      module->walk([&](OpTy op) {
        for (Region &candidate : op->getRegions())
          if (!region && !candidate.empty())
            region = &candidate;
      });
    EXPECT_NE(region, nullptr) << source;
    return *region;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

/// Builds random index and boolean expressions in a region.
class RandomPredicate {
public:
  RandomPredicate(unsigned seed, OpBuilder &builder, std::vector<Value> leaves)
      : random(seed), b(builder), loc(builder.getUnknownLoc()), leaves(std::move(leaves)) {}

  Value index(int depth) {
    if (depth == 0)
      return pick(3) ? leaves[pick(leaves.size())] : constant(pick(9) - 4);
    Value x = index(depth - 1);
    switch (pick(10)) {
    case 0:
      return arith::MulIOp::create(b, loc, x, constant(pick(5) - 2));
    case 1:
      return arith::MaxSIOp::create(b, loc, x, index(depth - 1));
    case 2:
      return arith::MinSIOp::create(b, loc, x, index(depth - 1));
    case 3:
      return math::AbsIOp::create(b, loc, x);
    case 4:
      return arith::FloorDivSIOp::create(b, loc, x, constant(pick(3) + 1));
    case 5:
      return arith::CeilDivSIOp::create(b, loc, x, constant(pick(3) + 1));
    case 6:
      return arith::SelectOp::create(b, loc, boolean(depth - 1), x, index(depth - 1));
    case 7:
      return arith::RemSIOp::create(b, loc, leaves[pick(2)], constant(pick(3) + 1));
    case 8:
      return arith::AddIOp::create(b, loc, x, index(depth - 1));
    default:
      return arith::SubIOp::create(b, loc, x, index(depth - 1));
    }
  }

  Value boolean(int depth) {
    if (depth == 0)
      return compare(0);
    switch (pick(6)) {
    case 0:
      return arith::AndIOp::create(b, loc, boolean(depth - 1), boolean(depth - 1));
    case 1:
      return arith::OrIOp::create(b, loc, boolean(depth - 1), boolean(depth - 1));
    case 2:
      return arith::XOrIOp::create(b, loc, boolean(depth - 1), boolean(depth - 1));
    case 3:
      return arith::SelectOp::create(b, loc, boolean(depth - 1), boolean(depth - 1),
                                     boolean(depth - 1));
    default:
      return compare(depth);
    }
  }

private:
  int64_t pick(int64_t count) {
    return std::uniform_int_distribution<int64_t>(0, count - 1)(random);
  }
  Value constant(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }
  Value compare(int depth) {
    auto predicate = static_cast<arith::CmpIPredicate>(pick(pick(4) ? 6 : 10));
    return arith::CmpIOp::create(b, loc, predicate, index(depth), index(depth));
  }
  std::mt19937 random;
  OpBuilder &b;
  Location loc;
  std::vector<Value> leaves;
};

} // namespace fovea::testing

#endif // FOVEA_TESTS_PASSES_MASK_MASKTESTING_H
