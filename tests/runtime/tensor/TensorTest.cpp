#include "runtime/tensor/Tensor.h"
#include "tests/ErrorTesting.h"
#include "gtest/gtest.h"
#include <limits>
#include <numeric>
#include <type_traits>

using namespace fovea;
using namespace fovea::testing;

static constexpr int64_t maxInt = std::numeric_limits<int64_t>::max();

TEST(TensorViewTest, TypedConstructorIsContiguous) {
  float data[6] = {0, 1, 2, 3, 4, 5};
  TensorView view(data, {2, 3});
  EXPECT_EQ(view.dataType(), DataType::F32);
  EXPECT_EQ(view.strides(), llvm::ArrayRef<int64_t>({3, 1}));
  EXPECT_TRUE(view.isContiguous());
  EXPECT_EQ(view.at({1, 2}), 5);
  EXPECT_EQ(view.numElements(), 6);
  EXPECT_EQ(view.numBytes(), 24);
  EXPECT_EQ(view.describe(), "f32[2, 3]");
  EXPECT_TRUE(succeeds(view.validate()));
}

TEST(TensorViewTest, ScalarHasOneElement) {
  double data = 4;
  TensorView view(&data, {});
  EXPECT_EQ(view.rank(), 0);
  EXPECT_EQ(view.numElements(), 1);
  EXPECT_EQ(view.at({}), 4);
  EXPECT_TRUE(view.isContiguous());
  EXPECT_EQ(view.describe(), "f64[]");
}

TEST(TensorViewTest, Contiguity) {
  float data[64] = {};
  auto contiguous = [&](llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<int64_t> strides) {
    return TensorView(data, DataType::F32, sizes, strides).isContiguous();
  };
  EXPECT_FALSE(contiguous({2, 3}, {1, 2}));
  EXPECT_FALSE(contiguous({2, 3}, {4, 1}));
  EXPECT_FALSE(contiguous({2}, {0}));
  EXPECT_FALSE(contiguous({2}, {-1}));
  EXPECT_TRUE(contiguous({1, 3}, {77, 1})); // the stride of a single element is never used
  EXPECT_TRUE(contiguous({2, 1, 3}, {3, 0, 1}));
  EXPECT_TRUE(contiguous({2, 0}, {5, 9}));
}

TEST(TensorViewTest, RejectsBadSizes) {
  float data = 0;
  auto check = [&](llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<int64_t> strides) {
    return TensorView::create(&data, DataType::F32, sizes, strides);
  };
  EXPECT_TRUE(failsWith(check({2, -1}, {1, 1}), "got f32[2, -1]: dim 1 is negative"));
  EXPECT_TRUE(failsWith(check({1}, {}), "expected a stride for each of 1 dims, got 0"));
  EXPECT_TRUE(failsWith(check({maxInt, 2}, {2, 1}), "more than 2^63 - 1 bytes"));
  EXPECT_TRUE(failsWith(check({maxInt / 2}, {1}), "more than 2^63 - 1 bytes"));
  // A dim of zero must not hide the others.
  EXPECT_TRUE(failsWith(check({0, maxInt, 2}, {1, 1, 1}), "more than 2^63 - 1 bytes"));
  EXPECT_TRUE(failsWith(check({3}, {maxInt / 2}), "strides of f32[3] reach beyond"));
  EXPECT_TRUE(failsWith(check({2, 2}, {maxInt / 4, maxInt / 4}), "reach beyond"));
  EXPECT_TRUE(failsWith(check({3}, {std::numeric_limits<int64_t>::min()}), "reach beyond"));
}

TEST(TensorViewTest, RejectsBadPointers) {
  alignas(8) char data[16] = {};
  EXPECT_TRUE(failsWith(TensorView(nullptr, DataType::F32, {2}).validate(), "pointer is null"));
  EXPECT_TRUE(succeeds(TensorView(nullptr, DataType::F32, {0, 2}).validate()));
  EXPECT_TRUE(failsWith(TensorView(data + 2, DataType::F32, {1}).validate(),
                        "not aligned to its element size of 4 bytes"));
  EXPECT_TRUE(succeeds(TensorView(data + 2, DataType::F16, {1}).validate()));
}

TEST(TensorTest, CreateIsZeroedAndAligned) {
  for (int64_t size : {0, 1, 15, 1000}) {
    auto tensor = Tensor::create(DataType::F16, {size, 3});
    ASSERT_TRUE(succeeds(tensor));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor->data()) % Tensor::alignment, 0u);
    EXPECT_NE(tensor->data(), nullptr);
    for (double value : toDoubles(*tensor))
      EXPECT_EQ(value, 0);
  }
}

