// Arithmetic, reductions, norms, masks and loops.
#include "tests/runtime/GraphBuilderNumbers.h"

using namespace fovea;

TEST_F(GraphBuilderNumbers, UnaryFunctions) {
  Input x{{4}, {0.3, 1.7, 0.01, 2.5}};
  std::vector<std::pair<UnaryKind, double (*)(double)>> cases = {
      {UnaryKind::Exp, std::exp},
      {UnaryKind::Log, std::log},
      {UnaryKind::Rsqrt, [](double v) { return 1 / std::sqrt(v); }},
      {UnaryKind::Sigmoid, [](double v) { return 1 / (1 + std::exp(-v)); }},
      {UnaryKind::Silu, [](double v) { return v / (1 + std::exp(-v)); }},
      {UnaryKind::Softplus, [](double v) { return std::log1p(std::exp(v)); }},
      {UnaryKind::Gelu, [](double v) { return 0.5 * v * std::erfc(-v / std::sqrt(2.0)); }},
      {UnaryKind::GeluTanh,
       [](double v) {
         return 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
       }},
      {UnaryKind::Relu, [](double v) { return std::max(v, 0.0); }},
      {UnaryKind::Neg, [](double v) { return -v; }},
      {UnaryKind::Floor, [](double v) { return std::floor(v); }}};
  for (auto [kind, function] : cases) {
    Values expected;
    for (double value : x.values)
      expected.push_back(function(value));
    expectNear(run({x}, [&, kind = kind](Tensors t) { return b.unary(kind, t[0]); }), expected);
  }
}

TEST_F(GraphBuilderNumbers, IntegerDivisionRoundsAsPythonDoes) {
  Input a{{4}, {7, -7, 7, -7}, true}, c{{4}, {2, 2, -2, -2}, true};
  auto binary = [&](BinaryKind kind) {
    return run({a, c}, [&](Tensors t) { return b.binary(kind, t[0], t[1]); });
  };
  EXPECT_EQ(binary(BinaryKind::FloorDiv), (Values{3, -4, -4, 3}));
  EXPECT_EQ(binary(BinaryKind::Mod), (Values{1, 1, -1, -1}));
}

TEST_F(GraphBuilderNumbers, BroadcastSubtraction) {
  Input a = randomInput({2, 1, 3}, 1), c = randomInput({4, 3}, 2);
  Values expected;
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 4; ++j)
      for (int k = 0; k < 3; ++k)
        expected.push_back(a.values[i * 3 + k] - c.values[j * 3 + k]);
  expectNear(run({a, c}, [&](Tensors t) { return b.sub(t[0], t[1]); }), expected);
}

TEST_F(GraphBuilderNumbers, MatmulBroadcastsBatches) {
  Input a = randomInput({2, 1, 3, 5}, 1), c = randomInput({4, 5, 6}, 2);
  Values expected;
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 4; ++j)
      for (int m = 0; m < 3; ++m)
        for (int n = 0; n < 6; ++n) {
          double sum = 0;
          for (int k = 0; k < 5; ++k)
            sum += a.values[(i * 3 + m) * 5 + k] * c.values[(j * 5 + k) * 6 + n];
          expected.push_back(sum);
        }
  expectNear(run({a, c}, [&](Tensors t) { return b.matmul(t[0], t[1]); }), expected);
}

TEST_F(GraphBuilderNumbers, LinearWithBias) {
  Input x = randomInput({2, 3, 5}, 1), w = randomInput({4, 5}, 2), bias = randomInput({4}, 3);
  Values expected;
  for (int row = 0; row < 6; ++row)
    for (int o = 0; o < 4; ++o) {
      double sum = bias.values[o];
      for (int i = 0; i < 5; ++i)
        sum += x.values[row * 5 + i] * w.values[o * 5 + i];
      expected.push_back(sum);
    }
  expectNear(run({x, w, bias}, [&](Tensors t) { return b.linear(t[0], t[1], t[2]); }), expected);
}

