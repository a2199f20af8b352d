// Terms of the distance against brute force: they are the same wherever both positions have moved
// alike.
#include "passes/mask/DistanceTerms.h"
#include "tests/passes/mask/MaskTesting.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::testing;

namespace {

class DistanceTermsTest : public MaskRegionTest {
protected:
  /// A region over (b, h, i, j) that yields what `body` calls %p.
  Region &parseRegion(const std::string &body) {
    return parse<attn::CreateMaskOp>(
        "func.func @f(%init: tensor<2x2x8x8xi1>, %n: index, %data: tensor<?xindex>) {\n"
        "attn.create_mask outs(%init : tensor<2x2x8x8xi1>) where {\n"
        "^bb0(%b: index, %h: index, %i: index, %j: index):\n" +
        body + "attn.yield %p : i1\n} -> tensor<2x2x8x8xi1>\nreturn }\n");
  }
  size_t countTerms(const std::string &body) {
    return DistanceTerms(parseRegion(body)).get().size();
  }
};

TEST_F(DistanceTermsTest, RandomTermsFollowFromTheDistance) {
  int found = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    Region &region = parseRegion("%p = arith.constant true\n");
    Value h = region.getArgument(1), i = region.getArgument(2), j = region.getArgument(3);
    Operation *yield = region.front().getTerminator();
    OpBuilder builder(yield);
    Value distance = arith::SubIOp::create(builder, builder.getUnknownLoc(), j, i);
    yield->setOperand(0, RandomPredicate(seed, builder, {i, j, distance, h}).boolean(3));
    DistanceTerms terms(region); // outlives the loop over what it holds
    for (Value term : terms.get()) {
      ++found;
      for (int64_t x = -4; x < 5; ++x)
        for (int64_t y = -4; y < 5; ++y)
          for (int64_t shift : {1, 5})
            ASSERT_EQ(interpret(term, {{h, 1}, {i, x + shift}, {j, y + shift}}),
                      interpret(term, {{h, 1}, {i, x}, {j, y}}))
                << "seed " << seed << " at " << x << ", " << y;
    }
  }
  EXPECT_GT(found, 200); // an analysis that finds none would pass the rest
}

// Clipped in any way to write it, by the difference itself or by a bound that moves with i.
TEST_F(DistanceTermsTest, WaysToWriteADistance) {
  const std::string end = "%p = arith.cmpi sgt, %t, %h : index\n";
  const std::string five = "%c = arith.constant 5 : index\n";
  EXPECT_EQ(countTerms("%t = arith.subi %i, %j : index\n" + end), 1u);
  EXPECT_EQ(countTerms(five +
                       "%x = arith.addi %i, %c : index\n%y = arith.minsi %x, %j : index\n"
                       "%t = arith.subi %y, %i : index\n" +
                       end),
            1u);
  EXPECT_EQ(countTerms(five +
                       "%x = arith.muli %i, %c : index\n%y = arith.muli %c, %j : index\n"
                       "%t = arith.subi %x, %y : index\n" +
                       end),
            1u);
  EXPECT_EQ(countTerms("%c = arith.cmpi slt, %i, %j : index\n"
                       "%t = arith.select %c, %n, %b : index\n" +
                       end),
            1u);
  EXPECT_EQ(countTerms("%c = arith.cmpi slt, %i, %j : index\n"
                       "%x = arith.select %c, %i, %j : index\n"
                       "%t = arith.subi %x, %j : index\n" +
                       end),
            1u);
}

TEST_F(DistanceTermsTest, WhatFollowsFromMore) {
  const std::string end = "%p = arith.cmpi sgt, %t, %h : index\n";
  const std::string two = "%c = arith.constant 2 : index\n";
  EXPECT_EQ(countTerms("%t = arith.addi %i, %j : index\n" + end), 0u);
  EXPECT_EQ(
      countTerms(two + "%x = arith.muli %i, %c : index\n%t = arith.subi %x, %j : index\n" + end),
      0u);
  EXPECT_EQ(countTerms("%t = arith.minsi %i, %j : index\n" + end), 0u);
  EXPECT_EQ(countTerms(two +
                       "%x = arith.floordivsi %i, %c : index\n"
                       "%y = arith.floordivsi %j, %c : index\n"
                       "%t = arith.subi %x, %y : index\n" +
                       end),
            0u);
  // Unsigned, the order of two positions changes where one of them passes 0.
  EXPECT_EQ(countTerms("%c = arith.cmpi ult, %i, %j : index\n"
                       "%t = arith.select %c, %n, %b : index\n" +
                       end),
            0u);
  EXPECT_EQ(countTerms("%t = tensor.extract %data[%j] : tensor<?xindex>\n" + end), 0u);
  // Neither position.
  EXPECT_EQ(countTerms("%t = arith.addi %b, %n : index\n" + end), 0u);
}

} // namespace
