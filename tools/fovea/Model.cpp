// Opening models for the subcommands.
#include "Model.h"
#include "CommandLine.h"
#include "frontend/Importer.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

static std::vector<std::string> namesOf(llvm::ArrayRef<EntrySignature> entries) {
  std::vector<std::string> names;
  for (const EntrySignature &entry : entries)
    names.push_back(entry.name);
  return names;
}

llvm::Expected<const EntrySignature *> Model::findEntry(StringRef name, StringRef activity) const {
  if (name.empty() && entries.size() > 1)
    llvm::errs() << "note: " << activity << " '" << entries.front().name << "', the first of "
                 << entries.size() << " entries; --entry chooses\n";
  if (name.empty())
    return &entries.front();
  for (const EntrySignature &entry : entries)
    if (entry.name == name)
      return &entry;
  std::vector<std::string> names = namesOf(entries);
  std::optional<std::string> nearest = findNearest(name, names);
  return llvm::createStringError(
      "there is no entry '" + name + "'; " +
      (nearest ? "did you mean '" + *nearest + "'?" : "the model has " + llvm::join(names, ", ")));
}

/// True if some input of some entry has a dim of that name.
static bool isDim(llvm::ArrayRef<EntrySignature> entries, StringRef name) {
  for (const EntrySignature &entry : entries)
    for (const ArgumentSpec &input : entry.inputs)
      for (const DimSpec &dim : input.dims)
        if (dim.symbol == name)
          return true;
  return false;
}

/// "NAME=VALUE" of each; a usage error for one name with two values.
static llvm::Expected<std::map<std::string, std::string>>
readAssignments(llvm::ArrayRef<std::string> assignments) {
  std::map<std::string, std::string> values;
  for (const std::string &assignment : assignments) {
    auto split = splitAssignment(assignment);
    if (!split)
      return split.takeError();
    auto [known, isNew] = values.insert(*split);
    if (!isNew && known->second != split->second)
      return usageError("--set " + split->first + " was given twice, as '" + known->second +
                        "' and '" + split->second + "'");
  }
  return values;
}

llvm::Expected<Model> tool::openModel(StringRef path, llvm::ArrayRef<std::string> assignments,
                                      StringRef modelDirectory) {
  auto values = readAssignments(assignments);
  if (!values)
    return values.takeError();
  Params params;
  DimSizes dims;
  for (const auto &[name, text] : *values) {
    params.emplace_back(name, parseParamValue(text));
    if (const int64_t *size = std::get_if<int64_t>(&params.back().second))
      dims[name] = *size;
  }
  // MLIR has no parameters: there a name can only be that of a dim.
  bool isMlir = path.ends_with(".mlir");
  llvm::Expected<Graph> graph = Graph::fromFile(path, isMlir ? Params() : params, modelDirectory);
  if (!graph)
    return graph.takeError();
  auto entries = readSignatures(graph->module());
  if (!entries)
    return llvm::createStringError(path + ": " + llvm::toString(entries.takeError()));
  for (const auto &[name, text] : *values) {
    if (isMlir && !isDim(*entries, name))
      return llvm::createStringError("--set " + name + ": no input has a dim of that name");
    if (isMlir && !dims.count(name))
      return usageError("--set " + name + " expects a number of elements, got '" + text + "'");
  }
  return Model{std::move(*graph), std::move(*entries), std::move(dims)};
}

llvm::Expected<std::shared_ptr<const WeightSource>> tool::findWeights(StringRef path,
                                                                      StringRef modelPath) {
  if (!path.empty())
    return openWeights(path);
  if (llvm::sys::fs::is_directory(modelPath))
    return openWeights(modelPath);
  return nullptr;
}

std::string tool::modelDirectoryOf(StringRef weights) {
  return llvm::sys::fs::is_directory(weights) ? weights.str() : "";
}
