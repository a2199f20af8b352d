// Reports as data.
#include "runtime/inspect/Report.h"
#include "llvm/ADT/STLExtras.h"

using namespace fovea;
namespace json = llvm::json;

json::Value fovea::toJson(const SourcePlace &place) {
  if (!place.isKnown())
    return nullptr;
  return json::Object{{"file", place.file}, {"line", place.line}, {"column", place.column}};
}

json::Value fovea::toJson(const SymbolicDim &size) {
  if (std::optional<int64_t> value = size.constant())
    return *value;
  std::string formula = size.str();
  if (formula.find('?') != std::string::npos) // it depends on data
    return nullptr;
  return formula;
}

static json::Value countsToJson(const BlockCounts &counts) {
  return json::Object{{"full", counts.full},
                      {"partial", counts.partial},
                      {"skipped", counts.skipped},
                      {"pairs", counts.pairs}};
}

static json::Value toJson(const TensorMemory &tensor) {
  return json::Object{
      {"name", tensor.name}, {"type", tensor.type}, {"bytes", toJson(tensor.bytes)}};
}

static json::Value toJson(const MemoryStep &step) {
  return json::Object{
      {"name", step.name}, {"place", toJson(step.place)}, {"runs", toJson(step.runs)}};
}

static json::Value toJson(const BufferMemory &buffer) {
  return json::Object{{"holds", buffer.holds},          {"place", toJson(buffer.place)},
                      {"bytes", toJson(buffer.bytes)},  {"slot", buffer.slot},
                      {"first_step", buffer.firstStep}, {"last_step", buffer.lastStep}};
}

template <typename T>
static json::Value arrayOf(const std::vector<T> &items) {
  json::Array array;
  for (const T &item : items)
    array.push_back(toJson(item));
  return array;
}

static llvm::StringRef nameOf(Shortfall shortfall) {
  switch (shortfall) {
  case Shortfall::None:
    return "";
  case Shortfall::NotFused:
    return "fused";
  case Shortfall::NotVectorized:
    return "vectorized";
  }
  return "";
}

json::Value fovea::toJson(const Finding &finding) {
  json::Object object{
      {"place", toJson(finding.place)}, {"topic", finding.topic}, {"message", finding.message}};
  if (finding.shortfall != Shortfall::None)
    object["not"] = nameOf(finding.shortfall);
  if (!finding.notes.empty())
    object["notes"] = arrayOf(finding.notes);
  return object;
}

json::Value fovea::toJson(const AttentionFacts &facts) {
  json::Object object{{"place", toJson(facts.place)},
                      {"entry", facts.entry},
                      {"batch", toJson(facts.batch)},
                      {"heads", toJson(facts.heads)},
                      {"key_heads", toJson(facts.keyHeads)},
                      {"queries", toJson(facts.queries)},
                      {"keys", toJson(facts.keys)},
                      {"head_dim", toJson(facts.headDim)},
                      {"value_dim", toJson(facts.valueDim)},
                      {"runs", toJson(facts.runs)},
                      {"first_position", toJson(facts.firstPosition)},
                      {"score_function", facts.hasScore},
                      {"gives_weights", facts.givesWeights},
                      {"mask", facts.mask.empty() ? json::Value(nullptr) : facts.mask},
                      {"queries_per_block", facts.queriesPerBlock},
                      {"keys_per_block", facts.keysPerBlock},
                      {"blocks", toJson(facts.totalBlocks)},
                      {"unfused_bytes", toJson(facts.unfusedBytes)},
                      {"unfused_operations", toJson(facts.unfusedOperations)}};
  if (!facts.blockTest.empty())
    object["block_test"] = facts.blockTest;
  if (facts.bounds)
    object["bounds"] = json::Object{{"any_lo", toJson(facts.bounds->anyLo)},
                                    {"all_lo", toJson(facts.bounds->allLo)},
                                    {"all_hi", toJson(facts.bounds->allHi)},
                                    {"any_hi", toJson(facts.bounds->anyHi)}};
  if (facts.counts)
    object["counts"] = countsToJson(*facts.counts);
  else
    object["why_no_counts"] = facts.whyNoCounts;
  if (facts.operations)
    object["operations"] = *facts.operations;
  return object;
}

json::Value fovea::toJson(const MemoryPlan &plan) {
  json::Object object{{"entry", plan.entry},
                      {"inputs", arrayOf(plan.inputs)},
                      {"results", arrayOf(plan.results)},
                      {"weights", arrayOf(plan.weights)},
                      {"steps", arrayOf(plan.steps)},
                      {"buffers", arrayOf(plan.buffers)},
                      {"slots", arrayOf(plan.slots)},
                      {"workspace", toJson(plan.workspace)},
                      {"peak", toJson(plan.peak)}};
  if (plan.busiest)
    object["busiest"] = *plan.busiest;
  return object;
}

json::Object fovea::reportToJson(const CompilationRecord &record, const SymbolSizes &sizes) {
  return json::Object{{"findings", arrayOf(record.findings)},
                      {"attentions", arrayOf(record.attentions(sizes))},
                      {"memory", arrayOf(record.memory(sizes))}};
}
