#include "runtime/inspect/IrText.h"
#include "mlir/IR/AsmState.h"

using namespace fovea;
using namespace mlir;

IrText fovea::describeIr(ModuleOp module) {
  AsmState::LocationMap starts; // line and column of each op, from 1
  AsmState state(module, OpPrintingFlags(), &starts);
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os, state);

  IrText ir;
  llvm::SmallVector<StringRef> lines;
  StringRef(text).split(lines, '\n');
  ir.numLines = lines.size();
  lines.truncate(std::min(lines.size(), IrText::maxLines));
  for (StringRef line : lines)
    ir.lines.push_back(line.size() <= IrText::maxColumns
                           ? line.str()
                           : (line.take_front(IrText::maxColumns) + " ...").str());
  ir.places.resize(lines.size());
  for (const auto &[op, start] : starts)
    if (start.first >= 1 && start.first <= ir.places.size())
      if (SourcePlace place = placeOf(op->getLoc()); place.isKnown())
        ir.places[start.first - 1] = std::move(place);
  return ir;
}
