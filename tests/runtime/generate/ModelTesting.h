// The checkpoints of tests/models, and copies of them with something wrong.
#ifndef FOVEA_TESTS_RUNTIME_GENERATE_MODELTESTING_H
#define FOVEA_TESTS_RUNTIME_GENERATE_MODELTESTING_H

#include "frontend/Safetensors.h"
#include "runtime/generate/LanguageModel.h"
#include "tests/ErrorTesting.h"
#include "tests/TemporaryDirectory.h"

namespace fovea::testing {

inline std::string checkpoint(llvm::StringRef name) {
  return std::string(FOVEA_SOURCE_DIR "/tests/models/") + name.str();
}

/// Ends the test if the model does not load.
inline LanguageModel load(llvm::StringRef name, ModelOptions options = {}) {
  options.threads = 2;
  return llvm::cantFail(LanguageModel::load(checkpoint(name), options));
}

/// The golden sequence of a checkpoint, and logits [1, L, V] for it or for its beginning.
struct Golden {
  std::vector<TokenId> ids;
  Tensor logits;

  explicit Golden(llvm::StringRef directory, llvm::StringRef name = "logits") {
    auto file = llvm::cantFail(SafetensorsFile::open((directory + "/golden.safetensors").str()));
    TensorView input = *file->find("input_ids");
    for (int64_t i = 0; i < input.size(1); ++i)
      ids.push_back(static_cast<TokenId>(input.at({0, i})));
    logits = llvm::cantFail(Tensor::copyOf(*file->find(name)));
  }
};

/// The row of a position as `[1, V]`.
inline TensorView row(const Tensor &logits, int64_t position) {
  int64_t vocabulary = logits.sizes().back();
  return TensorView(logits.dataAs<float>() + position * vocabulary, {1, vocabulary});
}

/// Largest difference, relative to the largest magnitude expected.
inline double relativeError(const TensorView &got, const TensorView &expected) {
  double largest = 0, magnitude = 0;
  std::vector<double> a = toDoubles(got), b = toDoubles(expected);
  for (size_t i = 0; i < b.size(); ++i) {
    largest = std::max(largest, std::abs(a[i] - b[i]));
    magnitude = std::max(magnitude, std::abs(b[i]));
  }
  return largest / magnitude;
}

/// A copy of a checkpoint's config.json, changed by the caller, and of its weights.
class CheckpointCopy {
public:
  explicit CheckpointCopy(llvm::StringRef name) : source(checkpoint(name)) {
    for (llvm::StringRef file : {"config.json", "model.safetensors"})
      EXPECT_FALSE(llvm::sys::fs::copy_file(source + "/" + file, files.path(file)));
  }

  /// Replaces text of the configuration, which must be there.
  void configure(llvm::StringRef from, llvm::StringRef to) {
    std::string text = files.read("config.json");
    size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    files.write("config.json", text.replace(at, from.size(), to));
  }

  /// The weights without `without`, and with a tensor called `with`.
  void changeWeights(llvm::StringRef without, llvm::StringRef with) {
    auto file = llvm::cantFail(SafetensorsFile::open(source + "/model.safetensors"));
    float one = 1;
    std::vector<std::pair<std::string, TensorView>> tensors;
    for (const std::string &name : file->names())
      if (name != without)
        tensors.emplace_back(name, *file->find(name));
    if (!with.empty())
      tensors.emplace_back(with.str(), TensorView(&one, {1}));
    EXPECT_FALSE(static_cast<bool>(writeSafetensors(files.path("model.safetensors"), tensors)));
  }

  /// Changes the element in the middle of a tensor.
  void changeElement(llvm::StringRef changed) {
    auto file = llvm::cantFail(SafetensorsFile::open(source + "/model.safetensors"));
    Tensor copy = llvm::cantFail(Tensor::copyOf(*file->find(changed)));
    copy.dataAs<char>()[copy.numBytes() / 2] ^= 1;
    std::vector<std::pair<std::string, TensorView>> tensors;
    for (const std::string &name : file->names())
      tensors.emplace_back(name, name == changed ? copy.view() : *file->find(name));
    EXPECT_FALSE(static_cast<bool>(writeSafetensors(files.path("model.safetensors"), tensors)));
  }

  std::string path() const { return files.path(); }

private:
  std::string source;
  TemporaryDirectory files;
};

} // namespace fovea::testing

#endif // FOVEA_TESTS_RUNTIME_GENERATE_MODELTESTING_H
