// Prints the syntax tree as s-expressions.
#include "frontend/Ast.h"
#include "llvm/Support/raw_ostream.h"

namespace fovea::ast {

namespace {

class Printer {
public:
  explicit Printer(llvm::raw_ostream &os) : os(os) {}

  void print(const Expr *expr);
  void print(const Module &module);

private:
  void printList(llvm::StringRef head, llvm::ArrayRef<Expr *> items);
  void printFString(const FStringExpr &string);
  void printCompare(const CompareExpr &compare);
  void printLambda(const LambdaExpr &lambda);
  void printComprehension(const ComprehensionExpr &list);
  void printArguments(llvm::ArrayRef<Argument> arguments);
  void printTargets(llvm::ArrayRef<Identifier> targets);
  void printSlice(const SliceExpr &slice);
  void printCall(const CallExpr &call);
  void printAttribute(const AttributeExpr &access);
  void printSubscript(const SubscriptExpr &subscript);
  void printOperator(const UnaryExpr &unary);
  void printOperator(const BinaryExpr &binary);
  void printOperator(const LogicalExpr &logical);
  void printOperator(const ConditionalExpr &choice);
  void print(const TypeExpr &type);
  void print(const Stmt *stmt);
  void print(Block block);
  void print(const Function &function);

  llvm::raw_ostream &os;
  unsigned indent = 0;
};

} // namespace

static llvm::StringRef spell(TokenKind op) { return describe(op).trim('\''); }

llvm::StringRef spell(CompareOp op) {
  static constexpr llvm::StringLiteral names[] = {"==", "!=", "<",      "<=", ">",
                                                  ">=", "in", "not in", "is", "is not"};
  return names[static_cast<size_t>(op)];
}

void Printer::printList(llvm::StringRef head, llvm::ArrayRef<Expr *> items) {
  os << '(' << head;
  for (const Expr *item : items) {
    os << ' ';
    print(item);
  }
  os << ')';
}

void Printer::printFString(const FStringExpr &string) {
  os << "(fstring";
  for (size_t i = 0; i < string.texts.size(); ++i) {
    os << " \"" << string.texts[i] << '"';
    if (i < string.values.size()) {
      os << ' ';
      print(string.values[i]);
    }
  }
  os << ')';
}

void Printer::printCompare(const CompareExpr &compare) {
  os << "(compare ";
  print(compare.operands[0]);
  for (size_t i = 0; i < compare.ops.size(); ++i) {
    os << ' ' << spell(compare.ops[i]) << ' ';
    print(compare.operands[i + 1]);
  }
  os << ')';
}

void Printer::printTargets(llvm::ArrayRef<Identifier> targets) {
  os << '(';
  for (size_t i = 0; i < targets.size(); ++i)
    os << (i ? " " : "") << targets[i].name;
  os << ')';
}

void Printer::printLambda(const LambdaExpr &lambda) {
  os << "(lambda ";
  printTargets(lambda.parameters);
  os << ' ';
  print(lambda.body);
  os << ')';
}

void Printer::printComprehension(const ComprehensionExpr &list) {
  os << "(comprehension ";
  print(list.element);
  os << ' ';
  printTargets(list.targets);
  os << ' ';
  print(list.sequence);
  if (list.condition) {
    os << " if ";
    print(list.condition);
  }
  os << ')';
}

void Printer::printArguments(llvm::ArrayRef<Argument> arguments) {
  for (const Argument &argument : arguments) {
    os << ' ';
    if (!argument.name.name.empty())
      os << argument.name.name << '=';
    print(argument.value);
  }
}

void Printer::printSlice(const SliceExpr &slice) {
  os << "(slice";
  for (const Expr *part : {slice.begin, slice.end, slice.step}) {
    os << ' ';
    if (part)
      print(part);
    else
      os << '_';
  }
  os << ')';
}

void Printer::printCall(const CallExpr &call) {
  os << "(call ";
  print(call.callee);
  printArguments(call.arguments);
  os << ')';
}

void Printer::printAttribute(const AttributeExpr &access) {
  os << "(. ";
  print(access.object);
  os << ' ' << access.attribute.name << ')';
}

void Printer::printSubscript(const SubscriptExpr &subscript) {
  os << "([] ";
  print(subscript.object);
  for (const Expr *index : subscript.indices) {
    os << ' ';
    print(index);
  }
  os << ')';
}

void Printer::printOperator(const UnaryExpr &unary) { printList(spell(unary.op), unary.operand); }

void Printer::printOperator(const BinaryExpr &binary) {
  printList(spell(binary.op), {binary.left, binary.right});
}

void Printer::printOperator(const LogicalExpr &logical) {
  printList(spell(logical.op), {logical.left, logical.right});
}

void Printer::printOperator(const ConditionalExpr &choice) {
  printList("if", {choice.condition, choice.then, choice.otherwise});
}

void Printer::print(const Expr *expr) {
  using Kind = Expr::Kind;
  switch (expr->kind) {
  case Kind::Integer:
    os << llvm::cast<IntegerExpr>(expr)->value;
    return;
  case Kind::Float:
    os << llvm::cast<FloatExpr>(expr)->value;
    return;
  case Kind::String:
    os << '"' << llvm::cast<StringExpr>(expr)->value << '"';
    return;
  case Kind::FString:
    return printFString(*llvm::cast<FStringExpr>(expr));
  case Kind::Bool:
    os << (llvm::cast<BoolExpr>(expr)->value ? "True" : "False");
    return;
  case Kind::None:
    os << "None";
    return;
  case Kind::Ellipsis:
    os << "...";
    return;
  case Kind::Name:
    os << llvm::cast<NameExpr>(expr)->name;
    return;
  case Kind::Unary:
    return printOperator(*llvm::cast<UnaryExpr>(expr));
  case Kind::Binary:
    return printOperator(*llvm::cast<BinaryExpr>(expr));
  case Kind::Compare:
    return printCompare(*llvm::cast<CompareExpr>(expr));
  case Kind::Logical:
    return printOperator(*llvm::cast<LogicalExpr>(expr));
  case Kind::Conditional:
    return printOperator(*llvm::cast<ConditionalExpr>(expr));
  case Kind::Lambda:
    return printLambda(*llvm::cast<LambdaExpr>(expr));
  case Kind::Call:
    return printCall(*llvm::cast<CallExpr>(expr));
  case Kind::Attribute:
    return printAttribute(*llvm::cast<AttributeExpr>(expr));
  case Kind::Subscript:
    return printSubscript(*llvm::cast<SubscriptExpr>(expr));
  case Kind::Slice:
    return printSlice(*llvm::cast<SliceExpr>(expr));
  case Kind::Tuple:
    return printList("tuple", llvm::cast<TupleExpr>(expr)->elements);
  case Kind::List:
    return printList("list", llvm::cast<ListExpr>(expr)->elements);
  case Kind::Comprehension:
    return printComprehension(*llvm::cast<ComprehensionExpr>(expr));
  }
}

void Printer::print(const TypeExpr &type) {
  if (type.isWeight) {
    os << "weight";
    if (type.weightName) {
      os << '(';
      print(type.weightName);
      os << ')';
    }
    if (!type.element.name.empty())
      os << '[' << type.element.name << ']';
  } else {
    os << type.element.name;
  }
  if (type.hasDims)
    printList("dims", type.dims);
}

void Printer::print(Block block) {
  indent += 2;
  for (const Stmt *stmt : block)
    print(stmt);
  indent -= 2;
}

void Printer::print(const Stmt *stmt) {
  os.indent(indent);
  switch (stmt->kind) {
  case Stmt::Kind::Assign: {
    auto *assign = llvm::cast<AssignStmt>(stmt);
    os << (assign->unpacks ? "unpack " : "assign ");
    printTargets(assign->targets);
    os << ' ';
    print(assign->value);
    os << '\n';
    return;
  }
  case Stmt::Kind::Return:
    os << "return";
    printArguments(llvm::cast<ReturnStmt>(stmt)->values);
    os << '\n';
    return;
  case Stmt::Kind::For: {
    auto *loop = llvm::cast<ForStmt>(stmt);
    os << "for ";
    printTargets(loop->targets);
    os << ' ';
    print(loop->sequence);
    os << '\n';
    return print(loop->body);
  }
  case Stmt::Kind::If: {
    auto *choice = llvm::cast<IfStmt>(stmt);
    os << "if ";
    print(choice->condition);
    os << '\n';
    print(choice->then);
    if (choice->otherwise.empty())
      return;
    os.indent(indent) << "else\n";
    return print(choice->otherwise);
  }
  case Stmt::Kind::Assert:
    os << "assert ";
    print(llvm::cast<AssertStmt>(stmt)->condition);
    os << '\n';
    return;
  case Stmt::Kind::Expression:
    os << "do ";
    print(llvm::cast<ExpressionStmt>(stmt)->value);
    os << '\n';
    return;
  case Stmt::Kind::Pass:
    os << "pass\n";
    return;
  }
}

void Printer::print(const Function &function) {
  for (const Guard &guard : function.guards) {
    os << (guard.expected ? "if " : "unless ");
    print(guard.condition);
    os << '\n';
  }
  os << "def " << function.name.name << '\n';
  for (const Parameter &parameter : function.parameters) {
    os << "  parameter " << parameter.name.name;
    if (parameter.type) {
      os << ": ";
      print(*parameter.type);
    }
    if (parameter.defaultValue) {
      os << " = ";
      print(parameter.defaultValue);
    }
    os << '\n';
  }
  for (const TypeExpr *type : function.results) {
    os << "  result ";
    print(*type);
    os << '\n';
  }
  print(function.body);
}

void Printer::print(const Module &module) {
  for (const Constant &constant : module.constants) {
    os << (constant.isParam      ? "param "
           : constant.isExported ? "export "
                                 : "constant ")
       << constant.name.name << ' ';
    print(constant.value);
    os << '\n';
  }
  for (const Function *function : module.functions)
    print(*function);
}

std::string toString(const Expr *expr) {
  std::string text;
  llvm::raw_string_ostream os(text);
  Printer(os).print(expr);
  return text;
}

std::string toString(const Module &module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  Printer(os).print(module);
  return text;
}

} // namespace fovea::ast
