#include "runtime/Jit.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace fovea;

Jit::Jit(std::unique_ptr<llvm::orc::LLJIT> jit)
    : reported(std::make_unique<std::string>()), jit(std::move(jit)) {
  // By default it prints to stderr.
  this->jit->getExecutionSession().setErrorReporter([log = reported.get()](llvm::Error error) {
    *log += (log->empty() ? "" : "; ") + llvm::toString(std::move(error));
  });
}

Jit::Jit(Jit &&) noexcept = default;
Jit::~Jit() = default;

Jit &Jit::operator=(Jit &&other) noexcept {
  // The old linker reports to the old string until it is gone.
  jit = std::move(other.jit);
  reported = std::move(other.reported);
  return *this;
}

llvm::Expected<Jit> Jit::load(llvm::ArrayRef<std::string> objects) {
  // The platform that does nothing: compiled code has no constructors and no thread-locals.
  auto jit = llvm::orc::LLJITBuilder().setPlatformSetUp(llvm::orc::setUpInactivePlatform).create();
  if (!jit)
    return jit.takeError();
  Jit result(std::move(*jit));
  for (const auto &[number, object] : llvm::enumerate(objects))
    if (llvm::Error error = result.jit->addObjectFile(
            llvm::MemoryBuffer::getMemBufferCopy(object, "fovea" + llvm::Twine(number))))
      return std::move(error);
  return result;
}

llvm::Expected<void *> Jit::lookupAddress(llvm::StringRef symbol) {
  llvm::Expected<llvm::orc::ExecutorAddr> address = jit->lookup(symbol);
  if (!address)
    return llvm::createStringError("cannot load '" + symbol +
                                   "': " + llvm::toString(address.takeError()) +
                                   (reported->empty() ? "" : " (" + *reported + ")"));
  return address->toPtr<void *>();
}
