// Loops, and branches as loops of one step or none.
#include "frontend/GraphBuilder.h"
#include "frontend/GraphBuilderDetail.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

static llvm::Error checkCarried(ArrayRef<SymbolicTensor> init, ArrayRef<SymbolicTensor> next) {
  if (init.size() != next.size())
    return makeError("for: expected " + Twine(init.size()) + " carried tensors, got " +
                     Twine(next.size()));
  for (auto [index, pair] : llvm::enumerate(llvm::zip_equal(init, next))) {
    const auto &[before, after] = pair;
    if (before.elementType() != after.elementType() || before.shape != after.shape)
      return makeError("for: carried tensor " + Twine(index) + " starts as " + before.str() +
                       " but becomes " + after.str());
  }
  return llvm::Error::success();
}

Expected<GraphBuilder::Tensors>
GraphBuilder::forLoop(const SymbolicDim &count, ArrayRef<SymbolicTensor> init, LoopBody body) {
  Expected<Value> upper = dimValue(count);
  if (!upper)
    return upper.takeError();
  return loopTo(*upper, init, [&](Value index, ArrayRef<SymbolicTensor> carried) {
    loopCounts.insert({index, count});
    return body(index, carried);
  });
}

Expected<GraphBuilder::Tensors>
GraphBuilder::ifTrue(Value condition, ArrayRef<SymbolicTensor> init,
                     llvm::function_ref<Expected<Tensors>(ArrayRef<SymbolicTensor>)> body) {
  Value steps = arith::ExtUIOp::create(ir, currentLoc, ir.getI64Type(), condition);
  Value upper = arith::IndexCastOp::create(ir, currentLoc, ir.getIndexType(), steps);
  return loopTo(upper, init,
                [&](Value, ArrayRef<SymbolicTensor> carried) { return body(carried); });
}

Expected<GraphBuilder::Tensors> GraphBuilder::loopTo(Value upper, ArrayRef<SymbolicTensor> init,
                                                     LoopBody body) {
  if (init.empty())
    return makeError("for: expected at least one carried tensor, got none");
  auto values = llvm::map_to_vector(init, [](const SymbolicTensor &x) { return x.value; });
  auto loop = scf::ForOp::create(ir, currentLoc, constantIndex(0), upper, constantIndex(1), values);
  OpBuilder::InsertionGuard guard(ir);
  ir.setInsertionPointToStart(loop.getBody());
  Tensors carried;
  for (auto [argument, tensor] : llvm::zip_equal(loop.getRegionIterArgs(), init))
    carried.push_back({argument, tensor.shape});
  Expected<Tensors> next = body(loop.getInductionVar(), carried);
  llvm::Error error = next ? checkCarried(init, *next) : next.takeError();
  if (error) {
    sharedTables.clear(); // They may be inside the loop.
    loop.erase();
    return error;
  }
  auto results = llvm::map_to_vector(*next, [](const SymbolicTensor &x) { return x.value; });
  scf::YieldOp::create(ir, currentLoc, results);
  for (auto [result, tensor] : llvm::zip_equal(loop.getResults(), carried))
    tensor.value = result;
  return carried;
}
