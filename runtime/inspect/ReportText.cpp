// Reports as text.
#include "runtime/Memory.h"
#include "runtime/inspect/Report.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"

using namespace fovea;

namespace {
/// One attention of the report, as formulas and with the sizes known.
struct Account {
  const AttentionFacts &formula, &facts;
  SymbolicDim memoryFormula, memory; // buffers of the workspace that belong to it
};
} // namespace

/// "4*L = 1024", or the formula alone.
static std::string withValue(const SymbolicDim &formula, const SymbolicDim &value) {
  if (formula == value)
    return formula.str();
  return formula.str() + " = " + value.str();
}

static std::string bytesText(const SymbolicDim &formula, const SymbolicDim &value) {
  std::optional<int64_t> bytes = value.constant();
  if (!bytes)
    return value.str() + " bytes";
  return formula == value ? formatBytes(*bytes) : formula.str() + " = " + formatBytes(*bytes);
}

/// ", 97.1 % less", where both are known and there is less.
static std::string savingText(std::optional<int64_t> before, std::optional<int64_t> after) {
  if (!before || !after || *before <= *after || *before == 0)
    return "";
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format(
      ", %.1f %% less", 100.0 * static_cast<double>(*before - *after) / *before);
  return text;
}

static llvm::raw_ostream &row(llvm::raw_ostream &os, llvm::StringRef name) {
  return os << "  " << llvm::left_justify(name, 12);
}

static void printSizes(llvm::raw_ostream &os, const AttentionFacts &formula,
                       const AttentionFacts &facts) {
  row(os, "sizes") << "batch " << withValue(formula.batch, facts.batch) << ", heads "
                   << withValue(formula.heads, facts.heads);
  if (!(formula.heads == formula.keyHeads))
    os << " on " << withValue(formula.keyHeads, facts.keyHeads) << " of keys";
  os << ", queries " << withValue(formula.queries, facts.queries) << ", keys "
     << withValue(formula.keys, facts.keys) << ", head dim "
     << withValue(formula.headDim, facts.headDim);
  if (!(formula.valueDim == formula.headDim))
    os << ", of values " << withValue(formula.valueDim, facts.valueDim);
  if (!(facts.runs == SymbolicDim(1)))
    os << ", run " << withValue(formula.runs, facts.runs) << " times";
  os << "\n";
}

static bool isOfData(const KeyBounds &bounds) {
  return llvm::any_of(
      llvm::ArrayRef{&bounds.anyLo, &bounds.allLo, &bounds.allHi, &bounds.anyHi},
      [](const SymbolicDim *bound) { return bound->str().find('?') != std::string::npos; });
}

static void printMask(llvm::raw_ostream &os, const AttentionFacts &facts) {
  row(os, "mask") << (facts.mask.empty() ? "none: every key is seen" : facts.mask) << "\n";
  if (facts.mask.empty())
    return;
  if (!facts.blockTest.empty())
    row(os, "test") << facts.blockTest << "\n";
  if (!facts.bounds) {
    row(os, "bounds") << (facts.blockTest.empty()
                              ? "none: the mask bounds no block, so each element is tested\n"
                              : "none of positions: blocks are tested by their data at run time\n");
    return;
  }
  auto range = [](const SymbolicDim &lo, const SymbolicDim &hi) {
    return "[" + lo.str() + ", " + hi.str() + ")";
  };
  row(os, "bounds") << "of queries first..last some see keys "
                    << range(facts.bounds->anyLo, facts.bounds->anyHi) << ", all see "
                    << range(facts.bounds->allLo, facts.bounds->allHi)
                    << ", as far as there are such"
                    << (isOfData(*facts.bounds) ? "; ? depends on data\n" : "\n");
}

static void printBlocks(llvm::raw_ostream &os, const AttentionFacts &facts) {
  row(os, "blocks") << "of " << facts.queriesPerBlock << " queries and " << facts.keysPerBlock
                    << " keys: ";
  if (!facts.counts) {
    os << facts.totalBlocks.str() << " in all; not counted by kind: " << facts.whyNoCounts << "\n";
    return;
  }
  const BlockCounts &counts = *facts.counts;
  os << counts.full << " full, " << counts.partial << " partial, " << counts.skipped
     << " skipped of " << counts.total() << "\n";
}

