// What the suite checks before it measures: results are compared with the reference on samples, and
// a wrong one is found wherever a sample lies.
#include "bench/Instance.h"
#include "bench/Solver.h"
#include "tests/ErrorTesting.h"
#include <gtest/gtest.h>
#include <set>

using fovea::DimVector;
using fovea::MutableTensorView;
using namespace fovea::bench;
using fovea::testing::failsWith;
using fovea::testing::succeeds;

static std::vector<Problem> allProblems() {
  std::vector<Problem> problems;
  for (auto make :
       {attentionProblems, variantProblems, contractionProblems, rowProblems, samplingProblems})
    for (Problem &problem : make())
      problems.push_back(std::move(problem));
  return problems;
}

static Problem findProblem(llvm::StringRef name) {
  for (Problem &problem : allProblems())
    if (problem.name == name)
      return problem;
  ADD_FAILURE() << "no problem " << name.str();
  return {};
}

TEST(Problems, HaveNamesOfTheirOwnAndWork) {
  std::set<std::string> names;
  for (const Problem &problem : allProblems()) {
    EXPECT_TRUE(names.insert(problem.name).second) << problem.name;
    EXPECT_GT(problem.work.bytes, 0) << problem.name;
    EXPECT_TRUE(problem.bound != fovea::Bound::Fma || problem.work.flops > 0) << problem.name;
  }
}

namespace {
class CheckedProblem : public ::testing::TestWithParam<const char *> {};
} // namespace

TEST_P(CheckedProblem, FindsAWrongElementInEverySample) {
  Problem problem = findProblem(GetParam());
  auto instance = llvm::cantFail(Instance::create(problem));
  instance->clearOutputs();
  EXPECT_TRUE(failsWith(instance->check(), "wrong result 'y'")) << "before anything is computed";

  auto run = llvm::cantFail(foveaSolver("native").prepare(*instance, /*threads=*/1));
  llvm::cantFail(run());
  EXPECT_TRUE(succeeds(instance->check()));

  MutableTensorView results = instance->output("y").mutableView();
  for (const Sample &sample : problem.samples) {
    DimVector index(results.rank(), 0);
    index[sample.result.dim] = sample.result.begin + sample.result.size - 1;
    double right = results.at(index);
    results.set(index, right + 0.01);
    EXPECT_TRUE(failsWith(instance->check(), "wrong result 'y'"));
    results.set(index, right);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , CheckedProblem,
    ::testing::Values("attention/full/heads:8/dim:64/length:512",
                      "attention/causal/heads:8/dim:64/length:512",
                      "attention/window_mask/heads:8/dim:64/length:1024",
                      "attention/window_unfold_zero/heads:8/dim:64/length:1024",
                      "projection/rows:512/inner:896/columns:896"),
    [](const auto &info) {
      std::string name = info.param;
      for (char &c : name)
        if (!isalnum(c))
          c = '_';
      return name;
    });
