// Vectorised loops against the same op as scalar loops: equal where no sum is reordered.
#include "tests/numeric/KernelRunner.h"
#include "gtest/gtest.h"

using namespace fovea::test;

static std::vector<KernelRunner> compileBothWays(llvm::StringRef source) {
  std::vector<KernelRunner> runners;
  for (llvm::StringRef passes : {"attn-vectorize-linalg", "convert-linalg-to-loops"}) {
    auto runner = KernelRunner::create(source, passes);
    EXPECT_TRUE(bool(runner)) << llvm::toString(runner.takeError());
    if (runner)
      runners.push_back(std::move(*runner));
  }
  return runners;
}

TEST(Vectorize, MasksInMemory) {
  auto runners = compileBothWays(R"(
    func.func @f(%x: memref<?x?xf32>, %m: memref<?x?xi1>, %y: memref<?x?xf32>, %n: memref<?x?xi1>) {
      linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>,
                                       affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                      iterator_types = ["parallel", "parallel"]}
        ins(%x, %m : memref<?x?xf32>, memref<?x?xi1>)
        outs(%y, %n : memref<?x?xf32>, memref<?x?xi1>) {
      ^bb0(%a: f32, %p: i1, %o: f32, %q: i1):
        %i = linalg.index 0 : index
        %j = linalg.index 1 : index
        %causal = arith.cmpi sge, %i, %j : index
        %keep = arith.andi %causal, %p : i1
        %zero = arith.constant 0.0 : f32
        %r = arith.select %keep, %a, %zero : f32
        linalg.yield %r, %keep : f32, i1
      }
      return
    })");
  ASSERT_EQ(runners.size(), 2u);
  std::array<std::vector<float>, 2> values;
  std::array<std::vector<int8_t>, 2> masks;
  for (int way = 0; way < 2; ++way) {
    Buffer<float, 2> x({19, 21}), y({19, 21});
    Buffer<int8_t, 2> m({19, 21}), n({19, 21}, 2);
    fillRandom(x.data, -1, 1);
    for (size_t i = 0; i < m.data.size(); ++i)
      m.data[i] = i % 3 != 0;
    ASSERT_FALSE(bool(
        call(runners[way], "f", x.descriptor(), m.descriptor(), y.descriptor(), n.descriptor())));
    values[way] = y.data;
    masks[way] = n.data;
  }
  EXPECT_EQ(values[0], values[1]);
  EXPECT_EQ(masks[0], masks[1]);
}

// Transposition, a gathered table and reversed access: addresses that differ lane by lane.
TEST(Vectorize, ScatteredAccess) {
  auto runners = compileBothWays(R"(
    func.func @f(%x: memref<?x?xf32>, %t: memref<50xf32>, %y: memref<?x?xf32>) {
      linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>],
                      iterator_types = ["parallel", "parallel"]}
        ins(%x : memref<?x?xf32>) outs(%y : memref<?x?xf32>) {
      ^bb0(%a: f32, %o: f32):
        %i = linalg.index 0 : index
        %j = linalg.index 1 : index
        %two = arith.constant 2 : index
        %k = arith.muli %j, %two : index
        %v = memref.load %t[%k] : memref<50xf32>
        %w = arith.addi %i, %j : index
        %u = memref.load %t[%w] : memref<50xf32>
        %s = arith.addf %a, %v : f32
        %r = arith.mulf %s, %u : f32
        linalg.yield %r : f32
      }
      return
    })");
  ASSERT_EQ(runners.size(), 2u);
  std::array<std::vector<float>, 2> values;
  for (int way = 0; way < 2; ++way) {
    Buffer<float, 2> x({21, 19}), y({19, 21});
    Buffer<float, 1> t({50});
    fillRandom(x.data, -1, 1, 1);
    fillRandom(t.data, -1, 1, 2);
    ASSERT_FALSE(bool(call(runners[way], "f", x.descriptor(), t.descriptor(), y.descriptor())));
    values[way] = y.data;
  }
  EXPECT_EQ(values[0], values[1]);
}

// Sums, products and extremes of rows of any length, with a start value.
TEST(Vectorize, RowReductions) {
  auto runner = KernelRunner::create(R"(
    func.func @f(%x: memref<?x?xf32>, %sum: memref<?xf32>, %max: memref<?xf32>, %exp: memref<?x?xf32>) {
      linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>,
                                       affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
                      iterator_types = ["parallel", "reduction"]}
        ins(%x : memref<?x?xf32>)
        outs(%sum, %max, %exp : memref<?xf32>, memref<?xf32>, memref<?x?xf32>) {
      ^bb0(%a: f32, %s: f32, %m: f32, %o: f32):
        %n = arith.negf %a : f32
        %s1 = arith.addf %s, %a : f32
        %m1 = arith.maximumf %a, %m : f32
        linalg.yield %s1, %m1, %n : f32, f32, f32
      }
      return
    })",
                                     "attn-vectorize-linalg");
  ASSERT_TRUE(bool(runner)) << llvm::toString(runner.takeError());
  for (int64_t size : {0, 1, 7, 8, 31, 32, 33, 64, 100, 1000}) {
    Buffer<float, 2> x({5, size}), negated({5, size});
    Buffer<float, 1> sum({5}, 0.5f), max({5}, -0.25f);
    fillRandom(x.data, -1, 1, size);
    ASSERT_FALSE(bool(call(*runner, "f", x.descriptor(), sum.descriptor(), max.descriptor(),
                           negated.descriptor())));
    for (int64_t i = 0; i < 5; ++i) {
      double exact = 0.5, magnitude = 0.5;
      float largest = -0.25f;
      for (int64_t j = 0; j < size; ++j) {
        float value = x.data[i * size + j];
        exact += value;
        magnitude += std::abs(value);
        largest = std::max(largest, value);
        ASSERT_EQ(negated.data[i * size + j], -value);
      }
      // 32 partial sums, each of size / 32 roundings, and as many again to combine and finish.
      EXPECT_NEAR(sum.data[i], exact, 0x1p-24 * (size / 32.0 + 16) * magnitude) << size;
      EXPECT_EQ(max.data[i], largest) << size;
    }
  }
}

