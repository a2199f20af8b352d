// The emitted contractions against sums in float64.
//
// A sum of K products rounds at most K times, each time by epsilon times the running sum, which
// sum |a b| bounds; blocks and vectors sum at least eight ways, hence K / 8 + 8 roundings, and
// results of half precision are rounded once more. Inputs are exact in their storage type, so
// both sides start from the same numbers.
#include "tests/numeric/KernelRunner.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace fovea::test;

namespace {
/// c[...] += a[...] * b[...] over loops of the given sizes; operands name their loops.
template <int RankA, int RankB, int RankC>
struct Einsum {
  std::vector<int64_t> sizes;
  std::array<int, RankA> a;
  std::array<int, RankB> b;
  std::array<int, RankC> c;
};
} // namespace

template <size_t Rank>
static std::string mapOf(size_t loops, const std::array<int, Rank> &dims) {
  std::string text = "affine_map<(";
  for (size_t i = 0; i < loops; ++i)
    text += (i ? ", d" : "d") + std::to_string(i);
  text += ") -> (";
  for (size_t i = 0; i < Rank; ++i)
    text += (i ? ", d" : "d") + std::to_string(dims[i]);
  return text + ")>";
}

static std::string memref(size_t rank, llvm::StringRef type) {
  std::string text = "memref<";
  for (size_t i = 0; i < rank; ++i)
    text += "?x";
  return text + type.str() + ">";
}

static std::string widen(llvm::StringRef value, llvm::StringRef from, llvm::StringRef to) {
  if (from == to)
    return "";
  return llvm::formatv("%w{0} = arith.extf %{0} : {1} to {2}\n", value, from, to);
}

