// Code for 64-bit Arm, whose row of the target table no x86 machine executes: compiled here, linked
// with fovea_rt for that machine, run under qemu and compared with the float64 reference executor.
#include "dialect/RegisterAll.h"
#include "frontend/Importer.h"
#include "runtime/Compile.h"
#include "runtime/Reference.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"
#include "llvm/Support/Program.h"
#include <cmath>
#include <random>

using namespace fovea;
using namespace fovea::testing;

static const char source[] = R"(
def full(q: f32[B, 8, L, 64], k: f32[B, 8, L, 64], v: f32[B, 8, L, 64]):
    return attention(q, k, v)


def causal(q: f32[B, 4, L, 80], k: f32[B, 2, L, 80], v: f32[B, 2, L, 80]):
    return attention(q, k, v, mask=lambda i, j: j <= i)


def window(q: f32[B, 2, L, 32], k: f32[B, 2, L, 32], v: f32[B, 2, L, 32]):
    return attention(q, k, v, mask=lambda i, j: abs(i - j) <= 16)


def decode(q: f32[B, 8, 1, 128], k: f32[B, 2, L, 128], v: f32[B, 2, L, 128]):
    return attention(q, k, v)


def half(q: f16[B, 4, L, 64], k: f16[B, 4, L, 64], v: f16[B, 4, L, 64]):
    return attention(q, k, v, mask=lambda i, j: j <= i)


def half_decode(q: f16[B, 4, 1, 64], k: f16[B, 4, L, 64], v: f16[B, 4, L, 64]):
    return attention(q, k, v)


def contraction(a: f32[M, K], b: f32[K, N]):
    return matmul(a, b)


def softmax_rows(x: f32[M, N]):
    return softmax(x, dim=-1)


def layer_norm_rows(x: f32[M, N], gamma: f32[N], beta: f32[N]):
    return layer_norm(x, gamma, beta)


def rms_norm_rows(x: f32[M, N], gamma: f32[N]):
    return rms_norm(x, gamma)


def gelu_rows(x: f32[M, N]):
    return gelu(x)
)";

namespace {
using Sizes = std::vector<int64_t>;

struct Case {
  const char *entry;
  std::vector<Sizes> inputs;
  DataType type = DataType::F32;
};

class CrossCompileTest : public ::testing::TestWithParam<Case> {
protected:
  void SetUp() override;
  void build(llvm::StringRef object);
  std::vector<double> run(const std::vector<Tensor> &inputs, const Tensor &like);

  std::string compiler, emulator, binary;
  TemporaryDirectory dir;
};
} // namespace

void CrossCompileTest::SetUp() {
  auto foundCompiler = llvm::sys::findProgramByName("aarch64-linux-gnu-gcc");
  auto foundEmulator = llvm::sys::findProgramByName("qemu-aarch64");
  if (!foundCompiler || !foundEmulator)
    GTEST_SKIP() << "aarch64-linux-gnu-gcc and qemu-aarch64 are not installed";
  compiler = *foundCompiler;
  emulator = *foundEmulator;
}

void CrossCompileTest::build(llvm::StringRef code) {
  std::string object = dir.write("code.o", code),
              entry = "-DENTRY=" + std::string(GetParam().entry);
  binary = dir.path("program");
  std::vector<llvm::StringRef> command = {compiler,
                                          "-std=c11",
                                          "-O1",
                                          "-static",
                                          "-I" FOVEA_SOURCE_DIR,
                                          entry,
                                          FOVEA_SOURCE_DIR "/tests/runtime/cross/Program.c",
                                          FOVEA_SOURCE_DIR "/runtime/standalone/Pool.c",
                                          object,
                                          "-lpthread",
                                          "-lm",
                                          "-o",
                                          binary};
  std::string message;
  ASSERT_EQ(llvm::sys::ExecuteAndWait(compiler, command, {}, {}, 120, 0, &message), 0) << message;
}

static void append(std::string &bytes, int64_t word) {
  bytes.append(reinterpret_cast<const char *>(&word), sizeof(word));
}

static std::string describe(const std::vector<Tensor> &inputs, const Tensor &result) {
  std::string bytes;
  append(bytes, static_cast<int64_t>(inputs.size()));
  for (const Tensor &input : inputs) {
    append(bytes, input.rank());
    for (int64_t size : input.view().sizes())
      append(bytes, size);
    append(bytes, input.view().numBytes());
    bytes.append(static_cast<const char *>(input.data()), input.view().numBytes());
    bytes.resize(llvm::alignTo(bytes.size(), 8));
  }
  append(bytes, 1);
  append(bytes, result.rank());
  append(bytes, sizeOf(result.dataType()));
  return bytes;
}

/// The elements of the one result, which has the type and sizes of `like`.
std::vector<double> CrossCompileTest::run(const std::vector<Tensor> &inputs, const Tensor &like) {
  std::string from = dir.write("inputs", describe(inputs, like)), to = dir.path("outputs"), message;
  EXPECT_EQ(
      llvm::sys::ExecuteAndWait(emulator, {emulator, binary, from, to}, {}, {}, 300, 0, &message),
      0)
      << message;
  std::string bytes = dir.read("outputs");
  EXPECT_EQ(static_cast<int64_t>(bytes.size()), like.view().numBytes());
  if (static_cast<int64_t>(bytes.size()) != like.view().numBytes())
    return {};
  return toDoubles(TensorView(bytes.data(), like.dataType(), like.view().sizes()));
}

