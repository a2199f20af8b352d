#include "ProgramPages.h"
#include "ProcessStatus.h"
#include "runtime/Memory.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Process.h"
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace fovea;

namespace {
struct Range {
  uint64_t begin, end; // whole pages
};
} // namespace

static uint64_t pageSize() { return llvm::sys::Process::getPageSizeEstimate(); }

static void release(Range range) {
  if (range.begin < range.end)
    madvise(reinterpret_cast<void *>(range.begin), range.end - range.begin, MADV_DONTNEED);
}

/// Those that are as they are in the file, of a range that nothing writes to any more.
static void releaseUnwrittenPages(Range range) {
  constexpr uint64_t present = uint64_t(1) << 63, ofFile = uint64_t(1) << 61; // proc_pid_pagemap(5)
  int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (pagemap < 0)
    return;
  for (uint64_t at = range.begin, entry; at < range.end; at += pageSize()) {
    auto place = static_cast<off_t>(at / pageSize() * sizeof(entry));
    if (pread(pagemap, &entry, sizeof(entry), place) != sizeof(entry))
      break;
    if ((entry & present) && (entry & ofFile))
      release({at, at + pageSize()});
  }
  close(pagemap);
}

/// Of one file: its segments that nothing writes to, and of the tables that relocations may have
/// written to as it was loaded, what they have not.
static int releaseSegments(dl_phdr_info *file, size_t, void *) {
  for (int i = 0; i < file->dlpi_phnum; ++i) {
    const auto &segment = file->dlpi_phdr[i];
    uint64_t address = file->dlpi_addr + segment.p_vaddr;
    Range range = {llvm::alignTo(address, pageSize()),
                   llvm::alignDown(address + segment.p_memsz, pageSize())};
    if (segment.p_type == PT_LOAD && !(segment.p_flags & PF_W))
      release(range);
    else if (segment.p_type == PT_GNU_RELRO)
      releaseUnwrittenPages(range);
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
