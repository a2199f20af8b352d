#include "runtime/Finding.h"
#include "llvm/ADT/Twine.h"

using namespace fovea;

std::string SourcePlace::str() const {
  if (!isKnown())
    return "";
  return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

SourcePlace fovea::placeOf(mlir::Location loc) {
  mlir::FileLineColLoc found;
  loc->walk([&](mlir::Location inner) {
    found = llvm::dyn_cast<mlir::FileLineColLoc>(inner);
    return found ? mlir::WalkResult::interrupt() : mlir::WalkResult::advance();
  });
  if (!found)
    return {};
  return {found.getFilename().str(), found.getLine(), found.getColumn()};
}

static Finding::Severity severityOf(mlir::DiagnosticSeverity severity) {
  switch (severity) {
  case mlir::DiagnosticSeverity::Error:
    return Finding::Severity::Error;
  case mlir::DiagnosticSeverity::Warning:
    return Finding::Severity::Warning;
  case mlir::DiagnosticSeverity::Remark:
    return Finding::Severity::Remark;
  case mlir::DiagnosticSeverity::Note:
    return Finding::Severity::Note;
  }
  return Finding::Severity::Note;
}

Finding Finding::of(mlir::Diagnostic &diagnostic) {
  Finding finding;
  finding.place = placeOf(diagnostic.getLocation());
  finding.severity = severityOf(diagnostic.getSeverity());
  finding.topic = topicOf(diagnostic).str();
  finding.shortfall = shortfallOf(diagnostic);
  finding.message = diagnostic.str();
  llvm::StringRef message = finding.message;
  if (!finding.topic.empty() && message.consume_front("[" + finding.topic + "] "))
    finding.message = message.str();
  for (mlir::Diagnostic &note : diagnostic.getNotes())
    finding.notes.push_back(of(note));
  return finding;
}

static llvm::StringRef describe(Finding::Severity severity) {
  switch (severity) {
  case Finding::Severity::Error:
    return "error";
  case Finding::Severity::Warning:
    return "warning";
  case Finding::Severity::Remark:
    return "remark";
  case Finding::Severity::Note:
    return "note";
  }
  return "";
}

std::string Finding::str() const {
  std::string text = place.str();
  text += (text.empty() ? "" : ": ") + describe(severity).str() + ": ";
  text += (topic.empty() ? "" : "[" + topic + "] ") + message;
  for (const Finding &note : notes)
    text += "\n" + note.str();
  return text;
}

llvm::StringRef Requirements::brokenBy(const Finding &finding) const {
  if (fused && finding.shortfall == Shortfall::NotFused)
    return "fused";
  if (vectorized && finding.shortfall == Shortfall::NotVectorized)
    return "vectorized";
  return "";
}