static std::vector<Tensor> makeInputs(const Case &c) {
  std::mt19937 generator(1);
  std::uniform_real_distribution<double> distribution(-2, 2);
  std::vector<Tensor> inputs;
  for (const Sizes &sizes : c.inputs) {
    int64_t count = 1;
    for (int64_t size : sizes)
      count *= size;
    std::vector<double> values(count);
    for (double &value : values)
      value = distribution(generator);
    inputs.push_back(llvm::cantFail(Tensor::fromDoubles(c.type, sizes, values)));
  }
  return inputs;
}

/// Rounding of f32 arithmetic, as on other targets; a result of f16 has 11 bits.
static double boundOf(DataType type) { return type == DataType::F16 ? 1e-3 : 1e-5; }

TEST_P(CrossCompileTest, AgreesWithReference) {
  const Case &c = GetParam();
  auto context = makeContext();
  auto module = importFov(*context, "cross.fov", source);
  ASSERT_TRUE(succeeds(module));
  CompileOptions options;
  options.triple = "aarch64-linux-gnu";
  options.cpu = "cortex-a76";
  options.entry = c.entry;
  auto code = compileToFile(**module, CodeKind::Object, options);
  ASSERT_TRUE(succeeds(code));
  ASSERT_NO_FATAL_FAILURE(build(code->contents));
  std::vector<Tensor> inputs = makeInputs(c);
  std::vector<TensorView> views(inputs.begin(), inputs.end());
  auto reference = runReference(**module, c.entry, views);
  ASSERT_TRUE(succeeds(reference));
  const Tensor &exact = reference->front();
  auto like = Tensor::create(c.type, exact.view().sizes());
  ASSERT_TRUE(succeeds(like));
  std::vector<double> expected = toDoubles(exact), results = run(inputs, *like);
  ASSERT_EQ(results.size(), expected.size());
  double largest = 0, error = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    error = std::max(error, std::abs(results[i] - expected[i]));
    ASSERT_FALSE(std::isnan(results[i])) << i;
  }
  EXPECT_LE(error, boundOf(c.type) * largest);
}

INSTANTIATE_TEST_SUITE_P(
    Arm, CrossCompileTest,
    ::testing::Values(
        Case{"full", {{1, 8, 131, 64}, {1, 8, 131, 64}, {1, 8, 131, 64}}},
        Case{"causal", {{1, 4, 150, 80}, {1, 2, 150, 80}, {1, 2, 150, 80}}},
        Case{"window", {{2, 2, 203, 32}, {2, 2, 203, 32}, {2, 2, 203, 32}}},
        Case{"decode", {{1, 8, 1, 128}, {1, 2, 517, 128}, {1, 2, 517, 128}}},
        Case{"half", {{1, 4, 97, 64}, {1, 4, 97, 64}, {1, 4, 97, 64}}, DataType::F16},
        Case{"half_decode", {{1, 4, 1, 64}, {1, 4, 301, 64}, {1, 4, 301, 64}}, DataType::F16},
        Case{"contraction", {{67, 129}, {129, 95}}}, Case{"contraction", {{1, 129}, {129, 95}}},
        Case{"softmax_rows", {{5, 203}}}, Case{"layer_norm_rows", {{5, 203}, {203}, {203}}},
        Case{"rms_norm_rows", {{5, 203}, {203}}}, Case{"gelu_rows", {{5, 203}}}),
    [](const auto &info) {
      return std::string(info.param.entry) + "_" + std::to_string(info.index);
    });

TEST(CrossCompileErrors, ForeignCodeDoesNotRunHere) {
  auto context = makeContext();
  auto module = importFov(*context, "cross.fov", source);
  ASSERT_TRUE(succeeds(module));
  CompileOptions options;
  options.triple = "aarch64-linux-gnu";
  options.entry = "gelu_rows";
  if (llvm::StringRef(FOVEA_PROCESSOR) != "aarch64")
    EXPECT_TRUE(failsWith(compile(**module, options), "cannot run on this machine"));
  for (const char *triple : {"pdp11-unknown-none", "i686-linux-gnu", "powerpc64-linux-gnu",
                             "nvptx64", "amdgcn-amd-amdhsa", "wasm64", "ve-linux-gnu",
                             "x86_64-linux-gnux32", "aarch64-linux-gnu_ilp32"}) {
    options.triple = triple;
    EXPECT_TRUE(failsWith(compileToFile(**module, CodeKind::Object, options),
                          "expected the triple of a little-endian 64-bit CPU"));
  }
  options.triple = "aarch64-linux-gnu";
  options.cpu = "znver3";
  EXPECT_TRUE(failsWith(compileToFile(**module, CodeKind::Object, options),
                        "expected a CPU that LLVM knows for aarch64"));
  using TripleAndCpu = std::pair<llvm::StringRef, llvm::StringRef>;
  for (auto [triple, cpu] : {TripleAndCpu{"x86_64-linux-gnu", "pentium4"},
                             {"riscv64-linux-gnu", "sifive-e31"},
                             {"loongarch64-linux-gnu", "generic-la32"},
                             {"mips64el-linux-gnu", "mips32r2"}}) {
    options.triple = triple;
    options.cpu = cpu;
    EXPECT_TRUE(failsWith(compileToFile(**module, CodeKind::Object, options),
                          ("or native, got '" + cpu + "'").str()));
  }
}
