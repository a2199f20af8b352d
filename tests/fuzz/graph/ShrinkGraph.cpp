#include "tests/fuzz/graph/GraphProgram.h"
#include "llvm/ADT/STLExtras.h"

using namespace fovea;
using namespace fovea::fuzz;

/// One result less, or in its place a step that it is made of.
static void simplifyResults(std::vector<GraphProgram> &all, const GraphProgram &program) {
  for (size_t n = 0; n < program.results.size() && program.results.size() > 1; ++n) {
    all.push_back(program);
    all.back().results.erase(all.back().results.begin() + n);
  }
  for (auto [n, result] : llvm::enumerate(program.results))
    for (unsigned operand : program.nodes[result].operands) {
      if (program.nodes[operand].isInput() || llvm::is_contained(program.results, operand))
        continue;
      all.push_back(program);
      all.back().results[n] = operand;
    }
}

/// Whether `other` can stand where `node` does.
static bool canReplace(const Node &other, const Node &node) {
  return other.shape == node.shape && other.type == node.type && (other.isExact || !node.isExact);
}

/// For an operand an earlier node of its shape and type, inputs first.
static void simplifyOperands(std::vector<GraphProgram> &all, const GraphProgram &program) {
  std::vector<bool> needed = program.neededNodes();
  for (unsigned n = 0; n < program.nodes.size(); ++n)
    for (size_t at = 0; needed[n] && at < program.nodes[n].operands.size(); ++at) {
      unsigned operand = program.nodes[n].operands[at];
      for (unsigned other = 0; other < operand; ++other) {
        if (!canReplace(program.nodes[other], program.nodes[operand]))
          continue;
        all.push_back(program);
        all.back().nodes[n].operands[at] = other;
      }
    }
}

static void simplifySizes(std::vector<GraphProgram> &all, const GraphProgram &program) {
  for (const auto &[symbol, size] : program.openSizes())
    for (int64_t less : {int64_t(1), size / 2, size - 1}) {
      if (less < 1 || less >= size)
        continue;
      all.push_back(program);
      for (auto &[name, value] : all.back().symbols)
        if (name == symbol)
          value = less;
    }
}

std::vector<GraphProgram> fovea::fuzz::simplerPrograms(const GraphProgram &program) {
  std::vector<GraphProgram> all;
  simplifyResults(all, program);
  simplifyOperands(all, program);
  for (auto field : {&GraphProgram::fixedSizes, &GraphProgram::stridedInputs})
    if (program.*field) {
      all.push_back(program);
      all.back().*field = false;
    }
  simplifySizes(all, program);
  return all;
}
