#include "tests/fuzz/attention/Expression.h"

using namespace fovea::fuzz;

std::string Expression::str() const {
  std::string text;
  for (size_t at = 0; at < form.size(); ++at) {
    if (form[at] != '{') {
      text += form[at];
      continue;
    }
    text += operands[form[at + 1] - '0'].str();
    at += 2;
  }
  return text;
}

void Expression::walk(llvm::function_ref<void(const Expression &)> visit) const {
  visit(*this);
  for (const Expression &operand : operands)
    operand.walk(visit);
}

bool Expression::mentions(llvm::StringRef text) const {
  bool found = false;
  walk([&](const Expression &part) { found |= llvm::StringRef(part.form).contains(text); });
  return found;
}

size_t Expression::size() const {
  size_t parts = 0;
  walk([&](const Expression &) { ++parts; });
  return parts;
}

static std::vector<Expression> leavesOf(Kind kind) {
  switch (kind) {
  case Kind::Bool:
    return {};
  case Kind::Int:
    return {{kind, "0"}, {kind, "j"}};
  case Kind::Float:
    return {{kind, "s"}};
  }
  return {};
}

std::vector<Expression> fovea::fuzz::simplerForms(const Expression &expression) {
  std::vector<Expression> forms;
  if (!expression.operands.empty())
    forms = leavesOf(expression.kind);
  for (size_t n = 0; n < expression.operands.size(); ++n) {
    const Expression &operand = expression.operands[n];
    if (operand.kind == expression.kind)
      forms.push_back(operand);
    for (Expression &simpler : simplerForms(operand)) {
      forms.push_back(expression);
      forms.back().operands[n] = std::move(simpler);
    }
  }
  return forms;
}
