// Binding named tensors to an entry function, and calling it.
#include "frontend/Diagnostics.h"
#include "runtime/ExecutableImpl.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/MathExtras.h"

using namespace fovea;
using llvm::Twine;

llvm::Expected<std::unique_ptr<CompiledEntry>> CompiledEntry::load(Jit &jit,
                                                                   EntrySignature signature) {
  std::unique_ptr<CompiledEntry> entry(new CompiledEntry());
  entry->spec = std::move(signature);
  const std::string &name = entry->spec.name;
  auto assign = [](auto &target, auto found) -> llvm::Error {
    if (!found)
      return found.takeError();
    target = *found;
    return llvm::Error::success();
  };
  if (llvm::Error error = assign(entry->runFunction, jit.lookup<Run>(name)))
    return std::move(error);
  if (llvm::Error error =
          assign(entry->workspaceFunction, jit.lookup<WorkspaceSize>(name + "_workspace_size")))
    return std::move(error);
  if (!llvm::all_of(entry->spec.outputs,
                    [](const ArgumentSpec &output) { return output.hasStaticShape(); }))
    if (llvm::Error error =
            assign(entry->shapesFunction, jit.lookup<ResultShapes>(name + "_result_shapes")))
      return std::move(error);
  for (const ArgumentSpec &input : entry->spec.inputs) {
    std::vector<int> &indices = entry->symbolOfDim.emplace_back();
    for (const DimSpec &dim : input.dims) {
      indices.push_back(-1);
      if (dim.symbol.empty())
        continue;
      auto it = llvm::find(entry->symbols, dim.symbol);
      indices.back() = it - entry->symbols.begin();
      if (it == entry->symbols.end())
        entry->symbols.push_back(dim.symbol);
    }
  }
  return entry;
}

llvm::Error CompiledEntry::fail(const Twine &message) const {
  return llvm::createStringError("entry '" + spec.name + "': " + message);
}

/// The index of the only tensor called `name`; -1 if there is none, -2 if there are several.
template <typename Views>
static int findNamed(const Views &views, llvm::StringRef name) {
  int found = -1;
  for (size_t i = 0; i < views.size(); ++i)
    if (views[i].first == name)
      found = found == -1 ? static_cast<int>(i) : -2;
  return found;
}

/// An error unless `views` has each of the names of `specs` once and no other.
template <typename Views>
static llvm::Error checkNames(const Views &views, llvm::ArrayRef<ArgumentSpec> specs,
                              llvm::StringRef kind) {
  for (const ArgumentSpec &spec : specs) {
    int found = findNamed(views, spec.name);
    if (found == -1)
      return llvm::createStringError("missing " + kind + " '" + spec.name + "', " +
                                     spec.describe());
    if (found == -2)
      return llvm::createStringError(kind + " '" + spec.name + "' is given twice");
  }
  if (views.size() == specs.size())
    return llvm::Error::success();
  std::vector<llvm::StringRef> names;
  for (const ArgumentSpec &spec : specs)
    names.push_back(spec.name);
  const auto *unknown = llvm::find_if(
      views, [&](const auto &view) { return !llvm::is_contained(names, view.first); });
  return llvm::createStringError("there is no " + kind + " '" + unknown->first + "'" +
                                 didYouMean(unknown->first, names) + "; expected " +
                                 (names.empty() ? "none" : llvm::join(names, ", ")));
}

static fovea_tensor rowOf(const TensorView &view) {
  return {const_cast<void *>(view.data()), view.sizes().data(), view.strides().data()};
}

llvm::Error CompiledEntry::bindInputs(llvm::ArrayRef<NamedView> inputs, RunState &state) const {
  if (llvm::Error error = checkNames(inputs, spec.inputs, "input"))
    return fail(llvm::toString(std::move(error)));
  state.symbolSizes.assign(symbols.size(), -1);
  state.symbolInputs.assign(symbols.size(), 0);
  for (unsigned i = 0; i < spec.inputs.size(); ++i)
    if (llvm::Error error =
            bindInput(i, inputs[findNamed(inputs, spec.inputs[i].name)].second, state))
      return error;
  if (llvm::Error error = checkConditions(state))
    return error;
  for (unsigned i = 0; i < spec.inputs.size(); ++i)
    state.inputTable[i] = rowOf(state.inputs[i]);
  return llvm::Error::success();
}

llvm::Error CompiledEntry::checkDim(unsigned index, unsigned dim, int64_t size,
                                    RunState &state) const {
  const ArgumentSpec &input = spec.inputs[index];
  const DimSpec &expected = input.dims[dim];
  if (expected.size && *expected.size != size)
    return fail("input '" + input.name + "': dim " + Twine(dim) + " is " + Twine(size) +
                ", expected " + Twine(*expected.size) + " (" + input.describe() + ")");
  int symbol = symbolOfDim[index][dim];
  if (symbol < 0)
    return llvm::Error::success();
  if (state.symbolSizes[symbol] < 0) {
    state.symbolSizes[symbol] = size;
    state.symbolInputs[symbol] = index;
  }
  if (state.symbolSizes[symbol] != size)
    return fail("input '" + input.name + "': dim " + Twine(dim) + " (" + expected.symbol + ") is " +
                Twine(size) + ", but '" + spec.inputs[state.symbolInputs[symbol]].name + "' says " +
                expected.symbol + " = " + Twine(state.symbolSizes[symbol]));
  return llvm::Error::success();
}

