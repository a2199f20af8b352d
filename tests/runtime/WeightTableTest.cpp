#include "runtime/WeightTable.h"
#include "frontend/Safetensors.h"
#include "runtime/QuantizedWeights.h"
#include "tests/ErrorTesting.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <set>

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

/// The place of the panel that holds a row: of `streams` streams, all as long, in turn.
static int64_t placeOf(int64_t row, int64_t rows, const PanelSpec &panels) {
  int64_t number = row / panels.lanes, all = panels.lanes * panels.streams;
  int64_t length = (rows + all - 1) / all;
  return number % panels.streams * length + number / panels.streams;
}

namespace {
/// A matrix whose rows lie along dim 0 or dim 1.
struct Matrix {
  DataType type;
  int64_t rows, depth, dim;

  llvm::SmallVector<int64_t, 4> sizes() const {
    return dim == 0 ? llvm::SmallVector<int64_t, 4>{rows, depth}
                    : llvm::SmallVector<int64_t, 4>{depth, rows};
  }
  /// Where an element lies in row-major memory.
  int64_t at(int64_t row, int64_t k) const { return dim == 0 ? row * depth + k : k * rows + row; }
  std::string str() const {
    return stringify(type).str() + " " + std::to_string(rows) + " x " + std::to_string(depth) +
           " along " + std::to_string(dim);
  }
};
} // namespace

/// Every element is where fovea_pack_panels says, and what fills up the last panels is 0.
static void checkPanels(const Matrix &matrix, int64_t lanes, int64_t streams) {
  SCOPED_TRACE(matrix.str());
  auto [type, rows, depth, dim] = matrix;
  PanelSpec panels{dim, lanes, streams};
  WeightSpec spec{"l.{}.w", {2}, type, matrix.sizes(), panels};
  ThreadPool pool(2);
  auto table = WeightTable::resolve(spec, sourceOf(type, matrix.sizes()), pool);
  ASSERT_TRUE(succeeds(table));
  ASSERT_EQ(table->size(), 2u);
  const void *packed = table->data()[1];
  int64_t all = lanes * streams;
  for (int64_t row = 0; row < (rows + all - 1) / all * all; ++row)
    for (int64_t k = 0; k < depth; ++k) {
      double expected = row >= rows ? 0 : static_cast<double>(matrix.at(row, k));
      int64_t place = (placeOf(row, rows, panels) * depth + k) * lanes + row % lanes;
      ASSERT_EQ(elementOf(packed, type, place), expected) << row << ", " << k;
    }
}

TEST(WeightTableTest, PacksBothLayouts) {
  checkPanels({DataType::F32, 32, 20, 0}, 16, 1);
  checkPanels({DataType::F32, 32, 20, 1}, 16, 2);
  checkPanels({DataType::F64, 9, 5, 0}, 4, 1);
}

TEST(WeightTableTest, DealsPanelsToStreams) {
  checkPanels({DataType::F32, 96, 20, 0}, 4, 4);
  checkPanels({DataType::F16, 130, 7, 1}, 16, 4);
  checkPanels({DataType::F32, 40, 3, 0}, 8, 3);
}

TEST(WeightTableTest, FillsUpTheLastPanel) {
  checkPanels({DataType::F32, 19, 40, 0}, 8, 4);
  checkPanels({DataType::F16, 19, 40, 1}, 8, 2);
  checkPanels({DataType::BF16, 1, 1, 0}, 16, 1);
  checkPanels({DataType::F32, 3, 0, 0}, 16, 4);
  checkPanels({DataType::F32, 0, 3, 0}, 16, 4);
}

// More than is packed at once: panels of the next piece follow those before.
TEST(WeightTableTest, PacksInPieces) {
  checkPanels({DataType::F32, 1001, 1024, 0}, 16, 4);
  checkPanels({DataType::F32, 1001, 1024, 1}, 16, 4);
}

