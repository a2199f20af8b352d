#include "tests/fuzz/attention/GenerateAttention.h"
#include "llvm/ADT/ArrayRef.h"
#include <algorithm>
#include <random>

using namespace fovea;
using namespace fovea::fuzz;

/// Multiply-adds of a program, at most: the reference executor takes about a second for these.
static constexpr int64_t maxWork = 1'000'000;

namespace {
class Generator {
public:
  explicit Generator(uint64_t seed) : engine(seed) {}
  AttentionProgram make();

private:
  int64_t below(int64_t n) { return static_cast<int64_t>(engine() % static_cast<uint64_t>(n)); }
  bool oneIn(int64_t n) { return below(n) == 0; }
  template <typename T>
  T pick(llvm::ArrayRef<T> choices) {
    return choices[below(choices.size())];
  }
  std::string number(int64_t from, int64_t to) { return std::to_string(from + below(to - from)); }

  void chooseSizes();
  void shrinkToWork();
  Expression integer(int depth);
  Expression condition(int depth);
  Expression score(int depth);
  Expression distance(int depth);
  Expression tableRead();

  std::mt19937_64 engine;
  AttentionProgram program;
};
} // namespace

void Generator::chooseSizes() {
  // One, around the tiles of 8, 16, 24, 48 and 128, and what lies between.
  static const int64_t lengths[] = {1,  1,  2,  7,  15,  16,  17,  23,  25,
                                    47, 49, 65, 97, 127, 129, 130, 200, 260};
  static const int64_t dims[] = {1, 2, 3, 4, 7, 8, 16, 17, 24, 32, 40};
  program.batches = 1 + below(3);
  program.keyHeads = 1 + below(3);
  program.group = 1 + below(4);
  program.queries = pick<int64_t>(lengths);
  program.keys = oneIn(2) ? program.queries : pick<int64_t>(lengths);
  program.headDim = pick<int64_t>(dims);
  program.valueDim = oneIn(2) ? program.headDim : pick<int64_t>(dims);
  shrinkToWork();
}

void Generator::shrinkToWork() {
  auto work = [&] {
    return program.batches * program.heads() * program.queries * program.keys *
           (program.headDim + program.valueDim);
  };
  for (int64_t *size :
       {&program.batches, &program.group, &program.keyHeads, &program.headDim, &program.valueDim})
    while (work() > maxWork && *size > 1)
      --*size;
}

/// Positions, batch, head and constants under what predicates use.
Expression Generator::integer(int depth) {
  if (depth == 0 || oneIn(3)) {
    std::vector<std::string> leaves = {"i", "j", "i", "j", "i - j", "h", "b", number(-3, 140)};
    if (program.queriesAreIndices())
      leaves.push_back("doc[b, i]");
    leaves.push_back("doc[b, j]");
    return {Kind::Int, "(" + pick<std::string>(leaves) + ")"};
  }
  std::vector<std::string> unary = {"abs({0})",
                                    "({0} // " + number(1, 20) + ")",
                                    "({0} % " + number(1, 20) + ")",
                                    "({0} * " + number(1, 4) + ")",
                                    "min({0}, " + number(0, 100) + ")",
                                    "max({0}, " + number(0, 100) + ")"};
  std::vector<std::string> binary = {"({0} - {1})", "({0} + {1})", "min({0}, {1})",
                                     "max({0}, {1})"};
  if (oneIn(2))
    return {Kind::Int, pick<std::string>(unary), {integer(depth - 1)}};
  return {Kind::Int, pick<std::string>(binary), {integer(depth - 1), integer(depth - 1)}};
}

Expression Generator::condition(int depth) {
  if (depth == 0 || oneIn(3)) {
    // What users write most, then anything.
    std::vector<std::string> common = {"(j <= i)",
                                       "(abs(i - j) <= " + number(0, 70) + ")",
                                       "(i - j < " + number(1, 70) + ")",
                                       "(j < " + number(0, 140) + ")",
                                       "(doc[b, j] == 1)",
                                       "((i - j) % " + number(1, 9) + " == 0)",
                                       "(i // " + number(1, 40) + " == j // " + number(1, 40) +
                                           ")"};
    if (oneIn(2))
      return {Kind::Bool, pick<std::string>(common)};
    static const std::string comparisons[] = {"({0} <= {1})", "({0} < {1})",  "({0} >= {1})",
                                              "({0} > {1})",  "({0} == {1})", "({0} != {1})"};
    return {Kind::Bool, pick<std::string>(comparisons), {integer(2), integer(2)}};
  }
  static const std::string connectives[] = {"({0} and {1})", "({0} or {1})", "(not {0})"};
  std::string form = pick<std::string>(connectives);
  if (form == "(not {0})")
    return {Kind::Bool, form, {condition(depth - 1)}};
  return {Kind::Bool, form, {condition(depth - 1), condition(depth - 1)}};
}

