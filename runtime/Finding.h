// What the passes said about a graph, as data: what was fused and vectorised, what was not and why.
#ifndef FOVEA_RUNTIME_FINDING_H
#define FOVEA_RUNTIME_FINDING_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "passes/Report.h"
#include <string>
#include <vector>

namespace fovea {

/// A place in a description or an `.mlir` file; lines and columns count from 1, 0 is unknown.
struct SourcePlace {
  std::string file;
  unsigned line = 0, column = 0;

  bool isKnown() const { return line != 0; }
  /// "model.fov:9:9", or "" if it is not known.
  std::string str() const;
  bool operator==(const SourcePlace &other) const = default;
};

/// The innermost place in a file; generated ops have places made of several.
SourcePlace placeOf(mlir::Location loc);

struct Finding {
  enum class Severity { Remark, Warning, Error, Note };

  SourcePlace place;
  Severity severity = Severity::Remark;
  std::string topic; // of a remark: "attention", "mask", ...
  std::string message;
  Shortfall shortfall = Shortfall::None;
  std::vector<Finding> notes;

  static Finding of(mlir::Diagnostic &diagnostic);

  /// "file:line:col: remark: [topic] message", the notes on lines of their own.
  std::string str() const;
};

/// What a compilation must reach; where it does not, it fails.
struct Requirements {
  bool fused = false;      // every attention is one kernel
  bool vectorized = false; // no loops over scalars

  /// Why `finding` is an error, as the option that makes it one; empty if it is none.
  llvm::StringRef brokenBy(const Finding &finding) const;
};

} // namespace fovea

#endif // FOVEA_RUNTIME_FINDING_H