llvm::Error CompiledEntry::checkConditions(const RunState &state) const {
  auto sizeOf = [&](llvm::StringRef name) -> std::optional<int64_t> {
    auto symbol = llvm::find(symbols, name);
    if (symbol == symbols.end())
      return std::nullopt;
    return state.symbolSizes[symbol - symbols.begin()];
  };
  for (const SizeCondition &condition : spec.conditions)
    if (llvm::Error error = condition.check(sizeOf))
      return fail(llvm::toString(std::move(error)));
  return llvm::Error::success();
}

/// Sizes of other tensors come from these dims, so they must be bounded even where they cost
/// nothing: beside a dim of 0, or repeated by a stride of 0.
llvm::Error CompiledEntry::checkFits(unsigned index, const TensorView &view) const {
  int64_t bytes = sizeOf(view.dataType());
  for (int64_t size : view.sizes())
    if (llvm::MulOverflow(bytes, size == 0 ? int64_t(1) : size, bytes) || bytes > physicalMemory())
      return fail("input '" + spec.inputs[index].name + "' is " + view.describe() +
                  ": its dims are too large for this machine's " + formatBytes(physicalMemory()) +
                  " of memory");
  return llvm::Error::success();
}

/// True if each byte of a contiguous bool tensor is 0 or 1, which compiled code relies on.
static bool holdsBooleans(const TensorView &view) {
  const auto *bytes = static_cast<const uint8_t *>(view.data());
  uint8_t bits = 0;
  for (int64_t i = 0, count = view.numElements(); i < count; ++i)
    bits |= bytes[i];
  return bits <= 1;
}

llvm::Error CompiledEntry::bindInput(unsigned index, const TensorView &view,
                                     RunState &state) const {
  const ArgumentSpec &input = spec.inputs[index];
  if (llvm::Error error = view.validate())
    return fail("input '" + input.name + "': " + llvm::toString(std::move(error)));
  if (view.dataType() != input.type || view.rank() != static_cast<int64_t>(input.dims.size()))
    return fail("input '" + input.name + "': expected " + input.describe() + ", got " +
                view.describe());
  for (unsigned dim = 0; dim < input.dims.size(); ++dim)
    if (llvm::Error error = checkDim(index, dim, view.size(dim), state))
      return error;
  if (llvm::Error error = checkFits(index, view))
    return error;
  state.inputs[index] = view;
  return llvm::Error::success();
}

llvm::Error CompiledEntry::packInputs(RunState &state) const {
  for (const auto &[i, input] : llvm::enumerate(spec.inputs)) {
    TensorView view = state.inputs[i];
    if (!view.isContiguous()) {
      if (llvm::Error error = state.inputCopies[i].reserve(view.numBytes()))
        return error;
      MutableTensorView copy(state.inputCopies[i].data(), view.dataType(), view.sizes());
      if (llvm::Error error = copyElements(view, copy))
        return error;
      state.inputs[i] = copy;
      state.inputTable[i] = rowOf(state.inputs[i]);
    }
    if (input.type == DataType::Bool && !holdsBooleans(state.inputs[i]))
      return fail("input '" + input.name +
                  "': expected bytes of 0 or 1 in a bool tensor, got others");
  }
  return llvm::Error::success();
}

llvm::Error CompiledEntry::inferOutputSizes(RunState &state) const {
  for (auto [i, output] : llvm::enumerate(spec.outputs))
    for (auto [dim, dimSpec] : llvm::enumerate(output.dims))
      state.outputSizes[i][dim] = dimSpec.size.value_or(-1);
  if (shapesFunction)
    shapesFunction(state.inputTable.data(), state.outputSizePointers.data());
  int64_t total = 0;
  for (auto [i, output] : llvm::enumerate(spec.outputs)) {
    llvm::Expected<int64_t> count = checkedNumElements(output.type, state.outputSizes[i]);
    if (!count)
      return fail("output '" + output.name + "': " + llvm::toString(count.takeError()));
    if (llvm::AddOverflow(total, *count * sizeOf(output.type), total) || total > physicalMemory())
      return fail("output '" + output.name + "' is " + describe(output.type, state.outputSizes[i]) +
                  ": this machine has " + formatBytes(physicalMemory()) + " of memory");
  }
  return llvm::Error::success();
}

