#include "Inputs.h"
#include "frontend/Npy.h"
#include "frontend/Safetensors.h"
#include "passes/Entries.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;

llvm::Expected<NamedTensors> tool::readInputs(StringRef path, const EntrySignature &entry) {
  NamedTensors inputs;
  if (path.ends_with(".npy")) {
    if (entry.inputs.size() != 1)
      return llvm::createStringError(path + ": a .npy file holds one tensor, but entry '" +
                                     entry.name + "' has " + llvm::Twine(entry.inputs.size()) +
                                     " inputs");
    llvm::Expected<Tensor> tensor = readNpy(path);
    if (!tensor)
      return tensor.takeError();
    inputs.emplace_back(entry.inputs.front().name, std::move(*tensor));
    return inputs;
  }
  auto file = SafetensorsFile::open(path);
  if (!file)
    return file.takeError();
  for (const ArgumentSpec &input : entry.inputs) {
    std::optional<TensorView> view = (*file)->find(input.name);
    if (!view)
      return llvm::createStringError(path + ": there is no tensor '" + input.name +
                                     "'; the file has " + llvm::join((*file)->names(), ", "));
    llvm::Expected<Tensor> tensor = Tensor::copyOf(*view);
    if (!tensor)
      return tensor.takeError();
    inputs.emplace_back(input.name, std::move(*tensor));
  }
  return inputs;
}

llvm::Expected<std::shared_ptr<const WeightSource>>
tool::chooseWeights(StringRef path, StringRef modelPath, const Model &model,
                    const EntrySignature &entry, int64_t seed) {
  mlir::OwningOpRef<mlir::ModuleOp> module(model.graph.module().clone());
  keepEntry(*module, entry.name);
  if (!hasWeights(*module))
    return nullptr;
  auto weights = findWeights(path, modelPath);
  if (!weights || *weights)
    return weights;
  llvm::errs() << "note: no --weights: the weights are random numbers of seed " << seed << "\n";
  return makeRandomWeights(*module, seed);
}

std::vector<TensorView> tool::viewsOf(const NamedTensors &tensors) {
  std::vector<TensorView> views;
  for (const auto &[name, tensor] : tensors)
    views.push_back(tensor);
  return views;
}
