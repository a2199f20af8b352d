#include "Results.h"
#include "CommandLine.h"
#include "frontend/FileIO.h"
#include "frontend/Npy.h"
#include "frontend/Safetensors.h"

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

static bool isNpy(StringRef path) { return path.ends_with(".npy"); }

llvm::Error tool::checkResultsFile(StringRef path) {
  if (!isNpy(path) && !path.ends_with(".safetensors") && !isWrittenInPlace(path))
    return usageError("--output expects a file that ends in .safetensors or .npy, got '" + path +
                      "'");
  return checkWritable(path);
}

llvm::Error tool::checkResultsFit(StringRef path, const EntrySignature &entry) {
  if (!isNpy(path))
    return llvm::Error::success();
  if (entry.outputs.size() != 1)
    return llvm::createStringError(path + ": a .npy file holds one tensor, but entry '" +
                                   entry.name + "' has " + llvm::Twine(entry.outputs.size()) +
                                   " results");
  return checkNpyType(path, entry.outputs.front().type);
}

llvm::Error tool::writeResults(StringRef path, const NamedTensors &results) {
  if (isNpy(path))
    return writeNpy(path, results.front().second);
  std::vector<NamedTensorView> views(results.begin(), results.end());
  return writeSafetensors(path, views);
}
