// Operators, one function a level of precedence, loosest first.
#include "frontend/ParserImpl.h"

namespace fovea {

using namespace ast;

// conditional := or ('if' or 'else' expr)? | lambda
Expr *Parser::parseExpr() {
  if (depth >= Lexer::maxNesting) {
    stop(current().range,
         "this expression is nested more than " + llvm::Twine(Lexer::maxNesting) + " deep");
    return nullptr;
  }
  ++depth;
  Expr *result = at(TokenKind::KwLambda) ? parseLambda() : parseOr();
  if (result && at(TokenKind::KwIf)) {
    take();
    Expr *then = result;
    Expr *condition = parseOr();
    Expr *otherwise = nullptr;
    if (condition && expect(TokenKind::KwElse, " in a conditional expression"))
      otherwise = parseExpr();
    auto *choice = otherwise
                       ? makeNode<ConditionalExpr>(then->range.begin, {condition, then, otherwise})
                       : nullptr;
    if (choice) {
      choice->condition = condition;
      choice->then = then;
      choice->otherwise = otherwise;
    }
    result = choice;
  }
  --depth;
  return result;
}

// Expressions with commas between them make a tuple.
Expr *Parser::parseExprList() {
  uint32_t begin = current().range.begin;
  Expr *first = parseExpr();
  if (!first || !at(TokenKind::Comma))
    return first;
  llvm::SmallVector<Expr *> elements{first};
  while (consume(TokenKind::Comma)) {
    if (at(TokenKind::Newline) || at(TokenKind::Equal) || at(TokenKind::RightParen) ||
        at(TokenKind::Colon))
      break;
    elements.push_back(parseExpr());
    if (!elements.back())
      return nullptr;
  }
  auto *tuple = makeNode<TupleExpr>(begin, elements);
  if (tuple)
    tuple->elements = copy<Expr *>(elements);
  return tuple;
}

Expr *Parser::parseLambda() {
  uint32_t begin = take().range.begin;
  llvm::SmallVector<Identifier> parameters;
  while (!at(TokenKind::Colon)) {
    auto name = expectName("a parameter's name or ':' in a lambda");
    if (!name)
      return nullptr;
    if (llvm::any_of(parameters, [&](const Identifier &other) { return other.name == name->name; }))
      return fail(name->range, "parameter '" + name->name + "' is there twice");
    parameters.push_back(*name);
    if (!consume(TokenKind::Comma))
      break;
  }
  if (!expect(TokenKind::Colon, " or ',' in a lambda"))
    return nullptr;
  Expr *body = parseExpr();
  if (!body)
    return nullptr;
  auto *lambda = makeNode<LambdaExpr>(begin, {body});
  if (!lambda)
    return nullptr;
  lambda->parameters = copy<Identifier>(parameters);
  lambda->body = body;
  return lambda;
}

template <typename Node>
static Expr *setOperands(Node *node, TokenKind op, Expr *left, Expr *right) {
  if (!node)
    return nullptr;
  node->op = op;
  node->left = left;
  node->right = right;
  return node;
}

Expr *Parser::parseOr() {
  Expr *left = parseAnd();
  while (left && consume(TokenKind::KwOr)) {
    Expr *right = parseAnd();
    if (!right)
      return nullptr;
    auto *node = makeNode<LogicalExpr>(left->range.begin, {left, right});
    left = setOperands(node, TokenKind::KwOr, left, right);
  }
  return left;
}

Expr *Parser::parseAnd() {
  Expr *left = parseNot();
  while (left && consume(TokenKind::KwAnd)) {
    Expr *right = parseNot();
    if (!right)
      return nullptr;
    auto *node = makeNode<LogicalExpr>(left->range.begin, {left, right});
    left = setOperands(node, TokenKind::KwAnd, left, right);
  }
  return left;
}

// A run of prefix operators is read in a loop, so that its length costs no stack.
Expr *Parser::parseNot() {
  llvm::SmallVector<Token> prefixes;
  while (at(TokenKind::KwNot))
    prefixes.push_back(take());
  Expr *operand = parseComparison();
  for (; operand && !prefixes.empty(); prefixes.pop_back()) {
    auto *node = makeNode<UnaryExpr>(prefixes.back().range.begin, {operand});
    if (!node)
      return nullptr;
    node->op = TokenKind::KwNot;
    node->operand = operand;
    operand = node;
  }
  return operand;
}

std::optional<CompareOp> Parser::takeCompareOp() {
  switch (current().kind) {
  case TokenKind::EqualEqual:
    return take(), CompareOp::Equal;
  case TokenKind::NotEqual:
    return take(), CompareOp::NotEqual;
  case TokenKind::Less:
    return take(), CompareOp::Less;
  case TokenKind::LessEqual:
    return take(), CompareOp::LessEqual;
  case TokenKind::Greater:
    return take(), CompareOp::Greater;
  case TokenKind::GreaterEqual:
    return take(), CompareOp::GreaterEqual;
  case TokenKind::KwIn:
    return take(), CompareOp::In;
  case TokenKind::KwIs:
    take();
    return consume(TokenKind::KwNot) ? CompareOp::IsNot : CompareOp::Is;
  case TokenKind::KwNot:
    if (!next().is(TokenKind::KwIn))
      return std::nullopt;
    take();
    return take(), CompareOp::NotIn;
  default:
    return std::nullopt;
  }
}

Expr *Parser::parseComparison() {
  Expr *first = parseBinary(1);
  if (!first)
    return nullptr;
  llvm::SmallVector<Expr *> operands{first};
  llvm::SmallVector<CompareOp> ops;
  while (auto op = takeCompareOp()) {
    ops.push_back(*op);
    operands.push_back(parseBinary(1));
    if (!operands.back())
      return nullptr;
  }
  if (ops.empty())
    return first;
  auto *compare = makeNode<CompareExpr>(first->range.begin, operands);
  if (!compare)
    return nullptr;
  compare->operands = copy<Expr *>(operands);
  compare->ops = copy<CompareOp>(ops);
  return compare;
}

// Left-associative binary operators, tightest highest; 0 for anything else.
static unsigned precedence(TokenKind kind) {
  switch (kind) {
  case TokenKind::Pipe:
    return 1;
  case TokenKind::Caret:
    return 2;
  case TokenKind::Ampersand:
    return 3;
  case TokenKind::Plus:
  case TokenKind::Minus:
    return 4;
  case TokenKind::Star:
  case TokenKind::Slash:
  case TokenKind::SlashSlash:
  case TokenKind::Percent:
  case TokenKind::At:
    return 5;
  default:
    return 0;
  }
}

Expr *Parser::parseBinary(unsigned minimum) {
  Expr *left = parseUnary();
  while (left && precedence(current().kind) >= minimum) {
    Token op = take();
    Expr *right = parseBinary(precedence(op.kind) + 1);
    if (!right)
      return nullptr;
    auto *node = makeNode<BinaryExpr>(left->range.begin, {left, right});
    left = setOperands(node, op.kind, left, right);
    if (node)
      node->opRange = op.range;
  }
  return left;
}

Expr *Parser::parseUnary() {
  llvm::SmallVector<Token> prefixes;
  while (at(TokenKind::Minus) || at(TokenKind::Plus) || at(TokenKind::Tilde))
    prefixes.push_back(take());
  Expr *operand = parsePower();
  for (; operand && !prefixes.empty(); prefixes.pop_back()) {
    auto *node = makeNode<UnaryExpr>(prefixes.back().range.begin, {operand});
    if (!node)
      return nullptr;
    node->op = prefixes.back().kind;
    node->operand = operand;
    operand = node;
  }
  return operand;
}

// `a ** -b ** c` is `a ** (-(b ** c))`.
Expr *Parser::parsePower() {
  Expr *base = parsePostfix();
  if (!base || !at(TokenKind::StarStar))
    return base;
  Token op = take();
  if (depth >= Lexer::maxNesting) {
    stop(op.range,
         "this expression is nested more than " + llvm::Twine(Lexer::maxNesting) + " deep");
    return nullptr;
  }
  ++depth;
  Expr *exponent = parseUnary();
  --depth;
  if (!exponent)
    return nullptr;
  auto *node = makeNode<BinaryExpr>(base->range.begin, {base, exponent});
  if (node)
    node->opRange = op.range;
  return setOperands(node, TokenKind::StarStar, base, exponent);
}

} // namespace fovea
