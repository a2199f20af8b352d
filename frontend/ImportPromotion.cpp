// Which element type operands of several take, PyTorch's: floats come before integers, and these
// before booleans. Among those of one kind tensors with dims decide, then scalars, then numbers.
#include "frontend/ImporterImpl.h"
#include "frontend/SizeNumbers.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace fovea {

using MaybeValue = Importer::MaybeValue;

static bool isFloat(mlir::Type type) { return llvm::isa<mlir::FloatType>(type); }

/// The type that holds what both do; of f16 and bf16 neither does.
static mlir::Type widerType(mlir::Type a, mlir::Type b) {
  if (a == b)
    return a;
  if (isFloat(a) != isFloat(b))
    return isFloat(a) ? a : b;
  unsigned width = a.getIntOrFloatBitWidth(), other = b.getIntOrFloatBitWidth();
  if (width == other)
    return mlir::Float32Type::get(a.getContext());
  return width > other ? a : b;
}

/// That of operands of which `first` come before `second`; either may be null.
static mlir::Type combine(mlir::Type first, mlir::Type second) {
  if (!first || !second)
    return first ? first : second;
  bool isHigherKind =
      !isFloat(first) && (isFloat(second) || (first.isInteger(1) && !second.isInteger(1)));
  return isHigherKind ? second : first;
}

/// That of a number, size or run-time scalar; null for any other value.
static mlir::Type numberType(const Value &value, mlir::MLIRContext *context) {
  auto integer = [&](unsigned width) { return mlir::IntegerType::get(context, width); };
  if (value.is<bool>())
    return integer(1);
  if (value.is<double>())
    return mlir::Float32Type::get(context);
  if (auto *scalar = value.get<ScalarValue>(); scalar && !scalar->value.getType().isIndex())
    return scalar->value.getType();
  return value.dim() || value.is<ScalarValue>() ? integer(64) : mlir::IntegerType();
}

mlir::Type Importer::promotedType(llvm::ArrayRef<Value> values, bool wantFloat) {
  mlir::Type types[3]; // of tensors with dims, scalars, numbers
  for (const Value &value : values) {
    auto *tensor = value.get<SymbolicTensor>();
    mlir::Type type = tensor ? tensor->elementType() : numberType(value, getContext());
    // Numbers of sizes, such as `D ** 0.5`, are numbers.
    size_t level = !tensor || isSizeNumber(*tensor) ? 2 : tensor->rank() == 0 ? 1 : 0;
    if (type)
      types[level] = types[level] ? widerType(types[level], type) : type;
  }
  mlir::Type type = combine(combine(types[0], types[1]), types[2]);
  return type && (isFloat(type) || !wantFloat) ? type : mlir::Float32Type::get(getContext());
}

std::optional<SymbolicTensor> Importer::convert(const SymbolicTensor &x, mlir::Type type,
                                                SourceRange range) {
  if (x.elementType() == type)
    return x;
  if (auto number = sizeNumberAs(x, type))
    return number;
  if (isSizeNumber(x) && type.isF64())
    return fail(range, "a number of sizes that was rounded to f32 is combined with f64; convert "
                       "it, as in x.to(f64)");
  return build(range, [&](GraphBuilder &g) { return g.cast(x, type); });
}

std::optional<SymbolicTensor> Importer::toTensor(const Value &value, mlir::Type elementType,
                                                 SourceRange range) {
  if (auto *tensor = value.get<SymbolicTensor>())
    return *tensor;
  if (value.is<double>() && !isFloat(elementType))
    return fail(range, value.describe() + " is combined with " + formatType(elementType) +
                           "; convert one of them, as in x.to(f32)");
  auto integer = value.integer();
  if (integer && !value.is<bool>() && llvm::isa<mlir::IntegerType>(elementType))
    return build(range, [&](GraphBuilder &g) { return g.integerScalar(*integer, elementType); });
  if (auto number = value.number())
    return build(range, [&](GraphBuilder &g) { return g.scalar(*number, elementType); });
  std::optional<SymbolicTensor> scalar;
  if (auto dim = value.dim())
    scalar = build(range, [&](GraphBuilder &g) { return g.dimScalar(*dim); });
  else if (auto *run = value.get<ScalarValue>(); run && run->value.getType().isIndex())
    scalar = build(range, [&](GraphBuilder &g) { return g.fromIndex(run->value); });
  else if (run)
    scalar = SymbolicTensor{mlir::tensor::FromElementsOp::create(
                                graph.opBuilder(), locate(range),
                                mlir::RankedTensorType::get({}, run->value.getType()), run->value),
                            {}};
  else
    return fail(range, "expected a tensor or a number, got " + value.describe());
  return scalar ? convert(*scalar, elementType, range) : std::nullopt;
}

std::optional<std::pair<SymbolicTensor, SymbolicTensor>>
Importer::unifyTensors(const Value &left, const Value &right, SourceRange range, bool wantFloat) {
  mlir::Type type = promotedType({left, right}, wantFloat);
  auto as = [&](const Value &value) {
    auto tensor = toTensor(value, type, range);
    return tensor ? convert(*tensor, type, range) : std::nullopt;
  };
  auto a = as(left);
  auto b = a ? as(right) : std::nullopt;
  if (!a || !b)
    return std::nullopt;
  return std::pair(*a, *b);
}

bool Importer::promote(std::vector<SymbolicTensor> &tensors, SourceRange range) {
  mlir::Type type = promotedType(std::vector<Value>(tensors.begin(), tensors.end()));
  for (SymbolicTensor &tensor : tensors) {
    auto converted = convert(tensor, type, range);
    if (!converted)
      return false;
    tensor = *converted;
  }
  return true;
}

} // namespace fovea
