// The syntax tree of a description file. Nodes live in the arena of their `Module` and refer to
// each other by plain pointers; nothing is freed one by one, so that a deep tree costs no
// recursion to destroy. The grammar is in docs/language.md.
#ifndef FOVEA_FRONTEND_AST_H
#define FOVEA_FRONTEND_AST_H

#include "frontend/SourceFile.h"
#include "frontend/Token.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Allocator.h"
#include "llvm/Support/Casting.h"

namespace fovea::ast {

/// A name and where it stands.
struct Identifier {
  llvm::StringRef name;
  SourceRange range;
};

//===-- Expressions -------------------------------------------------------------------------===//

struct Expr {
  enum class Kind : uint8_t {
    Integer,
    Float,
    String,
    FString,
    Bool,
    None,
    Ellipsis,
    Name,
    Unary,
    Binary,
    Compare,
    Logical,
    Conditional,
    Lambda,
    Call,
    Attribute,
    Subscript,
    Slice,
    Tuple,
    List,
    Comprehension,
  };

  Kind kind;
  /// Levels of nodes from here to the deepest leaf; the parser bounds it.
  uint16_t height = 1;
  SourceRange range;

protected:
  Expr(Kind kind, SourceRange range) : kind(kind), range(range) {}
};

/// Gives a node class its kind and llvm::isa support.
template <Expr::Kind K>
struct ExprOf : Expr {
  explicit ExprOf(SourceRange range) : Expr(K, range) {}
  static bool classof(const Expr *expr) { return expr->kind == K; }
};

struct IntegerExpr : ExprOf<Expr::Kind::Integer> {
  using ExprOf::ExprOf;
  int64_t value = 0;
};

struct FloatExpr : ExprOf<Expr::Kind::Float> {
  using ExprOf::ExprOf;
  double value = 0;
};

struct StringExpr : ExprOf<Expr::Kind::String> {
  using ExprOf::ExprOf;
  llvm::StringRef value;
};

/// `f"a{x}b"`: texts and values in turn, beginning and ending with a text.
struct FStringExpr : ExprOf<Expr::Kind::FString> {
  using ExprOf::ExprOf;
  llvm::ArrayRef<llvm::StringRef> texts;
  llvm::ArrayRef<Expr *> values;
};

struct BoolExpr : ExprOf<Expr::Kind::Bool> {
  using ExprOf::ExprOf;
  bool value = false;
};

struct NoneExpr : ExprOf<Expr::Kind::None> {
  using ExprOf::ExprOf;
};

struct EllipsisExpr : ExprOf<Expr::Kind::Ellipsis> {
  using ExprOf::ExprOf;
};

struct NameExpr : ExprOf<Expr::Kind::Name> {
  using ExprOf::ExprOf;
  llvm::StringRef name;
};

/// `-x`, `+x`, `~x`, `not x`.
struct UnaryExpr : ExprOf<Expr::Kind::Unary> {
  using ExprOf::ExprOf;
  TokenKind op = TokenKind::Minus;
  Expr *operand = nullptr;
};

/// Arithmetic, bitwise and matrix operators.
struct BinaryExpr : ExprOf<Expr::Kind::Binary> {
  using ExprOf::ExprOf;
  TokenKind op = TokenKind::Plus;
  SourceRange opRange;
  Expr *left = nullptr;
  Expr *right = nullptr;
};

enum class CompareOp : uint8_t {
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  In,
  NotIn,
  Is,
  IsNot,
};

/// How an operator is written.
llvm::StringRef spell(CompareOp op);

/// `a < b <= c`: operands are one more than operators.
struct CompareExpr : ExprOf<Expr::Kind::Compare> {
  using ExprOf::ExprOf;
  llvm::ArrayRef<Expr *> operands;
  llvm::ArrayRef<CompareOp> ops;
};

/// `and`, `or`.
struct LogicalExpr : ExprOf<Expr::Kind::Logical> {
  using ExprOf::ExprOf;
  TokenKind op = TokenKind::KwAnd;
  Expr *left = nullptr;
  Expr *right = nullptr;
};

/// `then if condition else otherwise`.
struct ConditionalExpr : ExprOf<Expr::Kind::Conditional> {
  using ExprOf::ExprOf;
  Expr *condition = nullptr;
  Expr *then = nullptr;
  Expr *otherwise = nullptr;
};

struct LambdaExpr : ExprOf<Expr::Kind::Lambda> {
  using ExprOf::ExprOf;
  llvm::ArrayRef<Identifier> parameters;
  Expr *body = nullptr;
};

/// An argument of a call; `name` is empty for a positional one.
struct Argument {
  Identifier name;
  Expr *value = nullptr;
};

struct CallExpr : ExprOf<Expr::Kind::Call> {
  using ExprOf::ExprOf;
  Expr *callee = nullptr;
  llvm::ArrayRef<Argument> arguments;
};

struct AttributeExpr : ExprOf<Expr::Kind::Attribute> {
  using ExprOf::ExprOf;
  Expr *object = nullptr;
  Identifier attribute;
};

/// `x[i, ..., a:b]`; the indices of a tuple are listed.
struct SubscriptExpr : ExprOf<Expr::Kind::Subscript> {
  using ExprOf::ExprOf;
  Expr *object = nullptr;
  llvm::ArrayRef<Expr *> indices;
};

/// `begin:end:step` in a subscript; absent parts are null.
struct SliceExpr : ExprOf<Expr::Kind::Slice> {
  using ExprOf::ExprOf;
  Expr *begin = nullptr;
  Expr *end = nullptr;
  Expr *step = nullptr;
};

struct TupleExpr : ExprOf<Expr::Kind::Tuple> {
  using ExprOf::ExprOf;
  llvm::ArrayRef<Expr *> elements;
};

struct ListExpr : ExprOf<Expr::Kind::List> {
  using ExprOf::ExprOf;
  llvm::ArrayRef<Expr *> elements;
};

/// `[element for targets in sequence if condition]`; condition may be null.
struct ComprehensionExpr : ExprOf<Expr::Kind::Comprehension> {
  using ExprOf::ExprOf;
  Expr *element = nullptr;
  llvm::ArrayRef<Identifier> targets;
  Expr *sequence = nullptr;
  Expr *condition = nullptr;
};

//===-- Types -------------------------------------------------------------------------------===//

/// `f32[B, L]`, `i64`, `weight("name")[f16][E, E]`, or the name of a kind of compile-time value.
struct TypeExpr {
  SourceRange range;
  bool isWeight = false;
  /// The element type; empty for a weight of the default type.
  Identifier element;
  /// The tensor's name in the weight files; null where the parameter's own name is meant.
  Expr *weightName = nullptr;
  bool hasDims = false;
  llvm::ArrayRef<Expr *> dims;
};

//===-- Statements --------------------------------------------------------------------------===//

struct Stmt {
  enum class Kind : uint8_t { Assign, Return, For, If, Assert, Expression, Pass };

