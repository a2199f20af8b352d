// Whole files in and out. Reading maps large files into memory; writing leaves either the whole
// file or what was there before.
#ifndef FOVEA_FRONTEND_FILEIO_H
#define FOVEA_FRONTEND_FILEIO_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>

namespace fovea {

/// The contents of a regular file.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> readFile(llvm::StringRef path);

/// Writes what `write` prints to a temporary file beside `path`, then renames it. If anything
/// fails, `path` is as it was and the temporary file is gone. A path that exists and is no
/// regular file, such as /dev/stdout, is written in place.
llvm::Error writeFile(llvm::StringRef path,
                      llvm::function_ref<llvm::Error(llvm::raw_ostream &)> write);

} // namespace fovea

#endif // FOVEA_FRONTEND_FILEIO_H
