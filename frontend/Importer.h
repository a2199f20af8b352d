// From a description file (.fov, docs/language.md) to a module of the phase `input`: every entry
// of the file becomes a public function, built op by op through GraphBuilder.
#ifndef FOVEA_FRONTEND_IMPORTER_H
#define FOVEA_FRONTEND_IMPORTER_H

#include "frontend/Diagnostics.h"
#include "frontend/WeightSource.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"
#include <map>
#include <variant>

namespace fovea {

/// A compile-time value from outside: that of a `param`, or a number for a symbolic dim.
using ParamValue = std::variant<bool, int64_t, double, std::string>;

/// Reads what a command line gives: `True`, `8`, `0.5`, else the text itself.
ParamValue parseParamValue(llvm::StringRef text);

struct ImportOptions {
  /// Overrides `param`s; a name that is a dim of some entry fixes that dim. Any other name is an
  /// error.
  std::map<std::string, ParamValue> params;
  /// Where `load_config` looks; the folder of the description if empty.
  std::string modelDirectory;
  /// The one entry to import; all if empty.
  std::string entry;
  /// The files that weights without a declared element type take theirs from: one stored in
  /// another float type than f32 is widened where it is used. Without, they are f32.
  std::shared_ptr<const WeightSource> weights = nullptr;
};

/// The attribute of a module that holds, by name, the constants that its description exports.
inline constexpr llvm::StringLiteral exportsAttribute = "attn.exports";

/// Imports the text of a file; `name` stands for it in messages and locations, and its folder is
/// where imports are looked for first (frontend/Imports.h). The context needs
/// the dialects of dialect/RegisterAll.h. A wrong description gives a DiagnosticError that holds
/// all errors found, each with its place.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> importFov(mlir::MLIRContext &context,
                                                            llvm::StringRef name,
                                                            llvm::StringRef text,
                                                            const ImportOptions &options = {});

/// Reads and imports the file at `path`.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importFovFile(mlir::MLIRContext &context, llvm::StringRef path, const ImportOptions &options = {});

} // namespace fovea

#endif
