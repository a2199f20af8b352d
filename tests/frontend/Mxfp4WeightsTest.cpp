#include "frontend/Mxfp4Weights.h"
#include "tests/ErrorTesting.h"
#include <cmath>
#include <limits>
#include <thread>

using namespace fovea;
using namespace fovea::testing;

/// Sources of u8 tensors, filled by a function of the element's place.
template <typename F>
static void addBytes(InMemoryWeights &weights, llvm::StringRef name, DimVector sizes, F byteAt) {
  Tensor tensor = llvm::cantFail(Tensor::create(DataType::U8, sizes));
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    tensor.dataAs<uint8_t>()[i] = static_cast<uint8_t>(byteAt(i));
  ASSERT_TRUE(succeeds(weights.add(name, std::move(tensor))));
}

static const double values[16] = {0, 0.5, 1, 1.5, 2, 3, 4, 6, -0., -0.5, -1, -1.5, -2, -3, -4, -6};

TEST(Mxfp4Weights, UnpacksLowHalvesFirstAndTransposes) {
  auto source = std::make_shared<InMemoryWeights>();
  // 2 matrices of 35 rows (more than a tile) and 64 columns.
  addBytes(*source, "w_blocks", {2, 35, 2, 16}, [](int64_t i) { return i * 37 + i / 16; });
  addBytes(*source, "w_scales", {2, 35, 2}, [](int64_t i) { return 120 + i % 11; });
  addBytes(*source, "other", {1}, [](int64_t) { return 1; });
  auto weights = withMxfp4Unpacked(source);
  ASSERT_TRUE(succeeds(weights));
  EXPECT_EQ((*weights)->names(), (std::vector<std::string>{"other", "w"}));
  EXPECT_EQ((*weights)->find("w_blocks"), std::nullopt);
  EXPECT_EQ((*weights)->find("w_scales"), std::nullopt);
  EXPECT_TRUE((*weights)->find("other"));
  std::optional<TensorView> w = (*weights)->find("w");
  ASSERT_TRUE(w);
  EXPECT_EQ(w->describe(), "bf16[2, 64, 35]");
  for (int64_t m = 0; m < 2; ++m)
    for (int64_t row = 0; row < 35; ++row)
      for (int64_t k = 0; k < 64; ++k) {
        int64_t group = (m * 35 + row) * 2 + k / 32, at = group * 16 + k % 32 / 2;
        auto byte = static_cast<uint8_t>(at * 37 + at / 16);
        double expected = values[k % 2 ? byte >> 4 : byte & 15] * std::exp2(group % 11 - 7);
        ASSERT_EQ(w->at({m, k, row}), expected) << m << " " << k << " " << row;
      }
}

TEST(Mxfp4Weights, ScalesAtTheEndsOfTheirRange) {
  auto source = std::make_shared<InMemoryWeights>();
  addBytes(*source, "w_blocks", {4, 1, 16}, [](int64_t) { return 0x71; }); // 0.5, then 6
  const int scales[] = {0, 127, 254, 255};
  addBytes(*source, "w_scales", {4, 1}, [&](int64_t i) { return scales[i]; });
  auto weights = llvm::cantFail(withMxfp4Unpacked(source));
  std::optional<TensorView> w = weights->find("w");
  ASSERT_TRUE(w);
  EXPECT_EQ(w->at({0, 0}), std::exp2(-128)); // subnormal
  EXPECT_EQ(w->at({1, 0}), 6 * std::exp2(-127));
  EXPECT_EQ(w->at({0, 1}), 0.5);
  EXPECT_EQ(w->at({1, 1}), 6);
  EXPECT_EQ(w->at({0, 2}), std::exp2(126));
  EXPECT_EQ(w->at({1, 2}), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(w->at({0, 3})));
}

// Who loads a matrix has it as long as it likes, whoever else lets go of it.
TEST(Mxfp4Weights, MatricesAreThereWhileTheyAreHeld) {
  auto source = std::make_shared<InMemoryWeights>();
  // Matrices of 64 x 64 elements of bf16: two pages each.
  addBytes(*source, "w_blocks", {3, 64, 2, 16}, [](int64_t) { return 0x22; });
  addBytes(*source, "w_scales", {3, 64, 2}, [](int64_t) { return 127; });
  auto weights = llvm::cantFail(withMxfp4Unpacked(source));
  TensorView w = *weights->findStored("w");
  EXPECT_EQ(w.describe(), "bf16[3, 64, 64]");
  constexpr int64_t bytes = 64 * 64 * 2;
  auto both = weights->load("w", bytes + 8, 2 * bytes + 2); // of the second and the third
  auto second = weights->load("w", bytes, 2 * bytes);
  EXPECT_EQ(w.at({1, 5, 5}), 1);
  EXPECT_EQ(w.at({2, 5, 5}), 1);
  both.reset();
  EXPECT_EQ(w.at({1, 63, 63}), 1);
  second.reset();
  second = weights->load("w", bytes, 2 * bytes);
  EXPECT_EQ(w.at({1, 63, 63}), 1);
  EXPECT_EQ(weights->find("w")->at({0, 0, 0}), 1);
  second.reset();
  EXPECT_EQ(w.at({1, 0, 0}), 1);
  EXPECT_EQ(weights->load("w_blocks", 0, 1), nullptr);
}

