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

/// Whether there is anything at `path`, be it a link to nothing: reading that is an error that
/// names it, where it would else count as missing.
bool isPresent(llvm::StringRef path);

/// The contents of a regular file.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> readFile(llvm::StringRef path);

/// Writes what `write` prints to a temporary file beside `path`, then renames it. If anything
/// fails, `path` is as it was and the temporary file is gone; a link stays one. What is no regular
/// file is written in place, and so is the file that stdout or stderr goes to.
llvm::Error writeFile(llvm::StringRef path,
                      llvm::function_ref<llvm::Error(llvm::raw_ostream &)> write);

} // namespace fovea

#endif // FOVEA_FRONTEND_FILEIO_H
