// The importer's state, shared by its parts. It evaluates a description as an interpreter would,
// except that operations on tensors append to the graph instead of computing. Functions return
// nothing after an error that has been reported.
#ifndef FOVEA_FRONTEND_IMPORTERIMPL_H
#define FOVEA_FRONTEND_IMPORTERIMPL_H

#include "frontend/Diagnostics.h"
#include "frontend/Importer.h"
#include "frontend/Value.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/Support/SaveAndRestore.h"
#include <deque>
#include <set>

namespace fovea {

/// Stands for an error that is in the DiagnosticList already, where a callback must return one.
class ReportedError : public llvm::ErrorInfo<ReportedError> {
public:
  static char ID;
  void log(llvm::raw_ostream &os) const override { os << "reported"; }
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }
};

/// A returned value, or one of a call's arguments, with its place.
struct LocatedValue {
  std::string name; // Empty if it has none.
  Value value;
  SourceRange range;
};

class Importer {
public:
  using MaybeValue = std::optional<Value>;

  /// A function that calls another twice doubles the work: forty such lines would never end. Each
  /// expression is a step, what builds many values at once is as many.
  static constexpr uint64_t maxSteps = 1000000;
  static constexpr uint64_t costOfOp = 10;
  /// Of a sequence that an expression makes.
  static constexpr size_t maxElements = 65536;
  static constexpr size_t maxTextLength = 4096;

  Importer(const ast::Module &module, DiagnosticList &diagnostics, const ImportOptions &options,
           mlir::ModuleOp target);

  /// Imports the entries; false if there were errors.
  bool run();

  // ---- What builtins use -----------------------------------------------------------------------

  GraphBuilder &getGraph() { return graph; }
  mlir::MLIRContext *getContext() { return graph.context(); }
  const ImportOptions &getOptions() const { return options; }
  /// Calls `make`, whose errors are those of the builtin `name`; empty where the user's code runs.
  template <typename F>
  auto inOperation(llvm::StringRef name, F &&make) {
    llvm::SaveAndRestore scope(operation, name);
    return make();
  }

  /// Reports an error, with notes for the calls that led to it.
  std::nullopt_t fail(SourceRange range, const llvm::Twine &message);
  /// The value of `result`, or its error reported at `range`.
  template <typename T>
  std::optional<T> take(SourceRange range, llvm::Expected<T> result) {
    if (result)
      return std::move(*result);
    report(range, result.takeError());
    return std::nullopt;
  }
  /// Calls `make` with ops to be located at `range`.
  template <typename F>
  auto build(SourceRange range, F &&make) {
    using Result = decltype(take(range, make(graph)));
    if (!charge(costOfOp, range))
      return Result();
    graph.setLocation(locate(range));
    return take(range, make(graph));
  }
  mlir::Location locate(SourceRange range) const;
  /// Counts work against the budget of the description. Once that is spent this reports it, and
  /// everything ends.
  bool charge(uint64_t work, SourceRange range);

  /// Calls a function, lambda or builtin.
  MaybeValue call(const Value &callee, llvm::ArrayRef<LocatedValue> arguments, SourceRange range);
  /// How many parameters a function or lambda has; nothing for other values.
  static std::optional<size_t> countParameters(const Value &function);
  /// A region that yields `function` of the region's arguments with the given numbers, as
  /// `resultType`. Index arguments lie in [0, bound) where there is a bound: what reads a tensor
  /// by them needs no clamp. The importer must outlive it.
  using IndexBounds = llvm::SmallVector<std::optional<SymbolicDim>>;
  RegionBuilder makeRegion(const Value &function, SourceRange range,
                           llvm::ArrayRef<unsigned> passed, mlir::Type resultType,
                           const IndexBounds &bounds);

  /// A number, size, run-time scalar or tensor as a tensor; all but tensors take `elementType`.
  std::optional<SymbolicTensor> toTensor(const Value &value, mlir::Type elementType,
                                         SourceRange range);
  /// The element type that tensors, scalars and numbers take beside each other, a float type if
  /// floats are wanted.
  mlir::Type promotedType(llvm::ArrayRef<Value> values, bool wantFloat = false);
  std::optional<SymbolicTensor> convert(const SymbolicTensor &x, mlir::Type type,
                                        SourceRange range);
  /// Gives all one element type; false after an error.
  bool promote(std::vector<SymbolicTensor> &tensors, SourceRange range);
  /// Two values as tensors of one element type.
  std::optional<std::pair<SymbolicTensor, SymbolicTensor>>
  unifyTensors(const Value &left, const Value &right, SourceRange range, bool wantFloat = false);
  /// A number, size, rank-0 tensor or scalar as a scalar of `type`.
  std::optional<mlir::Value> toScalar(const Value &value, mlir::Type type, SourceRange range);
  /// A truth value as an i1. Numbers are an error.
  std::optional<mlir::Value> toCondition(const Value &value, SourceRange range);

