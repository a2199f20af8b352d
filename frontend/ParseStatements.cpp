// Statements and blocks.
#include "frontend/ParserImpl.h"
#include "llvm/ADT/StringSwitch.h"

namespace fovea {

using namespace ast;

// Words with a meaning in Python that someone may try here, with what to write in their place.
static llvm::StringRef adviseOnPython(llvm::StringRef word) {
  return llvm::StringSwitch<llvm::StringRef>(word)
      .Cases({"while", "break", "continue"}, "loops are 'for' over a range or a sequence")
      .Case("from", "'import NAME' at the top of a file brings in all of NAME.fov")
      .Case("class", "a model is a set of functions")
      .Cases({"try", "raise", "except"}, "use 'assert' to check sizes")
      .Cases({"with", "yield", "del", "global", "nonlocal", "async", "await"},
             "functions have no side effects")
      .Default({});
}

// The body after ':': the rest of the line, or an indented block. A block in which nothing could
// be read is empty only if errors were reported.
std::optional<Block> Parser::parseBlock() {
  if (!expect(TokenKind::Colon, ""))
    return std::nullopt;
  llvm::SmallVector<Stmt *> block;
  if (!at(TokenKind::Newline)) {
    parseStatement(block);
  } else {
    take();
    if (!consume(TokenKind::Indent)) {
      failExpected("an indented block");
      return std::nullopt;
    }
    while (!at(TokenKind::Dedent) && !at(TokenKind::EndOfFile))
      parseStatement(block);
    consume(TokenKind::Dedent);
  }
  if (block.empty())
    block.push_back(module.create<PassStmt>(current().range));
  return copy<Stmt *>(block);
}

void Parser::parseStatement(llvm::SmallVectorImpl<Stmt *> &block) {
  // One level is left for the expressions of the statement.
  if (depth + 1 >= Lexer::maxNesting)
    return stop(current().range,
                "blocks are nested more than " + llvm::Twine(Lexer::maxNesting) + " deep");
  ++depth;
  Stmt *stmt = nullptr;
  if (at(TokenKind::KwFor))
    stmt = parseFor();
  else if (at(TokenKind::KwIf))
    stmt = parseIf();
  else if (at(TokenKind::Indent))
    fail(current().range, "unexpected indentation");
  else if (Stmt *simple = parseSimpleStatement(); simple && expectNewline())
    stmt = simple;
  --depth;
  if (stmt)
    block.push_back(stmt);
  else if (!stopped)
    skipStatement();
}

Stmt *Parser::parseSimpleStatement() {
  switch (current().kind) {
  case TokenKind::KwReturn:
    return parseReturn();
  case TokenKind::KwAssert:
    return parseAssert();
  case TokenKind::KwPass:
    return module.create<PassStmt>(take().range);
  case TokenKind::KwDef:
    return fail(current().range, "a function cannot be defined inside another; use a lambda");
  case TokenKind::KwParam:
  case TokenKind::KwExport:
  case TokenKind::KwImport:
    return fail(current().range,
                describe(current().kind) + " stands at the top of a file, not in a function");
  case TokenKind::KwElse:
  case TokenKind::KwElif:
    return fail(current().range, describe(current().kind) + " without an 'if' before it");
  default:
    return parseAssignment();
  }
}

std::optional<llvm::ArrayRef<Identifier>> Parser::parseNames() {
  llvm::SmallVector<Identifier> names;
  do {
    if (at(TokenKind::KwIn) && !names.empty())
      break;
    auto name = expectName("a variable's name after 'for'");
    if (!name)
      return std::nullopt;
    names.push_back(*name);
  } while (consume(TokenKind::Comma));
  return copy<Identifier>(names);
}

Stmt *Parser::parseFor() {
  uint32_t begin = take().range.begin;
  auto targets = parseNames();
  if (!targets || !expect(TokenKind::KwIn, " after the loop's variables"))
    return nullptr;
  Expr *sequence = parseExprList();
  if (!sequence)
    return nullptr;
  SourceRange header = rangeFrom(begin);
  auto body = parseBlock();
  if (!body)
    return nullptr;
  auto *loop = module.create<ForStmt>(header);
  loop->targets = *targets;
  loop->sequence = sequence;
  loop->body = *body;
  return loop;
}

Stmt *Parser::parseIf() {
  uint32_t begin = take().range.begin;
  Expr *condition = parseExpr();
  if (!condition)
    return nullptr;
  auto *choice = module.create<IfStmt>(rangeFrom(begin));
  choice->condition = condition;
  auto then = parseBlock();
  if (!then)
    return nullptr;
  choice->then = *then;
  if (at(TokenKind::KwElif)) {
    llvm::SmallVector<Stmt *> nested;
    if (++depth >= Lexer::maxNesting)
      stop(current().range, "too many 'elif' in a row");
    else if (Stmt *inner = parseIf())
      nested.push_back(inner);
    --depth;
    choice->otherwise = copy<Stmt *>(nested);
    return nested.empty() ? nullptr : choice;
  }
  if (!consume(TokenKind::KwElse))
    return choice;
  auto otherwise = parseBlock();
  if (!otherwise)
    return nullptr;
  choice->otherwise = *otherwise;
  return choice;
}

Stmt *Parser::parseReturn() {
  uint32_t begin = take().range.begin;
  llvm::SmallVector<Argument> values;
  do {
    if (at(TokenKind::Newline) && !values.empty())
      break;
    Argument &value = values.emplace_back();
    if (at(TokenKind::Name) && next().is(TokenKind::Equal)) {
      value.name = *expectName("");
      take();
    }
    value.value = parseExpr();
    if (!value.value)
      return nullptr;
  } while (consume(TokenKind::Comma));
  auto *stmt = module.create<ReturnStmt>(rangeFrom(begin));
  stmt->values = copy<Argument>(values);
  return stmt;
}

Stmt *Parser::parseAssert() {
  uint32_t begin = take().range.begin;
  Expr *condition = parseExpr();
  if (!condition)
    return nullptr;
  Expr *message = nullptr;
  if (consume(TokenKind::Comma) && !(message = parseExpr()))
    return nullptr;
  auto *stmt = module.create<AssertStmt>(rangeFrom(begin));
  stmt->condition = condition;
  stmt->message = message;
  return stmt;
}

static std::optional<TokenKind> augmentedOp(TokenKind kind) {
  switch (kind) {
  case TokenKind::PlusEqual:
    return TokenKind::Plus;
  case TokenKind::MinusEqual:
    return TokenKind::Minus;
  case TokenKind::StarEqual:
    return TokenKind::Star;
  case TokenKind::SlashEqual:
    return TokenKind::Slash;
  case TokenKind::SlashSlashEqual:
    return TokenKind::SlashSlash;
  case TokenKind::PercentEqual:
    return TokenKind::Percent;
  case TokenKind::StarStarEqual:
    return TokenKind::StarStar;
  case TokenKind::AtEqual:
    return TokenKind::At;
  case TokenKind::AmpersandEqual:
    return TokenKind::Ampersand;
  case TokenKind::PipeEqual:
    return TokenKind::Pipe;
  default:
    return std::nullopt;
  }
}

// An assignment, or an expression alone, which only a docstring is any use as.
Stmt *Parser::parseAssignment() {
  uint32_t begin = current().range.begin;
  if (at(TokenKind::Name)) {
    llvm::StringRef word = textOf(current());
    if (llvm::StringRef advice = adviseOnPython(word); !advice.empty())
      return fail(current().range, "'" + word + "' is not part of the language: " + advice);
  }
  Expr *left = parseExprList();
  if (!left)
    return nullptr;
  if (auto op = augmentedOp(current().kind))
    return parseAugmented(left, *op);
  if (!consume(TokenKind::Equal)) {
    auto *stmt = module.create<ExpressionStmt>(left->range);
    stmt->value = left;
    return stmt;
  }
  auto *assign = module.create<AssignStmt>(rangeFrom(begin));
  if (!toTargets(left, *assign))
    return nullptr;
  assign->value = parseExprList();
  assign->range = rangeFrom(begin);
  return assign->value ? assign : nullptr;
}

Stmt *Parser::parseAugmented(Expr *target, TokenKind op) {
  auto *assign = module.create<AssignStmt>(target->range);
  if (!toTargets(target, *assign))
    return nullptr;
  if (assign->unpacks)
    return fail(target->range, "only one name can be updated at a time");
  SourceRange opRange = take().range;
  Expr *value = parseExprList();
  if (!value)
    return nullptr;
  auto *binary = makeNode<BinaryExpr>(target->range.begin, {target, value});
  if (!binary)
    return nullptr;
  binary->op = op;
  binary->opRange = opRange;
  binary->left = target;
  binary->right = value;
  assign->value = binary;
  assign->range = binary->range;
  return assign;
}

bool Parser::toTargets(Expr *expr, AssignStmt &assign) {
  llvm::SmallVector<Expr *> names{expr};
  if (auto *tuple = llvm::dyn_cast<TupleExpr>(expr)) {
    names.assign(tuple->elements.begin(), tuple->elements.end());
    assign.unpacks = true;
  }
  llvm::SmallVector<Identifier> targets;
  for (Expr *name : names) {
    auto *target = llvm::dyn_cast<NameExpr>(name);
    if (!target) {
      fail(name->range, llvm::isa<SubscriptExpr>(name)
                            ? "a part of a value cannot be assigned: tensors do not change"
                            : "only names can be assigned");
      return false;
    }
    targets.push_back({target->name, target->range});
  }
  assign.targets = copy<Identifier>(targets);
  return true;
}

} // namespace fovea
