#include "passes/raise/DimLabels.h"
#include "passes/mask/MaskPredicate.h"

using namespace mlir;
using namespace fovea;

int64_t LabelledTensor::find(int64_t scoreDim) const {
  for (auto [dim, label] : llvm::enumerate(labels))
    if (label.size() == 1 && label.front() == scoreDim)
      return dim;
  return -1;
}

bool LabelledTensor::has(int64_t scoreDim) const {
  return llvm::any_of(labels, [&](auto &label) { return llvm::is_contained(label, scoreDim); });
}

/// Replaces floor divisions that give one number over the whole range: an index that is split
/// after it was joined.
static LinearForm withoutConstantDivisions(const LinearForm &form, ArrayRef<IndexRange> ranges) {
  LinearForm result(form.getConstant());
  for (const LinearForm::Term &term : form.getTerms()) {
    if (!term.dividend) {
      result = result + LinearForm::ofValue(term.value) * term.coefficient;
      continue;
    }
    LinearForm dividend = withoutConstantDivisions(*term.dividend, ranges);
    LinearForm low = LinearForm::floorDivision(boundOver(dividend, ranges, true), term.divisor);
    LinearForm high = LinearForm::floorDivision(boundOver(dividend, ranges, false), term.divisor);
    LinearForm division = LinearForm::floorDivision(dividend, term.divisor);
    result = result + (low.isConstant() && low == high ? low : division) * term.coefficient;
  }
  return result;
}

std::optional<DimLabel> fovea::readLabel(Value index, Region &region, ArrayRef<int64_t> sizes) {
  std::optional<LinearForm> form = analyzeIndex(index, region);
  if (!form)
    return std::nullopt;
  SmallVector<IndexRange> ranges;
  for (auto [arg, size] : llvm::zip(region.getArguments(), sizes))
    if (!ShapedType::isDynamic(size))
      ranges.push_back({arg, LinearForm(0), LinearForm(size - 1)});
  LinearForm simple = withoutConstantDivisions(*form, ranges);
  if (!simple.isValid() || simple.getConstant() != 0)
    return std::nullopt;
  SmallVector<LinearForm::Term> terms(simple.getTerms());
  llvm::sort(terms, [](auto &a, auto &b) { return a.coefficient < b.coefficient; });
  DimLabel label;
  int64_t stride = 1;
  for (const LinearForm::Term &term : terms) {
    auto arg = dyn_cast_if_present<BlockArgument>(term.value);
    if (!arg || arg.getOwner()->getParent() != &region || term.coefficient != stride)
      return std::nullopt;
    int64_t number = arg.getArgNumber(), size = sizes[number];
    label.insert(label.begin(),
                 number + 1 == static_cast<int64_t>(sizes.size()) ? featureLabel : number);
    // Only the outermost dim may be of any size; a stride of 0 matches no further term.
    stride = ShapedType::isDynamic(size) ? 0 : stride * size;
  }
  // No score dim tells how large the part of the features is.
  if (label.size() > 1 && llvm::is_contained(label, featureLabel))
    return std::nullopt;
  return label;
}

SmallVector<int64_t> fovea::labelSizes(const SoftmaxMatch &match) {
  SmallVector<int64_t> sizes(cast<RankedTensorType>(match.weights.getType()).getShape());
  sizes.push_back(ShapedType::kDynamic);
  return sizes;
}