TEST_F(GraphBuilderNumbers, EinsumSumsLettersOfOneOperand) {
  Input a = randomInput({3, 5}, 1), c = randomInput({5, 4}, 2);
  Values expected(5);
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 5; ++j)
      for (int k = 0; k < 4; ++k)
        expected[j] += a.values[i * 5 + j] * c.values[j * 4 + k];
  expectNear(run({a, c}, [&](Tensors t) { return b.einsum("ij,jk->j", t[0], t[1]); }), expected);
}

TEST_F(GraphBuilderNumbers, Reductions) {
  Input x = randomInput({2, 3, 4}, 1);
  Values sum(8), mean(2), max(6, -2);
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k) {
        double value = x.values[(i * 3 + j) * 4 + k];
        sum[i * 4 + k] += value;
        mean[i] += value / 12;
        max[i * 3 + j] = std::max(max[i * 3 + j], value);
      }
  auto reduce = [&](ReduceKind kind, std::vector<int64_t> dims) {
    return run({x}, [&](Tensors t) { return b.reduce(kind, t[0], dims); });
  };
  expectNear(reduce(ReduceKind::Sum, {1}), sum);
  expectNear(reduce(ReduceKind::Mean, {1, 2}), mean);
  expectNear(reduce(ReduceKind::Max, {-1}), max);
}

TEST_F(GraphBuilderNumbers, Truth) {
  Input x{{3, 2}, {0, 0, 0, 7, -1, 2}, true};
  auto reduce = [&](ReduceKind kind, std::vector<int64_t> dims) {
    return run({x}, [&](Tensors t) { return b.reduce(kind, t[0], dims); });
  };
  EXPECT_EQ(reduce(ReduceKind::Any, {1}), (Values{0, 1, 1}));
  EXPECT_EQ(reduce(ReduceKind::All, {1}), (Values{0, 0, 1}));
  EXPECT_EQ(reduce(ReduceKind::Any, {}), Values{1});
  EXPECT_EQ(reduce(ReduceKind::All, {0}), (Values{0, 0}));
}

TEST_F(GraphBuilderNumbers, NormsAndVariances) {
  double inf = std::numeric_limits<double>::infinity();
  Input x{{2, 3}, {3, -4, 0, 1, 2, 6}};
  auto norm = [&](double order, std::vector<int64_t> dims) {
    return run({x}, [&](Tensors t) { return b.norm(t[0], order, dims); });
  };
  expectNear(norm(2, {1}), {5, std::sqrt(41)});
  expectNear(norm(1, {1}), {7, 9});
  expectNear(norm(inf, {0}), {3, 4, 6});
  expectNear(norm(2, {}), {std::sqrt(66)});
  for (bool symbols : {true, false}) {
    auto variance = [&](std::vector<int64_t> dims, double correction) {
      return run(
          {x}, [&](Tensors t) { return b.variance(t[0], dims, correction); }, symbols);
    };
    expectNear(variance({1}, 1), {37.0 / 3, 7});
    expectNear(variance({1}, 0), {74.0 / 9, 14.0 / 3});
    expectNear(variance({0}, 1), {2, 18, 18});
    expectNear(variance({}, 1.5), {(66 - 64.0 / 6) / 4.5});
    // No elements are left to divide by.
    EXPECT_EQ(variance({0}, 2), (Values{inf, inf, inf}));
    EXPECT_EQ(variance({0}, 3), (Values{inf, inf, inf}));
  }
}

