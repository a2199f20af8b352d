#include "runtime/CompilerIdentity.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/TargetParser/Host.h"
#include <elf.h>
#include <link.h>

using namespace fovea;

namespace {
/// What is looked for among the loaded objects, and what was found.
struct Search {
  uintptr_t address; // within the object
  std::string buildId;
};
} // namespace

static bool contains(const dl_phdr_info &object, uintptr_t address) {
  for (const ElfW(Phdr) & header : llvm::ArrayRef(object.dlpi_phdr, object.dlpi_phnum)) {
    uintptr_t begin = object.dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD && begin <= address && address - begin < header.p_memsz)
      return true;
  }
  return false;
}

/// The build id among the notes of a segment, as hexadecimal digits.
static std::string findBuildId(llvm::ArrayRef<char> notes) {
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) header;
    std::memcpy(&header, notes.data(), sizeof(header));
    notes = notes.drop_front(sizeof(header));
    size_t nameSize = llvm::alignTo(size_t(header.n_namesz), 4);
    size_t size = nameSize + llvm::alignTo(size_t(header.n_descsz), 4);
    if (size > notes.size())
      return "";
    if (header.n_type == NT_GNU_BUILD_ID &&
        llvm::StringRef(notes.data(), header.n_namesz) == llvm::StringRef("GNU\0", 4))
      return llvm::toHex(llvm::StringRef(notes.data() + nameSize, header.n_descsz));
    notes = notes.drop_front(size);
  }
  return "";
}

static int visit(dl_phdr_info *object, size_t, void *data) {
  auto *search = static_cast<Search *>(data);
  if (!contains(*object, search->address))
    return 0;
  for (const ElfW(Phdr) & header : llvm::ArrayRef(object->dlpi_phdr, object->dlpi_phnum))
    if (header.p_type == PT_NOTE && search->buildId.empty())
      search->buildId = findBuildId(
          {reinterpret_cast<const char *>(object->dlpi_addr) + header.p_vaddr, header.p_memsz});
  return 1;
}

template <typename Function>
static std::string buildIdOf(Function *inObject) {
  Search search = {reinterpret_cast<uintptr_t>(inObject), ""};
  dl_iterate_phdr(visit, &search);
  return search.buildId;
}

std::string fovea::compilerIdentity() {
  std::string own = buildIdOf(compilerIdentity), llvm = buildIdOf(llvm::sys::getHostCPUName),
              mlir = buildIdOf(mlir::verify);
  if (own.empty() || llvm.empty() || mlir.empty())
    return "";
  return "LLVM " LLVM_VERSION_STRING " " + own + " " + llvm + " " + mlir;
}
