// Arithmetic of symbolic sizes: normal forms, exactness, printing and overflow.
#include "frontend/SymbolicDim.h"
#include <gtest/gtest.h>

using namespace fovea;

namespace {

const SymbolicDim B = SymbolicDim::symbol("B"), H = SymbolicDim::symbol("H"),
                  L = SymbolicDim::symbol("L");

SymbolicDim add(const SymbolicDim &a, const SymbolicDim &b) { return llvm::cantFail(a.plus(b)); }
SymbolicDim sub(const SymbolicDim &a, const SymbolicDim &b) { return llvm::cantFail(a.minus(b)); }
SymbolicDim mul(const SymbolicDim &a, const SymbolicDim &b) { return llvm::cantFail(a.times(b)); }
SymbolicDim div(const SymbolicDim &a, const SymbolicDim &b) {
  return llvm::cantFail(a.floorDiv(b));
}
SymbolicDim mod(const SymbolicDim &a, const SymbolicDim &b) { return llvm::cantFail(a.mod(b)); }

TEST(SymbolicDim, PrintsTheNormalForm) {
  EXPECT_EQ(SymbolicDim().str(), "0");
  EXPECT_EQ(SymbolicDim(-7).str(), "-7");
  EXPECT_EQ(SymbolicDim(INT64_MIN).str(), "-9223372036854775808");
  EXPECT_EQ(add(4, mul(L, 2)).str(), "2*L + 4");
  EXPECT_EQ(sub(mul(L, B), mul(3, L)).str(), "B*L - 3*L");
  EXPECT_EQ(mul(-1, L).str(), "-L");
  EXPECT_EQ(mul(L, L).str(), "L*L");
}

TEST(SymbolicDim, EqualsByNormalForm) {
  EXPECT_EQ(mul(add(L, 1), sub(L, 1)), sub(mul(L, L), 1));
  EXPECT_EQ(sub(add(L, B), B), L);
  EXPECT_FALSE(L == B);
  EXPECT_FALSE(L == add(L, 1));
  EXPECT_EQ(sub(L, L), SymbolicDim(0));
}

TEST(SymbolicDim, TellsConstantsAndSymbols) {
  EXPECT_EQ(SymbolicDim(0).constant(), 0);
  EXPECT_EQ(SymbolicDim(12).constant(), 12);
  EXPECT_EQ(L.constant(), std::nullopt);
  EXPECT_EQ(L.symbolName(), "L");
  EXPECT_EQ(mul(L, 2).symbolName(), std::nullopt);
  EXPECT_EQ(div(L, 2).symbolName(), std::nullopt);
}

TEST(SymbolicDim, DividesExactlyWhereProvable) {
  EXPECT_EQ(div(mul(mul(H, 64), L), mul(H, 64)), L);
  EXPECT_EQ(div(sub(mul(L, L), 1), add(L, 1)), sub(L, 1));
  EXPECT_EQ(div(add(mul(4, L), 3), 4), L);
  EXPECT_EQ(div(-7, 2), SymbolicDim(-4));
  EXPECT_EQ(div(7, -2), SymbolicDim(-4));
  EXPECT_EQ(L.exactQuotient(2), std::nullopt);
  EXPECT_EQ(L.exactQuotient(0), std::nullopt);
}

TEST(SymbolicDim, KeepsOtherQuotientsOpaque) {
  EXPECT_EQ(div(L, 2).str(), "(L//2)");
  EXPECT_EQ(div(add(mul(5, L), 1), 4).str(), "L + ((L + 1)//4)");
  // Common factors cancel, so equal quotients are equal however they were written.
  EXPECT_EQ(div(mul(6, L), 4), div(mul(3, L), 2));
  EXPECT_EQ(div(add(mul(B, H), L), B).str(), "H + (L//B)");
  EXPECT_EQ(div(L, add(B, 1)).str(), "(L//(B + 1))");
  EXPECT_EQ(div(L, mul(B, 2)).str(), "(L//(2*B))");
  // 1 // B is 1 or 0 depending on B.
  EXPECT_EQ(div(1, B).str(), "(1//B)");
}

TEST(SymbolicDim, RemainderIsWhatTheQuotientLeaves) {
  EXPECT_EQ(mod(mul(4, L), 2), SymbolicDim(0));
  EXPECT_EQ(mod(add(mul(4, L), 7), 4), SymbolicDim(3));
  EXPECT_EQ(mod(-7, 4), SymbolicDim(1));
  EXPECT_EQ(add(mul(div(L, 2), 2), mod(L, 2)), L);
}

TEST(SymbolicDim, Substitutes) {
  auto lookup = [](llvm::StringRef name) -> std::optional<SymbolicDim> {
    if (name == "L")
      return SymbolicDim(10);
    return std::nullopt;
  };
  SymbolicDim dim = add(mul(B, L), div(add(L, 1), 2));
  EXPECT_EQ(llvm::cantFail(dim.substitute(lookup)), add(mul(B, 10), 5));
}

TEST(SymbolicDim, SubstitutionReportsDivisionByZero) {
  auto zero = [](llvm::StringRef) { return std::optional<SymbolicDim>(0); };
  llvm::Expected<SymbolicDim> result = div(5, B).substitute(zero);
  ASSERT_FALSE(static_cast<bool>(result));
  EXPECT_EQ(llvm::toString(result.takeError()), "division of size 5 by zero");
}

TEST(SymbolicDim, WalksSymbolsInsideQuotients) {
  std::vector<std::string> names;
  add(B, div(L, add(H, 1))).walkSymbols([&](llvm::StringRef name) { names.push_back(name.str()); });
  llvm::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"B", "H", "L"}));
}