TEST_F(GraphBuilderNumbers, LargestElementsAndTheirPlaces) {
  double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  Input x{{2, 5}, {1, 5, 5, -inf, 2, -inf, -inf, -inf, nan, inf}};
  for (bool symbols : {true, false}) {
    auto places = [&](int64_t count, bool largest) {
      return run(
          {x},
          [&](Tensors t) -> GraphBuilder::TensorOrError {
            auto found = b.topK(t[0], count, -1, largest);
            return found ? GraphBuilder::TensorOrError(found->second) : found.takeError();
          },
          symbols);
    };
    EXPECT_EQ(places(5, true), (Values{1, 2, 4, 0, 3, 3, 4, 0, 1, 2}));
    EXPECT_EQ(places(3, false), (Values{3, 0, 4, 0, 1, 2}));
  }
  Input columns{{3, 2}, {1, 5, 2, 4, 3, 6}};
  auto values = [&](Tensors t) -> GraphBuilder::TensorOrError {
    auto found = b.topK(t[0], 2, 0);
    return found ? GraphBuilder::TensorOrError(found->first) : found.takeError();
  };
  EXPECT_EQ(run({columns}, values), (Values{3, 6, 2, 5}));
}

TEST_F(GraphBuilderNumbers, ArgMaxTakesTheLowestIndex) {
  double lowest = -std::numeric_limits<double>::infinity();
  Input x{{3, 4}, {1, 5, 5, 2, 7, 0, 1, 7, lowest, lowest, lowest, lowest}};
  EXPECT_EQ(run({x}, [&](Tensors t) { return b.reduce(ReduceKind::ArgMax, t[0], {1}); }),
            (Values{1, 0, 0}));
}

/// (x - mean) / sqrt(variance + epsilon) of rows of 5, about the mean or, for RMS, about 0.
static Values normalized(const Values &x, bool isRms, double epsilon) {
  Values result;
  for (size_t row = 0; row < x.size(); row += 5) {
    double mean = isRms ? 0 : std::accumulate(&x[row], &x[row] + 5, 0.0) / 5, squares = 0;
    for (int k = 0; k < 5; ++k)
      squares += (x[row + k] - mean) * (x[row + k] - mean) / 5;
    for (int k = 0; k < 5; ++k)
      result.push_back((x[row + k] - mean) / std::sqrt(squares + epsilon));
  }
  return result;
}

TEST_F(GraphBuilderNumbers, Norms) {
  Input x = randomInput({2, 3, 5}, 1), w = randomInput({5}, 2), bias = randomInput({5}, 3);
  Values layer = normalized(x.values, false, 1e-5), rms = normalized(x.values, true, 1e-6);
  for (size_t i = 0; i < layer.size(); ++i) {
    layer[i] = layer[i] * w.values[i % 5] + bias.values[i % 5];
    rms[i] *= w.values[i % 5];
  }
  expectNear(run({x, w, bias}, [&](Tensors t) { return b.layerNorm(t[0], t[1], t[2]); }), layer);
  expectNear(run({x, w}, [&](Tensors t) { return b.rmsNorm(t[0], t[1], 1e-6); }), rms);
}

TEST_F(GraphBuilderNumbers, RunningSums) {
  for (int64_t size : {1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33})
    for (bool symbols : {true, false}) {
      Input x = randomInput({2, size, 3}, 5);
      Values expected = x.values;
      for (int64_t i = 0; i < 2; ++i)
        for (int64_t j = 1; j < size; ++j)
          for (int64_t k = 0; k < 3; ++k)
            expected[(i * size + j) * 3 + k] += expected[(i * size + j - 1) * 3 + k];
      expectNear(run(
                     {x}, [&](Tensors t) { return b.cumulativeSum(t[0], 1); }, symbols),
                 expected);
    }
  Input counts{{4}, {3, -1, 0, 7}, true};
  EXPECT_EQ(run({counts}, [&](Tensors t) { return b.cumulativeSum(t[0], 0); }),
            (Values{3, 2, 2, 9}));
}

