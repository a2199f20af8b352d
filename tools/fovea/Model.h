// What the subcommands share: opening MODEL with its `--set` values, picking the entry, finding
// the weights.
#ifndef FOVEA_TOOLS_FOVEA_MODEL_H
#define FOVEA_TOOLS_FOVEA_MODEL_H

#include "frontend/Graph.h"
#include "frontend/WeightSource.h"
#include "runtime/Signature.h"
#include <map>

namespace fovea::tool {

using DimSizes = std::map<std::string, int64_t>;

struct Model {
  Graph graph;
  std::vector<EntrySignature> entries;
  /// Sizes that `--set` gave to symbolic dims, for inputs that are made here.
  DimSizes dims;

  /// The entry of that name, or the first if it is empty; if there are more then a note says
  /// which one is taken, for what `activity`.
  llvm::Expected<const EntrySignature *> findEntry(llvm::StringRef name,
                                                   llvm::StringRef activity) const;
};

/// Opens a `.fov` file, an `.mlir` file or a model directory. Each of `assignments` is
/// "NAME=VALUE", for a parameter of the description or a symbolic dim. A description reads its
/// configuration from `modelDirectory`, by default from its own folder.
llvm::Expected<Model> openModel(llvm::StringRef path, llvm::ArrayRef<std::string> assignments,
                                llvm::StringRef modelDirectory = "");

/// `weights` if it is a directory, so that a description finds the configuration that goes with
/// its weights; else nothing.
std::string modelDirectoryOf(llvm::StringRef weights);

/// The weights at `path`; if that is empty those of the model directory `modelPath`; if that is
/// no directory, null.
llvm::Expected<std::shared_ptr<const WeightSource>> findWeights(llvm::StringRef path,
                                                                llvm::StringRef modelPath);

} // namespace fovea::tool

#endif // FOVEA_TOOLS_FOVEA_MODEL_H
