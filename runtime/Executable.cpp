#include "runtime/Executable.h"
#include "runtime/ExecutableImpl.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/MathExtras.h"

using namespace fovea;

Executable::Executable(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
Executable::Executable(Executable &&) noexcept = default;
Executable &Executable::operator=(Executable &&) noexcept = default;
Executable::~Executable() = default;

llvm::ArrayRef<EntrySignature> Executable::entries() const { return impl->signatures; }
llvm::ArrayRef<Finding> Executable::report() const { return impl->report; }
llvm::ArrayRef<PhaseTime> Executable::compileTimes() const { return impl->times; }
llvm::ArrayRef<WeightSpec> Executable::weights() const { return impl->weightSpecs; }
unsigned Executable::threads() const { return impl->pool->size(); }

llvm::Expected<CompiledEntry *> Executable::Impl::find(llvm::StringRef name) const {
  if (name.empty() && entries.size() == 1)
    return entries.front().get();
  llvm::StringRef wanted = name.empty() ? "main" : name;
  for (const auto &entry : entries)
    if (entry->signature().name == wanted)
      return entry.get();
  std::string names;
  for (const EntrySignature &signature : signatures)
    names += (names.empty() ? "" : ", ") + signature.name;
  return llvm::createStringError("there is no entry '" + wanted + "'; the entries are " + names);
}

llvm::Expected<const EntrySignature *> Executable::findEntry(llvm::StringRef name) const {
  llvm::Expected<CompiledEntry *> entry = impl->find(name);
  if (!entry)
    return entry.takeError();
  return &(*entry)->signature();
}

int64_t MemoryUse::total() const {
  int64_t sum = 0;
  for (int64_t bytes : {inputs, results, weights, workspace})
    if (llvm::AddOverflow(sum, bytes, sum))
      return std::numeric_limits<int64_t>::max();
  return sum;
}

std::string MemoryUse::str() const {
  return formatBytes(total()) + " (inputs " + formatBytes(inputs) + ", results " +
         formatBytes(results) + ", weights " + formatBytes(weights) + ", workspace " +
         formatBytes(workspace) + ")";
}

llvm::Expected<MemoryUse> Executable::memoryUse(llvm::ArrayRef<NamedView> inputs,
                                                llvm::StringRef entryName) const {
  llvm::Expected<CompiledEntry *> entry = impl->find(entryName);
  if (!entry)
    return entry.takeError();
  std::unique_ptr<RunState> state = (*entry)->takeState();
  llvm::scope_exit giveBack([&] { (*entry)->giveState(std::move(state)); });
  if (llvm::Error error = (*entry)->bindInputs(inputs, *state))
    return std::move(error);
  if (llvm::Error error = (*entry)->inferOutputSizes(*state))
    return std::move(error);
  return (*entry)->measure(*state, *impl);
}

llvm::Expected<int64_t> Executable::workspaceBytes(llvm::ArrayRef<NamedView> inputs,
                                                   llvm::StringRef entryName) const {
  llvm::Expected<MemoryUse> use = memoryUse(inputs, entryName);
  if (!use)
    return use.takeError();
  return use->workspace;
}

/// Copies the outputs that were computed beside the caller's strided views into them.
static llvm::Error unpackOutputs(const EntrySignature &signature, const RunState &state,
                                 llvm::ArrayRef<NamedMutableView> outputs) {
  for (auto [spec, view] : llvm::zip_equal(signature.outputs, state.outputs)) {
    const auto *target = llvm::find_if(
        outputs, [&, &name = spec.name](const auto &output) { return output.first == name; });
    if (target->second.data() != view.data())
      if (llvm::Error error = copyElements(view, target->second))
        return error;
  }
  return llvm::Error::success();
}

llvm::Error Executable::runInto(llvm::ArrayRef<NamedView> inputs,
                                llvm::ArrayRef<NamedMutableView> outputs,
                                llvm::StringRef entryName) const {
  llvm::Expected<CompiledEntry *> entry = impl->find(entryName);
  if (!entry)
    return entry.takeError();
  std::unique_ptr<RunState> state = (*entry)->takeState();
  llvm::scope_exit giveBack([&] { (*entry)->giveState(std::move(state)); });
  if (llvm::Error error = (*entry)->bindInputs(inputs, *state))
    return error;
  if (llvm::Error error = (*entry)->prepare(*state, *impl))
    return error;
  if (llvm::Error error = (*entry)->bindOutputs(outputs, *state))
    return error;
  if (llvm::Error error = (*entry)->call(*state, *impl))
    return error;
  return unpackOutputs((*entry)->signature(), *state, outputs);
}

llvm::Expected<std::map<std::string, Tensor>>
Executable::Impl::run(llvm::ArrayRef<NamedView> inputs, llvm::StringRef entryName,
                      Trace *trace) const {
  llvm::Expected<CompiledEntry *> entry = find(entryName);
  if (!entry)
    return entry.takeError();
  std::unique_ptr<RunState> state = (*entry)->takeState();
  llvm::scope_exit giveBack([&] { (*entry)->giveState(std::move(state)); });
  if (llvm::Error error = (*entry)->bindInputs(inputs, *state))
    return std::move(error);
  if (llvm::Error error = (*entry)->prepare(*state, *this))
    return std::move(error);
  std::map<std::string, Tensor> results;
  std::vector<NamedMutableView> outputs;
  for (auto [spec, sizes] : llvm::zip_equal((*entry)->signature().outputs, state->outputSizes)) {
    llvm::Expected<Tensor> tensor = Tensor::createUninitialized(spec.type, sizes);
    if (!tensor)
      return tensor.takeError();
    Tensor &result = results[spec.name] = std::move(*tensor);
    outputs.emplace_back(spec.name, result.mutableView());
  }
  if (llvm::Error error = (*entry)->bindOutputs(outputs, *state))
    return std::move(error);
  if (llvm::Error error = (*entry)->call(*state, *this, trace))
    return std::move(error);
  return results;
}

llvm::Expected<std::map<std::string, Tensor>> Executable::run(llvm::ArrayRef<NamedView> inputs,
                                                              llvm::StringRef entry) const {
  return impl->run(inputs, entry, nullptr);
}

llvm::Expected<std::map<std::string, Tensor>>
Executable::runTraced(llvm::ArrayRef<NamedView> inputs, Trace &trace, llvm::StringRef entry) const {
  if (!impl->isTraced)
    return llvm::createStringError("the code was compiled without CompileOptions::trace");
  return impl->run(inputs, entry, &trace);
}