TEST_F(GraphBuilderNumbers, LogarithmsOfSums) {
  double inf = std::numeric_limits<double>::infinity();
  Input x{{3, 2}, {1000, 1001, -inf, -inf, -2, inf}};
  Values sums = run({x}, [&](Tensors t) { return b.logSumExp(t[0], 1); });
  EXPECT_NEAR(sums[0], 1001 + std::log1p(std::exp(-1.0)), 1e-12);
  EXPECT_EQ(sums[1], -inf);
  EXPECT_EQ(sums[2], inf);
  Input y{{2, 2}, {1000, -1000, 3, 3}};
  expectNear(run({y}, [&](Tensors t) { return b.logSoftmax(t[0]); }),
             {0, -2000, -std::log(2.0), -std::log(2.0)});
  // The sum of so many is no f16.
  Input many{{70000}, Values(70000, 0)};
  auto narrow = [&](Tensors t) {
    auto half = llvm::cantFail(b.cast(t[0], b.opBuilder().getF16Type()));
    return b.cast(llvm::cantFail(b.logSumExp(half, 0)), f64());
  };
  EXPECT_NEAR(run({many}, narrow)[0], std::log(70000.0), 1e-2);
}

TEST_F(GraphBuilderNumbers, TensorsFromIndices) {
  Input x{{2, 3}, {1, 2, 3, 4, 5, 6}};
  SymbolicDim n = SymbolicDim::symbol("n3");
  EXPECT_EQ(run({x}, [&](Tensors t) { return b.triangle(TriangleKind::Lower, t[0]); }),
            (Values{1, 0, 0, 4, 5, 0}));
  EXPECT_EQ(run({x}, [&](Tensors t) { return b.triangle(TriangleKind::Upper, t[0], 1); }),
            (Values{0, 2, 3, 0, 0, 6}));
  EXPECT_EQ(run({x}, [&](Tensors) { return b.arange(f64(), n, 0.5, 2); }), (Values{0.5, 2.5, 4.5}));
  EXPECT_EQ(run({x}, [&](Tensors) { return b.eye(i64(), 2, n); }), (Values{1, 0, 0, 0, 1, 0}));
  SymbolicDim half = llvm::cantFail(llvm::cantFail(n.plus(4)).floorDiv(2));
  EXPECT_EQ(run({x}, [&](Tensors) { return b.dimScalar(half); }), (Values{3}));
}

TEST_F(GraphBuilderNumbers, WhereAndMasks) {
  Input x{{2, 2}, {1, 2, 3, 4}}, zero{{}, {0}};
  auto positive = [&](Tensors t) {
    auto limit = llvm::cantFail(b.scalar(2, f64()));
    return b.where(llvm::cantFail(b.compare(CompareKind::Gt, t[0], limit)), t[0], t[1]);
  };
  EXPECT_EQ(run({x, zero}, positive), (Values{0, 0, 3, 4}));
  auto masked = [&](Tensors t) {
    auto predicate = [](mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange indices) {
      return llvm::Expected<mlir::Value>(
          buildCompare(builder, loc, CompareKind::Ge, indices[0], indices[1]));
    };
    return b.applyMask(t[0], llvm::cantFail(b.createMask(t[0].shape, predicate)), -9);
  };
  EXPECT_EQ(run({x}, masked), (Values{1, -9, 3, 4}));
}

TEST_F(GraphBuilderNumbers, EmbeddingAndLoop) {
  Input ids{{2}, {2, 0}, true}, table{{3, 2}, {0, 1, 10, 11, 20, 21}};
  EXPECT_EQ(run({ids, table}, [&](Tensors t) { return b.embedding(t[0], t[1]); }),
            (Values{20, 21, 0, 1}));
  auto doubled = [&](Tensors t) -> GraphBuilder::TensorOrError {
    auto body = [&](mlir::Value, Tensors carried) -> llvm::Expected<GraphBuilder::Tensors> {
      return GraphBuilder::Tensors{llvm::cantFail(b.add(carried[0], carried[0]))};
    };
    return llvm::cantFail(b.forLoop(3, t[1], body)).front();
  };
  EXPECT_EQ(run({ids, table}, doubled), (Values{0, 8, 80, 88, 160, 168}));
}
