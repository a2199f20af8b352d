// Builtins that rearrange tensors, take parts of them or join them.
#include "frontend/Builtins.h"

namespace fovea {

using MaybeValue = std::optional<Value>;

static std::optional<size_t> wrapDim(BuiltinCall &call, llvm::StringRef parameter,
                                     int64_t otherwise, int64_t rank) {
  int64_t dim = call.integer(parameter, otherwise);
  if (dim < -rank || dim >= rank)
    return call.fail(parameter, "dim " + llvm::Twine(dim) + " is outside a tensor of " +
                                    llvm::Twine(rank) + " dims");
  return static_cast<size_t>(dim < 0 ? dim + rank : dim);
}

static MaybeValue size(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  if (call.hasFailed())
    return std::nullopt;
  auto dim = wrapDim(call, "dim", 0, x.rank());
  return dim ? MaybeValue(Value(x.shape[*dim])) : std::nullopt;
}

static MaybeValue reshape(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  SymbolicShape shape = call.shape();
  return call.build([&](GraphBuilder &g) { return g.reshape(x, shape); });
}

static MaybeValue flatten(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  if (call.hasFailed())
    return std::nullopt;
  auto first = wrapDim(call, "start_dim", 0, x.rank());
  auto last = wrapDim(call, "end_dim", -1, x.rank());
  if (!first || !last)
    return std::nullopt;
  if (*first > *last)
    return call.fail("start_dim", "'start_dim' lies after 'end_dim'");
  auto product = call.importer.take(
      call.range, numElements(llvm::ArrayRef(x.shape).slice(*first, *last - *first + 1)));
  if (!product)
    return std::nullopt;
  SymbolicShape shape(x.shape.begin(), x.shape.begin() + *first);
  shape.push_back(*product);
  shape.append(x.shape.begin() + *last + 1, x.shape.end());
  return call.build([&](GraphBuilder &g) { return g.reshape(x, shape); });
}

static MaybeValue unflatten(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  SymbolicShape sizes = call.shape("sizes");
  auto dim = call.hasFailed() ? std::nullopt : wrapDim(call, "dim", 0, x.rank());
  if (!dim)
    return std::nullopt;
  SymbolicShape shape(x.shape.begin(), x.shape.begin() + *dim);
  shape.append(sizes);
  shape.append(x.shape.begin() + *dim + 1, x.shape.end());
  return call.build([&](GraphBuilder &g) { return g.reshape(x, shape); });
}

static MaybeValue permute(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  llvm::SmallVector<int64_t> dims = call.integers("");
  return call.build([&](GraphBuilder &g) { return g.permute(x, dims); });
}

static MaybeValue transpose(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  int64_t dim0 = call.integer("dim0"), dim1 = call.integer("dim1");
  return call.build([&](GraphBuilder &g) { return g.transpose(x, dim0, dim1); });
}

static MaybeValue unsqueeze(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  int64_t dim = call.integer("dim");
  return call.build([&](GraphBuilder &g) { return g.unsqueeze(x, dim); });
}

static MaybeValue squeeze(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  int64_t dim = call.integer("dim");
  return call.build([&](GraphBuilder &g) { return g.squeeze(x, dim); });
}

static MaybeValue broadcastTo(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  SymbolicShape shape = call.shape();
  // -1 keeps a dim.
  for (size_t n = 1; n <= shape.size() && n <= x.shape.size(); ++n)
    if (SymbolicDim &dim = shape[shape.size() - n]; dim.constant() == -1)
      dim = x.shape[x.shape.size() - n];
  return call.build([&](GraphBuilder &g) { return g.broadcastTo(x, shape); });
}

static MaybeValue splitHeads(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  SymbolicDim heads = call.dim("heads");
  return call.build([&](GraphBuilder &g) { return g.splitHeads(x, heads); });
}

static MaybeValue mergeHeads(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  return call.build([&](GraphBuilder &g) { return g.mergeHeads(x); });
}

static MaybeValue concat(BuiltinCall &call) {
  std::vector<SymbolicTensor> tensors = call.tensors("tensors");
  int64_t dim = call.integer("dim");
  if (call.hasFailed() || !call.importer.promote(tensors, call.range))
    return std::nullopt;
  return call.build([&](GraphBuilder &g) { return g.concat(tensors, dim); });
}

static MaybeValue stack(BuiltinCall &call) {
  std::vector<SymbolicTensor> tensors = call.tensors("tensors");
  int64_t dim = call.integer("dim");
  if (call.hasFailed() || !call.importer.promote(tensors, call.range))
    return std::nullopt;
  return call.build([&](GraphBuilder &g) { return g.stack(tensors, dim); });
}

// Parts of the given sizes, one after another along `dim`.
static MaybeValue cut(BuiltinCall &call, const SymbolicTensor &x, size_t dim,
                      llvm::ArrayRef<SymbolicDim> sizes) {
  std::vector<Value> parts;
  SymbolicDim begin = 0;
  for (const SymbolicDim &size : sizes) {
    auto end = call.importer.take(call.range, begin.plus(size));
    if (!end)
      return std::nullopt;
    auto part = call.build(
        [&](GraphBuilder &g) { return g.slice(x, static_cast<int64_t>(dim), begin, *end); });
    if (!part)
      return std::nullopt;
    parts.push_back(std::move(*part));
    begin = *end;
  }
  if (begin != x.shape[dim])
    return call.fail("sizes",
                     "the parts make " + begin.str() + ", the dim is " + x.shape[dim].str());
  return Value(std::move(parts));
}

static MaybeValue split(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  SymbolicShape sizes = call.shape("sizes");
  auto dim = call.hasFailed() ? std::nullopt : wrapDim(call, "dim", -1, x.rank());
  return dim ? cut(call, x, *dim, sizes) : std::nullopt;
}

static MaybeValue chunk(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  int64_t chunks = call.integer("chunks");
  auto dim = call.hasFailed() ? std::nullopt : wrapDim(call, "dim", -1, x.rank());
  if (!dim)
    return std::nullopt;
  static constexpr int64_t maxChunks = 4096;
  if (chunks < 1 || chunks > maxChunks)
    return call.fail("chunks", "expected 1 to " + llvm::Twine(maxChunks) + " chunks, got " +
                                   llvm::Twine(chunks));
  auto size = x.shape[*dim].exactQuotient(chunks);
  if (!size)
    return call.fail("chunks", "a dim of " + x.shape[*dim].str() + " does not divide into " +
                                   llvm::Twine(chunks) + " equal chunks");
  return cut(call, x, *dim, SymbolicShape(chunks, *size));
}

static MaybeValue dynamicSlice(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  int64_t dim = call.integer("dim");
  auto begin = call.scalar("begin", call.importer.getGraph().opBuilder().getI64Type());
  SymbolicDim size = call.dim("size");
  return call.build([&](GraphBuilder &g) { return g.dynamicSlice(x, dim, *begin, size); });
}

static MaybeValue update(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x"), part = call.tensor("value");
  auto at = call.scalar("at", call.importer.getGraph().opBuilder().getI64Type());
  int64_t dim = call.integer("dim", 0);
  return call.build([&](GraphBuilder &g) { return g.dynamicUpdate(x, dim, *at, part); });
}

// PyTorch's order: a pair for the last dim, then for the one before it, and so on.
static MaybeValue pad(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  SymbolicShape amounts = call.shape("padding");
  double value = call.number("value");
  if (call.hasFailed())
    return std::nullopt;
  if (amounts.size() % 2 || amounts.size() > 2 * x.shape.size())
    return call.fail("padding", "expected pairs (before, after) for at most " +
                                    llvm::Twine(x.rank()) + " dims, got " +
                                    llvm::Twine(amounts.size()) + " numbers");
  return call.build([&](GraphBuilder &g) -> GraphBuilder::TensorOrError {
    SymbolicTensor result = x;
    for (size_t i = 0; i < amounts.size(); i += 2) {
      if (amounts[i].constant() == 0 && amounts[i + 1].constant() == 0)
        continue;
      auto padded = g.pad(result, x.rank() - 1 - static_cast<int64_t>(i / 2), amounts[i],
                          amounts[i + 1], value);
      if (!padded)
        return padded;
      result = *padded;
    }
    return result;
  });
}

static MaybeValue unfold(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  int64_t dim = call.integer("dim"), size = call.integer("size"), step = call.integer("step", 1);
  return call.build([&](GraphBuilder &g) { return g.unfold(x, dim, size, step); });
}

template <TriangleKind kind>
static MaybeValue triangle(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  int64_t diagonal = call.integer("diagonal", 0);
  return call.build([&](GraphBuilder &g) { return g.triangle(kind, x, diagonal); });
}

// Tensors have no layout here; what PyTorch needs stays as it is.
static MaybeValue contiguous(BuiltinCall &call) { return call.value("x"); }

llvm::ArrayRef<Builtin> getShapeBuiltins() {
  static const Builtin table[] = {
      {"size", "x, dim", size},
      {"reshape", "x, *shape", reshape},
      {"view", "x, *shape", reshape},
      {"flatten", "x, start_dim=, end_dim=", flatten},
      {"unflatten", "x, dim, sizes", unflatten},
      {"permute", "x, *dims", permute},
      {"transpose", "x, dim0, dim1", transpose},
      {"unsqueeze", "x, dim", unsqueeze},
      {"squeeze", "x, dim", squeeze},
      {"broadcast_to", "x, *shape", broadcastTo},
      {"expand", "x, *shape", broadcastTo},
      {"split_heads", "x, heads", splitHeads},
      {"merge_heads", "x", mergeHeads},
      {"cat", "tensors, dim=", concat, false},
      {"stack", "tensors, dim=", stack, false},
      {"split", "x, sizes, dim=", split},
      {"chunk", "x, chunks, dim=", chunk},
      {"dynamic_slice", "x, dim, begin, size", dynamicSlice},
      {"update", "x, at, value, dim=", update},
      {"pad", "x, padding, value=", pad},
      {"unfold", "x, dim, size, step=", unfold},
      {"tril", "x, diagonal=", triangle<TriangleKind::Lower>},
      {"triu", "x, diagonal=", triangle<TriangleKind::Upper>},
      {"contiguous", "x", contiguous},
  };
  return table;
}

} // namespace fovea