  Kind kind;
  SourceRange range;

protected:
  Stmt(Kind kind, SourceRange range) : kind(kind), range(range) {}
};

template <Stmt::Kind K>
struct StmtOf : Stmt {
  explicit StmtOf(SourceRange range) : Stmt(K, range) {}
  static bool classof(const Stmt *stmt) { return stmt->kind == K; }
};

using Block = llvm::ArrayRef<Stmt *>;

/// `a, b = value`, or `a op= value`, which the parser writes as `a = a op value`.
struct AssignStmt : StmtOf<Stmt::Kind::Assign> {
  using StmtOf::StmtOf;
  llvm::ArrayRef<Identifier> targets;
  /// `a, = pair` and `a, b = pair` take a sequence apart; `a = pair` does not.
  bool unpacks = false;
  Expr *value = nullptr;
};

/// `return a, name=b`.
struct ReturnStmt : StmtOf<Stmt::Kind::Return> {
  using StmtOf::StmtOf;
  llvm::ArrayRef<Argument> values;
};

struct ForStmt : StmtOf<Stmt::Kind::For> {
  using StmtOf::StmtOf;
  llvm::ArrayRef<Identifier> targets;
  Expr *sequence = nullptr;
  Block body;
};

/// `elif` is an `if` alone in `otherwise`.
struct IfStmt : StmtOf<Stmt::Kind::If> {
  using StmtOf::StmtOf;
  Expr *condition = nullptr;
  Block then;
  Block otherwise;
};

/// `assert condition, message`; message may be null.
struct AssertStmt : StmtOf<Stmt::Kind::Assert> {
  using StmtOf::StmtOf;
  Expr *condition = nullptr;
  Expr *message = nullptr;
};

struct ExpressionStmt : StmtOf<Stmt::Kind::Expression> {
  using StmtOf::StmtOf;
  Expr *value = nullptr;
};

struct PassStmt : StmtOf<Stmt::Kind::Pass> {
  using StmtOf::StmtOf;
};

//===-- Definitions -------------------------------------------------------------------------===//

/// `x: f32[B, L] = default`; type and default may be null.
struct Parameter {
  Identifier name;
  TypeExpr *type = nullptr;
  Expr *defaultValue = nullptr;
};

/// A condition of an `if` around functions, and what it must be.
struct Guard {
  Expr *condition = nullptr;
  bool expected = true;
};

struct Function {
  SourceRange range;
  Identifier name;
  /// The function exists where all of them hold.
  llvm::ArrayRef<Guard> guards;
  llvm::StringRef docstring;
  llvm::ArrayRef<Parameter> parameters;
  /// Declared result types; empty if none are.
  llvm::ArrayRef<TypeExpr *> results;
  Block body;
};

/// `param NAME = value` (overridable), `export NAME = value` (for programs to read) or
/// `NAME = value`, at the top of a file.
struct Constant {
  Identifier name;
  bool isParam = false;
  bool isExported = false;
  Expr *value = nullptr;
};

/// A file. Constants and functions are each in the order written.
class Module {
public:
  llvm::StringRef docstring;
  llvm::ArrayRef<Constant> constants;
  llvm::ArrayRef<Function *> functions;

  template <typename T, typename... Args>
  T *create(Args &&...args) {
    return new (arena.Allocate<T>()) T(std::forward<Args>(args)...);
  }
  template <typename T>
  llvm::ArrayRef<T> copy(llvm::ArrayRef<T> items) {
    return items.copy(arena);
  }
  llvm::StringRef copy(llvm::StringRef text) { return text.copy(arena); }

private:
  llvm::BumpPtrAllocator arena;
};

/// The tree as s-expressions, one definition a line group: `(+ a (* b 2))`. For tests.
std::string toString(const Expr *expr);
std::string toString(const Module &module);

} // namespace fovea::ast

#endif
