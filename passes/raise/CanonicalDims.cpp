#include "passes/raise/CanonicalDims.h"
#include "passes/tensors/DimSizes.h"
#include "passes/tensors/Reshape.h"

using namespace mlir;
using namespace fovea;

using Segments = std::array<SmallVector<int64_t>, 4>; // score dims of b, h, l, d

static Segments segmentsOf(const AttentionPlan &plan, int64_t third, int64_t fourth) {
  Segments segments{plan.batchDims, plan.headDims, {}, {fourth}};
  if (third != -1)
    segments[2].push_back(third);
  return segments;
}

static SmallVector<SmallVector<OpFoldResult>>
sizesOf(OpBuilder &builder, Value tensor, const AttentionPlan &plan, ArrayRef<DimLabel> labels) {
  SmallVector<SmallVector<OpFoldResult>> parts;
  for (auto [dim, label] : llvm::enumerate(labels)) {
    parts.emplace_back();
    if (label.size() <= 1)
      parts.back().push_back(getDimSize(builder, tensor.getLoc(), tensor, dim));
    else
      for (int64_t scoreDim : label)
        parts.back().push_back(plan.sizeOf(builder, scoreDim));
  }
  return parts;
}

/// The order in which the segments appear in a tensor of the given score dims, if the dims of each
/// segment lie together and in order.
static std::optional<SmallVector<int64_t>> findRuns(ArrayRef<int64_t> dims,
                                                    const Segments &segments) {
  SmallVector<int64_t> runs;
  SmallVector<int64_t> expected;
  for (int64_t scoreDim : dims) {
    const auto *segment = llvm::find_if(
        segments, [&](auto &candidate) { return llvm::is_contained(candidate, scoreDim); });
    int64_t number = segment - segments.begin();
    if (runs.empty() || runs.back() != number) {
      if (llvm::is_contained(runs, number))
        return std::nullopt;
      runs.push_back(number);
      for (int64_t dim : *segment)
        if (llvm::is_contained(dims, dim))
          expected.push_back(dim);
    }
  }
  if (!llvm::equal(expected, dims))
    return std::nullopt;
  return runs;
}

/// For a tensor whose segments appear as `runs`: the segments it lacks, then the runs. Reshapes
/// at this granularity leave one transposition of four dims, which attention takes in.
static SmallVector<int64_t> withMissingFirst(ArrayRef<int64_t> runs) {
  SmallVector<int64_t> order;
  for (int64_t segment = 0; segment < 4; ++segment)
    if (!llvm::is_contained(runs, segment))
      order.push_back(segment);
  llvm::append_range(order, runs);
  return order;
}

/// How many of `dims` belong to each of `runs`.
static SmallVector<int64_t> countRuns(ArrayRef<int64_t> dims, ArrayRef<int64_t> runs,
                                      const Segments &segments) {
  return llvm::map_to_vector(runs, [&](int64_t segment) -> int64_t {
    return llvm::count_if(dims,
                          [&](int64_t d) { return llvm::is_contained(segments[segment], d); });
  });
}

