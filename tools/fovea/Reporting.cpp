#include "Reporting.h"
#include "runtime/Memory.h"
#include "runtime/inspect/Report.h"

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

void ReportingOptions::declare(CommandLine &line) {
  line.choice("--report", {"text", "json"},
              "print to stderr what was fused and vectorised, what was not and why, and what each "
              "attention skips and saves; json: in one line, for machines",
              report);
  line.repeated("--require", "WHAT",
                "fail where something is not fused or not vectorized (both: fused,vectorized)",
                require);
  line.flag("--explain-memory",
            "print to stderr every buffer as a formula, its lifetime, and the peak", explainMemory);
}

llvm::Expected<Requirements> ReportingOptions::requirements() const {
  Requirements requirements;
  for (StringRef list : require)
    for (StringRef what : llvm::split(list, ',')) {
      if (what == "fused")
        requirements.fused = true;
      else if (what == "vectorized")
        requirements.vectorized = true;
      else
        return llvm::make_error<UsageError>("--require expects fused or vectorized, got '" + what +
                                            "'");
    }
  return requirements;
}

void tool::printReports(const ReportingOptions &options, const CompilationRecord &record,
                        const SymbolSizes &sizes) {
  if (options.report == "text")
    printReport(llvm::errs(), record, sizes);
  if (options.explainMemory)
    printMemory(llvm::errs(), record, sizes);
  if (options.report == "json")
    llvm::errs() << llvm::json::Value(reportToJson(record, sizes)) << "\n";
}

static int64_t sumOf(llvm::ArrayRef<TensorMemory> tensors) {
  int64_t sum = 0;
  for (const TensorMemory &tensor : tensors)
    sum += tensor.bytes.constant().value_or(0);
  return sum;
}

llvm::Error tool::checkPeak(const CompilationRecord &record, StringRef entry,
                            const SymbolSizes &sizes, int64_t maxBytes) {
  for (const MemoryPlan &plan : record.memory(sizes)) {
    std::optional<int64_t> peak = plan.peak.constant();
    if (plan.entry != entry || !peak || *peak <= maxBytes)
      continue;
    MemoryUse use{sumOf(plan.inputs), sumOf(plan.results), sumOf(plan.weights),
                  *plan.workspace.constant()};
    return llvm::createStringError("entry '" + entry + "': a run on inputs of these sizes takes " +
                                   use.str() + ", the limit is " + formatBytes(maxBytes) +
                                   " (--max-bytes); --explain-memory lists the buffers");
  }
  return llvm::Error::success();
}