static void printAccount(llvm::raw_ostream &os, const Account &account) {
  const auto &[formula, facts, memoryFormula, memory] = account;
  row(os, "memory") << "separate ops: " << bytesText(formula.unfusedBytes, facts.unfusedBytes)
                    << "; the kernel: " << bytesText(memoryFormula, memory)
                    << savingText(facts.unfusedBytes.constant(), memory.constant()) << "\n";
  row(os, "operations") << "separate ops: "
                        << withValue(formula.unfusedOperations, facts.unfusedOperations);
  if (facts.operations)
    os << "; the kernel: " << *facts.operations
       << savingText(facts.unfusedOperations.constant(), facts.operations);
  os << "\n";
}

/// The bytes of the workspace that were allocated at the place of an attention.
static SymbolicDim memoryOf(const AttentionFacts &facts, llvm::ArrayRef<MemoryPlan> plans) {
  SizeFormulas sum;
  SymbolicDim bytes;
  for (const MemoryPlan &plan : plans)
    for (const BufferMemory &buffer : plan.buffers)
      if (plan.entry == facts.entry && buffer.place == facts.place)
        bytes = sum.add(bytes, buffer.bytes);
  return bytes;
}

void fovea::printReport(llvm::raw_ostream &os, const CompilationRecord &record,
                        const SymbolSizes &sizes) {
  for (const Finding &finding : record.findings)
    os << finding.str() << "\n";
  std::vector<AttentionFacts> formulas = record.attentions({}), all = record.attentions(sizes);
  std::vector<MemoryPlan> memoryFormulas = record.memory({}), memory = record.memory(sizes);
  for (const auto &[formula, facts] : llvm::zip_equal(formulas, all)) {
    os << facts.place.str() << (facts.place.isKnown() ? ": " : "")
       << "attention in one kernel, of '" << facts.entry << "'\n";
    printSizes(os, formula, facts);
    printMask(os, formula);
    printBlocks(os, facts);
    printAccount(os, {formula, facts, memoryOf(formula, memoryFormulas), memoryOf(facts, memory)});
  }
  for (const Finding &finding : record.findings)
    if (finding.shortfall == Shortfall::NotFused)
      os << finding.place.str() << (finding.place.isKnown() ? ": " : "")
         << "attention in several kernels: " << finding.message << "\n";
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

static void printTensors(llvm::raw_ostream &os, llvm::StringRef title,
                         llvm::ArrayRef<TensorMemory> formulas,
                         llvm::ArrayRef<TensorMemory> values) {
  if (formulas.empty())
    return;
  os << title << "\n";
  for (const auto &[formula, value] : llvm::zip_equal(formulas, values))
    os << "  " << formula.name << ": " << formula.type << ": "
       << bytesText(formula.bytes, value.bytes) << "\n";
}

static std::string stepText(const MemoryPlan &plan, unsigned step) {
  if (plan.steps.empty())
    return "?";
  return std::to_string(step) + " " + plan.steps[step].name;
}

static void printBuffers(llvm::raw_ostream &os, const MemoryPlan &formulas,
                         const MemoryPlan &values) {
  os << "workspace: " << formulas.buffers.size() << " buffers in " << formulas.slots.size()
     << " slots\n";
  for (const auto &[formula, value] : llvm::zip_equal(formulas.buffers, values.buffers)) {
    os << "  slot " << formula.slot << ": " << formula.holds << ": "
       << bytesText(formula.bytes, value.bytes) << "; ";
    if (formula.firstStep == formula.lastStep)
      os << "during " << stepText(formulas, formula.firstStep);
    else
      os << "from " << stepText(formulas, formula.firstStep) << " to "
         << stepText(formulas, formula.lastStep);
    if (formula.place.isKnown())
      os << " (" << formula.place.str() << ")";
    os << "\n";
  }
}

void fovea::printMemory(llvm::raw_ostream &os, const CompilationRecord &record,
                        const SymbolSizes &sizes) {
  std::vector<MemoryPlan> formulas = record.memory({}), values = record.memory(sizes);
  if (formulas.empty())
    os << "memory: not planned, for the compilation ended before the phase vector\n";
  for (const auto &[formula, value] : llvm::zip_equal(formulas, values)) {
    os << "memory of '" << formula.entry << "'\n";
    printTensors(os, "inputs", formula.inputs, value.inputs);
    printTensors(os, "results", formula.results, value.results);
    printTensors(os, "weights", formula.weights, value.weights);
    printBuffers(os, formula, value);
    os << "  in all " << bytesText(formula.workspace, value.workspace);
    if (value.busiest)
      os << ", of which at most " << formatBytes(*value.busiest) << " in use at a time";
    os << "\npeak: " << bytesText(formula.peak, value.peak) << "\n";
  }
}
