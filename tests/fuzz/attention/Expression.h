// What a mask, score or sink lambda computes, as a tree that can be printed, bounded and shrunk.
#ifndef FOVEA_TESTS_FUZZ_ATTENTION_EXPRESSION_H
#define FOVEA_TESTS_FUZZ_ATTENTION_EXPRESSION_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace fovea::fuzz {

enum class Kind { Bool, Int, Float };

struct Expression {
  Kind kind;
  /// "{0}" to "{2}" stand for the operands: "({0} <= {1})", "max({0}, {1})"; a leaf has none.
  std::string form;
  std::vector<Expression> operands = {};

  std::string str() const;
  /// Calls `visit` on this expression and all below it.
  void walk(llvm::function_ref<void(const Expression &)> visit) const;
  /// Whether any part's form contains `text`, such as "doc[".
  bool mentions(llvm::StringRef text) const;
  size_t size() const;
};

/// Expressions that are smaller by one step: a leaf of the kind in place of a part, or a part's
/// operand of the same kind in the part's place.
std::vector<Expression> simplerForms(const Expression &expression);

} // namespace fovea::fuzz

#endif // FOVEA_TESTS_FUZZ_ATTENTION_EXPRESSION_H
