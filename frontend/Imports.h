// `import NAME` in a description: the definitions of NAME.fov stand in its place. The file is
// looked for in the folder of the one that imports it, then among the descriptions that are built
// into the library (frontend/models).
#ifndef FOVEA_FRONTEND_IMPORTS_H
#define FOVEA_FRONTEND_IMPORTS_H

#include "frontend/SourceFile.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace fovea {

/// A description with all files that it imports, each once, where it is first imported. `name` is
/// its path, or what stands for one. A file that is not found is a DiagnosticError at the import.
llvm::Expected<std::shared_ptr<const SourceFile>> readWithImports(llvm::StringRef name,
                                                                  llvm::StringRef text);

} // namespace fovea

#endif // FOVEA_FRONTEND_IMPORTS_H