Value fovea::toCanonical(OpBuilder &builder, const LabelledTensor &operand,
                         const AttentionPlan &plan, int64_t rowDim) {
  Segments segments = segmentsOf(plan, rowDim, featureLabel);
  Value tensor =
      splitDims(builder, operand.tensor, sizesOf(builder, operand.tensor, plan, operand.labels));
  SmallVector<bool> isUnit;
  SmallVector<int64_t> dims;
  for (const DimLabel &label : operand.labels) {
    llvm::append_range(dims, label);
    isUnit.append(std::max<size_t>(label.size(), 1), label.empty());
  }
  tensor = dropUnitDims(builder, tensor, isUnit);
  auto runs = findRuns(dims, segments);
  if (runs && !llvm::is_sorted(*runs)) {
    SmallVector<int64_t> order = withMissingFirst(*runs);
    tensor = joinDims(builder, tensor, countRuns(dims, *runs, segments));
    SmallVector<bool> isAdded(4, false);
    std::fill_n(isAdded.begin(), 4 - runs->size(), true);
    return transposeTo(builder, insertUnitDims(builder, tensor, isAdded),
                       invertPermutationVector(order));
  }
  SmallVector<int64_t> permutation, counts;
  SmallVector<bool> isMissing;
  for (const SmallVector<int64_t> &segment : segments) {
    size_t before = permutation.size();
    for (int64_t scoreDim : segment)
      if (auto it = llvm::find(dims, scoreDim); it != dims.end())
        permutation.push_back(it - dims.begin());
    isMissing.push_back(permutation.size() == before);
    if (!isMissing.back())
      counts.push_back(permutation.size() - before);
  }
  tensor = transposeTo(builder, tensor, permutation);
  return insertUnitDims(builder, joinDims(builder, tensor, counts), isMissing);
}

/// From the dims b, h, l, d that `segments` lists the score dims of to dims labelled `labels`.
static Value fromCanonical(OpBuilder &builder, Value tensor, const AttentionPlan &plan,
                           const Segments &segments, ArrayRef<DimLabel> labels) {
  SmallVector<int64_t> wanted, counts;
  SmallVector<bool> isUnit;
  for (const DimLabel &label : labels) {
    llvm::append_range(wanted, label);
    isUnit.push_back(label.empty());
    if (!label.empty())
      counts.push_back(label.size());
  }
  SmallVector<DimLabel> present;
  auto runs = findRuns(wanted, segments);
  if (runs && !llvm::is_sorted(*runs)) {
    tensor = transposeTo(builder, tensor, withMissingFirst(*runs));
    SmallVector<bool> isAdded(4, false);
    std::fill_n(isAdded.begin(), 4 - runs->size(), true);
    tensor = dropUnitDims(builder, tensor, isAdded);
    ArrayRef<int64_t> rest = wanted;
    for (int64_t count : countRuns(wanted, *runs, segments)) {
      present.emplace_back(rest.take_front(count));
      rest = rest.drop_front(count);
    }
    tensor = splitDims(builder, tensor, sizesOf(builder, tensor, plan, present));
    return insertUnitDims(builder, joinDims(builder, tensor, counts), isUnit);
  }
  SmallVector<bool> isMissing;
  SmallVector<int64_t> dims;
  for (const SmallVector<int64_t> &segment : segments) {
    DimLabel kept;
    for (int64_t scoreDim : segment)
      if (llvm::is_contained(wanted, scoreDim))
        kept.push_back(scoreDim);
    llvm::append_range(dims, kept);
    isMissing.push_back(kept.empty());
    if (!kept.empty())
      present.push_back(kept);
  }
  tensor = dropUnitDims(builder, tensor, isMissing);
  tensor = splitDims(builder, tensor, sizesOf(builder, tensor, plan, present));
  SmallVector<int64_t> permutation;
  for (int64_t scoreDim : wanted)
    permutation.push_back(llvm::find(dims, scoreDim) - dims.begin());
  tensor = joinDims(builder, transposeTo(builder, tensor, permutation), counts);
  return insertUnitDims(builder, tensor, isUnit);
}

Value fovea::restoreOutput(OpBuilder &builder, const AttentionPlan &plan, Value output,
                           ArrayRef<DimLabel> outLabels) {
  return fromCanonical(builder, output, plan, segmentsOf(plan, plan.rowDim, featureLabel),
                       outLabels);
}

Value fovea::restoreWeights(OpBuilder &builder, const AttentionPlan &plan, Value weights) {
  SmallVector<DimLabel> identity;
  for (int64_t dim = 0; dim < plan.match->rank(); ++dim)
    identity.push_back({dim});
  Segments segments = segmentsOf(plan, plan.rowDim, plan.match->keyDim);
  return fromCanonical(builder, weights, plan, segments, identity);
}
