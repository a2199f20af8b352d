// Object files loaded into this process. Each Jit is a linker of its own: any number may live
// at once, with equal symbols, on any threads.
#ifndef FOVEA_RUNTIME_JIT_H
#define FOVEA_RUNTIME_JIT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace llvm::orc {
class LLJIT;
}

namespace fovea {

class Jit {
public:
  /// Links objects of this machine with each other and with the process's own symbols (libc and
  /// libm).
  static llvm::Expected<Jit> load(llvm::ArrayRef<std::string> objects);

  Jit(Jit &&) noexcept;
  Jit &operator=(Jit &&) noexcept;
  ~Jit();

  /// The address of a symbol. The code lives as long as the Jit.
  template <typename Function>
  llvm::Expected<Function *> lookup(llvm::StringRef symbol) {
    llvm::Expected<void *> address = lookupAddress(symbol);
    if (!address)
      return address.takeError();
    return reinterpret_cast<Function *>(*address);
  }

private:
  explicit Jit(std::unique_ptr<llvm::orc::LLJIT> jit);
  llvm::Expected<void *> lookupAddress(llvm::StringRef symbol);

  std::unique_ptr<std::string> reported; // what ORC says besides the errors it returns
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_JIT_H