  MaybeValue unary(UnaryKind kind, const Value &operand, SourceRange range);
  MaybeValue binary(BinaryKind kind, const Value &left, const Value &right, SourceRange range);
  MaybeValue compare(ast::CompareOp op, const Value &left, const Value &right, SourceRange range);
  MaybeValue select(const Value &condition, const Value &then, const Value &otherwise,
                    SourceRange range);
  /// The elements of a compile-time sequence or range; null after an error.
  std::shared_ptr<const std::vector<Value>> elementsOf(const Value &value, SourceRange range);
  MaybeValue fromJson(const ConfigValue &owner, llvm::StringRef key, const llvm::json::Value &json,
                      SourceRange range);
  MaybeValue configAttribute(const ConfigValue &config, llvm::StringRef key, SourceRange range);

private:
  struct Frame {
    const ast::Function *function;
    SourceRange callSite;
  };
  enum class Flow { Next, Returned };
  /// The body of a function in execution.
  struct Body {
    Scope *scope = nullptr;
    std::vector<LocatedValue> results;
    SourceRange returnRange;
    bool returnsSequence = false; // Of whatever length.
    bool failed = false;
    bool inLoop = false;
  };

  // The set of functions (Importer.cpp, ImportRecursion.cpp).
  bool declare(const ast::Identifier &name);
  bool declareFunctions();
  bool selectFunctions();
  bool checkRecursion();

  // Constants (ImportConstants.cpp).
  void evaluateConstants();
  MaybeValue overrideParam(const ast::Constant &constant, const MaybeValue &value);
  void exportConstant(const ast::Constant &constant, const Value &value);
  bool checkOverrides();

  // Entries (ImportEntries.cpp).
  std::vector<const ast::Function *> findEntries();
  static const ast::Parameter *findUntyped(const ast::Function &function);
  void importEntry(const ast::Function &function);
  bool bindEntryDims(const ast::Function &function, Scope &scope);
  bool bindEntryInputs(const ast::Function &function, Scope *scope);
  bool bindEntryWeight(const ast::Parameter &parameter, Scope *scope);
  std::optional<std::vector<NamedTensor>> nameResults(const Body &body);

  // Types (ImportTypes.cpp).
  static bool isTensorType(const ast::TypeExpr &type);
  mlir::Type resolveElementType(const ast::Identifier &name);
  std::optional<SymbolicShape> evaluateDims(const ast::TypeExpr &type, Scope *scope);
  std::optional<SymbolicDim> evaluateDim(const ast::Expr *expr, Scope *scope);
  bool checkStaticSize(const ast::TypeExpr &type, llvm::ArrayRef<SymbolicDim> shape);
  std::optional<Value> checkKind(const ast::Parameter &parameter, const LocatedValue &argument);
  bool bindDims(const ast::TypeExpr &type, const LocatedValue &argument, Scope &scope);
  bool checkTensor(const ast::TypeExpr &type, const LocatedValue &argument, Scope *scope,
                   llvm::StringRef what);
  bool checkResults(const ast::Function &function, const Body &body);
  MaybeValue loadWeight(const WeightValue &weight, llvm::ArrayRef<SymbolicDim> shape,
                        SourceRange range);
  std::optional<mlir::Type> storedType(const TextValue &name);
  std::optional<WeightValue> namedWeight(const ast::Parameter &parameter, Scope *scope);

  // Calls (ImportCalls.cpp).
  MaybeValue callFunction(const ast::Function &function, llvm::ArrayRef<LocatedValue> arguments,
                          SourceRange range);
  bool matchArguments(const ast::Function &function, llvm::ArrayRef<LocatedValue> arguments,
                      SourceRange range, std::vector<std::optional<LocatedValue>> &matched);
  bool bindParameters(const ast::Function &function,
                      std::vector<std::optional<LocatedValue>> &matched, SourceRange range,
                      Scope *scope);
  MaybeValue callLambda(const LambdaValue &lambda, llvm::ArrayRef<LocatedValue> arguments,
                        SourceRange range);
  MaybeValue callConfigRequire(const ConfigValue &config, llvm::ArrayRef<LocatedValue> arguments,
                               SourceRange range);
  MaybeValue callConfigGet(const ConfigGetValue &get, llvm::ArrayRef<LocatedValue> arguments,
                           SourceRange range);
  std::string describeCycle(const ast::Function &function) const;

