#include "ProgramPages.h"
#include "ProcessStatus.h"
#include "runtime/Memory.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Process.h"
#include <link.h>
#include <sys/mman.h>

using namespace fovea;

/// Of one file: its segments that nothing writes to, relocations neither.
static int releaseSegments(dl_phdr_info *file, size_t, void *) {
  uint64_t page = llvm::sys::Process::getPageSizeEstimate();
  for (int i = 0; i < file->dlpi_phnum; ++i) {
    const auto &segment = file->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W))
      continue;
    uint64_t address = file->dlpi_addr + segment.p_vaddr;
    uint64_t begin = llvm::alignTo(address, page);
    uint64_t end = llvm::alignDown(address + segment.p_memsz, page);
    if (begin < end)
      madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

void tool::releaseProgramPages() {
  if (processStatus("TracerPid") == 0)
    dl_iterate_phdr(releaseSegments, nullptr);
}

void tool::releaseLoadingMemory() {
  constexpr int moreThanLogits = 4 << 20;
  keepFreeMemory(moreThanLogits);
  releaseProgramPages();
}
