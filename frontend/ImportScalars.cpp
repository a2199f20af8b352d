// Run-time scalars: what mask and score functions compute with, and the indices of loops.
#include "frontend/ImporterImpl.h"
#include "frontend/SizeNumbers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

namespace fovea {

using MaybeValue = Importer::MaybeValue;

std::optional<mlir::Value> Importer::toScalar(const Value &value, mlir::Type type,
                                              SourceRange range) {
  mlir::OpBuilder &builder = scalarBuilder();
  mlir::Location loc = locate(range);
  if (auto *number = value.get<double>(); number && !llvm::isa<mlir::FloatType>(type))
    return fail(range, "expected " + formatType(type) + ", got " + value.describe());
  if (auto integer = value.integer(); integer && type.isIntOrIndex() && !value.is<bool>()) {
    unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
    bool fits = width == 1 ? *integer == 0 || *integer == 1 : llvm::isIntN(width, *integer);
    if (!fits)
      return fail(range, value.describe() + " does not fit in " + formatType(type));
    return mlir::arith::ConstantOp::create(builder, loc, builder.getIntegerAttr(type, *integer));
  }
  if (auto number = value.number())
    return buildConstant(builder, loc, *number, type);
  mlir::Value scalar;
  if (auto *run = value.get<ScalarValue>()) {
    scalar = run->value;
  } else if (auto dim = value.dim()) {
    auto size = build(range, [&](GraphBuilder &g) { return g.dimValue(*dim); });
    if (!size)
      return std::nullopt;
    scalar = *size;
  } else if (auto *tensor = value.get<SymbolicTensor>(); tensor && tensor->rank() == 0) {
    // In the type that is asked for, as far as that is wider: f64 scores keep their digits.
    auto wide = type.isF64() ? sizeNumberAs(*tensor, type) : std::nullopt;
    scalar = mlir::tensor::ExtractOp::create(builder, loc, (wide ? *wide : *tensor).value,
                                             mlir::ValueRange());
  } else {
    return fail(range, "expected a scalar, got " + value.describe() +
                           (value.is<SymbolicTensor>() ? "; index it" : ""));
  }
  if (scalar.getType() == type)
    return scalar;
  if (llvm::isa<mlir::FloatType>(scalar.getType()) && !llvm::isa<mlir::FloatType>(type))
    return fail(range, "expected " + formatType(type) + ", got " + value.describe());
  return buildCast(builder, loc, scalar, type);
}

static mlir::Type scalarType(const Value &value) {
  if (auto *scalar = value.get<ScalarValue>())
    return scalar->value.getType();
  if (auto *tensor = value.get<SymbolicTensor>())
    return tensor->elementType();
  return {};
}

// A truth value is a bool: whether 2 allows or masks a key is not for the importer to guess.
std::optional<mlir::Value> Importer::toCondition(const Value &value, SourceRange range) {
  mlir::Type type = scalarBuilder().getI1Type();
  mlir::Type given = scalarType(value);
  bool isNumber = value.number() || value.is<SymbolicDim>();
  if ((given && given != type) || (isNumber && !value.is<bool>()))
    return fail(range, "expected bool, got " + value.describe() + "; compare it");
  return toScalar(value, type, range);
}

// Numbers and sizes adapt to the other operand, indices to integers of data and both to floats.
static mlir::Type commonType(const Value &left, const Value &right, bool wantFloat,
                             mlir::Type regionFloat, mlir::Type index) {
  // Numbers of sizes are f32 where nothing wider is computed.
  auto typeOf = [&](const Value &value) {
    auto *tensor = value.get<SymbolicTensor>();
    return tensor ? typeInRegion(*tensor, regionFloat) : scalarType(value);
  };
  mlir::Type a = typeOf(left), b = typeOf(right);
  for (auto [one, other] : {std::pair(a, b), std::pair(b, a)})
    if (auto wide = llvm::dyn_cast_or_null<mlir::FloatType>(one)) {
      auto also = llvm::dyn_cast_or_null<mlir::FloatType>(other);
      return also && also.getWidth() > wide.getWidth() ? also : wide;
    }
  bool needsFloat = wantFloat || left.is<double>() || right.is<double>();
  if (needsFloat)
    return regionFloat;
  if (!a && !b && left.is<bool>() && right.is<bool>()) // of a choice at run time
    return mlir::IntegerType::get(index.getContext(), 1);
  if (!a || !b)
    return a ? a : (b ? b : index);
  if (a.isIndex() || b.isIndex())
    return index;
  return a.getIntOrFloatBitWidth() >= b.getIntOrFloatBitWidth() ? a : b;
}

std::optional<std::pair<mlir::Value, mlir::Value>>
Importer::unifyScalars(const Value &left, const Value &right, bool wantFloat, SourceRange range) {
  mlir::Type type = commonType(left, right, wantFloat, regionFloat, scalarBuilder().getIndexType());
  auto a = toScalar(left, type, range);
  auto b = a ? toScalar(right, type, range) : std::nullopt;
  if (!a || !b)
    return std::nullopt;
  return std::pair(*a, *b);
}

/// What a loop's index or an integer goes through.
static std::optional<IntegerRange> rangeOf(const Value &value) {
  if (auto *scalar = value.get<ScalarValue>())
    return scalar->range;
  auto number = value.integer();
  return number ? std::optional(IntegerRange{*number, *number}) : std::nullopt;
}

/// The same of what is computed of two: `outer * 4 + inner` and `n - 1` number layers too. Beyond
/// 2^30 nothing is known, so that nothing overflows.
static std::optional<IntegerRange> rangeOf(BinaryKind kind, const Value &left, const Value &right) {
  constexpr int64_t most = int64_t(1) << 30;
  auto a = rangeOf(left), b = rangeOf(right);
  for (const auto &operand : {a, b})
    if (!operand || operand->first < -most || operand->last > most)
      return std::nullopt;
  switch (kind) {
  case BinaryKind::Add:
    return IntegerRange{a->first + b->first, a->last + b->last};
  case BinaryKind::Sub:
    return IntegerRange{a->first - b->last, a->last - b->first};
  case BinaryKind::Mul: {
    auto [first, last] = std::minmax(
        {a->first * b->first, a->first * b->last, a->last * b->first, a->last * b->last});
    return IntegerRange{first, last};
  }
  case BinaryKind::FloorDiv:
    if (b->first != b->last || b->first < 1)
      return std::nullopt;
    return IntegerRange{llvm::divideFloorSigned(a->first, b->first),
                        llvm::divideFloorSigned(a->last, b->first)};
  case BinaryKind::Mod:
    return b->first < 1 ? std::nullopt : std::optional(IntegerRange{0, b->last - 1});
  case BinaryKind::Min:
    return IntegerRange{std::min(a->first, b->first), std::min(a->last, b->last)};
  case BinaryKind::Max:
    return IntegerRange{std::max(a->first, b->first), std::max(a->last, b->last)};
  default:
    return std::nullopt;
  }
}

/// The bits of the constants that an integer is multiplied by, and those of the largest that is
/// added to it.
static unsigned constantBits(mlir::Value value, llvm::DenseMap<mlir::Value, unsigned> &known) {
  llvm::APInt constant;
  if (matchPattern(value, mlir::m_ConstantInt(&constant)))
    return constant.abs().getActiveBits();
  mlir::Operation *op = value.getDefiningOp();
  if (!llvm::isa_and_nonnull<mlir::arith::AddIOp, mlir::arith::SubIOp, mlir::arith::MulIOp>(op))
    return 0;
  if (auto it = known.find(value); it != known.end())
    return it->second;
  unsigned a = constantBits(op->getOperand(0), known), b = constantBits(op->getOperand(1), known);
  return known[value] = llvm::isa<mlir::arith::MulIOp>(op) ? a + b : std::max(a, b);
}

/// Positions and sizes have at most 31 bits: with factors of 32 and addends of 60 sums of products
/// stay within 64, which is what comparisons are solved in.
static bool fitsInteger(BinaryKind kind, mlir::Value result) {
  constexpr unsigned factorBits = 32, addendBits = 60;
  llvm::DenseMap<mlir::Value, unsigned> known;
  bool isProduct = kind == BinaryKind::Mul;
  return (!isProduct && kind != BinaryKind::Add && kind != BinaryKind::Sub) ||
         constantBits(result, known) <= (isProduct ? factorBits : addendBits);
}

MaybeValue Importer::scalarBinary(BinaryKind kind, const Value &left, const Value &right,
                                  SourceRange range) {
  bool wantFloat = kind == BinaryKind::Div || kind == BinaryKind::Pow;
  auto operands = unifyScalars(left, right, wantFloat, range);
  if (!operands)
    return std::nullopt;
  if (llvm::Error error = checkType(kind, operands->first.getType()))
    return report(range, std::move(error)), std::nullopt;
  mlir::Value result =
      buildBinary(scalarBuilder(), locate(range), kind, operands->first, operands->second);
  if (result.getType().isIntOrIndex() && !fitsInteger(kind, result))
    return fail(range, "this may leave 64 bits: a run-time integer is multiplied by numbers below "
                       "2**32 and added to numbers below 2**60");
  return Value(ScalarValue{result, rangeOf(kind, left, right), turnsOfBinary(kind, left, right)});
}

MaybeValue Importer::select(const Value &condition, const Value &then, const Value &otherwise,
                            SourceRange range) {
  auto flag = toCondition(condition, range);
  auto operands = unifyScalars(then, otherwise, /*wantFloat=*/false, range);
  if (!flag || !operands)
    return std::nullopt;
  mlir::Value result = mlir::arith::SelectOp::create(scalarBuilder(), locate(range), *flag,
                                                     operands->first, operands->second);
  return Value(ScalarValue{result, std::nullopt});
}

std::optional<size_t> Importer::countParameters(const Value &function) {
  if (auto *lambda = function.get<LambdaValue>())
    return lambda->lambda->parameters.size();
  if (auto *defined = function.get<FunctionValue>())
    return llvm::count_if(defined->function->parameters,
                          [](const ast::Parameter &p) { return !p.defaultValue; });
  return std::nullopt;
}

/// A score or sink that is a truth value is a mask in the wrong place.
static bool isTruth(const Value &value) {
  auto *scalar = value.get<ScalarValue>();
  return value.is<bool>() || (scalar && scalar->value.getType().isInteger(1));
}

RegionBuilder Importer::makeRegion(const Value &function, SourceRange range,
                                   llvm::ArrayRef<unsigned> passed, mlir::Type resultType,
                                   const IndexBounds &bounds) {
  llvm::SmallVector<unsigned> positions(passed);
  return [=, this](mlir::OpBuilder &builder, mlir::Location,
                   mlir::ValueRange arguments) -> llvm::Expected<mlir::Value> {
    std::vector<LocatedValue> values;
    for (unsigned position : positions)
      values.push_back({"", Value(ScalarValue{arguments[position], std::nullopt}), range});
    auto indices = llvm::make_filter_range(
        arguments, [](mlir::Value argument) { return argument.getType().isIndex(); });
    for (auto [index, bound] : llvm::zip(indices, bounds))
      if (bound)
        indexBounds.try_emplace(index, *bound);
    mlir::OpBuilder *outer = std::exchange(region, &builder);
    mlir::Type outerFloat = regionFloat;
    regionFloat = llvm::isa<mlir::FloatType>(resultType) ? resultType : builder.getF32Type();
    std::optional<mlir::Value> result;
    if (MaybeValue value = call(function, values, range))
      result = resultType.isInteger(1) ? toCondition(*value, range)
               : isTruth(*value) && llvm::isa<mlir::FloatType>(resultType)
                   ? fail(range, "expected a number, got " + value->describe() +
                                     "; choose one, as in `s if c else 0.0`")
                   : toScalar(*value, resultType, range);
    regionFloat = outerFloat;
    region = outer;
    for (mlir::Value argument : arguments)
      indexBounds.erase(argument);
    if (!result)
      return llvm::make_error<ReportedError>();
    return *result;
  };
}

} // namespace fovea
