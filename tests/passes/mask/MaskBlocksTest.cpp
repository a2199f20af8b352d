// Classes and bounds of blocks against brute force: every pair of positions of a block is put to
// the mask op by op. Classes must never claim too much, and for affine masks they must be exact.
#include "passes/mask/MaskBlocks.h"
#include "tests/passes/mask/MaskTesting.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::testing;

namespace {

/// Affine terms of unit steps, compared and combined.
class RandomAffine {
public:
  RandomAffine(unsigned seed, OpBuilder &builder, std::vector<Value> leaves)
      : random(seed), b(builder), loc(builder.getUnknownLoc()), leaves(std::move(leaves)) {}

  Value boolean(int depth) {
    if (depth == 0) {
      auto predicate = static_cast<arith::CmpIPredicate>(pick(6));
      return arith::CmpIOp::create(b, loc, predicate, term(), constant());
    }
    Value x = boolean(depth - 1), y = boolean(depth - 1);
    switch (pick(5)) {
    case 0:
    case 1:
      return arith::AndIOp::create(b, loc, x, y);
    case 2:
    case 3:
      return arith::OrIOp::create(b, loc, x, y);
    default:
      return arith::XOrIOp::create(b, loc, x, y);
    }
  }

private:
  int64_t pick(int64_t count) {
    return std::uniform_int_distribution<int64_t>(0, count - 1)(random);
  }
  Value constant() { return arith::ConstantIndexOp::create(b, loc, pick(17) - 6); }
  Value term() {
    Value sum = arith::ConstantIndexOp::create(b, loc, 0);
    for (Value leaf : leaves)
      switch (pick(3)) {
      case 0:
        sum = arith::AddIOp::create(b, loc, sum, leaf);
        break;
      case 1:
        sum = arith::SubIOp::create(b, loc, sum, leaf);
        break;
      }
    return sum;
  }
  std::mt19937 random;
  OpBuilder &b;
  Location loc;
  std::vector<Value> leaves;
};

class MaskBlocksTest : public MaskRegionTest {
protected:
  /// A mask region over (b, h, i, j) with the body `body`; outside are the index %n and %doc.
  Region &parseRegion(const std::string &body) {
    Region &region = parse<attn::AttentionOp>(
        "!t = tensor<2x2x16x8xf32>\n"
        "func.func @f(%q: !t, %n: index {attn.name = \"n\"},\n"
        "             %doc: tensor<2x16xi64> {attn.name = \"doc\"}) {\n"
        "attn.attention ins(%q, %q, %q : !t, !t, !t) outs(%q : !t) mask {\n"
        "^bb0(%b: index, %h: index, %i: index, %j: index):\n" +
        body + "attn.yield %p : i1\n} -> !t\nreturn }\n");
    n = region.getParentOp()->getBlock()->getArgument(1);
    return region;
  }
  /// Gives the region a body that yields what `build` builds.
  template <typename Builder>
  Region &buildRegion(Builder build) {
    Region &region = parseRegion("%p = arith.constant true\n");
    OpBuilder builder(region.front().getTerminator());
    Value value = build(builder, region.getArgument(2), region.getArgument(3));
    region.front().getTerminator()->setOperand(0, value);
    return region;
  }

