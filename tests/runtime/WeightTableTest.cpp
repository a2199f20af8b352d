#include "runtime/WeightTable.h"
#include "tests/ErrorTesting.h"

using namespace fovea;
using namespace fovea::testing;

/// 0, 1, 2, ... in the order of memory.
static Tensor countingTensor(DataType type, llvm::ArrayRef<int64_t> sizes) {
  Tensor tensor = llvm::cantFail(Tensor::create(type, sizes));
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    storeElement(type, tensor.dataAs<char>() + i * sizeOf(type), static_cast<double>(i));
  return tensor;
}

static std::shared_ptr<const WeightSource> sourceOf(DataType type, llvm::ArrayRef<int64_t> sizes) {
  auto source = std::make_shared<InMemoryWeights>();
  for (const char *name : {"l.0.w", "l.1.w"})
    llvm::cantFail(source->add(name, countingTensor(type, sizes)));
  return source;
}

static double elementOf(const void *data, DataType type, int64_t index) {
  return loadElement(type, static_cast<const char *>(data) + index * sizeOf(type));
}

/// Every element is where fovea_pack_panels says, and what fills up the last panel is 0.
static void checkPanels(DataType type, int64_t rows, int64_t depth, int64_t dim, int64_t lanes) {
  SCOPED_TRACE(stringify(type).str() + " " + std::to_string(rows) + " x " + std::to_string(depth) +
               " along " + std::to_string(dim));
  llvm::SmallVector<int64_t, 4> sizes = dim == 0 ? llvm::SmallVector<int64_t, 4>{rows, depth}
                                                 : llvm::SmallVector<int64_t, 4>{depth, rows};
  WeightSpec spec{"l.{}.w", 2, type, sizes, PanelSpec{dim, lanes}};
  ThreadPool pool(2);
  auto table = WeightTable::resolve(spec, sourceOf(type, sizes), pool);
  ASSERT_TRUE(succeeds(table));
  ASSERT_EQ(table->size(), 2u);
  const void *packed = table->data()[1];
  for (int64_t row = 0; row < (rows + lanes - 1) / lanes * lanes; ++row)
    for (int64_t k = 0; k < depth; ++k) {
      double expected =
          row >= rows ? 0 : static_cast<double>(dim == 0 ? row * depth + k : k * rows + row);
      ASSERT_EQ(elementOf(packed, type, (row / lanes * depth + k) * lanes + row % lanes), expected)
          << row << ", " << k;
    }
}

TEST(WeightTableTest, PacksBothLayouts) {
  checkPanels(DataType::F32, 32, 20, 0, 16);
  checkPanels(DataType::F32, 32, 20, 1, 16);
  checkPanels(DataType::F64, 9, 5, 0, 4);
}

TEST(WeightTableTest, FillsUpTheLastPanel) {
  checkPanels(DataType::F32, 19, 40, 0, 8);
  checkPanels(DataType::F16, 19, 40, 1, 8);
  checkPanels(DataType::BF16, 1, 1, 0, 16);
  checkPanels(DataType::F32, 3, 0, 0, 16);
  checkPanels(DataType::F32, 0, 3, 0, 16);
}

TEST(WeightTableTest, LeavesOthersWhereTheyAre) {
  auto source = sourceOf(DataType::F32, {3, 4});
  ThreadPool pool(1);
  auto table =
      WeightTable::resolve(WeightSpec{"l.{}.w", 2, DataType::F32, {3, 4}, {}}, source, pool);
  ASSERT_TRUE(succeeds(table));
  EXPECT_EQ(table->data()[1], source->find("l.1.w")->data());
}

TEST(WeightTableTest, ChecksWhatIsPackedFirst) {
  auto source = sourceOf(DataType::F32, {3, 4});
  ThreadPool pool(1);
  auto resolve = [&](WeightSpec spec) { return WeightTable::resolve(spec, source, pool); };
  EXPECT_TRUE(failsWith(resolve({"l.{}.w", 3, DataType::F32, {3, 4}, PanelSpec{0, 8}}),
                        "expected weight 'l.2.w', there is none of that name"));
  EXPECT_TRUE(failsWith(resolve({"l.{}.w", 2, DataType::F32, {4, 3}, PanelSpec{0, 8}}),
                        "weight 'l.0.w': expected f32[4, 3], got f32[3, 4]"));
  EXPECT_TRUE(failsWith(resolve({"l.{}.w", 2, DataType::F16, {3, 4}, PanelSpec{0, 8}}),
                        "weight 'l.0.w': expected f16[3, 4], got f32[3, 4]"));
}
