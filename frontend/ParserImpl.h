// The parser's state, shared by its parts: expressions, statements, definitions and literals.
// A function returns null after an error that it, or the lexer, has reported.
#ifndef FOVEA_FRONTEND_PARSERIMPL_H
#define FOVEA_FRONTEND_PARSERIMPL_H

#include "frontend/Ast.h"
#include "frontend/Diagnostics.h"
#include "frontend/Lexer.h"

namespace fovea {

class Parser {
public:
  Parser(DiagnosticList &diagnostics, ast::Module &module)
      : diagnostics(diagnostics), module(module) {}

  void run(std::vector<Token> fileTokens);

private:
  // Definitions (Parser.cpp).
  void parseDefinition(llvm::SmallVectorImpl<ast::Constant> &constants,
                       llvm::SmallVectorImpl<ast::Function *> &functions);
  bool parseConstant(TokenKind kind, llvm::SmallVectorImpl<ast::Constant> &constants);
  bool parseConditional(llvm::SmallVectorImpl<ast::Function *> &functions);
  bool parseGuarded(llvm::ArrayRef<ast::Guard> guards,
                    llvm::SmallVectorImpl<ast::Function *> &functions);
  ast::Function *parseFunction();
  bool parseParameters(ast::Function &function);
  bool parseParameter(ast::Parameter &parameter);
  bool parseResults(ast::Function &function);
  ast::TypeExpr *parseType();
  bool parseWeightType(ast::TypeExpr &type);
  bool parseDims(ast::TypeExpr &type);

  // Statements (ParseStatements.cpp).
  std::optional<ast::Block> parseBlock();
  void parseStatement(llvm::SmallVectorImpl<ast::Stmt *> &block);
  ast::Stmt *parseSimpleStatement();
  ast::Stmt *parseFor();
  ast::Stmt *parseIf();
  ast::Stmt *parseReturn();
  ast::Stmt *parseAssert();
  ast::Stmt *parseAssignment();
  ast::Stmt *parseAugmented(ast::Expr *target, TokenKind op);
  bool toTargets(ast::Expr *expr, ast::AssignStmt &assign);
  std::optional<llvm::ArrayRef<ast::Identifier>> parseNames();

  // Expressions (ParseExpressions.cpp).
  ast::Expr *parseExpr();
  ast::Expr *parseExprList();
  ast::Expr *parseLambda();
  ast::Expr *parseOr();
  ast::Expr *parseAnd();
  ast::Expr *parseNot();
  ast::Expr *parseComparison();
  std::optional<ast::CompareOp> takeCompareOp();
  ast::Expr *parseBinary(unsigned minimum);
  ast::Expr *parseUnary();
  ast::Expr *parsePower();

  // Atoms and what follows them (ParseAtoms.cpp).
  ast::Expr *parsePostfix();
  ast::Expr *parseCall(ast::Expr *callee);
  bool parseArgument(llvm::SmallVectorImpl<ast::Argument> &arguments);
  ast::Expr *parseSubscript(ast::Expr *object);
  ast::Expr *parseIndex();
  ast::Expr *parseAtom();
  ast::Expr *parseParenthesized();
  ast::Expr *parseListDisplay();
  ast::Expr *parseComprehension(ast::Expr *element, uint32_t begin);

  // Literals (ParseLiterals.cpp).
  ast::Expr *parseInteger();
  ast::Expr *parseFloat();
  ast::Expr *parseString();
  ast::Expr *parseFString();
  ast::Expr *parseReplacement(SourceRange range);
  std::optional<std::string> unescape(SourceRange range);

  // Tokens.
  const Token &current() const { return tokens[position]; }
  const Token &next() const { return tokens[std::min(position + 1, tokens.size() - 1)]; }
  bool at(TokenKind kind) const { return current().is(kind); }
  llvm::StringRef textOf(const Token &token) const {
    return diagnostics.getSource().getText(token.range);
  }
  Token take();
  bool consume(TokenKind kind);
  bool expect(TokenKind kind, const llvm::Twine &where);
  std::optional<ast::Identifier> expectName(llvm::StringRef what);
  bool expectNewline();
  void skipStatement();
  /// Reports "expected WHAT, got TOKEN" unless the lexer has reported something here.
  std::nullptr_t failExpected(const llvm::Twine &what);
  std::nullptr_t fail(SourceRange range, const llvm::Twine &message);
  void stop(SourceRange range, const llvm::Twine &message);

  SourceRange rangeFrom(uint32_t begin) const { return {begin, std::max(begin, lastEnd)}; }

  /// A node over [begin, last token]; null if it would be too deep above `children`.
  template <typename T>
  T *makeNode(uint32_t begin, llvm::ArrayRef<ast::Expr *> children = {}) {
    uint16_t height = 0;
    for (const ast::Expr *child : children)
      height = child ? std::max(height, child->height) : height;
    T *node = module.create<T>(rangeFrom(begin));
    if (++height > Lexer::maxNesting) {
      stop({begin, begin + 1},
           "this expression is nested more than " + llvm::Twine(Lexer::maxNesting) + " deep");
      return nullptr;
    }
    node->height = height;
    return node;
  }
  template <typename T>
  llvm::ArrayRef<T> copy(llvm::ArrayRef<T> items) {
    return module.copy(items);
  }

  DiagnosticList &diagnostics;
  ast::Module &module;
  std::vector<Token> tokens;
  size_t position = 0;
  uint32_t lastEnd = 0;
  size_t depth = 0;
  bool stopped = false;
};

} // namespace fovea

#endif