// Weights smaller than a large page have large pages too if they follow each other.
TEST(WeightTableTest, PacksInOnePieceOfMemory) {
  auto source = std::make_shared<InMemoryWeights>();
  for (const char *name : {"l.0.w", "l.1.w", "stored", "q", "last"})
    llvm::cantFail(source->add(name, countingTensor(DataType::F32, {19, 40})));
  auto spec = [](const char *name, llvm::SmallVector<int64_t, 2> counts,
                 std::optional<PanelSpec> panels) {
    return WeightSpec{name, std::move(counts), DataType::F32, {19, 40}, panels};
  };
  PanelSpec full{0, 8, 1}, q8{0, 8, 3, attn::WeightFormat::Q8};
  ThreadPool pool(1);
  auto table = WeightTable::resolve({spec("l.{}.w", {2}, full), spec("stored", {}, std::nullopt),
                                     spec("q", {}, q8), spec("last", {}, full)},
                                    source, pool);
  ASSERT_TRUE(succeeds(table));
  auto at = [&](int64_t slot) { return static_cast<const char *>(table->data()[slot]); };
  int64_t fullBytes = 3 * 8 * 40 * 4, q8Bytes = 3 * 2 * (32 + 2) * 8;
  EXPECT_EQ(at(1) - at(0), fullBytes);
  EXPECT_EQ(at(3) - at(1), fullBytes);
  EXPECT_EQ(at(4) - at(3), (q8Bytes + 63) / 64 * 64);
  EXPECT_EQ(elementOf(at(4), DataType::F32, 8), 1); // k = 1 of row 0
  EXPECT_EQ(table->data()[2], source->find("stored")->data());
}

TEST(WeightTableTest, TellsHowFarItIs) {
  std::vector<double> parts;
  ThreadPool pool(2);
  auto table = WeightTable::resolve(
      WeightSpec{"l.{}.w", {2}, DataType::F32, {1001, 1024}, PanelSpec{0, 16, 4}},
      sourceOf(DataType::F32, {1001, 1024}), pool, [&](double part) { parts.push_back(part); });
  ASSERT_TRUE(succeeds(table));
  ASSERT_GE(parts.size(), 5u);
  EXPECT_EQ(parts[0], 0);
  EXPECT_GT(parts[1], 0);
  EXPECT_TRUE(llvm::is_sorted(parts));
  EXPECT_EQ(parts.back(), 1);
}

TEST(WeightTableTest, PacksFromOddAddresses) {
  std::string header = R"({"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})";
  float elements[] = {1, 2, 3, 4};
  for (int pad = 0; pad < 4; ++pad, header += ' ') {
    std::string file(8, '\0');
    llvm::support::endian::write64le(file.data(), header.size());
    file += header;
    file.append(reinterpret_cast<const char *>(elements), sizeof(elements));
    std::shared_ptr<const WeightSource> source = llvm::cantFail(
        SafetensorsFile::parse(llvm::MemoryBuffer::getMemBufferCopy(file, "f.safetensors")));
    ThreadPool pool(1);
    auto table = WeightTable::resolve(
        WeightSpec{"w", {}, DataType::F32, {2, 2}, PanelSpec{0, 2, 4}}, source, pool);
    ASSERT_TRUE(succeeds(table));
    const auto *packed = static_cast<const float *>(table->data()[0]);
    EXPECT_EQ(llvm::ArrayRef(packed, 4), llvm::ArrayRef<float>({1, 3, 2, 4}));
  }
}

//===----------------------------------------------------------------------===//
// Quantised
//===----------------------------------------------------------------------===//

/// Normal numbers of a scale that differs from row to row, one row of zeros and some ties of the
/// rounding.
static Tensor randomMatrix(DataType type, llvm::ArrayRef<int64_t> sizes) {
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  Tensor tensor = llvm::cantFail(Tensor::create(type, sizes));
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    int64_t row = i / sizes[1];
    double value = i % 7 == 0 ? static_cast<double>(i % 127) + 0.5 : normal(random);
    storeElement(type, tensor.dataAs<char>() + i * sizeOf(type),
                 row == 2 ? 0 : std::ldexp(value, static_cast<int>(row % 5) - 9));
  }
  return tensor;
}

