// What a failing graph is shrunk to, where it fails because of one known thing.
#include "dialect/RegisterAll.h"
#include "frontend/Importer.h"
#include "tests/fuzz/Shrink.h"
#include "tests/fuzz/graph/GenerateGraph.h"
#include "gtest/gtest.h"

using namespace fovea;
using namespace fovea::fuzz;

/// y = softmax(tanh(x) + w), z = y.sum(), of which w is an integer's float.
static GraphProgram makeGraph() {
  SymbolicDim a = SymbolicDim::symbol("A"), b = SymbolicDim::symbol("B");
  GraphProgram program;
  program.symbols = {{"A", 7}, {"B", 33}, {"C", 2}};
  program.nodes = {{"", {}, {a, b}},
                   {"", {}, {b}, DataType::I64},
                   {"tanh({0})", {0}, {a, b}},
                   {"{0}.to(f32)", {1}, {b}},
                   {"{0} + {1}", {2, 3}, {a, b}},
                   {"softmax({0}, dim=1)", {4}, {a, b}},
                   {"{0}.sum()", {5}, {}}};
  program.results = {6, 5};
  program.fixedSizes = program.stridedInputs = true;
  return program;
}

static bool has(const GraphProgram &program, llvm::StringRef text) {
  return llvm::StringRef(program.str()).contains(text);
}

TEST(GraphProgramTest, LeavesOutWhatNoResultNeeds) {
  GraphProgram program = makeGraph();
  program.results = {2};
  EXPECT_EQ(program.str(), "def fuzz(x0: f32[A, B]):\n    t2 = tanh(x0)\n    return t2\n");
  EXPECT_EQ(program.openSizes(), (NamedSizes{{"A", 7}, {"B", 33}}));
}

TEST(GraphProgramTest, StatementsOfSeveralLinesAssignToTheNode) {
  GraphProgram program = makeGraph();
  program.nodes[2].form = "{r} = {0}\n    for n in range(2):\n        {r} = {r} + {0}";
  program.results = {2};
  EXPECT_TRUE(has(program, "    t2 = x0\n    for n in range(2):\n        t2 = t2 + x0\n"));
}

TEST(ShrinkGraphTest, KeepsOnlyTheStepThatMatters) {
  GraphProgram least =
      shrink<GraphProgram>(makeGraph(), [](const GraphProgram &p) { return has(p, "softmax("); });
  EXPECT_EQ(least.str(), "def fuzz(x0: f32[A, B]):\n    t5 = softmax(x0, dim=1)\n    return t5\n");
  EXPECT_EQ(least.openSizes(), (NamedSizes{{"A", 1}, {"B", 1}}));
  EXPECT_FALSE(least.fixedSizes || least.stridedInputs);
}

TEST(ShrinkGraphTest, KeepsOnlyTheSizeThatMatters) {
  GraphProgram least = shrink<GraphProgram>(makeGraph(), [](const GraphProgram &p) {
    return p.sizeOf(SymbolicDim::symbol("B")) >= 9 && has(p, "[A, B]");
  });
  EXPECT_EQ(least.openSizes(), (NamedSizes{{"A", 1}, {"B", 9}}));
}

TEST(ShrinkGraphTest, WhatMayHaveBeenRoundedDoesNotStandForWhatWasNot) {
  GraphProgram program = makeGraph();
  program.nodes[2].isExact = false;
  program.nodes.push_back({"abs({0})", {0}, program.nodes[0].shape});
  program.nodes.push_back({"{0} > 0.0", {7}, program.nodes[0].shape, DataType::Bool});
  program.results = {8};
  for (const GraphProgram &simpler : simplerPrograms(program))
    EXPECT_NE(simpler.nodes[8].operands[0], 2u);
}

TEST(GenerateGraphTest, DrawsWhatTheImporterTakes) {
  auto context = makeContext();
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::string text = generateGraph(seed).str();
    auto module = importFov(*context, "fuzz.fov", text);
    EXPECT_TRUE(static_cast<bool>(module))
        << "seed " << seed << ": " << llvm::toString(module.takeError()) << text;
  }
}

TEST(GenerateGraphTest, DrawsTheSameOfASeed) {
  EXPECT_EQ(generateGraph(5).str(), generateGraph(5).str());
  EXPECT_NE(generateGraph(5).str(), generateGraph(6).str());
}