TEST(Vectorize, ColumnSums) {
  auto runners = compileBothWays(R"(
    func.func @f(%x: memref<?x?xf64>, %sum: memref<?xf64>) {
      linalg.reduce ins(%x : memref<?x?xf64>) outs(%sum : memref<?xf64>) dimensions = [0]
        (%a: f64, %b: f64) {
          %s = arith.addf %a, %b : f64
          linalg.yield %s : f64
        }
      return
    })");
  ASSERT_EQ(runners.size(), 2u);
  std::array<std::vector<double>, 2> sums;
  for (int way = 0; way < 2; ++way) {
    Buffer<double, 2> x({17, 13});
    Buffer<double, 1> sum({13}, 1);
    fillRandom(x.data, -1, 1);
    ASSERT_FALSE(bool(call(runners[way], "f", x.descriptor(), sum.descriptor())));
    sums[way] = sum.data;
  }
  // The order within a column is that of the loops either way.
  EXPECT_EQ(sums[0], sums[1]);
}

/// A softmax of rows, without their maximum.
static constexpr llvm::StringLiteral exponentialRows = R"(
  #row = affine_map<(i, j) -> (i, j)>
  #sum = affine_map<(i, j) -> (i)>
  func.func @f(%x: memref<?x4096xf32>, %y: memref<?x4096xf32>) {
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %n = memref.dim %x, %c0 : memref<?x4096xf32>
    scf.forall (%i) in (%n) {
      %in = memref.subview %x[%i, 0] [1, 4096] [1, 1]
        : memref<?x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
      %z = memref.alloc() : memref<1xf32>
      %p = memref.alloc() : memref<1x4096xf32>
      linalg.fill ins(%zero : f32) outs(%z : memref<1xf32>)
      linalg.generic {indexing_maps = [#row, #row, #sum],
                      iterator_types = ["parallel", "reduction"]}
        ins(%in : memref<1x4096xf32, strided<[4096, 1], offset: ?>>)
        outs(%p, %z : memref<1x4096xf32>, memref<1xf32>) {
      ^bb0(%a: f32, %o: f32, %acc: f32):
        %e = math.exp %a : f32
        %s = arith.addf %acc, %e : f32
        linalg.yield %e, %s : f32, f32
      }
      %out = memref.subview %y[%i, 0] [1, 4096] [1, 1]
        : memref<?x4096xf32> to memref<1x4096xf32, strided<[4096, 1], offset: ?>>
      linalg.generic {indexing_maps = [#row, #sum, #row],
                      iterator_types = ["parallel", "parallel"]}
        ins(%p, %z : memref<1x4096xf32>, memref<1xf32>)
        outs(%out : memref<1x4096xf32, strided<[4096, 1], offset: ?>>) {
      ^bb0(%a: f32, %b: f32, %o: f32):
        %w = arith.divf %a, %b : f32
        linalg.yield %w : f32
      }
    }
    return
  })";

// What is larger than the caches and aligned is stored a row late: with the same bits, and nothing
// around it.
TEST(Vectorize, DeferredStores) {
  auto runner = KernelRunner::create(
      exponentialRows, "attn-vectorize-linalg,attn-approximate-math,scf-forall-to-for");
  ASSERT_TRUE(bool(runner)) << llvm::toString(runner.takeError());
  constexpr int64_t columns = 4096, rows = 1024 + 32 + 1, guard = 64, distinct = 7;
  std::vector<float> in(rows * columns), out(rows * columns + 2 * guard), row(columns);
  auto run = [&](const float *x, float *y, int64_t count) {
    StridedMemRefType<float, 2> from{
        const_cast<float *>(x), const_cast<float *>(x), 0, {count, columns}, {columns, 1}};
    StridedMemRefType<float, 2> to{y, y, 0, {count, columns}, {columns, 1}};
    ASSERT_FALSE(bool(call(*runner, "f", from, to)));
  };
  fillRandom(in, -4, 4, 3);
  float *aligned =
      reinterpret_cast<float *>(llvm::alignTo(reinterpret_cast<uintptr_t>(out.data()), 64) + 64);
  for (float *y : {aligned, aligned + 1}) {
    std::fill(out.begin(), out.end(), -1.0f);
    run(in.data(), y, rows);
    for (int64_t i = 0; i < rows; i += i + distinct < rows ? distinct : 1) {
      run(in.data() + i * columns, row.data(), 1);
      ASSERT_TRUE(std::equal(row.begin(), row.end(), y + i * columns)) << "row " << i;
    }
    EXPECT_EQ(y[-1], -1.0f);
    EXPECT_EQ(y[rows * columns], -1.0f);
  }
}
