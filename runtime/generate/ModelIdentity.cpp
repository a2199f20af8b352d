#include "runtime/generate/ModelIdentity.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

using namespace fovea;

/// In the middle of a tensor: rows at its beginning may be padding.
static llvm::StringRef sampleOf(const TensorView &tensor, int64_t &begin) {
  constexpr int64_t sampleBytes = 1024;
  int64_t bytes = tensor.numBytes(), size = std::min(bytes, sampleBytes);
  begin = (bytes - size) / 2;
  return llvm::StringRef(static_cast<const char *>(tensor.data()) + begin, size);
}

static std::string hashOf(const llvm::json::Object &config, const WeightSource &weights) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::json::Value(llvm::json::Object(config)); // in the order of the keys
  for (const std::string &name : weights.names()) {
    std::optional<TensorView> tensor = weights.findStored(name);
    if (!tensor)
      continue;
    int64_t begin = 0;
    llvm::StringRef sample = sampleOf(*tensor, begin);
    auto loaded = weights.load(name, begin, begin + static_cast<int64_t>(sample.size()));
    os << "\n" << name.size() << name << tensor->describe() << sample;
    weights.release(name, begin, begin + static_cast<int64_t>(sample.size()));
  }
  llvm::XXH128_hash_t hash = llvm::xxh3_128bits(llvm::arrayRefFromStringRef(text));
  return llvm::utohexstr(hash.high64, /*LowerCase=*/true, /*Width=*/16) +
         llvm::utohexstr(hash.low64, /*LowerCase=*/true, /*Width=*/16);
}

const std::string &ModelIdentity::str() const {
  std::call_once(once, [&] { digits = hashOf(config, *weights); });
  return digits;
}
