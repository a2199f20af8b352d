// attn.attention in the reference executor: the formula of its description, row by row.
#include "dialect/AttnOps.h"
#include "dialect/Philox.h"
#include "runtime/ReferenceFrame.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace fovea;
using namespace fovea::reference;
using fovea::attn::AttentionOp;

static constexpr double infinity = std::numeric_limits<double>::infinity();

namespace {
/// An operand seen in canonical order of dims, whatever its order in memory.
struct Permuted {
  Array array;
  DimVector sizes, strides;

  Permuted(Array source, ArrayRef<int64_t> permutation) : array(std::move(source)) {
    for (int64_t dim : permutation) {
      sizes.push_back(array.sizes[dim]);
      strides.push_back(array.strides()[dim]);
    }
  }
  Cell &at(int64_t a, int64_t b, int64_t c, int64_t d) const {
    return array[a * strides[0] + b * strides[1] + c * strides[2] + d * strides[3]];
  }
};

/// One query row and what is computed for it.
struct Row {
  int64_t b, h, r;
  /// Position of the query among the keys (attention_s7).
  int64_t position;
  std::vector<double> scores, weights;
  std::vector<bool> masked;
  double logSumExp = -infinity;
};

class Attention {
public:
  /// Keys and values as floats, in the order of the op's operands.
  Attention(AttentionOp op, Frame &frame, Array keys, Array values)
      : op(op), frame(frame), query(frame.array(op.getQuery()), op.getQueryPermutation()),
        key(std::move(keys), op.getKeyPermutation()),
        value(std::move(values), op.getValuePermutation()) {}

  llvm::Error run();

private:
  llvm::Error checkShapes();
  llvm::Error compileRegions();
  llvm::Error createResults();
  llvm::Error runRow(Row &row);
  llvm::Error computeScores(Row &row);
  llvm::Error normalize(Row &row);
  void noteRounding(const Row &row, double sinkScore);
  void dropWeights(Row &row);
  void writeRow(const Row &row);
  llvm::Error addToBuckets(const Row &row);

  llvm::Expected<double> runRegion(Program &program, const Row &row, std::optional<double> score,
                                   std::optional<int64_t> j);
  llvm::Expected<bool> isMasked(const Row &row, int64_t j);
  int64_t keyHead(int64_t h) const { return h / (query.sizes[1] / key.sizes[1]); }
  double dot(const Row &row, int64_t j) const;

  AttentionOp op;
  Frame &frame;
  Permuted query, key, value;
  std::optional<Program> score, mask, sink, bucket;
  std::optional<Permuted> output;
  std::optional<Array> weights, logSumExps, columnSums, bucketSums;
  double scale = 1;
};
} // namespace

llvm::Error Attention::checkShapes() {
  int64_t heads = query.sizes[1], groups = key.sizes[1];
  if (groups == 0 ? heads != 0 : heads % groups != 0)
    return errorAt(op,
                   "expected a multiple of " + Twine(groups) + " query heads, got " + Twine(heads));
  DimVector keySizes = {query.sizes[0], groups, key.sizes[2], query.sizes[3]};
  if (llvm::Error error = expectSizes(op, "a key", key.sizes, keySizes))
    return error;
  DimVector valueSizes = {query.sizes[0], groups, key.sizes[2], value.sizes[3]};
  return expectSizes(op, "a value", value.sizes, valueSizes);
}

llvm::Error Attention::compileRegions() {
  for (auto [region, program] : {std::pair(&op.getScore(), &score),
                                 {&op.getMask(), &mask},
                                 {&op.getSink(), &sink},
                                 {&op.getBucket(), &bucket}}) {
    if (region->empty())
      continue;
    llvm::Expected<Program> compiled = frame.compile(region->front());
    if (!compiled)
      return compiled.takeError();
    *program = std::move(*compiled);
  }
  return llvm::Error::success();
}