  /// What the pairs of a block really are.
  BlockClass bruteForce(Region &region, const PositionBlock &block, int64_t number) {
    int64_t seen = 0, pairs = 0;
    for (int64_t i = block.firstQuery; i <= block.lastQuery; ++i)
      for (int64_t j = block.firstKey; j <= block.lastKey; ++j, ++pairs)
        seen += allows(region, i, j, number);
    return seen == 0 ? BlockClass::Empty : seen == pairs ? BlockClass::Full : BlockClass::Partial;
  }
  bool allows(Region &region, int64_t i, int64_t j, int64_t number) {
    Point point{{region.getArgument(2), i}, {region.getArgument(3), j}, {n, number}};
    return interpret(region.front().getTerminator()->getOperand(0), point);
  }
  auto numberOfN(int64_t number) {
    return [this, number](Value value) {
      return value == n ? std::optional<int64_t>(number) : std::nullopt;
    };
  }
  /// Knows everything of a block: what varies within it has its bounds taken pair by pair.
  auto numbersOf(Region &region, const MaskBlocks &mask, const PositionBlock &block,
                 int64_t number) {
    return [=, this, &region, &mask](Value value) -> std::optional<int64_t> {
      Value i = region.getArgument(2), j = region.getArgument(3);
      for (const MaskBlocks::Data &read : mask.getData()) {
        if (value != read.min && value != read.max)
          continue;
        std::optional<int64_t> bound;
        for (int64_t x = block.firstQuery; x <= block.lastQuery; ++x)
          for (int64_t y = block.firstKey; y <= block.lastKey; ++y) {
            int64_t at = interpret(read.value, {{i, x}, {j, y}, {n, number}});
            bool isBoolean = read.value.getType().isInteger(1);
            at = isBoolean ? at & 1 : at;
            bound = !bound ? at : value == read.min ? std::min(*bound, at) : std::max(*bound, at);
          }
        return bound;
      }
      if (value == mask.firstQuery() || value == mask.lastQuery())
        return value == mask.firstQuery() ? block.firstQuery : block.lastQuery;
      return interpret(value, {{n, number}});
    };
  }

  void expectSoundRanges(Region &region, const MaskBlocks &mask, const PositionBlock &block,
                         int64_t number, unsigned seed);

