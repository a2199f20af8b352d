#include "RecordTesting.h"
#include "llvm/ADT/STLFunctionalExtras.h"

using namespace fovea;
using namespace fovea::testing;

static const char causal[] = "%m = arith.cmpi sge, %i, %j : index";

using Mask = llvm::function_ref<bool(int64_t h, int64_t i, int64_t j)>;

/// Every pair of each block, one by one. Kinds may be weaker than they could be, so the counts are
/// checked against what the pairs allow; `exact` for masks whose bounds are exact.
static void checkCounts(llvm::StringRef mask, int64_t rows, int64_t keys, Mask allows, bool exact) {
  Recorded recorded(attentionSource(mask));
  std::vector<AttentionFacts> all = recorded.record.attentions({{"Lq", rows}, {"Lk", keys}});
  ASSERT_EQ(all.size(), 1u) << recorded.error;
  const AttentionFacts &facts = all.front();
  ASSERT_TRUE(facts.counts) << facts.whyNoCounts;
  int64_t height = facts.queriesPerBlock, width = facts.keysPerBlock;
  BlockCounts expected;
  for (int64_t h = 0; h < 2; ++h)
    for (int64_t row = 0; row < rows; row += height)
      for (int64_t begin = 0; begin < keys; begin += width) {
        bool any = false, every = true;
        for (int64_t r = row; r < std::min(row + height, rows); ++r)
          for (int64_t j = begin; j < std::min(begin + width, keys); ++j) {
            bool allowed = allows(h, r + keys - rows, j);
            any |= allowed;
            every &= allowed;
          }
        BlockKind kind = every ? BlockKind::Full : any ? BlockKind::Partial : BlockKind::Skipped;
        (every ? expected.full : any ? expected.partial : expected.skipped)++;
        if (h != 0)
          continue;
        BlockKind got = facts.map->at(row / height, begin / width);
        if (got != BlockKind::Partial)
          EXPECT_EQ(got, kind) << "row " << row << ", key " << begin;
      }
  EXPECT_EQ(facts.counts->total(), expected.full + expected.partial + expected.skipped);
  EXPECT_EQ(facts.counts->total(), facts.totalBlocks.constant());
  EXPECT_LE(facts.counts->full, expected.full);
  EXPECT_LE(facts.counts->skipped, expected.skipped);
  if (exact) {
    EXPECT_EQ(facts.counts->full, expected.full);
    EXPECT_EQ(facts.counts->skipped, expected.skipped);
  }
}

TEST(AttentionFactsTest, CountsCausalBlocks) {
  auto allows = [](int64_t, int64_t i, int64_t j) { return j <= i; };
  for (auto [rows, keys] : {std::pair(500, 500), {129, 1000}, {300, 128}, {1, 700}, {17, 17}})
    checkCounts(causal, rows, keys, allows, /*exact=*/true);
}

TEST(AttentionFactsTest, CountsWindowedBlocks) {
  const char window[] = R"(
    %c = arith.constant 100 : index
    %e = arith.subi %i, %j : index
    %p = arith.cmpi sge, %i, %j : index
    %l = arith.cmpi sle, %e, %c : index
    %m = arith.andi %p, %l : i1)";
  auto allows = [](int64_t, int64_t i, int64_t j) { return j <= i && i - j <= 100; };
  checkCounts(window, 900, 900, allows, /*exact=*/true);
  checkCounts(window, 50, 900, allows, /*exact=*/true);
}

TEST(AttentionFactsTest, CountsBlocksOfEachHead) {
  // Head 1 sees 200 keys further ahead than head 0.
  const char byHead[] = R"(
    %c = arith.constant 200 : index
    %s = arith.muli %h, %c : index
    %t = arith.addi %i, %s : index
    %m = arith.cmpi sge, %t, %j : index)";
  auto allows = [](int64_t h, int64_t i, int64_t j) { return j <= i + 200 * h; };
  checkCounts(byHead, 600, 600, allows, /*exact=*/true);
}

TEST(AttentionFactsTest, SkipsTheGapOfAUnion) {
  // Keys before 40 and keys from 400 on: one interval holds both, and blocks between are tested.
  const char sinks[] = R"(
    %c = arith.constant 40 : index
    %d = arith.constant 400 : index
    %p = arith.cmpi slt, %j, %c : index
    %l = arith.cmpi sge, %j, %d : index
    %m = arith.ori %p, %l : i1)";
  auto allows = [](int64_t, int64_t, int64_t j) { return j < 40 || j >= 400; };
  checkCounts(sinks, 600, 600, allows, /*exact=*/true);
}

TEST(AttentionFactsTest, ShowsFormulasWhereSizesAreUnknown) {
  Recorded recorded(attentionSource(causal));
  std::vector<AttentionFacts> all = recorded.record.attentions({});
  ASSERT_EQ(all.size(), 1u) << recorded.error;
  EXPECT_EQ(all[0].place.str(), "test.mlir:9:12");
  EXPECT_EQ(all[0].mask, "j - i <= 0");
  EXPECT_EQ(all[0].totalBlocks.str(), "2*((Lk + 127)//128)*((Lq + 23)//24)");
  EXPECT_FALSE(all[0].counts);
  EXPECT_EQ(all[0].whyNoCounts, "sizes are known at run time");
  ASSERT_TRUE(all[0].bounds);
  EXPECT_EQ(all[0].bounds->anyLo.str(), "0");
  EXPECT_EQ(all[0].bounds->anyHi.str(), "last + 1");
  EXPECT_EQ(all[0].bounds->allHi.str(), "first + 1");
  EXPECT_EQ(all[0].unfusedBytes.str(), "17*Lk*Lq");
}

TEST(AttentionFactsTest, SaysWhyBlocksAreNotCounted) {
  Recorded recorded(attentionSource(causal));
  std::vector<AttentionFacts> all =
      recorded.record.attentions({{"Lq", int64_t(1) << 30}, {"Lk", int64_t(1) << 30}});
  ASSERT_EQ(all.size(), 1u) << recorded.error;
  EXPECT_FALSE(all[0].counts);
  EXPECT_FALSE(all[0].map);
  EXPECT_EQ(all[0].whyNoCounts, "they are too many to be counted one by one");
}