/// The value of an element of the packed copy.
static double quantizedElement(const fovea_weight &weight, const char *packed, int64_t row,
                               int64_t k) {
  int64_t place = placeOf(row, weight.rows, {0, weight.panel, weight.streams});
  int64_t groups = (weight.depth + 31) / 32, panel = weight.panel, lane = row % panel, at = k % 32;
  const char *group = packed + (place * groups + k / 32) * fovea_group_size(&weight);
  double scale =
      loadElement(DataType::BF16, group + fovea_group_size(&weight) - 2 * (panel - lane));
  if (weight.format == FOVEA_Q8_PANELS)
    return scale * static_cast<int8_t>(group[at / 2 * 2 * panel + 2 * lane + at % 2]);
  auto byte = static_cast<uint8_t>(group[at % 16 / 2 * 2 * panel + 2 * lane + at % 2]);
  return scale * ((at < 16 ? byte & 15 : byte >> 4) - 8);
}

/// Every element is what the reference says, bit for bit.
static void checkQuantized(attn::WeightFormat format, const Matrix &matrix, int64_t lanes,
                           int64_t streams) {
  SCOPED_TRACE(matrix.str());
  auto [type, rows, depth, dim] = matrix;
  auto source = std::make_shared<InMemoryWeights>();
  llvm::cantFail(source->add("w", randomMatrix(type, matrix.sizes())));
  WeightSpec spec{"w", {}, type, matrix.sizes(), PanelSpec{dim, lanes, streams, format}};
  ThreadPool pool(2);
  auto table = WeightTable::resolve(spec, source, pool);
  ASSERT_TRUE(succeeds(table));
  auto reference = quantizeAndBack(*source->find("w"), format, dim);
  ASSERT_TRUE(succeeds(reference));
  fovea_weight weight = spec.toC("w");
  const auto *packed = static_cast<const char *>(table->data()[0]);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t k = 0; k < depth; ++k)
      ASSERT_EQ(quantizedElement(weight, packed, row, k),
                reference->dataAs<float>()[matrix.at(row, k)])
          << row << ", " << k;
  int64_t all = lanes * streams;
  for (int64_t row = rows; depth > 0 && row < (rows + all - 1) / all * all; ++row)
    ASSERT_EQ(quantizedElement(weight, packed, row, 0), 0) << row;
}

TEST(WeightTableTest, QuantizesAsTheReferenceDoes) {
  for (attn::WeightFormat format : {attn::WeightFormat::Q8, attn::WeightFormat::Q4}) {
    checkQuantized(format, {DataType::F32, 32, 96, 0}, 16, 1);
    checkQuantized(format, {DataType::F32, 19, 77, 1}, 8, 2);
    checkQuantized(format, {DataType::F16, 9, 40, 0}, 4, 4);
    checkQuantized(format, {DataType::BF16, 33, 64, 1}, 16, 4);
    checkQuantized(format, {DataType::F32, 3, 0, 0}, 16, 4);
  }
}

TEST(WeightTableTest, QuantizesNumbersOnly) {
  for (float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    auto source = std::make_shared<InMemoryWeights>();
    Tensor tensor = countingTensor(DataType::F32, {40, 64});
    tensor.dataAs<float>()[39 * 64 + 63] = bad;
    llvm::cantFail(source->add("w", std::move(tensor)));
    ThreadPool pool(1);
    EXPECT_TRUE(failsWith(
        WeightTable::resolve(
            WeightSpec{
                "w", {}, DataType::F32, {40, 64}, PanelSpec{0, 8, 4, attn::WeightFormat::Q8}},
            source, pool),
        "weight 'w': expected finite elements, to quantise them, got others"));
  }
}

TEST(WeightTableTest, LeavesOthersWhereTheyAre) {
  auto source = sourceOf(DataType::F32, {3, 4});
  ThreadPool pool(1);
  auto table = WeightTable::resolve(WeightSpec{"l.{}.w", {2}, DataType::F32, {3, 4}, {}}, source,
                                    pool, [](double) { ADD_FAILURE() << "nothing is packed"; });
  ASSERT_TRUE(succeeds(table));
  EXPECT_EQ(table->data()[1], source->find("l.1.w")->data());
}

