#include "tests/fuzz/SharedLibrary.h"
#include "frontend/FileIO.h"
#include "runtime/Abi.h"
#include "runtime/Compile.h"
#include "tools/fovea/Link.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include <dlfcn.h>

using namespace fovea;
using namespace fovea::fuzz;

/// Bytes behind the workspace that must stay as they are.
static constexpr int64_t guardBytes = 4096;
static constexpr uint8_t guardValue = 0xA5;

namespace {
using Entry = void (*)(const fovea_context *, const fovea_tensor *, const fovea_tensor *);
using WorkspaceSize = int64_t (*)(const fovea_tensor *, int64_t);
using ResultShapes = void (*)(const fovea_tensor *, int64_t *const *);

/// A library that is unloaded when this goes out of scope.
struct Library {
  explicit Library(const char *path) : handle(dlopen(path, RTLD_NOW | RTLD_LOCAL)) {}
  Library(const Library &) = delete;
  ~Library() {
    if (handle)
      dlclose(handle);
  }
  template <typename Function>
  Function find(const char *name) const {
    return reinterpret_cast<Function>(dlsym(handle, name));
  }
  void *handle;
};
} // namespace

static fovea_tensor toArgument(const Tensor &tensor) {
  return {const_cast<void *>(tensor.data()), tensor.sizes().data(), tensor.strides().data()};
}

/// The sizes of each result, as the library gives them, must be these.
static llvm::Error checkShapes(ResultShapes shapes, llvm::ArrayRef<fovea_tensor> inputs,
                               llvm::ArrayRef<std::pair<std::string, Tensor>> like) {
  std::vector<DimVector> sizes;
  for (const auto &[name, tensor] : like)
    sizes.emplace_back(tensor.rank(), -1);
  std::vector<int64_t *> pointers;
  for (DimVector &size : sizes)
    pointers.push_back(size.data());
  shapes(inputs.data(), pointers.data());
  for (auto [size, result] : llvm::zip_equal(sizes, like))
    if (result.second.sizes() != llvm::ArrayRef(size))
      return llvm::createStringError("another shape of " + result.first);
  return llvm::Error::success();
}

static llvm::Error build(mlir::ModuleOp module, llvm::StringRef path) {
  auto code = compileToFile(module, CodeKind::Object);
  if (!code)
    return code.takeError();
  auto library = tool::linkSharedLibrary(code->contents);
  if (!library)
    return library.takeError();
  return writeFile(path, [&](llvm::raw_ostream &os) {
    os << (*library)->getBuffer();
    return llvm::Error::success();
  });
}

llvm::Expected<std::vector<std::pair<std::string, Tensor>>>
fovea::fuzz::runSharedLibrary(mlir::ModuleOp module, llvm::ArrayRef<Input> inputs,
                              llvm::ArrayRef<std::pair<std::string, Tensor>> like) {
  llvm::SmallString<128> path;
  if (std::error_code code = llvm::sys::fs::createTemporaryFile("fovea-fuzz", "so", path))
    return llvm::createStringError(code, "cannot create a temporary file");
  llvm::FileRemover remover(path);
  if (llvm::Error error = build(module, path))
    return std::move(error);
  Library library(path.c_str());
  if (!library.handle)
    return llvm::createStringError(std::string("cannot load: ") + dlerror());

  std::vector<Tensor> packed;
  std::vector<fovea_tensor> arguments, outputs;
  for (const Input &input : inputs) {
    auto copy = Tensor::copyOf(input.view);
    if (!copy)
      return copy.takeError();
    packed.push_back(std::move(*copy));
  }
  llvm::append_range(arguments, llvm::map_range(packed, toArgument));
  if (llvm::Error error =
          checkShapes(library.find<ResultShapes>("fuzz_result_shapes"), arguments, like))
    return std::move(error);
  std::vector<std::pair<std::string, Tensor>> results;
  for (const auto &[name, tensor] : like) {
    auto result = Tensor::create(tensor.dataType(), tensor.sizes());
    if (!result)
      return result.takeError();
    results.emplace_back(name, std::move(*result));
  }
  for (const auto &[name, tensor] : results)
    outputs.push_back(toArgument(tensor));
  int64_t bytes = library.find<WorkspaceSize>("fuzz_workspace_size")(arguments.data(), 1);
  if (bytes < 0)
    return llvm::createStringError("a workspace that no int64_t counts");
  auto workspace = Tensor::create(DataType::U8, {bytes + guardBytes});
  if (!workspace)
    return workspace.takeError();
  llvm::MutableArrayRef<uint8_t> guard(workspace->dataAs<uint8_t>() + bytes, guardBytes);
  llvm::fill(guard, guardValue);
  fovea_context context = {nullptr, workspace->data(), 1, nullptr, nullptr};
  library.find<Entry>("fuzz")(&context, arguments.data(), outputs.data());
  if (!llvm::all_equal(guard) || guard.front() != guardValue)
    return llvm::createStringError("wrote behind its workspace of " + llvm::Twine(bytes) +
                                   " bytes");
  return results;
}
