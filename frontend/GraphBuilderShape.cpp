// Reshapes and permutations of dims.
#include "frontend/ExactQuotients.h"
#include "frontend/GraphBuilderDetail.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

static bool isUnit(const SymbolicDim &dim) { return dim == SymbolicDim(1); }

// ---- Reshape -----------------------------------------------------------------------------------

namespace {
/// What a tensor is viewed as, and which quotients of sizes are exact if it can be.
struct ResolvedShape {
  SymbolicShape shape;
  ExactQuotients exact;
};
} // namespace

/// The only dim of -1; null if there is none.
static Expected<SymbolicDim *> inferredDim(MutableArrayRef<SymbolicDim> shape) {
  SymbolicDim *inferred = nullptr;
  for (SymbolicDim &dim : shape) {
    if (!(dim == SymbolicDim(-1)))
      continue;
    if (inferred)
      return makeError("expected at most one dim of -1");
    inferred = &dim;
  }
  return inferred;
}

/// `dividend / divisor` without the factors of both, as a size; 0 where it does not fit 64 bits.
static SymbolicDim reducedQuotient(SymbolicDim dividend, SymbolicDim divisor) {
  SymbolicDim::Monomial factors = divisor.terms().begin()->first;
  for (const SymbolicDim::FactorPtr &factor : factors) {
    Expected<SymbolicDim> size = sizeOfFactor(factor);
    auto less = size ? dividend.exactQuotient(*size) : std::nullopt;
    auto lessDivisor = size ? divisor.exactQuotient(*size) : std::nullopt;
    if (!size)
      llvm::consumeError(size.takeError());
    if (!less || !lessDivisor)
      continue;
    dividend = *less;
    divisor = *lessDivisor;
  }
  Expected<SymbolicDim> quotient = dividend.floorDiv(divisor);
  if (quotient)
    return *quotient;
  llvm::consumeError(quotient.takeError());
  return 0;
}

/// What the `known` dims leave of `count` elements, if quotients are exact; 0 if nothing does.
static SymbolicDim remainingDim(const SymbolicDim &count, const SymbolicDim &known) {
  std::optional<SymbolicDim> quotient;
  auto divides = [&](const ExactQuotients &exact) {
    quotient = exact.apply(count).exactQuotient(exact.apply(known));
    if (quotient)
      quotient = exact.revert(*quotient);
    return quotient.has_value();
  };
  if (ExactQuotients::find({count, known}, divides))
    return *quotient;
  return count.constant() || known.terms().size() != 1 ? 0 : reducedQuotient(count, known);
}

/// What to do where it depends on sizes whether one count is as large as, or a multiple of,
/// another.
static std::string hintAtSizes(const SymbolicDim &a, const SymbolicDim &b) {
  // No size makes 6*L a multiple of 4*L.
  if (a.terms().size() == 1 && b.terms().size() == 1 && b.terms().contains(a.terms().begin()->first))
    return "";
  std::string symbol;
  for (const SymbolicDim *dim : {&b, &a})
    dim->walkSymbols([&](StringRef name) { symbol = name.str(); });
  return symbol.empty() ? "" : "; --set makes sizes known, as in --set " + symbol + "=8";
}

static bool hasQuotient(const SymbolicDim &dim) {
  return llvm::any_of(dim.terms(), [](const auto &term) {
    return llvm::any_of(term.first, [](const auto &factor) { return bool(factor->dividend); });
  });
}

/// Replaces the one dim -1 by what the others leave, and checks the number of elements.
static Expected<ResolvedShape> resolveShape(const SymbolicTensor &x, ArrayRef<SymbolicDim> shape) {
  auto fail = [&](const Twine &why) {
    return makeError("reshape: cannot view " + x.str() + " as " + formatShape(shape) + ": " + why);
  };
  SymbolicShape resolved(shape);
  Expected<SymbolicDim> count = numElements(x.shape);
  Expected<SymbolicDim *> inferred = count ? inferredDim(resolved) : count.takeError();
  if (!inferred)
    return fail(llvm::toString(inferred.takeError()));
  if (*inferred)
    **inferred = 1;
  Expected<SymbolicDim> known = numElements(resolved);
  if (known && *inferred)
    **inferred = remainingDim(*count, *known);
  Expected<SymbolicDim> total = known ? numElements(resolved) : known.takeError();
  if (!total)
    return fail(llvm::toString(total.takeError()));
  SymbolicShape candidates = resolved;
  candidates.append(x.shape);
  auto exact = ExactQuotients::find(candidates, [&](const ExactQuotients &quotients) {
    return quotients.apply(*count) == quotients.apply(*total);
  });
  if (!exact && *inferred)
    return fail(count->str() + " elements are no multiple of " + known->str() +
                hintAtSizes(*count, *known));
  if (!exact)
    return fail("expected " + count->str() + " elements, got " + total->str() +
                (hasQuotient(*count) || hasQuotient(*total) ? hintAtSizes(*count, *total) : ""));
  if (llvm::Error error = checkShape("reshape", resolved))
    return error;
  return ResolvedShape{std::move(resolved), std::move(*exact)};
}

