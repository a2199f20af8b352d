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

int64_t WeightSlots::size() const { return llvm::product_of(counts); }

int64_t WeightSlots::stackSize() const { return llvm::product_of(stackDims()); }

std::string WeightSlots::nameOf(int64_t slot) const {
  std::string text = name.str();
  int64_t number = slot / stackSize();
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
