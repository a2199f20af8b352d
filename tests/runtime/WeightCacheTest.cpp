#include "runtime/WeightCache.h"
#include "runtime/WeightTable.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"
#include "llvm/Support/FileSystem.h"
#include <sys/stat.h>

using namespace fovea;
using namespace fovea::testing;

static constexpr int64_t large = int64_t(1) << 30;

/// More than one chunk, and no whole number of them.
static std::vector<char> somePacked() {
  std::vector<char> bytes(700000);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(i * i % 251);
  return bytes;
}

static void flipByte(const std::string &path, int64_t place) {
  std::string contents = (*llvm::cantFail(readFile(path, /*isCopied=*/true))).getBuffer().str();
  contents[place] ^= 1;
  std::error_code error;
  llvm::raw_fd_ostream(path, error) << contents;
  EXPECT_FALSE(error);
}

TEST(WeightCacheTest, GivesBackWhatWasStored) {
  TemporaryDirectory dir;
  ThreadPool pool(2);
  WeightCache cache(dir.path("new"), large);
  std::vector<char> packed = somePacked(), read(packed.size());
  EXPECT_FALSE(cache.load("key", read, pool));
  EXPECT_FALSE(cache.store("key", packed, pool));
  EXPECT_TRUE(cache.load("key", read, pool));
  EXPECT_EQ(read, packed);
  EXPECT_FALSE(cache.load("kez", read, pool));
}

TEST(WeightCacheTest, TakesNoDamagedEntryAndNoneOfAnotherSize) {
  TemporaryDirectory dir;
  ThreadPool pool(2);
  WeightCache cache(dir.path("cache"), large);
  std::vector<char> packed = somePacked(), shorter(packed.size() - 64);
  EXPECT_FALSE(cache.store("key", packed, pool));
  EXPECT_FALSE(cache.load("key", shorter, pool));
  // The magic, the key's hash, the size, the checksum, the first and the last byte.
  for (int64_t place : {0, 20, 41, 50, 64, 64 + 699999}) {
    flipByte(cache.pathOf("key"), place);
    EXPECT_FALSE(cache.load("key", packed, pool)) << place;
    flipByte(cache.pathOf("key"), place);
  }
  EXPECT_TRUE(cache.load("key", packed, pool));
}

TEST(WeightCacheTest, ReadsNothingBehindAWrongHeader) {
  TemporaryDirectory dir;
  ThreadPool pool(2);
  WeightCache cache(dir.path("cache"), large);
  std::vector<char> packed = somePacked(), read(packed.size());
  EXPECT_FALSE(cache.store("key", packed, pool));
  for (int64_t place : {0, 20, 41}) {
    flipByte(cache.pathOf("key"), place);
    EXPECT_FALSE(cache.load("key", read, pool));
    flipByte(cache.pathOf("key"), place);
  }
  EXPECT_EQ(read, std::vector<char>(packed.size()));
}

TEST(WeightCacheTest, WaitsForNoPipe) {
  TemporaryDirectory dir;
  ThreadPool pool(1);
  WeightCache cache(dir.path("cache"), large);
  std::vector<char> packed = somePacked();
  EXPECT_FALSE(cache.store("key", packed, pool));
  llvm::sys::fs::remove(cache.pathOf("key"));
  ASSERT_EQ(mkfifo(cache.pathOf("key").c_str(), 0600), 0);
  EXPECT_FALSE(cache.load("key", packed, pool));
  EXPECT_TRUE(failsWith(cache.store("key", packed, pool),
                        "expected a file or nothing there, got something else"));
}

TEST(WeightCacheTest, SaysThatAnEntryIsTooLarge) {
  TemporaryDirectory dir;
  ThreadPool pool(1);
  WeightCache cache(dir.path("cache"), 1 << 16);
  EXPECT_TRUE(failsWith(cache.store("key", somePacked(), pool),
                        "they take 683.6 KiB, more than the 64.0 KiB that all may take"));
}

namespace {
/// A matrix in panels of 16 rows.
struct Matrix {
  WeightSpec spec{"w", {}, DataType::F32, {40, 24}, PanelSpec{0, 16, 1}};
  std::shared_ptr<InMemoryWeights> source = std::make_shared<InMemoryWeights>();

  explicit Matrix(float last) {
    Tensor tensor = llvm::cantFail(Tensor::create(DataType::F32, {40, 24}));
    tensor.dataAs<float>()[40 * 24 - 1] = last;
    llvm::cantFail(source->add("w", std::move(tensor)));
  }
  std::string key() const {
    ThreadPool pool(2);
    return WeightCache::keyOf(spec, *source, pool);
  }
};
} // namespace

TEST(WeightCacheTest, KeysTellContentsAndFormsApart) {
  Matrix matrix(1), same(1), other(2), wider(1), fewBits(1);
  wider.spec.panels->lanes = 8;
  fewBits.spec.panels->format = attn::WeightFormat::Q8;
  EXPECT_NE(matrix.key(), "");
  EXPECT_EQ(matrix.key(), same.key());
  for (const Matrix &one : {other, wider, fewBits})
    EXPECT_NE(one.key(), matrix.key());
}

TEST(WeightCacheTest, ATableTakesFromItWhatAnotherPacked) {
  TemporaryDirectory dir;
  ThreadPool pool(2);
  WeightCache cache(dir.path("cache"), large);
  auto resolve = [&](const Matrix &matrix) {
    return llvm::cantFail(WeightTable::resolve(matrix.spec, matrix.source, pool, nullptr, &cache));
  };
  Matrix matrix(5);
  WeightTable first = resolve(matrix), second = resolve(matrix), third = resolve(Matrix(6));
  EXPECT_FALSE(first.isFromCache());
  EXPECT_TRUE(second.isFromCache());
  EXPECT_FALSE(third.isFromCache());
  EXPECT_EQ(std::memcmp(first.data()[0], second.data()[0], 40 * 24 * sizeof(float)), 0);
  EXPECT_EQ(first.storeFailure(), "");
}

TEST(WeightCacheTest, ATableSaysWhyNothingWasStored) {
  TemporaryDirectory dir;
  ThreadPool pool(1);
  WeightCache cache(dir.write("file", "no directory"), large);
  Matrix matrix(1);
  WeightTable table =
      llvm::cantFail(WeightTable::resolve(matrix.spec, matrix.source, pool, nullptr, &cache));
  EXPECT_NE(table.storeFailure().find("expected a directory, got a file"), std::string::npos);
}
