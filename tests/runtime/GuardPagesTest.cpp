// Compiled code touches nothing beside the tensors it is given: each input and output lies between
// pages that nobody may touch, once at the end of its own pages and once at their beginning.
#include "runtime/Compile.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"
#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

using namespace fovea;
using namespace fovea::testing;

// Sizes that neither vectors nor tiles divide.
static const char description[] = R"(
def key_data(q: f32[B, 4, L, 24], k: f32[B, 2, S, 24], v: f32[B, 2, S, 24], keep: bool[B, S]):
    return y=attention(q, k, v, mask=lambda b, h, i, j: keep[b, j])

def key_numbers(q: f32[B, 4, L, 24], k: f32[B, 2, S, 24], v: f32[B, 2, S, 24], begin: i32[S]):
    return y=attention(q, k, v, mask=lambda i, j: begin[j] <= i)

def documents(q: f32[B, 4, S, 24], k: f32[B, 2, S, 24], v: f32[B, 2, S, 24], doc: i64[B, S]):
    return y=attention(q, k, v, mask=lambda b, h, i, j: doc[b, i] == doc[b, j] and j <= i)

def mask_tensor(q: f32[B, 4, L, 24], k: f32[B, 2, S, 24], v: f32[B, 2, S, 24], keep: bool[L, S]):
    return y=attention(q, k, v, mask=keep)

def bias(q: f16[B, 4, L, 24], k: f16[B, 2, S, 24], v: f16[B, 2, S, 24], bias: f16[4, L, S]):
    return y=attention(q, k, v, bias=bias)

def decoded(q: f32[1, 4, L, 32], k: f32[1, 1, S, 32], v: f32[1, 1, S, 48]):
    return y=attention(q, k, v)

def halves(q: bf16[1, 4, L, 33], k: bf16[1, 1, S, 33], v: bf16[1, 1, S, 32]):
    return y=attention(q, k, v, mask=lambda i, j: j <= i)

def rows_in_bytes(q: f32[1, 4, L, 40], k: f32[1, 1, S, 40], v: f32[1, 1, S, 40]):
    return y=attention(q, quantize_rows(k), quantize_rows(v))

def window(q: f32[B, 4, S, 24], k: f32[B, 2, S, 24], v: f32[B, 2, S, 24]):
    return y=attention(q, k, v, mask=lambda i, j: abs(i - j) <= 9)

def product(x: f32[B, L, 37], w: f32[29, 37], c: f32[29]):
    return y=gelu(linear(x, w, c))

def narrow_product(x: f16[B, S, 37], w: f16[37, 29]):
    return y=x @ w

def rows(x: f32[B, L, 37], w: f32[37]):
    return y=rms_norm(x, w), s=softmax(x)

def draw(logits: f32[B, 1001], seed: i64):
    return token=sample(logits, 0.8, 40, 0.9, 0.05, seed)
)";

namespace {
/// A tensor between two pages that nobody may touch, at one end of those between them.
class Guarded {
public:
  Guarded(DataType type, llvm::ArrayRef<int64_t> sizes, bool atEnd) : view(nullptr, type, sizes) {
    size_t page = sysconf(_SC_PAGESIZE), bytes = view.numBytes();
    size_t inside = (bytes + page) / page * page;
    length = inside + 2 * page;
    void *mapped = mmap(nullptr, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(mapped, MAP_FAILED);
    mapping = static_cast<char *>(mapped);
    EXPECT_EQ(mprotect(mapping + page, inside, PROT_READ | PROT_WRITE), 0);
    char *data = mapping + page + (atEnd ? inside - bytes : 0);
    view = MutableTensorView(data, type, sizes);
  }
  ~Guarded() { munmap(mapping, length); }
  Guarded(const Guarded &) = delete;

  MutableTensorView view;

private:
  char *mapping;
  size_t length; // of the mapping
};
} // namespace

static void fillRandom(const MutableTensorView &view, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  auto *data = static_cast<char *>(view.data());
  for (int64_t i = 0; i < view.numElements(); ++i) {
    double value = normal(random);
    switch (view.dataType()) {
    case DataType::Bool:
      value = value > 0;
      break;
    case DataType::I32:
    case DataType::I64: // documents, in order
      value = static_cast<double>(i / 40);
      break;
    default:
      break;
    }
    storeElement(view.dataType(), data + i * sizeOf(view.dataType()), value);
  }
}

using Sizes = std::map<std::string, int64_t>;

static DimVector sizesOf(const ArgumentSpec &argument, const Sizes &sizes) {
  DimVector result;
  for (const DimSpec &dim : argument.dims)
    result.push_back(dim.size ? *dim.size : sizes.at(dim.symbol));
  return result;
}

static void expectInside(const Executable &executable, const EntrySignature &entry,
                         const Sizes &sizes, bool atEnd) {
  std::vector<std::unique_ptr<Guarded>> memory;
  auto allocate = [&](DataType type, llvm::ArrayRef<int64_t> shape) {
    return memory.emplace_back(std::make_unique<Guarded>(type, shape, atEnd))->view;
  };
  std::vector<NamedView> inputs;
  for (const ArgumentSpec &input : entry.inputs) {
    MutableTensorView view = allocate(input.type, sizesOf(input, sizes));
    fillRandom(view, memory.size());
    inputs.emplace_back(input.name, view);
  }
  auto expected = executable.run(inputs, entry.name);
  ASSERT_TRUE(succeeds(expected)) << entry.name;
  std::vector<NamedMutableView> outputs;
  for (auto &[name, tensor] : *expected)
    outputs.emplace_back(name, allocate(tensor.view().dataType(), tensor.sizes()));
  ASSERT_TRUE(succeeds(executable.runInto(inputs, outputs, entry.name))) << entry.name;
  for (auto &[name, view] : outputs)
    EXPECT_EQ(std::memcmp(view.data(), expected->at(name).data(), view.numBytes()), 0)
        << entry.name;
}

TEST(GuardPagesTest, NothingBesideTensorsIsTouched) {
  TemporaryDirectory dir;
  auto graph = Graph::fromFile(dir.write("guarded.fov", description));
  ASSERT_TRUE(succeeds(graph));
  auto executable = compile(*graph, {.threads = 1, .optLevel = 1});
  ASSERT_TRUE(succeeds(executable));
  for (const EntrySignature &entry : executable->entries())
    for (int64_t queries : {1, 3, 70})
      for (int64_t keys : {70, 133})
        for (bool atEnd : {true, false})
          expectInside(*executable, entry, {{"B", 2}, {"L", queries}, {"S", keys}}, atEnd);
}
