// Safetensors files: a JSON header with each tensor's name, type, shape and place, then the
// bytes (https://huggingface.co/docs/safetensors). The reader maps the file and believes none of
// it: every length, offset and product is checked against the file before it is used.
#ifndef FOVEA_FRONTEND_SAFETENSORS_H
#define FOVEA_FRONTEND_SAFETENSORS_H

#include "frontend/WeightSource.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/MemoryBuffer.h"
#include <mutex>

namespace fovea {

class SafetensorsFile : public WeightSource {
public:
  static llvm::Expected<std::unique_ptr<SafetensorsFile>> open(llvm::StringRef path);

  /// Reads a file that is in memory already; its identifier stands for the path in messages.
  static llvm::Expected<std::unique_ptr<SafetensorsFile>>
  parse(std::unique_ptr<llvm::MemoryBuffer> file);

  std::optional<TensorView> find(llvm::StringRef name) const override;
  std::optional<TensorView> findStored(llvm::StringRef name) const override;
  void release(llvm::StringRef name, int64_t begin, int64_t end) const override;
  std::vector<std::string> names() const override;
  std::string location() const override { return file->getBufferIdentifier().str(); }

  /// The strings of `__metadata__`.
  const std::map<std::string, std::string> &metadata() const { return strings; }

private:
  struct HeaderReader;

  /// Memory for a tensor that lies at an odd address, filled when it is first asked for.
  struct Realigned {
    Tensor copy;
    std::once_flag filled;
  };
  struct Entry {
    TensorView stored;
    std::unique_ptr<Realigned> realigned; // null if it is aligned as it is
  };

  void fill(const Entry &entry) const;
  void releasePages(const void *begin, size_t bytes) const;

  SafetensorsFile(std::unique_ptr<llvm::MemoryBuffer> file) : file(std::move(file)) {}

  std::unique_ptr<llvm::MemoryBuffer> file;
  std::map<std::string, Entry, std::less<>> tensors;
  std::map<std::string, std::string> strings;
};

using NamedTensorView = std::pair<std::string, TensorView>;

/// Writes a file atomically (see writeFile). Names are unique UTF-8 other than `__metadata__`.
llvm::Error writeSafetensors(llvm::StringRef path, llvm::ArrayRef<NamedTensorView> tensors,
                             const std::map<std::string, std::string> &metadata = {});

} // namespace fovea

#endif // FOVEA_FRONTEND_SAFETENSORS_H
