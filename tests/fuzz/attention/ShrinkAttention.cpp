#include "tests/fuzz/attention/AttentionProgram.h"
#include "llvm/ADT/STLExtras.h"

using namespace fovea;
using namespace fovea::fuzz;
using Program = AttentionProgram;

template <typename T>
static void tryValue(std::vector<Program> &all, const Program &program, T Program::*field,
                     T value) {
  if (program.*field == value)
    return;
  all.push_back(program);
  all.back().*field = value;
}

static void tryExpression(std::vector<Program> &all, const Program &program,
                          std::optional<Expression> Program::*field) {
  if (!(program.*field))
    return;
  all.push_back(program);
  (all.back().*field).reset();
  for (Expression &simpler : simplerForms(*(program.*field))) {
    all.push_back(program);
    all.back().*field = std::move(simpler);
  }
}

/// A captured tensor has no element for positions before it.
static bool isValid(const Program &program) {
  bool readsAtQuery = program.mask && program.mask->mentions("doc[b, i]");
  readsAtQuery |= program.score && program.score->mentions("doc[b, i]");
  return !readsAtQuery || program.queriesAreIndices();
}

std::vector<Program> fovea::fuzz::simplerPrograms(const Program &program) {
  std::vector<Program> all;
  for (auto field : {&Program::mask, &Program::score, &Program::sink})
    tryExpression(all, program, field);
  for (auto field :
       {&Program::dropout, &Program::weights, &Program::lse, &Program::padding, &Program::denseMask,
        &Program::bias, &Program::stridedInputs, &Program::fixedSizes, &Program::topLeft})
    tryValue(all, program, field, false);
  tryValue(all, program, &Program::offset, std::optional<int64_t>());
  tryValue(all, program, &Program::layout, Layout::HeadsFirst);
  tryValue(all, program, &Program::type, DataType::F32);
  tryValue(all, program, &Program::magnitude, 1.0);
  for (auto field : {&Program::batches, &Program::keyHeads, &Program::group, &Program::queries,
                     &Program::keys, &Program::headDim, &Program::valueDim}) {
    tryValue<int64_t>(all, program, field, 1);
    tryValue<int64_t>(all, program, field, std::max<int64_t>(program.*field / 2, 1));
    tryValue<int64_t>(all, program, field, std::max<int64_t>(program.*field - 1, 1));
  }
  llvm::erase_if(all, [](const Program &candidate) { return !isValid(candidate); });
  return all;
}