/// The source of `x` if `x` is an expansion by exactly the given groups.
static Value expansionSource(Value x, ArrayRef<ReassociationIndices> groups) {
  auto expand = x.getDefiningOp<tensor::ExpandShapeOp>();
  if (!expand || expand.getReassociationIndices() != groups)
    return {};
  return expand.getSrc();
}

Expected<Value> GraphBuilder::collapse(const SymbolicTensor &x, ArrayRef<SymbolicDim> shape,
                                       ArrayRef<ReassociationIndices> groups) {
  RankedTensorType type = tensorType(shape, x.elementType());
  Value source = expansionSource(x.value, groups);
  if (source && source.getType() == type)
    return source;
  return tensor::CollapseShapeOp::create(ir, currentLoc, type, x.value, groups).getResult();
}

Expected<Value> GraphBuilder::expand(const SymbolicTensor &x, ArrayRef<SymbolicDim> shape,
                                     ArrayRef<ReassociationIndices> groups) {
  Expected<SmallVector<OpFoldResult>> sizes = mixedSizes(shape);
  if (!sizes)
    return sizes.takeError();
  return tensor::ExpandShapeOp::create(ir, currentLoc, tensorType(shape, x.elementType()), x.value,
                                       groups, *sizes)
      .getResult();
}

// Collapsing to one dim and expanding that is right for any shapes; it is what is left when they
// share no factors, as [4, 6] to [3, 8].
GraphBuilder::TensorOrError GraphBuilder::reshape(const SymbolicTensor &x,
                                                  ArrayRef<SymbolicDim> requested) {
  Expected<ResolvedShape> resolved = resolveShape(x, requested);
  if (!resolved)
    return resolved.takeError();
  const SymbolicShape &shape = resolved->shape;
  if (shape == x.shape)
    return x;
  if (llvm::Error error = resolved->exact.require(currentFunction, currentLoc))
    return error;
  SymbolicShape from = resolved->exact.apply(x.shape), to = resolved->exact.apply(shape);
  if (from == to && x.value.getType() == tensorType(shape, x.elementType()))
    return SymbolicTensor{x.value, shape};
  if (to.size() <= from.size())
    if (auto groups = reassociate(from, to)) {
      Expected<Value> value = collapse(x, shape, *groups);
      return value ? TensorOrError(SymbolicTensor{*value, shape}) : value.takeError();
    }
  if (to.size() >= from.size())
    if (auto groups = reassociate(to, from)) {
      Expected<Value> value = expand(x, shape, *groups);
      return value ? TensorOrError(SymbolicTensor{*value, shape}) : value.takeError();
    }
  return reshapeThroughCommonDims(x, shape);
}

/// The coarsest dims that both shapes refine: `[4, 6, L]` and `[3, 8, L]` meet in `[24, L]`.
static Expected<SymbolicShape> commonDims(ArrayRef<SymbolicDim> a, ArrayRef<SymbolicDim> b) {
  SymbolicShape common;
  // From the last dim, where the sizes that attention does not touch usually are equal.
  while (!a.empty() && !b.empty() && a.back() == b.back()) {
    common.insert(common.begin(), a.back());
    a = a.drop_back();
    b = b.drop_back();
  }
  Expected<SymbolicDim> rest = numElements(a);
  if (!rest)
    return rest.takeError();
  if (!a.empty() || !b.empty())
    common.insert(common.begin(), *rest);
  return common;
}

GraphBuilder::TensorOrError GraphBuilder::reshapeThroughCommonDims(const SymbolicTensor &x,
                                                                   ArrayRef<SymbolicDim> shape) {
  Expected<SymbolicShape> common = commonDims(x.shape, shape);
  if (!common)
    return common.takeError();
  auto flatten = [&](size_t rank) {
    SmallVector<ReassociationIndices> groups(common->size());
    size_t merged = rank - common->size() + 1;
    for (size_t dim = 0; dim < rank; ++dim)
      groups[dim < merged ? 0 : dim - merged + 1].push_back(static_cast<int64_t>(dim));
    return groups;
  };
  Expected<Value> flat = collapse(x, *common, flatten(x.shape.size()));
  if (!flat)
    return flat.takeError();
  Expected<Value> value = expand({*flat, *common}, shape, flatten(shape.size()));
  return value ? TensorOrError(SymbolicTensor{*value, SymbolicShape(shape)}) : value.takeError();
}

GraphBuilder::TensorOrError GraphBuilder::dropUnitDims(const SymbolicTensor &x,
                                                       ArrayRef<bool> drop) {
  if (!llvm::is_contained(drop, true))
    return x;
  SymbolicShape shape;
  SmallVector<ReassociationIndices> groups;
  ReassociationIndices leading;
  for (auto [index, dim] : llvm::enumerate(x.shape)) {
    auto position = static_cast<int64_t>(index);
    if (drop[index]) {
      (groups.empty() ? leading : groups.back()).push_back(position);
      continue;
    }
    groups.push_back(groups.empty() ? leading : ReassociationIndices());
    groups.back().push_back(position);
    shape.push_back(dim);
  }
  Expected<Value> value = collapse(x, shape, groups);
  return value ? TensorOrError(SymbolicTensor{*value, shape}) : value.takeError();
}

