#include "runtime/generate/ChunkSize.h"
#include "runtime/Compile.h"
#include "tests/runtime/generate/ModelTesting.h"

using namespace fovea;
using namespace fovea::testing;

namespace {
/// A step that has a row of `width` floats for each token, and `width` times 4 KiB of weights.
struct Step {
  explicit Step(int64_t width) {
    TemporaryDirectory files;
    std::string path = files.write("model.fov", R"(
param W = 1
def step(input_ids: i64[B, L], position: i64[B], k_cache: f32[B, C, 4]):
    x = softmax(embedding(input_ids, weight("table")[1024, W]), dim=-1)
    return logits=x.sum(dim=1) + k_cache.sum() + position.sum(), last=x[:, -1]
)");
    Graph graph = llvm::cantFail(Graph::fromFile(path, {{"W", width}}));
    CompileOptions options;
    auto weights = std::make_shared<InMemoryWeights>();
    llvm::cantFail(
        weights->add("table", llvm::cantFail(Tensor::create(DataType::F32, {1024, width}))));
    options.weights = weights;
    executable.emplace(llvm::cantFail(compile(graph, options)));
    layout.tensors.push_back({"k_cache", DataType::F32, {0, 4}});
  }
  int64_t chunk(int64_t capacity) const {
    return llvm::cantFail(chooseChunkSize(*executable, layout, capacity));
  }

  std::optional<Executable> executable;
  CacheLayout layout;
};
} // namespace

TEST(ChunkSize, IsTheLargestWhereTheWorkspaceIsSmall) { EXPECT_EQ(Step(16).chunk(4096), 512); }

TEST(ChunkSize, IsAtMostTheCapacity) { EXPECT_EQ(Step(16).chunk(100), 100); }

// 512 tokens of 4096 floats are 8 MiB, 256 just above 4; a tenth of 16 MiB of weights is less.
TEST(ChunkSize, IsSmallerWhereTheWorkspaceIsNot) { EXPECT_EQ(Step(4096).chunk(4096), 192); }

// A cache of 320 MiB.
TEST(ChunkSize, IsLargeBesideALargeCache) { EXPECT_EQ(Step(4096).chunk(20 << 20), 512); }
