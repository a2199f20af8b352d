// What operators apply to: atoms, and the calls, subscripts and attributes behind them.
#include "frontend/ParserImpl.h"

namespace fovea {

using namespace ast;

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
