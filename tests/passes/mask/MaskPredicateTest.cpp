// The normal form of mask predicates against brute force: random predicates are evaluated op by
// op at every point of a grid and compared with what the analysis made of them.
#include "passes/mask/MaskPredicate.h"
#include "tests/passes/mask/MaskTesting.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::testing;

namespace {

class MaskPredicateTest : public MaskRegionTest {
protected:
  /// A mask region over (i, j) whose body is `body`, and %n from outside.
  Region &parseRegion(const std::string &body) {
    return parse<attn::CreateMaskOp>("func.func @f(%init: tensor<8x8xi1>, %n: index) {\n"
                                     "attn.create_mask outs(%init : tensor<8x8xi1>) where {\n"
                                     "^bb0(%i: index, %j: index):\n" +
                                     body + "} -> tensor<8x8xi1>\nreturn }\n");
  }

  std::string normalForm(const std::string &body) {
    Region &region = parseRegion(body + "attn.yield %p : i1\n");
    return analyzeMaskRegion(region).str([&](Value value) -> std::string {
      if (auto arg = dyn_cast<BlockArgument>(value))
        return arg.getOwner()->getParent() == &region ? arg.getArgNumber() ? "j" : "i" : "n";
      return "data";
    });
  }
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
            "(j floordiv 4) - (i floordiv 4) <= 0");
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

TEST_F(MaskPredicateTest, PartsThatExcludeEachOtherLeaveWhatTheyShare) {
  const std::string parts = "%x = arith.cmpi sle, %j, %i : index\n"
                            "%u = arith.cmpi slt, %j, %n : index\n"
                            "%l = arith.cmpi sge, %j, %n : index\n";
  EXPECT_EQ(normalForm(parts + "%a = arith.andi %x, %u : i1\n%b = arith.andi %x, %l : i1\n"
                               "%p = arith.ori %a, %b : i1\n"),
            "j - i <= 0");
  EXPECT_EQ(normalForm(parts + "%a = arith.ori %x, %u : i1\n%b = arith.ori %x, %l : i1\n"
                               "%p = arith.andi %a, %b : i1\n"),
            "j - i <= 0");
  EXPECT_EQ(normalForm("%y = arith.cmpi sge, %i, %n : index\n" + parts +
                       "%a = arith.andi %x, %u : i1\n%b = arith.andi %y, %l : i1\n"
                       "%p = arith.ori %a, %b : i1\n"),
            "(j - i <= 0 and j - n <= -1) or (j - n >= 0 and i - n >= 0)");
}

TEST_F(MaskPredicateTest, EqualitiesArePrintedAsSuch) {
  const std::string values = "%c = arith.constant 4 : index\n%o = arith.constant 3 : index\n"
                             "%d = arith.subi %j, %i : index\n%r = arith.remsi %j, %c : index\n";
  EXPECT_EQ(normalForm(values + "%p = arith.cmpi eq, %d, %o : index\n"), "j - i == 3");
  EXPECT_EQ(normalForm(values + "%p = arith.cmpi ne, %d, %o : index\n"), "j - i != 3");
  EXPECT_EQ(normalForm(values + "%e = arith.cmpi eq, %d, %o : index\n"
                                "%f = arith.cmpi eq, %r, %o : index\n%p = arith.ori %e, %f : i1\n"),
            "j - i == 3 or (j mod 4) == 3");
  // A remainder is never below 0.
  EXPECT_EQ(normalForm(values + "%z = arith.constant 0 : index\n"
                                "%p = arith.cmpi eq, %r, %z : index\n"),
            "(j mod 4) == 0");
  EXPECT_EQ(normalForm(values + "%z = arith.constant 0 : index\n"
                                "%p = arith.cmpi ne, %r, %z : index\n"),
            "(j mod 4) != 0");
  EXPECT_EQ(normalForm(values + "%p = arith.cmpi slt, %r, %o : index\n"), "(j mod 4) <= 2");
  // One apart is a range, not an equality.
  EXPECT_EQ(normalForm(values +
                       "%x = arith.cmpi sge, %d, %o : index\n"
                       "%y = arith.cmpi sle, %d, %c : index\n%p = arith.andi %x, %y : i1\n"),
            "j - i >= 3 and j - i <= 4");
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

TEST_F(MaskPredicateTest, ChainsOfSharedOpaqueValuesAreReadOnce) {
  std::string body = "%v0 = arith.muli %i, %j : index\n";
  for (int k = 1; k < 60; ++k)
    body += "%v" + std::to_string(k) + " = arith.muli %v" + std::to_string(k - 1) + ", %v" +
            std::to_string(k - 1) + " : index\n";
  normalForm(body + "%p = arith.cmpi sge, %v59, %j : index\n");
}

TEST_F(MaskPredicateTest, ChainsOfSharedQuotientsEndInAnOpaqueValue) {
  std::string body = "%two = arith.constant 2 : index\n%three = arith.constant 3 : index\n"
                     "%v0 = arith.addi %i, %j : index\n";
  for (int k = 1; k < 60; ++k) {
    std::string n = std::to_string(k), last = "%v" + std::to_string(k - 1);
    body += "%x" + n + " = arith.floordivsi " + last + ", %two : index\n%y" + n +
            " = arith.floordivsi " + last + ", %three : index\n%v" + n + " = arith.addi %x" + n +
            ", %y" + n + " : index\n";
  }
  EXPECT_NE(normalForm(body + "%p = arith.cmpi sge, %v59, %j : index\n").find("data"),
            std::string::npos);
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
