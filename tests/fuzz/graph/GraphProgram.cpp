// The text of a graph: inputs are called x0, x1, ..., steps t2, t3, ..., all by their place.
#include "tests/fuzz/graph/GraphProgram.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace fovea;
using namespace fovea::fuzz;

std::vector<bool> GraphProgram::neededNodes() const {
  std::vector<bool> needed(nodes.size(), false);
  for (unsigned result : results)
    needed[result] = true;
  for (size_t n = nodes.size(); n-- > 0;)
    if (needed[n])
      for (unsigned operand : nodes[n].operands)
        needed[operand] = true;
  return needed;
}

int64_t GraphProgram::sizeOf(const SymbolicDim &dim) const {
  auto lookup = [&](llvm::StringRef name) -> std::optional<SymbolicDim> {
    for (const auto &[symbol, size] : symbols)
      if (symbol == name)
        return SymbolicDim(size);
    return std::nullopt;
  };
  return *llvm::cantFail(dim.substitute(lookup)).constant();
}

std::string GraphProgram::nameOf(unsigned node) const {
  return (nodes[node].isInput() ? "x" : "t") + std::to_string(node);
}

/// "x0: f32[A, 3]".
static std::string parameter(const GraphProgram &program, unsigned node) {
  std::string dims = llvm::join(
      llvm::map_range(program.nodes[node].shape, [](const SymbolicDim &dim) { return dim.str(); }),
      ", ");
  return program.nameOf(node) + ": " + stringify(program.nodes[node].type).str() +
         (dims.empty() ? "" : "[" + dims + "]");
}

static std::string statement(const GraphProgram &program, unsigned node) {
  const Node &step = program.nodes[node];
  std::string form = llvm::StringRef(step.form).contains('\n') ? step.form : "{r} = " + step.form;
  std::string text;
  for (size_t at = 0; at < form.size(); ++at) {
    if (form[at] != '{') {
      text += form[at];
      continue;
    }
    char operand = form[at + 1];
    text += program.nameOf(operand == 'r' ? node : step.operands[operand - '0']);
    at += 2;
  }
  return "    " + text + "\n";
}

std::string GraphProgram::str() const {
  std::vector<bool> needed = neededNodes();
  std::vector<std::string> parameters, names;
  std::string body;
  for (unsigned n = 0; n < nodes.size(); ++n) {
    if (!needed[n])
      continue;
    if (nodes[n].isInput())
      parameters.push_back(parameter(*this, n));
    else
      body += statement(*this, n);
  }
  for (unsigned result : results)
    names.push_back(nameOf(result));
  return "def fuzz(" + llvm::join(parameters, ", ") + "):\n" + body + "    return " +
         llvm::join(names, ", ") + "\n";
}

NamedSizes GraphProgram::openSizes() const {
  std::vector<bool> needed = neededNodes();
  auto isOpen = [&](llvm::StringRef symbol) {
    for (auto [node, isNeeded] : llvm::zip_equal(nodes, needed))
      if (isNeeded && node.isInput() && llvm::is_contained(node.shape, SymbolicDim::symbol(symbol)))
        return true;
    return false;
  };
  NamedSizes open;
  for (const auto &[symbol, size] : symbols)
    if (isOpen(symbol))
      open.emplace_back(symbol, size);
  return open;
}
