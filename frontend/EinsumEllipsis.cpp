#include "frontend/EinsumEllipsis.h"
#include "frontend/GraphBuilderDetail.h"
#include "llvm/ADT/StringExtras.h"

using namespace fovea;
using namespace fovea::graph;
using llvm::Expected, llvm::StringRef, llvm::Twine;

static constexpr StringRef dots = "...";

namespace {
/// "b...id" of a tensor: 'b', the dims that "..." stands for, and 'id'.
struct Operand {
  Operand(StringRef subscript, SymbolicTensor &tensor) : tensor(tensor) {
    hasDots = subscript.contains(dots);
    std::tie(front, back) = subscript.split(dots);
  }

  int64_t named() const { return static_cast<int64_t>(front.size() + back.size()); }
  int64_t unnamed() const { return hasDots ? tensor.rank() - named() : 0; }
  /// The dim of the tensor that is this one under "...", from the last.
  int64_t dimOf(int64_t fromLast) const {
    return static_cast<int64_t>(front.size()) + unnamed() - 1 - fromLast;
  }
  std::string expanded() const { return (front + letters + back).str(); }

  SymbolicTensor &tensor;
  StringRef front, back;
  std::string letters;
  bool hasDots;
};
} // namespace

static bool isOne(const SymbolicDim &dim) { return dim == SymbolicDim(1); }

/// Gives the operand the letter of a dim under "...", or takes that dim from it where it is 1 and
/// the other's, given, is not.
static llvm::Error addDim(GraphBuilder &builder, Operand &operand, int64_t fromLast, char letter,
                          const std::optional<SymbolicDim> &other) {
  int64_t dim = operand.dimOf(fromLast);
  if (!other || !isOne(operand.tensor.dim(dim)) || isOne(*other)) {
    operand.letters.push_back(letter);
    return llvm::Error::success();
  }
  return builder.squeeze(operand.tensor, dim).moveInto(operand.tensor);
}

static std::optional<SymbolicDim> dimUnderDots(const Operand &operand, int64_t fromLast) {
  if (fromLast >= operand.unnamed())
    return std::nullopt;
  return operand.tensor.dim(operand.dimOf(fromLast));
}

static llvm::Error checkDots(StringRef equation, const Operand &operand, StringRef subscript) {
  if (subscript.count(dots) > 1 || operand.front.contains('.') || operand.back.contains('.'))
    return makeError("einsum '" + equation + "': expected '...' once in '" + subscript + "'");
  if (operand.hasDots && operand.unnamed() < 0)
    return makeError("einsum '" + equation + "': '" + subscript + "' names " +
                     Twine(operand.named()) + " dims, got " + operand.tensor.str());
  return llvm::Error::success();
}

/// Letters that the equation does not use, one for each dim.
static Expected<std::string> freeLetters(StringRef equation, int64_t dims) {
  std::string letters;
  for (char letter : StringRef("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    if (!equation.contains(letter) && static_cast<int64_t>(letters.size()) < dims)
      letters.push_back(letter);
  if (static_cast<int64_t>(letters.size()) < dims)
    return makeError("einsum '" + equation + "': expected at most 52 dims");
  return letters;
}

static llvm::Error addUnnamedDims(GraphBuilder &builder, StringRef equation, StringRef letters,
                                  Operand &a, Operand &b) {
  // Squeezing moves the dims behind, so the first comes last.
  for (int64_t at = 0, dims = static_cast<int64_t>(letters.size()); at < dims; ++at) {
    int64_t fromLast = dims - 1 - at;
    std::optional<SymbolicDim> ofA = dimUnderDots(a, fromLast), ofB = dimUnderDots(b, fromLast);
    if (ofA && ofB && !(*ofA == *ofB) && !isOne(*ofA) && !isOne(*ofB))
      return makeError("einsum '" + equation + "': '...' stands for a dim of " + ofA->str() +
                       " and one of " + ofB->str());
    if (ofA)
      if (llvm::Error error = addDim(builder, a, fromLast, letters[at], ofB))
        return error;
    if (ofB)
      if (llvm::Error error = addDim(builder, b, fromLast, letters[at], ofA))
        return error;
  }
  return llvm::Error::success();
}

Expected<std::string> fovea::expandEllipsis(GraphBuilder &builder, StringRef equation,
                                            SymbolicTensor &a, SymbolicTensor &b) {
  auto [operands, result] = equation.split("->");
  auto [aSubscript, bSubscript] = operands.split(',');
  Operand first(aSubscript, a), second(bSubscript, b);
  if (llvm::Error error = checkDots(equation, first, aSubscript))
    return error;
  if (llvm::Error error = checkDots(equation, second, bSubscript))
    return error;
  if (result.count(dots) != 1 || !operands.contains(dots))
    return makeError("einsum '" + equation + "': expected '...' in an operand and in the result");
  int64_t dims = std::max(first.unnamed(), second.unnamed());
  Expected<std::string> letters = freeLetters(equation, dims);
  if (!letters)
    return letters;
  if (llvm::Error error = addUnnamedDims(builder, equation, *letters, first, second))
    return error;
  auto [front, back] = result.split(dots);
  return first.expanded() + "," + second.expanded() + "->" + (front + *letters + back).str();
}
