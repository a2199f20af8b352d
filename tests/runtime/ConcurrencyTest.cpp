// What may happen on several threads at once: runs of one executable, of several, and compiling.
// The point of these tests is a build with ThreadSanitizer; in others they compare results.
#include "runtime/Compile.h"
#include "tests/runtime/CompileTesting.h"
#include <atomic>
#include <cstring>
#include <functional>
#include <thread>

using namespace fovea;
using namespace fovea::testing;

/// Sliding-window attention between projections: weights, kernels of several kinds, a workspace.
static Graph loadModel() {
  Params params = {{"H", int64_t(2)}, {"E", int64_t(16)}, {"W", int64_t(9)}};
  return llvm::cantFail(
      Graph::fromFile(FOVEA_SOURCE_DIR "/examples/sliding_window_mask.fov", params));
}

static std::shared_ptr<InMemoryWeights> makeWeights() {
  auto weights = std::make_shared<InMemoryWeights>();
  unsigned seed = 100;
  for (const char *name : {"wq", "wk", "wv", "wo"})
    llvm::cantFail(weights->add(name, randomTensor({16, 16}, seed++)));
  return weights;
}

static Executable compileModel(unsigned threads) {
  // The passes decide what is shared between threads; LLVM's effort would only cost time.
  return llvm::cantFail(
      compile(loadModel(), {.threads = threads, .weights = makeWeights(), .optLevel = 1}));
}

static Tensor makeInput(unsigned user) { return randomTensor({1, 20 + 7 * user, 16}, user); }

static Tensor run(const Executable &exe, const Tensor &x) {
  return std::move(llvm::cantFail(exe.run({{"x", x}})).at("y"));
}

static bool sameBits(const Tensor &a, const Tensor &b) {
  return a.sizes() == b.sizes() && std::memcmp(a.data(), b.data(), a.numBytes()) == 0;
}

/// Calls `body(user)` on as many threads, all of which begin at the same moment.
static void onThreads(unsigned users, const std::function<void(unsigned)> &body) {
  std::atomic<unsigned> ready{0};
  std::vector<std::thread> threads;
  for (unsigned user = 0; user < users; ++user)
    threads.emplace_back([&, user] {
      ++ready;
      while (ready < users)
        std::this_thread::yield();
      body(user);
    });
  for (std::thread &thread : threads)
    thread.join();
}

// Each user has inputs of another length, so that memory kept from a run of another has to grow.
TEST(ConcurrencyTest, OneExecutableOnManyThreads) {
  Executable single = compileModel(1), shared = compileModel(3);
  onThreads(4, [&](unsigned user) {
    Tensor x = makeInput(user), expected = run(single, x);
    for (int repeat = 0; repeat < 20; ++repeat)
      EXPECT_TRUE(sameBits(run(shared, x), expected)) << user;
  });
}

TEST(ConcurrencyTest, OneExecutableIntoTheCallersMemory) {
  Executable shared = compileModel(3);
  Tensor x = makeInput(1), expected = run(shared, x);
  onThreads(4, [&](unsigned) {
    Tensor y = llvm::cantFail(Tensor::create(DataType::F32, x.sizes()));
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::memset(y.data(), 0, y.numBytes());
      EXPECT_TRUE(succeeds(shared.runInto({{"x", x}}, {{"y", y.mutableView()}})));
      EXPECT_TRUE(sameBits(y, expected));
    }
  });
}

TEST(ConcurrencyTest, RefusedRunsBesideGoodOnes) {
  Executable shared = compileModel(2);
  Tensor x = makeInput(1), expected = run(shared, x);
  onThreads(4, [&](unsigned user) {
    for (int repeat = 0; repeat < 20; ++repeat)
      if (user % 2)
        EXPECT_TRUE(failsWith(shared.run({{"z", x}}), "missing input 'x'"));
      else
        EXPECT_TRUE(sameBits(run(shared, x), expected));
  });
}

// Several pools at work, and executables that end while others run.
TEST(ConcurrencyTest, SeveralExecutables) {
  Tensor x = makeInput(2), expected = run(compileModel(1), x);
  onThreads(3, [&](unsigned user) {
    for (unsigned round = 0; round < 2; ++round) {
      Executable first = compileModel(1 + user + round);
      Executable moved = std::move(first);
      for (int repeat = 0; repeat < 10; ++repeat)
        EXPECT_TRUE(sameBits(run(moved, x), expected)) << user;
    }
  });
}

// The weights, the input and nothing else is shared; every run of one is beside a run of the other.
TEST(ConcurrencyTest, ExecutablesOfSharedWeightsAndInput) {
  Graph graph = loadModel();
  std::shared_ptr<InMemoryWeights> weights = makeWeights();
  std::vector<Executable> all;
  for (unsigned threads : {1, 2, 3})
    all.push_back(
        llvm::cantFail(compile(graph, {.threads = threads, .weights = weights, .optLevel = 1})));
  Tensor x = makeInput(3), expected = run(all[0], x);
  onThreads(6, [&](unsigned user) {
    for (int repeat = 0; repeat < 20; ++repeat)
      EXPECT_TRUE(sameBits(run(all[(user + repeat) % all.size()], x), expected)) << user;
  });
}

// An executable that never ran, or has just run, ends its threads.
TEST(ConcurrencyTest, ExecutablesEndAtAnyTime) {
  Graph graph = loadModel();
  Tensor x = makeInput(0);
  for (int round = 0; round < 4; ++round) {
    Executable exe =
        llvm::cantFail(compile(graph, {.threads = 4, .weights = makeWeights(), .optLevel = 0}));
    if (round % 2)
      run(exe, x);
  }
}
