#include "runtime/WeightCache.h"
#include "runtime/CompilerIdentity.h"
#include "runtime/Memory.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/xxhash.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace fovea;
using llvm::StringRef;

// An entry: the magic, the key's hash (32 bytes), the size of the packed weights and their checksum
// (8 and 16 bytes, little-endian), these weights from the next multiple of 64 bytes on.
static constexpr StringRef magic = "FOVEAPW1";
static constexpr int64_t headerBytes = 64;

/// Of packed weights, which the second-level cache holds from reading to hashing, and of files,
/// whose pages at both ends of a chunk stay in memory.
static constexpr int64_t packedChunk = int64_t(256) << 10, fileChunk = int64_t(4) << 20;

static llvm::XXH128_hash_t hashOf(const void *data, int64_t bytes) {
  return llvm::xxh3_128bits({static_cast<const uint8_t *>(data), static_cast<size_t>(bytes)});
}

/// The hash of the hashes of chunks, which all threads compute.
static std::string
hashInChunks(int64_t bytes, int64_t chunk, ThreadPool &pool,
             llvm::function_ref<llvm::XXH128_hash_t(int64_t begin, int64_t end)> hashOfChunk) {
  struct Loop {
    int64_t bytes, chunk;
    decltype(hashOfChunk) hash;
    std::vector<llvm::XXH128_hash_t> hashes;
  } loop = {bytes, chunk, hashOfChunk, {}};
  loop.hashes.resize(llvm::divideCeil(bytes, chunk));
  pool.parallelFor(
      static_cast<int64_t>(loop.hashes.size()),
      [](void *closure, int64_t first, int64_t last, int64_t) {
        auto &[bytes, chunk, hash, hashes] = *static_cast<Loop *>(closure);
        for (int64_t i = first; i < last; ++i)
          hashes[i] = hash(i * chunk, std::min((i + 1) * chunk, bytes));
      },
      &loop);
  std::string all;
  for (llvm::XXH128_hash_t hash : loop.hashes)
    all += bytesOf(hash);
  return bytesOf(hashOf(all.data(), static_cast<int64_t>(all.size())));
}

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

/// Of a slot, which a source may have to load as a whole.
static std::string hashOfSlot(const WeightSpec &spec, int64_t slot, const WeightSource &source,
                              ThreadPool &pool) {
  std::string name = spec.slots().nameOf(slot);
  std::optional<TensorView> tensor = source.findStored(name);
  int64_t first = spec.storedBegin(slot), bytes = spec.storedBytes();
  if (!tensor || first + bytes > tensor->numBytes())
    return "";
  auto *data = static_cast<const char *>(tensor->data()) + first;
  auto loaded = source.load(name, first, first + bytes);
  return hashInChunks(bytes, fileChunk, pool, [&](int64_t begin, int64_t end) {
    llvm::XXH128_hash_t hash = hashOf(data + begin, end - begin);
    source.release(name, first + begin, first + end);
    return hash;
  });
}

std::string WeightCache::keyOf(llvm::ArrayRef<WeightSpec> specs, const WeightSource &source,
                               ThreadPool &pool) {
  std::string key = compilerIdentity();
  if (key.empty())
    return key;
  llvm::raw_string_ostream os(key);
  for (const WeightSpec &spec : specs) {
    os << "\n" << spec.name.size() << spec.name << stringify(spec.type);
    for (int64_t size : spec.sizes)
      os << "x" << size;
    if (spec.panels) {
      const PanelSpec &panels = *spec.panels;
      os << " panels " << panels.dim << " " << panels.lanes << " " << panels.streams << " "
         << (panels.format ? attn::stringifyWeightFormat(*panels.format) : "stored");
    }
    for (int64_t slot = 0, size = spec.slots().size(); slot < size; ++slot)
      if (spec.slots().isReached(slot))
        os << hashOfSlot(spec, slot, source, pool);
  }
  return key;
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

std::string WeightCache::pathOf(StringRef key) const { return directory.pathOf(key); }

/// What comes before the checksum.
static std::string headerOf(StringRef key, int64_t bytes) {
  return (magic + keyHash(key) + bytesOf(static_cast<uint64_t>(bytes))).str();
}

static bool readAt(int file, char *to, int64_t bytes, int64_t offset) {
  while (bytes > 0) {
    ssize_t count = pread(file, to, bytes, offset);
    if (count <= 0)
      return false;
    to += count, offset += count, bytes -= count;
  }
  return true;
}

/// The checksum that an entry for `key` of so many bytes says it has; empty if it is none.
static std::string readChecksum(int file, StringRef key, int64_t bytes) {
  struct stat status;
  std::string header(headerBytes, 0), expected = headerOf(key, bytes);
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_size != headerBytes + bytes || !readAt(file, header.data(), headerBytes, 0) ||
      !StringRef(header).starts_with(expected))
    return "";
  return header.substr(expected.size());
}

/// Reads all after the header; the checksum of that, empty if it cannot be read.
static std::string readPacked(int file, llvm::MutableArrayRef<char> packed, ThreadPool &pool) {
  auto bytes = static_cast<int64_t>(packed.size());
  std::atomic<bool> isWhole = true;
  std::string checksum = hashInChunks(bytes, packedChunk, pool, [&](int64_t begin, int64_t end) {
    if (!readAt(file, packed.data() + begin, end - begin, headerBytes + begin))
      isWhole = false;
    return hashOf(packed.data() + begin, end - begin);
  });
  return isWhole ? checksum : "";
}

bool WeightCache::load(StringRef key, llvm::MutableArrayRef<char> packed, ThreadPool &pool) const {
  if (llvm::Error error = directory.check()) {
    llvm::consumeError(std::move(error));
    return false;
  }
  std::string path = pathOf(key);
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); // not to wait for a pipe
  if (file < 0)
    return false;
  std::string checksum = readChecksum(file, key, static_cast<int64_t>(packed.size()));
  bool isEntry = !checksum.empty() && readPacked(file, packed, pool) == checksum;
  close(file);
  if (isEntry)
    directory.use(path);
  return isEntry;
}

llvm::Error WeightCache::store(StringRef key, llvm::ArrayRef<char> packed, ThreadPool &pool) const {
  auto bytes = static_cast<int64_t>(packed.size());
  if (headerBytes + bytes > directory.limit())
    return llvm::createStringError("they take " + formatBytes(bytes) + ", more than the " +
                                   formatBytes(directory.limit()) + " that all may take");
  std::string checksum = hashInChunks(bytes, packedChunk, pool, [&](int64_t begin, int64_t end) {
    return hashOf(packed.data() + begin, end - begin);
  });
  return directory.store(pathOf(key), [&](llvm::raw_ostream &os) {
    os << headerOf(key, bytes) << checksum;
    os.write(packed.data(), packed.size());
    return llvm::Error::success();
  });
}
