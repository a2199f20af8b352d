// The normal form of mask predicates against brute force: random predicates are evaluated op by
// op at every point of a grid and compared with what the analysis made of them.
#include "passes/MaskPredicate.h"
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

using namespace mlir;
using namespace fovea;

namespace {

using Point = llvm::DenseMap<Value, int64_t>;

/// What `value` is at a point, by the meaning of each op.
int64_t interpret(Value value, const Point &point) {
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

class MaskPredicateTest : public ::testing::Test {
protected:
  MaskPredicateTest() {
    context.loadDialect<attn::AttnDialect, arith::ArithDialect, func::FuncDialect,
                        math::MathDialect, tensor::TensorDialect>();
  }

  /// A mask region over (i, j) whose body is `body`, and %n from outside.
  Region &parseRegion(const std::string &body) {
    module = parseSourceString<ModuleOp>("func.func @f(%init: tensor<8x8xi1>, %n: index) {\n"
                                         "attn.create_mask outs(%init : tensor<8x8xi1>) where {\n"
                                         "^bb0(%i: index, %j: index):\n" +
                                             body + "} -> tensor<8x8xi1>\nreturn }\n",
                                         &context);
    Region *region = nullptr;
    if (module)
      module->walk([&](attn::CreateMaskOp op) { region = &op.getPredicate(); });
    EXPECT_NE(region, nullptr) << body;
    return *region;
  }

  std::string normalForm(const std::string &body) {
    Region &region = parseRegion(body + "attn.yield %p : i1\n");
    return analyzeMaskRegion(region).str([&](Value value) -> std::string {
      if (auto arg = dyn_cast<BlockArgument>(value))
        return arg.getOwner()->getParent() == &region ? arg.getArgNumber() ? "j" : "i" : "n";
      return "data";
    });
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

TEST_F(MaskPredicateTest, RandomPredicatesKeepTheirMeaning) {
  int understood = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    Region &region = parseRegion("%t = arith.constant true\nattn.yield %t : i1\n");
    Value i = region.getArgument(0), j = region.getArgument(1);
    Value n = region.getParentOp()->getBlock()->getArgument(1);
    Operation *yield = region.front().getTerminator();
    OpBuilder builder(yield);
    Value value = RandomPredicate(seed, builder, {i, j, n}).boolean(3);
    MaskPredicate predicate = analyzePredicate(value, region);
    IRMapping mapping;
    mapping.map(region.getArguments(), region.getArguments());
    Value again =
        PredicateEmitter(builder, builder.getUnknownLoc(), region, mapping).emit(predicate);
    understood += predicate.getKind() != MaskPredicate::Kind::Opaque;

    for (int64_t x = 0; x < 7; ++x)
      for (int64_t y = 0; y < 7; ++y) {
        Point point{{i, x}, {j, y}, {n, (x * 5 + y * 3) % 11 - 3}};
        auto lookup = [&](Value v) { return std::optional<int64_t>(interpret(v, point)); };
        bool expected = interpret(value, point);
        ASSERT_EQ(predicate.evaluate(lookup), std::optional<bool>(expected))
            << "seed " << seed << " at " << x << ", " << y;
        ASSERT_EQ(interpret(again, point), expected) << "seed " << seed << ", regenerated";
        ASSERT_EQ(predicate.negation().evaluate(lookup), std::optional<bool>(!expected));
      }
    // Opaque atoms are recomputed, so what is regenerated is compared by name.
    EXPECT_EQ(printMaskRegion(region, analyzePredicate(again, region)),
              printMaskRegion(region, predicate))
        << "seed " << seed;
    EXPECT_TRUE(predicate.negation().negation() == predicate) << "seed " << seed;
  }
  EXPECT_GT(understood, 380); // an analysis that calls everything opaque would pass the rest
}

TEST_F(MaskPredicateTest, RangesNeverChangeTheValueInside) {
  int decided = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    Region &region = parseRegion("%t = arith.constant true\nattn.yield %t : i1\n");
    Value i = region.getArgument(0), j = region.getArgument(1);
    Value n = region.getParentOp()->getBlock()->getArgument(1);
    OpBuilder builder(region.front().getTerminator());
    Value value = RandomPredicate(seed, builder, {i, j, n}).boolean(2);
    MaskPredicate predicate = analyzePredicate(value, region);
    LinearForm size = LinearForm::ofValue(n);
    MaskPredicate simpler = predicate.simplified(
        {{i, LinearForm(0), size - LinearForm(1)}, {j, LinearForm(0), size - LinearForm(1)}}, {n});
    decided += !(simpler == predicate);
    for (int64_t size : {1, 2, 5})
      for (int64_t x = 0; x < size; ++x)
        for (int64_t y = 0; y < size; ++y) {
          Point point{{i, x}, {j, y}, {n, size}};
          auto lookup = [&](Value v) { return std::optional<int64_t>(interpret(v, point)); };
          ASSERT_EQ(simpler.evaluate(lookup), predicate.evaluate(lookup)) << "seed " << seed;
        }
  }
  EXPECT_GT(decided, 20);
}

TEST_F(MaskPredicateTest, ThreeWaysToWriteOneWindow) {
  const std::string window = "j - i >= -64 and j - i <= 64";
  EXPECT_EQ(normalForm("%c = arith.constant 64 : index\n%d = arith.subi %i, %j : index\n"
                       "%a = math.absi %d : index\n%p = arith.cmpi sle, %a, %c : index\n"),
            window);
  EXPECT_EQ(normalForm("%c = arith.constant 64 : index\n%d = arith.subi %i, %j : index\n"
                       "%e = arith.subi %j, %i : index\n%x = arith.cmpi sle, %d, %c : index\n"
                       "%y = arith.cmpi sle, %e, %c : index\n%p = arith.andi %x, %y : i1\n"),
            window);
  EXPECT_EQ(normalForm("%c = arith.constant 64 : index\n%t = arith.constant true\n"
                       "%d = arith.subi %i, %j : index\n%e = arith.subi %j, %i : index\n"
                       "%x = arith.cmpi sgt, %d, %c : index\n%y = arith.cmpi sgt, %e, %c : index\n"
                       "%o = arith.ori %x, %y : i1\n%p = arith.xori %o, %t : i1\n"),
            window);
}

TEST_F(MaskPredicateTest, AbsoluteValueWrittenAsSelectIsOneWindow) {
  EXPECT_EQ(normalForm("%z = arith.constant 0 : index\n%c = arith.constant 2 : index\n"
                       "%d = arith.subi %i, %j : index\n%e = arith.subi %z, %d : index\n"
                       "%a = arith.maxsi %d, %e : index\n%p = arith.cmpi sle, %a, %c : index\n"),
            "j - i >= -2 and j - i <= 2");
}

TEST_F(MaskPredicateTest, BlockIndicesAreFloorDivisions) {
  EXPECT_EQ(normalForm("%c = arith.constant 4 : index\n%x = arith.floordivsi %i, %c : index\n"
                       "%y = arith.divui %j, %c : index\n%p = arith.cmpi sge, %x, %y : index\n"),
            "((j) floordiv 4) - ((i) floordiv 4) <= 0");
}

TEST_F(MaskPredicateTest, BoundsAreTightenedAndContradictionsFound) {
  EXPECT_EQ(normalForm("%c = arith.constant 2 : index\n%o = arith.constant 5 : index\n"
                       "%x = arith.muli %j, %c : index\n%p = arith.cmpi sge, %x, %o : index\n"),
            "j >= 3");
  EXPECT_EQ(normalForm("%x = arith.cmpi slt, %i, %j : index\n%y = arith.cmpi sgt, %i, %j : index\n"
                       "%p = arith.andi %x, %y : i1\n"),
            "false");
  EXPECT_EQ(normalForm("%x = arith.cmpi sle, %i, %j : index\n%y = arith.cmpi sge, %i, %j : index\n"
                       "%p = arith.ori %x, %y : i1\n"),
            "true");
}

TEST_F(MaskPredicateTest, DataStaysOpaque) {
  EXPECT_EQ(normalForm("%e = tensor.extract %init[%i, %j] : tensor<8x8xi1>\n"
                       "%c = arith.cmpi sge, %i, %j : index\n%p = arith.andi %e, %c : i1\n"),
            "j - i <= 0 and data");
}

TEST_F(MaskPredicateTest, ProductsOfVariablesStayWhole) {
  EXPECT_EQ(normalForm("%x = arith.muli %i, %j : index\n%p = arith.cmpi sge, %x, %n : index\n"),
            "data - n >= 0");
}

TEST_F(MaskPredicateTest, HugeConstantsDoNotOverflow) {
  EXPECT_EQ(normalForm("%c = arith.constant 9223372036854775807 : index\n"
                       "%x = arith.addi %i, %c : index\n%y = arith.addi %x, %c : index\n"
                       "%p = arith.cmpi sge, %y, %j : index\n"),
            "j - data <= 0");
}

TEST_F(MaskPredicateTest, ChainsOfSharedValuesAreReadOnce) {
  std::string body = "%v0 = arith.maxsi %i, %j : index\n";
  for (int k = 1; k < 200; ++k)
    body += "%v" + std::to_string(k) + " = arith.addi %v" + std::to_string(k - 1) + ", %v" +
            std::to_string(k - 1) + " : index\n";
  normalForm(body + "%p = arith.cmpi sge, %v199, %j : index\n"); // ends, that is all
}

TEST_F(MaskPredicateTest, PositionsSplitOffOnlyWhereTheRestIsInvariant) {
  Region &region =
      parseRegion("%c = arith.constant 4 : index\n%f = arith.floordivsi %i, %c : index\n"
                  "%x = arith.muli %j, %c : index\n%y = arith.addi %x, %n : index\n"
                  "%p = arith.cmpi sge, %f, %y : index\nattn.yield %p : i1\n");
  Value i = region.getArgument(0), j = region.getArgument(1);
  MaskPredicate predicate = analyzeMaskRegion(region);
  ASSERT_EQ(predicate.getKind(), MaskPredicate::Kind::Linear);
  EXPECT_FALSE(splitPositions(predicate.getForm(), i, j, region));
  LinearForm plain = LinearForm::ofValue(j) * 3 - LinearForm::ofValue(i) + LinearForm(7);
  std::optional<PositionForm> split = splitPositions(plain, i, j, region);
  ASSERT_TRUE(split);
  EXPECT_EQ(split->iCoefficient, -1);
  EXPECT_EQ(split->jCoefficient, 3);
  EXPECT_TRUE(split->rest == LinearForm(7));
}

} // namespace