llvm::Error CompiledEntry::bindOutputs(llvm::ArrayRef<NamedMutableView> outputs,
                                       RunState &state) const {
  if (llvm::Error error = checkNames(outputs, spec.outputs, "output"))
    return fail(llvm::toString(std::move(error)));
  for (auto [i, output] : llvm::enumerate(spec.outputs)) {
    const MutableTensorView &view = outputs[findNamed(outputs, output.name)].second;
    llvm::ArrayRef<int64_t> sizes = state.outputSizes[i];
    if (llvm::Error error = view.validate())
      return fail("output '" + output.name + "': " + llvm::toString(std::move(error)));
    if (view.dataType() != output.type || view.sizes() != sizes)
      return fail("output '" + output.name + "': expected " + describe(output.type, sizes) +
                  ", got " + view.describe());
    state.outputs[i] = view;
    if (view.isContiguous())
      continue;
    if (llvm::Error error = state.outputCopies[i].reserve(view.numBytes()))
      return error;
    state.outputs[i] = MutableTensorView(state.outputCopies[i].data(), output.type, sizes);
  }
  for (auto [row, view] : llvm::zip_equal(state.outputTable, state.outputs))
    row = {view.data(), view.sizes().data(), view.strides().data()};
  return llvm::Error::success();
}

llvm::Expected<int64_t> CompiledEntry::workspaceFor(const RunState &state, int64_t workers) const {
  int64_t bytes = workspaceFunction(state.inputTable.data(), workers);
  if (bytes < 0)
    return fail("the workspace for inputs of these sizes has more than 2^63 - 1 bytes");
  if (bytes > physicalMemory())
    return fail("the workspace for inputs of these sizes takes " + formatBytes(bytes) +
                ", this machine has " + formatBytes(physicalMemory()) + " of memory");
  return bytes;
}

llvm::Expected<MemoryUse> CompiledEntry::measure(const RunState &state,
                                                 const Executable::Impl &impl) const {
  MemoryUse use;
  use.weights = impl.weightBytes;
  for (const TensorView &input : state.inputs)
    use.inputs += input.numBytes() * (input.isContiguous() ? 1 : 2);
  for (const auto &[output, sizes] : llvm::zip_equal(spec.outputs, state.outputSizes)) {
    llvm::Expected<int64_t> count = checkedNumElements(output.type, sizes);
    if (!count)
      return fail("output '" + output.name + "': " + llvm::toString(count.takeError()));
    use.results += *count * sizeOf(output.type);
  }
  llvm::Expected<int64_t> workspace = workspaceFor(state, impl.pool->size());
  if (!workspace)
    return workspace.takeError();
  use.workspace = *workspace;
  return use;
}

llvm::Error CompiledEntry::prepare(RunState &state, const Executable::Impl &impl) const {
  if (llvm::Error error = inferOutputSizes(state))
    return error;
  if (impl.maxBytes > 0) {
    llvm::Expected<MemoryUse> use = measure(state, impl);
    if (!use)
      return use.takeError();
    if (use->total() > impl.maxBytes)
      return fail("a run on inputs of these sizes takes " + use->str() + ", the limit is " +
                  formatBytes(impl.maxBytes));
  }
  return packInputs(state);
}

llvm::Error CompiledEntry::call(RunState &state, const Executable::Impl &impl, Trace *trace) const {
  int64_t workers = impl.pool->size();
  llvm::Expected<int64_t> bytes = workspaceFor(state, workers);
  if (!bytes)
    return bytes.takeError();
  if (llvm::Error error = state.workspace.reserve(*bytes))
    return fail("workspace: " + llvm::toString(std::move(error)));
  fovea_context context = {impl.weights.data(), state.workspace.data(), workers,
                           workers > 1 ? ThreadPool::run : nullptr, impl.pool.get()};
  std::optional<Tracer> tracer;
  if (trace) {
    tracer.emplace(*impl.pool, impl.kernelOfTask);
    context.parallel_for = Tracer::parallelFor;
    context.pool = &*tracer;
  }
  runFunction(&context, state.inputTable.data(), state.outputTable.data());
  if (trace) {
    *trace = Trace{spec.name, impl.kernels, {}, {}, 0};
    tracer->finish(*trace);
  }
  return llvm::Error::success();
}

std::unique_ptr<RunState> CompiledEntry::takeState() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!idle.empty()) {
      std::unique_ptr<RunState> state = std::move(idle.back());
      idle.pop_back();
      return state;
    }
  }
  auto state = std::make_unique<RunState>();
  size_t numInputs = spec.inputs.size(), numOutputs = spec.outputs.size();
  state->inputs.resize(numInputs);
  state->inputCopies.resize(numInputs);
  state->inputTable.resize(numInputs);
  state->outputs.resize(numOutputs);
  state->outputCopies.resize(numOutputs);
  state->outputTable.resize(numOutputs);
  for (const ArgumentSpec &output : spec.outputs)
    state->outputSizes.emplace_back(output.dims.size());
  for (DimVector &sizes : state->outputSizes)
    state->outputSizePointers.push_back(sizes.data());
  return state;
}

void CompiledEntry::giveState(std::unique_ptr<RunState> state) {
  std::lock_guard<std::mutex> lock(mutex);
  idle.push_back(std::move(state));
}