GraphBuilder::TensorOrError GraphBuilder::unsqueeze(const SymbolicTensor &x, int64_t dim) {
  Expected<int64_t> position = normalizeDim("unsqueeze", dim, x.rank() + 1);
  if (!position)
    return position.takeError();
  SymbolicShape shape = x.shape;
  shape.insert(shape.begin() + *position, SymbolicDim(1));
  if (llvm::Error error = checkShape("unsqueeze", shape))
    return error;
  // The new dim joins the dim before it, a leading one the dim after: as in dropUnitDims, which
  // then finds the tensor without it.
  SmallVector<ReassociationIndices> groups(x.shape.size());
  for (int64_t index = 0; index <= x.rank() && x.rank() > 0; ++index)
    groups[index < *position ? index : std::max<int64_t>(index - 1, 0)].push_back(index);
  Expected<Value> value = expand(x, shape, groups);
  return value ? TensorOrError(SymbolicTensor{*value, shape}) : value.takeError();
}

GraphBuilder::TensorOrError GraphBuilder::squeeze(const SymbolicTensor &x, int64_t dim) {
  Expected<int64_t> position = normalizeDim("squeeze", dim, x.rank());
  if (!position)
    return position.takeError();
  if (!isUnit(x.dim(*position)))
    return makeError("squeeze: expected dim " + Twine(dim) + " to be 1, got " + x.str());
  SmallVector<bool> drop(x.shape.size(), false);
  drop[*position] = true;
  return dropUnitDims(x, drop);
}

// ---- Permutation -------------------------------------------------------------------------------

GraphBuilder::TensorOrError GraphBuilder::permute(const SymbolicTensor &x,
                                                  ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> normalized;
  for (int64_t dim : permutation) {
    Expected<int64_t> position = normalizeDim("permute", dim, x.rank());
    if (!position)
      return position.takeError();
    normalized.push_back(*position);
  }
  if (static_cast<int64_t>(normalized.size()) != x.rank() || !isPermutationVector(normalized))
    return makeError("permute: expected each dim of " + x.str() + " once, got " +
                     formatShape(SymbolicShape(permutation.begin(), permutation.end())));
  if (llvm::is_sorted(normalized))
    return x;
  SymbolicShape shape;
  for (int64_t dim : normalized)
    shape.push_back(x.dim(dim));
  Expected<Value> init = emptyTensor(shape, x.elementType());
  if (!init)
    return init.takeError();
  auto op = linalg::TransposeOp::create(ir, currentLoc, x.value, *init, normalized);
  return SymbolicTensor{op->getResult(0), std::move(shape)};
}

GraphBuilder::TensorOrError GraphBuilder::transpose(const SymbolicTensor &x, int64_t dim0,
                                                    int64_t dim1) {
  Expected<int64_t> first = normalizeDim("transpose", dim0, x.rank());
  Expected<int64_t> second = first ? normalizeDim("transpose", dim1, x.rank()) : first.takeError();
  if (!second)
    return second.takeError();
  IndexList permutation = identityLoops(x.rank());
  std::swap(permutation[*first], permutation[*second]);
  return permute(x, permutation);
}

GraphBuilder::TensorOrError GraphBuilder::splitHeads(const SymbolicTensor &x,
                                                     const SymbolicDim &heads) {
  if (x.rank() < 2)
    return makeError("split_heads: expected rank 2 or more, got " + x.str());
  if (heads.constant().value_or(1) < 1)
    return makeError("split_heads: expected at least one head, got " + heads.str());
  std::optional<SymbolicDim> headDim = x.shape.back().exactQuotient(heads);
  if (!headDim)
    return makeError("split_heads: expected the last dim of " + x.str() + " to be a multiple of " +
                     heads.str() + " heads");
  SymbolicShape shape(ArrayRef(x.shape).drop_back());
  shape.append({heads, *headDim});
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim < x.rank(); ++dim)
    groups.push_back({dim});
  groups.back().push_back(x.rank());
  if (llvm::Error error = checkShape("split_heads", shape))
    return error;
  Expected<Value> split = expand(x, shape, groups);
  return split ? transpose({*split, shape}, -3, -2) : split.takeError();
}

GraphBuilder::TensorOrError GraphBuilder::mergeHeads(const SymbolicTensor &x) {
  if (x.rank() < 3)
    return makeError("merge_heads: expected rank 3 or more, got " + x.str());
  TensorOrError rows = transpose(x, -3, -2);
  if (!rows)
    return rows.takeError();
  SymbolicShape shape(ArrayRef(rows->shape).drop_back(2));
  shape.push_back(-1);
  return reshape(*rows, shape);
}
