#include "HeaderCheck.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"

using namespace fovea;
using namespace fovea::tool;
using llvm::StringRef;
using llvm::Twine;

void tool::writeQuoted(llvm::raw_ostream &os, StringRef text) {
  os << "\"";
  for (char c : text)
    // Three octal digits end where a hexadecimal escape would take what follows.
    if (c == '"' || c == '\\' || c == '?')
      os << '\\' << c;
    else if (llvm::isPrint(c))
      os << c;
    else
      os << '\\' << char('0' + ((c >> 6) & 3)) << char('0' + ((c >> 3) & 7)) << char('0' + (c & 7));
  os << "\"";
}

namespace {
class InputCheck {
public:
  InputCheck(llvm::raw_ostream &os, const EntrySignature &entry) : os(os), entry(entry) {}
  void write();

private:
  struct Symbol {
    std::string name, size; // "L", "inputs[1].sizes[2]"
    StringRef input;        // the first that has it
  };
  const Symbol *find(StringRef name) const {
    const auto *symbol = llvm::find_if(symbols, [&](const Symbol &s) { return s.name == name; });
    return symbol == symbols.end() ? nullptr : symbol;
  }
  void expect(const Twine &condition, const Twine &message);
  void checkDim(unsigned input, unsigned dim);
  void checkCondition(const SizeCondition &condition);
  std::string print(const SymbolicDim &dim) const;

  llvm::raw_ostream &os;
  const EntrySignature &entry;
  llvm::SmallVector<Symbol> symbols;
};
} // namespace

void InputCheck::expect(const Twine &condition, const Twine &message) {
  os << "  if (!(" << condition << "))\n    return ";
  writeQuoted(os, message.str());
  os << ";\n";
}

void InputCheck::checkDim(unsigned input, unsigned dim) {
  const ArgumentSpec &spec = entry.inputs[input];
  const DimSpec &expected = spec.dims[dim];
  std::string size = ("inputs[" + Twine(input) + "].sizes[" + Twine(dim) + "]").str();
  std::string place = ("input '" + spec.name + "': dim " + Twine(dim)).str();
  const Symbol *known = find(expected.symbol);
  if (expected.size) {
    expect(size + " == " + Twine(*expected.size), place + ": expected " + Twine(*expected.size));
  } else if (known) {
    expect(size + " == " + known->size,
           place + " (" + known->name + "): expected that of input '" + known->input + "'");
  } else {
    expect(size + " >= 0", place + ": expected at least 0");
    if (!expected.symbol.empty())
      symbols.push_back({expected.symbol, size, spec.name});
  }
}

/// A C expression of the polynomial's value, where `lost` is set if there is none.
std::string InputCheck::print(const SymbolicDim &dim) const {
  auto call = [](StringRef function, const std::string &a, const std::string &b) {
    return ("fovea_size_" + function + "(" + a + ", " + b + ", &lost)").str();
  };
  std::string sum;
  for (const auto &[monomial, coefficient] : dim.terms()) {
    std::string product = std::to_string(coefficient);
    for (auto [n, factor] : llvm::enumerate(monomial)) {
      std::string value = factor->dividend
                              ? call("quotient", print(*factor->dividend), print(*factor->divisor))
                              : find(factor->text)->size;
      product = n == 0 && coefficient == 1 ? value : call("product", product, value);
    }
    sum = sum.empty() ? product : call("sum", sum, product);
  }
  return sum.empty() ? "0" : sum;
}

void InputCheck::checkCondition(const SizeCondition &condition) {
  bool allKnown = true;
  condition.slack.walkSymbols([&](StringRef name) { allKnown &= find(name) != nullptr; });
  if (!allKnown)
    return;
  os << "  lost = 0;\n";
  expect(print(condition.slack) + " >= 0 && !lost",
         (condition.place.empty() ? "" : condition.place + ": ") + "expected " + condition.text);
}

void InputCheck::write() {
  os << "/* Null if the sizes of these inputs fit, else what was expected. */\n"
        "FOVEA_INLINE const char *"
     << entry.name << "_check_inputs(const fovea_tensor *inputs) {\n  int lost = 0;\n";
  for (unsigned input = 0; input < entry.inputs.size(); ++input)
    for (unsigned dim = 0; dim < entry.inputs[input].dims.size(); ++dim)
      checkDim(input, dim);
  for (const SizeCondition &condition : entry.conditions)
    checkCondition(condition);
  os << "  (void)inputs;\n  (void)lost;\n  return 0;\n}\n";
}

void tool::writeInputCheck(llvm::raw_ostream &os, const EntrySignature &entry) {
  InputCheck(os, entry).write();
}