TEST(Mxfp4Weights, ManyThreadsMayAsk) {
  auto source = std::make_shared<InMemoryWeights>();
  addBytes(*source, "w_blocks", {64, 4, 16}, [](int64_t i) { return i; });
  addBytes(*source, "w_scales", {64, 4}, [](int64_t) { return 127; });
  auto weights = llvm::cantFail(withMxfp4Unpacked(source));
  std::vector<const void *> found(4);
  std::vector<std::thread> threads;
  for (const void *&data : found)
    threads.emplace_back([&] { data = weights->find("w")->data(); });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(std::count(found.begin(), found.end(), found[0]), 4);
}

namespace {
/// A pair of more bytes than an address space has, which nobody may read.
class VastPair : public WeightSource {
public:
  std::optional<TensorView> find(llvm::StringRef name) const override {
    constexpr int64_t rows = int64_t(1) << 50;
    if (name == "w_blocks")
      return TensorView(&byte, {rows, 1, 16});
    return name == "w_scales" ? std::optional(TensorView(&byte, {rows, 1})) : std::nullopt;
  }
  std::vector<std::string> names() const override { return {"w_blocks", "w_scales"}; }
  std::string location() const override { return "vast"; }

private:
  uint8_t byte = 0;
};
} // namespace

TEST(Mxfp4Weights, ShortMemoryIsNoMissingTensor) {
  EXPECT_TRUE(failsWith(withMxfp4Unpacked(std::make_shared<VastPair>()),
                        "vast: tensor 'w', unpacked: no memory for bf16[32, 1125899906842624]"));
}

TEST(Mxfp4Weights, OnlyPairsOfBytesAreUnpacked) {
  auto source = std::make_shared<InMemoryWeights>();
  addBytes(*source, "alone_blocks", {2, 1, 16}, [](int64_t) { return 0; });
  addBytes(*source, "b_scales", {2, 1}, [](int64_t) { return 0; });
  ASSERT_TRUE(
      succeeds(source->add("f_blocks", llvm::cantFail(Tensor::create(DataType::F32, {2, 1, 16})))));
  addBytes(*source, "f_scales", {2, 1}, [](int64_t) { return 0; });
  EXPECT_EQ(llvm::cantFail(withMxfp4Unpacked(source)), source);
}

TEST(Mxfp4Weights, RejectsPairsThatDoNotFit) {
  auto rejects = [](DimVector blocks, DimVector scales, llvm::StringRef message) {
    auto source = std::make_shared<InMemoryWeights>();
    addBytes(*source, "w_blocks", blocks, [](int64_t) { return 0; });
    addBytes(*source, "w_scales", scales, [](int64_t) { return 0; });
    return failsWith(withMxfp4Unpacked(source), message);
  };
  const llvm::StringRef expected = "tensors 'w_blocks' and 'w_scales': expected u8[..., rows, "
                                   "groups, 16] and u8[..., rows, groups], got ";
  EXPECT_TRUE(rejects({2, 3, 8}, {2, 3}, (expected + "u8[2, 3, 8] and u8[2, 3]").str()));
  EXPECT_TRUE(rejects({2, 3, 16}, {3, 2}, expected));
  EXPECT_TRUE(rejects({2, 3, 16}, {2, 3, 1}, expected));
  EXPECT_TRUE(rejects({3, 16}, {3}, expected));
  EXPECT_TRUE(rejects({0, 3, 16}, {0, 3}, expected));
  auto source = std::make_shared<InMemoryWeights>();
  addBytes(*source, "w_blocks", {2, 1, 16}, [](int64_t) { return 0; });
  addBytes(*source, "w_scales", {2, 1}, [](int64_t) { return 0; });
  addBytes(*source, "w", {1}, [](int64_t) { return 0; });
  EXPECT_TRUE(failsWith(withMxfp4Unpacked(source), "there are both a tensor 'w' and 'w_blocks'"));
}
