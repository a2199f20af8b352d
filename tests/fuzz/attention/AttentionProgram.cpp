// The text of a program. Captured tensors are parameters of the entry only where a lambda reads
// them.
#include "tests/fuzz/attention/AttentionProgram.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace fovea;
using namespace fovea::fuzz;

bool AttentionProgram::queriesAreIndices() const { return !offset && (topLeft || queries <= keys); }

static std::string name(DataType type) { return stringify(type).str(); }

/// "q: f16[B, H, Q, D]" in the program's layout.
static std::string operand(const AttentionProgram &program, llvm::StringRef name,
                           llvm::StringRef heads, llvm::StringRef length, llvm::StringRef dim) {
  const char *forms[] = {"{0}: {1}[B, {2}, {3}, {4}]", "{0}: {1}[B, {3}, {2}, {4}]",
                         "{0}: {1}[B, {3}, {2} * {4}]"};
  return llvm::formatv(forms[static_cast<int>(program.layout)], name, ::name(program.type), heads,
                       length, dim);
}

/// How the program reads that operand.
static std::string read(const AttentionProgram &program, llvm::StringRef name,
                        llvm::StringRef heads) {
  switch (program.layout) {
  case Layout::HeadsFirst:
    return name.str();
  case Layout::PositionsFirst:
    return (name + ".transpose(1, 2)").str();
  case Layout::Merged:
    return ("split_heads(" + name + ", " + heads + ")").str();
  }
  return "";
}

static bool mentions(const AttentionProgram &program, llvm::StringRef text) {
  return llvm::any_of(
      std::initializer_list<const std::optional<Expression> *>{&program.mask, &program.score,
                                                               &program.sink},
      [&](auto *expression) { return *expression && (*expression)->mentions(text); });
}

static std::vector<std::string> parameters(const AttentionProgram &program) {
  std::vector<std::string> list = {operand(program, "q", "H", "Q", "D"),
                                   operand(program, "k", "G", "K", "D"),
                                   operand(program, "v", "G", "K", "E")};
  auto capture = [&](bool wanted, const std::string &text) {
    if (wanted)
      list.push_back(text);
  };
  capture(program.padding, "lengths: i64[B]");
  capture(mentions(program, "doc["), "doc: i64[B, P]");
  std::string scores = stringify(program.scoreType()).str();
  capture(mentions(program, "slopes["), "slopes: " + scores + "[H]");
  capture(mentions(program, "table["), "table: " + scores + "[H, 17]");
  capture(program.denseMask, "dense: bool[Q, K]");
  capture(program.bias, "bias: " + scores + "[B, 1, Q, K]");
  capture(program.offset.has_value(), "first: i64");
  return list;
}

/// The mask's lambda, padding included; empty if there is none.
static std::string maskLambda(const AttentionProgram &program) {
  std::vector<std::string> terms;
  if (program.mask)
    terms.push_back(program.mask->str());
  if (program.padding)
    terms.push_back("j < lengths[b]");
  // Rows of the dense mask count from the first query.
  const char *first = program.offset ? "first" : program.topLeft ? "0" : "K - Q";
  if (program.denseMask)
    terms.push_back(llvm::formatv("dense[i - ({0}), j]", first));
  return terms.empty() ? "" : "lambda b, h, i, j: " + llvm::join(terms, " and ");
}

static std::string call(const AttentionProgram &program) {
  std::string text = "attention(" + read(program, "q", "H") + ", " + read(program, "k", "G") +
                     ", " + read(program, "v", "G");
  auto add = [&](bool wanted, const std::string &argument) {
    if (wanted)
      text += ",\n                  " + argument;
  };
  std::string mask = maskLambda(program);
  add(!mask.empty(), "mask=" + mask);
  add(program.score.has_value(),
      "score=lambda s, b, h, i, j: " + (program.score ? program.score->str() : ""));
  add(program.sink.has_value(),
      "sink=lambda b, h, i: " + (program.sink ? program.sink->str() : ""));
  add(program.bias, "bias=bias");
  add(program.topLeft, "align=\"top_left\"");
  add(program.offset.has_value(), "offset=first");
  add(program.dropout, "dropout=0.25, seed=7");
  add(program.weights, "return_weights=True");
  add(program.lse, "return_lse=True");
  return text + ")";
}

std::string AttentionProgram::str() const {
  std::string text;
  auto size = [&](llvm::StringRef name, int64_t value) {
    text += llvm::formatv("{0} = {1}\n", name, value);
  };
  size("H", heads());
  size("G", keyHeads);
  size("D", headDim);
  size("E", valueDim);
  std::string list = llvm::join(parameters(*this), ", ");
  std::vector<std::string> results = {"y"};
  if (weights)
    results.push_back("w");
  if (lse)
    results.push_back("lse");
  std::string names = llvm::join(results, ", ");
  return text + "\n\ndef fuzz(" + list + "):\n    " + names + " = " + call(*this) +
         "\n    return " + names + "\n";
}

NamedSizes AttentionProgram::openSizes() const {
  NamedSizes sizes = {{"B", batches}, {"Q", queries}, {"K", keys}};
  if (mentions(*this, "doc["))
    sizes.emplace_back("P", positions());
  return sizes;
}
