// A run whose sizes an earlier one had allocates nothing, counted at operator new and at malloc.
#include "dialect/RegisterAll.h"
#include "mlir/Parser/Parser.h"
#include "runtime/Compile.h"
#include "tests/ErrorTesting.h"
#include "gtest/gtest.h"
#include <atomic>
#include <cstdlib>
#include <malloc.h>
#include <new>

#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)

using namespace fovea;
using namespace fovea::testing;

static std::atomic<int64_t> newCalls{0};

void *operator new(size_t size) {
  ++newCalls;
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }

TEST(AllocationTest, LaterRunsAllocateNothing) {
  const char *source = R"mlir(
    func.func @main(%x: tensor<?x8x2x2x2x2xf32> {attn.name = "x"})
        -> (tensor<?x8x2x2x2x2xf32> {attn.name = "y"}) {
      %c0 = arith.constant 0 : index
      %l = tensor.dim %x, %c0 : tensor<?x8x2x2x2x2xf32>
      %init = tensor.empty(%l) : tensor<?x8x2x2x2x2xf32>
      %e = linalg.exp ins(%x : tensor<?x8x2x2x2x2xf32>)
                      outs(%init : tensor<?x8x2x2x2x2xf32>) -> tensor<?x8x2x2x2x2xf32>
      return %e : tensor<?x8x2x2x2x2xf32>
    })mlir";
  auto context = makeContext();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(source, context.get());
  ASSERT_TRUE(module);
  auto exe = compile(*module, {.threads = 3});
  ASSERT_TRUE(succeeds(exe));
  std::vector<float> x(64 * 128), y(64 * 128);
  auto run = [&](int64_t length) {
    NamedView input("x", TensorView(x.data(), {length, 8, 2, 2, 2, 2}));
    NamedMutableView output("y", MutableTensorView(y.data(), {length, 8, 2, 2, 2, 2}));
    size_t bytes = mallinfo2().uordblks;
    int64_t calls = newCalls;
    bool failed = static_cast<bool>(exe->runInto(input, output));
    EXPECT_FALSE(failed);
    return std::pair(newCalls - calls, mallinfo2().uordblks - bytes);
  };
  EXPECT_GT(run(64).first, 0); // the counter counts
  for (int64_t length : {64, 64, 1, 63})
    EXPECT_EQ(run(length), std::pair(int64_t(0), size_t(0))) << length;
}

#endif
