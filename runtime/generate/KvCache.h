// The keys and values of sequences so far, owned by the caller: made for the cache tensors of a
// compiled `step`, grown by running it, and cloned, truncated, saved and loaded as a value.
#ifndef FOVEA_RUNTIME_GENERATE_KVCACHE_H
#define FOVEA_RUNTIME_GENERATE_KVCACHE_H

#include "runtime/Executable.h"

namespace fovea {

class ModelIdentity;

/// The value of a description's param `T` that gives caches of a type as options name it: "f32",
/// "f16" and "bf16" are element types, "q8" are quantised rows, which lie in i8. An error names the
/// types if it is none of them.
llvm::Expected<std::string> cacheElementType(llvm::StringRef cacheType);

/// The cache tensors of an entry: its inputs that are outputs too. Their outermost dim is the
/// sequence; of the others one is named, "C" if it has a row for each position of the context, "R"
/// if it is a ring of the last positions, and the rest are numbers.
struct CacheLayout {
  struct Entry {
    std::string name;
    DataType type;
    DimVector sizes; // of one sequence; 0 where the rows are
    bool isRing = false;
  };
  std::vector<Entry> tensors;
  /// How many positions a query sees that is limited to the latest, 0 if none is.
  int64_t window = 0;
  std::shared_ptr<const ModelIdentity> model; // which files have; null: none

  static llvm::Expected<CacheLayout> of(const EntrySignature &step, int64_t window);
  bool hasRing() const;
  /// The sizes of a tensor in a cache of that room, as KvCache::create has it.
  DimVector sizesOf(const Entry &entry, int64_t sequences, int64_t capacity, int64_t chunk) const;
  /// Empty if there is no model.
  std::string modelDigits() const;
};

class KvCache {
public:
  /// An empty cache for sequences of up to `capacity` tokens, of which up to `chunk` are added at
  /// once. Rings have `window + chunk - 1` rows, so that the first token of a chunk still finds its
  /// window when the last is in; none has more rows than `capacity`.
  static llvm::Expected<KvCache> create(const CacheLayout &layout, int64_t sequences,
                                        int64_t capacity, int64_t chunk);

  /// Another one with the same sequences. An error if memory is short.
  llvm::Expected<KvCache> clone() const;

  int64_t sequences() const { return static_cast<int64_t>(lengths.size()); }
  int64_t capacity() const { return maxLength; }
  int64_t chunk() const { return maxChunk; }
  /// Tokens in a sequence.
  int64_t length(int64_t sequence) const { return lengths[sequence]; }
  int64_t numBytes() const;

  /// Drops all but the first `length` tokens. An error if a ring has lost some that the next token
  /// would see.
  llvm::Error truncate(int64_t sequence, int64_t length);
  /// Makes `to` of this cache what `from` of `other`, of the same model and layout, is.
  llvm::Error copySequence(const KvCache &other, int64_t from, int64_t to);

  /// A safetensors file, whose metadata say which model it is of. `load` needs a cache made as the
  /// saved one was, and leaves it as it was if the file does not fit.
  llvm::Error save(llvm::StringRef path) const;
  llvm::Error load(llvm::StringRef path);

  // ---- For running a step ----------------------------------------------------------------------

  /// The tensors of `count` sequences from `first` on.
  std::vector<NamedMutableView> views(int64_t first, int64_t count);
  /// An error unless `count` more tokens fit into the sequence, and into one step.
  llvm::Error checkFits(int64_t sequence, int64_t count) const;
  /// The error for tokens that do not fit into the sequence.
  llvm::Error fullError(int64_t sequence, int64_t count) const;
  /// Counts tokens that a step has added.
  void advance(int64_t sequence, int64_t count);

private:
  /// An error if a ring that was written up to `high` lacks what the token at `length` sees.
  llvm::Error checkWindows(int64_t length, int64_t high) const;

  CacheLayout layout;
  std::vector<Tensor> tensors; // [sequences, ...]
  std::vector<int64_t> lengths;
  std::vector<int64_t> highest; // the longest each sequence was since it was empty
  int64_t maxLength = 0;
  int64_t maxChunk = 0;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_GENERATE_KVCACHE_H
