// Definitions of a file: constants, functions, parameters and types; and the token helpers.
#include "frontend/Parser.h"
#include "frontend/ParserImpl.h"

namespace fovea {

using namespace ast;

std::unique_ptr<Module> parseModule(DiagnosticList &diagnostics) {
  auto module = std::make_unique<Module>();
  const SourceFile &source = diagnostics.getSource();
  if (source.getText().size() > SourceFile::maxBytes) {
    diagnostics.error(SourceRange::nowhere(), "the file has " +
                                                  llvm::Twine(source.getText().size()) +
                                                  " bytes; a description may have at most " +
                                                  llvm::Twine(SourceFile::maxBytes));
    return module;
  }
  if (auto tokens = Lexer(diagnostics).run())
    Parser(diagnostics, *module).run(std::move(*tokens));
  return module;
}

//===-- Tokens ------------------------------------------------------------------------------===//

Token Parser::take() {
  Token token = current();
  if (position + 1 < tokens.size())
    ++position;
  lastEnd = token.range.end;
  return token;
}

bool Parser::consume(TokenKind kind) {
  if (!at(kind))
    return false;
  take();
  return true;
}

bool Parser::expect(TokenKind kind, const llvm::Twine &where) {
  if (consume(kind))
    return true;
  failExpected(describe(kind) + where);
  return false;
}

std::optional<Identifier> Parser::expectName(llvm::StringRef what) {
  if (!at(TokenKind::Name)) {
    failExpected(what);
    return std::nullopt;
  }
  Token token = take();
  return Identifier{textOf(token), token.range};
}

bool Parser::expectNewline() {
  if (at(TokenKind::EndOfFile) || consume(TokenKind::Newline))
    return true;
  failExpected("end of line");
  return false;
}

// Skips to the next statement of this block, past the block that belongs to this one.
void Parser::skipStatement() {
  while (!at(TokenKind::Newline) && !at(TokenKind::EndOfFile) && !at(TokenKind::Dedent) &&
         !at(TokenKind::Indent))
    take();
  consume(TokenKind::Newline);
  if (!consume(TokenKind::Indent))
    return;
  for (size_t open = 1; open > 0 && !at(TokenKind::EndOfFile);) {
    Token token = take();
    open += token.is(TokenKind::Indent);
    open -= token.is(TokenKind::Dedent);
  }
}

std::nullptr_t Parser::failExpected(const llvm::Twine &what) {
  const Token &got = current();
  if (got.is(TokenKind::Error))
    return nullptr;
  bool shown = got.is(TokenKind::Name) || got.is(TokenKind::Integer) || got.is(TokenKind::Float);
  std::string name = shown ? ("'" + textOf(got) + "'").str() : describe(got.kind).str();
  return fail(got.range, "expected " + what + ", got " + name);
}

std::nullptr_t Parser::fail(SourceRange range, const llvm::Twine &message) {
  if (!stopped)
    diagnostics.error(range, message);
  return nullptr;
}

// Ends the parse: what follows would only repeat the error.
void Parser::stop(SourceRange range, const llvm::Twine &message) {
  fail(range, message);
  stopped = true;
  position = tokens.size() - 1;
}

//===-- Definitions -------------------------------------------------------------------------===//

void Parser::run(std::vector<Token> fileTokens) {
  tokens = std::move(fileTokens);
  llvm::SmallVector<Constant> constants;
  llvm::SmallVector<Function *> functions;
  if (at(TokenKind::String) && next().is(TokenKind::Newline)) {
    if (auto *text = llvm::dyn_cast_or_null<StringExpr>(parseString()))
      module.docstring = text->value;
    take();
  }
  while (!at(TokenKind::EndOfFile))
    parseDefinition(constants, functions);
  module.constants = copy<Constant>(constants);
  module.functions = copy<Function *>(functions);
}

void Parser::parseDefinition(llvm::SmallVectorImpl<Constant> &constants,
                             llvm::SmallVectorImpl<Function *> &functions) {
  size_t before = position;
  bool done = false;
  if (at(TokenKind::String) && next().is(TokenKind::Newline)) {
    // Of a file that is imported.
    take();
    done = expectNewline();
  } else if (consume(TokenKind::KwImport)) {
    // What it names follows (Imports.h).
    done = expectName("a file's name after 'import'") && expectNewline();
  } else if (at(TokenKind::KwDef)) {
    Function *function = parseFunction();
    done = function != nullptr;
    if (function)
      functions.push_back(function);
  } else if (at(TokenKind::KwIf)) {
    done = parseConditional(functions);
  } else if (at(TokenKind::KwParam) || at(TokenKind::KwExport)) {
    TokenKind kind = take().kind;
    done = parseConstant(kind, constants);
  } else if (at(TokenKind::Name) && next().is(TokenKind::Equal)) {
    done = parseConstant(TokenKind::Name, constants);
  } else if (at(TokenKind::Indent)) {
    fail(current().range, "unexpected indentation");
  } else {
    failExpected("'def', 'if', 'param', 'export', 'import' or 'NAME = value'");
  }
  if (done || stopped)
    return;
  skipStatement();
  // A stray end of block is what is left where a statement was cut short.
  if (position == before)
    take();
}

// `kind` is that of the word before, a Name where there is none.
bool Parser::parseConstant(TokenKind kind, llvm::SmallVectorImpl<Constant> &constants) {
  auto name = expectName("a name after " + describe(kind).str());
  if (!name || !expect(TokenKind::Equal, " after '" + name->name + "'"))
    return false;
  Expr *value = parseExprList();
  if (!value || !expectNewline())
    return false;
  constants.push_back({*name, kind == TokenKind::KwParam, kind == TokenKind::KwExport, value});
  return true;
}

// `if` around functions, with any `elif` and `else`.
bool Parser::parseConditional(llvm::SmallVectorImpl<Function *> &functions) {
  llvm::SmallVector<Guard> guards;
  do {
    take();
    if (guards.size() >= Lexer::maxNesting)
      stop(current().range, "too many 'elif' in a row");
    Expr *condition = parseExpr();
    if (!condition)
      return false;
    guards.push_back({condition, true});
    if (!parseGuarded(guards, functions))
      return false;
    guards.back().expected = false;
  } while (at(TokenKind::KwElif));
  return !consume(TokenKind::KwElse) || parseGuarded(guards, functions);
}

// ':' and a block of functions.
bool Parser::parseGuarded(llvm::ArrayRef<Guard> guards,
                          llvm::SmallVectorImpl<Function *> &functions) {
  if (!expect(TokenKind::Colon, "") || !expectNewline())
    return false;
  if (!consume(TokenKind::Indent)) {
    failExpected("an indented block");
    return false;
  }
  while (!at(TokenKind::Dedent) && !at(TokenKind::EndOfFile)) {
    Function *function = nullptr;
    if (at(TokenKind::KwDef))
      function = parseFunction();
    else
      failExpected("'def', as an 'if' at the top of a file holds functions");
    if (stopped)
      return false;
    if (!function) {
      skipStatement();
      continue;
    }
    function->guards = copy<Guard>(guards);
    functions.push_back(function);
  }
  consume(TokenKind::Dedent);
  return true;
}

Function *Parser::parseFunction() {
  uint32_t begin = take().range.begin;
  auto name = expectName("a function's name after 'def'");
  if (!name)
    return nullptr;
  auto *function = module.create<Function>();
  function->name = *name;
  if (!parseParameters(*function) || !parseResults(*function))
    return nullptr;
  auto body = parseBlock();
  if (!body)
    return nullptr;
  function->body = *body;
  function->range = rangeFrom(begin);
  if (auto *first = llvm::dyn_cast<ExpressionStmt>(body->front()))
    if (auto *text = llvm::dyn_cast<StringExpr>(first->value))
      function->docstring = text->value;
  return function;
}

// Matching calls with parameters takes the square of their number.
static constexpr size_t maxParameters = 4096;

bool Parser::parseParameters(Function &function) {
  if (!expect(TokenKind::LeftParen, " after '" + function.name.name + "'"))
    return false;
  llvm::SmallVector<Parameter> parameters;
  while (!at(TokenKind::RightParen)) {
    Parameter &parameter = parameters.emplace_back();
    if (!parseParameter(parameter))
      return false;
    if (!consume(TokenKind::Comma))
      break;
  }
  if (parameters.size() > maxParameters) {
    fail(function.name.range, "'" + function.name.name + "' has " + llvm::Twine(parameters.size()) +
                                  " parameters; a function may "
                                  "have at most " +
                                  llvm::Twine(maxParameters));
    return false;
  }
  function.parameters = copy<Parameter>(parameters);
  return expect(TokenKind::RightParen, " or ',' after a parameter");
}

bool Parser::parseParameter(Parameter &parameter) {
  auto name = expectName("a parameter's name");
  if (!name)
    return false;
  parameter.name = *name;
  if (consume(TokenKind::Colon) && !(parameter.type = parseType()))
    return false;
  return !consume(TokenKind::Equal) || (parameter.defaultValue = parseExpr());
}

bool Parser::parseResults(Function &function) {
  if (!consume(TokenKind::Arrow))
    return true;
  llvm::SmallVector<TypeExpr *> types;
  bool several = consume(TokenKind::LeftParen);
  do {
    if (several && !types.empty() && at(TokenKind::RightParen))
      break;
    types.push_back(parseType());
    if (!types.back())
      return false;
  } while (several && consume(TokenKind::Comma));
  function.results = copy<TypeExpr *>(types);
  return !several || expect(TokenKind::RightParen, " or ',' after a result type");
}

//===-- Types -------------------------------------------------------------------------------===//

TypeExpr *Parser::parseType() {
  uint32_t begin = current().range.begin;
  auto name = expectName("a type");
  if (!name)
    return nullptr;
  auto *type = module.create<TypeExpr>();
  type->isWeight = name->name == "weight";
  if (!type->isWeight)
    type->element = *name;
  else if (!parseWeightType(*type))
    return nullptr;
  if (at(TokenKind::LeftBracket) && !parseDims(*type))
    return nullptr;
  type->range = rangeFrom(begin);
  return type;
}

// The part of `weight("name")[f16][E, E]` between `weight` and the dims.
bool Parser::parseWeightType(TypeExpr &type) {
  if (consume(TokenKind::LeftParen)) {
    type.weightName = parseExpr();
    if (!type.weightName || !expect(TokenKind::RightParen, " after a weight's name"))
      return false;
  }
  if (!at(TokenKind::LeftBracket))
    return true;
  // One name in brackets, with another pair of brackets after it, is the element type.
  bool hasElement = position + 3 < tokens.size() && tokens[position + 1].is(TokenKind::Name) &&
                    tokens[position + 2].is(TokenKind::RightBracket) &&
                    tokens[position + 3].is(TokenKind::LeftBracket);
  if (!hasElement)
    return true;
  take();
  Token element = take();
  take();
  type.element = {textOf(element), element.range};
  return true;
}

bool Parser::parseDims(TypeExpr &type) {
  take();
  type.hasDims = true;
  llvm::SmallVector<Expr *> dims;
  while (!at(TokenKind::RightBracket)) {
    dims.push_back(parseExpr());
    if (!dims.back())
      return false;
    if (!consume(TokenKind::Comma))
      break;
  }
  type.dims = copy<Expr *>(dims);
  return expect(TokenKind::RightBracket, " or ',' after a dim");
}

} // namespace fovea