template <int RankA, int RankB, int RankC>
static std::string source(const Einsum<RankA, RankB, RankC> &e, llvm::StringRef in,
                          llvm::StringRef out) {
  std::string iterators;
  for (size_t i = 0; i < e.sizes.size(); ++i)
    iterators += std::string(i ? ", " : "") +
                 (llvm::is_contained(e.c, int(i)) ? "\"parallel\"" : "\"reduction\"");
  std::string prefix = in == out ? "" : "w";
  return llvm::formatv(R"(
    func.func @f(%a: {0}, %b: {1}, %c: {2}) {{
      linalg.generic {{indexing_maps = [{3}, {4}, {5}], iterator_types = [{6}]}
        ins(%a, %b : {0}, {1}) outs(%c : {2}) {{
      ^bb0(%x: {7}, %y: {7}, %z: {8}):
        {9}{10}
        %p = arith.mulf %{11}x, %{11}y : {8}
        %s = arith.addf %z, %p : {8}
        linalg.yield %s : {8}
      }
      return
    })",
                       memref(RankA, in), memref(RankB, in), memref(RankC, out),
                       mapOf(e.sizes.size(), e.a), mapOf(e.sizes.size(), e.b),
                       mapOf(e.sizes.size(), e.c), iterators, in, out, widen("x", in, out),
                       widen("y", in, out), prefix);
}

template <typename T, size_t Rank>
static Buffer<T, Rank> makeBuffer(const std::vector<int64_t> &sizes,
                                  const std::array<int, Rank> &dims) {
  std::array<int64_t, Rank> shape;
  for (size_t i = 0; i < Rank; ++i)
    shape[i] = sizes[dims[i]];
  return Buffer<T, Rank>(shape, T(1));
}

template <typename T, int Rank, size_t Dims>
static int64_t offset(const Buffer<T, Rank> &buffer, const std::array<int, Dims> &dims,
                      const std::vector<int64_t> &at) {
  int64_t linear = 0;
  for (size_t i = 0; i < Dims; ++i)
    linear = linear * buffer.shape[i] + at[dims[i]];
  return linear;
}

/// Calls `body` at every point of the loops.
static void forEachPoint(const std::vector<int64_t> &sizes,
                         llvm::function_ref<void(const std::vector<int64_t> &)> body) {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  std::vector<int64_t> at(sizes.size());
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i;
    for (size_t d = sizes.size(); d-- > 0; rest /= sizes[d])
      at[d] = rest % sizes[d];
    body(at);
  }
}

template <typename In, typename Out, int RankA, int RankB, int RankC>
static void checkOn(KernelRunner &runner, const Einsum<RankA, RankB, RankC> &e, double epsilon,
                    double storeEpsilon) {
  auto a = makeBuffer<In>(e.sizes, e.a);
  auto b = makeBuffer<In>(e.sizes, e.b);
  auto c = makeBuffer<Out>(e.sizes, e.c);
  fillRandom(a.data, -1, 1, 1);
  fillRandom(b.data, -1, 1, 2);
  std::vector<double> sums(c.data.size(), 1), magnitudes(c.data.size(), 1);
  int64_t products = 0;
  forEachPoint(e.sizes, [&](const std::vector<int64_t> &at) {
    double product = double(a.data[offset(a, e.a, at)]) * double(b.data[offset(b, e.b, at)]);
    sums[offset(c, e.c, at)] += product;
    magnitudes[offset(c, e.c, at)] += std::abs(product);
    ++products;
  });
  ASSERT_FALSE(bool(call(runner, "f", a.descriptor(), b.descriptor(), c.descriptor())));
  double depth = c.data.empty() ? 0 : double(products) / c.data.size();
  for (size_t i = 0; i < sums.size(); ++i)
    ASSERT_NEAR(double(c.data[i]), sums[i],
                epsilon * (8 + depth / 8) * magnitudes[i] + storeEpsilon * std::abs(sums[i]))
        << "element " << i << " of " << c.data.size() << ", sums of " << depth;
}

template <typename In, typename Out, int RankA, int RankB, int RankC>
static void check(const Einsum<RankA, RankB, RankC> &e, llvm::StringRef in, llvm::StringRef out,
                  double epsilon, double storeEpsilon = 0) {
  auto runner = KernelRunner::create(source(e, in, out), "attn-emit-contraction");
  ASSERT_TRUE(bool(runner)) << llvm::toString(runner.takeError());
  checkOn<In, Out>(*runner, e, epsilon, storeEpsilon);
}

/// One compilation, many sizes: m, n, k.
template <typename T>
static void checkSizes(std::array<int, 2> b, llvm::StringRef type, double epsilon) {
  Einsum<2, 2, 2> e{{1, 1, 1}, {0, 2}, b, {0, 1}};
  auto runner = KernelRunner::create(source(e, type, type), "attn-emit-contraction");
  ASSERT_TRUE(bool(runner)) << llvm::toString(runner.takeError());
  for (auto sizes : std::vector<std::vector<int64_t>>{{6, 16, 8},
                                                      {1, 1, 1},
                                                      {1, 37, 70},
                                                      {2, 64, 64},
                                                      {3, 33, 67},
                                                      {4, 16, 4},
                                                      {7, 17, 9},
                                                      {13, 48, 300},
                                                      {96, 64, 256},
                                                      {97, 65, 515},
                                                      {16, 65, 70},
                                                      {17, 20, 300},
                                                      {260, 20, 30},
                                                      {5, 5, 0}}) {
    SCOPED_TRACE(llvm::formatv("{0} x {1} x {2}", sizes[0], sizes[1], sizes[2]).str());
    e.sizes = sizes;
    checkOn<T, T>(*runner, e, epsilon, 0);
  }
}

static constexpr double f32Epsilon = 0x1p-24, f64Epsilon = 0x1p-53, f16Epsilon = 0x1p-11;

TEST(Contraction, RowMajorWeightsF32) { checkSizes<float>({1, 2}, "f32", f32Epsilon); }
TEST(Contraction, ColumnMajorWeightsF32) { checkSizes<float>({2, 1}, "f32", f32Epsilon); }
TEST(Contraction, RowMajorWeightsF64) { checkSizes<double>({1, 2}, "f64", f64Epsilon); }
TEST(Contraction, ColumnMajorWeightsF64) { checkSizes<double>({2, 1}, "f64", f64Epsilon); }

TEST(Contraction, TransposedLeft) {
  check<float, float>(Einsum<2, 2, 2>{{35, 40, 50}, {2, 0}, {2, 1}, {0, 1}}, "f32", "f32",
                      f32Epsilon);
}

// The result is contiguous along the rows of the first factor, so the factors swap roles.
TEST(Contraction, TransposedResult) {
  check<float, float>(Einsum<2, 2, 2>{{35, 40, 50}, {0, 2}, {1, 2}, {1, 0}}, "f32", "f32",
                      f32Epsilon);
}

TEST(Contraction, BatchOfHeads) {
  check<float, float>(Einsum<4, 4, 4>{{2, 3, 9, 20, 16}, {0, 2, 1, 4}, {0, 1, 3, 4}, {0, 1, 2, 3}},
                      "f32", "f32", f32Epsilon);
}

TEST(Contraction, TwoSummedLoops) {
  check<float, float>(Einsum<3, 3, 2>{{10, 24, 3, 16}, {0, 2, 3}, {2, 3, 1}, {0, 1}}, "f32", "f32",
                      f32Epsilon);
}

TEST(Contraction, MatrixVector) {
  check<float, float>(Einsum<2, 1, 1>{{45, 70}, {0, 1}, {1}, {0}}, "f32", "f32", f32Epsilon);
}

// No operand is contiguous in a useful way: c[n, m] along nothing the loops end with.
TEST(Contraction, ResultContiguousAlongBatch) {
  check<float, float>(Einsum<3, 3, 3>{{8, 18, 5, 12}, {0, 2, 3}, {1, 2, 3}, {0, 1, 2}}, "f32",
                      "f32", f32Epsilon);
}

TEST(Contraction, HalfInputs) {
  check<_Float16, float>(Einsum<2, 2, 2>{{20, 40, 300}, {0, 2}, {1, 2}, {0, 1}}, "f16", "f32",
                         f32Epsilon);
  check<_Float16, float>(Einsum<2, 2, 2>{{1, 40, 300}, {0, 2}, {1, 2}, {0, 1}}, "f16", "f32",
                         f32Epsilon);
  check<BFloat16, float>(Einsum<2, 2, 2>{{20, 40, 300}, {0, 2}, {2, 1}, {0, 1}}, "bf16", "f32",
                         f32Epsilon);
}

// 600 > 256 terms: partial sums over blocks of k must not be rounded to half precision.
TEST(Contraction, HalfResultsAreRoundedOnce) {
  check<_Float16, _Float16>(Einsum<2, 2, 2>{{20, 300, 600}, {0, 2}, {1, 2}, {0, 1}}, "f16", "f16",
                            f32Epsilon, f16Epsilon);
  check<_Float16, _Float16>(Einsum<2, 2, 2>{{2, 30, 600}, {0, 2}, {2, 1}, {0, 1}}, "f16", "f16",
                            f32Epsilon, f16Epsilon);
}

/// y[b, m, n] += x[b, m, k] * w[n, k] in tiles of 516 x 64, as attn-tile-parallel cuts it.
static constexpr llvm::StringLiteral tiledSource = R"(
  #rows = affine_map<(d0)[s0] -> (s0 - d0, 516)>
  #columns = affine_map<(d0)[s0] -> (s0 - d0, 64)>
  func.func @f(%x: memref<?x?x?xf32>, %w: memref<?x?xf32>, %y: memref<?x?x?xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %nb = memref.dim %x, %c0 : memref<?x?x?xf32>
    %nm = memref.dim %x, %c1 : memref<?x?x?xf32>
    %nk = memref.dim %x, %c2 : memref<?x?x?xf32>
    %nn = memref.dim %w, %c0 : memref<?x?xf32>
    scf.forall (%b, %m, %n) = (0, 0, 0) to (%nb, %nm, %nn) step (1, 516, 64) {
      %r = affine.min #rows(%m)[%nm]
      %c = affine.min #columns(%n)[%nn]
      %xs = memref.subview %x[%b, %m, 0] [1, %r, %nk] [1, 1, 1]
        : memref<?x?x?xf32> to memref<1x?x?xf32, strided<[?, ?, 1], offset: ?>>
      %ws = memref.subview %w[%n, 0] [%c, %nk] [1, 1]
        : memref<?x?xf32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
      %ys = memref.subview %y[%b, %m, %n] [1, %r, %c] [1, 1, 1]
        : memref<?x?x?xf32> to memref<1x?x?xf32, strided<[?, ?, 1], offset: ?>>
      linalg.generic {
          indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>,
                           affine_map<(b, m, n, k) -> (n, k)>,
                           affine_map<(b, m, n, k) -> (b, m, n)>],
          iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%xs, %ws : memref<1x?x?xf32, strided<[?, ?, 1], offset: ?>>,
                       memref<?x?xf32, strided<[?, 1], offset: ?>>)
        outs(%ys : memref<1x?x?xf32, strided<[?, ?, 1], offset: ?>>) {
      ^bb0(%p: f32, %q: f32, %s: f32):
        %t = arith.mulf %p, %q : f32
        %u = arith.addf %s, %t : f32
        linalg.yield %u : f32
      }
    }
    return
  })";

// Tiles that share packed rows: several of them, partial ones, and so few rows that none is packed.
TEST(Contraction, TilesShareRows) {
  Einsum<3, 2, 3> e{{}, {0, 1, 3}, {2, 3}, {0, 1, 2}};
  auto runner = KernelRunner::create(tiledSource, "attn-emit-contraction,scf-forall-to-for");
  ASSERT_TRUE(bool(runner)) << llvm::toString(runner.takeError());
  for (auto sizes : std::vector<std::vector<int64_t>>{
           {2, 530, 70, 270}, {1, 516, 64, 256}, {3, 17, 130, 3}, {2, 16, 70, 40}, {1, 20, 1, 0}}) {
    SCOPED_TRACE(
        llvm::formatv("{0} x {1} x {2} x {3}", sizes[0], sizes[1], sizes[2], sizes[3]).str());
    e.sizes = sizes;
    checkOn<float, float>(*runner, e, f32Epsilon, 0);
  }
}