  // Statements (ImportStatements.cpp, ImportLoops.cpp).
  Flow execute(ast::Block block, Body &body);
  Flow execute(const ast::Stmt *stmt, Body &body);
  void executeAssign(const ast::AssignStmt &assign, Body &body);
  bool bindTargets(llvm::ArrayRef<ast::Identifier> targets, const Value &value, SourceRange range,
                   Scope &scope);
  bool unpack(llvm::ArrayRef<ast::Identifier> targets, const Value &value, SourceRange range,
              Scope &scope);
  void executeReturn(const ast::ReturnStmt &stmt, Body &body);
  Flow executeFor(const ast::ForStmt &loop, Body &body);
  Flow unrollFor(const ast::ForStmt &loop, llvm::ArrayRef<Value> elements, Body &body);
  void runTimeFor(const ast::ForStmt &loop, const RangeValue &range, Body &body);
  std::optional<std::vector<LocatedValue>> findCarried(ast::Block block, SourceRange range,
                                                       llvm::StringRef what, Scope *scope);
  llvm::Expected<GraphBuilder::Tensors> runCarrying(ast::Block block, llvm::StringRef what,
                                                    Scope *scope,
                                                    llvm::ArrayRef<LocatedValue> carried,
                                                    llvm::ArrayRef<SymbolicTensor> values);
  void setCarried(llvm::ArrayRef<LocatedValue> carried,
                  const std::optional<GraphBuilder::Tensors> &results, Body &body);
  llvm::Expected<GraphBuilder::Tensors> runLoopBody(const ast::ForStmt &loop,
                                                    const RangeValue &range, Body &outer,
                                                    llvm::ArrayRef<LocatedValue> carried,
                                                    mlir::Value index,
                                                    llvm::ArrayRef<SymbolicTensor> values);
  Flow executeIf(const ast::IfStmt &choice, Body &body);
  void runTimeIf(const ast::IfStmt &choice, const Value &condition, Body &body);
  void runTimeBranch(const ast::IfStmt &choice, ast::Block block, mlir::Value condition,
                     Body &body);
  void runTakenTurns(const ast::IfStmt &choice, bool holds, mlir::Value condition,
                     const TurnValues &turns, Body &body);

  // Turns of loops (ImportTurns.cpp).
  static std::shared_ptr<const TurnValues>
  combineTurns(const Value &left, const Value &right,
               llvm::function_ref<std::optional<int64_t>(int64_t, int64_t)> combine);
  static std::shared_ptr<const TurnValues> turnsOfBinary(BinaryKind kind, const Value &left,
                                                         const Value &right);
  static std::shared_ptr<const TurnValues> turnsOfNot(const ScalarValue &condition);
  /// The numbers of a loop's index, all of whose turns reach its body.
  std::shared_ptr<const TurnValues> beginTurns(mlir::Value loop, const RangeValue &range);
  /// Of the turns that get here those in which the condition holds, or does not.
  llvm::BitVector turnsWhere(const TurnValues &condition, bool holds);
  /// A number in a string, with those that it takes.
  LoopIndex loopIndex(const ScalarValue &number);

  // Sizes and assertions (ImportAssertions.cpp).
  /// Whether the size is at least `least` in every run that there may be.
  bool isCertain(const std::optional<SymbolicDim> &size, int64_t least, SourceRange range);
  /// Whether sizes compare so in every run, or in none; nothing if that depends.
  std::optional<bool> compareSizes(ast::CompareOp op, const SymbolicDim &a, const SymbolicDim &b,
                                   SourceRange range);
  MaybeValue assertComparison(ast::CompareOp op, const Value &left, const Value &right,
                              const std::string &text, SourceRange range);
  std::optional<bool> assertTrue(const ast::Expr *expr, const std::string &message, Scope *scope);
  Flow executeAssert(const ast::AssertStmt &stmt, Body &body);

