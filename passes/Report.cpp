// Topic and shortfall travel as metadata of the diagnostic: attributes, since handlers of passes
// that run in parallel keep diagnostics for later.
#include "passes/Report.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

void fovea::remark(Operation *op, llvm::StringRef topic, const llvm::Twine &message,
                   Shortfall shortfall) {
  InFlightDiagnostic diagnostic = mlir::emitRemark(op->getLoc());
  diagnostic << "[" << topic << "] " << message.str();
  // No handler of a diagnostic that was dropped.
  if (Diagnostic *underlying = diagnostic.getUnderlyingDiagnostic()) {
    Builder b(op->getContext());
    auto &metadata = underlying->getMetadata();
    metadata.push_back(DiagnosticArgument(Attribute(b.getStringAttr(topic))));
    metadata.push_back(
        DiagnosticArgument(Attribute(b.getI64IntegerAttr(static_cast<int64_t>(shortfall)))));
  }
}

template <typename Attr>
static Attr metadataOf(Diagnostic &diagnostic, unsigned index) {
  auto &metadata = diagnostic.getMetadata();
  if (metadata.size() <= index ||
      metadata[index].getKind() != DiagnosticArgument::DiagnosticArgumentKind::Attribute)
    return {};
  return dyn_cast<Attr>(metadata[index].getAsAttribute());
}

llvm::StringRef fovea::topicOf(Diagnostic &diagnostic) {
  auto topic = metadataOf<StringAttr>(diagnostic, 0);
  return topic ? topic.getValue() : "";
}

fovea::Shortfall fovea::shortfallOf(Diagnostic &diagnostic) {
  auto shortfall = metadataOf<IntegerAttr>(diagnostic, 1);
  return shortfall ? static_cast<Shortfall>(shortfall.getInt()) : Shortfall::None;
}