/// An integer that depends on positions through their difference alone.
Expression Generator::distance(int depth) {
  if (depth == 0 || oneIn(3))
    return {Kind::Int, "(" + pick<std::string>({"i - j", "j - i", "abs(i - j)"}) + ")"};
  std::vector<std::string> forms = {
      "({0} // " + number(1, 20) + ")", "({0} - " + number(1, 20) + ")",
      "min({0}, " + number(0, 30) + ")", "({0} + (" + number(1, 9) + " if j > i else 0))",
      "(max(i - {1}, j) - i)"};
  return {Kind::Int, pick<std::string>(forms), {distance(depth - 1), distance(0)}};
}

/// An element of a table, at a clipped index.
Expression Generator::tableRead() {
  Expression index = oneIn(2) ? distance(2) : integer(2);
  return {Kind::Float, "table[h, max(min({0}, 8), -8) + 8]", {index}};
}

Expression Generator::score(int depth) {
  if (depth == 0)
    return {Kind::Float, "s"};
  switch (below(8)) {
  case 0:
    return {Kind::Float,
            number(1, 60) + ".0 * tanh({0} / " + number(1, 60) + ".0)",
            {score(depth - 1)}};
  case 1:
    return {Kind::Float, "({0} + {1})", {score(depth - 1), tableRead()}};
  case 2:
    return {Kind::Float, "({0} - slopes[h] * {1})", {score(depth - 1), integer(1)}};
  case 3:
    return {
        Kind::Float, "({0} if {1} else {2})", {score(depth - 1), condition(1), score(depth - 1)}};
  case 4:
    return {Kind::Float, "min({0}, " + number(1, 9) + ".5)", {score(depth - 1)}};
  case 5:
    return {Kind::Float, "({0} * 0.5)", {score(depth - 1)}};
  case 6:
    return {
        Kind::Float, "({0} - slopes[h] * log(1.0 + abs({1})))", {score(depth - 1), distance(1)}};
  default:
    return score(depth - 1);
  }
}

AttentionProgram Generator::make() {
  static const DataType types[] = {DataType::F32, DataType::F32,  DataType::F32,
                                   DataType::F16, DataType::BF16, DataType::F64};
  static const Layout layouts[] = {Layout::HeadsFirst, Layout::PositionsFirst, Layout::Merged};
  chooseSizes();
  program.seed = engine();
  program.type = pick<DataType>(types);
  program.layout = pick<Layout>(layouts);
  program.fixedSizes = oneIn(3);
  program.stridedInputs = oneIn(4);
  program.topLeft = oneIn(4);
  if (oneIn(5))
    program.offset = below(200);
  if (!oneIn(4))
    program.mask = condition(2);
  if (oneIn(2))
    program.score = score(3);
  program.bias = oneIn(6);
  // A finite fill, which leaves rows of masked keys alone a weight. A bias comes on top of it, and
  // next to nothing of it is left beside the larger one.
  if (!program.mask && oneIn(2)) {
    std::string fill = program.bias || oneIn(2) ? "65504.0" : "1.0e9";
    program.score = Expression{Kind::Float,
                               "({0} if {1} else -" + fill + ")",
                               {program.score ? *program.score : score(0), condition(2)}};
  }
  if (oneIn(5))
    program.sink = Expression{Kind::Float, "slopes[h] + 0.01 * i"};
  program.padding = oneIn(4);
  program.denseMask = oneIn(6);
  program.dropout = oneIn(6);
  program.weights = oneIn(4);
  program.lse = oneIn(4);
  program.magnitude = oneIn(8) ? 30 : 1;
  return program;
}

AttentionProgram fovea::fuzz::generateAttention(uint64_t seed) { return Generator(seed).make(); }