llvm::Error Attention::createResults() {
  auto createLike = [&](Value init, StringRef what,
                        ArrayRef<int64_t> sizes) -> llvm::Expected<Array> {
    const Array &array = frame.array(init);
    if (llvm::Error error = expectSizes(op, what, array.sizes, sizes))
      return std::move(error);
    llvm::Expected<Array> result = Array::create(array.elementType, sizes);
    return result ? std::move(result) : errorAt(op, result.takeError());
  };
  DimVector rows = {query.sizes[0], query.sizes[1], query.sizes[2]};
  DimVector canonical = rows, memory(4);
  canonical.push_back(value.sizes[3]);
  for (auto [dim, size] : llvm::zip_equal(op.getOutputPermutation(), canonical))
    memory[dim] = size;
  llvm::Expected<Array> result = createLike(op.getOutputInit(), "an output init", memory);
  if (!result)
    return result.takeError();
  output.emplace(std::move(*result), op.getOutputPermutation());
  int64_t keys = key.sizes[2], queries = query.sizes[2], chunk = op.getColumnChunk().value_or(1);
  auto createIf = [&](Value init, StringRef what, std::optional<Array> &array,
                      ArrayRef<int64_t> sizes) -> llvm::Error {
    if (!init)
      return llvm::Error::success();
    llvm::Expected<Array> created = createLike(init, what, sizes);
    if (!created)
      return created.takeError();
    array = std::move(*created);
    for (int64_t n = 0; n < array->count; ++n) // sums begin with it
      (*array)[n].f = 0;
    return llvm::Error::success();
  };
  if (llvm::Error error = createIf(op.getWeightsInit(), "a weights init", weights,
                                   {rows[0], rows[1], queries, keys}))
    return error;
  if (llvm::Error error = createIf(op.getLseInit(), "a log-sum-exp init", logSumExps, rows))
    return error;
  if (llvm::Error error =
          createIf(op.getColumnSumsInit(), "a column sums init", columnSums,
                   {rows[0], rows[1], llvm::divideCeilSigned(queries, chunk), keys}))
    return error;
  if (!op.hasBucket())
    return llvm::Error::success();
  int64_t buckets = frame.array(op.getBucketSumsInit()).sizes[3];
  return createIf(op.getBucketSumsInit(), "a bucket sums init", bucketSums,
                  {rows[0], rows[1], queries, buckets});
}

/// A region's value at a row; of its arguments (s, b, h, i, j) those are given that it takes.
llvm::Expected<double> Attention::runRegion(Program &program, const Row &row,
                                            std::optional<double> score, std::optional<int64_t> j) {
  unsigned next = 0;
  if (score)
    program.argument(next++).f = *score;
  for (int64_t index : {row.b, row.h, row.position})
    program.argument(next++).i = index;
  if (j)
    program.argument(next++).i = *j;
  if (llvm::Error error = program.run())
    return std::move(error);
  return program.result(0).f;
}

llvm::Expected<bool> Attention::isMasked(const Row &row, int64_t j) {
  if (!mask)
    return false;
  llvm::Expected<double> unused = runRegion(*mask, row, std::nullopt, j);
  if (!unused)
    return unused.takeError();
  return mask->result(0).i == 0;
}

double Attention::dot(const Row &row, int64_t j) const {
  double sum = 0;
  for (int64_t d = 0; d < query.sizes[3]; ++d)
    sum += query.at(row.b, row.h, row.r, d).f * key.at(row.b, keyHead(row.h), j, d).f;
  return sum;
}

/// attention_s1: scale, score function, mask. Masked keys are not even read (attention_s6).
llvm::Error Attention::computeScores(Row &row) {
  row.scores.assign(key.sizes[2], op.getMaskedScore());
  row.masked.assign(key.sizes[2], false);
  for (int64_t j = 0; j < key.sizes[2]; ++j) {
    llvm::Expected<bool> masked = isMasked(row, j);
    if (!masked)
      return masked.takeError();
    row.masked[j] = *masked;
    if (*masked)
      continue;
    row.scores[j] = scale * dot(row, j);
    if (!score)
      continue;
    llvm::Expected<double> modified = runRegion(*score, row, row.scores[j], j);
    if (!modified)
      return modified.takeError();
    row.scores[j] = *modified;
  }
  return llvm::Error::success();
}

/// The weights before dropout, and the log-sum-exp; zeros and -inf for a row without keys
/// (attention_s4).
llvm::Error Attention::normalize(Row &row) {
  double sinkScore = -infinity;
  if (sink) {
    llvm::Expected<double> logit = runRegion(*sink, row, std::nullopt, std::nullopt);
    if (!logit)
      return logit.takeError();
    sinkScore = *logit;
  }
  double maximum = sinkScore;
  for (double s : row.scores)
    if (std::isnan(s) || s > maximum)
      maximum = s;
  row.weights.assign(row.scores.size(), 0);
  row.logSumExp = -infinity;
  if (maximum == -infinity)
    return llvm::Error::success();
  double sum = sinkScore == -infinity ? 0 : std::exp(sinkScore - maximum);
  for (double s : row.scores)
    sum += s == -infinity ? 0 : std::exp(s - maximum);
  for (auto [w, s] : llvm::zip_equal(row.weights, row.scores))
    w = s == -infinity ? 0 : std::exp(s - maximum) / sum;
  // Where NaN made the sum NaN, what is masked weighs nothing.
  for (auto [w, masked] : llvm::zip_equal(row.weights, row.masked))
    w = masked && std::isnan(w) ? 0 : w;
  row.logSumExp = maximum + std::log(sum);
  noteRounding(row, sinkScore);
  return llvm::Error::success();
}

/// Before dropout, which takes weights out.
void Attention::noteRounding(const Row &row, double sinkScore) {
  std::vector<double> scores = row.scores, weights = row.weights;
  scores.push_back(sinkScore);
  weights.push_back(std::exp(sinkScore - row.logSumExp));
  frame.scoreRounding =
      std::max(frame.scoreRounding, scoreRoundingOf(weights, scores, op.getScoreType()));
}

