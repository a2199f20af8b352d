// Softmax, its logarithm, and the logarithm of sums of exponentials.
#include "dialect/AttnOps.h"
#include "frontend/GraphBuilderDetail.h"

using namespace mlir;
using namespace fovea;
using namespace fovea::graph;
using llvm::Expected;

GraphBuilder::TensorOrError GraphBuilder::softmax(const SymbolicTensor &x, int64_t dim) {
  if (llvm::Error error = checkFloat("softmax", "the input", x))
    return error;
  Expected<int64_t> normalized = normalizeDim("softmax", dim, x.rank());
  Expected<Value> init =
      normalized ? emptyTensor(x.shape, x.elementType()) : normalized.takeError();
  if (!init)
    return init.takeError();
  auto op = attn::SoftmaxOp::create(ir, currentLoc, init->getType(), x.value, *init,
                                    static_cast<uint64_t>(*normalized));
  return SymbolicTensor{op.getResult(0), x.shape};
}

// A row of infinities is shifted by nothing: its sum is then 0 or infinite, not NaN.
Expected<std::pair<SymbolicTensor, SymbolicTensor>>
GraphBuilder::shiftedLogSum(const SymbolicTensor &x, int64_t dim) {
  TensorOrError largest = reduce(ReduceKind::Max, x, dim, /*keepDims=*/true);
  TensorOrError zero = largest ? scalar(0, x.elementType()) : largest.takeError();
  if (!zero)
    return zero.takeError();
  TensorOrError none = sub(*largest, *largest); // NaN of infinities
  TensorOrError isFinite = none ? compare(CompareKind::Eq, *none, *zero) : none.takeError();
  TensorOrError shift = isFinite ? where(*isFinite, *largest, *zero) : isFinite.takeError();
  TensorOrError shifted = shift ? sub(x, *shift) : shift.takeError();
  TensorOrError powers = shifted ? unary(UnaryKind::Exp, *shifted) : shifted.takeError();
  TensorOrError sum =
      powers ? reduce(ReduceKind::Sum, *powers, dim, /*keepDims=*/true) : powers.takeError();
  TensorOrError logarithm = sum ? unary(UnaryKind::Log, *sum) : sum.takeError();
  if (!logarithm)
    return logarithm.takeError();
  return std::pair(*shift, *logarithm);
}

GraphBuilder::TensorOrError GraphBuilder::logSoftmax(const SymbolicTensor &x, int64_t dim) {
  llvm::Error error = checkFloat("log_softmax", "the input", x);
  Expected<int64_t> position =
      error ? std::move(error) : normalizeDim("log_softmax", dim, x.rank());
  TensorOrError wide = position ? cast(x, accumulatorType(x.elementType())) : position.takeError();
  if (!wide)
    return wide;
  auto parts = shiftedLogSum(*wide, *position);
  TensorOrError shifted = parts ? sub(*wide, parts->first) : parts.takeError();
  TensorOrError result = shifted ? sub(*shifted, parts->second) : shifted.takeError();
  return result ? cast(*result, x.elementType()) : std::move(result);
}

GraphBuilder::TensorOrError GraphBuilder::logSumExp(const SymbolicTensor &x, int64_t dim,
                                                    bool keepDims) {
  llvm::Error error = checkFloat("logsumexp", "the input", x);
  Expected<int64_t> position = error ? std::move(error) : normalizeDim("logsumexp", dim, x.rank());
  TensorOrError wide = position ? cast(x, accumulatorType(x.elementType())) : position.takeError();
  if (!wide)
    return wide;
  auto parts = shiftedLogSum(*wide, *position);
  TensorOrError sum = parts ? add(parts->first, parts->second) : parts.takeError();
  TensorOrError narrow = sum ? cast(*sum, x.elementType()) : std::move(sum);
  return narrow && !keepDims ? squeeze(*narrow, *position) : std::move(narrow);
}
