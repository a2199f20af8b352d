// How much memory it takes to load weights: measured in a child process, on files of 100 MB.
#include "runtime/WeightTable.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"
#include "llvm/Support/Endian.h"
#include <fstream>
#include <unistd.h>

using namespace fovea;
using namespace fovea::testing;

#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
// Sanitizers keep memory of their own for all that is touched.
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)

static constexpr int64_t depth = 2048, count = 4;
static constexpr int64_t threads = 2, pieceBytes = threads << 20;

/// `count` matrices of zeros. Their bytes begin at an odd address unless `aligned`.
static std::string writeFile(const TemporaryDirectory &directory, int64_t rows, bool aligned) {
  std::string header = "{";
  int64_t bytes = rows * depth * 4;
  for (int64_t i = 0; i < count; ++i)
    header += (llvm::Twine(i ? "," : "") + "\"l." + llvm::Twine(i) +
               ".w\":{\"dtype\":\"F32\",\"shape\":[" + llvm::Twine(rows) + "," +
               llvm::Twine(depth) + "],\"data_offsets\":[" + llvm::Twine(i * bytes) + "," +
               llvm::Twine((i + 1) * bytes) + "]}")
                  .str();
  header += "}";
  header.append((aligned ? 64 : 65) - header.size() % 64, ' ');
  std::string length(8, '\0');
  llvm::support::endian::write64le(length.data(), header.size());
  std::string path =
      directory.write("weights" + std::to_string(rows) + ".safetensors", length + header);
  // The rest is a hole, the pages of which are in memory once they are read all the same.
  EXPECT_EQ(truncate(path.c_str(), length.size() + header.size() + count * bytes), 0);
  return path;
}

/// The most memory that this process has had, mapped files included.
static int64_t peakBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (llvm::StringRef rest = line; rest.consume_front("VmHWM:")) {
      int64_t kilobytes = 0;
      rest.trim().consumeInteger(10, kilobytes);
      return kilobytes << 10;
    }
  return 0;
}

static llvm::Expected<WeightTable> load(const std::string &path, int64_t rows, PanelSpec panels,
                                        ThreadPool &pool) {
  return WeightTable::resolve(WeightSpec{"l.{}.w", {count}, DataType::F32, {rows, depth}, panels},
                              llvm::cantFail(openWeights(path)), pool);
}

/// Exits with 0 if loading takes at most a tenth more than the packed weights, beside the pieces of
/// the file that are in work, twice for what the system maps around them.
[[noreturn]] static void measure(const PanelSpec &panels, double packedPart, bool aligned) {
  constexpr int64_t rows = 3000, fewRows = 16;
  TemporaryDirectory directory;
  std::string small = writeFile(directory, fewRows, aligned);
  std::string large = writeFile(directory, rows, aligned);
  ThreadPool pool(threads);
  // The first time brings the code into memory as well.
  llvm::cantFail(load(small, fewRows, panels, pool));
  int64_t before = peakBytes();
  WeightTable table = llvm::cantFail(load(large, rows, panels, pool));
  int64_t taken = peakBytes() - before;
  auto packed = static_cast<int64_t>(packedPart * count * rows * depth * 4);
  llvm::errs() << "packed weights of " << packed << " bytes took " << taken << "\n";
  bool isRight = before > 0 && taken >= packed && taken <= packed + packed / 10 + 2 * pieceBytes;
  llvm::sys::fs::remove_directories(directory.path());
  _exit(isRight ? 0 : 1);
}

TEST(WeightMemoryDeathTest, FilesDoNotStayBesidePackedWeights) {
  EXPECT_EXIT(measure(PanelSpec{0, 8, 4}, 1, /*aligned=*/true), ::testing::ExitedWithCode(0), "");
}

TEST(WeightMemoryDeathTest, NothingIsCopiedToAlignIt) {
  EXPECT_EXIT(measure(PanelSpec{0, 8, 4}, 1, /*aligned=*/false), ::testing::ExitedWithCode(0), "");
}

/// Exits with 0 if a matrix that is read as a whole is packed before the others, though it comes
/// last: beside all that is packed it would be more than a tenth of it.
[[noreturn]] static void measureOrder() {
  constexpr int64_t rows = 3000;
  TemporaryDirectory directory;
  auto source = llvm::cantFail(openWeights(writeFile(directory, rows, /*aligned=*/true)));
  auto spec = [](std::string name, llvm::SmallVector<int64_t, 2> counts, int64_t dim) {
    return WeightSpec{
        std::move(name), std::move(counts), DataType::F32, {rows, depth}, PanelSpec{dim, 8, 4}};
  };
  ThreadPool pool(threads);
  int64_t before = peakBytes();
  WeightTable table = llvm::cantFail(
      WeightTable::resolve({spec("l.{}.w", {count - 1}, 0), spec("l.3.w", {}, 1)}, source, pool));
  int64_t taken = peakBytes() - before, packed = count * rows * depth * 4;
  llvm::errs() << "packed weights of " << packed << " bytes took " << taken << "\n";
  llvm::sys::fs::remove_directories(directory.path());
  _exit(before > 0 && taken <= packed + packed / 10 + 2 * pieceBytes ? 0 : 1);
}

TEST(WeightMemoryDeathTest, WhatIsReadAsAWholeIsPackedFirst) {
  EXPECT_EXIT(measureOrder(), ::testing::ExitedWithCode(0), "");
}

TEST(WeightMemoryDeathTest, QuantizedWeightsTakeAPartOfTheirFiles) {
  EXPECT_EXIT(measure(PanelSpec{0, 8, 4, attn::WeightFormat::Q4}, 9.0 / 64, /*aligned=*/true),
              ::testing::ExitedWithCode(0), "");
}

#endif
