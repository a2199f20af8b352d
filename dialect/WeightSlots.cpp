#include "dialect/WeightSlots.h"
#include "llvm/ADT/STLExtras.h"

using namespace fovea::attn;

std::optional<int64_t> WeightSlots::checkedSize(llvm::ArrayRef<int64_t> counts) {
  int64_t size = 1;
  for (int64_t count : counts) {
    if (count < 1 || count > maxSlots / size)
      return std::nullopt;
    size *= count;
  }
  return size;
}

/// Those of one index, begin and end in turn.
static llvm::SmallVector<int64_t> spansOf(llvm::ArrayRef<int64_t> spans, size_t index) {
  llvm::SmallVector<int64_t> result;
  for (; !spans.empty(); spans = spans.drop_front(3))
    if (spans[0] == static_cast<int64_t>(index))
      result.append({spans[1], spans[2]});
  return result;
}

bool WeightSlots::areSpans(llvm::ArrayRef<int64_t> spans, llvm::ArrayRef<int64_t> counts) {
  int64_t index = -1, end = 0;
  if (spans.size() % 3 != 0)
    return false;
  for (; !spans.empty(); spans = spans.drop_front(3)) {
    bool isNext = spans[0] > index;
    bool isKnown = spans[0] >= 0 && spans[0] < static_cast<int64_t>(counts.size());
    if ((!isNext && spans[0] != index) || !isKnown || spans[1] < (isNext ? 0 : end + 1) ||
        spans[2] <= spans[1] || spans[2] > counts[spans[0]])
      return false;
    index = spans[0], end = spans[2];
  }
  return true;
}

int64_t WeightSlots::reachedSize() const {
  int64_t result = 1;
  for (auto [index, count] : llvm::enumerate(counts)) {
    int64_t reached = 0;
    llvm::SmallVector<int64_t> own = spansOf(spans, index);
    for (size_t i = 0; i < own.size(); i += 2)
      reached += own[i + 1] - own[i];
    result *= own.empty() ? count : reached;
  }
  return result;
}

/// The number itself if it is in a span, else the next one that is, or else the last.
static int64_t closestIn(llvm::ArrayRef<int64_t> spans, int64_t number) {
  for (size_t i = 0; i < spans.size(); i += 2)
    if (number < spans[i + 1])
      return std::max(number, spans[i]);
  return spans.empty() ? number : spans.back() - 1;
}

int64_t WeightSlots::standIn(int64_t slot) const {
  if (spans.empty())
    return slot;
  int64_t result = 0, stride = 1;
  for (size_t index = counts.size(); index-- > 0; stride *= counts[index], slot /= counts[index])
    result += stride * closestIn(spansOf(spans, index), slot % counts[index]);
  return result;
}

llvm::SmallVector<int64_t, 0> WeightSlots::spansWith(const WeightSlots &other) const {
  llvm::SmallVector<int64_t, 0> result;
  for (size_t index = 0; index < counts.size(); ++index) {
    llvm::SmallVector<std::pair<int64_t, int64_t>> all;
    for (const WeightSlots *slots : {this, &other}) {
      llvm::SmallVector<int64_t> own = spansOf(slots->spans, index);
      if (own.empty())
        own = {0, slots->counts[index]};
      for (size_t i = 0; i < own.size(); i += 2)
        all.emplace_back(own[i], own[i + 1]);
    }
    llvm::sort(all);
    llvm::SmallVector<int64_t> merged;
    for (auto [begin, end] : all)
      if (!merged.empty() && begin <= merged.back())
        merged.back() = std::max(merged.back(), end);
      else
        merged.append({begin, end});
    int64_t count = std::max(counts[index], other.counts[index]);
    bool isAll = merged.size() == 2 && merged[0] == 0 && merged[1] == count;
    for (size_t i = 0; !isAll && i < merged.size(); i += 2)
      result.append({static_cast<int64_t>(index), merged[i], merged[i + 1]});
  }
  return result;
}

int64_t WeightSlots::size() const { return llvm::product_of(counts); }

int64_t WeightSlots::stackSize() const { return llvm::product_of(stackDims()); }

std::string WeightSlots::nameOf(int64_t slot) const {
  std::string text = name.str();
  int64_t number = standIn(slot) / stackSize();
  // From the last, which goes fastest.
  for (int64_t count : llvm::reverse(counts.drop_back(stackDims().size()))) {
    text.replace(text.rfind("{}"), 2, std::to_string(number % count));
    number /= count;
  }
  return text;
}

llvm::SmallVector<int64_t, 4> WeightSlots::storedSizes(llvm::ArrayRef<int64_t> sizes) const {
  llvm::SmallVector<int64_t, 4> stored(stackDims());
  llvm::append_range(stored, sizes);
  return stored;
}