  Value n;
};

PositionBlock randomBlock(std::mt19937 &random) {
  auto pick = [&](int64_t count) {
    return std::uniform_int_distribution<int64_t>(0, count - 1)(random);
  };
  PositionBlock block;
  block.firstQuery = pick(16) - 4;
  block.lastQuery = block.firstQuery + pick(6);
  block.firstKey = pick(12);
  block.lastKey = block.firstKey + pick(6);
  return block;
}

/// Keys of [0, 20) outside of `seen` are masked for all queries, those in `shared` for none.
void MaskBlocksTest::expectSoundRanges(Region &region, const MaskBlocks &mask,
                                       const PositionBlock &block, int64_t number, unsigned seed) {
  constexpr int64_t keys = 20;
  auto lookup = numbersOf(region, mask, block, number);
  auto seen = mask.getSeen().evaluate(lookup, keys);
  auto shared = mask.getShared().evaluate(lookup, keys);
  ASSERT_TRUE(seen && shared);
  for (int64_t i = block.firstQuery; i <= block.lastQuery; ++i)
    for (int64_t j = 0; j < keys; ++j) {
      bool allowed = allows(region, i, j, number);
      ASSERT_TRUE(!allowed || (seen->lo <= j && j < seen->hi)) << "seed " << seed << ", key " << j;
      ASSERT_TRUE(allowed || j < shared->lo || j >= shared->hi) << "seed " << seed << ", key " << j;
    }
}

TEST_F(MaskBlocksTest, AffineMasksAreClassifiedExactly) {
  std::mt19937 random(1);
  int64_t counts[3] = {};
  for (unsigned seed = 0; seed < 600; ++seed) {
    Region &region = buildRegion([&](OpBuilder &builder, Value i, Value j) {
      return RandomAffine(seed, builder, {i, j, n}).boolean(2);
    });
    MaskBlocks mask(region);
    for (int trial = 0; trial < 8; ++trial) {
      PositionBlock block = randomBlock(random);
      int64_t number = trial * 2 - 5;
      BlockClass expected = bruteForce(region, block, number);
      ++counts[static_cast<int>(expected)];
      ASSERT_EQ(mask.classify(block, numberOfN(number)), expected)
          << "seed " << seed << ": " << printMaskRegion(region, mask.getPredicate()) << "\n"
          << mask.str() << "\nqueries " << block.firstQuery << ".." << block.lastQuery << ", keys "
          << block.firstKey << ".." << block.lastKey << ", n " << number;
      expectSoundRanges(region, mask, block, number, seed);
    }
  }
  for (int64_t count : counts) // each class occurs
    EXPECT_GT(count, 300);
}

TEST_F(MaskBlocksTest, AnyMaskIsClassifiedSoundly) {
  std::mt19937 random(2);
  int64_t blocks = 0, exact = 0;
  for (unsigned seed = 0; seed < 1000; ++seed) {
    Region &region = buildRegion([&](OpBuilder &builder, Value i, Value j) {
      return RandomPredicate(seed, builder, {i, j, n}).boolean(2);
    });
    MaskBlocks mask(region);
    for (int trial = 0; trial < 4; ++trial) {
      PositionBlock block = randomBlock(random);
      int64_t number = trial * 3 - 4;
      BlockClass expected = bruteForce(region, block, number);
      BlockClass found = mask.classify(block, numbersOf(region, mask, block, number));
      ASSERT_TRUE(found == expected || found == BlockClass::Partial)
          << "seed " << seed << ": " << printMaskRegion(region, mask.getPredicate());
      expectSoundRanges(region, mask, block, number, seed);
      ++blocks;
      exact += found == expected;
    }
  }
  EXPECT_GT(exact, blocks * 9 / 10); // calling every block partial would be sound
}

//===----------------------------------------------------------------------===//
// Masks by name
//===----------------------------------------------------------------------===//

struct Named {
  const char *body, *text;
  int64_t empty, partial, full; // of 64 blocks of 8 x 8 over 64 x 64 positions, n = 20
};

class NamedMaskTest : public MaskBlocksTest, public ::testing::WithParamInterface<Named> {};

TEST_P(NamedMaskTest, BoundsAndClasses) {
  const Named &named = GetParam();
  Region &region = parseRegion(named.body);
  MaskBlocks mask(region);
  EXPECT_EQ(mask.str(), named.text);
  ClassifiedBlocks map = mapBlocks(mask, {0, 0, 0, 64, 64}, 8, 8, numberOfN(20));
  ASSERT_EQ(map.classes.size(), 64u);
  EXPECT_EQ(map.count(BlockClass::Empty), named.empty);
  EXPECT_EQ(map.count(BlockClass::Partial), named.partial);
  EXPECT_EQ(map.count(BlockClass::Full), named.full);
  for (int64_t row = 0; row < 8; ++row)
    for (int64_t column = 0; column < 8; ++column) {
      PositionBlock block{0, 0, row * 8, row * 8 + 7, column * 8, column * 8 + 7};
      EXPECT_EQ(map.at(row, column), bruteForce(region, block, 20)) << row << ", " << column;
    }
}

constexpr const char *causal = "%p = arith.cmpi sle, %j, %i : index\n";
constexpr const char *window = "%c9 = arith.constant 9 : index\n%c4 = arith.constant 4 : index\n"
                               "%d = arith.subi %i, %j : index\n%e = arith.subi %j, %i : index\n"
                               "%x = arith.cmpi sle, %d, %c9 : index\n"
                               "%y = arith.cmpi sle, %e, %c4 : index\n"
                               "%p = arith.andi %x, %y : i1\n";
constexpr const char *prefix = "%x = arith.cmpi sle, %j, %i : index\n"
                               "%y = arith.cmpi slt, %j, %n : index\n"
                               "%p = arith.ori %x, %y : i1\n";
constexpr const char *outside = "%c9 = arith.constant 9 : index\n"
                                "%d = arith.subi %i, %j : index\n%a = math.absi %d : index\n"
                                "%p = arith.cmpi sgt, %a, %c9 : index\n";
constexpr const char *firstAndWindow =
    "%c9 = arith.constant 9 : index\n%c2 = arith.constant 2 : index\n"
    "%d = arith.subi %i, %j : index\n%w = arith.cmpi slt, %d, %c9 : index\n"
    "%s = arith.cmpi slt, %j, %c2 : index\n%o = arith.ori %w, %s : i1\n"
    "%x = arith.cmpi sle, %j, %i : index\n%p = arith.andi %x, %o : i1\n";
constexpr const char *blocks = "%c16 = arith.constant 16 : index\n"
                               "%x = arith.floordivsi %i, %c16 : index\n"
                               "%y = arith.floordivsi %j, %c16 : index\n"
                               "%p = arith.cmpi eq, %x, %y : index\n";
constexpr const char *dilated = "%c3 = arith.constant 3 : index\n%c0 = arith.constant 0 : index\n"
                                "%d = arith.subi %i, %j : index\n"
                                "%q3 = arith.floordivsi %d, %c3 : index\n"
                                "%m = arith.muli %q3, %c3 : index\n%r = arith.subi %d, %m : index\n"
                                "%p = arith.cmpi eq, %r, %c0 : index\n";
constexpr const char *strided = "%c8 = arith.constant 8 : index\n%c3 = arith.constant 3 : index\n"
                                "%c0 = arith.constant 0 : index\n"
                                "%x = arith.floordivsi %i, %c8 : index\n"
                                "%y = arith.floordivsi %j, %c8 : index\n"
                                "%d = arith.subi %x, %y : index\n"
                                "%q3 = arith.floordivsi %d, %c3 : index\n"
                                "%m = arith.muli %q3, %c3 : index\n%r = arith.subi %d, %m : index\n"
                                "%p = arith.cmpi eq, %r, %c0 : index\n";
constexpr const char *neighbours =
    "%c8 = arith.constant 8 : index\n%c1 = arith.constant 1 : index\n"
    "%x = arith.floordivsi %i, %c8 : index\n%y = arith.floordivsi %j, %c8 : index\n"
    "%d = arith.subi %x, %y : index\n%a = math.absi %d : index\n"
    "%u = arith.remui %j, %c8 : index\n%m = arith.muli %x, %c8 : index\n"
    "%v = arith.subi %i, %m : index\n%e = arith.subi %v, %u : index\n%f = math.absi %e : index\n"
    "%s = arith.cmpi sle, %a, %c1 : index\n%t = arith.cmpi sle, %f, %c1 : index\n"
    "%p = arith.andi %s, %t : i1\n";

INSTANTIATE_TEST_SUITE_P(
    Masks, NamedMaskTest,
    ::testing::Values(
        Named{causal, "keys [0, last + 1), shared [0, first + 1)", 28, 8, 28},
        Named{window, "keys [first - 9, last + 5), shared [last - 9, first + 5)", 36, 28, 0},
        Named{prefix, "keys [0, max(last + 1, n)), shared [0, first + 1) or [0, n)", 25, 8, 31},
        Named{outside,
              "keys [0, Lk), shared [last + 10, Lk) or [0, first - 9); blocks where lastKey - "
              "first >= 10 or "
              "firstKey - last <= -10, full where lastKey - first <= -10 or firstKey - last >= 10",
              8, 26, 30},
        Named{firstAndWindow,
              "keys [0, last + 1), shared [0, first + 1); blocks where (lastKey - first >= -8 and "
              "firstKey - last <= "
              "0) or (firstKey <= 1 and firstKey - last <= 0), full where lastKey - first <= 0 and "
              "(lastKey <= 1 or firstKey - last "
              ">= -8 or last <= 10)",
              43, 21, 0},
        Named{blocks,
              "keys [16 * (first floordiv 16), 16 * (last floordiv 16) + 16), shared [16 * (last "
              "floordiv 16), 16 * (first floordiv 16) + 16)",
              48, 0, 16},
        Named{dilated,
              "keys [0, Lk), shared none; blocks where ((-firstKey + last) floordiv 3) - "
              "((-lastKey + first) "
              "floordiv 3) >= 1 or ((-lastKey + first) mod 3) == 0, full where ((-firstKey + last) "
              "floordiv 3) - "
              "((-lastKey + first) floordiv 3) <= 0 and ((-firstKey + last) mod 3) == 0",
              0, 64, 0},
        Named{strided, "keys [0, Lk), shared none; blocks by a test of their corners", 42, 0, 22},
        Named{neighbours,
              "keys [8 * (first floordiv 8) - 8, 8 * (last floordiv 8) + 16), shared none; blocks "
              "by a "
              "test of their corners",
              42, 22, 0}));

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

constexpr const char *documents = "%d = tensor.extract %doc[%b, %i] : tensor<2x16xi64>\n"
                                  "%e = tensor.extract %doc[%b, %j] : tensor<2x16xi64>\n"
                                  "%p = arith.cmpi eq, %d, %e : i64\n";

TEST_F(MaskBlocksTest, DataIsBoundedByItsSmallestAndLargest) {
  MaskBlocks mask(parseRegion(documents));
  EXPECT_EQ(mask.str(),
            "keys [0, Lk), shared none; blocks where max doc[b, j] - min doc[b, i] >= 0 and min "
            "doc[b, j] - max doc[b, i] <= 0, full where max doc[b, j] - min doc[b, i] <= 0 and min "
            "doc[b, j] - max doc[b, i] >= 0");
  ASSERT_EQ(mask.getData().size(), 2u);
  const int64_t doc[] = {0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};
  auto classify = [&](int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
    return mask.classify({0, 0, i0, i1, j0, j1}, [&](Value value) -> std::optional<int64_t> {
      for (const MaskBlocks::Data &read : mask.getData()) {
        int64_t first = read.ofQuery ? i0 : j0, last = read.ofQuery ? i1 : j1;
        EXPECT_NE(read.ofQuery, read.ofKey);
        if (value == read.min)
          return *std::min_element(doc + first, doc + last + 1);
        if (value == read.max)
          return *std::max_element(doc + first, doc + last + 1);
      }
      return std::nullopt;
    });
  };
  EXPECT_EQ(classify(0, 3, 0, 3), BlockClass::Full);
  EXPECT_EQ(classify(0, 3, 4, 7), BlockClass::Partial);
  EXPECT_EQ(classify(0, 3, 5, 8), BlockClass::Empty);
  EXPECT_EQ(classify(12, 15, 12, 15), BlockClass::Full);
  EXPECT_EQ(classify(12, 15, 8, 11), BlockClass::Empty);
}

TEST_F(MaskBlocksTest, UnknownDataIsPartial) {
  MaskBlocks mask(parseRegion(documents));
  auto nothing = [](Value) { return std::nullopt; };
  EXPECT_EQ(mask.classify({0, 0, 0, 3, 0, 3}, nothing), BlockClass::Partial);
}

TEST_F(MaskBlocksTest, UnknownSizesArePartialUnlessDecided) {
  MaskBlocks mask(parseRegion(prefix));
  auto nothing = [](Value) { return std::nullopt; };
  EXPECT_EQ(mask.classify({0, 0, 0, 3, 4, 7}, nothing), BlockClass::Partial);
  EXPECT_EQ(mask.classify({0, 0, 8, 11, 4, 7}, nothing), BlockClass::Full);
}

TEST_F(MaskBlocksTest, LastBlocksAreSmaller) {
  MaskBlocks mask(parseRegion(causal));
  ClassifiedBlocks map = mapBlocks(mask, {0, 0, 5, 5, 10}, 4, 3, numberOfN(0));
  EXPECT_EQ(map.queryBlocks, 2);
  EXPECT_EQ(map.keyBlocks, 4);
  EXPECT_EQ(map.at(0, 0), BlockClass::Full);    // queries 5..8, keys 0..2
  EXPECT_EQ(map.at(0, 2), BlockClass::Partial); // keys 6..8
  EXPECT_EQ(map.at(0, 3), BlockClass::Empty);   // key 9
  EXPECT_EQ(map.at(1, 3), BlockClass::Full);    // query 9, key 9
  EXPECT_TRUE(mapBlocks(mask, {0, 0, 0, 0, 10}, 4, 3, numberOfN(0)).classes.empty());
}

} // namespace
