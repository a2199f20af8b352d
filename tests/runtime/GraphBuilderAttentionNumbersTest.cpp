// Attention and rotary positions.
#include "tests/runtime/GraphBuilderNumbers.h"

using namespace fovea;

TEST_F(GraphBuilderNumbers, RopeTurnsPairs) {
  Input x = randomInput({1, 2, 3, 4}, 1), positions{{3}, {0, 7, 100000}, true};
  Values expected(x.values.size());
  for (int row = 0; row < 6; ++row)
    for (int d = 0; d < 2; ++d) {
      double angle = positions.values[row % 3] * std::pow(10000.0, -d / 2.0);
      double first = x.values[row * 4 + d], second = x.values[row * 4 + d + 2];
      expected[row * 4 + d] = first * std::cos(angle) - second * std::sin(angle);
      expected[row * 4 + d + 2] = second * std::cos(angle) + first * std::sin(angle);
    }
  expectNear(run(
                 {x, positions}, [&](Tensors t) { return b.rope(t[0], t[1]); }, false),
             expected);
}

/// Attention of one head over [L, D] rows written out; `score` changes a scaled score.
static Values attentionRows(const double *q, const double *k, const double *v, int queries,
                            int keys, int dim, llvm::function_ref<double(double, int, int)> score) {
  Values output;
  for (int i = 0; i < queries; ++i) {
    Values weights(keys);
    double sum = 0;
    for (int j = 0; j < keys; ++j) {
      double product = 0;
      for (int d = 0; d < dim; ++d)
        product += q[i * dim + d] * k[j * dim + d];
      weights[j] = std::exp(score(product / std::sqrt(dim), i, j));
      sum += weights[j];
    }
    for (int d = 0; d < dim; ++d) {
      double value = 0;
      for (int j = 0; j < keys; ++j)
        value += weights[j] * v[j * dim + d];
      output.push_back(sum > 0 ? value / sum : 0);
    }
  }
  return output;
}

// Batch [2, 3], 2 queries, 4 keys, no head dim. The mask differs in the second batch dim, and the
// causal rule counts positions from Lk - Lq while the mask counts rows from 0.
TEST_F(GraphBuilderNumbers, AttentionWithBatchMaskAndPositions) {
  const double lowest = -std::numeric_limits<double>::infinity();
  Input q = randomInput({2, 3, 1, 2, 5}, 1), k = randomInput({2, 3, 1, 4, 5}, 2),
        v = randomInput({2, 3, 1, 4, 5}, 3), bias = randomInput({3, 1, 2, 4}, 4);
  Values expected;
  for (int batch = 0; batch < 6; ++batch) {
    auto score = [&](double s, int i, int j) {
      return j <= i + 2 ? s + bias.values[(batch % 3 * 2 + i) * 4 + j] : lowest;
    };
    Values rows = attentionRows(&q.values[batch * 10], &k.values[batch * 20], &v.values[batch * 20],
                                2, 4, 5, score);
    expected.insert(expected.end(), rows.begin(), rows.end());
  }
  auto build = [&](Tensors t) -> GraphBuilder::TensorOrError {
    AttentionOptions options;
    options.maskTensor = t[3];
    options.mask = [](mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange indices) {
      return llvm::Expected<mlir::Value>(
          buildCompare(builder, loc, CompareKind::Ge, indices[2], indices[3]));
    };
    auto result = b.attention(t[0], t[1], t[2], options);
    return result ? GraphBuilder::TensorOrError(result->output) : result.takeError();
  };
  expectNear(run({q, k, v, bias}, build, false), expected);
}

TEST_F(GraphBuilderNumbers, AttentionWithoutHeadsReturnsWeights) {
  Input x = randomInput({6, 3}, 1);
  auto plain = [](double s, int, int) { return s; };
  // The weights are the output for values that are the unit vectors.
  Values expected;
  for (int i = 0; i < 6; ++i) {
    double sum = 0;
    Values row(6);
    for (int j = 0; j < 6; ++j) {
      for (int d = 0; d < 3; ++d)
        row[j] += x.values[i * 3 + d] * x.values[j * 3 + d];
      row[j] = std::exp(row[j] / std::sqrt(3.0));
      sum += row[j];
    }
    for (double weight : row)
      expected.push_back(weight / sum);
  }
  auto weights = [&](Tensors t) -> GraphBuilder::TensorOrError {
    AttentionOptions options;
    options.withWeights = true;
    return *llvm::cantFail(b.attention(t[0], t[0], t[0], options)).weights;
  };
  expectNear(run({x}, weights), expected);
  auto output = [&](Tensors t) -> GraphBuilder::TensorOrError {
    return llvm::cantFail(b.attention(t[0], t[0], t[0])).output;
  };
  const double *rows = x.values.data();
  expectNear(run({x}, output), attentionRows(rows, rows, rows, 6, 6, 3, plain));
}