TEST(TensorTest, CreateReportsShortMemory) {
  EXPECT_TRUE(failsWith(Tensor::create(DataType::F64, {int64_t(1) << 58}), "no memory for f64"));
  EXPECT_TRUE(failsWith(Tensor::create(DataType::F64, {maxInt}), "more than 2^63 - 1 bytes"));
  EXPECT_TRUE(failsWith(Tensor::create(DataType::F64, {-1}), "is negative"));
}

static_assert(!std::is_copy_constructible_v<Tensor> && !std::is_copy_assignable_v<Tensor>,
              "a copy may fail: clone says so");

TEST(TensorTest, ClonesAreIndependent) {
  Tensor a = llvm::cantFail(Tensor::fromDoubles(DataType::F32, {2}, {1, 2}));
  Tensor b = llvm::cantFail(a.clone());
  b.mutableView().set({0}, 7);
  EXPECT_EQ(a.at({0}), 1);
  EXPECT_EQ(b.at({0}), 7);
  EXPECT_NE(a.data(), b.data());
}

TEST(TensorTest, MovesKeepTheMemory) {
  Tensor a = llvm::cantFail(Tensor::fromDoubles(DataType::F32, {2}, {1, 2}));
  const void *data = a.data();
  Tensor b = std::move(a);
  EXPECT_EQ(b.data(), data);
  EXPECT_EQ(a.data(), nullptr); // NOLINT: the state of a moved-from tensor is defined
}

TEST(TensorTest, EmptyTensorsClone) {
  Tensor empty = llvm::cantFail(Tensor::create(DataType::I64, {3, 0}));
  Tensor copy = llvm::cantFail(empty.clone());
  EXPECT_EQ(copy.sizes(), empty.sizes());
  EXPECT_EQ(toDoubles(copy).size(), 0u);
}

TEST(TensorTest, FromDoublesCountsValues) {
  EXPECT_TRUE(failsWith(Tensor::fromDoubles(DataType::F32, {2, 2}, {1, 2, 3}),
                        "expected 4 values for f32[2, 2], got 3"));
}

TEST(CopyTest, StridedToContiguous) {
  std::vector<int32_t> data(24);
  std::iota(data.begin(), data.end(), 0);
  // The transpose of a 2x3x4 tensor: element [k, j, i] is data[12 i + 4 j + k].
  TensorView view(data.data(), DataType::I32, {4, 3, 2}, {1, 4, 12});
  Tensor packed = llvm::cantFail(Tensor::copyOf(view));
  EXPECT_TRUE(packed.view().isContiguous());
  for (int64_t k = 0; k < 4; ++k)
    for (int64_t j = 0; j < 3; ++j)
      for (int64_t i = 0; i < 2; ++i)
        EXPECT_EQ(packed.dataAs<int32_t>()[6 * k + 2 * j + i], 12 * i + 4 * j + k);
}

TEST(CopyTest, NegativeAndZeroStrides) {
  float data[3] = {1, 2, 3};
  EXPECT_EQ(toDoubles(TensorView(data + 2, DataType::F32, {3}, {-1})),
            (std::vector<double>{3, 2, 1}));
  EXPECT_EQ(toDoubles(TensorView(data, DataType::F32, {2, 3}, {0, 1})),
            (std::vector<double>{1, 2, 3, 1, 2, 3}));
}

TEST(CopyTest, IntoStridedTarget) {
  float data[6] = {};
  float source[4] = {1, 2, 3, 4};
  MutableTensorView target(data, DataType::F32, {2, 2}, {3, 1});
  EXPECT_TRUE(succeeds(copyElements(TensorView(source, {2, 2}), target)));
  EXPECT_EQ(toDoubles(TensorView(data, {6})), (std::vector<double>{1, 2, 0, 3, 4, 0}));
}

TEST(CopyTest, ConvertsEachPairOfTypes) {
  for (DataType from : allDataTypes())
    for (DataType to : allDataTypes()) {
      Tensor source = llvm::cantFail(Tensor::fromDoubles(from, {2, 2}, {0, 1, 0, 1}));
      Tensor target = llvm::cantFail(Tensor::copyOf(source, to));
      EXPECT_EQ(target.dataType(), to);
      EXPECT_EQ(toDoubles(target), (std::vector<double>{0, 1, 0, 1}))
          << stringify(from).str() << " to " << stringify(to).str();
    }
}

TEST(CopyTest, RejectsOtherSizes) {
  float data[6] = {};
  EXPECT_TRUE(failsWith(copyElements(TensorView(data, {6}), MutableTensorView(data, {2, 3})),
                        "cannot copy f32[6] to f32[2, 3]"));
}

TEST(CopyTest, ScalarsConvert) {
  float value = 2.5;
  double target = 0;
  EXPECT_TRUE(succeeds(copyElements(TensorView(&value, {}), MutableTensorView(&target, {}))));
  EXPECT_EQ(target, 2.5);
}
