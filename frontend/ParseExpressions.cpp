// Expressions, one function a level of precedence, loosest first.
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

Expr *Parser::parsePostfix() {
  Expr *object = parseAtom();
  while (object) {
    if (at(TokenKind::LeftParen)) {
      object = parseCall(object);
    } else if (at(TokenKind::LeftBracket)) {
      object = parseSubscript(object);
    } else if (consume(TokenKind::Dot)) {
      auto attribute = expectName("a name after '.'");
      auto *node = attribute ? makeNode<AttributeExpr>(object->range.begin, {object}) : nullptr;
      if (!node)
        return nullptr;
      node->object = object;
      node->attribute = *attribute;
      object = node;
    } else {
      break;
    }
  }
  return object;
}

Expr *Parser::parseCall(Expr *callee) {
  take();
  llvm::SmallVector<Argument> arguments;
  while (!at(TokenKind::RightParen)) {
    if (!parseArgument(arguments))
      return nullptr;
    if (!consume(TokenKind::Comma))
      break;
  }
  if (!expect(TokenKind::RightParen, " or ',' after an argument"))
    return nullptr;
  llvm::SmallVector<Expr *> children{callee};
  for (const Argument &argument : arguments)
    children.push_back(argument.value);
  auto *call = makeNode<CallExpr>(callee->range.begin, children);
  if (!call)
    return nullptr;
  call->callee = callee;
  call->arguments = copy<Argument>(arguments);
  return call;
}

bool Parser::parseArgument(llvm::SmallVectorImpl<Argument> &arguments) {
  Argument argument;
  if (at(TokenKind::Name) && next().is(TokenKind::Equal)) {
    argument.name = *expectName("");
    take();
  } else if (!arguments.empty() && !arguments.back().name.name.empty()) {
    fail(current().range, "a positional argument follows a keyword argument");
    return false;
  }
  argument.value = parseExpr();
  if (argument.value && at(TokenKind::KwFor) && arguments.empty())
    argument.value = parseComprehension(argument.value, argument.value->range.begin);
  arguments.push_back(argument);
  return argument.value;
}

Expr *Parser::parseSubscript(Expr *object) {
  take();
  llvm::SmallVector<Expr *> indices;
  while (!at(TokenKind::RightBracket)) {
    indices.push_back(parseIndex());
    if (!indices.back())
      return nullptr;
    if (!consume(TokenKind::Comma))
      break;
  }
  if (indices.empty())
    return failExpected("an index");
  if (!expect(TokenKind::RightBracket, " or ',' after an index"))
    return nullptr;
  llvm::SmallVector<Expr *> children{object};
  children.append(indices);
  auto *subscript = makeNode<SubscriptExpr>(object->range.begin, children);
  if (!subscript)
    return nullptr;
  subscript->object = object;
  subscript->indices = copy<Expr *>(indices);
  return subscript;
}

// index := expr | expr? ':' expr? (':' expr?)?
Expr *Parser::parseIndex() {
  uint32_t begin = current().range.begin;
  Expr *parts[3] = {};
  if (!at(TokenKind::Colon) && !(parts[0] = parseExpr()))
    return nullptr;
  if (!at(TokenKind::Colon))
    return parts[0];
  for (size_t i = 1; i < 3 && consume(TokenKind::Colon); ++i) {
    if (at(TokenKind::Colon) || at(TokenKind::Comma) || at(TokenKind::RightBracket))
      continue;
    parts[i] = parseExpr();
    if (!parts[i])
      return nullptr;
  }
  auto *slice = makeNode<SliceExpr>(begin, parts);
  if (!slice)
    return nullptr;
  slice->begin = parts[0];
  slice->end = parts[1];
  slice->step = parts[2];
  return slice;
}

Expr *Parser::parseAtom() {
  uint32_t begin = current().range.begin;
  switch (current().kind) {
  case TokenKind::Integer:
    return parseInteger();
  case TokenKind::Float:
    return parseFloat();
  case TokenKind::String:
    return parseString();
  case TokenKind::FString:
    return parseFString();
  case TokenKind::LeftParen:
    return parseParenthesized();
  case TokenKind::LeftBracket:
    return parseListDisplay();
  case TokenKind::Name: {
    llvm::StringRef name = textOf(take());
    auto *node = makeNode<NameExpr>(begin);
    node->name = name;
    return node;
  }
  case TokenKind::KwTrue:
  case TokenKind::KwFalse: {
    bool value = take().is(TokenKind::KwTrue);
    auto *node = makeNode<BoolExpr>(begin);
    node->value = value;
    return node;
  }
  case TokenKind::KwNone:
    take();
    return makeNode<NoneExpr>(begin);
  case TokenKind::Ellipsis:
    take();
    return makeNode<EllipsisExpr>(begin);
  default:
    return failExpected("an expression");
  }
}

Expr *Parser::parseParenthesized() {
  uint32_t begin = take().range.begin;
  if (consume(TokenKind::RightParen))
    return makeNode<TupleExpr>(begin);
  Expr *inner = parseExprList();
  if (inner && at(TokenKind::KwFor) && !llvm::isa<TupleExpr>(inner))
    inner = parseComprehension(inner, inner->range.begin);
  if (!inner || !expect(TokenKind::RightParen, " or ','"))
    return nullptr;
  // Parentheses belong to what they enclose, so that a marker covers them.
  inner->range = rangeFrom(begin);
  return inner;
}

Expr *Parser::parseListDisplay() {
  uint32_t begin = take().range.begin;
  llvm::SmallVector<Expr *> elements;
  while (!at(TokenKind::RightBracket)) {
    elements.push_back(parseExpr());
    if (!elements.back())
      return nullptr;
    if (at(TokenKind::KwFor) && elements.size() == 1) {
      Expr *list = parseComprehension(elements[0], begin);
      if (!list || !expect(TokenKind::RightBracket, " after a list comprehension"))
        return nullptr;
      list->range = rangeFrom(begin);
      return list;
    }
    if (!consume(TokenKind::Comma))
      break;
  }
  if (!expect(TokenKind::RightBracket, " or ',' after an element"))
    return nullptr;
  auto *list = makeNode<ListExpr>(begin, elements);
  if (list)
    list->elements = copy<Expr *>(elements);
  return list;
}

// element 'for' names 'in' or ('if' or)?; the element has been read.
Expr *Parser::parseComprehension(Expr *element, uint32_t begin) {
  take();
  auto targets = parseNames();
  if (!targets || !expect(TokenKind::KwIn, " after the variables of a comprehension"))
    return nullptr;
  Expr *sequence = parseOr();
  if (!sequence)
    return nullptr;
  Expr *condition = nullptr;
  if (consume(TokenKind::KwIf) && !(condition = parseOr()))
    return nullptr;
  auto *list = makeNode<ComprehensionExpr>(begin, {element, sequence, condition});
  if (!list)
    return nullptr;
  list->element = element;
  list->targets = *targets;
  list->sequence = sequence;
  list->condition = condition;
  return list;
}

} // namespace fovea
