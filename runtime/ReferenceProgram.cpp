#include "runtime/ReferenceProgram.h"

using namespace fovea::reference;

llvm::Error Program::extract(const Instruction &instruction) {
  const Extract &source = extracts[instruction.immediate];
  int64_t offset = 0;
  for (auto [dim, slot] : llvm::enumerate(source.indices)) {
    int64_t index = slots[slot].i;
    if (index < 0 || index >= source.array.sizes[dim])
      return errorAt(instruction.op, "index " + llvm::Twine(index) + " is out of range for dim " +
                                         llvm::Twine(dim) + " of size " +
                                         llvm::Twine(source.array.sizes[dim]));
    offset += index * source.strides[dim];
  }
  slots[instruction.result] = source.array[offset];
  return llvm::Error::success();
}

llvm::Error Program::run() {
  Cell *cells = slots.data();
  const size_t end = instructions.size();
  for (size_t next = 0; next < end;) {
    const Instruction &at = instructions[next++];
    auto [a, b, c] = at.operands;
    switch (at.kind) {
    case Kind::Apply:
      if (!at.function(cells[at.result], cells[a], cells[b], cells[c], at.width))
        return errorAt(at.op, "the result is undefined for these operands");
      break;
    case Kind::Move:
      cells[at.result] = cells[a];
      break;
    case Kind::Index:
      cells[at.result].i = indices[at.immediate];
      break;
    case Kind::Extract:
      if (llvm::Error error = extract(at))
        return error;
      break;
    case Kind::Jump:
      next = at.immediate;
      break;
    case Kind::JumpIfZero:
      if (cells[a].i == 0)
        next = at.immediate;
      break;
    case Kind::JumpUnlessLess:
      if (cells[a].i >= cells[b].i)
        next = at.immediate;
      break;
    }
  }
  return llvm::Error::success();
}