// Three matrices of 5 x 4 in each of two tensors, of which a slot holds one: packed along either
// dim, quantised, and as they are.
TEST(WeightTableTest, FindsThePartsOfStacks) {
  auto source = sourceOf(DataType::F32, {3, 5, 4});
  ThreadPool pool(2);
  auto spec = [](std::optional<PanelSpec> panels) {
    return WeightSpec{"l.{}.w", {2, 3}, DataType::F32, {5, 4}, panels};
  };
  auto table = WeightTable::resolve(
      {spec(std::nullopt), spec(PanelSpec{0, 8, 1}), spec(PanelSpec{1, 4, 1})}, source, pool);
  ASSERT_TRUE(succeeds(table));
  ASSERT_EQ(table->size(), 18u);
  for (int64_t slot = 0; slot < 6; ++slot) {
    TensorView stack = *source->find(slot < 3 ? "l.0.w" : "l.1.w");
    const float *stored = static_cast<const float *>(stack.data()) + slot % 3 * 20;
    EXPECT_EQ(table->data()[slot], stored) << slot;
    for (int64_t i = 0; i < 5; ++i)
      for (int64_t j = 0; j < 4; ++j) {
        double expected = stored[i * 4 + j];
        EXPECT_EQ(elementOf(table->data()[6 + slot], DataType::F32, j * 8 + i), expected);
        EXPECT_EQ(elementOf(table->data()[12 + slot], DataType::F32, (j / 4 * 5 + i) * 4 + j % 4),
                  expected);
      }
  }
}

// Layers 2 and 4 of 6 and experts 1 and 2 of 4 exist: of each there is one copy, which the slots of
// others point to.
TEST(WeightTableTest, NeedsWhatIndicesReach) {
  auto source = std::make_shared<InMemoryWeights>();
  for (const char *name : {"l.2.1", "l.2.2", "l.4.1", "l.4.2"})
    llvm::cantFail(source->add(name, countingTensor(DataType::F32, {5, 4})));
  WeightSpec spec{
      "l.{}.{}", {6, 4}, DataType::F32, {5, 4}, PanelSpec{0, 8, 1}, {0, 2, 3, 0, 4, 5, 1, 1, 3}};
  EXPECT_EQ(spec.slots().reachedSize(), 4);
  EXPECT_EQ(spec.numBytes(), 4 * 32 * 4);
  EXPECT_EQ(spec.slots().nameOf(2 * 4 + 1), "l.2.1");
  EXPECT_EQ(spec.slots().nameOf(0), "l.2.1");
  EXPECT_EQ(spec.slots().nameOf(3 * 4 + 2), "l.4.2");
  EXPECT_EQ(spec.slots().nameOf(5 * 4 + 3), "l.4.2");
  ThreadPool pool(1);
  double last = -1;
  auto table = WeightTable::resolve(spec, source, pool, [&](double done) { last = done; });
  ASSERT_TRUE(succeeds(table));
  EXPECT_EQ(last, 1);
  ASSERT_EQ(table->size(), 24u);
  std::set<const void *> own;
  for (int64_t slot = 0; slot < 24; ++slot) {
    own.insert(table->data()[slot]);
    EXPECT_EQ(elementOf(table->data()[slot], DataType::F32, 8), 1) << slot;
  }
  EXPECT_EQ(own.size(), 4u);
  EXPECT_EQ(table->data()[0], table->data()[2 * 4 + 1]);
  WeightSpec all{"l.{}.{}", {6, 4}, DataType::F32, {5, 4}};
  EXPECT_TRUE(failsWith(WeightTable::resolve(all, source, pool),
                        "expected weight 'l.0.0', there is none of that name"));
}

TEST(WeightTableTest, QuantizesThePartsOfStacks) {
  auto source = sourceOf(DataType::F32, {3, 16, 40});
  PanelSpec panels{0, 8, 2, attn::WeightFormat::Q8};
  WeightSpec stack{"l.{}.w", {2, 3}, DataType::F32, {16, 40}, panels};
  WeightSpec alone{"w", {}, DataType::F32, {16, 40}, panels};
  ThreadPool pool(2);
  auto table = WeightTable::resolve(stack, source, pool);
  ASSERT_TRUE(succeeds(table));
  for (int64_t slot = 0; slot < 6; ++slot) {
    TensorView stack = *source->find(slot < 3 ? "l.0.w" : "l.1.w");
    Tensor matrix = llvm::cantFail(Tensor::copyOf(stack.inStack(1, slot % 3)));
    auto one = std::make_shared<InMemoryWeights>();
    llvm::cantFail(one->add("w", std::move(matrix)));
    auto expected = WeightTable::resolve(alone, one, pool);
    ASSERT_TRUE(succeeds(expected));
    EXPECT_EQ(std::memcmp(table->data()[slot], expected->data()[0], alone.numBytes()), 0) << slot;
  }
}