  // Expressions (ImportExpressions.cpp, ImportSubscripts.cpp).
  MaybeValue evaluate(const ast::Expr *expr, Scope *scope);
  MaybeValue evaluateNode(const ast::Expr *expr, Scope *scope);
  MaybeValue evaluateName(const ast::NameExpr &name, Scope *scope);
  const Value *lookup(llvm::StringRef name, const Scope *scope) const;
  MaybeValue lookupGlobal(llvm::StringRef name);
  std::string suggestName(llvm::StringRef name, const Scope *scope) const;
  MaybeValue makeText(std::string text, SourceRange range);
  MaybeValue evaluateFString(const ast::FStringExpr &text, Scope *scope);
  MaybeValue evaluateUnary(const ast::UnaryExpr &expr, Scope *scope);
  MaybeValue evaluateBinary(const ast::BinaryExpr &expr, Scope *scope);
  MaybeValue evaluateCompare(const ast::CompareExpr &expr, Scope *scope);
  MaybeValue evaluateLogical(const ast::LogicalExpr &expr, Scope *scope);
  MaybeValue logical(bool isAnd, const Value &left, const Value &right, SourceRange range);
  MaybeValue evaluateConditional(const ast::ConditionalExpr &expr, Scope *scope);
  MaybeValue evaluateCall(const ast::CallExpr &expr, Scope *scope);
  MaybeValue evaluateAttribute(const ast::AttributeExpr &expr, Scope *scope);
  MaybeValue tensorAttribute(const Value &object, const SymbolicTensor &tensor,
                             const ast::Identifier &attribute, SourceRange range);
  MaybeValue evaluateSequence(llvm::ArrayRef<ast::Expr *> elements, Scope *scope);
  MaybeValue concatenate(const std::vector<Value> &front, const std::vector<Value> &back,
                         SourceRange range);
  MaybeValue evaluateComprehension(const ast::ComprehensionExpr &expr, Scope *scope);
  MaybeValue evaluateSubscript(const ast::SubscriptExpr &expr, Scope *scope);
  MaybeValue subscriptSequence(const Value &object, const ast::SubscriptExpr &expr, Scope *scope);
  MaybeValue subscriptWeight(const WeightValue &weight, const ast::SubscriptExpr &expr,
                             Scope *scope);
  MaybeValue subscriptTensor(const SymbolicTensor &tensor, const ast::SubscriptExpr &expr,
                             Scope *scope);
  MaybeValue extractElement(const SymbolicTensor &tensor, const ast::SubscriptExpr &expr,
                            Scope *scope);
  std::optional<SymbolicTensor> applyIndex(const SymbolicTensor &tensor, int64_t dim,
                                           const Value &index, SourceRange range);
  bool checkIndex(int64_t index, const SymbolicDim &size, SourceRange range);
  MaybeValue listedIndices(const SymbolicDim &size, const Value &list, SourceRange range);
  std::optional<SymbolicTensor> applySlice(const SymbolicTensor &tensor, int64_t dim,
                                           const ast::SliceExpr &slice, Scope *scope);
  std::optional<bool> truth(const Value &value, SourceRange range);

  // Arithmetic (ImportArithmetic.cpp, ImportFolds.cpp, ImportComparison.cpp, ImportScalars.cpp).
  /// Of integers; nothing where the result is none of 64 bits. Divisors are not 0, exponents not
  /// below it.
  static std::optional<int64_t> checkedFold(BinaryKind kind, int64_t left, int64_t right);
  MaybeValue foldInteger(BinaryKind kind, int64_t left, int64_t right, SourceRange range);
  MaybeValue foldFloat(BinaryKind kind, double left, double right, SourceRange range);
  MaybeValue foldDim(BinaryKind kind, const Value &left, const Value &right, SourceRange range);
  MaybeValue tensorBinary(BinaryKind kind, const Value &left, const Value &right,
                          SourceRange range);
  MaybeValue tensorPower(const SymbolicTensor &base, double exponent, SourceRange range);
  MaybeValue scalarBinary(BinaryKind kind, const Value &left, const Value &right,
                          SourceRange range);
  std::optional<std::pair<mlir::Value, mlir::Value>>
  unifyScalars(const Value &left, const Value &right, bool wantFloat, SourceRange range);
  bool usesScalars(const Value &left, const Value &right) const;
  std::optional<bool> compareConstants(ast::CompareOp op, const Value &left, const Value &right,
                                       SourceRange range);
  MaybeValue limitsAttribute(const LimitsValue &limits, const ast::Identifier &attribute);
  mlir::OpBuilder &scalarBuilder() { return region ? *region : graph.opBuilder(); }

  void report(SourceRange range, llvm::Error error);
  Scope *newScope(Scope *parent) { return &scopes.emplace_back(Scope{parent, {}}); }

  const ast::Module &module;
  DiagnosticList &diagnostics;
  const ImportOptions &options;
  mlir::ModuleOp target;
  GraphBuilder graph;
  mlir::Location location; // Of the file.
  std::deque<Scope> scopes;
  Scope *globals = newScope(nullptr);
  llvm::StringMap<SourceRange> definitions; // Where each name is defined.
  llvm::StringMap<const ast::Function *> functions;
  std::vector<const ast::Function *> existing; // Those whose guards hold, as written.
  std::vector<Frame> frames;
  std::set<std::string> reported;
  /// Functions that another function of the file mentions.
  llvm::DenseSet<const ast::Function *> called;
  /// The builtin in execution: errors of what it is made of name it.
  llvm::StringRef operation;
  /// Where scalars are computed while a mask or score function is evaluated.
  mlir::OpBuilder *region = nullptr;
  /// The float type of numbers in that region.
  mlir::Type regionFloat;
  /// Arguments of that region which lie in [0, size).
  llvm::DenseMap<mlir::Value, SymbolicDim> indexBounds;
  /// Of each loop that the statement stands in, by its index, the turns that reach the statement.
  llvm::DenseMap<mlir::Value, llvm::BitVector> reaching;
  size_t depth = 0;
  uint64_t steps = 0;
  bool aborted = false;
};

} // namespace fovea

#endif
