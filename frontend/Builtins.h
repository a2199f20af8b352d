// The functions that a description may call without defining them: operations on tensors, and
// compile-time helpers. Each has a signature that calls are checked against, and a handler.
#ifndef FOVEA_FRONTEND_BUILTINS_H
#define FOVEA_FRONTEND_BUILTINS_H

#include "frontend/ImporterImpl.h"

namespace fovea {

/// One call of a builtin. The accessors convert the argument of a parameter; one that does not
/// convert is reported, the accessor then gives a default, and `build` does nothing.
class BuiltinCall {
public:
  BuiltinCall(Importer &importer, const Builtin &builtin, SourceRange range)
      : importer(importer), builtin(builtin), range(range) {}

  /// Assigns arguments to the parameters of the signature; false if they do not fit.
  bool match(llvm::ArrayRef<LocatedValue> given);

  /// Whether an argument other than None was given.
  bool has(llvm::StringRef parameter) const;
  /// The argument, None if there is none.
  Value value(llvm::StringRef parameter) const;
  SourceRange rangeOf(llvm::StringRef parameter) const;
  /// All arguments of the variadic parameter; those of a single sequence are its elements.
  std::vector<LocatedValue> rest() const;

  SymbolicTensor tensor(llvm::StringRef parameter);
  std::optional<SymbolicTensor> optionalTensor(llvm::StringRef parameter);
  std::vector<SymbolicTensor> tensors(llvm::StringRef parameter);
  /// A rank-0 tensor of `type` from a number, a size, a loop's index or a tensor.
  std::optional<SymbolicTensor> scalar(llvm::StringRef parameter, mlir::Type type);
  int64_t integer(llvm::StringRef parameter, int64_t otherwise = 0);
  double number(llvm::StringRef parameter, double otherwise = 0);
  bool flag(llvm::StringRef parameter, bool otherwise = false);
  std::string text(llvm::StringRef parameter, llvm::StringRef otherwise = "");
  mlir::Type elementType(llvm::StringRef parameter, llvm::StringRef otherwise = "f32");
  SymbolicDim dim(llvm::StringRef parameter, const SymbolicDim &otherwise = 0);
  /// One integer or a sequence of them.
  llvm::SmallVector<int64_t> integers(llvm::StringRef parameter);
  /// A sequence of sizes, or the variadic arguments if `parameter` is empty.
  SymbolicShape shape(llvm::StringRef parameter = "");

  /// What `make` builds, as the call's value.
  template <typename F>
  std::optional<Value> build(F &&make) {
    if (failed)
      return std::nullopt;
    auto tensor = importer.build(range, std::forward<F>(make));
    return tensor ? std::optional<Value>(*tensor) : std::nullopt;
  }
  std::nullopt_t fail(llvm::StringRef parameter, const llvm::Twine &message);
  /// Reports "expected WHAT for 'PARAMETER', got VALUE".
  std::nullopt_t failExpected(llvm::StringRef parameter, llvm::StringRef what);
  bool hasFailed() const { return failed; }

  Importer &importer;
  const Builtin &builtin;
  const SourceRange range;

private:
  const LocatedValue *find(llvm::StringRef parameter) const;
  int64_t toInteger(llvm::StringRef parameter, const LocatedValue &argument);
  SymbolicDim toDim(const LocatedValue &argument);

  std::vector<LocatedValue> arguments; // `name` is the parameter's.
  std::vector<LocatedValue> variadic;
  bool failed = false;
};

struct Builtin {
  llvm::StringLiteral name;
  /// Parameters in order: `x` is required, `dim=` optional, `*shape` takes all that is left.
  llvm::StringLiteral signature;
  std::optional<Value> (*handler)(BuiltinCall &);
  /// Whether `x.name(...)` means `name(x, ...)`.
  bool isMethod = true;
};

/// The tables, one a source file.
llvm::ArrayRef<Builtin> getCompileTimeBuiltins();
llvm::ArrayRef<Builtin> getElementwiseBuiltins();
llvm::ArrayRef<Builtin> getReductionBuiltins();
llvm::ArrayRef<Builtin> getShapeBuiltins();
llvm::ArrayRef<Builtin> getGatherBuiltins();
llvm::ArrayRef<Builtin> getConstantBuiltins();
llvm::ArrayRef<Builtin> getAttentionBuiltins();

const Builtin *findBuiltin(llvm::StringRef name);
/// `inf`, `pi`.
std::optional<Value> builtinConstant(llvm::StringRef name);
void appendBuiltinNames(std::vector<llvm::StringRef> &names);
void appendMethodNames(std::vector<llvm::StringRef> &names);
std::optional<Value> callBuiltin(Importer &importer, const Builtin &builtin,
                                 llvm::ArrayRef<LocatedValue> arguments, SourceRange range);

} // namespace fovea

#endif