/// The element's index is that of the whole weights [B, H, Lq, Lk] in row-major order, of which a
/// tile says where it lies (attention_s12).
void Attention::dropWeights(Row &row) {
  if (!op.getSeed())
    return;
  double p = op.getDropout() ? op.getDropout()->convertToDouble() : 0;
  uint64_t seed = frame.integer(op.getSeed());
  uint64_t rowStride = key.sizes[2], headStride = query.sizes[2] * rowStride;
  uint64_t origin = 0, batchStride = query.sizes[1] * headStride;
  if (OperandRange counter = op.getDropoutCounter(); !counter.empty()) {
    origin = frame.integer(counter[0]);
    batchStride = frame.integer(counter[1]);
    headStride = frame.integer(counter[2]);
  }
  uint64_t first = origin + row.b * batchStride + row.h * headStride + row.r * rowStride;
  for (auto [j, w] : llvm::enumerate(row.weights))
    w = philox::uniform(seed, first + j) >= p ? w / (1 - p) : 0;
}

void Attention::writeRow(const Row &row) {
  for (int64_t d = 0; d < value.sizes[3]; ++d) {
    double sum = 0;
    for (int64_t j = 0; j < key.sizes[2]; ++j)
      // A masked value has no influence, NaN included, unless it has a weight (attention_s5).
      if (row.scores[j] != -infinity && !(row.masked[j] && row.weights[j] == 0))
        sum += row.weights[j] * value.at(row.b, keyHead(row.h), j, d).f;
    output->at(row.b, row.h, row.r, d).f = sum;
  }
  int64_t number = (row.b * query.sizes[1] + row.h) * query.sizes[2] + row.r;
  if (logSumExps)
    (*logSumExps)[number].f = row.logSumExp;
  for (int64_t j = 0; weights && j < key.sizes[2]; ++j)
    (*weights)[number * key.sizes[2] + j].f = row.weights[j];
  if (!columnSums)
    return;
  int64_t chunk = (row.b * query.sizes[1] + row.h) * columnSums->sizes[2] +
                  row.r / static_cast<int64_t>(*op.getColumnChunk());
  for (int64_t j = 0; j < key.sizes[2]; ++j)
    (*columnSums)[chunk * key.sizes[2] + j].f += row.weights[j];
}

/// attention_s15.
llvm::Error Attention::addToBuckets(const Row &row) {
  if (!bucket)
    return llvm::Error::success();
  int64_t count = bucketSums->sizes[3];
  int64_t number = (row.b * query.sizes[1] + row.h) * query.sizes[2] + row.r;
  for (int64_t j = 0; j < key.sizes[2]; ++j) {
    llvm::Expected<double> unused = runRegion(*bucket, row, std::nullopt, j);
    if (!unused)
      return unused.takeError();
    int64_t n = bucket->result(0).i;
    if (n >= 0 && n < count)
      (*bucketSums)[number * count + n].f += row.weights[j];
  }
  return llvm::Error::success();
}

llvm::Error Attention::runRow(Row &row) {
  if (llvm::Error error = computeScores(row))
    return error;
  if (llvm::Error error = normalize(row))
    return error;
  dropWeights(row);
  writeRow(row);
  return addToBuckets(row);
}

llvm::Error Attention::run() {
  if (llvm::Error error = checkShapes())
    return error;
  if (llvm::Error error = compileRegions())
    return error;
  if (llvm::Error error = createResults())
    return error;
  scale = op.getScale() ? op.getScale()->convertToDouble()
                        : 1 / std::sqrt(static_cast<double>(query.sizes[3]));
  int64_t offset = 0;
  if (op.getQueryOffset())
    offset = frame.integer(op.getQueryOffset());
  else if (op.getAlignment() == attn::Alignment::BottomRight)
    offset = key.sizes[2] - query.sizes[2];
  Row row;
  for (row.b = 0; row.b < query.sizes[0]; ++row.b)
    for (row.h = 0; row.h < query.sizes[1]; ++row.h)
      for (row.r = 0; row.r < query.sizes[2]; ++row.r) {
        row.position = row.r + offset;
        if (llvm::Error error = runRow(row))
          return error;
      }
  unsigned next = 0;
  frame.set(op->getResult(next++), output->array);
  for (std::optional<Array> *result : {&weights, &logSumExps, &columnSums, &bucketSums})
    if (*result)
      frame.set(op->getResult(next++), **result);
  return llvm::Error::success();
}

llvm::Error reference::runAttention(Operation *op, Frame &frame) {
  auto attention = cast<AttentionOp>(op);
  auto keys = dequantizedRows(frame.array(attention.getKey()), attention.getKeyPermutation()[3]);
  if (!keys)
    return errorAt(op, keys.takeError());
  auto values =
      dequantizedRows(frame.array(attention.getValue()), attention.getValuePermutation()[3]);
  if (!values)
    return errorAt(op, values.takeError());
  return Attention(attention, frame, std::move(*keys), std::move(*values)).run();
}
