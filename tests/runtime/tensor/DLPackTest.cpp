#include "runtime/tensor/DLPack.h"
#include "tests/ErrorTesting.h"
#include "gtest/gtest.h"

using namespace fovea;
using namespace fovea::testing;
using namespace fovea::dlpack;

namespace {
/// A 2x3 f32 tensor as another library would lend it, counting the calls of its deleter.
struct Lent {
  float data[6] = {0, 1, 2, 3, 4, 5};
  int64_t sizes[2] = {2, 3};
  int deleted = 0;
  DLManagedTensor managed = {
      {data, {CPU, 0}, 2, {Float, 32, 1}, sizes, nullptr, 0}, this, [](DLManagedTensor *self) {
        ++static_cast<Lent *>(self->context)->deleted;
      }};
  DLTensor &tensor = managed.tensor;
};
} // namespace

TEST(DLPackTest, ImportSharesMemoryAndDeletesOnce) {
  Lent lent;
  {
    Tensor tensor = llvm::cantFail(fromDLPack(&lent.managed));
    EXPECT_EQ(tensor.data(), lent.data);
    EXPECT_EQ(tensor.describe(), "f32[2, 3]");
    EXPECT_EQ(tensor.strides(), llvm::ArrayRef<int64_t>({3, 1})); // null strides
    Tensor moved = std::move(tensor);
    EXPECT_EQ(lent.deleted, 0);
  }
  EXPECT_EQ(lent.deleted, 1);
}

TEST(DLPackTest, ImportTakesNullDeleter) {
  Lent lent;
  lent.managed.deleter = nullptr;
  EXPECT_EQ(llvm::cantFail(fromDLPack(&lent.managed)).numElements(), 6);
}

TEST(DLPackTest, ImportReadsStridesAndByteOffset) {
  Lent lent;
  int64_t sizes[2] = {2, 2}, strides[2] = {1, 3};
  lent.tensor.sizes = sizes;
  lent.tensor.strides = strides;
  lent.tensor.byteOffset = 4;
  auto view = viewDLPack(lent.tensor);
  ASSERT_TRUE(succeeds(view));
  EXPECT_EQ(toDoubles(*view), (std::vector<double>{1, 4, 2, 5}));
}

TEST(DLPackTest, ImportRejects) {
  auto rejects = [](auto change, llvm::StringRef message) {
    Lent lent;
    change(lent.tensor);
    bool failed = failsWith(fromDLPack(&lent.managed), message);
    return failed && lent.deleted == 0; // on error nothing is taken
  };
  EXPECT_TRUE(rejects([](DLTensor &t) { t.device.type = 2; }, "got device type 2"));
  EXPECT_TRUE(rejects([](DLTensor &t) { t.type.lanes = 4; }, "got 4 lanes"));
  EXPECT_TRUE(rejects([](DLTensor &t) { t.type.code = 5; }, "type code 5 of 32 bits"));
  EXPECT_TRUE(rejects([](DLTensor &t) { t.type.bits = 8; }, "type code 2 of 8 bits"));
  EXPECT_TRUE(rejects([](DLTensor &t) { t.rank = -1; }, "got rank -1"));
  EXPECT_TRUE(rejects([](DLTensor &t) { t.sizes = nullptr; }, "with sizes"));
  EXPECT_TRUE(rejects([](DLTensor &t) { t.data = nullptr; }, "pointer is null"));
  EXPECT_TRUE(rejects([](DLTensor &t) { t.byteOffset = 2; }, "not aligned"));
  EXPECT_TRUE(rejects([](DLTensor &t) { t.byteOffset = ~uint64_t(0); }, "address space"));
  EXPECT_TRUE(rejects([](DLTensor &t) { t.sizes[0] = -2; }, "is negative"));
  EXPECT_TRUE(rejects([](DLTensor &t) { t.sizes[0] = int64_t(1) << 62; }, "2^63 - 1 bytes"));
  EXPECT_TRUE(failsWith(fromDLPack(nullptr), "got a null pointer"));
}

TEST(DLPackTest, ImportTakesEmptyTensorWithoutData) {
  Lent lent;
  lent.sizes[1] = 0;
  lent.tensor.data = nullptr;
  lent.tensor.byteOffset = 64;
  EXPECT_EQ(llvm::cantFail(fromDLPack(&lent.managed)).numElements(), 0);
}

TEST(DLPackTest, ExportOutlivesTheTensor) {
  Tensor tensor = llvm::cantFail(Tensor::fromDoubles(DataType::BF16, {2, 1}, {1, -2}));
  const void *data = tensor.data();
  DLManagedTensor *managed = toDLPack(std::move(tensor));
  EXPECT_EQ(managed->tensor.data, data);
  EXPECT_EQ(managed->tensor.type.code, BFloat);
  EXPECT_EQ(managed->tensor.type.bits, 16);
  EXPECT_EQ(managed->tensor.rank, 2);
  EXPECT_EQ(managed->tensor.strides[0], 1);
  managed->deleter(managed);
}

TEST(DLPackTest, EveryTypeRoundTrips) {
  for (DataType type : allDataTypes()) {
    Tensor tensor = llvm::cantFail(Tensor::fromDoubles(type, {2}, {0, 1}));
    Tensor back = llvm::cantFail(fromDLPack(toDLPack(std::move(tensor))));
    EXPECT_EQ(back.dataType(), type);
    EXPECT_EQ(back.at({1}), 1);
  }
}
