// A directory for the files of one test, removed with all that is in it.
#ifndef FOVEA_TESTS_TEMPORARYDIRECTORY_H
#define FOVEA_TESTS_TEMPORARYDIRECTORY_H

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <string>
#include <vector>

namespace fovea::testing {

class TemporaryDirectory {
public:
  TemporaryDirectory() { EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("fovea-test", root)); }
  ~TemporaryDirectory() { llvm::sys::fs::remove_directories(root); }
  TemporaryDirectory(const TemporaryDirectory &) = delete;

  std::string path() const { return root.str().str(); }
  std::string path(llvm::StringRef name) const {
    llvm::SmallString<128> result(root);
    llvm::sys::path::append(result, name);
    return std::string(result);
  }

  /// Writes a file and returns its path.
  std::string write(llvm::StringRef name, llvm::StringRef contents) const {
    std::error_code code;
    llvm::raw_fd_ostream(path(name), code) << contents;
    EXPECT_FALSE(code) << code.message();
    return path(name);
  }

  std::string read(llvm::StringRef name) const {
    auto file = llvm::MemoryBuffer::getFile(path(name));
    EXPECT_TRUE(static_cast<bool>(file));
    return file ? (*file)->getBuffer().str() : "";
  }

  /// The names of the files, to see that nothing else was left.
  std::vector<std::string> list() const {
    std::vector<std::string> names;
    std::error_code code;
    for (llvm::sys::fs::directory_iterator it(root, code), end; it != end && !code;
         it.increment(code))
      names.push_back(llvm::sys::path::filename(it->path()).str());
    return names;
  }

private:
  llvm::SmallString<128> root;
};

} // namespace fovea::testing

#endif // FOVEA_TESTS_TEMPORARYDIRECTORY_H