std::string errorOf(llvm::Expected<SymbolicDim> result) {
  return result ? "no error" : llvm::toString(result.takeError());
}

TEST(SymbolicDim, OverflowIsAnError) {
  const SymbolicDim huge = INT64_MAX;
  EXPECT_EQ(errorOf(huge.plus(1)), "size does not fit 64 bits");
  EXPECT_EQ(errorOf(huge.times(L)->times(2)), "size does not fit 64 bits");
  EXPECT_EQ(errorOf(SymbolicDim(0).minus(INT64_MIN)), "size does not fit 64 bits");
  EXPECT_EQ(errorOf(SymbolicDim(INT64_MIN).floorDiv(-1)), "size does not fit 64 bits");
  EXPECT_EQ(errorOf(L.floorDiv(0)), "division of size L by zero");
}

TEST(SymbolicDim, TooManyTermsIsAnError) {
  SymbolicDim sum = 1;
  for (int i = 0; i < 20; ++i)
    sum = add(sum, SymbolicDim::symbol("s" + std::to_string(i)));
  llvm::Expected<SymbolicDim> square = sum.times(sum);
  ASSERT_TRUE(static_cast<bool>(square)); // 231 terms.
  EXPECT_EQ(errorOf(square->times(sum)), "size expression has more than 256 terms");
}

TEST(SymbolicDim, WhatIsCertainOfAllSizes) {
  EXPECT_TRUE(L.isAtLeast(1, 1));
  EXPECT_FALSE(L.isAtLeast(1, 0));
  EXPECT_FALSE(L.isAtLeast(2, 1));
  EXPECT_TRUE(L.isAtLeast(0, 0));
  EXPECT_TRUE(SymbolicDim(3).isAtLeast(3, 0));
  EXPECT_FALSE(SymbolicDim(3).isAtLeast(4, 1));
  SymbolicDim product = llvm::cantFail(B.times(L));
  EXPECT_TRUE(llvm::cantFail(product.minus(L)).isAtLeast(0, 1));
  EXPECT_FALSE(llvm::cantFail(product.minus(L)).isAtLeast(0, 0));
  EXPECT_FALSE(llvm::cantFail(B.minus(L)).isAtLeast(0, 1));
  EXPECT_TRUE(llvm::cantFail(L.floorDiv(2)).isAtLeast(0, 0));
  EXPECT_FALSE(SymbolicDim(INT64_MIN).isAtLeast(1, 1));
}

TEST(SymbolicDim, ShapesAndTheirSizes) {
  SymbolicShape shape = {B, L, 64};
  EXPECT_EQ(formatShape(shape), "[B, L, 64]");
  EXPECT_EQ(llvm::cantFail(numElements(shape)).str(), "64*B*L");
  EXPECT_EQ(formatShape({}), "[]");
  EXPECT_EQ(llvm::cantFail(numElements({})), SymbolicDim(1));
  SymbolicShape tooLarge = {INT64_MAX, 2};
  EXPECT_EQ(errorOf(numElements(tooLarge)), "size does not fit 64 bits");
}

} // namespace
