// What a failure is shrunk to, where it fails because of one known thing.
#include "tests/fuzz/Shrink.h"
#include "tests/fuzz/attention/AttentionProgram.h"
#include "gtest/gtest.h"

using namespace fovea;
using namespace fovea::fuzz;
using Program = AttentionProgram;

/// A program with something of everything.
static Program makeRichProgram() {
  Program program;
  program.batches = 2;
  program.keyHeads = 3;
  program.group = 2;
  program.queries = program.keys = 65;
  program.headDim = 16;
  program.type = DataType::F16;
  program.layout = Layout::Merged;
  program.stridedInputs = program.padding = program.lse = true;
  program.offset = 7;
  Expression causal = {Kind::Bool, "({0} <= {1})", {{Kind::Int, "j"}, {Kind::Int, "i"}}};
  Expression window = {Kind::Bool, "(i - j < 8)"};
  program.mask = Expression{Kind::Bool, "({0} and {1})", {causal, window}};
  program.score = Expression{Kind::Float, "({0} * 0.5)", {{Kind::Float, "s"}}};
  return program;
}

TEST(ShrinkAttentionTest, KeepsOnlyTheSizeThatMatters) {
  Program least = shrink<Program>(makeRichProgram(), [](const Program &p) { return p.keys >= 17; });
  EXPECT_EQ(least.keys, 17);
  EXPECT_EQ(least.queries * least.batches * least.heads() * least.headDim, 1);
  EXPECT_FALSE(least.mask || least.score || least.offset);
  EXPECT_FALSE(least.stridedInputs || least.padding || least.lse);
  EXPECT_EQ(least.type, DataType::F32);
  EXPECT_EQ(least.layout, Layout::HeadsFirst);
}

TEST(ShrinkAttentionTest, KeepsOnlyThePartOfTheMaskThatMatters) {
  Program least = shrink<Program>(
      makeRichProgram(), [](const Program &p) { return p.mask && p.mask->mentions("i - j"); });
  EXPECT_EQ(least.mask->str(), "(i - j < 8)");
  EXPECT_EQ(least.keys, 1);
}

TEST(ShrinkAttentionTest, NeverReadsDocumentsBeforeTheFirst) {
  Program program = makeRichProgram();
  program.offset.reset();
  program.mask = Expression{Kind::Bool, "(doc[b, i] == 1)"};
  Program least = shrink<Program>(program, [](const Program &p) {
    return p.mask && p.mask->mentions("doc[b, i]") && p.queries >= 9;
  });
  EXPECT_EQ(least.queries, 9);
  EXPECT_TRUE(least.queriesAreIndices());
}

TEST(ShrinkAttentionTest, StopsAfterTheGivenTries) {
  int tries = 0;
  auto fails = [&](const Program &) { return ++tries > 0; };
  shrink<Program>(makeRichProgram(), fails, 5);
  EXPECT_EQ(tries, 5);
}

TEST(AttentionProgramTest, DeclaresWhatItsLambdasRead) {
  Program program;
  EXPECT_EQ(program.str().find("doc"), std::string::npos);
  program.score = Expression{Kind::Float, "s + table[h, 0]"};
  EXPECT_NE(program.str().find("table: f32[H, 17]"), std::string::npos);
}
