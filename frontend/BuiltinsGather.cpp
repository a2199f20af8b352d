// Builtins that take elements by index, in another order or several times, and running sums.
#include "frontend/Builtins.h"

namespace fovea {

using MaybeValue = std::optional<Value>;

static MaybeValue indexSelect(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x"), indices = call.tensor("index");
  int64_t dim = call.integer("dim");
  if (!call.hasFailed() && indices.rank() != 1)
    return call.fail("index", "expected a tensor of rank 1, got " + indices.str());
  return call.build([&](GraphBuilder &g) { return g.indexSelect(x, dim, indices); });
}

static MaybeValue gather(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x"), indices = call.tensor("index");
  int64_t dim = call.integer("dim");
  return call.build([&](GraphBuilder &g) { return g.gather(x, dim, indices); });
}

static MaybeValue flip(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  llvm::SmallVector<int64_t> dims = call.integers("");
  if (!call.hasFailed() && dims.empty())
    return call.fail("", "'flip' needs a dim");
  return call.build([&](GraphBuilder &g) { return g.flip(x, dims); });
}

static MaybeValue roll(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  SymbolicShape shifts = call.shape("shifts");
  llvm::SmallVector<int64_t> dims = call.integers("dims");
  if (!call.hasFailed() && static_cast<int64_t>(dims.size()) > x.rank())
    return call.fail("dims", "expected at most " + llvm::Twine(x.rank()) + " dims, got " +
                                 llvm::Twine(dims.size()));
  if (!call.hasFailed() && shifts.size() != dims.size())
    return call.fail("shifts", "expected as many shifts as dims, got " +
                                   llvm::Twine(shifts.size()) + " and " + llvm::Twine(dims.size()));
  return call.build([&](GraphBuilder &g) -> GraphBuilder::TensorOrError {
    SymbolicTensor result = x;
    for (auto [shift, dim] : llvm::zip_equal(shifts, dims)) {
      auto rolled = g.roll(result, dim, shift);
      if (!rolled)
        return rolled;
      result = *rolled;
    }
    return result;
  });
}

static MaybeValue repeatInterleave(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  SymbolicDim count = call.dim("repeats");
  int64_t dim = call.integer("dim");
  return call.build([&](GraphBuilder &g) { return g.repeatInterleave(x, dim, count); });
}

static MaybeValue repeat(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  SymbolicShape counts = call.shape();
  return call.build([&](GraphBuilder &g) { return g.tile(x, counts); });
}

static MaybeValue cumsum(BuiltinCall &call) {
  SymbolicTensor x = call.tensor("x");
  int64_t dim = call.integer("dim");
  return call.build([&](GraphBuilder &g) { return g.cumulativeSum(x, dim); });
}

llvm::ArrayRef<Builtin> getGatherBuiltins() {
  static const Builtin table[] = {
      {"index_select", "x, dim, index", indexSelect},
      {"gather", "x, dim, index", gather},
      {"flip", "x, *dims", flip},
      {"roll", "x, shifts, dims", roll},
      {"repeat_interleave", "x, repeats, dim", repeatInterleave},
      {"repeat", "x, *counts", repeat},
      {"cumsum", "x, dim", cumsum},
  };
  return table;
}

} // namespace fovea
