// Elementwise operations on scalar SSA values: the bodies of the elementwise ops of GraphBuilder,
// and what mask and score functions compute with. Values are floats, signless integers read as
// signed, booleans (`i1`) or `index`.
#ifndef FOVEA_FRONTEND_SCALAROPS_H
#define FOVEA_FRONTEND_SCALAROPS_H

#include "mlir/IR/Builders.h"
#include "llvm/Support/Error.h"

namespace fovea {

enum class UnaryKind {
  Abs,
  Neg,
  Exp,
  Log,
  Sqrt,
  Rsqrt,
  Sin,
  Cos,
  Tanh,
  Sigmoid,
  Erf,
  Relu,
  Silu,
  Softplus,
  Gelu,
  GeluTanh,
  Floor,
  Ceil,
  LogicalNot
};
enum class BinaryKind { Add, Sub, Mul, Div, FloorDiv, Mod, Pow, Min, Max, And, Or };
enum class CompareKind { Eq, Ne, Lt, Le, Gt, Ge };

/// The operation's name in descriptions and messages: `gelu_tanh`, `floordiv`, `lt`.
llvm::StringRef stringify(UnaryKind kind);
llvm::StringRef stringify(BinaryKind kind);
llvm::StringRef stringify(CompareKind kind);

/// How descriptions write it: `+`, `//`, `max`.
llvm::StringRef spell(BinaryKind kind);

/// `f32`, `i64`, `bool`.
std::string formatType(mlir::Type type);

/// How descriptions write a number: `3.0`, `1e-05`, `-inf`. It reads back as the same.
std::string formatNumber(double value);

/// Whether the operation is defined on values of `type`; the error says what it takes.
llvm::Error checkType(UnaryKind kind, mlir::Type type);
llvm::Error checkType(BinaryKind kind, mlir::Type type);

/// The operation on values whose type passes `checkType`. What is no single instruction is
/// computed in f32 for f16 and bf16. Integer FloorDiv and Mod round as Python does; integer Pow
/// keeps the low bits, and is 0 for negative exponents, but for those of 1 and -1.
mlir::Value buildUnary(mlir::OpBuilder &builder, mlir::Location loc, UnaryKind kind, mlir::Value x);
mlir::Value buildBinary(mlir::OpBuilder &builder, mlir::Location loc, BinaryKind kind,
                        mlir::Value a, mlir::Value b);
/// Floats compare ordered, so NaN is unequal to everything.
mlir::Value buildCompare(mlir::OpBuilder &builder, mlir::Location loc, CompareKind kind,
                         mlir::Value a, mlir::Value b);
/// Float to integer truncates towards zero; anything to `i1` is `!= 0`.
mlir::Value buildCast(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value x, mlir::Type type);

/// The `index` value that is closest to `index` among those of dim `dim` of `tensor`: an index from
/// data must not read beside the tensor.
mlir::Value clampIndex(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value index,
                       mlir::Value tensor, int64_t dim);
/// The same, where an index below 0 counts from the end of the dim.
mlir::Value wrapIndex(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value index,
                      mlir::Value tensor, int64_t dim);
/// A constant of a float, integer, boolean or index type, rounded to it.
mlir::Value buildConstant(mlir::OpBuilder &builder, mlir::Location loc, double value,
                          mlir::Type type);
/// The attribute of such a constant.
mlir::TypedAttr constantAttr(double value, mlir::Type type);

/// The type that reductions and scores of `type` are computed in: f32 for f16 and bf16.
mlir::Type accumulatorType(mlir::Type type);

} // namespace fovea

#endif // FOVEA_FRONTEND_SCALAROPS_H
