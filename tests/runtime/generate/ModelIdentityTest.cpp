#include "runtime/generate/ModelIdentity.h"
#include "gtest/gtest.h"

using namespace fovea;
using llvm::json::Object;

namespace {
/// Counts how often it is asked what it has.
class CountedWeights : public WeightSource {
public:
  explicit CountedWeights(float value) : value(value) {}

  std::optional<TensorView> find(llvm::StringRef name) const override {
    return TensorView(&value, {1});
  }
  std::vector<std::string> names() const override {
    ++asked;
    return {"w"};
  }
  std::string location() const override { return "memory"; }

  float value;
  mutable int asked = 0;
};
} // namespace

TEST(ModelIdentity, IsComputedOnceAndOnlyIfAskedFor) {
  auto weights = std::make_shared<CountedWeights>(1.f);
  ModelIdentity identity(Object{{"model_type", "gpt2"}}, weights);
  EXPECT_EQ(weights->asked, 0);
  std::string first = identity.str();
  EXPECT_EQ(first.size(), 32u);
  EXPECT_EQ(identity.str(), first);
  EXPECT_EQ(weights->asked, 1);
}

TEST(ModelIdentity, TellsModelsApart) {
  auto digits = [](Object config, float value) {
    return ModelIdentity(std::move(config), std::make_shared<CountedWeights>(value)).str();
  };
  std::string one = digits(Object{{"a", 1}, {"b", 2}}, 1);
  EXPECT_EQ(digits(Object{{"b", 2}, {"a", 1}}, 1), one);
  EXPECT_NE(digits(Object{{"a", 1}, {"b", 3}}, 1), one);
  EXPECT_NE(digits(Object{{"a", 1}, {"b", 2}}, 2), one);
}