TEST(WeightTableTest, ExpectsWholeStacks) {
  auto source = sourceOf(DataType::F32, {3, 5, 4});
  ThreadPool pool(1);
  EXPECT_TRUE(failsWith(
      WeightTable::resolve(WeightSpec{"l.{}.w", {2, 4}, DataType::F32, {5, 4}}, source, pool),
      "weight 'l.0.w': expected f32[4, 5, 4], got f32[3, 5, 4]"));
}

// Each would keep a stretch of its file in memory.
TEST(WeightTableTest, CopiesVectors) {
  auto source = std::make_shared<InMemoryWeights>();
  for (const char *name : {"l.0.b", "l.1.b"})
    llvm::cantFail(source->add(name, countingTensor(DataType::F32, {3})));
  llvm::cantFail(source->add("m", countingTensor(DataType::F32, {8, 2})));
  llvm::cantFail(source->add("scalar", countingTensor(DataType::F16, {})));
  llvm::cantFail(source->add("empty", countingTensor(DataType::F32, {0})));
  ThreadPool pool(1);
  auto table = WeightTable::resolve({{"l.{}.b", {2}, DataType::F32, {3}, {}},
                                     {"m", {}, DataType::F32, {8, 2}, PanelSpec{1, 2, 1}},
                                     {"scalar", {}, DataType::F16, {}, {}},
                                     {"empty", {}, DataType::F32, {0}, {}}},
                                    source, pool);
  ASSERT_TRUE(succeeds(table));
  ASSERT_EQ(table->size(), 5u);
  auto at = [&](int64_t slot) { return static_cast<const char *>(table->data()[slot]); };
  for (int64_t slot : {0, 1})
    EXPECT_EQ(llvm::ArrayRef(reinterpret_cast<const float *>(at(slot)), 3),
              llvm::ArrayRef<float>({0, 1, 2}));
  EXPECT_NE(at(1), source->find("l.1.b")->data());
  EXPECT_EQ(at(1) - at(0), 64);
  EXPECT_EQ(at(2) - at(1), 64);
  EXPECT_EQ(elementOf(at(2), DataType::F32, 15), 15);
  EXPECT_EQ(elementOf(at(3), DataType::F16, 0), 0);
}

TEST(WeightTableTest, ChecksVectors) {
  auto source = sourceOf(DataType::F32, {3});
  ThreadPool pool(1);
  EXPECT_TRUE(
      failsWith(WeightTable::resolve(WeightSpec{"l.{}.w", {2}, DataType::F32, {4}, {}}, source, pool),
                "weight 'l.0.w': expected f32[4], got f32[3]"));
}

TEST(WeightTableTest, ChecksWhatIsPackedFirst) {
  auto source = sourceOf(DataType::F32, {3, 4});
  ThreadPool pool(1);
  auto resolve = [&](WeightSpec spec) { return WeightTable::resolve(spec, source, pool); };
  EXPECT_TRUE(failsWith(resolve({"l.{}.w", {3}, DataType::F32, {3, 4}, PanelSpec{0, 8, 4}}),
                        "expected weight 'l.2.w', there is none of that name"));
  EXPECT_TRUE(failsWith(resolve({"l.{}.w", {2}, DataType::F32, {4, 3}, PanelSpec{0, 8, 4}}),
                        "weight 'l.0.w': expected f32[4, 3], got f32[3, 4]"));
  EXPECT_TRUE(failsWith(resolve({"l.{}.w", {2}, DataType::F16, {3, 4}, PanelSpec{0, 8, 4}}),
                        "weight 'l.0.w': expected f16[3, 4], got f32[3, 4]"));
}
